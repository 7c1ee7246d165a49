//! The endpoint and its type are as visible as the function, and one import brings both.

#![deny(warnings)]

mod ops {
    #[tractor::actor_fn]
    pub(crate) async fn add(a: i64, b: i64) -> i64 {
        a + b
    }
}

#[tractor::test]
async fn works() {
    use ops::add;

    let call: tractor::Call<add> = ops::add(1, 2);
    assert_eq!(call.await, add(0, 3).await);
}
