//! The first version of the endpoints.

use serde::{Deserialize, Serialize};
use tractor::prelude::*;
use version_tests::{program, say, share, shared, shared_context, shared_stream};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Named {
    left: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    id: i64,
}

#[derive(Debug, Serialize, Deserialize)]
enum Shape {
    Dot,
    Circle(f64),
}

#[tractor::actor_fn]
async fn same(a: i64) -> i64 {
    a
}

#[tractor::actor_fn]
async fn optional_argument(a: i64) -> String {
    format!("v1 a={a}")
}

#[tractor::actor_fn]
async fn required_argument(a: i64) -> String {
    format!("v1 a={a}")
}

#[tractor::actor_fn]
async fn reordered_arguments(a: i64, b: i64) -> String {
    format!("v1 a={a} b={b}")
}

#[tractor::actor_fn]
async fn reordered_fields(point: Point) -> Point {
    Point { x: point.x * 10, y: point.y }
}

#[tractor::actor_fn]
async fn renamed_field(named: Named) -> i64 {
    named.left
}

#[tractor::actor_fn]
async fn changed_type(a: i64) -> i64 {
    a
}

#[tractor::actor_fn]
async fn wider_argument(a: u8) -> String {
    format!("v1 a={a}")
}

#[tractor::actor_fn]
async fn optional_field(item: Item) -> Item {
    item
}

#[tractor::actor_fn]
async fn defaulted_field(item: Item) -> String {
    format!("v1 {item:?}")
}

#[tractor::actor_fn]
async fn required_field(item: Item) -> String {
    format!("v1 {item:?}")
}

#[tractor::actor_fn]
async fn variant_argument(shape: Shape) -> String {
    format!("v1 {shape:?}")
}

#[tractor::actor_fn]
async fn variant_result() -> Shape {
    Shape::Dot
}

#[tractor::context(pld_spec = Point)]
async fn dialog(ctx: Context<Point>) -> tractor::Result<Point> {
    let mut ctx = ctx.started(Point { x: 1, y: 2 }).await?;
    let mut stream = ctx.open_stream().await?;
    let mut last = Point { x: 0, y: 0 };
    while let Some(point) = stream.receive().await? {
        last = Point { x: point.x * 10, y: point.y };
        stream.send(&last).await?;
    }
    Ok(last)
}

#[tractor::stream]
async fn points(out: StreamSender<Point>, to: i64) -> tractor::Result<()> {
    for n in 0..to {
        out.send(Point { x: n, y: -n }).await?;
    }
    Ok(())
}

share! {
    func: same, optional_argument, required_argument, reordered_arguments, reordered_fields, renamed_field, changed_type,
        wider_argument, optional_field, defaulted_field, required_field, variant_argument, variant_result;
    context: dialog;
    stream: points;
}

async fn calls(portal: &Portal) {
    say("same", portal.run(shared(same(1))).await);
    say("optional_argument", portal.run(shared(optional_argument(1))).await);
    say("required_argument", portal.run(shared(required_argument(1))).await);
    say("reordered_arguments", portal.run(shared(reordered_arguments(1, 2))).await);
    say("reordered_fields", portal.run(shared(reordered_fields(Point { x: 1, y: 2 }))).await);
    say("renamed_field", portal.run(shared(renamed_field(Named { left: 1 }))).await);
    say("changed_type", portal.run(shared(changed_type(1))).await);
    say("wider_argument", portal.run(shared(wider_argument(200))).await);
    say("optional_field", portal.run(shared(optional_field(Item { id: 1 }))).await);
    say("defaulted_field", portal.run(shared(defaulted_field(Item { id: 1 }))).await);
    say("required_field", portal.run(shared(required_field(Item { id: 1 }))).await);
    say("variant_argument", portal.run(shared(variant_argument(Shape::Circle(0.5)))).await);
    say("variant_result", portal.run(shared(variant_result())).await);
    let talked = portal.open_context(shared_context(dialog()), async |ctx, first| {
        let mut stream = ctx.open_stream().await?;
        stream.send(Point { x: 3, y: 4 }).await?;
        let answer = stream.receive().await?;
        stream.close().await?;
        tractor::Result::Ok((first, answer, ctx.wait_for_result().await?))
    });
    say("dialog", talked.await);
    let read = portal.open_stream_from(shared_stream(points(2)), async |stream| {
        let mut all = Vec::new();
        while let Some(point) = stream.receive().await? {
            all.push(point);
        }
        tractor::Result::Ok(all)
    });
    say("points", read.await);
}

#[tractor::main]
async fn main() -> tractor::Result<()> {
    program(calls).await
}
