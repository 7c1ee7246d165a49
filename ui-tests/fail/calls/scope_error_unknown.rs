//! A scope whose error type nothing tells.

async fn run() -> tractor::Result<usize> {
    let count = tractor::open_nursery(async |an| Ok(an.children().len())).await?;
    Ok(count)
}

fn main() {}
