//! Variants are named after their types, without the path.

use tractor::Context;

#[tractor::context(send = std::net::Ipv4Addr | mine::Ipv4Addr | [u8; 4])]
async fn scale(ctx: Context<(), ScaleSend, ()>) {}

fn main() {}
