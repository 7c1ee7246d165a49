//! A `?` after a scope does not determine the scope's error type: the closure must name it.

async fn count() -> Result<usize, Box<dyn std::error::Error>> {
    let children = tractor::open_nursery::<usize, _, _>(async |an| Ok(an.children().len())).await?;
    Ok(children)
}

fn main() {
    _ = count();
}
