//! Which actor, and which of its dialogs, the running task belongs to.
//!
//! Kept in task-locals, never in a process global: several actors can live in one process.

use std::sync::Arc;

use tracing::Instrument;

use super::core::Actor;
use super::deadline::in_scope;
use super::linked::Linked;
use crate::error::Error;

tokio::task_local! {
    static CURRENT: Current;
}

#[derive(Clone)]
struct Current {
    actor: Actor,
    linked: Option<Arc<Linked>>,
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

/// Runs a future as part of an actor, inside a span that names it. In a task that is part of that actor already, it stays
/// part of the dialog, too.
pub(crate) async fn with_actor<F: Future>(actor: Actor, future: F) -> F::Output {
    let linked = CURRENT.try_with(|current| (current.actor == actor).then(|| current.linked.clone()));
    let linked = linked.ok().flatten().flatten();
    let uid = actor.uid();
    let span = tracing::error_span!("actor", name = uid.name(), uuid = uid.uuid_short());
    CURRENT.scope(Current { actor, linked }, future).instrument(span).await
}

/// The dialog whose endpoint is running.
pub(super) fn current_linked() -> Option<Arc<Linked>> {
    CURRENT.try_with(|current| current.linked.clone()).ok().flatten()
}

/// The span of a dialog's task: its endpoint and its dialog.
pub(super) fn task_span(linked: &Linked) -> tracing::Span {
    tracing::error_span!("task", endpoint = &*linked.endpoint, cid = linked.cid.as_str())
}

/// Runs a closure as part of a dialog's task.
pub(super) fn in_task<R>(actor: &Actor, linked: &Arc<Linked>, f: impl FnOnce() -> R) -> R {
    let current = Current { actor: actor.clone(), linked: Some(linked.clone()) };
    CURRENT.sync_scope(current, || in_scope(linked.deadline, f))
}

/// Actor and task of the running task, for log lines.
#[cfg(feature = "log")]
pub(crate) fn task_label<R>(f: impl FnOnce(&Actor, Option<(&str, &str)>) -> R) -> Option<R> {
    CURRENT
        .try_with(|current| {
            let linked = current.linked.as_ref().map(|linked| (&*linked.endpoint, linked.cid.as_str()));
            f(&current.actor, linked)
        })
        .ok()
}
