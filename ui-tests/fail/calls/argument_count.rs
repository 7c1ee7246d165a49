//! A call is checked like any other function call, its number of arguments too.

use tractor::Context;

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tractor::context(pld_spec = i64)]
async fn scale(_ctx: Context<i64>, by: i64) -> tractor::Result<i64> {
    Ok(by)
}

fn main() {
    let _calls = (add(1), scale(1, 2));
}
