//! Endpoints that no actor exposes: a request for one fails before it is acknowledged.

use tractor::prelude::*;

#[tractor::actor_fn]
pub(crate) async fn works() -> u64 {
    panic!("not exposed")
}

#[tractor::stream]
pub(crate) async fn feeds(out: StreamSender<u64>) {
    panic!("not exposed: {out:?}")
}

#[tractor::context(pld_spec = u64)]
pub(crate) async fn links(ctx: Context<u64>) -> tractor::Result<u64> {
    panic!("not exposed: {ctx:?}")
}
