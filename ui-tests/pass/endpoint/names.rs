//! Raw names, twelve arguments, endpoints inside functions.

#![deny(warnings)]

#[tractor::actor_fn]
async fn r#match(r#type: String) -> usize { r#type.len() }

#[tractor::actor_fn]
#[allow(clippy::too_many_arguments, reason = "the most there may be")]
async fn sum(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8) -> u8 {
    a + b + c + d + e + f + g + h + i + j + k + l
}

#[tractor::test]
async fn works() {
    #[tractor::actor_fn]
    async fn inner(a: u8) -> u8 { a }

    assert_eq!(r#match("abc".to_owned()).await, 3);
    assert_eq!(sum(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1).await, 12);
    assert_eq!(inner(1).await, 1);
}
