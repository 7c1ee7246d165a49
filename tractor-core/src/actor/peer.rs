//! What this actor knows of the actor at the other end of one connection, and the dialogs on it.
//!
//! Dialogs are keyed by connection and cid: a message on one connection never reaches a dialog of another one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::core::Actor;
use super::deadline::Deadline;
use super::linked::Linked;
use super::request::{KnownRequest, Types};
use crate::error::{
    self, Blame, CloseReason, DeadlineExceeded, Details, Error, MessagingError, MsgTypeError, TransportClosed,
};
use crate::ipc::{Appended, Channel};
use crate::proto::args::ArgTuple;
use crate::proto::codec::{self, PldKind};
use crate::proto::dialog::Side;
use crate::proto::id::{Aid, Caps, Cid, Uid};
use crate::proto::limits::Timeouts;
use crate::proto::msg::{ErrorMsg, FuncType, Msg};
use crate::proto::payload::{PayloadError, PayloadFormat};
use crate::proto::schema::{self, Schema};

/// What is kept of the text of a failure that is too large for a frame.
const MESSAGE_BYTES_KEPT: usize = 1000;

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
    /// Limits of this actor's waits.
    pub(crate) timeouts: Timeouts,
    /// Set when a child reports that it has booted.
    pub(crate) ready: CancellationToken,
    /// Set when the connection has ended and everything that came on it was handled; its dialogs may not know yet.
    pub(crate) drained: CancellationToken,
    /// The actor at the other end has said that it ends in good order.
    pub(crate) ended_in_order: AtomicBool,
    /// We have asked the actor at the other end to end.
    pub(crate) cancel_asked: AtomicBool,
    /// Requests of the peer to end this actor that were not acknowledged yet.
    pub(super) cancels_pending: AtomicUsize,
    /// First letter of the cids this end makes; the two ends of a connection use different ones.
    cid_prefix: u8,
    cid_next: AtomicU64,
    /// Constant parts of the requests made so far. Held for a look-up.
    pub(super) requests: Mutex<Vec<Arc<KnownRequest>>>,
    /// Live dialogs, and why there can be no new ones. Locked before any dialog's cell.
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    dialogs: HashMap<Cid, Arc<Linked>>,
    closed: Option<Error>,
}

/// A request to run an endpoint of the peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) ns: &'a str,
    pub(crate) func: &'a str,
    pub(crate) kind: FuncType,
    pub(crate) pld_spec: &'static str,
    /// When it must have ended.
    pub(crate) deadline: Option<Deadline>,
    /// `None` for values of any type.
    pub(crate) types: Option<Types>,
}

/// Why a child side could not be entered into the table.
pub(super) enum Refused {
    /// The cid is in use.
    Duplicate,
    /// The peer has too many dialogs open.
    TooMany(usize),
    /// The connection is gone.
    Closed,
}

/// A dialog whose request was not sent yet: dropped, it leaves the table again, even if a user's serializer panics.
struct Entered<'a> {
    peer: &'a Peer,
    linked: &'a Linked,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.peer.forget(self.linked);
    }
}

impl Peer {
    pub(crate) fn new(actor: &Actor, aid: Aid, caps: Caps, channel: Channel, dialer: bool) -> Self {
        Self {
            us: actor.uid().clone(),
            timeouts: actor.timeouts().clone(),
            aid,
            caps,
            channel,
            ready: CancellationToken::new(),
            drained: CancellationToken::new(),
            ended_in_order: AtomicBool::new(false),
            cancel_asked: AtomicBool::new(false),
            cancels_pending: AtomicUsize::new(0),
            cid_prefix: if dialer { b'd' } else { b'a' },
            cid_next: AtomicU64::new(0),
            requests: Mutex::default(),
            table: Mutex::default(),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_credit(&self) -> bool {
        self.caps.contains(Caps::CREDIT)
    }

    /// How values are laid out on this connection where there is nothing to say of their types.
    pub(crate) fn format(&self) -> PayloadFormat {
        if self.caps.contains(Caps::POSITIONAL) { PayloadFormat::ByName } else { PayloadFormat::Named }
    }

    /// How the values of a dialog are laid out, whose request has said this of its types. Fields go without names only if
    /// it is known that both sides have the same in the same places.
    pub(super) fn format_of(&self, said: schema::Types, schema: &Schema) -> PayloadFormat {
        match said {
            schema::Types::Own(_) if schema.is_known() && self.compares_types() => PayloadFormat::Positional,
            schema::Types::Own(_) | schema::Types::Fit(_) | schema::Types::Unsaid => self.format(),
        }
    }

    /// An id that no dialog on this connection has, whatever ids the peer has taken.
    fn next_cid(&self, table: &Table) -> Cid {
        // A peer of the base protocol keys dialogs by actor, not by connection: its cids must never repeat.
        if self.caps.is_empty() {
            let text = uuid::Uuid::new_v4().to_string();
            return Cid::new(&text).expect("a uuid's text is shorter than the longest cid");
        }
        loop {
            let cid = Cid::short(self.cid_prefix, self.cid_next.fetch_add(1, Ordering::Relaxed));
            if !table.dialogs.contains_key(&cid) {
                return cid;
            }
        }
    }

    /// Asks the peer to run an endpoint; returns the parent side of the new dialog.
    ///
    /// `args` appends them as one map from name to value.
    pub(super) fn start_known(
        self: &Arc<Self>,
        known: &KnownRequest,
        deadline: Option<Deadline>,
        args: impl FnOnce(PayloadFormat, &mut Vec<u8>) -> Result<(), PayloadError>,
    ) -> Result<Arc<Linked>, Error> {
        if let Some(late) = deadline.filter(|deadline| deadline.is_over()) {
            let whom = self.aid.uid.clone();
            return Err(DeadlineExceeded::before_start(known.label.clone(), whom, late.budget).into());
        }
        let linked = {
            let mut table = self.table();
            if let Some(error) = &table.closed {
                return Err(error.clone());
            }
            let cid = self.next_cid(&table);
            let linked = Linked::new(
                self.clone(),
                cid,
                Side::Parent,
                known.kind,
                known.label.clone(),
                known.format,
                deadline,
            );
            let linked = Arc::new(linked);
            table.dialogs.insert(cid, linked.clone());
            linked
        };
        let cid = linked.cid;
        let entered = Entered { peer: self, linked: &linked };
        if known.ends_the_actor() {
            // Before it leaves, and only if it does: its end is no death then.
            self.cancel_asked.store(true, Ordering::Release);
        }
        let appended = self.channel.append(|out| {
            let begun = out.len();
            known.head.begin(&cid, out);
            args(known.format, out)?;
            match deadline {
                Some(Deadline { at, .. }) if self.caps.contains(Caps::DEADLINE) => {
                    known.head.finish_within(at.saturating_duration_since(Instant::now()), begun, out);
                }
                Some(_) | None => known.head.finish(out),
            }
            Ok::<_, PayloadError>(())
        });
        let error = match appended {
            // Where the channel is closed, the loss of the dialog is about to be told, with the reason.
            Ok(Appended::Yes(_) | Appended::Closed(_)) => {
                std::mem::forget(entered);
                return Ok(linked);
            }
            Ok(Appended::TooLarge(error)) => MessagingError::new(error.to_string(), Some(cid)).into(),
            Err(problem) => {
                let details = Details {
                    message: "Start".to_owned(),
                    expected: "serializable values".to_owned(),
                    problem: format!("`{}`: {problem}", linked.endpoint),
                    ..Details::default()
                };
                MsgTypeError::new(details, &self.us, Blame::Local, cid).into()
            }
        };
        Err(error)
    }

    /// Asks the peer to cancel the task of a dialog that this end opened. The answer is not waited for.
    pub(crate) fn request_cancel(self: &Arc<Self>, cid: Cid) {
        let request = Request {
            ns: "self",
            func: "_cancel_task",
            kind: FuncType::AsyncFunc,
            pld_spec: "bool",
            deadline: None,
            types: None,
        };
        let args = (cid.as_str().to_owned(),);
        match self.start(request, |format, out| args.encode(&["cid"], format, out)) {
            Ok(_answer) => {}
            Err(error) => tracing::debug!(%cid, peer = %self.aid.uid, "cancel request not sent: {error}"),
        }
    }

    /// Checks that the peer may open a dialog with this id.
    pub(super) fn admit(&self, cid: &Cid) -> Result<(), Refused> {
        let max = self.channel.limits().contexts_per_connection_max;
        let table = self.table();
        if table.closed.is_some() {
            return Err(Refused::Closed);
        }
        if table.dialogs.contains_key(cid) {
            return Err(Refused::Duplicate);
        }
        if table.dialogs.len() >= max {
            return Err(Refused::TooMany(max));
        }
        Ok(())
    }

    /// Answers a cancel request of the peer.
    pub(super) fn acknowledge_cancel(&self, request: Cid) {
        const TRUE: &[u8] = &[0xc3];
        // A closed channel has been, or will be, reported by the loss of the connection's dialogs.
        _ = self.channel.append_infallibly(|out| codec::encode_pld(PldKind::CancelAck, &request, TRUE, out));
    }

    /// Enters the child side of an admitted dialog. Returns why it is lost, if the connection is gone.
    ///
    /// Nor does it enter when the endpoint itself has meanwhile opened a dialog under the same id: the peer has chosen one
    /// of ours, and loses only its own.
    pub(super) fn enter(&self, linked: Arc<Linked>) -> Result<(), Error> {
        let mut table = self.table();
        if let Some(error) = &table.closed {
            return Err(error.clone());
        }
        match table.dialogs.entry(linked.cid) {
            Entry::Vacant(free) => {
                free.insert(linked);
                Ok(())
            }
            Entry::Occupied(_) => {
                Err(MessagingError::new("the context id is in use", Some(linked.cid)).into())
            }
        }
    }

    pub(crate) fn dialog(&self, cid: &Cid) -> Option<Arc<Linked>> {
        self.table().dialogs.get(cid).cloned()
    }

    /// Takes a dialog that is over out of the table, and no other that has its id by now.
    pub(crate) fn forget(&self, over: &Linked) {
        let removed = match self.table().dialogs.entry(over.cid) {
            Entry::Occupied(entry) if std::ptr::eq(&raw const **entry.get(), over) => Some(entry.remove()),
            Entry::Occupied(_) | Entry::Vacant(_) => None,
        };
        // Dropped here, after the table's lock is released.
        drop(removed);
    }

    /// Every live dialog whose child side runs here.
    pub(super) fn child_sides(&self) -> Vec<Arc<Linked>> {
        let all: Vec<_> = self.table().dialogs.values().cloned().collect();
        all.into_iter().filter(|linked| linked.side() == Side::Child).collect()
    }

    /// Dialogs in the table.
    pub(crate) fn dialogs_open(&self) -> usize {
        self.table().dialogs.len()
    }

    /// The connection is gone: every dialog on it is told, and there will be no new ones.
    pub(crate) fn lose(&self, error: &Error) {
        let dialogs = {
            let mut table = self.table();
            table.closed.get_or_insert_with(|| error.clone());
            std::mem::take(&mut table.dialogs)
        };
        for linked in dialogs.values() {
            linked.lose(error);
        }
    }

    /// The usual error for the end of this connection.
    pub(crate) fn closed_error(&self, reason: CloseReason) -> Error {
        TransportClosed::new(self.aid.uid.clone(), reason).into()
    }

    /// Sends a failure. A message too large for a frame loses its details, not its delivery.
    pub(crate) fn send_error(&self, msg: ErrorMsg) {
        let mut msg = Box::new(msg);
        if !self.caps.contains(Caps::ERROR_VALUES) {
            msg.value = None;
        }
        for attempt in 0..4 {
            match self.channel.send(&Msg::Error(msg.clone())) {
                Appended::Yes(_) => return,
                Appended::Closed(reason) => {
                    tracing::debug!(peer = %self.aid.uid, "error not sent, the connection is closed: {reason}");
                    return;
                }
                // Names, of types or actors, may be as long as whoever sent them likes.
                Appended::TooLarge(error) if attempt > 1 => {
                    let cid = msg.cid;
                    let text = format!("a failure could not be passed on: {error}");
                    *msg = error::local(&self.us, error::type_names::RUNTIME_FAILURE, text);
                    msg.cid = cid;
                }
                Appended::TooLarge(_) if attempt == 0 => {
                    msg.bad_msg = None;
                    msg.bad_msg_as_dict = None;
                }
                Appended::TooLarge(_) => {
                    msg.value = None;
                    msg.causes.clear();
                    // A refusal because of types stays one.
                    msg.schema = msg.schema.map(|_| String::new());
                    msg.tb_str.clear();
                    if let Some(text) = &mut msg.message {
                        let kept = (0..=MESSAGE_BYTES_KEPT).rev().find(|&end| text.is_char_boundary(end));
                        text.truncate(kept.unwrap_or(0));
                    }
                }
            }
        }
        tracing::warn!(peer = %self.aid.uid, "error not sent: even its short form is larger than `frame_bytes_max`");
    }
}
