//! An endpoint is a function and a type, so its name is taken for modules and types, too.

use tractor::Context;

mod add {}

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[allow(non_snake_case, reason = "it is called like the union")]
mod ScalePld {}

#[tractor::context(pld_spec = u8 | None)]
async fn scale(_ctx: Context<ScalePld>) -> ScalePld {
    1.into()
}

fn main() {}
