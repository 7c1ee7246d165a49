//! The sender names its items.

use tractor::StreamSender;

#[tractor::stream]
async fn ticks(out: StreamSender) {}

fn main() {}
