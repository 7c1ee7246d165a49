//! One type per direction; a missing one is `pld_spec`, or else `()`.

#![deny(warnings)]

use std::collections::HashMap;

use tractor::Context;

#[tractor::context(started = u8, send = HashMap<u8, (u16, u16)>, recv = String, returns = bool)]
async fn all(_ctx: Context<u8, HashMap<u8, (u16, u16)>, String>) -> bool {
    true
}

#[tractor::context(pld_spec = u8, recv = String)]
async fn mixed(_ctx: Context<u8, u8, String>) -> u8 { 1 }

type QuietContext = Context<(), u8, ()>;

#[tractor::context(send = u8)]
async fn quiet(_ctx: QuietContext) -> tractor::Result<String> { Ok(String::new()) }

#[test]
fn works() {
    let _calls = (all(), mixed(), quiet());
}
