//! The traces of this process, handed over to the actors that it calls, and theirs to its endpoints.
//!
//! Which trace the running code belongs to knows the program's tracer, of which there is one in a process. So it is two
//! functions of the program's that read it and tell it.
//!
//! # Invariants
//! 1. Both functions run under no lock of ours, and a panic of theirs costs the trace of one request, not the request.
//! 2. Where none are set, a request costs one look at that.

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

/// Has traces cross from actor to actor: joins the spans of this process with those of the actors that it calls, and
/// of those that call it. Each process of a program does it for itself, so the place is the function that
/// `#[tractor::main(setup = path)]` names, or [`init_with`](crate::init_with) gets.
///
/// * `inject` runs where a request is made, in the task that makes it, and gives the context that the request
///   carries: that of the current span. With `None` it carries none.
/// * `extract` runs where a request with a context arrives, before its endpoint begins. It gets the context and the
///   span in which that endpoint will run, which nobody has entered yet, and makes the one the parent of the other.
///
/// Both run once for each request and should not block: `extract` holds up the other requests of its connection. If
/// one panics, that is an event of `tracing`, and the request goes on without a context. Requests of the library's own
/// (cancellations, lookups of names) carry none, nor do those to actors of the base protocol.
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
/// [`Error::Runtime`] where it was called before in this process. The functions that were set first stay.
pub fn propagate_traces(
    inject: fn() -> Option<TraceContext>,
    extract: fn(&TraceContext, &Span),
) -> Result<(), Error> {
    TRACER
        .set(Tracer { inject, extract })
        .map_err(|_| RuntimeFailure::new("`propagate_traces` was called before in this process").into())
}

/// What a request of the running task carries.
pub(super) fn outgoing() -> Option<TraceContext> {
    let tracer = TRACER.get()?;
    catching(tracer.inject).unwrap_or_else(|panic| {
        tracing::error!("the function that injects traces panicked: {} at {}", panic.message, panic.location);
        None
    })
}

/// Tells the tracer what a request carried that an endpoint will run for, in this span.
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
