//! The error may be any error type or text, under any alias called `Result`.

#![deny(warnings)]

use std::error::Error;
use std::io;

#[tractor::actor_fn]
async fn boxed() -> Result<u8, Box<dyn Error + Send + Sync>> { Ok(1) }

#[tractor::actor_fn]
async fn text() -> std::result::Result<u8, &'static str> { Ok(2) }

#[tractor::actor_fn]
async fn alias() -> io::Result<u8> { Ok(3) }

#[tractor::test]
async fn works() -> Result<(), Box<dyn Error + Send + Sync>> {
    let sum = boxed().await? + text().await? + alias().await?;
    assert_eq!(sum, 6);
    Ok(())
}
