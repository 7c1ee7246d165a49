//! A file of any size travels to another process and back, in chunks: no value holds all of it.
//!
//! `download` sends a file, `upload` receives one. The handles of streams are `futures::Stream`s and `Sink`s;
//! `tokio-util` turns these into readers and writers. Back-pressure works both ways: neither side holds more than the
//! stream's window.
//!
//! Run it with `cargo run --example stream_file`.

#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use std::io;
use std::path::PathBuf;

use futures_util::StreamExt;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio_util::io::{CopyToBytes, ReaderStream, SinkWriter, StreamReader};
use tractor::Bytes;
use tractor::prelude::*;

/// Bytes of a chunk: large enough that the cost per chunk does not matter.
const CHUNK: usize = 64 * 1024;

/// Sends the content of a file of this actor.
#[tractor::stream]
async fn download(out: StreamSender<Bytes>, path: PathBuf) -> io::Result<()> {
    let mut chunks = ReaderStream::with_capacity(File::open(path).await?, CHUNK);
    while let Some(chunk) = chunks.next().await {
        out.send(chunk?).await?;
    }
    Ok(())
}

/// Writes the received bytes into a file of this actor, and returns their number.
#[tractor::context(started = (), recv = Bytes, returns = u64)]
async fn upload(ctx: Context<(), (), Bytes>, path: PathBuf) -> io::Result<u64> {
    let stream = ctx.started(()).await?.open_stream();
    let mut file = File::create(path).await?;
    let len = tokio::io::copy_buf(&mut StreamReader::new(stream), &mut file).await?;
    file.flush().await?;
    Ok(len)
}

#[tractor::main]
async fn main() -> io::Result<()> {
    let program = std::env::current_exe()?;
    let folder = std::env::temp_dir();
    let name = |what| folder.join(format!("tractor-{}-{what}", std::process::id()));
    let (there, back) = (name("there"), name("back"));

    tractor::open_nursery(async |an| -> io::Result<()> {
        let worker = an.start_actor("worker").enable_module(module_path!()).await?;

        let len = worker.open_context(upload(there.clone()), async |ctx, ()| -> io::Result<u64> {
            let handle = ctx.handle();
            let mut file = tokio::io::BufReader::with_capacity(CHUNK, File::open(&program).await?);
            let mut writer = SinkWriter::new(CopyToBytes::new(ctx.open_stream()));
            tokio::io::copy_buf(&mut file, &mut writer).await?;
            writer.shutdown().await?;
            Ok(handle.wait_for_result().await?)
        });
        println!("{} bytes are in the worker's file", len.await?);

        let len = worker.open_stream_from(download(there.clone()), async |stream| {
            let mut file = File::create(&back).await?;
            let len = tokio::io::copy_buf(&mut StreamReader::new(stream), &mut file).await?;
            file.flush().await?;
            io::Result::Ok(len)
        });
        println!("{} bytes came back", len.await?);
        worker.cancel_actor().await?;
        Ok(())
    })
    .await?;

    assert!(std::fs::read(&program)? == std::fs::read(&back)?, "it is the same file");
    std::fs::remove_file(there)?;
    std::fs::remove_file(back)
}
