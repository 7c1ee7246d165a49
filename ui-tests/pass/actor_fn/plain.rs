//! A call is typed like the function, and awaiting it runs the function here.

#![deny(warnings)]

#[tractor::actor_fn]
async fn add(mut a: i64, b: i64) -> i64 {
    a += b;
    a
}

#[tractor::actor_fn]
async fn nothing() {}

#[tractor::test]
async fn works() {
    let call: tractor::Call<add> = add(1, 2);
    assert_eq!(call.await, 3);
    nothing().await;
}
