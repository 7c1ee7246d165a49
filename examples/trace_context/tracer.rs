//! The tracer: it keeps the place of each span of the process in its trace.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Span, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;
use tractor::TraceContext;

/// A span, and its place in its trace.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) trace: String,
    pub(crate) parent: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) process: u32,
}

/// The spans of this process that have ended.
pub(crate) static FINISHED: Mutex<Vec<Place>> = Mutex::new(Vec::new());

/// Keeps the places of the spans of this process.
pub(crate) struct Tracer;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Tracer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        static SPANS: AtomicU32 = AtomicU32::new(1);
        let span = ctx.span(id).expect("the span was just made");
        let around = span.parent().and_then(|parent| parent.extensions().get::<Place>().cloned());
        let process = std::process::id();
        let id = format!("{process:08x}{:08x}", SPANS.fetch_add(1, Ordering::Relaxed));
        let trace = around.as_ref().map_or_else(|| format!("{id:0>32}"), |around| around.trace.clone());
        let parent = around.map_or_else(String::new, |around| around.id);
        let mut place = Place { trace, parent, id, name: span.name().to_owned(), process };
        attributes.record(&mut place);
        span.extensions_mut().insert(place);
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        let place = ctx.span(&id).and_then(|span| span.extensions_mut().remove::<Place>());
        FINISHED.lock().expect("the lock is not poisoned").extend(place);
    }
}

/// The library names the span of an endpoint `task`; a field holds the endpoint's name.
impl Visit for Place {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "endpoint" {
            value.clone_into(&mut self.name);
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
}

/// Reads or changes the place of a span.
pub(crate) fn at<R>(span: &Span, f: impl FnOnce(&mut Place) -> R) -> Option<R> {
    span.with_subscriber(|(id, subscriber)| {
        subscriber.downcast_ref::<Registry>()?.span(id)?.extensions_mut().get_mut::<Place>().map(f)
    })?
}

pub(crate) fn inject() -> Option<TraceContext> {
    at(&Span::current(), |here| format!("00-{}-{}-01", here.trace, here.id))
        .and_then(|text| TraceContext::new(&text))
}

pub(crate) fn extract(context: &TraceContext, endpoint: &Span) {
    let mut fields = context.traceparent().split('-').skip(1).map(str::to_owned);
    if let (Some(trace), Some(parent)) = (fields.next(), fields.next()) {
        at(endpoint, |place| (place.trace, place.parent) = (trace, parent));
    }
}
