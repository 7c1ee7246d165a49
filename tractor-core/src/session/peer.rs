//! The actor at the other end of one connection, and the dialogs on that connection.
//!
//! Dialogs are keyed by connection and cid: a message on one connection never reaches a dialog of another one.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio_util::sync::CancellationToken;

use super::child::ChildActor;
use super::dialogs::Dialogs;
use super::end::SessionEnd;
use super::request::RequestHeads;
use crate::error::{self, CloseReason, Error, MessagingError, RuntimeFailure, TransportClosed};
use crate::net::{Appended, Channel};
use crate::proto::codec::{self, PldKind};
use crate::proto::dialog::Side;
use crate::proto::id::{Aid, Caps, Cid, Image, Uid};
use crate::proto::limits::Timeouts;
use crate::proto::msg::{ErrorMsg, Msg};
use crate::proto::payload::PayloadFormat;

/// One connection to another actor.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Identity of this actor.
    pub(crate) us: Uid,
    /// Identity of the actor at the other end.
    pub(crate) aid: Aid,
    /// Extensions both ends announced.
    pub(crate) caps: Caps,
    pub(crate) channel: Channel,
    /// The actor at the other end is of our own user, or has proved that it is of our tree.
    pub(crate) is_member: bool,
    /// This is the connection of a parent and its child, which is open as long as both live.
    pub(crate) is_family: bool,
    /// Limits of this actor's waits.
    pub(crate) timeouts: Timeouts,
    /// Set when a child reports that it has booted.
    pub(crate) ready: CancellationToken,
    /// Set when the connection has ended and everything that came on it was handled; its dialogs may not know yet.
    pub(crate) drained: CancellationToken,
    /// The actor at the other end has announced that it ends in good order.
    pub(crate) ended_in_order: AtomicBool,
    /// The actor at the other end, if it is a child of this one.
    pub(crate) child: Option<Arc<ChildActor>>,
    /// The peer's requests to end this actor that are not acknowledged yet.
    pub(crate) cancels_pending: AtomicUsize,
    /// Shared by its portals and unsent calls, if there are any.
    used: Mutex<Weak<Used>>,
    same_image: AtomicBool,
    pub(super) request_heads: RequestHeads,
    /// Live dialogs, and the reason why there can be no new ones, if any. Locked before any dialog's cell.
    table: Mutex<Table>,
}

/// A connection in use: every portal and unsent call on it holds the same one.
#[derive(Debug)]
pub(crate) struct Used(Arc<Peer>);

impl Deref for Used {
    type Target = Arc<Peer>;

    #[inline]
    fn deref(&self) -> &Arc<Peer> {
        &self.0
    }
}

#[derive(Debug)]
struct Table {
    dialogs: Dialogs<SessionEnd>,
    closed: Option<Error>,
}

/// Why a child side could not be entered into the table.
pub(crate) enum Refused {
    /// The cid is in use.
    Duplicate,
    /// The peer has too many dialogs open.
    TooMany(usize),
    /// The connection is gone.
    Closed,
}

impl Peer {
    pub(crate) fn new(
        ours: &Aid,
        timeouts: Timeouts,
        aid: Aid,
        caps: Caps,
        channel: Channel,
        dialer: bool,
        child: Option<Arc<ChildActor>>,
    ) -> Self {
        let theirs = aid.image;
        let peer = Self {
            us: ours.uid.clone(),
            timeouts,
            aid,
            caps,
            channel,
            is_member: false,
            is_family: false,
            ready: CancellationToken::new(),
            drained: CancellationToken::new(),
            ended_in_order: AtomicBool::new(false),
            child,
            cancels_pending: AtomicUsize::new(0),
            used: Mutex::default(),
            same_image: AtomicBool::new(false),
            request_heads: RequestHeads::default(),
            table: Mutex::new(Table {
                dialogs: Dialogs::new(if dialer { b'd' } else { b'a' }),
                closed: None,
            }),
        };
        peer.learn_image(ours.image, theirs);
        peer
    }

    /// Marks the connection as used, as long as the result lives.
    pub(crate) fn in_use(self: &Arc<Self>) -> Arc<Used> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.upgrade().unwrap_or_else(|| {
            let new = Arc::new(Used(self.clone()));
            *used = Arc::downgrade(&new);
            new
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_credit(&self) -> bool {
        self.caps.contains(Caps::CREDIT)
    }

    /// Whether the actor at the other end speaks only the base protocol, like those of the Python library.
    pub(crate) fn is_base(&self) -> bool {
        self.caps.is_empty()
    }

    /// Whether the actor at the other end claims to run our program image.
    pub(crate) fn is_same_image(&self) -> bool {
        self.same_image.load(Ordering::Acquire)
    }

    /// Records the image that the actor at the other end claims.
    pub(crate) fn learn_image(&self, ours: Option<Image>, theirs: Option<Image>) {
        if ours.is_some() && ours == theirs {
            self.same_image.store(true, Ordering::Release);
        }
    }

    /// How the values of a dialog are laid out, by position or not.
    pub(crate) fn format(&self, positional: bool) -> PayloadFormat {
        match positional {
            true => PayloadFormat::Positional,
            false if self.caps.contains(Caps::POSITIONAL) => PayloadFormat::ByName,
            false => PayloadFormat::Base,
        }
    }

    /// How deep arrays and maps of a sent value may be nested, below those of the message around it.
    #[inline]
    pub(crate) fn payload_depth_max(&self) -> usize {
        self.channel.limits().nesting_depth_max.saturating_sub(1)
    }

    /// Enters the parent side of a new dialog; `make` makes it from its id.
    pub(crate) fn enter_new(
        &self,
        make: impl FnOnce(&Cid) -> Arc<SessionEnd>,
    ) -> Result<Arc<SessionEnd>, Error> {
        let mut table = self.table();
        if let Some(error) = &table.closed {
            return Err(error.clone().unsent());
        }
        if !self.is_base() {
            return Ok(table.dialogs.enter_new(make));
        }
        // A peer of the base protocol keys dialogs by actor, not by connection: its cids must never repeat.
        let cid = loop {
            let text = uuid::Uuid::new_v4().to_string();
            let cid = Cid::new(&text).expect("a uuid's text is shorter than the longest cid");
            // The peer may have guessed it.
            if table.dialogs.get(cid.as_bytes()).is_none() {
                break cid;
            }
        };
        let session = make(&cid);
        table.dialogs.enter(cid, session.clone());
        Ok(session)
    }

    /// Checks that the peer may open a dialog with this id.
    pub(crate) fn admit(&self, cid: &Cid) -> Result<(), Refused> {
        let max = self.channel.limits().contexts_per_connection_max;
        let table = self.table();
        if table.closed.is_some() {
            return Err(Refused::Closed);
        }
        if table.dialogs.get(cid.as_bytes()).is_some() {
            return Err(Refused::Duplicate);
        }
        if table.dialogs.len() >= max {
            return Err(Refused::TooMany(max));
        }
        Ok(())
    }

    /// Answers a cancel request of the peer.
    pub(crate) fn acknowledge_cancel(&self, request: Cid) {
        const TRUE: &[u8] = &[0xc3];
        // The loss of the connection's dialogs reports a closed channel.
        _ = self.channel.append(|out| codec::encode_pld(PldKind::CancelAck, &request, TRUE, out));
    }

    /// Enters the child side of an admitted dialog. Returns why it is lost, if the connection is gone.
    ///
    /// It also fails if the endpoint has meanwhile opened a dialog under the same id: the peer chose one of our ids,
    /// and loses only its own dialog.
    pub(crate) fn enter(&self, session: Arc<SessionEnd>) -> Result<(), Error> {
        let mut table = self.table();
        if let Some(error) = &table.closed {
            return Err(error.clone());
        }
        let cid = session.cid;
        session.is_entered.store(true, Ordering::Relaxed);
        if table.dialogs.enter(cid, session) {
            Ok(())
        } else {
            Err(MessagingError::new("the context id is in use", Some(cid)).into())
        }
    }

    /// The live dialog with this id.
    pub(crate) fn dialog(&self, cid: &[u8]) -> Option<Arc<SessionEnd>> {
        self.table().dialogs.get(cid).cloned()
    }

    /// Takes the parent side of a dialog out of the table, if its id was made here.
    pub(crate) fn take_own(&self, cid: &[u8]) -> Option<Arc<SessionEnd>> {
        self.table().dialogs.take_own(cid)
    }

    /// Removes an ended dialog from the table, but not a later one with the same id.
    pub(crate) fn forget(&self, over: &SessionEnd) {
        // This is dropped after the table's lock is released.
        let _removed;
        let mut table = self.table();
        _removed = table.dialogs.remove(&over.cid, over);
    }

    /// Every live dialog whose child side runs here.
    pub(crate) fn child_sides(&self) -> Vec<Arc<SessionEnd>> {
        let all: Vec<_> = self.table().dialogs.iter().cloned().collect();
        all.into_iter().filter(|session| session.side() == Side::Child).collect()
    }

    /// Whether this side has cancelled a dialog and waits for its end.
    pub(crate) fn awaits_an_end(&self) -> bool {
        self.table().dialogs.iter().any(|session| session.is_end_awaited())
    }

    /// The actor at the other end, which must be a child of this one.
    pub(crate) fn own_child(&self) -> Result<&Arc<ChildActor>, RuntimeFailure> {
        self.child.as_ref().ok_or_else(|| {
            let text = format!(
                "actor {} is not a child of this one: only its parent can kill it; `cancel_actor` asks it to end",
                self.aid.uid
            );
            RuntimeFailure::new(text)
        })
    }

    /// Stops all waits for tasks of the peer whose scopes were dropped here.
    pub(crate) fn give_up(&self) {
        let all: Vec<_> = self.table().dialogs.iter().cloned().collect();
        all.iter().for_each(|session| session.give_up());
    }

    /// Dialogs in the table.
    pub(crate) fn dialogs_open(&self) -> usize {
        self.table().dialogs.len()
    }

    /// At most this many of the dialogs in the table, and their total number.
    pub(crate) fn some_dialogs(&self, max: usize) -> (Vec<Arc<SessionEnd>>, usize) {
        let table = self.table();
        (table.dialogs.iter().take(max).cloned().collect(), table.dialogs.len())
    }

    /// Copies the waiting values of all dialogs, so that they keep no read buffer alive.
    pub(crate) fn let_go(&self) {
        let dialogs: Vec<_> = self.table().dialogs.iter().cloned().collect();
        for session in dialogs {
            session.let_go();
        }
    }

    /// Records the loss of the connection in every dialog on it; there will be no new ones.
    pub(crate) fn lose(&self, error: &Error) {
        let dialogs = {
            let mut table = self.table();
            table.closed.get_or_insert_with(|| error.clone());
            table.dialogs.take()
        };
        for session in &dialogs {
            session.lose(error);
        }
    }

    /// The usual error for the end of this connection.
    pub(crate) fn closed_error(&self, reason: CloseReason) -> Error {
        TransportClosed::new(self.aid.uid.clone(), reason).into()
    }

    /// Sends a failure. A message too large for a frame loses its details, not its delivery.
    pub(crate) fn send_error(&self, mut msg: ErrorMsg) {
        if !self.caps.contains(Caps::ERROR_VALUES) {
            msg.value = None;
        }
        let (bytes_max, depth_max) = (self.channel.frame_bytes_max(), self.payload_depth_max());
        if self.is_base() {
            error::tell_in_trace(&mut msg, None);
        }
        let mut fits = codec::shorten_error(&mut msg, bytes_max, depth_max);
        if self.is_base() && msg.tb_str.is_empty() {
            // The rest of the text.
            error::tell_in_trace(&mut msg, None);
            fits = codec::shorten_error(&mut msg, bytes_max, depth_max);
        }
        if !fits {
            let text = format!(
                "a failure could not be passed on: even its names are longer than a frame may be, {bytes_max} bytes \
                 (`frame_bytes_max`)"
            );
            let cid = msg.cid;
            msg = error::local(&self.us, error::type_names::RUNTIME_FAILURE, text);
            msg.cid = cid;
        }
        match self.channel.send(&Msg::Error(Box::new(msg))) {
            Appended::Yes(_) => {}
            Appended::Closed(reason) => {
                tracing::debug!(peer = %self.aid.uid, "error not sent, the connection is closed: {reason}");
            }
            Appended::TooLarge(error) => tracing::warn!(peer = %self.aid.uid, "error not sent: {error}"),
        }
    }
}
