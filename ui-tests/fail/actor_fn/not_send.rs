//! The future of an endpoint is `Send`; the error points at its name and at the culprit.

use std::rc::Rc;

#[tractor::actor_fn]
async fn count() -> usize {
    let shared = Rc::new(1);
    std::future::ready(()).await;
    Rc::strong_count(&shared)
}

fn main() {}
