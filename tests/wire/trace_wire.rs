//! Traces on the wire: the requests that carry one, and the part of a received trace that reaches the program's tracer.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use tracing::span::{Attributes, Id};
use tracing::{Span, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tractor::{ActorOptions, DynCall, TraceContext};
use tractor_core::proto::id::Caps;
use tractor_core::proto::msg::{FuncType, Msg, Start};

use crate::wire_support::endpoints::{doubles, echo};
use crate::wire_support::script::{frame_of, kwargs, pld};
use crate::wire_support::{Peer, host, meet};

type Inject = Arc<dyn Fn() -> Option<TraceContext> + Send + Sync>;

tokio::task_local! {
    /// The injecting function of the running task.
    static TRACE: Inject;
}

thread_local! {
    static STEPS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

fn note(step: &'static str) {
    STEPS.with_borrow_mut(|steps| steps.push(step));
}

/// The extracted contexts of all tests; each test looks for its own.
static EXTRACTED: Mutex<Vec<TraceContext>> = Mutex::new(Vec::new());
/// A context that makes the extracting function panic.
const PANICS: &str = "panics=1";

/// The only tracer of this process. A task without a trace of a test has no trace.
fn tracer() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let inject = || TRACE.try_with(|trace| trace()).ok().flatten();
        tractor::propagate_traces(inject, extract).expect("it is called once");
        // With a single subscriber, `tracing` asks only the subscriber of the thread that reaches a callsite first. If
        // that thread belongs to a test without a subscriber, the callsite would be disabled for all threads.
        std::mem::forget(tracing::Dispatch::new(tracing_subscriber::registry()));
    });
}

fn extract(context: &TraceContext, endpoint: &Span) {
    EXTRACTED.lock().unwrap_or_else(PoisonError::into_inner).push(context.clone());
    if endpoint.metadata().is_some_and(|metadata| metadata.name() == "task") {
        note("extracted in task");
    }
    assert!(context.tracestate() != PANICS, "on purpose");
}

fn extracted(trace: &TraceContext) -> Vec<TraceContext> {
    let all = EXTRACTED.lock().unwrap_or_else(PoisonError::into_inner);
    all.iter().filter(|one| one.traceparent() == trace.traceparent()).cloned().collect()
}

/// A context for one test.
fn context(test: u8) -> TraceContext {
    let text = format!("00-{test:032x}-00f067aa0ba902b7-01");
    TraceContext::new(&text).expect("well-formed").with_tracestate("a=1")
}

async fn within<T>(
    inject: impl Fn() -> Option<TraceContext> + Send + Sync + 'static,
    future: impl Future<Output = T>,
) -> T {
    TRACE.scope(Arc::new(inject), future).await
}

async fn next_start(peer: &mut Peer) -> Start {
    let start = peer.expect_start().await;
    peer.send(&Msg::StartAck { cid: start.cid, functype: FuncType::AsyncFunc }).await;
    start
}

/// Answers that many calls of `echo`, and returns the traces that they carried.
async fn answer<const N: usize>(peer: &mut Peer) -> [Option<TraceContext>; N] {
    let mut traces = [const { None }; N];
    for trace in &mut traces {
        let start = next_start(peer).await;
        *trace = start.trace;
        peer.send(&Msg::Return { cid: start.cid, pld: pld(&1) }).await;
    }
    traces
}

#[tokio::test]
async fn a_request_carries_the_trace_of_its_task() {
    tracer();
    let ours = context(1);
    let script = async |peer: &mut Peer| {
        let [called, by_name, outside, to_itself] = answer(peer).await;
        assert_eq!((called, by_name), (Some(ours.clone()), Some(ours.clone())));
        assert_eq!((outside, to_itself), (None, None));
        let late = next_start(peer).await;
        assert_eq!((late.trace, late.remaining.is_some()), (Some(ours.clone()), true));
        peer.send(&Msg::Return { cid: late.cid, pld: pld(&1) }).await;
        let opened = peer.expect_start().await;
        assert_eq!(opened.trace, Some(ours.clone()));
        peer.send(&Msg::StartAck { cid: opened.cid, functype: FuncType::Context }).await;
        peer.send(&Msg::Started { cid: opened.cid, pld: pld(&0) }).await;
        peer.send(&Msg::Return { cid: opened.cid, pld: pld(&0) }).await;
    };
    meet("trace-told", ActorOptions::new(), Caps::BASIC, script, async |portal| {
        let ours = ours.clone();
        let (inside, portal_too) = (ours.clone(), portal.clone());
        // The tracer may use the library, because no lock of the library is held.
        let inject = move || (portal_too.dialogs_open() < 10).then(|| inside.clone());
        let by_name = || DynCall::new("some::module", "echo").arg("value", 1);
        within(inject.clone(), async {
            assert_eq!(portal.run(echo(1)).await?, 1);
            assert_eq!(portal.run_dyn::<i64>(by_name()).await?, 1);
            Ok::<_, tractor::Error>(())
        })
        .await
        .expect("two answers");
        assert_eq!(portal.run(echo(1)).await.expect("an answer"), 1);
        let to_itself = portal.run_dyn::<i64>(DynCall::new("self", "version"));
        assert_eq!(within(inject.clone(), to_itself).await.expect("an answer"), 1);
        let late = portal.run(echo(1)).deadline(Duration::from_secs(3600));
        assert_eq!(within(inject.clone(), late).await.expect("an answer"), 1);
        let opened = portal.open_context(doubles(), async |ctx, _| ctx.wait_for_result().await);
        assert_eq!(within(inject, opened).await.expect("an answer"), 0);
    })
    .await;
}

#[tokio::test]
async fn a_peer_without_the_extension_never_gets_a_trace() {
    tracer();
    for (name, caps) in [("trace-base", Caps::NONE), ("trace-older", Caps::CREDIT.or(Caps::DEADLINE))] {
        let script = async |peer: &mut Peer| assert_eq!(answer(peer).await, [None]);
        meet(name, ActorOptions::new(), caps, script, async |portal| {
            let inject = || Some(context(6));
            assert_eq!(within(inject, portal.run(echo(1))).await.expect("an answer"), 1);
        })
        .await;
    }
}

#[tokio::test]
async fn an_arriving_trace_reaches_the_tracer_with_every_request() {
    tracer();
    host("trace-arrives", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        // Without a `tracestate` it has as many fields as a request with values by position.
        let ours = context(2).with_tracestate("");
        // Requests with and without a context may have the same bytes, and must not be confused.
        for trace in [Some(&ours), Some(&ours), None, Some(&ours), None] {
            let mut start = peer.start_msg("c", "echo", kwargs("value", 5));
            start.trace = trace.cloned();
            peer.send(&Msg::Start(Box::new(start))).await;
            peer.expect_ack("c", FuncType::AsyncFunc).await;
            assert_eq!(peer.expect_return::<i64>("c").await, 5);
        }
        assert_eq!(extracted(&ours), [ours.clone(), ours.clone(), ours]);
    })
    .await;
}

#[tokio::test]
async fn bad_bytes_in_place_of_a_trace_cost_the_trace_alone() {
    tracer();
    host("trace-bad", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        let ours = context(3);
        let mut start = peer.start_msg("c", "echo", kwargs("value", 5));
        start.trace = Some(ours.clone());
        let mut frame = frame_of(&Msg::Start(Box::new(start)));
        let text = ours.traceparent().as_bytes();
        let at = frame.windows(text.len()).position(|window| window == text).expect("the frame contains it");
        for garbage in [b"zz", b"\xff\xff", b"00"] {
            frame[at..at + 2].copy_from_slice(garbage);
            peer.send_bytes(&frame).await;
            peer.expect_ack("c", FuncType::AsyncFunc).await;
            assert_eq!(peer.expect_return::<i64>("c").await, 5);
        }
        assert_eq!(extracted(&ours).len(), 1, "no trace came with the last request");
    })
    .await;
}

#[tokio::test]
async fn a_tracer_that_panics_costs_the_trace_alone() {
    tracer();
    let script = async |peer: &mut Peer| assert_eq!(answer(peer).await, [None]);
    meet("trace-panics", ActorOptions::new(), Caps::BASIC, script, async |portal| {
        let call = within(|| panic!("on purpose"), portal.run(echo(1)));
        assert_eq!(call.await.expect("an answer"), 1);
    })
    .await;
    host("trace-panics-there", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        let ours = context(4).with_tracestate(PANICS);
        let mut start = peer.start_msg("c", "echo", kwargs("value", 5));
        start.trace = Some(ours.clone());
        peer.send(&Msg::Start(Box::new(start))).await;
        peer.expect_ack("c", FuncType::AsyncFunc).await;
        assert_eq!(peer.expect_return::<i64>("c").await, 5);
        assert_eq!(extracted(&ours), [ours]);
    })
    .await;
}

#[test]
fn a_second_tracer_is_refused() {
    tracer();
    let error = tractor::propagate_traces(|| None, |_, _| {}).expect_err("a tracer was set before");
    assert_eq!(error.to_string(), "`propagate_traces` was called before in this process");
}

/// Records the spans of endpoints.
struct Steps;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Steps {
    fn on_new_span(&self, attributes: &Attributes<'_>, _id: &Id, _ctx: Context<'_, S>) {
        if attributes.metadata().name() == "task" {
            note("made");
        }
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        if ctx.span(id).is_some_and(|span| span.name() == "task") {
            note("entered");
        }
    }
}

/// Tracers need the parent of a span before it is first entered.
#[tokio::test]
async fn the_tracer_gets_the_span_of_an_endpoint_before_that_is_entered() {
    tracer();
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(Steps));
    host("trace-first", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        let mut start = peer.start_msg("c", "echo", kwargs("value", 5));
        start.trace = Some(context(5));
        peer.send(&Msg::Start(Box::new(start))).await;
        peer.expect_ack("c", FuncType::AsyncFunc).await;
        assert_eq!(peer.expect_return::<i64>("c").await, 5);
    })
    .await;
    let steps = STEPS.take();
    assert!(steps.starts_with(&["made", "extracted in task", "entered"]), "{steps:?}");
}
