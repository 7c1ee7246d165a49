//! Requests this end makes: asking the peer to run an endpoint.
//!
//! The arguments are encoded first, under no lock, because their serializers are user code. Then the dialog enters the
//! table, and the request is appended, with the constant parts of its endpoint on this connection.

use std::any::TypeId;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use tokio::time::Instant;

use super::deadline::Deadline;
use super::encoded::Encoded;
use super::end::SessionEnd;
use super::peer::Peer;
use super::trace;
use crate::error::{Blame, DeadlineExceeded, Details, Error, MsgTypeError};
use crate::net::Appended;
use crate::proto::codec::{StartExtras, StartHead};
use crate::proto::dialog::Dialog;
use crate::proto::id::Caps;
use crate::proto::msg::FuncType;
use crate::proto::payload::{PayloadError, PayloadFormat};
use crate::proto::trace::TraceContext;

/// The number of endpoints whose constant parts a connection keeps.
const HEADS_KEPT_MAX: usize = 32;
/// The module of the runtime's own methods.
const RUNTIME_NS: &str = "self";

/// A request to run an endpoint of the peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) ns: &'a str,
    pub(crate) func: &'a str,
    pub(crate) kind: FuncType,
    pub(crate) pld_spec: &'static str,
    /// The deadline of the request.
    pub(crate) deadline: Option<Deadline>,
    /// The endpoint's own type, because two endpoints may have one name; `None` for a call by name.
    pub(crate) endpoint: Option<TypeId>,
    /// The dialog that it asks to cancel.
    pub(crate) cancels: Option<&'a Arc<SessionEnd>>,
    /// The task to wake with the first answer, registered before the request leaves.
    pub(crate) caller: Option<&'a Waker>,
    /// Whether its values may be laid out by position towards an actor of the same image.
    pub(crate) is_positional: fn() -> bool,
}

impl Request<'static> {
    /// A call of one of the runtime's own methods.
    pub(super) fn runtime(func: &'static str) -> Self {
        let (kind, pld_spec, is_positional) = (FuncType::AsyncFunc, "bool", || false);
        // Such a call has no deadline: it must work after the caller's time is over.
        Self {
            ns: RUNTIME_NS,
            func,
            kind,
            pld_spec,
            deadline: None,
            endpoint: None,
            cancels: None,
            caller: None,
            is_positional,
        }
    }
}

/// The constant parts of the requests that a connection has made first. Free places are behind taken ones.
pub(super) type RequestHeads = [OnceLock<Box<RequestHead>>; HEADS_KEPT_MAX];

/// The constant parts of the requests for one endpoint.
#[derive(Debug, Clone)]
pub(super) struct RequestHead {
    /// The namespace, a colon and the function.
    label: Arc<str>,
    ns_bytes: usize,
    kind: FuncType,
    pld_spec: &'static str,
    endpoint: Option<TypeId>,
    start: StartHead,
    format: PayloadFormat,
}

impl RequestHead {
    fn is_of(&self, request: &Request<'_>) -> bool {
        match (self.endpoint, request.endpoint) {
            // The type of the endpoint determines the rest.
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, None) => {
                self.kind == request.kind
                    && self.names() == (request.ns, request.func)
                    && self.pld_spec == request.pld_spec
            }
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// The namespace and the function.
    fn names(&self) -> (&str, &str) {
        (&self.label[..self.ns_bytes], &self.label[self.ns_bytes + 1..])
    }

    /// Whether the request asks the actor at the other end to end.
    fn ends_the_actor(&self) -> bool {
        self.names() == (RUNTIME_NS, "cancel")
    }
}

impl Peer {
    /// Asks the peer to run an endpoint; returns the parent side of the new dialog.
    ///
    /// `args` appends the arguments as one map from name to value. Its second argument is the deepest nesting allowed.
    pub(crate) fn request(
        self: &Arc<Self>,
        request: Request<'_>,
        args: impl FnOnce(PayloadFormat, usize, &mut Vec<u8>) -> Result<(), PayloadError>,
    ) -> Result<Arc<SessionEnd>, Error> {
        let head = self.request_head(&request);
        if let Some(late) = request.deadline.filter(|deadline| deadline.is_over()) {
            let whom = self.aid.uid.clone();
            return Err(DeadlineExceeded::before_start(head.label.clone(), whom, late.budget).into());
        }
        let args = Encoded::by(|out| args(head.format, self.payload_depth_max(), out))
            .map_err(|problem| self.unencodable(&head, &problem))?;
        self.send_request(&request, &head, args)
    }

    /// The part of a request that is compiled once, whatever its arguments are.
    fn send_request(
        self: &Arc<Self>,
        request: &Request<'_>,
        head: &RequestHead,
        mut args: Encoded,
    ) -> Result<Arc<SessionEnd>, Error> {
        let trace = self.trace_of(request);
        // Cloning a waker is foreign code, so it comes before the table's lock.
        let caller = request.caller.cloned();
        let session = self.enter_new(|cid| {
            let (peer, label) = (self.clone(), head.label.clone());
            let dialog = match self.caps.contains(Caps::UNACKED) {
                true => Dialog::parent_unacked(head.kind),
                false => Dialog::parent(head.kind),
            };
            let session = SessionEnd::new(peer, cid, dialog, caller, label, head.format, request.deadline);
            if let Some(target) = request.cancels {
                session.cancels.get_or_init(|| Arc::downgrade(target));
            }
            session
        })?;
        if head.ends_the_actor()
            && let Some(child) = &self.child
        {
            // This comes before the request is sent, and only if it may be sent: the child's end is then no death.
            child.ask_with_request();
        }
        match self.append_request(head, &session, &mut args, trace.as_ref()) {
            Appended::Yes(_) => Ok(session),
            // The loss of the dialog will report the reason.
            Appended::Closed(_) => {
                session.never_left();
                Ok(session)
            }
            Appended::TooLarge(error) => {
                self.forget(&session);
                Err(session.too_large(&error).unsent())
            }
        }
    }

    /// The trace that a request belongs to; requests to the runtime itself have none.
    fn trace_of(&self, request: &Request<'_>) -> Option<TraceContext> {
        let tells = self.caps.contains(Caps::TRACE) && request.ns != RUNTIME_NS;
        tells.then(trace::outgoing).flatten()
    }

    fn append_request(
        &self,
        head: &RequestHead,
        session: &SessionEnd,
        args: &mut Encoded,
        trace: Option<&TraceContext>,
    ) -> Appended {
        let deadline = session.deadline.filter(|_| self.caps.contains(Caps::DEADLINE));
        self.channel.append_frame(|frame| {
            let begun = frame.bytes().len();
            head.start.begin(&session.cid, frame.bytes());
            args.append_to(frame);
            // The remaining time is taken late, because it runs on while the arguments are encoded.
            let remaining = deadline.map(|Deadline { at, .. }| at.saturating_duration_since(Instant::now()));
            head.start.finish_with(&StartExtras { remaining, trace }, begun, frame.bytes());
        })
    }

    #[cold]
    fn unencodable(&self, head: &RequestHead, problem: &PayloadError) -> Error {
        let details = Details {
            message: "Start".to_owned(),
            expected: "serializable values".to_owned(),
            problem: format!("`{}`: {problem}", head.label),
            ..Details::default()
        };
        MsgTypeError::new(details, &self.us, Blame::Local, None).into()
    }

    /// The constant parts of a request, mostly made once per endpoint.
    fn request_head(&self, request: &Request<'_>) -> Cow<'_, RequestHead> {
        let mut kept = self.request_heads.iter().map_while(OnceLock::get);
        if let Some(found) = kept.find(|head| head.is_of(request)) {
            return Cow::Borrowed(found);
        }
        // This asks the types, which runs user code.
        let positional = self.is_same_image() && (request.is_positional)();
        let mut fresh = Box::new(RequestHead {
            label: [request.ns, ":", request.func].concat().into(),
            ns_bytes: request.ns.len(),
            kind: request.kind,
            pld_spec: request.pld_spec,
            endpoint: request.endpoint,
            start: StartHead::new(request.ns, request.func, &self.us, request.pld_spec, positional),
            format: self.format(positional),
        });
        for place in &self.request_heads {
            match place.set(fresh) {
                Ok(()) => return place.get().map(|head| Cow::Borrowed(&**head)).expect("it was just set"),
                Err(taken) => fresh = taken,
            }
        }
        Cow::Owned(*fresh)
    }
}
