//! One trace through three processes: it shows which call caused which, and in which process.
//!
//! `propagate_traces` takes two functions. The first runs where a request is made, and returns the span that makes it.
//! The second runs where the endpoint starts, and makes that span its parent. Here both use a tracer of a few lines;
//! the guide shows the two functions for OpenTelemetry.
//!
//! Run it with `cargo run --example trace_context`.

#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

mod tracer;

use tracer::{FINISHED, Place, Tracer, at, extract, inject};
use tracing::{Instrument, info_span};
use tracing_subscriber::layer::SubscriberExt;
use tractor::Addr;

/// Runs first in each process.
fn set_up() {
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Tracer))
        .expect("it is set once");
    tractor::propagate_traces(inject, extract).expect("they are set once");
}

#[tractor::actor_fn]
async fn charge(cents: u32) -> u32 {
    cents
}

/// Asks the bank to charge for this many apples.
#[tractor::actor_fn]
async fn sell(apples: u32, bank: Addr) -> tractor::Result<u32> {
    let charged = tractor::connect(&bank, async |bank| bank.run(charge(40 * apples)).await);
    charged.instrument(info_span!("paying")).await
}

/// The spans of this process that have ended.
#[tractor::actor_fn]
async fn finished() -> Vec<Place> {
    FINISHED.lock().expect("the lock is not poisoned").clone()
}

fn print(spans: &[Place], parent: &str, depth: usize) {
    for span in spans.iter().filter(|span| span.parent == parent) {
        println!("{:width$}{} in process {}", "", span.name, span.process, width = 4 * depth);
        print(spans, &span.id, depth + 1);
    }
}

#[tractor::main(setup = set_up)]
async fn main() -> tractor::Result<()> {
    tractor::open_nursery(async |an| {
        let bank = an.start_actor("bank").listen().enable_module(module_path!()).await?;
        let till = an.start_actor("till").enable_module(module_path!()).await?;
        let addr = bank.addrs().await?.remove(0);
        // Outside of every span, also the actor's: a trace begins here.
        let order = info_span!(parent: None, "order");
        let trace = at(&order, |order| order.trace.clone()).expect("there is a tracer");
        assert_eq!(till.run(sell(3, addr)).instrument(order).await?, 120);

        let mut spans = finished().await;
        for actor in [&till, &bank] {
            spans.extend(actor.run(finished()).await?);
        }
        spans.retain(|span| span.trace == trace);
        println!("trace {trace}");
        print(&spans, "", 1);
        let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["order", "paying", "trace_context:sell", "trace_context:charge"]);
        an.cancel().await;
        Ok(())
    })
    .await
}
