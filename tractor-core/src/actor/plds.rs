//! What the payloads of one side of a dialog are checked against at run time, besides their types.
//!
//! Mostly nothing: one load of a flag says so.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::current::current_context;
use super::linked::Linked;
use crate::error::{Blame, EndpointError, Error, MsgTypeError, Result, RuntimeFailure, pack};
use crate::proto::codec::PldKind;
use crate::proto::msg::FuncType;
use crate::proto::spec::PldSpec;

/// Narrows what payloads the current context allows, as long as the body runs.
///
/// The current context is the innermost one that the running task is in: that of the body of an
/// [`open_context`](crate::Portal::open_context), or the one whose endpoint is running. The spec holds for every payload that
/// this side receives, besides the types of the context; for the first value it sends; and, on a
/// [`strict`](crate::MsgStream::strict) stream, for the values it streams. In nested scopes all specs hold. What does not
/// match is a [`MsgTypeError`].
///
/// ```
/// # use tractor_core as tractor;
/// # use tractor::{MsgStream, PldSpec};
/// # async fn example(stream: &mut MsgStream<Option<u64>>) -> tractor::Result<()> {
/// let first = tractor::limit_plds(PldSpec::Int, async || stream.receive().await).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The body's own; [`Error::Runtime`] where there is no context, in which case the body does not run.
///
/// # Cancel safety
/// As cancel safe as the body; dropping it lifts the limit.
pub async fn limit_plds<T, Err, F>(spec: PldSpec, body: F) -> Result<T, Err>
where
    F: AsyncFnOnce() -> Result<T, Err>,
    Err: From<Error>,
{
    let Some(linked) = current_context() else {
        let text = "`limit_plds` narrows the current context, and there is none: call it in the body of an \
                    `open_context(..)` or in an endpoint with `#[tractor::context(..)]`";
        return Err(Error::from(RuntimeFailure::new(text)).into());
    };
    let all = || spec.clone();
    let specs = Arc::new(PldSpecs { started: all(), sent: all(), received: all(), returned: all() });
    linked.plds.narrow(specs.clone());
    let _limit = Limit { linked: &linked, specs };
    body().await
}

/// Lifts a limit again.
struct Limit<'a> {
    linked: &'a Linked,
    specs: Arc<PldSpecs>,
}

impl Drop for Limit<'_> {
    fn drop(&mut self) {
        self.linked.plds.widen(&self.specs);
    }
}

/// What each kind of payload may be, as seen from one side.
#[derive(Debug)]
pub(crate) struct PldSpecs {
    pub(crate) started: PldSpec,
    pub(crate) sent: PldSpec,
    pub(crate) received: PldSpec,
    pub(crate) returned: PldSpec,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Plds {
    kind: FuncType,
    flags: AtomicU8,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// All of them hold; the innermost comes last.
    specs: Vec<Arc<PldSpecs>>,
    /// The last bad value that was received from the stream.
    found: Option<MsgTypeError>,
}

/// There are specs.
const NARROWED: u8 = 1;
/// Streamed values are checked before they are sent.
const STRICT: u8 = 2;

impl Plds {
    pub(super) fn new(kind: FuncType) -> Self {
        Self { kind, flags: AtomicU8::new(0), state: Mutex::default() }
    }

    pub(super) fn is_context(&self) -> bool {
        self.kind == FuncType::Context
    }

    /// Adds a spec, under which streamed values are not checked before they are sent unless they are anyway.
    pub(crate) fn narrow(&self, specs: Arc<PldSpecs>) {
        self.lock().specs.push(specs);
        self.flags.fetch_or(NARROWED, Ordering::Release);
    }

    fn widen(&self, specs: &Arc<PldSpecs>) {
        let mut state = self.lock();
        state.specs.retain(|kept| !Arc::ptr_eq(kept, specs));
        if state.specs.is_empty() {
            self.flags.fetch_and(!NARROWED, Ordering::Release);
        }
    }

    /// From now on streamed values are checked before they are sent.
    pub(crate) fn be_strict(&self) {
        self.flags.fetch_or(STRICT, Ordering::Release);
    }

    #[inline]
    pub(crate) fn is_strict(&self) -> bool {
        self.flags.load(Ordering::Acquire) & STRICT != 0
    }

    #[inline]
    fn is_narrowed(&self) -> bool {
        self.flags.load(Ordering::Acquire) & NARROWED != 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Linked {
    /// Checks an encoded payload against the specs that hold; its type is for others to check.
    #[inline]
    pub(crate) fn check_specs(
        &self,
        kind: PldKind,
        encoded: &[u8],
        sender: Blame,
    ) -> Result<(), MsgTypeError> {
        if self.plds.is_narrowed() { self.check_each_spec(kind, encoded, sender) } else { Ok(()) }
    }

    #[cold]
    fn check_each_spec(&self, kind: PldKind, encoded: &[u8], sender: Blame) -> Result<(), MsgTypeError> {
        let depth_max = self.peer.channel.limits().nesting_depth_max;
        let all = self.plds.lock().specs.clone();
        // The innermost first.
        for specs in all.iter().rev() {
            let spec = match (kind, sender) {
                (PldKind::Started, _) => &specs.started,
                (PldKind::Yield, Blame::Local) => &specs.sent,
                (PldKind::Yield, Blame::Peer) => &specs.received,
                (PldKind::Return, _) => &specs.returned,
                (PldKind::CancelAck, _) => &PldSpec::Any,
            };
            if let Err(problem) = spec.check(encoded, self.format, depth_max) {
                return Err(self.mismatch(kind, encoded, spec.to_string(), problem, sender));
            }
        }
        Ok(())
    }

    /// Keeps a bad value of the peer's, to tell it if the scope ends with an error.
    pub(crate) fn note_found(&self, error: &MsgTypeError) {
        self.plds.lock().found = Some(error.clone());
    }

    /// Tells the peer of the bad value that it has sent, if it has.
    pub(crate) fn report_found(&self) {
        let found = self.plds.lock().found.take();
        if let Some(error) = found {
            self.send_error(pack(&self.peer.us, &EndpointError::new(Error::from(error))));
        }
    }
}
