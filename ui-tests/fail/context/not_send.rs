//! The future of a context is `Send`, also across awaits of the context.

use std::cell::RefCell;
use std::rc::Rc;

use tractor::Context;

#[tractor::context(pld_spec = u64)]
async fn count(ctx: Context<u64>) -> tractor::Result<u64> {
    let shared = Rc::new(RefCell::new(0));
    ctx.started(1).await?;
    Ok(*shared.borrow())
}

fn main() {}
