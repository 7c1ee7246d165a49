//! Values on their way in: from the connection into the inbox, and from there to a receiver.

use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::cell::{Cell, Locked, Reply};
use super::end::{Outcome, SessionEnd};
use super::inbox::{InboxEnd, Offered};
use super::overflow::Overflow;
use super::run::Run;
use crate::error::{self, EndpointError, Error, MessagingError, MsgTypeError};
use crate::net::{Appended, Kind};
use crate::proto::dialog::{Command, Misuse, Received, Side};
use crate::proto::msg::Msg;
use crate::wakers::{Wake, poll_or_register};

/// Longest value that is copied when it may stay for long. A longer one is booked on the connection's account, together
/// with its read buffer.
const DETACHED_BYTES_MAX: usize = 64 * 1024;

/// The same bytes, copied out of their read buffer unless they are a large part of it.
pub(crate) fn detached(value: Bytes) -> Bytes {
    if value.len() <= DETACHED_BYTES_MAX { Bytes::copy_from_slice(&value) } else { value }
}

/// A value taken out of the inbox.
pub(crate) struct Taken {
    pub(crate) value: Bytes,
    /// Room that the sender gets back; see [`SessionEnd::grant`].
    pub(super) credit: u32,
}

/// A context that may still open its stream. While this lives, values are kept for a later reader.
#[derive(Debug)]
pub(crate) struct Opener(Arc<SessionEnd>);

impl Opener {
    pub(crate) fn new(session: Arc<SessionEnd>) -> Self {
        session.cell().may_open = true;
        Self(session)
    }

    pub(crate) fn session(&self) -> &Arc<SessionEnd> {
        &self.0
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        let mut cell = self.0.lock();
        cell.may_open = false;
        let stop = self.0.stop_unopened(&mut cell);
        self.0.discard_unread(cell);
        drop(stop);
    }
}

impl SessionEnd {
    /// Opens the stream. If it cannot be opened any more, its use returns the reason.
    pub(crate) fn open_stream(&self, overflow: Overflow) {
        let mut cell = self.lock();
        cell.stream_handles += 1;
        if cell.dialog.command(Command::OpenStream).is_err() {
            return;
        }
        let set = cell.inbox.set_overflow(overflow, self.peer.channel.limits());
        let reply = self.offered(&mut cell, set);
        drop(cell);
        self.reply(reply);
    }

    /// Ends this half of a stream that will never be opened, so that the other side does not wait for values. Peers of
    /// the base protocol expect no end of a stream that did not begin.
    fn stop_unopened(&self, cell: &mut Cell) -> Option<Appended> {
        if cell.dialog.side() == Side::Child || !self.peer.has_credit() {
            return None;
        }
        let mut commands = [Command::OpenStream, Command::Stop].into_iter();
        commands.all(|command| cell.dialog.command(command).is_ok()).then(|| self.append_stop())
    }

    /// Counts another handle of the stream, which may read from now on.
    pub(crate) fn add_stream_handle(&self) {
        self.cell().stream_handles += 1;
    }

    /// Counts a handle of the stream that is gone.
    pub(crate) fn drop_stream_handle(&self) {
        let mut cell = self.lock();
        cell.stream_handles -= 1;
        if cell.stream_handles == 0 {
            cell.wake_waiters();
        }
        self.discard_unread(cell);
    }

    /// Throws away values without a reader, now and from now on.
    fn discard_unread(&self, mut cell: Locked<'_>) {
        if cell.stream_handles > 0 || cell.may_open {
            return;
        }
        let discarded = cell.inbox.discard();
        let reply = self.offered(&mut cell, discarded);
        if cell.dialog.side() == Side::Child && cell.inbox.owes_notice() {
            cell.wake_guard();
        }
        drop(cell);
        self.reply(reply);
    }

    /// Ends a one-way stream whose reader is gone. If the reader found a bad value, the scope first reports that.
    pub(crate) fn stop_receiving(self: &Arc<Self>) {
        if self.cell().type_error.is_none() {
            self.cancel_remote();
        }
    }

    /// Takes in a run of the peer's values. Returns whether the dialog is over and can leave the table.
    pub(crate) fn handle_run(&self, run: Run, last: usize) -> bool {
        let mut cell = self.lock();
        let refused = if cell.dialog.takes_values() && self.peer.has_credit() {
            cell.inbox.offer_run(run, last)
        } else {
            Err(run)
        };
        match refused {
            Ok(()) => {
                cell.wake_reader();
                false
            }
            Err(mut run) => {
                drop(cell);
                run.any(|value| self.handle(Received::Yield(value)))
            }
        }
    }

    /// Takes in a value of the peer.
    #[inline]
    pub(super) fn deliver(&self, mut cell: MutexGuard<'_, Cell>, value: Bytes) {
        match self.offer(&mut cell, value) {
            // Only the reader waits for it.
            Offered::Kept { grant: 0 } if cell.stream_handles > 0 => {
                let reader = Wake(cell.reader.take());
                drop(cell);
                drop(reader);
            }
            offered => {
                let mut cell = Locked::new(cell, &self.room);
                let reply = self.answer(&mut cell, offered);
                drop(cell);
                self.reply(reply);
            }
        }
    }

    #[inline]
    pub(super) fn offer(&self, cell: &mut Cell, value: Bytes) -> Offered {
        cell.inbox.offer(value, self.peer.has_credit(), self.peer.channel.limits())
    }

    /// Wakes the tasks that wait for values. Returns the answer to the sender of this one.
    pub(super) fn answer(&self, cell: &mut Locked<'_>, offered: Offered) -> Reply {
        let reply = self.offered(cell, offered);
        match offered {
            Offered::Unread { .. } if cell.dialog.side() == Side::Child && cell.inbox.owes_notice() => {
                cell.wake_guard();
            }
            Offered::Unread { .. } | Offered::Late => {}
            Offered::Kept { .. } | Offered::Refused { .. } => cell.wake_reader(),
        }
        reply
    }

    /// The answer to the sender about its values.
    #[inline]
    fn offered(&self, cell: &mut Cell, offered: Offered) -> Reply {
        match offered {
            Offered::Kept { grant } => Reply::Credit(self.due(cell, grant)),
            Offered::Refused { knob } => self.refuse(cell, knob),
            Offered::Late => Reply::Nothing,
            // The parent side wants the outcome, whatever is streamed, so the endpoint must not fail. A child side
            // tells the sender only when its endpoint waits for something else; see `poll_ending`.
            Offered::Unread { grant } if cell.dialog.side() == Side::Parent => {
                Reply::Credit(self.due(cell, grant))
            }
            Offered::Unread { .. } => Reply::Nothing,
        }
    }

    /// Tells the sender that a value found no room; and the receiver, if it wants to know.
    fn refuse(&self, cell: &mut Cell, knob: &str) -> Reply {
        let text = format!("the stream's receiver is full and a value was dropped (`{knob}`)");
        let mut msg = error::local(&self.peer.us, error::type_names::STREAM_OVERRUN, text);
        msg.sender = Some(self.peer.aid.uid.clone());
        let ends = cell.inbox.overflow() == Overflow::Error;
        let error = || error::received(&self.peer.us, Arc::new(msg.clone()));
        // The child side may still end well, and its result does not tell the reader about the gap.
        if ends || cell.dialog.side() == Side::Parent {
            cell.inbox.overran(error());
        }
        if ends {
            // The child side returned before this side looked at its values.
            if let Some(outcome @ Outcome::Returned(_)) = &mut cell.outcome {
                *outcome = Outcome::Failed(error());
                return Reply::Nothing;
            }
        }
        Reply::error(msg)
    }

    /// The bytes to grant for freed ones: none without the `credit` extension, or after the end.
    #[inline]
    pub(super) fn due(&self, cell: &Cell, bytes: u32) -> u32 {
        if bytes > 0 && self.peer.has_credit() && !cell.dialog.is_settled() { bytes } else { 0 }
    }

    /// Tells the sender that there is no reader any more, if it has the extension for that.
    #[cold]
    pub(super) fn tell_unread(&self) {
        if self.peer.has_credit() {
            // A closed channel is reported by the loss of the dialog.
            _ = self.peer.channel.send(&Msg::Credit { cid: self.cid, bytes: 0 });
        }
    }

    /// Gives room back to the sender.
    #[inline]
    pub(super) fn grant(&self, bytes: u32) {
        if bytes > 0 {
            // A closed channel is reported by the loss of the dialog.
            _ = self.peer.channel.send(&Msg::Credit { cid: self.cid, bytes });
        }
    }

    /// Copies values that were not received, so that they keep no read buffer alive.
    pub(super) fn let_go(&self) {
        let bytes = self.lock().inbox.loose_bytes();
        if bytes > 0 {
            // This comes before the lock, because it may close connections. No value arrives meanwhile: the driver,
            // which delivers values, is here.
            let held = self.peer.channel.account().hold(Kind::Copied, bytes);
            self.lock().inbox.copy_loose(held);
        }
    }

    /// Gives the sender its room back for a value.
    #[inline]
    pub(crate) fn accept(&self, Taken { value, credit }: Taken) -> Bytes {
        self.grant(credit);
        value
    }

    /// Waits for the next single value. For a caller that holds a lock: it [accepts](Self::accept) the value after it
    /// has released the lock.
    pub(crate) fn poll_take(&self, cx: &Context<'_>) -> Poll<Result<Option<Taken>, Error>> {
        poll_or_register(cx, || self.cell(), |cell| &mut cell.reader, |cell| self.take_received(cell))
    }

    /// Takes out the waker of the task that waits for a value.
    #[must_use = "a waker is dropped after the lock"]
    pub(crate) fn take_reader(&self) -> Option<Waker> {
        self.cell().reader.take()
    }

    /// Waits for a value or the end. Returns whether there is a value.
    #[inline]
    pub(crate) fn poll_queued(&self, cx: &Context<'_>) -> Poll<bool> {
        poll_or_register(
            cx,
            || self.cell(),
            |cell| &mut cell.reader,
            |cell| {
                if cell.inbox.is_empty() {
                    self.nothing_received(cell).map(|_end| false)
                } else {
                    Poll::Ready(true)
                }
            },
        )
    }

    #[inline]
    pub(super) fn take_received(&self, cell: &mut Cell) -> Poll<Result<Option<Taken>, Error>> {
        if let Some((value, freed)) = cell.inbox.take() {
            let credit = self.due(cell, freed);
            return Poll::Ready(Ok(Some(Taken { value, credit })));
        }
        self.nothing_received(cell).map_ok(|()| None)
    }

    /// The result for a reader of an empty inbox: pending, the end of the stream, or a failure.
    pub(super) fn nothing_received(&self, cell: &mut Cell) -> Poll<Result<(), Error>> {
        match (cell.inbox.end(), cell.failure()) {
            (Some(InboxEnd::Overrun(error)), _) => Poll::Ready(Err((**error).clone())),
            (_, Some(error)) => Poll::Ready(Err(error.clone())),
            (Some(InboxEnd::Stopped), None) => {
                cell.end_seen = true;
                Poll::Ready(Ok(()))
            }
            (Some(InboxEnd::Cut), None) => {
                let text = "the child side returned without closing its stream";
                Poll::Ready(Err(MessagingError::new(text, Some(self.cid)).into()))
            }
            (Some(InboxEnd::Unread(_)), None) => Poll::Ready(Ok(())),
            (None, None) if cell.outcome.is_some() => Poll::Ready(Ok(())),
            // A child side whose endpoint has ended; its stream lives on in a task of its own.
            (None, None) if cell.dialog.is_settled() => Poll::Ready(Err(self.misuse(Misuse::Ended))),
            (None, None) => Poll::Pending,
        }
    }

    /// Keeps a bad value of the peer, to report it if the scope ends with an error.
    pub(crate) fn keep_type_error(&self, error: &MsgTypeError) {
        let error = error.clone();
        self.cell().type_error = Some(error);
    }

    /// Reports a bad value to the peer, if it has sent one.
    pub(crate) fn report_type_error(&self) {
        let found = self.cell().type_error.take();
        if let Some(error) = found {
            self.send_error(error::pack(&self.peer.us, &EndpointError::new(Error::from(error))));
        }
    }
}
