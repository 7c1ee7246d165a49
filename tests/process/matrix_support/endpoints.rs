//! Endpoints of the fault matrix's children: they stop at a step and wait there for an order.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::watch;
use tractor::prelude::*;

use super::cell::Step;
use support::journal::note;
use support::{Spoiled, forever, spoiled};

/// The module to enable for everything in here.
pub(crate) const MODULE: &str = module_path!();

/// The order for an endpoint at its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    Return,
    Fail,
    Panic,
    /// Contexts only: cancel themselves.
    Cancel,
}

tractor::actor_local! {
    static ORDERS: Orders = Orders::default();
}

/// The orders of the running actor, by dialog id.
#[derive(Default)]
struct Orders(watch::Sender<HashMap<u64, Order>>);

async fn ordered(id: u64) -> Order {
    let mut given = ORDERS.get().0.subscribe();
    let given = given.wait_for(|orders| orders.contains_key(&id)).await.expect("the actor holds the sender");
    given[&id]
}

/// Waits for the order, and obeys as far as any endpoint can.
async fn obey(id: u64) -> Result<u64, Spoiled> {
    match ordered(id).await {
        Order::Return => Ok(id),
        Order::Fail => spoiled("as ordered"),
        Order::Panic => panic!("as ordered"),
        Order::Cancel => panic!("only contexts can cancel themselves"),
    }
}

/// Records the drop of the endpoint's future.
struct Gone(u64);

impl Drop for Gone {
    fn drop(&mut self) {
        note(gone(self.0));
    }
}

/// The journal line of a running endpoint.
pub(crate) fn begun(id: u64) -> String {
    format!("{id} begun")
}

/// The journal line of an endpoint that has ended.
pub(crate) fn gone(id: u64) -> String {
    format!("{id} gone")
}

fn begin(id: u64) -> Gone {
    note(begun(id));
    Gone(id)
}

/// An argument that panics while it is decoded: after the request, before its acknowledgement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bomb;

impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: Deserializer<'de>>(_deserializer: D) -> Result<Self, D::Error> {
        panic!("as ordered");
    }
}

// ---- the three kinds of dialog ----

#[tractor::actor_fn]
pub(crate) async fn works(id: u64) -> Result<u64, Spoiled> {
    let _gone = begin(id);
    obey(id).await
}

/// Streams 1, 2, 3 if its step has values, and then obeys its order.
#[tractor::stream]
pub(crate) async fn feeds(out: StreamSender<u64>, id: u64, step: Step) -> Result<(), Spoiled> {
    let _gone = begin(id);
    let values = if matches!(step, Step::BeforeAck | Step::BeforeFirst) { 0 } else { 3 };
    for value in 1..=values {
        out.send(value).await.or_else(|_| spoiled("nobody listens"))?;
    }
    if step != Step::AfterStop {
        obey(id).await?;
    }
    Ok(())
}

#[tractor::context(pld_spec = u64)]
pub(crate) async fn links(ctx: Context<u64>, id: u64, step: Step) -> Result<u64, Spoiled> {
    let _gone = begin(id);
    if step == Step::BeforeFirst {
        return match ordered(id).await {
            Order::Cancel => {
                ctx.cancel();
                forever().await;
                Ok(id)
            }
            _ => obey(id).await,
        };
    }
    let ctx = ctx.started(id).await.or_else(|_| spoiled("not started"))?;
    let handle = ctx.handle();
    let _stream = match step {
        Step::MidStream | Step::AfterStop => {
            let mut stream = ctx.open_stream();
            for _ in 0..2 {
                let Ok(Some(value)) = stream.receive().await else { return spoiled("no value came") };
                stream.send(value + 1).await.or_else(|_| spoiled("nobody listens"))?;
            }
            if step == Step::AfterStop {
                stream.finish();
            }
            Some(stream)
        }
        _ => None,
    };
    if ordered(id).await == Order::Cancel {
        handle.cancel();
        forever().await;
    }
    obey(id).await
}

// ---- requests that fail before they are acknowledged ----

#[tractor::actor_fn]
pub(crate) async fn works_with(bomb: Bomb) -> u64 {
    panic!("{bomb:?} was taken")
}

#[tractor::stream]
pub(crate) async fn feeds_with(out: StreamSender<u64>, bomb: Bomb) {
    panic!("{bomb:?} was taken, {out:?}")
}

#[tractor::context(pld_spec = u64)]
pub(crate) async fn links_with(ctx: Context<u64>, bomb: Bomb) -> Result<u64, Spoiled> {
    panic!("{bomb:?} was taken, {ctx:?}")
}

// ---- orders and questions of the tests ----

#[tractor::actor_fn]
pub(crate) async fn order(id: u64, order: Order) {
    ORDERS.get().0.send_modify(|orders| _ = orders.insert(id, order));
}

/// Ends its own actor.
#[tractor::actor_fn]
pub(crate) async fn end_yourself() {
    tractor::current_actor().cancel_soon();
}

#[tractor::actor_fn]
pub(crate) async fn address() -> String {
    tractor::current_actor().addrs()[0].to_string()
}

/// Ends the actor at this address.
#[tractor::actor_fn]
pub(crate) async fn cancels(addr: String) -> tractor::Result<()> {
    let addr = addr.parse().expect("`address` made it");
    tractor::connect(&addr, async |guest| guest.cancel_actor().await.map(drop)).await
}

/// A call that is open until its actor ends.
#[tractor::actor_fn]
pub(crate) async fn witnesses() {
    note("witnesses");
    forever().await;
}

#[tractor::actor_fn]
pub(crate) async fn doubles(number: u64) -> u64 {
    2 * number
}

/// Counts the other open dialogs on this connection, at the side of this actor.
#[tractor::context(started = usize)]
pub(crate) async fn dialogs_open(ctx: Context<usize, (), ()>) -> tractor::Result<()> {
    // A request is counted from its first wait on.
    tokio::task::yield_now().await;
    let others = ctx.portal().dialogs_open() - 1;
    ctx.started(others).await?;
    Ok(())
}
