//! One end of one dialog, shared by the connection's driver and the tasks that use it.
//!
//! The [`Dialog`] machine decides; this cell holds what it decides about: the inbox, the first value, the outcome, the
//! credit of both directions, and who waits for a change.
//!
//! # Invariants
//! 1. The lock is held for a few field accesses or one encode, never across an await and never while user code runs. Tasks are
//!    woken under it: a waker puts its task into a queue behind a leaf lock (tokio's, `join_all`'s, a fan-out's) and must not
//!    poll it on the spot, which [`Waker`](std::task::Waker) forbids no less to be called from anywhere.
//! 2. Lock order: dialog table, then cell, then write buffer.
//! 3. A parent side has an outcome exactly when its machine is settled.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::Notify;

use super::deadline::Deadline;
use super::ending::Deferral;
use super::inbox::{Inbox, InboxEnd};
use super::pace::Pace;
use super::peer::Peer;
use super::plds::Plds;
use super::slot::Slot;
use super::state::Asked;
use crate::error::{self, Error, MessagingError};
use crate::proto::dialog::{Dialog, Effect, Misuse, Received, SendCredit, Side, TaskEnd};
use crate::proto::id::{Cid, Uid};
use crate::proto::msg::{ErrorMsg, FuncType};
use crate::proto::payload::PayloadFormat;

/// Cancel requests for one task that wait for its end; further ones are acknowledged at once.
const CANCEL_REQUESTS_MAX: usize = 16;

/// One end of one dialog.
#[derive(Debug)]
pub(crate) struct Linked {
    pub(crate) cid: Cid,
    pub(crate) peer: Arc<Peer>,
    /// `module:name` of the endpoint, for logs and errors.
    pub(crate) endpoint: Arc<str>,
    /// When both sides end it, each by its own clock.
    pub(crate) deadline: Option<Deadline>,
    /// How this side writes payloads; it reads every layout.
    pub(crate) format: PayloadFormat,
    /// Notified when a sender that had no room should try again: a grant, or the end of the dialog.
    pub(super) room: Notify,
    pub(crate) plds: Plds,
    /// See the invariants.
    cell: Mutex<Cell>,
}

/// How a parent side's dialog ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// With this final value.
    Returned(Bytes),
    /// With the end of a one-way stream.
    StreamDone,
    /// With this failure.
    Failed(Error),
}

#[derive(Debug)]
pub(super) struct Cell {
    pub(super) dialog: Dialog,
    first: Option<Bytes>,
    pub(super) inbox: Inbox,
    /// A local reader has been told that the peer closed its half.
    pub(super) end_seen: bool,
    pub(super) outcome: Option<Outcome>,
    /// Child side: why no message will come or arrive any more. Told to those who use the stream in spite of the end.
    pub(super) broken: Option<Error>,
    /// The other side has refused a value for want of room. This side's stream ends with it.
    pub(super) overrun: Option<Error>,
    /// Child side: how the task ended.
    pub(super) task_end: Option<TaskEnd>,
    /// This side has asked for the cancellation, perhaps too late.
    pub(super) cancel_called: bool,
    /// Where the request that counts came from.
    pub(super) asked: Option<Asked>,
    /// Child side: what keeps the task from being dropped at once.
    pub(super) deferral: Deferral,
    /// Child side: the parent side's failure, to be relayed.
    pub(super) parent_failure: Option<Box<ErrorMsg>>,
    pub(super) tx: SendCredit,
    pub(super) pace: Pace,
    /// Child side: cancel requests to be acknowledged once the task has ended.
    pub(super) cancel_requests: Vec<Cid>,
    /// Who reads the inbox: the holder of the stream's receiving half.
    pub(super) reader: Slot,
    /// Who discards what nobody reads, on the way to the outcome. Not the reader, which may live in another task.
    pub(super) drainer: Slot,
    /// Who waits for the first value or the outcome: the one call, or the one scope.
    pub(super) outcome_waiter: Slot,
    /// Who drops user code when the dialog fails or ends: the scope around a body, the task around an endpoint.
    guard: Slot,
}

impl Cell {
    fn wake_all(&mut self) {
        self.deferral.wake_watchers();
        self.reader.wake();
        self.drainer.wake();
        self.outcome_waiter.wake();
        self.guard.wake();
    }

    pub(super) fn failure(&self) -> Option<&Error> {
        match &self.outcome {
            Some(Outcome::Failed(error)) => Some(error),
            // An endpoint that is not shielded is about to be dropped instead.
            None if self.deferral.is_shielded() => self.broken.as_ref(),
            None if self.dialog.side() == Side::Parent && !self.absorbs_overruns() => self.overrun.as_ref(),
            None => None,
            Some(Outcome::Returned(_) | Outcome::StreamDone) => None,
        }
    }

    /// Whether an overrun that this side has caused is no failure of its scope.
    pub(super) fn absorbs_overruns(&self) -> bool {
        self.cancel_called || self.inbox.overflow().allows_overruns()
    }

    /// Records that the other side has refused a value.
    fn overran(&mut self, us: &Uid, msg: Box<ErrorMsg>) {
        let error = error::received(us, Arc::from(msg.clone()));
        if self.dialog.side() == Side::Child {
            self.broken = Some(error.clone());
            self.parent_failure = Some(msg);
        }
        self.overrun.get_or_insert(error);
    }

    /// Wakes whoever drops user code.
    pub(super) fn wake_guard(&mut self) {
        self.guard.wake();
    }

    /// Records a cancel request and its origin. Returns whether it is the first one of a live dialog.
    pub(super) fn cancel(&mut self, by: Uid, asked: Asked) -> bool {
        let first = self.dialog.cancel(by);
        if first {
            self.asked = Some(asked);
        }
        first
    }
}

impl Linked {
    pub(super) fn new(
        peer: Arc<Peer>,
        cid: Cid,
        side: Side,
        kind: FuncType,
        endpoint: Arc<str>,
        format: PayloadFormat,
        deadline: Option<Deadline>,
    ) -> Self {
        let dialog = match side {
            Side::Parent => Dialog::parent(kind),
            Side::Child => Dialog::child(kind),
        };
        let cell = Cell {
            dialog,
            first: None,
            inbox: Inbox::new(peer.channel.limits()),
            end_seen: false,
            outcome: None,
            broken: None,
            overrun: None,
            task_end: None,
            cancel_called: false,
            asked: None,
            deferral: Deferral::default(),
            parent_failure: None,
            tx: SendCredit::default(),
            pace: Pace::default(),
            cancel_requests: Vec::new(),
            reader: Slot::default(),
            drainer: Slot::default(),
            outcome_waiter: Slot::default(),
            guard: Slot::default(),
        };
        let (room, plds) = (Notify::new(), Plds::new(kind));
        Self { cid, peer, endpoint, deadline, format, room, plds, cell: Mutex::new(cell) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Cell> {
        // No user code runs under the lock but a payload's own serializer; if that panics, the cell is still whole.
        self.cell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- the driver's side -------------------------------------------------------------------------------------

    /// Takes in one message. Returns whether the dialog is over and can leave the table.
    pub(crate) fn handle(&self, msg: Received<Bytes, Box<ErrorMsg>>) -> bool {
        let name = msg.name();
        let mut cell = self.lock();
        match cell.dialog.receive(msg) {
            Effect::Deliver(value) => self.deliver(&mut cell, value),
            Effect::Accepted => cell.wake_opener(),
            Effect::First(value) => {
                cell.first = Some(value);
                self.wake_all(&mut cell);
            }
            Effect::EndOfStream => {
                cell.inbox.close(InboxEnd::Stopped);
                self.wake_all(&mut cell);
            }
            Effect::Grant(bytes) => {
                cell.tx.grant(bytes);
                self.room.notify_waiters();
            }
            Effect::Settled { value, stream_cut } => {
                if stream_cut {
                    cell.inbox.close(InboxEnd::Cut);
                    let text =
                        "the child side returned without closing the stream that its parent side has open";
                    self.report_to_peer(error::type_names::MESSAGING_ERROR, text.to_owned());
                }
                // The child side returned before it was told that it had sent too fast.
                let overrun = cell.inbox.overrun().cloned();
                cell.outcome = Some(overrun.map_or(Outcome::Returned(value), Outcome::Failed));
                self.wake_all(&mut cell);
            }
            Effect::StreamDone => {
                cell.inbox.close(InboxEnd::Stopped);
                cell.outcome = Some(Outcome::StreamDone);
                self.wake_all(&mut cell);
            }
            Effect::Failed(msg) => {
                // The clock of the child side was a little faster than ours.
                let is_ours = self.deadline.is_some() && error::is_deadline_of(&msg, &self.peer.aid.uid);
                let told = || error::received(&self.peer.us, Arc::from(msg));
                let error = if is_ours { self.deadline_exceeded(None) } else { told() };
                cell.outcome = Some(Outcome::Failed(error));
                self.wake_all(&mut cell);
            }
            Effect::CancelTask(msg) => {
                cell.broken = Some(error::received(&self.peer.us, Arc::from(msg.clone())));
                cell.parent_failure = Some(msg);
                self.wake_all(&mut cell);
            }
            Effect::Overrun(msg) => {
                cell.overran(&self.peer.us, msg);
                self.wake_all(&mut cell);
            }
            Effect::Violated(violation) => {
                let report =
                    error::local(&self.peer.us, error::type_names::MESSAGING_ERROR, violation.to_string());
                let error = MessagingError::violation(violation, self.cid).into();
                match cell.dialog.side() {
                    Side::Parent => {
                        self.send_error(report);
                        cell.outcome = Some(Outcome::Failed(error));
                    }
                    // Sent when the task has ended: the peer gets one outcome.
                    Side::Child => {
                        cell.parent_failure = Some(Box::new(report));
                        cell.broken = Some(error);
                    }
                }
                self.wake_all(&mut cell);
            }
            Effect::Ignored(why) => {
                tracing::debug!(cid = %self.cid, peer = %self.peer.aid.uid, "ignored `{name}`: {why}");
            }
        }
        cell.dialog.side() == Side::Parent && cell.dialog.is_settled()
    }

    /// The connection is gone. Returns nothing: every waiter is told.
    pub(crate) fn lose(&self, error: &Error) {
        let mut cell = self.lock();
        if cell.dialog.lose() {
            match cell.dialog.side() {
                Side::Parent => cell.outcome = Some(Outcome::Failed(error.clone())),
                Side::Child => cell.broken = Some(error.clone()),
            }
            self.wake_all(&mut cell);
        }
    }

    /// Wakes whoever uses the stream, or the context, of an endpoint that has ended.
    pub(super) fn wake_stream(&self, cell: &mut Cell) {
        cell.deferral.wake_watchers();
        cell.reader.wake();
        self.room.notify_waiters();
    }

    pub(super) fn wake_all(&self, cell: &mut Cell) {
        cell.wake_all();
        self.room.notify_waiters();
    }

    fn report_to_peer(&self, type_name: &str, text: String) {
        self.send_error(error::local(&self.peer.us, type_name, text));
    }

    pub(super) fn send_error(&self, mut msg: ErrorMsg) {
        msg.cid = Some(self.cid);
        self.peer.send_error(msg);
    }

    /// Whether the stream is over in both directions because the peer has closed its half, as a local reader has been
    /// told. Rust peers close each half on its own; in the base protocol one `Stop` ends both.
    pub(super) fn stopped_by_peer(&self, cell: &Cell) -> bool {
        cell.end_seen && !self.peer.has_credit()
    }

    // ---- the user's side ---------------------------------------------------------------------------------------

    pub(super) fn misuse(&self, misuse: Misuse) -> Error {
        MessagingError::misuse(misuse, self.cid).into()
    }

    /// Waits for the first value of a context.
    pub(crate) fn poll_first(&self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Error>> {
        let mut cell = self.lock();
        if let Some(first) = cell.first.take() {
            return Poll::Ready(Ok(first));
        }
        if let Some(error) = cell.failure() {
            return Poll::Ready(Err(error.clone()));
        }
        cell.outcome_waiter.set(cx);
        Poll::Pending
    }

    /// Waits for the outcome of a parent side. Values still queued are discarded by whoever drops the last handle.
    pub(crate) fn poll_outcome(&self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut cell = self.lock();
        if let Some(outcome) = &cell.outcome {
            return Poll::Ready(outcome.clone());
        }
        cell.outcome_waiter.set(cx);
        Poll::Pending
    }

    /// Like [`poll_outcome`](Self::poll_outcome), while nobody reads the stream: values are discarded as they come.
    pub(crate) fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<Outcome> {
        self.drain(cx, |cell| cell.outcome.clone())
    }

    /// Like [`poll_drain`](Self::poll_drain), or until this side has failed before it has an outcome.
    pub(crate) fn poll_result(&self, cx: &mut Context<'_>) -> Poll<Outcome> {
        self.drain(cx, |cell| cell.outcome.clone().or_else(|| cell.failure().cloned().map(Outcome::Failed)))
    }

    fn drain(&self, cx: &Context<'_>, end: impl FnOnce(&Cell) -> Option<Outcome>) -> Poll<Outcome> {
        let mut cell = self.lock();
        let mut dropped = 0usize;
        while let Poll::Ready(Ok(Some(_unread))) = self.take_received(&mut cell) {
            dropped += 1;
        }
        let outcome = match end(&cell) {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                cell.drainer.set(cx);
                Poll::Pending
            }
        };
        drop(cell);
        if dropped > 0 {
            tracing::warn!(cid = %self.cid, endpoint = %self.endpoint, "discarded {dropped} unread stream values");
        }
        outcome
    }

    /// Whether an overrun that this side has caused is no failure of its scope.
    pub(crate) fn absorbs_overruns(&self) -> bool {
        self.lock().absorbs_overruns()
    }

    /// The outcome so far.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.lock().outcome.clone()
    }

    /// Whether there is an outcome.
    pub(crate) fn has_outcome(&self) -> bool {
        self.lock().outcome.is_some()
    }

    /// Waits until a parent side has failed.
    pub(crate) fn poll_failed(&self, cx: &mut Context<'_>) -> Poll<Error> {
        let mut cell = self.lock();
        if let Some(error) = cell.failure() {
            return Poll::Ready(error.clone());
        }
        if cell.outcome.is_none() {
            cell.guard.set(cx);
        }
        Poll::Pending
    }

    /// Waits until a child side's task must be dropped: it has to end, and nothing defers that.
    pub(crate) fn poll_ending(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut cell = self.lock();
        if cell.dialog.is_ending() && !cell.deferral.defers(cx) {
            return Poll::Ready(());
        }
        cell.guard.set(cx);
        Poll::Pending
    }

    /// Records that this side asks for the cancellation. Returns whether it is the first one of a live dialog to do so.
    pub(crate) fn cancel_here(&self) -> bool {
        let mut cell = self.lock();
        cell.cancel_called = true;
        let first = cell.cancel(self.peer.us.clone(), Asked::Here);
        if first {
            self.wake_all(&mut cell);
        }
        first
    }

    /// Cancels a child side because its whole actor must end.
    pub(super) fn cancel_with_actor(&self, by: Uid) {
        let mut cell = self.lock();
        if cell.cancel(by, Asked::Actor) {
            self.wake_all(&mut cell);
        }
    }

    /// Records a cancel request of the peer, which is acknowledged once the task has ended. Returns whether it is to be
    /// acknowledged at once: the task has ended already, or too many requests wait for it.
    pub(super) fn cancel_for(&self, by: Uid, request: Cid) -> bool {
        let mut cell = self.lock();
        if cell.dialog.is_settled() || cell.cancel_requests.len() >= CANCEL_REQUESTS_MAX {
            return true;
        }
        cell.cancel_requests.push(request);
        if cell.cancel(by, Asked::Peer) {
            self.wake_all(&mut cell);
        }
        false
    }
}
