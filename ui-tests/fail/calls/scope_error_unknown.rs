//! Where `?` takes what a scope returns, the closure says which error that is.

use std::error::Error;

async fn unclear() -> Result<usize, Box<dyn Error>> {
    let children = tractor::open_nursery(async |an| Ok(an.children().len())).await?;
    Ok(children)
}

async fn clear() -> Result<usize, Box<dyn Error>> {
    let children =
        tractor::open_nursery(async |an| -> tractor::Result<_> { Ok(an.children().len()) }).await?;
    Ok(children)
}

fn main() {}
