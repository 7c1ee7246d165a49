//! A stream endpoint sends what its sender declares.

use tractor::StreamSender;

#[tractor::stream]
async fn ticks(out: StreamSender<u64>) -> tractor::Result<()> {
    out.send("tick").await
}

fn main() {}
