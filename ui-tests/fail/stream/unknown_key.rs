//! A stream's types come from its sender, not from the attribute.

use tractor::StreamSender;

#[tractor::stream(send = u64)]
async fn ticks(_out: StreamSender<u64>) {}

fn main() {}
