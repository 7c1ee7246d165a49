//! A helper takes a stream of any endpoint with these types.

use tractor::MsgStream;

async fn greet(stream: &MsgStream<String, u8>) -> tractor::Result<()> {
    stream.send(1).await
}

fn main() {}
