//! Borrowed types that cannot be arguments: each is reported with the type to use instead.

#[tractor::actor_fn]
async fn greet(name: &mut str, tags: &'static [u8], many: Vec<&'static str>) -> usize {
    name.len() + tags.len() + many.len()
}

fn main() {}
