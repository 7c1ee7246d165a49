//! Requests this end makes: their constant parts, and what becomes of them when the peer has other types.
//!
//! ```text
//! Start(own fingerprint) --accepted--> settled: later requests are sent without a second thought
//!        |
//!        +--SchemaMismatch--> compare --do not fit--> error, nothing has run
//!                                |
//!                                +--fit--> Start(the peer's fingerprint), by name --accepted--> settled
//!                                                      |
//!                                                      +--SchemaMismatch--> error
//! ```
//!
//! As long as a request is not settled, whoever made it keeps the arguments, to send them once more. A refused dialog is
//! over like any other that has failed: whoever is dropped between the refusal and the second request leaves nothing behind.

use std::any::TypeId;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};

use super::linked::Linked;
use super::peer::{Peer, Request};
use crate::error::{Error, SchemaMismatch};
use crate::proto::codec::StartHead;
use crate::proto::id::Caps;
use crate::proto::msg::FuncType;
use crate::proto::payload::{PayloadError, PayloadFormat};
use crate::proto::schema::{self, Schema};
use crate::wakers::poll_or_register;

/// Endpoints of which a connection remembers the constant parts of a request.
const REQUESTS_KNOWN_MAX: usize = 32;

/// The caller's types of an endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Types {
    /// The endpoint's own type: two versions of an endpoint may have the same name.
    pub(crate) endpoint: TypeId,
    pub(crate) schema: fn() -> &'static Schema,
}

/// The constant parts of the requests for one endpoint.
#[derive(Debug)]
pub(crate) struct KnownRequest {
    ns: String,
    func: String,
    pub(super) kind: FuncType,
    pld_spec: &'static str,
    types: Option<Types>,
    said: schema::Types,
    pub(super) head: StartHead,
    pub(super) label: Arc<str>,
    pub(super) format: PayloadFormat,
    /// The peer will not refuse the types any more.
    settled: AtomicBool,
}

impl KnownRequest {
    fn is_for(&self, request: &Request<'_>) -> bool {
        self.types.map(|types| types.endpoint) == request.types.map(|types| types.endpoint)
            && self.kind == request.kind
            && self.func == request.func
            && self.ns == request.ns
            && self.pld_spec == request.pld_spec
    }

    /// Whether it asks the actor at the other end to end.
    pub(super) fn ends_the_actor(&self) -> bool {
        self.ns == "self" && self.func == "cancel"
    }
}

/// A request that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) linked: Arc<Linked>,
    /// While the peer may still refuse the types: keep the arguments until that is settled.
    pub(crate) unsettled: Option<Unsettled>,
}

/// A request whose types the peer may refuse.
#[derive(Debug)]
pub(crate) struct Unsettled(Arc<KnownRequest>);

/// A request to be sent once more, with types that fit.
#[derive(Debug)]
pub(crate) struct Again(Arc<KnownRequest>);

impl Unsettled {
    /// Learns from the first answer, or the failure in its place, whether the request is to be sent again.
    ///
    /// # Errors
    /// The peer's types do not fit. Every other failure is the caller's to handle.
    pub(crate) fn settle(self, peer: &Peer, failure: Option<&Error>) -> Result<Option<Again>, Error> {
        let Some(error) = failure else {
            self.0.settled.store(true, Ordering::Relaxed);
            return Ok(None);
        };
        let Some(theirs) = error.as_remote().and_then(|error| error.refused_types()) else { return Ok(None) };
        peer.fit(&self.0, theirs).map(Some)
    }
}

impl Peer {
    /// Asks the peer to run an endpoint, which it may refuse because of its types.
    ///
    /// `args` appends them as one map from name to value.
    pub(crate) fn request(
        self: &Arc<Self>,
        request: Request<'_>,
        again: Option<Again>,
        args: impl FnOnce(PayloadFormat, &mut Vec<u8>) -> Result<(), PayloadError>,
    ) -> Result<Sent, Error> {
        let known = again.map_or_else(|| self.known_request(&request), |Again(known)| known);
        let linked = self.start_known(&known, request.deadline, args)?;
        let unsettled = (!known.settled.load(Ordering::Relaxed)).then_some(Unsettled(known));
        Ok(Sent { linked, unsettled })
    }

    /// Asks the peer to run an endpoint with values of any type.
    pub(crate) fn start(
        self: &Arc<Self>,
        request: Request<'_>,
        args: impl FnOnce(PayloadFormat, &mut Vec<u8>) -> Result<(), PayloadError>,
    ) -> Result<Arc<Linked>, Error> {
        self.start_known(&self.known_request(&request), request.deadline, args)
    }

    /// Whether requests on this connection name their types.
    pub(super) fn compares_types(&self) -> bool {
        self.caps.contains(Caps::SCHEMA.or(Caps::POSITIONAL))
    }

    /// The constant parts of a request, made once per endpoint.
    fn known_request(&self, request: &Request<'_>) -> Arc<KnownRequest> {
        let find = |known: &[Arc<KnownRequest>]| known.iter().find(|known| known.is_for(request)).cloned();
        if let Some(found) = find(&self.requests.lock().unwrap_or_else(PoisonError::into_inner)) {
            return found;
        }
        // Finding the schema runs user code, hence without the lock.
        let schema = request.types.filter(|_| self.compares_types()).map(|types| (types.schema)());
        let said = schema.map_or(schema::Types::Unsaid, |schema| schema::Types::Own(schema.fingerprint()));
        let fresh = Arc::new(KnownRequest {
            ns: request.ns.to_owned(),
            func: request.func.to_owned(),
            kind: request.kind,
            pld_spec: request.pld_spec,
            types: request.types,
            said,
            head: StartHead::new(request.ns, request.func, &self.us, request.pld_spec, said),
            label: Arc::from(format!("{}:{}", request.ns, request.func)),
            format: schema.map_or(self.format(), |schema| self.format_of(said, schema)),
            settled: AtomicBool::new(said == schema::Types::Unsaid),
        });
        let mut known = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&known) {
            return found;
        }
        if known.len() < REQUESTS_KNOWN_MAX {
            known.push(fresh.clone());
        }
        fresh
    }

    /// The peer has refused the types of a request. Those of its endpoint may fit all the same: then this and all later
    /// requests say so, and payloads go by name.
    fn fit(&self, refused: &Arc<KnownRequest>, theirs: &str) -> Result<Again, Error> {
        let mismatch = |theirs, differences| {
            let ours = refused.types.map(|types| (types.schema)().fingerprint());
            let peer = self.aid.uid.clone();
            Err(SchemaMismatch::new(refused.label.clone(), peer, ours, theirs, differences).into())
        };
        if theirs.is_empty() {
            let why = "its schema is too long to be compared (`SCHEMA_BYTES_MAX`)";
            return mismatch(None, Err(why.to_owned()));
        }
        let theirs = match Schema::parse(theirs) {
            Ok(theirs) => theirs,
            Err(error) => return mismatch(None, Err(format!("its schema cannot be read ({error})"))),
        };
        let (Some(types), schema::Types::Own(_)) = (refused.types, refused.said) else {
            return mismatch(Some(theirs.fingerprint()), Err("it has refused its own fingerprint".into()));
        };
        let said = schema::Types::Fit(theirs.fingerprint());
        if let Some(found) = self.find_fitting(refused, said) {
            return Ok(Again(found));
        }
        let differences = theirs.compare((types.schema)());
        if differences.iter().any(schema::Difference::breaks) {
            return mismatch(Some(theirs.fingerprint()), Ok(differences));
        }
        tracing::debug!(
            peer = %self.aid.uid, endpoint = %refused.label,
            "the types differ and fit: {}", differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        );
        let fitting = Arc::new(KnownRequest {
            ns: refused.ns.clone(),
            func: refused.func.clone(),
            kind: refused.kind,
            pld_spec: refused.pld_spec,
            types: refused.types,
            said,
            head: StartHead::new(&refused.ns, &refused.func, &self.us, refused.pld_spec, said),
            label: refused.label.clone(),
            format: self.format_of(said, (types.schema)()),
            settled: AtomicBool::new(false),
        });
        let mut known = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = known.iter_mut().find(|known| Arc::ptr_eq(known, refused)) {
            *place = fitting.clone();
        }
        Ok(Again(fitting))
    }

    /// What another request for the same endpoint, refused before this one, was replaced by.
    fn find_fitting(&self, refused: &KnownRequest, said: schema::Types) -> Option<Arc<KnownRequest>> {
        let request = Request {
            ns: &refused.ns,
            func: &refused.func,
            kind: refused.kind,
            pld_spec: refused.pld_spec,
            deadline: None,
            types: refused.types,
        };
        let known = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|known| known.said == said && known.is_for(&request)).cloned()
    }
}

impl Linked {
    /// Waits until a one-way stream was accepted, or has failed.
    pub(crate) fn poll_accepted(&self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        poll_or_register(
            cx,
            || self.lock(),
            |cell| &mut cell.opener,
            |cell| {
                if let Some(error) = cell.failure() {
                    return Poll::Ready(Err(error.clone()));
                }
                let accepted = cell.dialog.is_receiving() || cell.outcome.is_some();
                if accepted { Poll::Ready(Ok(())) } else { Poll::Pending }
            },
        )
    }
}
