//! The type of the failure is declared: it is serde and an error.

#![deny(warnings)]
#![allow(dead_code, reason = "compiling is the test")]

use tractor::prelude::*;

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct TooMuch(u32);

impl std::fmt::Display for TooMuch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "{} is too much", self.0) }
}

impl std::error::Error for TooMuch {}

type Result<T> = std::result::Result<T, TooMuch>;

#[tractor::actor_fn(error = TooMuch)]
async fn withdraw(n: u32) -> Result<u32> { if n > 9 { Err(TooMuch(n)) } else { Ok(n) } }

#[tractor::context(pld_spec = u32, error = TooMuch)]
async fn dialog(_ctx: Context<u32>) -> Result<u32> { withdraw(1).await }

#[tractor::stream(error = TooMuch)]
async fn stream(_out: StreamSender<u32>) -> Result<()> { Ok(()) }
