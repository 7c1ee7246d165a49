//! Several contexts as one scope.
//!
//! ```text
//! start all --> wait for every first value --> body --> wait for every outcome
//!                 |                             |         |
//!                 +-- one fails, the body fails, drops ---+--> end all, wait for all, raise the first failure
//! ```

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_util::future::{join_all, try_join_all};
use tokio::time::Instant;

use crate::actor::within;
use crate::dialog::{ContextEndpoint, ContextTarget, ParentContext, Portal, Scope};
use crate::error::{Error, Result, RuntimeFailure};

/// Opens contexts side by side and runs one body in all of them.
///
/// All are opened at once. The body gets them, and their first values, in the order of the input, when the last has
/// started. When this returns, every other side has ended; they end side by side, too.
///
/// ```
/// # use tractor_core as tractor;
/// # use tractor::{Call, Portal, Result};
/// # async fn example<E>(workers: &[Portal], call: fn() -> Call<E>) -> Result<()>
/// # where E: tractor::ContextEndpoint<Started = u64> {
/// let contexts = workers.iter().map(|worker| (worker.clone(), call()));
/// let sum: u64 = tractor::gather_contexts(contexts, async |contexts, firsts| -> Result<u64> {
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
/// [`Error::Runtime`] for no contexts. A context that fails before its first value: the others are cancelled, and the body
/// never runs. The body's own error; else the first failure of another side, which drops the body at its next await, as in
/// [`Portal::open_context`].
///
/// # Cancel safety
/// As [`Portal::open_context`].
pub async fn gather_contexts<I, C, T, Err, F>(contexts: I, body: F) -> Result<T, Err>
where
    I: IntoIterator<Item = (Portal, C)>,
    C: ContextTarget,
    F: AsyncFnOnce(
        Vec<ParentContext<C::Endpoint>>,
        Vec<<C::Endpoint as ContextEndpoint>::Started>,
    ) -> Result<T, Err>,
    Err: From<Error>,
{
    let mut scopes = Vec::new();
    let mut refused = None;
    for (portal, call) in contexts {
        match Scope::of_context(&portal, call) {
            Ok(scope) => scopes.push(scope),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let deadline = scopes.iter().filter_map(Scope::deadline).min();
    let inside = async {
        let firsts = match refused {
            Some(error) => return Err(error.into()),
            None if scopes.is_empty() => {
                let text = "there is nothing to gather: give at least one context";
                return Err(Error::from(RuntimeFailure::new(text)).into());
            }
            None => try_join_all(scopes.iter().map(Scope::first)).await?,
        };
        let firsts =
            scopes.iter().zip(&firsts).map(|(scope, first)| scope.decode_first::<C::Endpoint>(first));
        let firsts = firsts.collect::<Result<_>>()?;
        let contexts: Vec<_> = scopes.iter().map(|scope| scope.context()).collect();
        let value = run(&scopes, body(contexts, firsts)).await?;
        try_join_all(scopes.iter().map(|scope| scope.joined())).await?;
        Ok(value)
    };
    let result = match deadline {
        None => inside.await,
        Some(at) => match within(at, inside).await {
            Some(result) => result,
            None => return Err(expire(&scopes, at).await.into()),
        },
    };
    if result.is_err() {
        let ends = join_all(scopes.iter().map(Scope::end));
        match deadline {
            None => _ = ends.await,
            Some(at) => {
                if within(at, ends).await.is_none() {
                    expire(&scopes, at).await;
                }
            }
        }
    }
    result
}

/// Cancels all when the first deadline, `at`, has passed, and waits for their end, within a limit. The error is that of
/// the one whose deadline it was.
async fn expire(scopes: &[Scope], at: Instant) -> Error {
    let errors = join_all(scopes.iter().map(Scope::expired)).await;
    let overdue = scopes.iter().zip(errors).find(|(scope, _)| scope.deadline() == Some(at));
    overdue.map_or(Error::NoRuntime, |(_, error)| error)
}

/// Polls the body; the failure of any other side ends it where it waits.
async fn run<T, Err: From<Error>>(
    scopes: &[Scope],
    body: impl Future<Output = Result<T, Err>>,
) -> Result<T, Err> {
    let mut body = pin!(body);
    poll_fn(|cx| {
        // Looked at first: a failure that comes while the body is polled is one that the body has not seen.
        let mut failed = None;
        for scope in scopes {
            if let Poll::Ready(error) = scope.poll_failed(cx) {
                failed.get_or_insert(error);
            }
        }
        match (body.as_mut().poll(cx), failed) {
            (Poll::Pending, Some(error)) => Poll::Ready(Err(error.into())),
            (Poll::Ready(Err(error)), _) => {
                scopes.iter().for_each(|scope| scope.report_type_error());
                Poll::Ready(Err(error))
            }
            (polled, _) => polled,
        }
    })
    .await
}
