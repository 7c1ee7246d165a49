//! The pause between two turns of a driver.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::yield_now;

/// A pause of the driver until other tasks have run, including tasks whose sockets became ready meanwhile: while some
/// task is awake, a runtime checks its sockets only now and then. A mere wake-up does not end the pause, because frames
/// that the driver's own handler appends also wake the driver.
///
/// On a runtime with several threads the driver is only woken again, behind other tasks: another thread can then run it
/// while an endpoint computes on this one. A thread wakes the tasks that have yielded on it only after its other work.
pub(super) struct Pause {
    is_over: AtomicBool,
    task: Waker,
}

impl Pause {
    pub(super) fn begin(cx: &Context<'_>) -> Arc<Self> {
        let pause = Arc::new(Self { is_over: AtomicBool::new(false), task: cx.waker().clone() });
        if Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread) {
            pause.clone().wake();
            return pause;
        }
        let waker = Waker::from(pause.clone());
        // The first poll registers the waker.
        assert!(pin!(yield_now()).poll(&mut Context::from_waker(&waker)).is_pending(), "it yields once");
        pause
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}

impl Wake for Pause {
    fn wake(self: Arc<Self>) {
        self.is_over.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;
    use std::time::Duration;

    use bytes::{Bytes, BytesMut};
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::error::CloseReason;
    use crate::net::driver::{FrameHandler, REQUESTS_PER_TURN, drive};
    use crate::net::{Appended, Budget, Channel, Transport};
    use crate::proto::frame;
    use crate::proto::limits::Limits;
    use crate::proto::msg::Msg;

    /// Answers each frame. At one of them it also wakes another task through a socket.
    struct Answers {
        channel: Channel,
        taken: Arc<AtomicUsize>,
        other: std::os::unix::net::UnixStream,
    }

    impl FrameHandler for Answers {
        fn frame(&mut self, _chunk: &Bytes, _body: Range<usize>) -> Result<(), CloseReason> {
            use std::io::Write as _;

            if self.taken.fetch_add(1, Ordering::Relaxed) == TOLD_AT {
                self.other.write_all(b"!").expect("there is room");
            }
            assert!(matches!(self.channel.send(&Msg::Ready { image: None }), Appended::Yes(_)));
            Ok(())
        }

        fn let_go(&mut self) {}

        fn requests(&self) -> usize {
            self.taken.load(Ordering::Relaxed)
        }

        fn closing(&mut self, _reason: &CloseReason) {}
    }

    /// A request of the third turn.
    const TOLD_AT: usize = 2 * REQUESTS_PER_TURN;

    /// At the last request of the first turn, starts a task that computes until all requests were taken.
    struct Computes {
        taken: Arc<AtomicUsize>,
        all: Option<mpsc::Receiver<()>>,
        done: mpsc::Sender<()>,
        outcome: mpsc::Sender<bool>,
    }

    impl FrameHandler for Computes {
        fn frame(&mut self, _chunk: &Bytes, _body: Range<usize>) -> Result<(), CloseReason> {
            let taken = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
            if taken == REQUESTS_PER_TURN {
                let (all, outcome) = (self.all.take().expect("it ends once"), self.outcome.clone());
                tokio::spawn(async move { outcome.send(all.recv_timeout(Duration::from_secs(20)).is_ok()) });
            }
            if taken == 2 * REQUESTS_PER_TURN {
                self.done.send(()).expect("the task waits");
            }
            Ok(())
        }

        fn let_go(&mut self) {}

        fn requests(&self) -> usize {
            self.taken.load(Ordering::Relaxed)
        }

        fn closing(&mut self, _reason: &CloseReason) {}
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_task_that_computes_holds_no_connection_back_while_another_thread_is_free() {
        let mut flood = Vec::new();
        for _ in 0..2 * REQUESTS_PER_TURN {
            let begun = frame::begin_frame(&mut flood);
            flood.push(0xc0);
            frame::end_frame(&mut flood, begun, 16).expect("a short frame");
        }
        let (done, all) = mpsc::channel();
        let (outcome, computed) = mpsc::channel();
        let (ours, _theirs) = tokio::io::duplex(1024);
        let channel = Channel::new(Limits::default(), None, Budget::new(usize::MAX).open(false));
        let driver = tokio::spawn(async move {
            let mut handler = Computes { taken: Arc::default(), all: Some(all), done, outcome };
            drive(Transport::Mem(ours), channel, BytesMut::from(&flood[..]), &mut handler).await
        });
        let computed =
            tokio::task::spawn_blocking(move || computed.recv()).await.expect("the task does not panic");
        assert_eq!(computed, Ok(true), "the driver waited for the task");
        driver.abort();
    }

    #[tokio::test]
    async fn a_flood_of_requests_leaves_turns_to_a_task_whose_socket_has_become_ready() {
        const TURNS: usize = 8;
        let (one, other) = std::os::unix::net::UnixStream::pair().expect("there are files");
        other.set_nonblocking(true).expect("it is a socket");
        let mut other = tokio::net::UnixStream::from_std(other).expect("in a runtime");
        let taken = Arc::new(AtomicUsize::new(0));
        let (told, so_far) = (taken.clone(), taken.clone());
        let waits = tokio::spawn(async move {
            other.read_u8().await.expect("it is sent");
            so_far.load(Ordering::Relaxed)
        });
        let mut flood = Vec::new();
        for _ in 0..TURNS * REQUESTS_PER_TURN {
            let begun = frame::begin_frame(&mut flood);
            flood.push(0xc0);
            frame::end_frame(&mut flood, begun, 16).expect("a short frame");
        }
        let (ours, _theirs) = tokio::io::duplex(1024 * 1024);
        let channel = Channel::new(Limits::default(), None, Budget::new(usize::MAX).open(false));
        let driver = tokio::spawn(async move {
            let mut handler = Answers { channel: channel.clone(), taken, other: one };
            drive(Transport::Mem(ours), channel, BytesMut::from(&flood[..]), &mut handler).await
        });
        let seen = waits.await.expect("it does not panic") - TOLD_AT;
        assert!(seen <= 2 * REQUESTS_PER_TURN, "it had to wait for {seen} requests of others");
        while told.load(Ordering::Relaxed) < TURNS * REQUESTS_PER_TURN {
            tokio::task::yield_now().await;
        }
        driver.abort();
    }
}
