//! The actor, and the dialog, that the running task belongs to.
//!
//! Both are task-locals, never process globals, because several actors can live in one process.

use std::sync::Arc;

use tracing::Instrument;

use super::core::Actor;
use crate::error::Error;
use crate::session::{Peer, SessionEnd, endpoint_here, in_endpoint};

tokio::task_local! {
    static CURRENT: Actor;
}

/// The actor that the running task belongs to.
///
/// # Errors
/// [`Error::NoRuntime`] outside of any actor.
pub fn try_current_actor() -> Result<Actor, Error> {
    CURRENT.try_with(Actor::clone).map_err(|_| Error::NoRuntime)
}

/// The actor that the running task belongs to.
///
/// # Panics
/// Outside of any actor; [`try_current_actor`] returns an error instead.
pub fn current_actor() -> Actor {
    match try_current_actor() {
        Ok(actor) => actor,
        Err(error) => panic!("{error}"),
    }
}

/// Runs a future as part of an actor, inside a span that names the actor. In a task of that actor the future stays part
/// of the task's dialog, too.
pub(crate) async fn with_actor<F: Future>(actor: Actor, future: F) -> F::Output {
    let uid = actor.uid();
    let span = tracing::error_span!("actor", name = uid.name(), uuid = uid.uuid_short());
    CURRENT.scope(actor, future).instrument(span).await
}

/// Runs a future as a task of an actor that belongs to no dialog, inside a span that names the actor.
///
/// Unlike in [`with_actor`], the future lies in the task only once.
pub(super) fn task_of<F: Future>(actor: Actor, future: F) -> impl Future<Output = F::Output> {
    let uid = actor.uid();
    let span = tracing::error_span!(parent: None, "actor", name = uid.name(), uuid = uid.uuid_short());
    CURRENT.scope(actor, future).instrument(span)
}

/// The dialog whose endpoint is running.
pub(super) fn current_session() -> Option<Arc<SessionEnd>> {
    CURRENT.try_with(session_in).ok().flatten()
}

/// The dialog whose endpoint is running, if it is an endpoint of this actor and not of one around it.
fn session_in(actor: &Actor) -> Option<Arc<SessionEnd>> {
    endpoint_here().filter(|session| session.peer.us == *actor.uid())
}

/// The endpoint and the actor that the running task belongs to, as text.
pub(crate) fn whereabouts() -> Option<String> {
    let text = |actor: &Actor| match session_in(actor) {
        Some(session) => format!("`{}` in actor {}", session.endpoint, actor.uid()),
        None => format!("actor {}", actor.uid()),
    };
    CURRENT.try_with(text).ok()
}

/// The actor that has started the running endpoint, if one runs.
pub(crate) fn current_peer() -> Option<Arc<Peer>> {
    current_session().map(|session| session.peer.clone())
}

/// The span of a dialog's task: its endpoint and its dialog.
pub(super) fn task_span(session: &SessionEnd) -> tracing::Span {
    tracing::error_span!("task", endpoint = &*session.endpoint, cid = session.cid.as_str())
}

/// Runs an endpoint of an actor. The endpoint is dropped as part of that actor and its dialog, too.
pub(crate) fn in_task<F: Future>(
    actor: Actor,
    session: Arc<SessionEnd>,
    endpoint: F,
) -> impl Future<Output = F::Output> + use<F> {
    CURRENT.scope(actor, in_endpoint(session, endpoint))
}

/// Actor and dialog of the running task, for log lines.
#[cfg(feature = "log")]
pub(crate) fn task_label<R>(f: impl FnOnce(&Actor, Option<(&str, &str)>) -> R) -> Option<R> {
    CURRENT
        .try_with(|actor| {
            let session = session_in(actor);
            f(actor, session.as_ref().map(|session| (&*session.endpoint, session.cid.as_str())))
        })
        .ok()
}
