//! The endpoints of a small shop, whose contracts `tests/ui.rs` checks.
//!
//! The compiler checks the types of an endpoint where it is used. A test compiles right uses, and wrong uses with their
//! expected errors. So every change of these types becomes visible.

use serde::{Deserialize, Serialize};
use tractor::Context;

/// An order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The article.
    pub article: String,
    /// How many of the article.
    pub count: u32,
}

/// The state of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Progress {
    /// In the warehouse.
    Packed {
        /// Items so far.
        count: u32,
    },
    /// The order has left the warehouse.
    Sent,
}

/// The price of an order, in cents.
#[tractor::actor_fn]
pub async fn price(order: Order) -> Result<u64, String> {
    match order.count {
        0 => Err(format!("no {} at all", order.article)),
        count => Ok(u64::from(count) * 250),
    }
}

/// Fulfils an order and reports its progress. The caller may add to the order meanwhile.
#[tractor::context(started = u64, send = Progress, recv = u32, returns = u32)]
pub async fn fulfil(ctx: Context<u64, Progress, u32>, order: Order) -> tractor::Result<u32> {
    let ctx = ctx.started(u64::from(order.count) * 250).await?;
    let mut stream = ctx.open_stream();
    let mut count = order.count;
    stream.send(Progress::Packed { count }).await?;
    while let Some(more) = stream.receive().await? {
        count += more;
        stream.send(Progress::Packed { count }).await?;
    }
    stream.send(Progress::Sent).await?;
    Ok(count)
}
