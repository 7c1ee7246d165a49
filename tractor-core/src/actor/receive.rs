//! Values on their way in: from the connection into the inbox, and out of it to whoever receives.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::task::coop::poll_proceed;

use super::inbox::{InboxEnd, Offered};
use super::linked::{Cell, Linked};
use super::overflow::Overflow;
use crate::error::{self, Error, MessagingError};
use crate::proto::dialog::{Command, Misuse};
use crate::proto::msg::Msg;

impl Linked {
    /// Opens the stream.
    pub(crate) fn open_stream(&self, overflow: Overflow) -> Result<(), Error> {
        let mut cell = self.lock();
        cell.dialog.command(Command::OpenStream).map_err(|misuse| self.misuse(misuse))?;
        let grant = cell.inbox.set_overflow(overflow, self.peer.channel.limits());
        self.grant(&cell, grant);
        Ok(())
    }

    /// Takes in a value of the peer.
    #[inline]
    pub(super) fn deliver(&self, cell: &mut Cell, value: Bytes) {
        match cell.inbox.offer(value, self.peer.has_credit(), self.peer.channel.limits()) {
            Offered::Kept { grant } => self.grant(cell, grant),
            Offered::Refused { knob } => self.refuse(cell, knob),
            Offered::Late => return,
        }
        cell.reader.wake();
        cell.drainer.wake();
    }

    /// Tells the sender that a value found no room; and the receiver, if it wants to know.
    fn refuse(&self, cell: &mut Cell, knob: &str) {
        let text = format!("the stream's receiver is full and a value was dropped (`{knob}`)");
        let mut msg = error::local(&self.peer.us, error::type_names::STREAM_OVERRUN, text);
        msg.sender = Some(self.peer.aid.uid.clone());
        if cell.inbox.overflow() == Overflow::Error {
            cell.inbox.close(InboxEnd::Overrun(error::received(&self.peer.us, Arc::new(msg.clone()))));
        }
        self.send_error(msg);
    }

    /// Gives the sender back the room of values: of those received, or, where the sender shall not wait, arrived.
    fn grant(&self, cell: &Cell, bytes: u32) {
        if bytes > 0 && self.peer.has_credit() && !cell.dialog.is_settled() {
            // A closed channel is reported by the loss of the dialog.
            _ = self.peer.channel.send(&Msg::Credit { cid: self.cid, bytes });
        }
    }

    /// Waits for the next streamed value; `None` when the peer has closed its half.
    ///
    /// A failure of the dialog comes after the values that arrived before it.
    pub(crate) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        // A reader that always finds a value is always ready; others get a turn all the same.
        let turn = std::task::ready!(poll_proceed(cx));
        let mut cell = self.lock();
        let received = self.take_received(&mut cell);
        if received.is_ready() {
            turn.made_progress();
        }
        if received.is_pending() {
            cell.reader.set(cx);
        }
        received
    }

    pub(super) fn take_received(&self, cell: &mut Cell) -> Poll<Result<Option<Bytes>, Error>> {
        if let Some((value, grant)) = cell.inbox.take() {
            self.grant(cell, grant);
            return Poll::Ready(Ok(Some(value)));
        }
        match (cell.inbox.end(), cell.failure()) {
            (Some(InboxEnd::Overrun(error)), _) | (_, Some(error)) => Poll::Ready(Err(error.clone())),
            (Some(InboxEnd::Stopped), None) => {
                cell.end_seen = true;
                Poll::Ready(Ok(None))
            }
            (Some(InboxEnd::Cut), None) => {
                let text = "the child side returned without closing its stream";
                Poll::Ready(Err(MessagingError::new(text, Some(self.cid)).into()))
            }
            (None, None) if cell.outcome.is_some() => Poll::Ready(Ok(None)),
            // A child side whose endpoint has ended; its stream lives on in a task of its own.
            (None, None) if cell.dialog.is_settled() => Poll::Ready(Err(self.misuse(Misuse::Ended))),
            (None, None) => Poll::Pending,
        }
    }
}
