//! Calls and streams are typed like local code: arguments, results and every streamed value.
//!
//! A function is called in another process with the types of its signature. A context exchanges values of the type that
//! its `pld_spec` names. Passing text to `add`, or streaming anything but a `Point`, does not compile.
//!
//! Run it with `cargo run --example typed_payloads`.

#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use serde::{Deserialize, Serialize};
use tractor::prelude::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: i64,
}

/// One call, one value.
#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// A dialog: a first value, a stream in both directions, a last value.
#[tractor::context(pld_spec = Point)]
async fn scale(ctx: Context<Point>, by: i64) -> tractor::Result<Point> {
    let mut last = Point { x: 0, y: 0 };
    let ctx = ctx.started(last.clone()).await?; // there is no `open_stream` before this
    let mut stream = ctx.open_stream();
    while let Some(p) = stream.receive().await? {
        last = Point { x: p.x * by, y: p.y * by };
        stream.send(last.clone()).await?;
    }
    Ok(last)
}

#[tractor::main]
async fn main() -> tractor::Result<()> {
    assert_eq!(add(1, 2).await, 3); // awaited: runs here
    tractor::open_nursery(async |an| {
        let worker = an.start_actor("worker").enable_module(module_path!()).await?;
        assert_eq!(worker.run(add(1, 2)).await?, 3); // handed to a portal: runs there

        let last = worker.open_context(scale(3), async |ctx, origin| {
            println!("{origin:?} is where scaling starts");
            let mut stream = ctx.open_stream();
            for point in [Point { x: 1, y: 2 }, Point { x: -4, y: 5 }] {
                stream.send(point.clone()).await?;
                let scaled = stream.receive().await?;
                println!("{point:?} scaled by 3 is {scaled:?}");
            }
            stream.wait_for_result().await
        });
        assert_eq!(last.await?, Point { x: -12, y: 15 });
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}
