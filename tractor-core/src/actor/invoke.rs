//! Running one request: poll inline, spawn if it waits, catch panics, drop on cancellation, always conclude.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::checked::Check;
use super::conclude::Ended;
use super::core::Actor;
use super::current::{in_task, task_span};
use super::deadline::Expiry;
use super::exposed::EndpointFuture;
use super::linked::Linked;
use crate::error::{EndpointError, Panicked};
use crate::proto::codec::PldKind;
use crate::proto::payload::Payload;

/// What an endpoint is invoked with.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) linked: Arc<Linked>,
    pub(crate) kwargs: Bytes,
}

impl Linked {
    /// Concludes a child side whose endpoint has returned.
    pub(crate) fn finish<T: Payload>(&self, outcome: Result<T, EndpointError>) {
        match outcome {
            Ok(value) => {
                let encode = || self.encode(PldKind::Return, &value, &Check::DECODES);
                self.conclude(Ended::Returned(&encode));
            }
            Err(error) => self.conclude(Ended::Failed(error)),
        }
    }
}

/// The task of one accepted request.
///
/// # Cancel safety
/// Dropping it drops the endpoint's future and concludes the dialog.
pub(super) struct RequestTask {
    actor: Actor,
    linked: Arc<Linked>,
    /// Names the task to every subscriber of `tracing`.
    span: tracing::Span,
    /// `None` once the dialog is concluded.
    endpoint: Option<EndpointFuture>,
    /// Until the time that the caller has given is over; `None` without a deadline, and after it.
    expiry: Option<Expiry>,
}

impl RequestTask {
    pub(super) fn new(actor: Actor, linked: Arc<Linked>, endpoint: EndpointFuture) -> Self {
        let span = task_span(&linked);
        let expiry = linked.deadline.map(|deadline| Expiry::new(deadline.at));
        Self { actor, linked, span, endpoint: Some(endpoint), expiry }
    }

    pub(super) fn linked(&self) -> &Arc<Linked> {
        &self.linked
    }

    /// Looks at the clock. Ready when the time is over and the endpoint shall not be polled again: it would only find that
    /// its own requests have run out of the same time.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(expiry) = &mut self.expiry else { return Poll::Pending };
        std::task::ready!(expiry.poll(cx));
        self.expiry = None;
        self.linked.expire();
        self.linked.poll_ending(cx)
    }

    fn conclude(&mut self, ended: Ended<'_>) {
        self.drop_endpoint();
        self.linked.conclude(ended);
    }

    /// Drops the endpoint's future, in which user destructors run.
    fn drop_endpoint(&mut self) {
        let endpoint = self.endpoint.take();
        if let Err(panic) = catching(|| in_task(&self.actor, &self.linked, || drop(endpoint))) {
            tracing::error!(
                endpoint = %self.linked.endpoint,
                "a destructor panicked while the task was cancelled: {}", panic.message
            );
        }
    }
}

impl Future for RequestTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let span = this.span.clone();
        let _inside = span.enter();
        if this.endpoint.is_some() && this.poll_expired(cx).is_ready() {
            this.conclude(Ended::Dropped);
            return Poll::Ready(());
        }
        let Some(endpoint) = &mut this.endpoint else { return Poll::Ready(()) };
        let polled = catching(|| in_task(&this.actor, &this.linked, || endpoint.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Ready(())) => {
                this.drop_endpoint();
                Poll::Ready(())
            }
            Ok(Poll::Pending) => {
                std::task::ready!(this.linked.poll_ending(cx));
                this.conclude(Ended::Dropped);
                Poll::Ready(())
            }
            Err(panic) => {
                tracing::error!(endpoint = %this.linked.endpoint, "panicked: {} at {}", panic.message, panic.location);
                this.conclude(Ended::Panicked(panic));
                Poll::Ready(())
            }
        }
    }
}

impl Drop for RequestTask {
    fn drop(&mut self) {
        if self.endpoint.is_some() {
            self.conclude(Ended::Dropped);
        }
    }
}

thread_local! {
    /// Place of the last panic on this thread, until it is taken.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes where this thread panics, for [`catching`] to tell. Called by the panic hook, so that nothing in here may panic.
pub(crate) fn note_panic_place(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(String::new, ToString::to_string);
    _ = PLACE.try_with(|slot| slot.try_borrow_mut().map(|mut slot| *slot = Some(place)));
}

/// Calls `f`; a panic becomes a value with its text and place.
pub(crate) fn catching<R>(f: impl FnOnce() -> R) -> Result<R, Panicked> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic whose payload is no text".to_owned());
        let location = PLACE.with(|slot| slot.borrow_mut().take()).unwrap_or_default();
        Panicked { message, location }
    })
}
