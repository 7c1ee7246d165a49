//! Levels of lints on an endpoint are about the function: each expectation is met once, and the other generated items
//! cause no warnings.

#![deny(warnings, missing_docs)]

use serde::{Deserialize, Serialize};
use tractor::prelude::*;

/// A message that has a successor.
#[deprecated]
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Old;

macro_rules! on_each {
    ($($module:ident: $(#[$level:meta])*;)*) => {$(
        /// Endpoints with this level.
        pub mod $module {
            use super::*;

            /// A function.
            $(#[$level])*
            #[tractor::actor_fn]
            pub async fn function(old: Old, unused: u8) -> Old { old }

            /// A function that may fail.
            #[tractor::actor_fn]
            $(#[$level])*
            pub async fn fallible(old: &Old, unused: u8) -> Result<Old, String> { Ok(old.clone()) }

            /// A dialog.
            $(#[$level])*
            #[tractor::context(pld_spec = Old | None, recv = Old)]
            pub async fn dialog(ctx: Context<DialogPld, DialogPld, Old>, old: Old) -> DialogPld { old.into() }

            /// A stream.
            $(#[$level])*
            #[tractor::stream]
            pub async fn stream(out: StreamSender<Old>, unused: u8) {}

            $(#[$level])*
            #[tractor::main]
            async fn entry() {
                let unused: Old = Old;
            }

            $(#[$level])*
            #[tractor::test]
            async fn test() {
                let unused: Old = Old;
                let _: fn() = entry;
            }
        }
    )*};
}

on_each! {
    allowed: #[allow(deprecated, unused_variables, reason = "it is what is tested")];
    allowed_one_by_one:
        #[allow(deprecated, reason = "it is what is tested")]
        #[cfg_attr(all(), allow(unused_variables, reason = "it is what is tested"))];
    expected: #[expect(deprecated, unused_variables, reason = "it is what is tested")];
    expected_one_by_one:
        #[expect(deprecated, reason = "it is what is tested")]
        #[cfg_attr(all(), expect(unused_variables, reason = "it is what is tested"), cfg(all()))];
}

#[tractor::actor_fn]
#[expect(missing_docs, unused_mut, reason = "it is what is tested")]
pub async fn undocumented(mut n: u8) -> u8 { n }

#[expect(non_snake_case, missing_docs, reason = "it is what is tested")]
#[tractor::context(pld_spec = u8 | None)]
pub async fn Undocumented(_ctx: Context<UndocumentedPld>, NotSnake: u8) -> UndocumentedPld { NotSnake.into() }

#[expect(missing_docs, reason = "it is what is tested")]
#[tractor::stream(extern, module = "lints")]
pub async fn elsewhere(out: StreamSender<u8>);

#[tractor::main]
#[expect(missing_docs, reason = "it is what is tested")]
pub async fn main() {}
