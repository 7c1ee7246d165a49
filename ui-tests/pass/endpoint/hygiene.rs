//! Neither the names of the arguments nor other names in scope cause errors.

#![deny(warnings)]
#![allow(dead_code, reason = "compiling is the test")]

use tractor::{Context, StreamSender};

struct Option;
struct Send;
trait Future {}

#[tractor::actor_fn]
async fn plain(args: u8, output: u8, ctx: u8, out: u8) -> u8 {
    args + output + ctx + out
}

#[tractor::context(pld_spec = u8)]
async fn dialog(_: Context<u8>, ctx: u8, output: u8) -> Result<u8, String> {
    Ok(ctx + output)
}

#[tractor::stream]
async fn stream(_sender: StreamSender<u8>, out: u8) -> Result<(), String> { Err(out.to_string()) }
