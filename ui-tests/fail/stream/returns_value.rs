//! A stream has no final value.

use tractor::StreamSender;

#[tractor::stream]
async fn ticks(out: StreamSender<u64>) -> tractor::Result<u64> {
    drop(out);
    Ok(1)
}

fn main() {}
