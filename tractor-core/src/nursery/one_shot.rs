//! One call in an actor of its own.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::watch;

use super::builder::StartActor;
use super::scope::ActorNursery;
use crate::api::{Call, Endpoint, EndpointBody, FnEndpoint, Portal, Run};
use crate::error::{Error, Panicked, Result, RuntimeFailure};
use crate::proto::payload::Payload;
use crate::session::{catching, current_deadline, in_order};

/// A call for an actor of its own; await it to start the actor. Made by [`ActorNursery::run_in_actor`].
#[must_use = "an actor is started by awaiting this"]
pub struct RunInActor<E: Endpoint> {
    start: StartActor,
    nursery: ActorNursery,
    args: E::Args,
}

impl<E: Endpoint> RunInActor<E> {
    pub(super) fn new(nursery: ActorNursery, args: E::Args) -> Self {
        let start = StartActor::new(nursery.clone(), E::NAME.to_owned()).expose_endpoint::<E>();
        Self { start, nursery, args }
    }

    /// Names the actor. By default it has the name of the function.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.start = self.start.rename(name.into());
        self
    }

    /// Sets options of the actor, as for [`start_actor`](ActorNursery::start_actor): its environment, its limits, and
    /// so on.
    ///
    /// ```no_run
    /// # use tractor_core::{self as tractor, ActorNursery, FnEndpoint, RunInActor, Stdio, __private::EndpointBody};
    /// # fn example<E: FnEndpoint + EndpointBody>(call: RunInActor<E>) -> RunInActor<E> {
    /// call.set_up(|actor| actor.memory_max(256 << 20).stderr(Stdio::Captured))
    /// # }
    /// ```
    pub fn set_up(mut self, set_up: impl FnOnce(StartActor) -> StartActor) -> Self {
        self.start = set_up(self.start);
        self
    }
}

impl<E: Endpoint> fmt::Debug for RunInActor<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunInActor").field("start", &self.start).finish_non_exhaustive()
    }
}

impl<E: FnEndpoint + EndpointBody> IntoFuture for RunInActor<E>
where
    E::Returns: Sync,
{
    type Output = Result<OneShot<E::Returns>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(launch::<E>(self.start, self.nursery, self.args))
    }
}

async fn launch<E: FnEndpoint + EndpointBody>(
    start: StartActor,
    nursery: ActorNursery,
    args: E::Args,
) -> Result<OneShot<E::Returns>>
where
    E::Returns: Sync,
{
    // The call runs in a task of its own, outside of the caller's scope.
    let deadline = current_deadline();
    let portal = start.await?;
    let shot = portal.clone();
    let (outcome, result) = watch::channel(None);
    let (inner, running) = (nursery.inner.clone(), nursery.inner.begin());
    nursery.inner.actor.spawn_watcher(async move {
        let mut call = portal.run(Call::<E>::new(args));
        if let Some(at) = deadline {
            call = call.deadline_at(at);
        }
        let value = unpanicked(call).await.map(Arc::new);
        if let Err(error) = &value
            && !(inner.is_cancelled() && is_aftermath(error))
        {
            inner.fail(error.clone());
        }
        outcome.send_replace(Some(value));
        if let Some(child) = &portal.peer.child {
            child.ask(None);
        }
        drop(running);
    });
    Ok(OneShot { portal: shot, result })
}

/// A call runs the user's serializers here. A panic in them is a failure of the call; otherwise the actor would never
/// end.
async fn unpanicked<T: Payload>(mut call: Run<T>) -> Result<T> {
    poll_fn(|cx| {
        catching(|| Pin::new(&mut call).poll(cx)).unwrap_or_else(|Panicked { message, location }| {
            let text = format!("the call has failed with a panic on this side: {message} at {location}");
            Poll::Ready(Err(RuntimeFailure::new(text).into()))
        })
    })
    .await
}

/// Whether a call fails in this way because its actor is being cancelled. Any other failure is the call's own.
fn is_aftermath(error: &Error) -> bool {
    matches!(error, Error::Cancelled(_) | Error::Closed(_) | Error::DeadlineExceeded(_) | Error::Died(_))
}

/// One call in an actor of its own.
pub struct OneShot<T> {
    portal: Portal,
    result: watch::Receiver<Option<Result<Arc<T>>>>,
}

impl<T: Clone> OneShot<T> {
    /// Waits for the result, and returns a clone. It may be called any number of times, also after the nursery has
    /// ended.
    ///
    /// # Errors
    /// As [`Portal::run`](crate::Portal::run).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn wait_for_result(&self) -> Result<T> {
        let mut result = self.result.clone();
        let seen = match result.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            Err(_dropped) => None,
        };
        let ended = seen.unwrap_or_else(|| Err(RuntimeFailure::new("the runtime is shutting down").into()));
        Ok(T::clone(&*in_order(ended).await?))
    }
}

impl<T> OneShot<T> {
    /// A portal to the actor, which exposes this one function and ends with the call.
    pub fn portal(&self) -> &Portal {
        &self.portal
    }
}

impl<T> fmt::Debug for OneShot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneShot").field("actor", self.portal.uid()).finish_non_exhaustive()
    }
}
