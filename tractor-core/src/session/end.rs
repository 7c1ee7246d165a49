//! One end of one dialog, shared by the connection's driver and the tasks that use it.
//!
//! The [`Dialog`] machine decides; this cell holds the data: the inbox, the first value, the outcome, the credit of
//! both directions, and the tasks that wait for a change.
//!
//! # Invariants
//! 1. The lock is held for a few field accesses or one copy of bytes, never across an await and never while user code
//!    runs. Serializers run before it is taken, wakers after it is released.
//! 2. Lock order: dialog table, then cell, then write buffer.
//! 3. A parent side has an outcome exactly when its machine is settled.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::sync::Notify;

use super::cell::{Cell, Locked, Reply};
use super::deadline::Deadline;
use super::inbox::InboxEnd;
use super::overflow::Overflow;
use super::peer::Peer;
use super::region::Region;
use super::state::Asked;
use crate::error::{self, Error, MessagingError};
use crate::proto::codec;
use crate::proto::dialog::{Dialog, Effect, Misuse, Received, Side};
use crate::proto::id::{Caps, Cid, Uid};
use crate::proto::msg::{ErrorMsg, FuncType};
use crate::proto::payload::PayloadFormat;
use crate::wakers::poll_or_register;

/// Cancel requests for one task that wait for its end; further ones are acknowledged at once.
const CANCEL_REQUESTS_MAX: usize = 16;

/// One end of one dialog.
#[derive(Debug)]
pub(crate) struct SessionEnd {
    pub(crate) cid: Cid,
    pub(crate) peer: Arc<Peer>,
    /// `module:name` of the endpoint, for logs and errors.
    pub(crate) endpoint: Arc<str>,
    /// The deadline of the dialog; each side enforces it by its own clock.
    pub(crate) deadline: Option<Deadline>,
    /// The layout in which this side writes payloads; it reads every layout.
    pub(crate) format: PayloadFormat,
    /// Notified when a sender that had no room should try again: a grant, or the end of the dialog. Made by the first
    /// sender that waits, before it looks for room once more.
    pub(super) room: OnceLock<Box<Notify>>,
    /// Streamed values are decoded again before they are sent.
    strict: AtomicBool,
    /// Child side: `StartAck` is not sent yet. The task sends it, unless it returns first.
    ack_owed: AtomicBool,
    /// Child side: it is, or was, in the table of its connection. A function that is ready at once never is.
    pub(super) is_entered: AtomicBool,
    /// Child side: the scopes that the endpoint has left behind; made when there is one.
    pub(super) region: OnceLock<Arc<Region>>,
    /// Parent side of a request to cancel: the dialog that is over, at the latest, with its acknowledgement.
    pub(super) cancels: OnceLock<Weak<Self>>,
    /// See the invariants.
    cell: Mutex<Cell>,
}

/// How a parent side's dialog ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// The dialog ended with this final value.
    Returned(Bytes),
    /// The one-way stream ended.
    StreamDone,
    /// The dialog ended with this failure.
    Failed(Error),
}

impl SessionEnd {
    pub(crate) fn new(
        peer: Arc<Peer>,
        cid: &Cid,
        dialog: Dialog,
        opener: Option<Waker>,
        endpoint: Arc<str>,
        format: PayloadFormat,
        deadline: Option<Deadline>,
    ) -> Arc<Self> {
        let cell = Mutex::new(Cell::new(dialog, opener, peer.channel.limits()));
        Arc::new(Self {
            cid: *cid,
            peer,
            endpoint,
            deadline,
            format,
            room: OnceLock::new(),
            strict: AtomicBool::new(false),
            ack_owed: AtomicBool::new(false),
            is_entered: AtomicBool::new(false),
            region: OnceLock::new(),
            cancels: OnceLock::new(),
            cell,
        })
    }

    #[inline]
    pub(super) fn lock(&self) -> Locked<'_> {
        // No user code runs under the lock, so that a panic never leaves the cell half-changed.
        Locked::new(self.cell(), &self.room)
    }

    /// The lock, for callers that wake no task.
    #[inline]
    pub(super) fn cell(&self) -> MutexGuard<'_, Cell> {
        self.cell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on streamed values are decoded again before they are sent.
    pub(crate) fn be_strict(&self) {
        self.strict.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_strict(&self) -> bool {
        self.strict.load(Ordering::Relaxed)
    }

    // ---- the driver's side -------------------------------------------------------------------------------------

    /// Takes in one message. Returns whether the dialog is over and can leave the table.
    #[inline]
    pub(crate) fn handle(&self, msg: Received<Bytes, Box<ErrorMsg>>) -> bool {
        let cell = self.cell();
        match msg {
            // This is by far the most frequent message.
            Received::Yield(value) if cell.dialog.takes_values() => {
                self.deliver(cell, value);
                false
            }
            msg => self.take_in(Locked::new(cell, &self.room), msg),
        }
    }

    fn take_in(&self, mut cell: Locked<'_>, msg: Received<Bytes, Box<ErrorMsg>>) -> bool {
        let name = msg.name();
        let is_unanswered = cell.dialog.is_unanswered();
        let effect = cell.dialog.receive(msg);
        let reply = self.apply(&mut cell, effect, is_unanswered);
        let over = cell.dialog.side() == Side::Parent && cell.dialog.is_settled();
        let left = if over { cell.left.take() } else { None };
        let is_answered = over && matches!(cell.outcome, Some(Outcome::Returned(_)));
        // The dialog leaves the table, so it cannot be found later.
        let lets_go = over && cell.inbox.loose_bytes() > 0;
        drop(cell);
        drop(left);
        if lets_go {
            self.let_go();
        }
        if is_answered && let Some(target) = self.cancels.get().and_then(Weak::upgrade) {
            target.acknowledged();
        }
        if let Reply::Ignored(why) = reply {
            tracing::debug!(cid = %self.cid, peer = %self.peer.aid.uid, "ignored `{name}`: {why}");
        } else {
            self.reply(reply);
        }
        over
    }

    /// Sends the answer to the peer.
    #[inline]
    pub(super) fn reply(&self, reply: Reply) {
        match reply {
            Reply::Nothing | Reply::Ignored(_) => {}
            Reply::Credit(bytes) => self.grant(bytes),
            Reply::Error(error) => self.send_error(*error),
        }
    }

    /// Carries out the machine's decision. Returns the answer to the peer.
    fn apply(
        &self,
        cell: &mut Locked<'_>,
        effect: Effect<Bytes, Box<ErrorMsg>>,
        was_unanswered: bool,
    ) -> Reply {
        let us = &self.peer.us;
        let mut reply = Reply::Nothing;
        match effect {
            Effect::Deliver(value) => {
                let offered = self.offer(cell, value);
                return self.answer(cell, offered);
            }
            Effect::Ignored(why) => return Reply::Ignored(why),
            Effect::Accepted => return Reply::Nothing,
            Effect::Grant(bytes) => {
                cell.tx.grant(bytes);
                cell.notify_senders();
                return Reply::Nothing;
            }
            Effect::First(value) => cell.first = Some(cell.kept(value)),
            Effect::EndOfStream => cell.inbox.close(InboxEnd::Stopped),
            Effect::Settled { value, stream_cut } => {
                if stream_cut {
                    cell.inbox.close(InboxEnd::Cut);
                    let text =
                        "the child side returned without closing the stream that its parent side has open";
                    reply = Reply::error(error::local(us, error::type_names::MESSAGING_ERROR, text));
                }
                // The child side returned before it learned that it had sent too fast.
                let ends = cell.inbox.overflow() == Overflow::Error;
                let overrun = cell.inbox.overrun().filter(|_| ends).cloned();
                let value = cell.kept(value);
                cell.outcome = Some(overrun.map_or(Outcome::Returned(value), Outcome::Failed));
            }
            Effect::StreamDone => {
                cell.inbox.close(InboxEnd::Stopped);
                cell.outcome = Some(Outcome::StreamDone);
            }
            Effect::Failed(msg) => {
                // The clock of the child side was a little faster than ours.
                let is_ours = self.deadline.is_some() && error::is_deadline_of(&msg, &self.peer.aid.uid);
                // Our own errors about the peer's messages are no answers of the peer.
                let is_refusal = was_unanswered && msg.src_uid == self.peer.aid.uid;
                let told = || if is_refusal { error::refused } else { error::received }(us, Arc::from(msg));
                let error = if is_ours { self.deadline_exceeded(None) } else { told() };
                cell.outcome = Some(Outcome::Failed(error));
            }
            Effect::CancelTask(msg) => {
                cell.broken = Some(Box::new(error::received(us, Arc::from(msg.clone()))));
                cell.parent_failure = Some(msg);
            }
            Effect::Overrun(msg) => cell.overran(us, msg),
            Effect::Violated(violation) => {
                let report = error::local(us, error::type_names::MESSAGING_ERROR, violation.to_string());
                let error = MessagingError::violation(violation, self.cid).into();
                match cell.dialog.side() {
                    Side::Parent => {
                        reply = Reply::error(report);
                        cell.outcome = Some(Outcome::Failed(error));
                    }
                    // This is sent when the task has ended, because the peer gets one outcome.
                    Side::Child => {
                        cell.parent_failure = Some(Box::new(report));
                        cell.broken = Some(Box::new(error));
                    }
                }
            }
        }
        cell.wake_all();
        reply
    }

    /// Records the loss of the connection, and wakes every waiting task.
    pub(crate) fn lose(&self, error: &Error) {
        // Dropped after the lock.
        let _left;
        let mut cell = self.lock();
        _left = cell.left.take();
        if cell.dialog.lose() {
            match cell.dialog.side() {
                Side::Parent => {
                    let error = if cell.never_left { error.clone().unsent() } else { error.clone() };
                    cell.outcome = Some(Outcome::Failed(error));
                }
                Side::Child => cell.broken = Some(Box::new(error.clone())),
            }
            cell.wake_all();
        }
    }

    /// Records that the request of this parent side could not be sent.
    pub(super) fn never_left(&self) {
        let mut cell = self.lock();
        cell.never_left = true;
        // The loss may have been recorded meanwhile.
        if let Some(Outcome::Failed(error)) = &mut cell.outcome {
            *error = error.clone().unsent();
        }
    }

    /// Child side: accepts the request. For a function that `may_be_ready` at once, `StartAck` is put off until
    /// something other than its result is sent.
    pub(crate) fn accept_request(&self, kind: FuncType, may_be_ready: bool) {
        if may_be_ready && kind == FuncType::AsyncFunc && self.peer.caps.contains(Caps::UNACKED) {
            self.ack_owed.store(true, Ordering::Relaxed);
        } else {
            self.append_ack(kind);
        }
    }

    /// Child side: sends the `StartAck` that was put off.
    #[inline]
    pub(crate) fn acknowledge(&self) {
        if self.ack_owed.load(Ordering::Relaxed) && self.ack_owed.swap(false, Ordering::Relaxed) {
            self.append_ack(FuncType::AsyncFunc);
        }
    }

    fn append_ack(&self, kind: FuncType) {
        // The loss of the dialog reports a closed channel.
        _ = self.peer.channel.append(|out| codec::encode_start_ack(&self.cid, kind, out));
    }

    pub(super) fn send_error(&self, mut msg: ErrorMsg) {
        // Without a `StartAck` the failure would be a refusal.
        self.acknowledge();
        msg.cid = Some(self.cid);
        if self.peer.is_base() {
            error::tell_in_trace(&mut msg, Some(&self.endpoint));
        }
        self.peer.send_error(msg);
    }

    /// Whether the stream is over in both directions because a local reader has seen that the peer closed its half.
    /// With `credit` each half is closed on its own; without it one `Stop` ends both.
    pub(super) fn stopped_by_peer(&self, cell: &Cell) -> bool {
        cell.end_seen && !self.peer.has_credit()
    }

    // ---- the user's side ---------------------------------------------------------------------------------------

    pub(super) fn misuse(&self, misuse: Misuse) -> Error {
        MessagingError::misuse(misuse, self.cid).into()
    }

    /// Waits for the first value of a context.
    pub(crate) fn poll_first(&self, cx: &Context<'_>) -> Poll<Result<Bytes, Error>> {
        poll_or_register(
            cx,
            || self.cell(),
            |cell| &mut cell.opener,
            |cell| {
                if let Some(first) = cell.first.take() {
                    return Poll::Ready(Ok(first));
                }
                cell.failure().map_or(Poll::Pending, |error| Poll::Ready(Err(error.clone())))
            },
        )
    }

    /// Waits for the outcome of the one call that opened the dialog, which takes its value.
    pub(crate) fn poll_outcome(&self, cx: &Context<'_>) -> Poll<Outcome> {
        poll_or_register(
            cx,
            || self.cell(),
            |cell| &mut cell.opener,
            |cell| match &mut cell.outcome {
                Some(Outcome::Returned(value)) => Poll::Ready(Outcome::Returned(std::mem::take(value))),
                Some(outcome) => Poll::Ready(outcome.clone()),
                None => Poll::Pending,
            },
        )
    }

    /// Whether an overrun that this side has caused is not a failure of its scope.
    pub(crate) fn absorbs_overruns(&self) -> bool {
        self.cell().absorbs_overruns()
    }

    /// The outcome so far.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.cell().outcome.clone()
    }

    /// Whether there is an outcome.
    pub(crate) fn has_outcome(&self) -> bool {
        self.cell().outcome.is_some()
    }

    /// Waits until a parent side has failed.
    pub(crate) fn poll_failed(&self, cx: &Context<'_>) -> Poll<Error> {
        poll_or_register(
            cx,
            || self.cell(),
            |cell| &mut cell.guard,
            |cell| cell.failure().map_or(Poll::Pending, |error| Poll::Ready(error.clone())),
        )
    }

    /// Waits until a child side's task must be dropped: it must end, and nothing defers that.
    pub(crate) fn poll_ending(&self, cx: &Context<'_>) -> Poll<()> {
        // An endpoint that goes on has left its stream; an ended one sends its outcome instead.
        let mut unread = false;
        let found = poll_or_register(
            cx,
            || self.cell(),
            |cell| &mut cell.guard,
            |cell| {
                if !cell.dialog.is_ending() || cell.deferral.is_shielded() {
                    unread |= cell.inbox.take_notice();
                    return Poll::Pending;
                }
                let watched = !cell.waiters.is_empty();
                Poll::Ready(cell.deferral.leaves_one_poll(watched))
            },
        );
        if unread {
            self.tell_unread();
        }
        match found {
            Poll::Ready(true) => {
                // The end may have been requested during the poll, after the watcher had looked.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(false) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Records that this side asks for the cancellation. Returns whether it is the first one of a live dialog to do so.
    pub(crate) fn cancel_here(&self) -> bool {
        let mut cell = self.lock();
        cell.cancel_called = true;
        let first = cell.cancel(self.peer.us.clone(), Asked::Here);
        if first {
            cell.wake_all();
        }
        first
    }

    /// Cancels a child side because its whole actor must end.
    pub(crate) fn cancel_with_actor(&self, by: Uid) {
        let mut cell = self.lock();
        if cell.cancel(by, Asked::Actor) {
            cell.wake_all();
        }
    }

    /// Records a cancel request of the peer, which is acknowledged once the task has ended. Returns whether to
    /// acknowledge it at once, because the task has ended already or too many requests wait for its end.
    pub(crate) fn cancel_for(&self, by: Uid, request: Cid) -> bool {
        let mut cell = self.lock();
        if cell.dialog.is_settled() || cell.cancel_requests.len() >= CANCEL_REQUESTS_MAX {
            return true;
        }
        cell.cancel_requests.push(request);
        if cell.cancel(by, Asked::Peer) {
            cell.wake_all();
        }
        false
    }
}
