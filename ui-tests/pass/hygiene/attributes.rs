//! Attributes of other crates may come before or after ours, even if they have the name of one of ours.

#![deny(warnings)]

use tractor::prelude::*;

macro_rules! beside {
    ($($module:ident: $other:meta;)*) => {$(
        mod $module {
            use super::*;

            #[$other]
            #[tractor::actor_fn]
            async fn function_behind(n: u8) -> u8 { n }

            #[tractor::actor_fn]
            #[$other]
            async fn function_before(n: &str) -> Result<u8, String> { n.parse().map_err(|_| n.to_owned()) }

            #[$other]
            #[tractor::context(pld_spec = u8 | None)]
            async fn context_behind(_ctx: Context<ContextBehindPld>, n: u8) -> ContextBehindPld { n.into() }

            #[tractor::context(pld_spec = u8)]
            #[$other]
            async fn context_before(_ctx: Context<u8>, n: u8) -> tractor::Result<u8> { Ok(n) }

            #[$other]
            #[tractor::stream]
            async fn stream_behind(out: StreamSender<u8>, n: u8) -> tractor::Result<()> { out.send(n).await }

            #[tractor::stream]
            #[$other]
            async fn stream_before(out: StreamSender<u8>, n: u8) -> tractor::Result<()> { out.send(n).await }

            #[$other]
            #[tractor::main]
            async fn main_behind() {}

            #[tractor::main]
            #[cfg_attr(not(all()), $other)]
            async fn main_before() {}

            #[$other]
            #[tractor::test]
            async fn test_behind() -> tractor::Result<()> {
                assert_eq!(function_behind(1).await, 1);
                assert_eq!(function_before("1").await, Ok(1));
                let _: [fn(); 2] = [main_behind, main_before];
                Ok(())
            }
        }
    )*};
}

beside! {
    function: rivals::actor_fn;
    dialog: rivals::context("reads the file");
    sequence: rivals::stream;
    instrumented: rivals::instrument(skip_all, fields(n = 1));
    conditional: cfg_attr(all(), rivals::instrument);
}

mod imported {
    use rivals::{context, stream};

    #[context]
    #[stream]
    #[tractor::actor_fn]
    async fn both(n: u8) -> u8 { n }

    #[tractor::test]
    async fn they_come_first() {
        assert_eq!(both(1).await, 1);
    }
}

/// Calls also run under the entry points of tokio. Only actors need ours.
#[tokio::test]
async fn awaited_on_another_runtime() {
    #[tractor::actor_fn]
    async fn inner(n: u8) -> u8 { n }

    assert_eq!(inner(1).await, 1);
}
