//! `crate = ..` gives the path of the library.

#![deny(warnings)]

/// A module of the user.
pub mod deep {
    /// The library.
    pub mod library {
        pub use tractor::*;
    }
}

#[deep::library::actor_fn(crate = self::deep::library)]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[deep::library::test(crate = deep::library, flavor = "multi_thread")]
async fn works() {
    assert_eq!(add(1, 2).await, 3);
}
