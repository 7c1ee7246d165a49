//! What both versions of the program share: endpoints under one name in both, and the two roles.

use std::fmt::{self, Debug};
use std::future::Future;
use std::io::Read;
use std::marker::PhantomData;

use tractor::__private::{
    ContextEndpoint, ContextTarget, EndpointError, FnEndpoint, FnTarget, StreamEndpoint, StreamTarget,
};
use tractor::{ActorOptions, Addr, Call, Context, ContextCall, Endpoint, Portal, StreamCall, StreamSender};

/// The module that both programs claim to have their endpoints in.
pub const MODULE: &str = "versions";

/// An endpoint under the module [`MODULE`], wherever it is defined.
pub struct Shared<E>(PhantomData<fn() -> E>);

impl<E> fmt::Debug for Shared<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl<E: Endpoint> Endpoint for Shared<E> {
    const MODULE: &'static str = MODULE;
    const NAME: &'static str = E::NAME;
    const ARGS: &'static [&'static str] = E::ARGS;
    type Args = E::Args;
    type Returns = E::Returns;
}

impl<E: FnEndpoint> FnEndpoint for Shared<E> {
    type Output = E::Output;

    fn run(args: Self::Args) -> impl Future<Output = Self::Output> + Send {
        E::run(args)
    }

    fn outcome(output: Self::Output) -> Result<Self::Returns, EndpointError> {
        E::outcome(output)
    }
}

impl<E: ContextEndpoint> ContextEndpoint for Shared<E> {
    type Started = E::Started;
    type Send = E::Send;
    type Recv = E::Recv;
    type Output = E::Output;

    fn run(
        ctx: Context<Self::Started, Self::Send, Self::Recv>,
        args: Self::Args,
    ) -> impl Future<Output = Self::Output> + Send {
        E::run(ctx, args)
    }

    fn outcome(output: Self::Output) -> Result<Self::Returns, EndpointError> {
        E::outcome(output)
    }
}

impl<E: StreamEndpoint> StreamEndpoint for Shared<E> {
    type Item = E::Item;
    type Output = E::Output;

    fn run(out: StreamSender<Self::Item>, args: Self::Args) -> impl Future<Output = Self::Output> + Send {
        E::run(out, args)
    }

    fn outcome(output: Self::Output) -> Result<(), EndpointError> {
        E::outcome(output)
    }
}

/// Registers endpoints under [`MODULE`].
#[macro_export]
macro_rules! share {
    ($($kind:ident: $($name:ident),*;)*) => {$($(
        ::tractor::__private::inventory::submit! {
            ::tractor::__private::EndpointEntry::$kind::<$crate::Shared<$name>>()
        }
    )*)*};
}

/// A call of the endpoint as the other program has it.
pub fn shared<C: FnTarget>(call: C) -> Call<Shared<C::Endpoint>> {
    Call::new(call.into_args())
}

/// As [`shared`], for contexts.
pub fn shared_context<C: ContextTarget>(call: C) -> ContextCall<Shared<C::Endpoint>> {
    ContextCall::new(call.into_args())
}

/// As [`shared`], for one-way streams.
pub fn shared_stream<C: StreamTarget>(call: C) -> StreamCall<Shared<C::Endpoint>> {
    StreamCall::new(call.into_args())
}

/// Tells the test how a call ended.
#[expect(clippy::print_stdout, reason = "the test reads the program's standard output")]
pub fn say<T: Debug>(name: &str, result: tractor::Result<T>) {
    match result {
        Ok(value) => println!("{name} = {value:?}"),
        Err(error) => println!("{name} ! {error}"),
    }
}

/// `serve` listens until its standard input ends, `call <address>` makes the calls.
///
/// # Errors
/// The actor's.
pub async fn program(calls: impl AsyncFn(&Portal)) -> tractor::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve().await,
        ["call", addr] => {
            let addr: Addr = addr.parse().expect("the test gives an address");
            tractor::open_root_actor(ActorOptions::new(), async |_| {
                tractor::connect(&addr, async |portal| {
                    calls(portal).await;
                    // Once more, with what was learned of the other side's types.
                    calls(portal).await;
                    Ok(())
                })
                .await
            })
            .await
        }
        _ => panic!("usage: serve | call <address>"),
    }
}

async fn serve() -> tractor::Result<()> {
    let addr = tractor::socket_addr("versions")?;
    let options = ActorOptions::new().bind(addr.clone()).enable_module(MODULE);
    tractor::open_root_actor(options, async |_| {
        say("addr", Ok(addr.to_string()));
        let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        end.await.expect("reading does not panic").expect("standard input can be read");
        Ok(())
    })
    .await
}
