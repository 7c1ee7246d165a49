//! A call is checked like any other function call.

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {
    let _call = add(1, "2");
}
