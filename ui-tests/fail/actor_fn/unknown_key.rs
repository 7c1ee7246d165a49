//! Unknown keys are reported with the allowed ones; the endpoint still exists.

#[tractor::actor_fn(nam = "sum")]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {
    let _call = add(1, 2);
}
