//! `crate = ..` says where the library is.

#![deny(warnings)]

mod deep {
    pub mod library {
        pub use tractor::*;
    }
}

#[deep::library::actor_fn(crate = crate::deep::library)]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[deep::library::main(crate = deep::library, flavor = "current_thread")]
async fn main() {
    assert_eq!(add(1, 2).await, 3);
}
