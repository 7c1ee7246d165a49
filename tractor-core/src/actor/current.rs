//! The actor, and the dialog, that the running task belongs to.
//!
//! Both are task-locals, never process globals, because several actors can live in one process.

use std::sync::Arc;

use tracing::Instrument;

use super::core::Actor;
use crate::error::Error;
use crate::session::in_scope;
use crate::session::{Peer, SessionEnd};

tokio::task_local! {
    static CURRENT: Current;
}

#[derive(Clone)]
struct Current {
    actor: Actor,
    session: Option<Arc<SessionEnd>>,
}

/// The actor that the running task belongs to.
///
/// # Errors
/// [`Error::NoRuntime`] outside of any actor.
pub fn try_current_actor() -> Result<Actor, Error> {
    CURRENT.try_with(|current| current.actor.clone()).map_err(|_| Error::NoRuntime)
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
    let (current, span) = here_as(actor);
    CURRENT.scope(current, future).instrument(span).await
}

fn here_as(actor: Actor) -> (Current, tracing::Span) {
    let session = CURRENT.try_with(|current| (current.actor == actor).then(|| current.session.clone()));
    let session = session.ok().flatten().flatten();
    let uid = actor.uid();
    let span = tracing::error_span!("actor", name = uid.name(), uuid = uid.uuid_short());
    (Current { actor, session }, span)
}

/// Runs a future as a task of an actor that belongs to no dialog, inside a span that names the actor.
///
/// Unlike in [`with_actor`], the future lies in the task only once.
pub(super) fn task_of<F: Future>(actor: Actor, future: F) -> impl Future<Output = F::Output> {
    let uid = actor.uid();
    let span = tracing::error_span!(parent: None, "actor", name = uid.name(), uuid = uid.uuid_short());
    CURRENT.scope(Current { actor, session: None }, future).instrument(span)
}

/// The dialog whose endpoint is running.
pub(super) fn current_session() -> Option<Arc<SessionEnd>> {
    CURRENT.try_with(|current| current.session.clone()).ok().flatten()
}

/// The endpoint and the actor that the running task belongs to, as text.
pub(crate) fn whereabouts() -> Option<String> {
    let text = |current: &Current| {
        let actor = format!("actor {}", current.actor.uid());
        match &current.session {
            Some(session) => format!("`{}` in {actor}", session.endpoint),
            None => actor,
        }
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

/// Runs a closure as part of a dialog's task.
pub(super) fn in_task<R>(actor: &Actor, session: &Arc<SessionEnd>, f: impl FnOnce() -> R) -> R {
    let current = Current { actor: actor.clone(), session: Some(session.clone()) };
    CURRENT.sync_scope(current, || in_scope(session, f))
}

/// Actor and dialog of the running task, for log lines.
#[cfg(feature = "log")]
pub(crate) fn task_label<R>(f: impl FnOnce(&Actor, Option<(&str, &str)>) -> R) -> Option<R> {
    CURRENT
        .try_with(|current| {
            let session = current.session.as_ref().map(|session| (&*session.endpoint, session.cid.as_str()));
            f(&current.actor, session)
        })
        .ok()
}
