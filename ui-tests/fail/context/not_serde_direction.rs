//! Each direction is serde; the error points at the one that is not.

use tractor::Context;

struct Handle;

#[tractor::context(started = u8, send = Vec<Handle>, recv = u8)]
async fn open(_ctx: Context<u8, Vec<Handle>, u8>) {}

fn main() {}
