//! The items' type is read from the sender; the call takes the arguments without it.

#![deny(warnings)]

use tractor::prelude::*;

#[tractor::stream]
async fn ticks(out: StreamSender<u64>, count: u64) -> tractor::Result<()> {
    for tick in 0..count {
        out.send(tick).await?;
    }
    Ok(())
}

#[tractor::stream]
async fn silence(_: tractor::StreamSender<(u8, String)>) {}

#[test]
fn works() {
    let _calls: (tractor::Call<ticks>, tractor::Call<silence>) = (ticks(3), silence());
}
