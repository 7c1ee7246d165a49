//! The body of an endpoint is compiled as it was written.
#![forbid(non_snake_case, unused_must_use)]

use serde::{Deserialize, Serialize};
use tractor::{Context, MsgStream, StreamSender};

/// Something else with a `send`.
#[derive(Serialize, Deserialize)]
struct Mailer {
    to: String,
}

impl Mailer {
    async fn send(&self, _n: u64) -> tractor::Result<usize> {
        Ok(self.to.len())
    }
}

#[tractor::context(pld_spec = u64)]
async fn argument_of_the_same_name(ctx: Context<u64>, mail: Mailer) -> tractor::Result<u64> {
    let ctx = ctx.started(0).await?;
    let _: usize = mail.send(1).await?;
    let mail = ctx.open_stream();
    let () = mail.send(2).await?;
    Ok(0)
}

struct Traced<T>(T, u64);

trait Trace: Sized {
    fn with_context(self, n: u64) -> Traced<Self> {
        Traced(self, n)
    }

    fn subscribe(&self) -> Traced<()> {
        Traced((), 0)
    }
}

impl<T> Trace for MsgStream<T> {}

impl<T> Trace for StreamSender<T> {}

impl Traced<MsgStream<u64>> {
    async fn send(&self, n: u64) -> tractor::Result<()> {
        self.0.send(n + self.1).await
    }
}

impl Traced<()> {
    fn send(&self, _n: u64) {}
}

#[tractor::context(pld_spec = u64)]
async fn extension_method(ctx: Context<u64>) -> tractor::Result<u64> {
    let ctx = ctx.started(0).await?;
    let stream = ctx.open_stream().with_context(7);
    stream.send(1).await?;
    Ok(0)
}

#[tractor::stream]
async fn extension_of_a_sender(out: StreamSender<u64>) -> tractor::Result<()> {
    let tap = out.subscribe();
    tap.send(1);
    out.send(1).await
}

macro_rules! traced {
    (let $name:ident = $stream:expr;) => {
        let $name = Traced($stream, 1);
    };
}

#[tractor::context(pld_spec = u64)]
async fn bound_by_a_macro(ctx: Context<u64>) -> tractor::Result<u64> {
    let ctx = ctx.started(0).await?;
    traced! { let stream = ctx.open_stream(); }
    stream.send(1).await?;
    Ok(0)
}

#[allow(non_upper_case_globals, reason = "the name is what is tested")]
mod channel {
    pub(super) static out: super::Traced<()> = super::Traced((), 0);
}

#[tractor::stream]
async fn path_to_the_same_name(out: StreamSender<u64>) -> tractor::Result<()> {
    channel::out.send(1);
    out.send(1).await
}

#[tractor::stream]
async fn time(out: StreamSender<u64>) -> tractor::Result<()> {
    use std::time;
    out.send(time::Duration::from_secs(1).as_secs()).await
}

mod imported {
    pub(super) const ONE: u64 = 1;
    pub(super) mod ticks {}
}

#[tractor::stream]
async fn ticks(out: StreamSender<u64>) -> tractor::Result<()> {
    use imported::{ONE as FIRST, *};
    out.send(FIRST + ONE).await
}

use tractor as lib;

#[tractor::stream(crate = lib)]
async fn other_crate(out: StreamSender<u64>) -> tractor::Result<()> {
    use std::time as lib;
    out.send(lib::Duration::from_secs(1).as_secs()).await
}

#[tractor::context(pld_spec = u64)]
async fn moved_into_tasks(ctx: Context<u64>) -> tractor::Result<u64> {
    let ctx = ctx.started(0).await?;
    let stream = ctx.open_stream();
    let sent = async {
        stream.send(1).await?;
        stream.close();
        Ok::<_, tractor::Error>(())
    };
    whole(sent).await?;
    Ok(0)
}

fn whole<F: Future + Send + 'static>(future: F) -> F {
    future
}

/// A body that is one macro fragment.
macro_rules! with_body {
    ($body:block) => {
        #[tractor::actor_fn]
        async fn given_as_a_block(_n: u64) -> u64 $body

        #[tractor::context(pld_spec = u64)]
        async fn context_given_as_a_block(_ctx: Context<u64>) -> u64 $body

        #[tractor::stream]
        async fn stream_given_as_a_block(_out: StreamSender<u64>) {
            let _: u64 = $body;
        }
    };
}

with_body!({ 7 });

/// A fragment parses as one operand, unlike its bare tokens.
macro_rules! endpoints {
    ($area:ident, $length:expr, $square:ident, $side:literal, $any:ident, $bounds:ty) => {
        #[tractor::stream]
        async fn $area(out: StreamSender<i64>) -> tractor::Result<()> {
            const AREA: i64 = $length * 2;
            const _: () = assert!(AREA == 6);
            out.send(AREA).await
        }

        #[tractor::stream]
        async fn $square(out: StreamSender<i64>) -> tractor::Result<()> {
            const SQUARE: i64 = $side.pow(2);
            const _: () = assert!(SQUARE == 25);
            out.send(SQUARE).await
        }

        #[tractor::stream]
        async fn $any(out: StreamSender<i64>) -> tractor::Result<()> {
            let any: &$bounds = &1_u8;
            out.send(i64::from(any.is::<u8>())).await
        }
    };
}

endpoints!(area, 1 + 2, square, -5_i64, any, dyn std::any::Any + Send);
