//! A one-way stream needs its other side: its call cannot be awaited here.

use tractor::StreamSender;

#[tractor::stream]
async fn ticks(_out: StreamSender<u64>) {}

#[tractor::main]
async fn main() {
    ticks().await;
}
