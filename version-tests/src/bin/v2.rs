//! The second version of the endpoints.

use serde::{Deserialize, Serialize};
use tractor::prelude::*;
use version_tests::{program, say};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Point {
    y: i64,
    x: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Named {
    right: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    label: Option<String>,
    id: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Weighed {
    #[serde(default)]
    weight: u32,
    id: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Keyed {
    key: u8,
    id: i64,
}

#[derive(Debug, Serialize, Deserialize)]
enum Shape {
    Line { length: f64 },
    Dot,
    Circle(f64),
}

#[tractor::actor_fn(module = "versions")]
async fn same(a: i64) -> i64 {
    a
}

#[tractor::actor_fn(module = "versions")]
async fn optional_argument(note: Option<String>, a: i64) -> String {
    format!("v2 a={a} note={note:?}")
}

#[tractor::actor_fn(module = "versions")]
async fn required_argument(a: i64, b: i64) -> String {
    format!("v2 a={a} b={b}")
}

#[tractor::actor_fn(module = "versions")]
async fn reordered_arguments(b: i64, a: i64) -> String {
    format!("v2 a={a} b={b}")
}

#[tractor::actor_fn(module = "versions")]
async fn reordered_fields(point: Point) -> Point {
    Point { x: point.x * 10, y: point.y }
}

#[tractor::actor_fn(module = "versions")]
async fn renamed_field(named: Named) -> i64 {
    named.right
}

#[tractor::actor_fn(module = "versions")]
async fn changed_type(a: String) -> String {
    a
}

#[tractor::actor_fn(module = "versions")]
async fn wider_argument(a: u16) -> String {
    format!("v2 a={a}")
}

#[tractor::actor_fn(module = "versions")]
async fn optional_field(item: Item) -> Item {
    item
}

#[tractor::actor_fn(module = "versions")]
async fn defaulted_field(item: Weighed) -> String {
    format!("v2 {item:?}")
}

#[tractor::actor_fn(module = "versions")]
async fn required_field(item: Keyed) -> String {
    format!("v2 {item:?}")
}

#[tractor::actor_fn(module = "versions")]
async fn defaulted_argument(a: i64, #[tractor(default = 7)] b: i64) -> String {
    format!("v2 a={a} b={b}")
}

#[tractor::actor_fn(module = "versions", name = "renamed_function")]
async fn function(#[tractor(rename = "a")] number: i64) -> String {
    format!("v2 a={number}")
}

#[tractor::actor_fn(module = "versions")]
async fn variant_argument(shape: Shape) -> String {
    format!("v2 {shape:?}")
}

#[tractor::actor_fn(module = "versions")]
async fn variant_result() -> Shape {
    Shape::Line { length: 1.5 }
}

// Types whose layout depends on the data that is read: their fields cannot be compared in advance.

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Order {
    Pay { note: Option<String>, to: u64, from: u64 },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Payment {
    Pay { payer: u64, to: u64 },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Place {
    Called(String),
    At(Point),
}

#[derive(Debug, Serialize, Deserialize)]
struct Parcel {
    height: u64,
    #[serde(flatten)]
    place: Point,
    weight: u64,
}

#[tractor::actor_fn(module = "versions")]
async fn reordered_in_tag(order: Order) -> Order {
    order
}

#[tractor::actor_fn(module = "versions")]
async fn renamed_in_tag(order: Payment) -> String {
    format!("v2 {order:?}")
}

#[tractor::actor_fn(module = "versions")]
async fn reordered_in_untagged(places: Vec<Place>) -> Vec<Place> {
    places
}

#[tractor::actor_fn(module = "versions")]
async fn reordered_beside_flatten(parcel: Parcel) -> Parcel {
    parcel
}

// A difference deep inside a value.

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Report {
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    id: u8,
    weight: Option<String>,
}

fn report() -> Report {
    Report { rows: vec![Row { id: 1, weight: None }, Row { id: 2, weight: Some("seven".to_owned()) }] }
}

#[tractor::actor_fn(module = "versions")]
async fn deep_in_argument(report: Report) -> usize {
    report.rows.len()
}

#[tractor::actor_fn(module = "versions")]
async fn deep_in_result() -> Report {
    report()
}

#[tractor::context(module = "versions", pld_spec = Report, returns = ())]
async fn deep_in_stream(ctx: Context<Report>) -> tractor::Result<()> {
    let ctx = ctx.started(Report { rows: Vec::new() }).await?;
    let mut stream = ctx.open_stream();
    stream.send(report()).await?;
    while stream.receive().await?.is_some() {}
    Ok(())
}

#[tractor::context(module = "versions", pld_spec = Report, returns = ())]
async fn deep_in_first(ctx: Context<Report>) -> tractor::Result<()> {
    ctx.started(report()).await?;
    Ok(())
}

#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
#[error("only {left} left")]
struct SoldOut {
    #[serde(default)]
    reserved: u32,
    left: u32,
}

#[tractor::actor_fn(module = "versions", error = SoldOut)]
async fn failing() -> Result<(), SoldOut> {
    Err(SoldOut { reserved: 1, left: 3 })
}

#[tractor::context(module = "versions", pld_spec = Point)]
async fn dialog(ctx: Context<Point>) -> tractor::Result<Point> {
    let ctx = ctx.started(Point { x: 1, y: 2 }).await?;
    let mut stream = ctx.open_stream();
    let mut last = Point { x: 0, y: 0 };
    while let Some(point) = stream.receive().await? {
        last = Point { x: point.x * 10, y: point.y };
        stream.send(&last).await?;
    }
    Ok(last)
}

#[tractor::context(module = "versions", recv = String | i64 | bool, returns = i64)]
async fn union(ctx: Context<(), (), UnionRecv>) -> tractor::Result<i64> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    let mut sum = 0;
    while let Some(value) = stream.receive().await? {
        sum += match value {
            UnionRecv::I64(number) => number,
            UnionRecv::String(text) => text.len() as i64,
            UnionRecv::Bool(flag) => i64::from(flag),
        };
    }
    Ok(sum)
}

#[tractor::stream(module = "versions")]
async fn points(out: StreamSender<Point>, to: i64) -> tractor::Result<()> {
    for n in 0..to {
        out.send(Point { x: n, y: -n }).await?;
    }
    Ok(())
}

async fn calls(portal: &Portal) {
    say("same", portal.run(same(1)).await);
    say("optional_argument", portal.run(optional_argument(Some("n".to_owned()), 1)).await);
    say("required_argument", portal.run(required_argument(1, 2)).await);
    say("reordered_arguments", portal.run(reordered_arguments(2, 1)).await);
    say("reordered_fields", portal.run(reordered_fields(Point { x: 1, y: 2 })).await);
    say("renamed_field", portal.run(renamed_field(Named { right: 1 })).await);
    say("changed_type", portal.run(changed_type("1".to_owned())).await);
    say("wider_argument", portal.run(wider_argument(200)).await);
    say("optional_field", portal.run(optional_field(Item { label: Some("l".to_owned()), id: 1 })).await);
    say("defaulted_field", portal.run(defaulted_field(Weighed { weight: 5, id: 1 })).await);
    say("required_field", portal.run(required_field(Keyed { key: 9, id: 1 })).await);
    say("defaulted_argument", portal.run(defaulted_argument(1, 2)).await);
    say("renamed_function", portal.run(function(1)).await);
    say("variant_argument", portal.run(variant_argument(Shape::Circle(0.5))).await);
    say("variant_result", portal.run(variant_result()).await);
    say("reordered_in_tag", portal.run(reordered_in_tag(Order::Pay { note: None, to: 2, from: 1 })).await);
    say("renamed_in_tag", portal.run(renamed_in_tag(Payment::Pay { payer: 1, to: 2 })).await);
    let places = vec![Place::At(Point { x: 1, y: 2 }), Place::Called("home".to_owned())];
    say("reordered_in_untagged", portal.run(reordered_in_untagged(places)).await);
    let parcel = Parcel { weight: 1, height: 2, place: Point { x: 3, y: 4 } };
    say("reordered_beside_flatten", portal.run(reordered_beside_flatten(parcel)).await);
    say("deep_in_argument", portal.run(deep_in_argument(report())).await);
    say("deep_in_result", portal.run(deep_in_result()).await);
    let first = portal.open_context(deep_in_first(), async |_, first| tractor::Result::Ok(first));
    say("deep_in_first", first.await);
    let streamed = portal.open_context(deep_in_stream(), async |ctx, _| {
        let mut stream = ctx.open_stream();
        stream.receive().await
    });
    say("deep_in_stream", streamed.await);
    let sent = portal.open_context(deep_in_stream(), async |ctx, _| {
        let stream = ctx.open_stream();
        stream.send(report()).await?;
        stream.wait_for_result().await
    });
    say("deep_in_sent", sent.await);
    let failed = portal.run(failing()).await.expect_err("it fails");
    let remote = failed.as_remote().expect("the error is remote");
    let value_type = remote.value_type().expect("the error carries a value");
    say("failing", Ok((value_type, remote.downcast_as::<SoldOut>(value_type))));
    let talked = portal.open_context(dialog(), async |ctx, first| {
        let handle = ctx.handle();
        let mut stream = ctx.open_stream();
        stream.send(Point { x: 3, y: 4 }).await?;
        let answer = stream.receive().await?;
        stream.close();
        tractor::Result::Ok((first, answer, handle.wait_for_result().await?))
    });
    say("dialog", talked.await);
    let summed = portal.open_context(union(), async |ctx, ()| {
        let handle = ctx.handle();
        let stream = ctx.open_stream();
        stream.send(40).await?;
        stream.send("ab".to_owned()).await?;
        stream.close();
        handle.wait_for_result().await
    });
    say("union", summed.await);
    let read = portal.open_stream_from(points(2), async |mut stream| {
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
