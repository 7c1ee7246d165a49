//! A private endpoint may use private types.

#![deny(warnings)]

use serde::{Deserialize, Serialize};
use tractor::Context;

#[derive(Clone, Serialize, Deserialize)]
struct Point(i64, i64);

#[tractor::actor_fn]
async fn swap(point: Point) -> Point { Point(point.1, point.0) }

#[tractor::context(pld_spec = Point)]
async fn dialog(_ctx: Context<Point>, first: Point) -> tractor::Result<Point> { Ok(first) }

#[test]
fn works() {
    let _calls = (swap(Point(1, 2)), dialog(Point(1, 2)));
}
