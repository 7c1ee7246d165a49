//! A stream is not used after it was closed.

use tractor::{MsgStream, Result};

async fn sends(stream: MsgStream<u64>) -> Result<()> {
    stream.close();
    stream.send(1).await
}

async fn subscribes(mut stream: MsgStream<u64>) -> Result<()> {
    stream.close();
    let _reader = stream.subscribe();
    Ok(())
}

fn main() {}
