//! A child actor, as everybody in its parent's process knows it: to ask for its end, and to wait for that.
//!
//! The task that watches the process carries out what is asked here. Every connection to the child has this at hand,
//! so that all ways to ask are the same one.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::error::{ActorDied, CloseReason};
use crate::proto::id::Uid;

/// How an actor ended that was asked to, as [`Portal::cancel_actor`](crate::Portal::cancel_actor) and its like tell it.
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
    /// It is no child of this actor, and says that its tasks have ended. Its process ends after that.
    Acknowledged,
    /// It was a child, and its process has ended by itself and in good order: its tasks, its own children and its
    /// cleanup callbacks have had their time.
    InOrder,
    /// It was a child, and its process has ended by itself, but not in good order: it failed while it ended, or before.
    Died(ActorDied),
    /// It was a child that did not end within its limits, or was to be killed, and was signalled. What it still had
    /// to do was not done.
    Killed(ActorDied),
}

impl ActorEnd {
    /// Whether the actor could do all that it does at its end.
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

/// What somebody wants of a child, for the task that watches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// That it ends, after this time for its acknowledgement; `None` for that of the parent's `Timeouts`.
    End(Option<Duration>),
    /// That it is killed at once.
    Kill,
    /// That it answers: the end of a dialog on it is waited for.
    Answer,
}

/// One child process, shared by the task that watches it, its nursery, and every connection to it.
#[derive(Debug)]
pub(crate) struct ChildActor {
    pub(crate) uid: Uid,
    /// A supervisor decides what follows its end.
    pub(crate) is_supervised: bool,
    /// Set once, when there is a process.
    pub(crate) pid: OnceLock<u32>,
    /// Set with the end of its nursery, or of its parent.
    all: CancellationToken,
    /// Somebody has asked for its end. Set before the wish is sent.
    asked: AtomicBool,
    /// Somebody has wished for an answer since the watching task looked last.
    awaited: AtomicBool,
    /// Read by the task that watches the process.
    wishes: mpsc::UnboundedSender<Wish>,
    /// Set once, when the process was reaped, or is left.
    end: watch::Sender<Option<ActorEnd>>,
    /// Why its connection has ended, once it has.
    pub(crate) loss: OnceLock<CloseReason>,
    /// Set when nothing of it is left either.
    pub(crate) gone: CancellationToken,
}

/// What is wished of a child, in order.
#[derive(Debug)]
pub(crate) struct Wishes {
    all: Option<CancellationToken>,
    sent: mpsc::UnboundedReceiver<Wish>,
    /// An answer was wished for while nothing but an end counted.
    put_off: bool,
}

impl Wishes {
    /// The next one.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Wish {
        if std::mem::take(&mut self.put_off) { Wish::Answer } else { self.newest().await }
    }

    /// Waits for a wish that it ends, and puts others off.
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

    /// Asks for its end, and leaves it this long to acknowledge that; `None` for as long as its parent's `Timeouts`
    /// say.
    pub(crate) fn ask(&self, patience: Option<Duration>) {
        self.asked.store(true, Ordering::Release);
        self.wish(Wish::End(patience));
    }

    /// Asks for its end because a request to end is about to leave, whoever has made it.
    pub(crate) fn ask_with_request(&self) {
        if !self.asked.swap(true, Ordering::AcqRel) {
            self.wish(Wish::End(None));
        }
    }

    /// Kills it.
    pub(crate) fn kill(&self) {
        self.asked.store(true, Ordering::Release);
        self.wish(Wish::Kill);
    }

    /// The end of a dialog on it is waited for.
    pub(crate) fn expect_answer(&self) {
        // One wish is enough for all, until it was granted.
        if !self.awaited.swap(true, Ordering::AcqRel) {
            self.wish(Wish::Answer);
        }
    }

    /// From now on the next one who waits is told again.
    pub(crate) fn grant_answer(&self) {
        self.awaited.store(false, Ordering::Release);
    }

    /// Whether somebody in this process has asked for its end, or for that of all.
    pub(crate) fn is_asked(&self) -> bool {
        self.is_asked_alone() || self.all.is_cancelled()
    }

    /// Whether somebody in this process has asked for its end, and not only for that of all.
    pub(crate) fn is_asked_alone(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Waits until its process was reaped, and nothing of it is left.
    pub(crate) async fn gone(&self) -> ActorEnd {
        self.gone.cancelled().await;
        self.ended().await
    }

    /// Waits until its process was reaped.
    pub(crate) async fn ended(&self) -> ActorEnd {
        let mut end = self.end.subscribe();
        let seen = end.wait_for(Option::is_some).await.expect("this holds the sender");
        seen.clone().expect("it was waited for")
    }

    /// Tells how it has ended. The first one counts.
    pub(crate) fn has_ended(&self, how: ActorEnd) {
        self.end.send_if_modified(|end| {
            let fresh = end.is_none();
            end.get_or_insert(how);
            fresh
        });
    }

    fn wish(&self, wish: Wish) {
        // Nobody listens any more when it has ended.
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
    fn a_wish_for_an_answer_does_not_end_a_boot_and_is_read_after_it() {
        let (child, mut wishes) = ChildActor::new(Uid::new("w", "1"), CancellationToken::new());
        child.expect_answer();
        assert!(poll(wishes.end()).is_pending());
        assert_eq!(poll(wishes.next()), Poll::Ready(Wish::Answer));
        child.kill();
        assert!(poll(wishes.end()).is_ready());
    }
}
