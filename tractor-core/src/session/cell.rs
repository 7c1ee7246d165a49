//! The data under the lock of a session end: its state, and the tasks that wait for a change.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, MutexGuard, OnceLock};
use std::task::Waker;

use bytes::Bytes;
use tokio::sync::Notify;

use super::end::Outcome;
use super::ending::Deferral;
use super::fairness::Pace;
use super::inbox::Inbox;
use super::receive::detached;
use super::region::Teardown;
use super::state::Asked;
use crate::error::{self, Error, MsgTypeError};
use crate::proto::dialog::{Dialog, SendCredit, Side, TaskEnd};
use crate::proto::id::{Cid, Uid};
use crate::proto::limits::Limits;
use crate::proto::msg::ErrorMsg;
use crate::wakers::{Slot, Waiters, Woken};

/// The answer to a message of the peer. It is sent after the lock is released.
pub(super) enum Reply {
    Nothing,
    Credit(u32),
    Error(Box<ErrorMsg>),
    /// Only a log line.
    Ignored(&'static str),
}

impl Reply {
    pub(super) fn error(msg: ErrorMsg) -> Self {
        Self::Error(Box::new(msg))
    }
}

#[derive(Debug)]
pub(super) struct Cell {
    pub(super) dialog: Dialog,
    pub(super) first: Option<Bytes>,
    pub(super) inbox: Inbox,
    /// A local reader has seen that the peer closed its half.
    pub(super) end_seen: bool,
    pub(super) outcome: Option<Outcome>,
    /// Parent side: the connection was closed before the request could leave.
    pub(super) never_left: bool,
    /// Child side: why messages can neither come nor leave any more. Later uses of the stream return it.
    pub(super) broken: Option<Box<Error>>,
    /// The other side refused a value for lack of room. This side's stream ends with this error.
    pub(super) overrun: Option<Box<Error>>,
    /// The last streamed value that this side received and could not decode.
    pub(super) type_error: Option<MsgTypeError>,
    /// Child side: how the task ended.
    pub(super) task_end: Option<TaskEnd>,
    /// This side asked for the cancellation, perhaps too late.
    pub(super) cancel_called: bool,
    /// The origin of the first cancel request, which counts.
    pub(super) asked: Option<Asked>,
    /// Child side: the reasons not to drop the task at once.
    pub(super) deferral: Deferral,
    /// Child side: the parent side's failure, to be relayed.
    pub(super) parent_failure: Option<Box<ErrorMsg>>,
    pub(super) tx: SendCredit,
    pub(super) pace: Pace,
    /// Parent side: its scope was dropped, and the surrounding scopes wait for the outcome.
    pub(super) left: Option<Teardown>,
    /// Child side: cancel requests to be acknowledged once the task has ended.
    pub(super) cancel_requests: Vec<Cid>,
    /// Handles of the stream that may still read: while there is one, only they take values out of the inbox.
    pub(super) stream_handles: usize,
    /// A context exists that may still open the stream.
    pub(super) may_open: bool,
    /// The task that reads the inbox.
    pub(super) reader: Slot,
    /// The task that opened the dialog: a call, or a scope until the first value.
    pub(super) opener: Slot,
    /// The task that drops user code when the dialog fails or ends: the scope around a body or around an endpoint.
    pub(super) guard: Slot,
    /// Tasks that wait for the outcome, or for the end of an endpoint.
    pub(super) waiters: Waiters,
}

/// The lock of a session end. Dropping it releases the lock, and then wakes tasks.
pub(super) struct Locked<'a> {
    // The order of the fields is that of their drops.
    cell: MutexGuard<'a, Cell>,
    woken: Woken,
    senders: Senders<'a>,
}

/// Senders that wait for room. Dropping this notifies them, if something has changed for them.
struct Senders<'a> {
    room: &'a OnceLock<Box<Notify>>,
    changed: bool,
}

impl Drop for Senders<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.changed
            && let Some(room) = self.room.get()
        {
            room.notify_waiters();
        }
    }
}

impl Deref for Locked<'_> {
    type Target = Cell;

    #[inline]
    fn deref(&self) -> &Cell {
        &self.cell
    }
}

impl DerefMut for Locked<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Cell {
        &mut self.cell
    }
}

impl<'a> Locked<'a> {
    #[inline]
    pub(super) fn new(cell: MutexGuard<'a, Cell>, room: &'a OnceLock<Box<Notify>>) -> Self {
        Self { cell, woken: Woken::default(), senders: Senders { room, changed: false } }
    }

    /// Wakes the reader, and the tasks that discard unread values.
    #[inline]
    pub(super) fn wake_reader(&mut self) {
        self.woken.add(self.cell.reader.take());
        if self.cell.stream_handles == 0 {
            self.wake_waiters();
        }
    }

    pub(super) fn wake_opener(&mut self) {
        self.woken.add(self.cell.opener.take());
    }

    /// Wakes the task that drops user code.
    pub(super) fn wake_guard(&mut self) {
        self.woken.add(self.cell.guard.take());
    }

    pub(super) fn wake_waiters(&mut self) {
        self.woken.add_all(&mut self.cell.waiters);
    }

    pub(super) fn notify_senders(&mut self) {
        self.senders.changed = true;
    }

    /// Wakes the tasks that use the stream or the context of an ended endpoint.
    pub(super) fn wake_stream(&mut self) {
        self.woken.add(self.cell.reader.take());
        self.wake_waiters();
        self.notify_senders();
    }

    pub(super) fn wake_all(&mut self) {
        self.wake_stream();
        self.wake_opener();
        self.wake_guard();
    }
}

impl Cell {
    // Inlined, it is made in its place, and not moved there.
    #[inline]
    pub(super) fn new(dialog: Dialog, opener: Option<Waker>, limits: &Limits) -> Self {
        Self {
            dialog,
            first: None,
            inbox: Inbox::new(limits),
            end_seen: false,
            outcome: None,
            never_left: false,
            broken: None,
            overrun: None,
            type_error: None,
            task_end: None,
            cancel_called: false,
            asked: None,
            deferral: Deferral::default(),
            parent_failure: None,
            tx: SendCredit::default(),
            pace: Pace::default(),
            left: None,
            cancel_requests: Vec::new(),
            stream_handles: 0,
            may_open: false,
            reader: Slot::default(),
            opener: Slot::from(opener),
            guard: Slot::default(),
            waiters: Waiters::default(),
        }
    }

    /// Prepares a value that may be kept for long: copies it out of its read buffer, unless a task already waits for
    /// it.
    pub(super) fn kept(&self, value: Bytes) -> Bytes {
        if self.opener.is_empty() { detached(value) } else { value }
    }

    pub(super) fn failure(&self) -> Option<&Error> {
        match &self.outcome {
            Some(Outcome::Failed(error)) => Some(error),
            // An endpoint that is not shielded is about to be dropped instead.
            None if self.deferral.is_shielded() => self.broken.as_deref(),
            None if self.dialog.side() == Side::Parent && !self.absorbs_overruns() => self.overrun.as_deref(),
            None => None,
            Some(Outcome::Returned(_) | Outcome::StreamDone) => None,
        }
    }

    /// Whether the scope ignores an overrun that this side has caused.
    pub(super) fn absorbs_overruns(&self) -> bool {
        self.cancel_called || self.inbox.overflow().allows_overruns()
    }

    /// Records that the other side has refused a value.
    pub(super) fn overran(&mut self, us: &Uid, msg: Box<ErrorMsg>) {
        let error = Box::new(error::received(us, Arc::from(msg.clone())));
        if self.dialog.side() == Side::Child {
            self.broken = Some(error.clone());
            self.parent_failure = Some(msg);
        }
        self.overrun.get_or_insert(error);
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
