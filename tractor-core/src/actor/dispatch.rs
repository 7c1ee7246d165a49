//! Handles the frames of a connection, in arrival order.
//!
//! # Invariants
//! 1. Nothing here waits: a slow endpoint, a full inbox or a slow teardown never stalls the connection.
//! 2. A frame that cannot be decoded costs its sender at most this connection; the dialog concerned gets an error.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::core::Actor;
use super::exposed::EndpointEntry;
use super::invoke::{Invocation, RequestTask};
use super::selfcall;
use crate::error::{self, CloseReason, type_names};
use crate::net::FrameHandler;
use crate::proto::codec::{self, DecodeError, PldKind, StartCache};
use crate::proto::dialog::{Dialog, Received, Side, is_own_overrun};
use crate::proto::frame::FrameTooLarge;
use crate::proto::id::Cid;
use crate::proto::limits::{FRAME_HEAD_BYTES, OVERSIZED_HEAD_BYTES};
use crate::proto::msg::{ErrorMsg, Msg, Start};
use crate::proto::payload::PayloadFormat;
use crate::proto::trace::TraceContext;
use crate::session::Deadline;
use crate::session::SessionEnd;
use crate::session::{Peer, RUN_BYTES_MAX, Refused, Run, catching, detached};

/// An endpoint that a request resolved to.
#[derive(Debug, Clone)]
struct Target {
    entry: &'static EndpointEntry,
    label: Arc<str>,
    /// The layout of its values for this caller.
    format: PayloadFormat,
}

/// The streamed values of one dialog at the end of the frames handled so far.
#[derive(Debug)]
struct Gathered {
    /// Their place in the chunk.
    range: Range<usize>,
    /// Bytes of each frame's body before its payload: the same for all.
    head: usize,
    values: usize,
    /// Bytes of the last payload.
    last: usize,
}

impl Gathered {
    /// Adds a frame, if it is such a value.
    #[inline]
    fn add(&mut self, chunk: &[u8], body: &Range<usize>) -> bool {
        let first = self.range.start + FRAME_HEAD_BYTES;
        let belongs = body.len() > self.head
            && chunk[first..first + self.head] == chunk[body.start..body.start + self.head]
            && body.end - self.range.start <= RUN_BYTES_MAX;
        if belongs {
            self.range.end = body.end;
            self.values += 1;
            self.last = body.len() - self.head;
        }
        belongs
    }
}

/// Delivers the frames of one connection to its dialogs.
pub(super) struct Dispatch {
    actor: Actor,
    peer: Arc<Peer>,
    /// The dialog of the last message. The next message is usually for the same one.
    last: Option<Arc<SessionEnd>>,
    /// Values of that dialog that were not delivered yet.
    run: Option<Gathered>,
    starts: StartCache<Target>,
    /// Of the requests of this chunk: the actor waits for them, including their first polls.
    counted: Option<TaskTrackerToken>,
    requests: usize,
    bad_frames: usize,
}

impl FrameHandler for Dispatch {
    #[inline]
    fn frame(&mut self, chunk: &Bytes, body: Range<usize>) -> Result<(), CloseReason> {
        if self.run.as_mut().is_some_and(|run| run.add(chunk, &body)) {
            return Ok(());
        }
        self.run_ends(chunk);
        if let Some((cid, head)) = codec::peek_yield(&chunk[body.clone()])
            && self.find(cid)
        {
            let (range, last) = (body.start - FRAME_HEAD_BYTES..body.end, body.len() - head);
            self.run = Some(Gathered { range, head, values: 1, last });
            return Ok(());
        }
        self.other_frame(chunk, body)
    }

    #[inline]
    fn chunk_ends(&mut self, chunk: &Bytes) {
        self.run_ends(chunk);
        self.counted = None;
    }

    fn oversized_head(&self) -> usize {
        // A Rust peer knows this end's limit.
        if self.peer.is_base() { OVERSIZED_HEAD_BYTES } else { 0 }
    }

    fn oversized(&mut self, head: &[u8], error: &FrameTooLarge) -> Result<(), CloseReason> {
        match codec::cid_in_part(head) {
            Some(cid) if self.peer.is_base() => {
                self.report(&format_args!("skipped a frame: {error}"));
                self.fail_dialog(cid, type_names::MESSAGING_ERROR, error.to_string());
                Ok(())
            }
            // A task may wait for the skipped message.
            Some(_) | None => Err(CloseReason::Protocol(error.to_string().into())),
        }
    }

    fn let_go(&mut self) {
        self.peer.let_go();
    }

    fn requests(&self) -> usize {
        self.requests
    }

    fn closing(&mut self, reason: &CloseReason) {
        // An actor of the base protocol would end as a whole.
        if let CloseReason::OverBudget(text) = reason
            && !self.peer.is_base()
        {
            let text = format!("the connection is closed: {text}");
            self.peer.send_error(error::local(&self.peer.us, type_names::RUNTIME_FAILURE, text));
        }
    }
}

impl Dispatch {
    pub(super) fn new(actor: Actor, peer: Arc<Peer>) -> Self {
        Self {
            actor,
            peer,
            last: None,
            run: None,
            starts: StartCache::default(),
            counted: None,
            requests: 0,
            bad_frames: 0,
        }
    }

    /// Handles a frame that is no streamed value of a known dialog.
    fn other_frame(&mut self, chunk: &Bytes, body: Range<usize>) -> Result<(), CloseReason> {
        let frame = &chunk[body.clone()];
        let payload = |at: usize| chunk.slice(body.start + at..body.end);
        if let Some((cid, at)) = codec::peek_pld(PldKind::Return, frame) {
            // A result ends its dialog. An id for a peer of the base protocol was not made here: it is looked up below.
            if let Some(session) = self.peer.take_own(cid) {
                self.last.take_if(|last| last.cid.is(cid));
                session.handle(Received::Return(payload(at)));
                return Ok(());
            }
            if self.hand(cid, || Received::Return(payload(at))) {
                return Ok(());
            }
        } else if let Some((cid, functype)) = codec::peek_start_ack(frame) {
            if self.hand(cid, || Received::StartAck(functype)) {
                return Ok(());
            }
        } else if let Some((cid, kwargs, target)) = self.starts.find(frame) {
            let target = target.clone();
            self.requests += 1;
            self.invoke(target, &cid, &frame[kwargs], None, None);
            return Ok(());
        }
        match codec::decode_within(&chunk.slice(body.clone()), self.peer.channel.limits().nesting_depth_max) {
            Ok(Msg::Start(start)) => self.start(&chunk.slice(body), *start),
            Ok(Msg::Error(error)) => self.message(Msg::Error(self.heard(error))),
            Ok(msg) => self.message(msg),
            Err(error) => self.undecodable(&error),
        }
    }

    /// A received failure, copied out of the read buffer.
    fn heard(&self, error: Box<ErrorMsg>) -> Box<ErrorMsg> {
        let mut error = without_buffer(error);
        if self.peer.is_base() {
            error::learn_from_trace(&mut error);
        }
        error
    }

    /// The fast path for a message that was recognised without a full decode. Returns whether its dialog is known.
    #[inline]
    fn hand(&mut self, cid: &[u8], msg: impl FnOnce() -> Received<Bytes, Box<ErrorMsg>>) -> bool {
        let found = self.find(cid);
        if found {
            self.hand_to_last(|last| last.handle(msg()));
        }
        found
    }

    /// Looks for a dialog, and makes it the last one.
    #[inline]
    fn find(&mut self, cid: &[u8]) -> bool {
        if !self.last.as_ref().is_some_and(|last| last.cid.is(cid)) {
            let Some(session) = self.peer.dialog(cid) else { return false };
            self.last = Some(session);
        }
        true
    }

    #[inline]
    fn hand_to_last(&mut self, take_in: impl FnOnce(&SessionEnd) -> bool) {
        let over = self.last.as_deref().is_some_and(take_in);
        if over && let Some(last) = self.last.take() {
            self.peer.forget(&last);
        }
    }

    /// Hands over what was gathered.
    #[inline]
    fn run_ends(&mut self, chunk: &Bytes) {
        if let Some(run) = self.run.take() {
            self.hand_over(chunk, &run);
        }
    }

    fn hand_over(&mut self, chunk: &Bytes, run: &Gathered) {
        let Gathered { range, head, values, last } = run;
        self.hand_to_last(|session| {
            if *values == 1 {
                session.handle(Received::Yield(chunk.slice(range.end - last..range.end)))
            } else {
                session.handle_run(Run::new(chunk.slice(range.clone()), *head, *values), *last)
            }
        });
    }

    fn message(&mut self, msg: Msg) -> Result<(), CloseReason> {
        match msg {
            Msg::Start(start) => return self.start(&Bytes::new(), *start),
            Msg::StartAck { cid, functype } => self.deliver(cid, Received::StartAck(functype)),
            Msg::Started { cid, pld } => self.deliver(cid, Received::Started(pld)),
            Msg::Yield { cid, pld } => self.deliver(cid, Received::Yield(pld)),
            Msg::Stop { cid } => self.deliver(cid, Received::Stop),
            Msg::Return { cid, pld } => self.deliver(cid, Received::Return(pld)),
            Msg::CancelAck { cid, pld } => self.deliver(cid, Received::CancelAck(pld)),
            Msg::Credit { cid, bytes } => self.deliver(cid, Received::Credit(bytes)),
            Msg::Error(error) => match error.cid {
                Some(cid) if is_own_overrun(&self.peer.us, &error) => {
                    self.deliver(cid, Received::Overrun(error));
                }
                Some(cid) => self.deliver(cid, Received::Error(error)),
                None if error.boxed_type_str == type_names::CONTEXT_CANCELLED => {
                    tracing::debug!(peer = %self.peer.aid.uid, "the peer's runtime ends in good order");
                    self.peer.ended_in_order.store(true, Ordering::Release);
                }
                None => {
                    let text = error::received(&self.peer.us, Arc::from(error)).to_string();
                    tracing::warn!(peer = %self.peer.aid.uid, "the peer's runtime failed: {text}");
                    return Err(CloseReason::PeerFailed(text.into()));
                }
            },
            Msg::Ready { image } => {
                self.peer.learn_image(self.actor.aid().image, image);
                self.peer.ready.cancel();
            }
            Msg::Aid(_) | Msg::SpawnSpec(_) | Msg::Auth { .. } => {
                let text = format!("`{}` came after the handshake", msg.name());
                tracing::warn!(peer = %self.peer.aid.uid, "closing the connection: {text}");
                return Err(CloseReason::Protocol(text.into()));
            }
        }
        Ok(())
    }

    fn deliver(&mut self, cid: Cid, msg: Received<Bytes, Box<ErrorMsg>>) {
        let name = msg.name();
        let Some(session) = self.peer.dialog(cid.as_bytes()) else {
            tracing::debug!(%cid, peer = %self.peer.aid.uid, "`{name}` for a dialog that is over or unknown");
            return;
        };
        if session.handle(msg) {
            self.peer.forget(&session);
        }
    }

    fn undecodable(&mut self, error: &DecodeError) -> Result<(), CloseReason> {
        self.report(&format_args!("undecodable frame: {error}"));
        if error.is_bad_frame() {
            self.bad_frames += 1;
            if self.bad_frames > self.peer.channel.limits().bad_frames_max {
                let text = format!("{} frames were no MessagePack (`bad_frames_max`)", self.bad_frames);
                return Err(CloseReason::Protocol(text.into()));
            }
        }
        if let Some(cid) = error.cid() {
            self.fail_dialog(cid, type_names::MSG_TYPE_ERROR, error.to_string());
        }
        Ok(())
    }

    /// Logs what is wrong with a frame, unless there were many such lines lately.
    fn report(&self, text: &dyn fmt::Display) {
        if let Some(left_out) = self.actor.inner.frame_log.line() {
            tracing::warn!(peer = %self.peer.aid.uid, "{text}{left_out}");
        }
    }

    /// Ends a dialog because of a message that cannot be accepted: both sides get an error.
    fn fail_dialog(&mut self, cid: Cid, type_name: &str, text: String) {
        let mut msg = error::local(&self.peer.us, type_name, text);
        msg.cid = Some(cid);
        // A child side reports the error as its one outcome, when its task has ended.
        let is_child = self.peer.dialog(cid.as_bytes()).is_some_and(|session| session.side() == Side::Child);
        if !is_child {
            self.peer.send_error(msg.clone());
        }
        self.deliver(cid, Received::Error(Box::new(msg)));
    }

    // ---- requests ----------------------------------------------------------------------------------------------

    /// A request that was fully decoded from `frame`.
    fn start(&mut self, frame: &Bytes, start: Start) -> Result<(), CloseReason> {
        self.requests += 1;
        let cid = start.cid;
        if start.uid != self.peer.aid.uid {
            let text = format!(
                "a request names {} as its sender, the handshake named {}",
                start.uid, self.peer.aid.uid
            );
            self.refuse(cid, type_names::RUNTIME_FAILURE, text.clone());
            return Err(CloseReason::Protocol(text.into()));
        }
        let method = (start.ns == selfcall::NAMESPACE).then(|| self.actor.method(&start.func));
        if let Some(None) = method {
            if self.peer.dialog(cid.as_bytes()).is_some() {
                self.used_twice(cid);
                return Ok(());
            }
            selfcall::run(&self.actor, &self.peer, &start);
            return Ok(());
        }
        if self.refuses_requests(cid) {
            return Ok(());
        }
        let found = match method.flatten() {
            Some(method) => Ok(method),
            None => self.actor.inner.allow.find(&self.peer.us, &start.ns, &start.func),
        };
        match found {
            Ok(entry) => {
                let label = entry.label();
                if start.positional && !(self.peer.is_same_image() && entry.is_positional()) {
                    let text = format!(
                        "`{label}` was asked for with values without field names, which it takes only from a call of \
                         itself in the same program image"
                    );
                    self.refuse(cid, type_names::MESSAGING_ERROR, text);
                    return Ok(());
                }
                let target = Target { entry, label, format: self.peer.format(start.positional) };
                // These differ in every request.
                if start.remaining.is_none()
                    && start.trace.is_none()
                    && let Some(at) = offset_in(frame, &start.kwargs)
                {
                    self.starts.learn(frame, at..at + start.kwargs.len(), target.clone());
                }
                let deadline = Deadline::of_peer(start.remaining);
                self.invoke(target, &cid, &start.kwargs, deadline, start.trace.as_ref());
            }
            Err(mut msg) => {
                msg.cid = Some(cid);
                self.peer.send_error(*msg);
            }
        }
        Ok(())
    }

    /// Whether the actor is ending and accepts no requests; then this one is answered with a refusal.
    fn refuses_requests(&self, cid: Cid) -> bool {
        let Some(canceller) = self.actor.cancel_requested() else { return false };
        let us = &self.peer.us;
        let mut msg = error::cancelled(us, &self.peer.aid.uid, canceller.as_ref().unwrap_or(us));
        msg.cid = Some(cid);
        self.peer.send_error(msg);
        true
    }

    fn refuse(&self, cid: Cid, type_name: &str, text: String) {
        tracing::debug!(%cid, peer = %self.peer.aid.uid, "refused a request: {text}");
        let mut msg = error::local(&self.peer.us, type_name, text);
        msg.cid = Some(cid);
        self.peer.send_error(msg);
    }

    /// A request under the id of a live dialog. The peer could not tell an answer to it from one to that dialog, so it
    /// is a violation of that dialog, which ends on both sides with one outcome.
    fn used_twice(&mut self, cid: Cid) {
        tracing::debug!(%cid, peer = %self.peer.aid.uid, "a request has the id of a live dialog");
        self.fail_dialog(cid, type_names::MESSAGING_ERROR, format!("the context id {cid} is in use"));
    }

    fn invoke(
        &mut self,
        target: Target,
        cid: &Cid,
        kwargs: &[u8],
        deadline: Option<Deadline>,
        trace: Option<&TraceContext>,
    ) {
        // On a runtime with several threads the actor may be cancelled meanwhile. From here on the actor waits for this
        // request, including its first poll; so the check comes after this.
        self.counted.get_or_insert_with(|| self.actor.inner.requests.token());
        if self.refuses_requests(*cid) {
            return;
        }
        match self.peer.admit(cid) {
            Ok(()) => {}
            Err(Refused::Closed) => return,
            Err(Refused::Duplicate) => {
                return self.used_twice(*cid);
            }
            Err(Refused::TooMany(max)) => {
                let text =
                    format!("{max} contexts are open on this connection (`contexts_per_connection_max`)");
                return self.refuse(*cid, type_names::RUNTIME_FAILURE, text);
            }
        }
        let Target { entry, label, format } = target;
        let (peer, dialog) = (self.peer.clone(), Dialog::child(entry.kind));
        let session = SessionEnd::new(peer, cid, dialog, None, label, format, deadline);
        let invocation = Invocation { actor: self.actor.clone(), session: session.clone(), kwargs };
        // Decodes the arguments, which runs user code.
        let future = match catching(|| (entry.invoke)(invocation)) {
            Ok(Ok(future)) => future,
            Err(panic) => {
                let (message, location) = (&panic.message, &panic.location);
                let endpoint = &session.endpoint;
                tracing::error!(%endpoint, "panicked while it took its arguments: {message} at {location}");
                let mut msg = panic.pack(&self.peer.us);
                msg.cid = Some(*cid);
                return self.peer.send_error(msg);
            }
            Ok(Err(problem)) => {
                return self.refuse(*cid, type_names::TYPE_ERROR, format!("{}(): {problem}", entry.name));
            }
        };
        // An id may be used again after its dialog; values then belong to the new dialog.
        self.last = None;
        // If another thread runs the endpoint, the acknowledgement is sent at once: while the connection writes it,
        // results gather, and leave in one write.
        session.accept_request(entry.kind, self.actor.inner.is_current_thread);
        self.actor.run_request(RequestTask::new(session, future, kwargs.len(), trace));
    }
}

/// A failure that may be kept for long, without the read buffer in which it came.
fn without_buffer(mut error: Box<ErrorMsg>) -> Box<ErrorMsg> {
    for bad_msg in [&mut error.bad_msg, &mut error.bad_msg_as_dict] {
        *bad_msg = bad_msg.take().map(detached);
    }
    if let Some(value) = &mut error.value {
        value.value = detached(std::mem::take(&mut value.value));
    }
    error
}

/// The offset of `part`, a slice of `whole`, in `whole`.
fn offset_in(whole: &Bytes, part: &Bytes) -> Option<usize> {
    let at = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    (at + part.len() <= whole.len()).then_some(at)
}
