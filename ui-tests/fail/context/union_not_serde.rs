//! Every type of a union can travel.

use tractor::Context;

pub struct Handle;

#[tractor::context(send = u64 | Handle)]
async fn scale(_ctx: Context<(), ScaleSend, ()>) {}

fn main() {}
