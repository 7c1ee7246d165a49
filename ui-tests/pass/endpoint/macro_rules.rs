//! Endpoints can come from other macros.

#![deny(warnings)]

macro_rules! echo {
    ($name:ident, $ty:ty) => {
        #[tractor::actor_fn]
        async fn $name(value: $ty) -> Result<$ty, String> {
            Ok(value)
        }
    };
}

macro_rules! plain {
    ($name:ident, $ty:ty) => {
        #[tractor::actor_fn]
        async fn $name(value: $ty) -> $ty {
            value
        }
    };
}

echo!(text, String);
echo!(pair, (u8, u8));
plain!(flag, bool);
plain!(list, Vec<u8>);

#[tractor::test]
async fn works() {
    assert_eq!(text("a".to_owned()).await, Ok("a".to_owned()));
    assert_eq!(pair((1, 2)).await, Ok((1, 2)));
    assert!(flag(true).await);
    assert_eq!(list(vec![3]).await, [3]);
}
