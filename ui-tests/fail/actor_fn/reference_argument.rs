//! Arguments are owned: each borrowed one is reported with its owned twin.

#[tractor::actor_fn]
async fn greet(name: &mut str, tags: &'static [u8], many: Vec<&'static str>) -> usize {
    name.len() + tags.len() + many.len()
}

fn main() {}
