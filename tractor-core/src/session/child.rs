//! A child actor as its parent's process sees it: tasks ask for its end here, and wait for that end.
//!
//! The task that watches the process carries out the requests. Every connection to the child holds this.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::error::{ActorDied, CloseReason};
use crate::proto::id::Uid;

/// How an actor ended on request: the result of [`Portal::cancel_actor`](crate::Portal::cancel_actor) and similar
/// methods.
///
/// ```
/// # use tractor_core::{self as tractor, ActorEnd, Portal};
/// # async fn example(worker: &Portal) -> tractor::Result<()> {
/// match worker.cancel_actor().await? {
///     ActorEnd::Killed(how) => println!("its cleanup was cut short: {how}"),
///     end => println!("{end}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ActorEnd {
    /// The actor is not a child of this one. It has said that its tasks have ended; its process ends later.
    Acknowledged,
    /// The child's process ended by itself and in good order: its tasks, its own children and its cleanup callbacks
    /// were able to finish.
    InOrder,
    /// The child's process ended by itself, but not in good order: it failed while it ended, or before.
    Died(ActorDied),
    /// The child was ended by a signal, because it did not end within its limits or had to be killed. Its remaining
    /// cleanup was not done.
    Killed(ActorDied),
}

impl ActorEnd {
    /// Whether the actor could finish its cleanup.
    pub fn is_in_order(&self) -> bool {
        match self {
            Self::Acknowledged | Self::InOrder => true,
            Self::Died(_) | Self::Killed(_) => false,
        }
    }
}

impl fmt::Display for ActorEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acknowledged => f.write_str("it has ended its tasks"),
            Self::InOrder => f.write_str("it ended in good order"),
            Self::Died(how) | Self::Killed(how) => how.fmt(f),
        }
    }
}

/// A request about a child, for the task that watches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// End the child, with this time for its acknowledgement; `None` for that of the parent's `Timeouts`.
    End(Option<Duration>),
    /// Kill the child at once.
    Kill,
    /// Check that the child answers: a task waits for the end of a dialog on it.
    Answer,
}

/// One child process, shared by the task that watches it, its nursery, and every connection to it.
#[derive(Debug)]
pub(crate) struct ChildActor {
    pub(crate) uid: Uid,
    /// Whether a supervisor decides what follows its end.
    pub(crate) is_supervised: bool,
    /// Set once, when the process exists.
    pub(crate) pid: OnceLock<u32>,
    /// Set when its nursery, or its parent, ends.
    all: CancellationToken,
    /// Its end was requested. Set before the wish is sent.
    asked: AtomicBool,
    /// An answer was wished for since the watching task last looked.
    awaited: AtomicBool,
    /// Read by the task that watches the process.
    wishes: mpsc::UnboundedSender<Wish>,
    /// Set once, when the process was reaped or given up.
    end: watch::Sender<Option<ActorEnd>>,
    /// Why its connection ended, once it has.
    pub(crate) loss: OnceLock<CloseReason>,
    /// Set when the rest of the child is gone, too.
    pub(crate) gone: CancellationToken,
}

/// The requests about a child, in order.
#[derive(Debug)]
pub(crate) struct Wishes {
    all: Option<CancellationToken>,
    sent: mpsc::UnboundedReceiver<Wish>,
    /// An answer was wished for while only wishes to end were taken.
    put_off: bool,
}

impl Wishes {
    /// The next wish.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Wish {
        if std::mem::take(&mut self.put_off) { Wish::Answer } else { self.newest().await }
    }

    /// Waits for a wish to end the child, and postpones others.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn end(&mut self) {
        while self.newest().await == Wish::Answer {
            self.put_off = true;
        }
    }

    async fn newest(&mut self) -> Wish {
        let all = async {
            match &self.all {
                Some(all) => all.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(wish) = self.sent.recv() => wish,
            () = all => {
                self.all = None;
                Wish::End(None)
            }
        }
    }
}

impl ChildActor {
    /// A child that ends with `all` at the latest.
    pub(crate) fn new(uid: Uid, all: CancellationToken) -> (Self, Wishes) {
        let (wishes, sent) = mpsc::unbounded_channel();
        let (asked, awaited) = (AtomicBool::new(false), AtomicBool::new(false));
        let unread = Wishes { all: Some(all.clone()), sent, put_off: false };
        let (end, loss, gone) = (watch::Sender::new(None), OnceLock::new(), CancellationToken::new());
        let pid = OnceLock::new();
        (Self { uid, is_supervised: false, pid, all, asked, awaited, wishes, end, loss, gone }, unread)
    }

    /// Asks for the child's end, with this time for the acknowledgement; `None` for the time in its parent's
    /// `Timeouts`.
    pub(crate) fn ask(&self, patience: Option<Duration>) {
        self.asked.store(true, Ordering::Release);
        self.wish(Wish::End(patience));
    }

    /// Asks for the child's end because a request to end is about to be sent over the wire.
    pub(crate) fn ask_with_request(&self) {
        if !self.asked.swap(true, Ordering::AcqRel) {
            self.wish(Wish::End(None));
        }
    }

    /// Kills the child.
    pub(crate) fn kill(&self) {
        self.asked.store(true, Ordering::Release);
        self.wish(Wish::Kill);
    }

    /// A task waits for the end of a dialog on the child.
    pub(crate) fn expect_answer(&self) {
        // One wish is enough for all waiting tasks, until it was handled.
        if !self.awaited.swap(true, Ordering::AcqRel) {
            self.wish(Wish::Answer);
        }
    }

    /// From now on the next waiting task sends a wish again.
    pub(crate) fn grant_answer(&self) {
        self.awaited.store(false, Ordering::Release);
    }

    /// Whether this process has asked for the end of this child, or of all children.
    pub(crate) fn is_asked(&self) -> bool {
        self.is_asked_alone() || self.all.is_cancelled()
    }

    /// Whether this process has asked for the end of this child in particular.
    pub(crate) fn is_asked_alone(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Waits until the child's process was reaped and the rest of it is gone.
    pub(crate) async fn gone(&self) -> ActorEnd {
        self.gone.cancelled().await;
        self.ended().await
    }

    /// Waits until the child's process was reaped.
    pub(crate) async fn ended(&self) -> ActorEnd {
        let mut end = self.end.subscribe();
        let seen = end.wait_for(Option::is_some).await.expect("this holds the sender");
        seen.clone().expect("it was waited for")
    }

    /// Sets how the child has ended. The first call counts.
    pub(crate) fn has_ended(&self, how: ActorEnd) {
        self.end.send_if_modified(|end| {
            let fresh = end.is_none();
            end.get_or_insert(how);
            fresh
        });
    }

    fn wish(&self, wish: Wish) {
        // After the child's end the receiver may be gone.
        _ = self.wishes.send(wish);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_wish_for_an_answer_waits_until_the_boot_is_over() {
        let (child, mut wishes) = ChildActor::new(Uid::new("w", "1"), CancellationToken::new());
        child.expect_answer();
        assert!(poll(wishes.end()).is_pending());
        assert_eq!(poll(wishes.next()), Poll::Ready(Wish::Answer));
        child.kill();
        assert!(poll(wishes.end()).is_ready());
    }
}
