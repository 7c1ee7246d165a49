//! Nothing says which error type a scope has between its body and a `?`: it is said at the closure.

async fn count() -> Result<usize, Box<dyn std::error::Error>> {
    let children = tractor::open_nursery(async |an| Ok(an.children().len())).await?;
    Ok(children)
}

fn main() {
    _ = count();
}
