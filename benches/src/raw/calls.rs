//! A minimal RPC that multiplexes: numbered requests, numbered replies, one connection, many callers.
//!
//! A lower bound, not a usable library: it has no deadlines, no cancellation and no task per request. Callers append
//! to one write buffer; the writer yields once before it writes, so that all ready callers share the write.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::{Notify, oneshot};

use super::frame::{self, FrameReader};
use crate::socket::Socket;

/// Room for one read.
const READ_BYTES: usize = 64 * 1024;

/// The calling end; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    calls: Mutex<Calls>,
    /// Wakes the writer; notified by the call that finds the buffer empty.
    appended: Notify,
}

#[derive(Debug, Default)]
struct Calls {
    next: u64,
    open: HashMap<u64, oneshot::Sender<u64>>,
    unsent: Vec<u8>,
}

impl Client {
    /// Starts two tasks, which end with the runtime.
    pub(super) fn start(socket: Socket) -> Self {
        let client = Self(Arc::new(Shared { calls: Mutex::default(), appended: Notify::new() }));
        let (source, sink) = split(socket);
        tokio::spawn(client.clone().write(sink));
        tokio::spawn(client.clone().read(source));
        client
    }

    pub(super) async fn call(&self, arg: u64) -> anyhow::Result<u64> {
        let (reply, replied) = oneshot::channel();
        let is_first = self.with(|calls| {
            let (id, is_first) = (calls.next, calls.unsent.is_empty());
            calls.next += 1;
            calls.open.insert(id, reply);
            frame::append(&mut calls.unsent, &(id, arg));
            is_first
        });
        if is_first {
            self.0.appended.notify_one();
        }
        Ok(replied.await?)
    }

    fn with<T>(&self, body: impl FnOnce(&mut Calls) -> T) -> T {
        body(&mut self.0.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn write(self, mut sink: WriteHalf<Socket>) -> io::Result<()> {
        let mut batch = Vec::new();
        loop {
            self.0.appended.notified().await;
            tokio::task::yield_now().await;
            self.with(|calls| std::mem::swap(&mut calls.unsent, &mut batch));
            sink.write_all(&batch).await?;
            batch.clear();
        }
    }

    async fn read(self, source: ReadHalf<Socket>) -> anyhow::Result<()> {
        let mut frames = FrameReader::new(source, READ_BYTES);
        let mut replies: Vec<(u64, u64)> = Vec::new();
        loop {
            frames.fill().await?;
            while let Some(body) = frames.buffered() {
                replies.push(rmp_serde::from_slice(body)?);
            }
            self.with(|calls| {
                for (id, value) in replies.drain(..) {
                    if let Some(caller) = calls.open.remove(&id) {
                        // Fails if the caller is gone.
                        _ = caller.send(value);
                    }
                }
            });
        }
    }
}

/// The answering end: computes inline, and writes the replies to all requests of one read at once.
pub(super) async fn answer(socket: Socket) -> io::Result<()> {
    let (source, mut sink) = split(socket);
    let mut frames = FrameReader::new(source, READ_BYTES);
    let mut replies = Vec::new();
    loop {
        frames.fill().await?;
        while let Some(body) = frames.buffered() {
            let (id, arg): (u64, u64) = rmp_serde::from_slice(body).map_err(io::Error::other)?;
            frame::append(&mut replies, &(id, arg + 1));
        }
        sink.write_all(&replies).await?;
        replies.clear();
    }
}
