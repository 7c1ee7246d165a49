//! Endpoints of every kind, with any number of arguments, are exposed by their names.

#![deny(warnings)]
#![allow(dead_code, reason = "compiling is the test")]

use tractor::prelude::*;

mod service {
    #[tractor::actor_fn]
    pub async fn add(a: i64, b: i64) -> i64 { a + b }
}

#[tractor::context(pld_spec = u8)]
async fn dialog(_ctx: Context<u8>, first: String) -> u8 { first.len() as u8 }

#[tractor::stream]
async fn ticks(_out: StreamSender<u64>) {}

async fn start(an: &ActorNursery) -> tractor::Result<Portal> {
    an.start_actor("worker").expose(service::add).expose(dialog).expose(ticks).await
}
