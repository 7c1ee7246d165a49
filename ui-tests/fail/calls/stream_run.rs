//! A one-way stream is opened, not run.

use tractor::{Portal, StreamSender};

#[tractor::stream]
async fn ticks(_out: StreamSender<u64>) {}

async fn run(portal: &Portal) -> tractor::Result<()> {
    portal.run(ticks()).await
}

fn main() {}
