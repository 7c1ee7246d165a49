//! The parent side of a dialog as a scope: requesting the dialog, running its body, waiting for its end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::call::{ContextTarget, StreamTarget};
use super::deadline::{Inside, in_time, waits_for};
use super::endpoint::{ContextEndpoint, StreamEndpoint};
use super::portal::{Portal, ask};
use crate::actor::saying_for_whom;
use crate::error::{Error, Result};
use crate::proto::dialog::{Absorbs, Verdict, judge};
use crate::proto::msg::FuncType;
use crate::proto::payload::Payload;
use crate::session::{Outcome, SessionEnd, in_order};

/// The scope of a dialog. Dropping it before the outcome cancels the dialog.
pub(super) struct Scope(pub(super) Arc<SessionEnd>);

impl Drop for Scope {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Scope {
    /// Asks for a context.
    pub(super) async fn of_context<C: ContextTarget>(portal: &Portal, call: C) -> Result<Self> {
        portal.refuse_self()?;
        let pld_spec = <C::Endpoint as ContextEndpoint>::Started::shown();
        let deadline = portal.limit.starting_now();
        let asked =
            ask::<C::Endpoint>(&portal.peer, FuncType::Context, pld_spec, deadline, None, &call.into_args());
        in_order(asked.map(Self)).await
    }

    /// Asks for a one-way stream.
    pub(super) async fn of_stream<C: StreamTarget>(portal: &Portal, call: C) -> Result<Self> {
        let pld_spec = std::any::type_name::<<C::Endpoint as StreamEndpoint>::Item>();
        let deadline = portal.limit.starting_now();
        let asked =
            ask::<C::Endpoint>(&portal.peer, FuncType::AsyncGen, pld_spec, deadline, None, &call.into_args());
        in_order(asked.map(Self)).await
    }

    /// Waits for the other side to end by itself.
    ///
    /// # Errors
    /// The error that the scope must return. If this side failed, the other side has not ended yet.
    async fn joined(&self) -> Result<()> {
        let session = &self.0;
        let waits_for = || waits_for(session);
        let outcome = saying_for_whom(session.peer.timeouts.scope_warning, waits_for, session.result()).await;
        in_order(self.raised(outcome).map_or(Ok(()), Err)).await
    }

    /// Runs the body until both sides have ended, or the dialog's time is over.
    pub(super) async fn run<T, Err: From<Error>>(
        self,
        body: impl Future<Output = Result<T, Err>>,
    ) -> Result<T, Err> {
        let session = self.0.clone();
        in_time(&session, async {
            let body = self.run_body(body).await;
            self.leave(body).await
        })
        .await
    }

    /// The failure of a settled dialog that its scope must return.
    pub(super) fn raised(&self, outcome: Outcome) -> Option<Error> {
        let Outcome::Failed(error) = outcome else { return None };
        let msg = match &error {
            Error::Cancelled(cancelled) => cancelled.msg(),
            Error::Remote(failed) => failed.msg(),
            _ => return Some(error),
        };
        let session = &self.0;
        let absorbs = Absorbs {
            cancellation: session.canceller().as_ref() == Some(&session.peer.us),
            overrun: session.absorbs_overruns(),
        };
        match judge(&session.peer.us, &session.peer.aid.uid, absorbs, msg) {
            Verdict::Absorbed => None,
            Verdict::Raised => Some(error),
        }
    }

    /// Polls the body; a failure of the other side drops it at its await.
    async fn run_body<T, Err>(&self, body: impl Future<Output = Result<T, Err>>) -> Body<T, Err> {
        let mut body = pin!(body);
        poll_fn(|cx| {
            // The failure is checked first, because the body has not seen a failure that arrives while it is polled.
            let failed = self.0.poll_failed(cx);
            match body.as_mut().poll(cx) {
                Poll::Ready(result) => Poll::Ready(Body::Ended(result)),
                Poll::Pending => failed.map(Body::Dropped),
            }
        })
        .await
    }

    /// The scope's result once its body has ended.
    async fn leave<T, Err: From<Error>>(self, body: Body<T, Err>) -> Inside<T, Err> {
        match body {
            Body::Ended(Ok(value)) => match self.joined().await {
                Ok(()) => Inside::Done(Ok(value)),
                Err(error) => Inside::Failed(error.into()),
            },
            Body::Ended(Err(error)) => {
                self.report_type_error();
                Inside::Failed(error)
            }
            Body::Dropped(error) => {
                let Err(error) = in_order(Err::<Infallible, _>(error)).await;
                Inside::Failed(error.into())
            }
        }
    }

    /// Reports a bad value of the other side, on which the body failed, before the other side is asked to end.
    pub(super) fn report_type_error(&self) {
        self.0.report_type_error();
    }
}

enum Body<T, Err> {
    Ended(Result<T, Err>),
    /// The other side failed with this error, and the body was dropped.
    Dropped(Error),
}
