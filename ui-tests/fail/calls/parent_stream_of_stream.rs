//! Only contexts have a `ParentStream`.

use tractor::{ParentStream, StreamSender};

#[tractor::stream]
async fn ticks(_out: StreamSender<u64>) {}

struct Client {
    stream: ParentStream<ticks>,
}

fn main() {}
