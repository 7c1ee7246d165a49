//! Rules are functions of any visibility and error type, also of a module or a type.

#![deny(warnings)]
#![allow(dead_code, reason = "compiling is the test")]

use tractor::prelude::*;

mod rules {
    pub(super) fn small(n: &u8) -> Result<(), &'static str> {
        if *n < 100 { Ok(()) } else { Err("large") }
    }
}

struct Words;

impl Words {
    fn check(text: &String) -> Result<(), std::fmt::Error> {
        if text.is_empty() { Err(std::fmt::Error) } else { Ok(()) }
    }
}

fn any<T>(_value: &T) -> Result<(), std::convert::Infallible> { Ok(()) }

#[tractor::actor_fn(validate = rules::small)]
async fn double(value: u8) -> Result<u8, String> { Ok(2 * value) }

#[tractor::stream(validate = Words::check)]
async fn words(_out: StreamSender<String>) {}

#[tractor::context(pld_spec = u8 | String, recv = u8, validate = any, validate_recv = rules::small)]
async fn dialog(_ctx: Context<DialogPld, DialogPld, u8>) -> DialogPld { 1.into() }

#[tractor::context(started = (), validate_returns = Words::check)]
async fn last(_ctx: Context<(), (), ()>) -> String { String::new() }

fn path(path: &std::path::Path) -> Result<(), String> { path.to_str().map(drop).ok_or("not text".into()) }

#[tractor::actor_fn]
async fn arguments(
    #[tractor(validate = rules::small)]
    #[tractor(default = 1 << 2)]
    #[tractor(rename = "little")]
    small: u8,
    #[tractor(validate = path, default = "a".as_ref())] path: &std::path::Path,
    #[tractor(validate = Words::check, rename = "words")] value: &String,
    #[tractor(validate = any)] _args: Vec<u8>,
) -> usize { usize::from(small) + path.components().count() + value.len() }

fn main() {}
