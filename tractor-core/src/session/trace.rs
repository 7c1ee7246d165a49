//! Trace propagation: the traces of this process to the actors that it calls, and the callers' traces to its endpoints.
//!
//! Two functions of the program read the trace of the running code, which only its tracer knows, and set it.
//!
//! # Invariants
//! 1. Both functions run under no lock of ours. If one panics, one request loses its trace; the request goes on.
//! 2. Without these functions, a request costs one check.

use std::sync::OnceLock;

use tracing::Span;

use super::panics::catching;
use crate::error::{Error, RuntimeFailure};
use crate::proto::trace::TraceContext;

static TRACER: OnceLock<Tracer> = OnceLock::new();

#[derive(Debug)]
struct Tracer {
    inject: fn() -> Option<TraceContext>,
    extract: fn(&TraceContext, &Span),
}

/// Propagates traces from actor to actor: joins the spans of this process with those of the actors that it calls or
/// that call it. Every process of a program must call it, so call it in the function of
/// `#[tractor::main(setup = path)]` or [`init_with`](crate::init_with).
///
/// * `inject` runs in the task that makes a request, and returns the context that the request carries: that of the
///   current span. With `None` the request carries none.
/// * `extract` runs where a request with a context arrives, before its endpoint begins. It gets the context and the
///   span in which the endpoint will run, and makes the context the parent of that span.
///
/// Both run once per request and should not block: `extract` delays the other requests of its connection. If one
/// panics, the panic is logged as a `tracing` event, and the request goes on without a context. The library's own
/// requests (cancellations, lookups of names) carry no context, nor do requests to actors of the base protocol.
///
/// The page `guide::logs` has both for OpenTelemetry.
///
/// ```
/// # use tractor_core as tractor;
/// use tracing::Span;
/// use tractor::TraceContext;
///
/// fn inject() -> Option<TraceContext> {
///     TraceContext::new("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
/// }
///
/// fn extract(context: &TraceContext, endpoint: &Span) {
///     let traceparent = context.traceparent();
///     endpoint.in_scope(|| tracing::info!("asked for in {traceparent}"));
/// }
///
/// tractor::propagate_traces(inject, extract)?;
/// # Ok::<_, tractor::Error>(())
/// ```
///
/// # Errors
/// [`Error::Runtime`] if it was called before in this process. The functions that were set first stay.
pub fn propagate_traces(
    inject: fn() -> Option<TraceContext>,
    extract: fn(&TraceContext, &Span),
) -> Result<(), Error> {
    TRACER
        .set(Tracer { inject, extract })
        .map_err(|_| RuntimeFailure::new("`propagate_traces` was called before in this process").into())
}

/// The context that a request of the running task carries.
pub(super) fn outgoing() -> Option<TraceContext> {
    let tracer = TRACER.get()?;
    catching(tracer.inject).unwrap_or_else(|panic| {
        tracing::error!("the function that injects traces panicked: {} at {}", panic.message, panic.location);
        None
    })
}

/// Hands the context of a request to the tracer, with the span in which its endpoint will run.
pub(crate) fn incoming(context: &TraceContext, span: &Span) {
    let Some(tracer) = TRACER.get() else { return };
    if let Err(panic) = catching(|| (tracer.extract)(context, span)) {
        tracing::error!(
            "the function that extracts traces panicked: {} at {}",
            panic.message,
            panic.location
        );
    }
}
