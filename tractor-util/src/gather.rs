//! Several contexts as one scope.
//!
//! ```text
//! open all --> wait for every first value --> body --> wait for every outcome
//!                |                             |         |
//!                +-- one fails, the body fails, drops ---+--> end all, wait for all, raise the first failure
//! ```
//!
//! Each context is a scope of its own ([`Portal::open_unstarted`]). Its body hands the context to the common body and
//! stays until that has ended.

use std::future::pending;

use futures_util::future::{join, join_all, try_join_all};
use tokio::sync::{oneshot, watch};
use tractor_core::error::RuntimeFailure;
use tractor_core::proto::payload::Payload;
use tractor_core::{ContextHandle, ContextTarget, ContextTypes, Error, ParentContext, Portal, Result};

/// Opens several contexts and runs one body in the scope of all of them.
///
/// All contexts are opened at once. When the last one has started, the body gets the contexts and their first values,
/// in the order of the input. When this function returns, every other side has ended; the contexts also end
/// concurrently.
///
/// ```
/// # use tractor_core::{Call, ContextEndpoint, Portal, Result};
/// # use tractor_util::gather_contexts;
/// # async fn example<E: ContextEndpoint<Started = u64>>(workers: &[Portal], call: fn() -> Call<E>) -> Result<()> {
/// let contexts = workers.iter().map(|worker| (worker.clone(), call()));
/// let sum = gather_contexts(contexts, async |contexts, firsts| -> Result<u64> {
///     for ctx in contexts {
///         ctx.wait_for_result().await?;
///     }
///     Ok(firsts.iter().sum())
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Runtime`] without any context. The failure of a context before its first value: the others are cancelled,
/// and the body never runs. The body's own error; else the first failure of another side, which drops the body at its
/// next await, as in [`Portal::open_context`]. A context that the body has cancelled itself is not a failure.
///
/// # Cancel safety
/// As [`Portal::open_context`].
pub async fn gather_contexts<I, C, T, Err, F>(contexts: I, body: F) -> Result<T, Err>
where
    I: IntoIterator<Item = (Portal, C)>,
    C: ContextTarget,
    F: AsyncFnOnce(
        Vec<ParentContext<C::Endpoint>>,
        Vec<<C::Endpoint as ContextTypes>::Started>,
    ) -> Result<T, Err>,
    Err: From<Error>,
{
    let stage = watch::Sender::new(Stage::Open);
    let (mut scopes, mut entries) = (Vec::new(), Vec::new());
    for (portal, call) in contexts {
        let (enter, entered) = oneshot::channel();
        entries.push(entered);
        scopes.push(hold(portal, call, enter, &stage));
    }
    if scopes.is_empty() {
        let text = "there is nothing to gather: give at least one context";
        return Err(Error::from(RuntimeFailure::new(text)).into());
    }
    let inside = async {
        // A context that does not start has failed; that failure ends this function.
        let Ok(entered) = try_join_all(entries).await else { return pending().await };
        let (contexts, firsts) = entered.into_iter().unzip();
        body(contexts, firsts).await
    };
    let running = async {
        let mut failing = stage.subscribe();
        let result = tokio::select! {
            biased;
            result = inside => result,
            error = failure(&mut failing) => Err(error.into()),
        };
        stage.send_modify(|stage| {
            if let Stage::Open = stage {
                *stage = if result.is_ok() { Stage::Leaving } else { Stage::Ended(None) };
            }
        });
        result
    };
    // The scopes are polled first, so the body has not seen a failure that arrives while it is polled.
    let (_, result) = join(join_all(scopes), running).await;
    match (result?, &*stage.borrow()) {
        (_, Stage::Ended(Some(error))) => Err(error.clone().into()),
        (value, _) => Ok(value),
    }
}

/// The common state of all contexts.
enum Stage {
    /// The contexts start, or the body runs.
    Open,
    /// The body has returned a value, and the contexts end by themselves.
    Leaving,
    /// The contexts are cancelled: one has failed with this error, or the body has failed.
    Ended(Option<Error>),
}

/// The reason why one context's scope was left.
enum Left {
    /// All contexts must end.
    Asked,
    /// The other side of this context has failed.
    Failed(Error),
}

impl From<Error> for Left {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The body's part of one context.
type Entered<E> = (ParentContext<E>, <E as ContextTypes>::Started);

/// Runs one context to its end. Its failure ends the others.
async fn hold<C: ContextTarget>(
    portal: Portal,
    call: C,
    enter: oneshot::Sender<Entered<C::Endpoint>>,
    stage: &watch::Sender<Stage>,
) {
    let (mut ended, mut leaving) = (stage.subscribe(), stage.subscribe());
    if let Stage::Ended(_) = *stage.borrow() {
        return;
    }
    let left = portal.open_unstarted(call, async move |opening| {
        let handle = opening.handle();
        let over = async {
            // Without a receiver the gathering has ended.
            _ = enter.send(opening.started().await?);
            tokio::select! {
                () = failed(&handle) => {}
                _ = leaving.wait_for(|stage| matches!(stage, Stage::Leaving)) => {}
            }
            // The scope returns its own failure.
            _ = handle.wait_for_result().await;
            Ok(())
        };
        tokio::select! {
            over = over => over,
            _ = ended.wait_for(|stage| matches!(stage, Stage::Ended(_))) => Err(Left::Asked),
        }
    });
    if let Err(Left::Failed(error)) = left.await {
        stage.send_modify(|stage| {
            if !matches!(stage, Stage::Ended(_)) {
                *stage = Stage::Ended(Some(error));
            }
        });
    }
}

/// Waits until a context has failed or is being cancelled. Its streamed values are left to the body.
async fn failed<R: Payload>(handle: &ContextHandle<R>) {
    handle.cancelled().await;
    if handle.has_outcome() && handle.maybe_error().is_none() {
        pending().await
    }
}

/// Waits for the first failure of a context.
async fn failure(stage: &mut watch::Receiver<Stage>) -> Error {
    loop {
        if let Stage::Ended(Some(error)) = &*stage.borrow_and_update() {
            return error.clone();
        }
        if stage.changed().await.is_err() {
            return pending().await;
        }
    }
}
