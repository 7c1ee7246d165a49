//! An order is followed, not called.

use tractor::prelude::*;
use ui_contracts::{Order, fulfil};

async fn order(portal: &Portal, order: Order) -> tractor::Result<u32> {
    portal.run(fulfil(order)).await
}

fn main() {}
