//! Declarations of functions in other programs, beside functions of this program with the same wire names.

#![deny(warnings, missing_docs)]

use tractor::prelude::*;

/// Of another program.
#[tractor::actor_fn(extern, module = "images.service", name = "ping")]
pub async fn other_ping(#[tractor(rename = "type")] kind: &str, n: i64) -> Result<i64, String>;

/// Of another program.
#[tractor::context(extern, module = "images.service", pld_spec = u64 | None)]
pub async fn scale(ctx: Context<ScalePld>, by: i64) -> tractor::Result<ScalePld>;

/// Of another program.
#[tractor::stream(extern, module = "images.service")]
pub async fn ticks(out: StreamSender<u8>);

/// A private type, which is in no contract.
#[derive(Debug)]
#[allow(dead_code, reason = "the other program makes it")]
struct Failed;

/// Of another program, which only it can call.
#[tractor::stream(extern, module = "images.service")]
pub async fn beats(out: StreamSender<u8>) -> Result<(), Failed>;

/// Of this one.
#[tractor::actor_fn(module = "images.service", name = "ping")]
pub async fn ping(r#type: &str, n: i64) -> Result<i64, String> { Ok(n + r#type.len() as i64) }

/// Calls them.
pub async fn call(portal: &Portal) -> tractor::Result<()> {
    let call: tractor::Call<other_ping> = other_ping("a", 1);
    assert_eq!(portal.run(call).await?, 2);
    portal.open_context(scale(1), async |ctx, _first| {
        let mut stream = ctx.open_stream();
        stream.send(1).await?;
        stream.receive().await
    }).await?;
    portal.open_stream_from(ticks(), async |mut ticks| ticks.receive().await).await?;
    Ok(())
}
