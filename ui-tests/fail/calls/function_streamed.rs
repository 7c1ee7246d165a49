//! A function with one result is not a one-way stream.

use tractor::Portal;

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

async fn open(portal: &Portal) -> tractor::Result<()> {
    portal.open_stream_from(add(1, 2), async |mut _stream| Ok(())).await
}

fn main() {}
