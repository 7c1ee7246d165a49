//! The attribute macros of `tractor`; use them through the facade crate, as `#[tractor::actor_fn]`.
//!
//! A macro checks what is written, rustc checks the types: the expansion puts the user's own tokens where rustc may
//! have to complain. On an error the function is still emitted, so that editors keep working on it.
//!
//! This file has the entry points and their documentation; each macro is a module, and what the endpoints share is in
//! `endpoint`.

mod actor_fn;
mod args;
mod context;
mod diag;
mod endpoint;
mod entry;
mod sig;
mod stream;
#[cfg(test)]
mod tests;

use entry::Entry;
use proc_macro::TokenStream;

/// Makes an async function callable by other actors, with one value as its answer.
///
/// ```ignore
/// #[tractor::actor_fn]
/// async fn add(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// assert_eq!(add(1, 2).await, 3);                  // runs here
/// assert_eq!(portal.run(add(1, 2)).await?, 3);     // runs in the actor behind the portal
/// ```
///
/// The function keeps its signature for its callers, but calling it gives a `Call`: a value that does nothing until it
/// is awaited or handed to a portal. Beside the function there is a type of the same name, which stands for the
/// endpoint.
///
/// # Rules
///
/// - Arguments are plain names of owned, concrete, serde types: `String` rather than `&str`. There are at most twelve.
/// - The returned type is serde as well. If it is called `Result` (any path that ends so), its `Err` is the failure of
///   the call, and may be anything that converts into a boxed error.
/// - The future is `Send`.
///
/// # Arguments
///
/// `crate = path`: where the `tractor` crate is, by default `::tractor`.
#[proc_macro_attribute]
pub fn actor_fn(attr: TokenStream, item: TokenStream) -> TokenStream {
    actor_fn::expand(attr.into(), item.into()).into()
}

/// Makes an async function an endpoint that holds a dialog with its caller: a first value, a two-way stream and a last
/// value.
///
/// ```ignore
/// #[tractor::context(pld_spec = Point)]
/// async fn scale(ctx: Context<Point>, by: i64) -> tractor::Result<Point> {
///     let mut ctx = ctx.started(Point { x: 0, y: 0 }).await?;
///     let mut stream = ctx.open_stream().await?;
///     let mut last = Point { x: 0, y: 0 };
///     while let Some(p) = stream.receive().await? {
///         last = Point { x: p.x * by, y: p.y * by };
///         stream.send(last.clone()).await?;
///     }
///     Ok(last)
/// }
///
/// let last = portal.open_context(scale(3), async |ctx, first| { .. }).await?;
/// ```
///
/// The context is the first argument; callers do not pass it. Everything else is as for
/// [`#[actor_fn]`](macro@actor_fn), except that the call cannot be awaited here.
///
/// # Arguments
///
/// - `pld_spec = T`: the type of every message of the dialog.
/// - `started = A`, `send = B`, `recv = C`, `returns = D`: the type of one direction, as seen by the endpoint. They
///   take precedence over `pld_spec`. Without `pld_spec` a direction that is not given is `()`, and `returns` is what
///   the function returns. The context is then a `Context<A, B, C>`.
/// - `crate = path`: where the `tractor` crate is, by default `::tractor`.
#[proc_macro_attribute]
pub fn context(attr: TokenStream, item: TokenStream) -> TokenStream {
    context::expand(attr.into(), item.into()).into()
}

/// Makes an async function an endpoint that answers with a sequence of values.
///
/// ```ignore
/// #[tractor::stream]
/// async fn ticks(mut out: StreamSender<u64>, count: u64) -> tractor::Result<()> {
///     for tick in 0..count {
///         out.send(tick).await?;
///     }
///     Ok(())
/// }
/// ```
///
/// The sender is the first argument; callers do not pass it. The function returns nothing, or a `Result<()>`.
/// Everything else is as for [`#[actor_fn]`](macro@actor_fn), except that the call cannot be awaited here.
///
/// # Arguments
///
/// `crate = path`: where the `tractor` crate is, by default `::tractor`.
#[proc_macro_attribute]
pub fn stream(attr: TokenStream, item: TokenStream) -> TokenStream {
    stream::expand(attr.into(), item.into()).into()
}

/// Runs an async `main` as the root actor of a tree.
///
/// ```ignore
/// #[tractor::main]
/// async fn main() -> tractor::Result<()> {
///     tractor::open_nursery(async |nursery| { .. }).await
/// }
/// ```
///
/// Child actors start from the same program: in a child, the function's body does not run.
///
/// # Arguments
///
/// - `flavor = "multi_thread"` (the default) or `flavor = "current_thread"`: the tokio runtime.
/// - `worker_threads = N`: threads of the multi-thread runtime, by default one per core.
/// - `crate = path`: where the `tractor` crate is, by default `::tractor`.
#[proc_macro_attribute]
pub fn main(attr: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::Main, attr.into(), item.into()).into()
}

/// Runs an async test as the root actor of a tree of its own.
///
/// ```ignore
/// #[tractor::test]
/// async fn adds() -> tractor::Result<()> {
///     assert_eq!(add(1, 2).await, 3);
///     Ok(())
/// }
/// ```
///
/// It is a `#[test]`; `#[should_panic]` and `#[ignore]` work as usual.
///
/// # Arguments
///
/// Those of [`#[main]`](macro@main), but the default is `flavor = "current_thread"`.
#[proc_macro_attribute]
pub fn test(attr: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::Test, attr.into(), item.into()).into()
}
