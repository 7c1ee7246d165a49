//! The items of a stream are serde.

use tractor::StreamSender;

struct Handle;

#[tractor::stream]
async fn handles(_out: StreamSender<Handle>) {}

fn main() {}
