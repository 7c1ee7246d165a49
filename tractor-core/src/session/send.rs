//! Values on their way out: encoded without a lock, then appended to the connection's write buffer under it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::checked::Check;
use super::encoded::Encoded;
use super::end::SessionEnd;
use super::inbox::InboxEnd;
use crate::error::{Error, MessagingError, StreamUnread, TransportClosed};
use crate::net::{Appended, Buffer};
use crate::proto::codec::{self, PldKind, YieldHead};
use crate::proto::dialog::Command;
use crate::proto::frame::FrameTooLarge;
use crate::proto::msg::Msg;
use crate::proto::payload::Payload;
use crate::wakers::Wake;

/// The wait of a send that does not go through at once.
pub(crate) type Room<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The result of an attempt to send a streamed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    Sent,
    /// The receiver has no room.
    NoCredit,
    /// Too many bytes wait to be written on the connection.
    BufferFull,
    /// The connection is gone; the dialog will get the reason.
    Ending,
    /// Other tasks should run first.
    TurnOver,
}

#[inline]
fn append_item(buffer: &mut Buffer<'_>, head: &YieldHead, encoded: &mut Encoded) -> Appended {
    buffer.append(|frame| {
        frame.bytes().extend_from_slice(head.as_bytes());
        encoded.append_to(frame);
    })
}

impl SessionEnd {
    /// Encodes one streamed value; under strict rules also decodes it again.
    #[inline]
    pub(crate) fn encode_item<T: Payload>(&self, value: &T) -> Result<Encoded, Error> {
        let check = if self.is_strict() { &Check::DECODES } else { &Check::OFF };
        Ok(self.encode(PldKind::Yield, value, check)?)
    }

    /// Sends one encoded value once there is room. `waiting` belongs to this value, and is empty at first.
    ///
    /// If this is dropped before it is ready, the value is not sent.
    #[inline]
    pub(crate) fn poll_send<'a>(
        &'a self,
        cx: &mut Context<'_>,
        head: &YieldHead,
        encoded: &mut Encoded,
        waiting: &mut Option<Room<'a>>,
    ) -> Poll<Result<(), Error>> {
        let tried = match waiting {
            None => Some(self.try_send(head, encoded)?),
            Some(_) => None,
        };
        if tried == Some(Tried::Sent) {
            return Poll::Ready(Ok(()));
        }
        self.poll_room(cx, head, encoded, waiting, tried)
    }

    #[inline(never)]
    fn poll_room<'a>(
        &'a self,
        cx: &mut Context<'_>,
        head: &YieldHead,
        encoded: &mut Encoded,
        waiting: &mut Option<Room<'a>>,
        mut tried: Option<Tried>,
    ) -> Poll<Result<(), Error>> {
        loop {
            if let Some(room) = waiting {
                ready!(room.as_mut().poll(cx));
                *waiting = None;
            }
            let tried = match tried.take() {
                Some(tried) => tried,
                None => self.try_send(head, encoded)?,
            };
            let full = match tried {
                Tried::Sent => return Poll::Ready(Ok(())),
                Tried::TurnOver => {
                    // A plain wake-up is not enough: the runtime must check its sockets before this task runs again.
                    *waiting = Some(Box::pin(tokio::task::yield_now()));
                    continue;
                }
                full => full,
            };
            // Registered before the second look, so that room made in between is not missed.
            let room = match full {
                Tried::BufferFull => self.peer.channel.room().notified(),
                Tried::Sent | Tried::NoCredit | Tried::Ending | Tried::TurnOver => {
                    self.room.get_or_init(Box::default).notified()
                }
            };
            let mut room = Box::pin(room);
            room.as_mut().enable();
            match self.try_send(head, encoded)? {
                Tried::Sent => return Poll::Ready(Ok(())),
                again if again == full => {
                    // This keeps the value on the account while it waits.
                    encoded.fit();
                    let held = self.peer.channel.hold_unsent(encoded.len());
                    *waiting = Some(Box::pin(async move {
                        room.await;
                        drop(held);
                    }));
                }
                _other => {}
            }
        }
    }

    /// Sends one encoded value if there is room for it.
    #[inline(never)]
    fn try_send(&self, head: &YieldHead, encoded: &mut Encoded) -> Result<Tried, Error> {
        // This must outlive the locks.
        let _driver;
        let mut cell = self.cell();
        if let Some(error) = cell.failure().or(cell.overrun.as_deref()) {
            return Err(error.clone());
        }
        cell.dialog.command(Command::Yield).map_err(|misuse| self.misuse(misuse))?;
        if self.stopped_by_peer(&cell) {
            return Err(self.unread());
        }
        let has_credit = self.peer.has_credit();
        if has_credit && cell.tx.is_unread() {
            return Err(self.unread());
        }
        if has_credit && !cell.tx.has_room() {
            return Ok(Tried::NoCredit);
        }
        if cell.pace.is_turn_over() {
            return Ok(Tried::TurnOver);
        }
        let mut buffer = self.peer.channel.buffer();
        if buffer.is_full() {
            return Ok(Tried::BufferFull);
        }
        let bytes = encoded.len();
        let appended = append_item(&mut buffer, head, encoded);
        let Appended::Yes(driver) = appended else { return self.not_sent(appended) };
        _driver = driver;
        if has_credit {
            cell.tx.spend(bytes);
        }
        Ok(Tried::Sent)
    }

    #[cold]
    fn not_sent(&self, appended: Appended) -> Result<Tried, Error> {
        match appended {
            Appended::Yes(_) => Ok(Tried::Sent),
            Appended::Closed(_) => Ok(Tried::Ending),
            Appended::TooLarge(error) => Err(self.too_large(&error)),
        }
    }

    #[cold]
    fn unread(&self) -> Error {
        StreamUnread::new(self.peer.aid.uid.clone(), self.cid).into()
    }

    /// Sends the first value of a context.
    pub(crate) fn send_started<T: Payload>(&self, value: &T, check: &Check<T>) -> Result<(), Error> {
        let kind = PldKind::Started;
        let mut encoded = self.encode(kind, value, check)?;
        // This must outlive the lock.
        let _driver;
        let mut cell = self.cell();
        // The machine must not change to started if the value cannot be sent.
        let mut next = cell.dialog.clone();
        next.command(Command::Started).map_err(|misuse| self.misuse(misuse))?;
        let appended = self.append_pld(kind, &mut encoded);
        _driver = self.accepted(appended)?;
        cell.dialog = next;
        Ok(())
    }

    /// Appends a message that has a payload.
    pub(super) fn append_pld(&self, kind: PldKind, encoded: &mut Encoded) -> Appended {
        self.peer.channel.append_frame(|frame| {
            codec::begin_pld(kind, &self.cid, frame.bytes());
            encoded.append_to(frame);
        })
    }

    /// Closes the local half of the stream, if it is open. With a peer without `credit`, one `Stop` closes both halves.
    pub(crate) fn send_stop(&self) {
        // This must outlive the lock.
        let _appended;
        let mut cell = self.lock();
        let command = if self.peer.has_credit() { Command::Stop } else { Command::StopBoth };
        // A half that is closed or was never opened needs no `Stop`. The side that saw `Stop` first does not answer it.
        if cell.dialog.command(command).is_err() || self.stopped_by_peer(&cell) {
            return;
        }
        if !self.peer.has_credit() {
            cell.inbox.close(InboxEnd::Stopped);
            cell.wake_reader();
        }
        _appended = self.append_stop();
    }

    /// A closed channel is reported by the loss of the dialog.
    pub(super) fn append_stop(&self) -> Appended {
        self.peer.channel.send(&Msg::Stop { cid: self.cid })
    }

    /// Turns the result of an append into an error of ours, or the driver, to be woken after the lock.
    pub(super) fn accepted(&self, appended: Appended) -> Result<Wake, Error> {
        match appended {
            Appended::Yes(driver) => Ok(driver),
            Appended::TooLarge(error) => Err(self.too_large(&error)),
            Appended::Closed(reason) => Err(TransportClosed::new(self.peer.aid.uid.clone(), reason).into()),
        }
    }

    /// The error for a message of this dialog that was not sent.
    pub(super) fn too_large(&self, error: &FrameTooLarge) -> Error {
        let text = format!(
            "a message of `{}`: {error}; stream it in parts, or raise `Limits::frame_bytes_max`",
            self.endpoint
        );
        MessagingError::new(text, Some(self.cid)).into()
    }
}
