//! The least RPC that multiplexes: numbered requests, numbered replies, one connection, many callers.
//!
//! No encoding, deadlines, cancellation or tasks per request: a bound, not a product. Callers append to one write
//! buffer; a flusher that yields once before it writes lets those that are ready share the write.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Instant;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::Notify;
use tokio::task::{LocalSet, yield_now};

use crate::frame::{self, FrameReader};
use crate::link::Socket;

/// Bytes of a request's body: what a call with two integers costs in the reference's envelope.
const REQUEST_BYTES: usize = 100;
/// Bytes of a reply's body.
const REPLY_BYTES: usize = 60;

/// One caller's place in the table of pending calls.
#[derive(Debug, Default)]
enum Slot {
    #[default]
    Idle,
    Waiting(Option<Waker>),
    Done(BytesMut),
}

/// What callers, the flusher and the reader share; all live on one thread.
#[derive(Debug)]
struct Client {
    slots: RefCell<Vec<Slot>>,
    /// Appended to by callers, taken whole by the flusher.
    out: RefCell<Vec<u8>>,
    /// Wakes the flusher; only the append that finds the buffer empty does.
    appended: Notify,
}

impl Client {
    async fn call(&self, slot: usize) -> BytesMut {
        let mut request = [7; REQUEST_BYTES];
        request[..8].copy_from_slice(&(slot as u64).to_le_bytes());
        self.slots.borrow_mut()[slot] = Slot::Waiting(None);
        self.append(&request);
        poll_fn(|cx| {
            let place = &mut self.slots.borrow_mut()[slot];
            match std::mem::take(place) {
                Slot::Done(reply) => Poll::Ready(reply),
                Slot::Idle | Slot::Waiting(_) => {
                    *place = Slot::Waiting(Some(cx.waker().clone()));
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn append(&self, request: &[u8]) {
        let mut out = self.out.borrow_mut();
        if out.is_empty() {
            self.appended.notify_one();
        }
        frame::append(&mut out, request);
    }

    fn complete(&self, reply: BytesMut) {
        let slot = u64::from_le_bytes(reply[..8].try_into().expect("sliced to size"));
        let index = usize::try_from(slot).expect("slots are few");
        let place = &mut self.slots.borrow_mut()[index];
        if let Slot::Waiting(Some(waker)) = std::mem::replace(place, Slot::Done(reply)) {
            waker.wake();
        }
    }

    async fn flush_forever(&self, mut sink: impl AsyncWrite + Unpin) -> io::Result<()> {
        let mut batch = Vec::new();
        loop {
            self.appended.notified().await;
            yield_now().await;
            std::mem::swap(&mut batch, &mut *self.out.borrow_mut());
            sink.write_all(&batch).await?;
            batch.clear();
        }
    }

    async fn read_forever(&self, source: impl AsyncRead + Unpin) -> io::Result<()> {
        let mut frames = FrameReader::new(source);
        while let Some(reply) = frames.next().await? {
            self.complete(reply);
            while let Some(reply) = frames.buffered() {
                self.complete(reply);
            }
        }
        Ok(())
    }
}

/// The asking side: calls per second.
pub(super) async fn drive<S: Socket>(socket: S, in_flight: usize, count: usize) -> io::Result<f64> {
    let (source, sink) = split(socket);
    let slots = (0..in_flight).map(|_| Slot::default()).collect();
    let client =
        Rc::new(Client { slots: RefCell::new(slots), out: RefCell::default(), appended: Notify::new() });
    LocalSet::new()
        .run_until(async {
            let flusher = tokio::task::spawn_local({
                let client = Rc::clone(&client);
                async move { client.flush_forever(sink).await }
            });
            let reader = tokio::task::spawn_local({
                let client = Rc::clone(&client);
                async move { client.read_forever(source).await }
            });
            let start = Instant::now();
            let callers: Vec<_> = (0..in_flight)
                .map(|slot| {
                    let client = Rc::clone(&client);
                    tokio::task::spawn_local(async move {
                        for _ in 0..count / in_flight {
                            assert_eq!(client.call(slot).await.len(), REPLY_BYTES);
                        }
                    })
                })
                .collect();
            for caller in callers {
                caller.await.map_err(io::Error::other)?;
            }
            let seconds = start.elapsed().as_secs_f64();
            flusher.abort();
            reader.abort();
            Ok((count / in_flight * in_flight) as f64 / seconds)
        })
        .await
}

/// The answering side: inline, one write for all replies to one read.
pub(super) async fn answer<S: Socket>(socket: S) -> io::Result<()> {
    let (source, mut sink) = split(socket);
    let mut frames = FrameReader::new(source);
    let mut out = Vec::new();
    let mut reply = [7; REPLY_BYTES];
    while let Some(first) = frames.next().await? {
        let mut request = Some(first);
        while let Some(body) = request {
            reply[..8].copy_from_slice(&body[..8]);
            frame::append(&mut out, &reply);
            request = frames.buffered();
        }
        sink.write_all(&out).await?;
        out.clear();
    }
    Ok(())
}
