//! Only numbers may be added to an order.

use tractor::prelude::*;
use ui_contracts::{Order, fulfil};

async fn order(portal: &Portal, order: Order) -> tractor::Result<u32> {
    portal
        .open_context(fulfil(order), async |ctx, _total| {
            let mut stream = ctx.open_stream();
            stream.send("one more").await?;
            ctx.wait_for_result().await
        })
        .await
}

fn main() {}
