//! The attribute macros of `tractor`; use them through the facade crate, as `#[tractor::actor_fn]`.
//!
//! A macro checks syntax, rustc checks types: the expansion puts the user's own tokens where rustc may report an error.
//! On an error the function is still emitted, so that editors keep working on it.
//!
//! This file has the entry points and their documentation. Each macro is a module; `endpoint` holds what the endpoint
//! macros share.

mod actor_fn;
mod attribute_args;
mod context;
mod endpoint;
mod entry;
mod errors;
mod function;
mod half_typed;
mod stream;
#[cfg(test)]
mod tests;
mod tokens;

use entry::Entry;
use proc_macro::TokenStream;

/// Makes an async function callable by other actors, with one value as its answer.
///
/// ```
/// use tractor::prelude::*;
///
/// #[tractor::actor_fn]
/// async fn add(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// async fn both(portal: &Portal) -> tractor::Result<()> {
///     assert_eq!(add(1, 2).await, 3);                 // runs here
///     assert_eq!(portal.run(add(1, 2)).await?, 3);    // runs there
///     Ok(())
/// }
/// # #[tractor::main]
/// # async fn main() -> tractor::Result<()> {
/// #     tractor::open_nursery(async |_| {
/// #         tractor::with_local_actor(tractor::ActorOptions::new().enable_module(module_path!()), both).await
/// #     }).await
/// # }
/// ```
///
/// The function keeps its arguments, but calling it gives a `Call`: a value that does nothing until it is awaited or
/// handed to a portal. The macro also makes a type of the same name, which identifies the endpoint: the call above is a
/// `Call<add>`. The type is as visible as the function.
///
/// # Rules
///
/// - It is a free `async fn` without generics, not `unsafe`, not an `extern fn`.
/// - Arguments are plain names of concrete serde types. There are at most twelve, and they travel by name.
/// - An argument may be a reference: `&str`, `&[u8]`, `&[T]`, `&T` of a `T` that is `Clone`. The call keeps a copy, and
///   the function borrows from the value that arrived.
/// - The returned type is serde, too. If its name is `Result` (the last segment of any path), its `Err` is the failure
///   of the call: an error type, `String`, `&'static str` or a boxed error. A panic is a failure, too.
/// - The returned value is decoded once before it is sent, so that a serde mistake is an error of this side. For a
///   large value that costs as much as receiving it.
/// - Types in the signature are at least as visible as the function.
/// - The future is `Send`.
///
/// ```
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// pub struct User { id: u64, name: String }
///
/// /// Doc comments and other attributes work as usual.
/// #[tractor::actor_fn]
/// pub async fn rename(
///     mut user: User,
///     name: Option<String>,
/// ) -> Result<User, String> {
///     user.name = name.ok_or_else(|| format!("user {} needs a name", user.id))?;
///     Ok(user)
/// }
/// # fn main() {}
/// ```
///
/// Lint levels on the function (`#[allow(..)]`, `#[expect(..)]`, ..) hold for everything that the macro generates. A
/// crate may `forbid` any lint but `non_upper_case_globals`, which it may only `deny`: the registration of an endpoint
/// allows it, as serde's derives do.
///
/// The macro also registers the endpoint: an actor that is started with the function's module enabled, or with the
/// function itself exposed, answers such calls.
///
/// # Arguments
///
/// - `name = ".."`, `module = ".."`: the endpoint's name and module for other actors and in the allow-list, instead of
///   the function's own.
/// - `extern`: the function lives in another program, under `module`. It has no body, and its call
///   runs only where the function lives.
/// - `error = E`: the type of the failure, an error type that is serde. The function returns a `Result` with it. If an
///   `extern` function fails with a type of its own program, `downcast_as` reads it as the `E` of this program.
/// - `crate = path`: the path of the `tractor` crate, by default `::tractor`. A dependency that has another name, such
///   as `actors = { package = "tractor", .. }`, needs `crate = ::actors`.
///
/// And on an argument of the function:
///
/// - `#[tractor(rename = "..")]`: its name on the wire.
/// - `#[tractor(default)]`, `#[tractor(default = expression)]`: its value when the caller omits it. Only a caller in
///   another program, or one that names the function by text, can do so.
///
/// Checks of values belong on their types, such as `#[serde(try_from = "..")]`.
///
/// ```
/// use tractor::prelude::*;
///
/// #[tractor::actor_fn(module = "text.service", name = "pad")]
/// async fn padded(
///     text: &str,
///     #[tractor(rename = "to", default = 8)] width: usize,
/// ) -> String {
///     format!("{text:<width$}")
/// }
///
/// /// The declaration in another program that calls it.
/// #[tractor::actor_fn(extern, module = "text.service")]
/// async fn pad(text: &str, to: usize) -> String;
///
/// async fn both(portal: &Portal) -> tractor::Result<()> {
///     assert_eq!(portal.run(padded("a", 2)).await?, "a ");
///     assert_eq!(portal.run(pad("a", 2)).await?, "a ");
///     Ok(())
/// }
/// # #[tractor::main]
/// # async fn main() -> tractor::Result<()> {
/// #     tractor::open_nursery(async |_| {
/// #         tractor::with_local_actor(tractor::ActorOptions::new().enable_module("text.service"), both).await
/// #     }).await
/// # }
/// ```
#[proc_macro_attribute]
pub fn actor_fn(attr: TokenStream, item: TokenStream) -> TokenStream {
    actor_fn::expand(attr.into(), item.into()).into()
}

/// Makes an async function an endpoint that holds a dialog with its caller: a first value, a two-way stream and a last
/// value.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tractor::prelude::*;
///
/// #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
/// struct Point { x: i64, y: i64 }
///
/// #[tractor::context(pld_spec = Point)]
/// async fn scale(ctx: Context<Point>, by: i64) -> tractor::Result<Point> {
///     let ctx = ctx.started(Point { x: 0, y: 0 }).await?;
///     let mut stream = ctx.open_stream();
///     let mut last = Point { x: 0, y: 0 };
///     while let Some(p) = stream.receive().await? {
///         last = Point { x: p.x * by, y: p.y * by };
///         stream.send(&last).await?;
///     }
///     Ok(last)
/// }
///
/// async fn open(portal: &Portal) -> tractor::Result<()> {
///     let opened = portal.open_context(scale(3), async |ctx, first| {
///         assert_eq!(first, Point { x: 0, y: 0 });
///         let mut stream = ctx.open_stream();
///         stream.send(Point { x: 1, y: 2 }).await?;
///         assert_eq!(stream.receive().await?, Some(Point { x: 3, y: 6 }));
///         stream.wait_for_result().await
///     });
///     let last: tractor::Result<Point> = opened.await;
///     assert_eq!(last?, Point { x: 3, y: 6 });
///     Ok(())
/// }
/// # #[tractor::main]
/// # async fn main() -> tractor::Result<()> {
/// #     tractor::open_nursery(async |_| {
/// #         tractor::with_local_actor(tractor::ActorOptions::new().enable_module(module_path!()), open).await
/// #     }).await
/// # }
/// ```
///
/// # Rules
///
/// The context is the first argument; callers do not pass it. The name of its type ends in `Context` (so an alias of
/// your own may be called `ScaleContext`) and its parameters are the types of the attribute. All other rules are those
/// of [`#[actor_fn]`](macro@actor_fn), except that the call cannot be awaited.
///
/// # Arguments
///
/// - `pld_spec = T`: the type of every message of the dialog. The context is a `Context<T>`.
/// - `started = A`, `send = B`, `recv = C`, `returns = D`: the type of one direction, as seen by the endpoint. They
///   take precedence over `pld_spec`. Without `pld_spec` a missing direction is `()`, and a missing `returns` is the
///   function's return type. The context is then a `Context<A, B, C>`.
/// - `strict`: every streamed value, in both directions, is decoded once before it is sent, as first and last values
///   always are. So a serde mistake is an error of `send`. The check costs about as much as sending and receiving the
///   value.
/// - `name`, `module`, `extern`, `error` and `crate` as in [`#[actor_fn]`](macro@actor_fn).
///
/// At least one type is given.
///
/// # Several types in one direction
///
/// `A | B`, with `None` for no value, makes an enum with one variant per type, named after the type: `VecU8` for
/// `Vec<u8>`. The enum is as visible as the function. Its name is the function's with the direction at the end:
/// `ScalePld` for the `pld_spec` of `scale`, `ScaleSend` for its `send`, and so on. `send` takes a value of any of the
/// types, also `None`, and for `A | None` an `Option<A>`. (If one of the types is an `Option` itself, write
/// `ScalePld::None`.) `receive` gives the enum. It has `Clone`, `Debug` and `PartialEq` if all of its types have them.
///
/// ```
/// use tractor::prelude::*;
///
/// #[tractor::context(recv = i64 | String, send = i64 | None)]
/// async fn parse(ctx: Context<(), ParseSend, ParseRecv>) -> tractor::Result<()> {
///     let ctx = ctx.started(()).await?;
///     let mut stream = ctx.open_stream();
///     while let Some(value) = stream.receive().await? {
///         match value {
///             ParseRecv::I64(number) => stream.send(number).await?,
///             ParseRecv::String(text) => stream.send(text.parse().ok()).await?,
///         }
///     }
///     Ok(())
/// }
/// # fn main() {}
/// ```
///
/// - No two types may have the same name. An alias gives a type another name; the same type under two names does not
///   compile.
/// - Between Rust peers a value names its variant. Peers of the base protocol send and get the bare value. It is read
///   as the variant that its field `type` names, else as the first one that accepts it, so put narrower types first.
/// - The enum can only be a whole message. Inside of another type, use an enum of your own.
///
/// # One type per direction
///
/// ```
/// use tractor::prelude::*;
///
/// /// Announces its version, sends progress in percent, receives nothing,
/// /// and returns a path.
/// #[tractor::context(started = u32, send = u8, returns = String)]
/// async fn convert(
///     ctx: Context<u32, u8, ()>,
///     file: String,
/// ) -> tractor::Result<String> {
///     let ctx = ctx.started(1).await?;
///     let stream = ctx.open_stream();
///     for percent in [0, 50, 100] {
///         stream.send(percent).await?;
///     }
///     Ok(file + ".out")
/// }
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn context(attr: TokenStream, item: TokenStream) -> TokenStream {
    context::expand(attr.into(), item.into()).into()
}

/// Makes an async function an endpoint that answers with a sequence of values.
///
/// ```
/// use tractor::prelude::*;
///
/// #[tractor::stream]
/// async fn ticks(out: StreamSender<u64>, count: u64) -> tractor::Result<()> {
///     for tick in 0..count {
///         out.send(tick).await?;
///     }
///     Ok(())
/// }
///
/// async fn open(portal: &Portal) -> tractor::Result<()> {
///     portal.open_stream_from(ticks(2), async |mut stream| {
///         assert_eq!(stream.receive().await?, Some(0));
///         assert_eq!(stream.receive().await?, Some(1));
///         assert_eq!(stream.receive().await?, None);
///         Ok(())
///     }).await
/// }
/// # #[tractor::main]
/// # async fn main() -> tractor::Result<()> {
/// #     tractor::open_nursery(async |_| {
/// #         tractor::with_local_actor(tractor::ActorOptions::new().enable_module(module_path!()), open).await
/// #     }).await
/// # }
/// ```
///
/// # Rules
///
/// The sender is the first argument; callers do not pass it. Its type parameter is the type of the values. The function
/// returns nothing, or a `Result<()>`; for a final value use [`#[context]`](macro@context). All other rules are those
/// of [`#[actor_fn]`](macro@actor_fn), except that the call cannot be awaited.
///
/// # Arguments
///
/// `name`, `module`, `extern`, `error` and `crate`, as in [`#[actor_fn]`](macro@actor_fn), and `strict` as in
/// [`#[context]`](macro@context).
#[proc_macro_attribute]
pub fn stream(attr: TokenStream, item: TokenStream) -> TokenStream {
    stream::expand(attr.into(), item.into()).into()
}

/// Runs an async `main` on a tokio runtime, and lets the program start child actors.
///
/// ```no_run
/// #[tractor::main]
/// async fn main() -> tractor::Result<()> {
///     tractor::open_nursery(async |an| {
///         let worker = an.start_actor("worker").await?;
///         println!("{} runs as process {:?}", worker.uid(), worker.pid());
///         worker.cancel_actor().await?;
///         Ok(())
///     }).await
/// }
/// ```
///
/// A child actor is a process of this same program, in which the actor runs instead of the function's body. A program
/// without this attribute and without `tractor::init()` cannot start actors.
///
/// The function takes no arguments and returns what a `main` may return.
///
/// # Signals
///
/// While a root actor lives in the process, SIGINT, SIGTERM and SIGHUP end its tree in good order. The body of the
/// root's scope is dropped, children are asked to end, and callbacks (`on_exit`) and shielded cleanups run within the
/// limits of `Timeouts`. Then the code around that scope is dropped, and the program dies of the signal as if it had
/// not been caught. (The init process of a container instead exits with 128 plus the signal's number.) A second signal
/// kills the tree at once.
///
/// * A signal that is ignored when the first root starts stays ignored (Linux, with `/proc`): SIGHUP under `nohup`, and
///   SIGINT in a program that a script has started with `&`.
/// * Without a root, with `tractor::init()` and in tests, signals keep their usual effect.
/// * A program that has called `tractor::shutdown_signal()` handles the first signal itself.
/// * Children are process groups of their own, which a terminal's signals do not reach: their parents end them.
/// * Other programs that actors have started outlive a root that ends without leaving its scopes: by SIGKILL, a crash
///   or `exit`. At a second signal, the programs of the root's own children end, but those of actors below them do not.
///   A service manager or a container that ends the whole control group ends all of them.
///
/// # Arguments
///
/// - `flavor = "multi_thread"` (the default) or `flavor = "current_thread"`: the tokio runtime.
/// - `worker_threads = N`: threads of the multi-thread runtime, by default one per core.
/// - `setup = path`: a `fn()` that runs first in every process of the program, the root's and each child's, before any
///   runtime is made. Use it to set up a `tracing` subscriber. `main` itself runs only in the root.
/// - `crate = path`: the path of the `tractor` crate, by default `::tractor`.
///
/// ```no_run
/// fn logs() {
///     // tracing_subscriber::fmt().with_writer(std::io::stderr).init();
/// }
///
/// #[tractor::main(setup = logs)]
/// async fn main() {}
/// ```
///
/// These arguments set up the runtime of this process; the options of a child set its number of threads.
#[proc_macro_attribute]
pub fn main(attr: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::Main, attr.into(), item.into()).into()
}

/// Runs an async test on a tokio runtime of its own. It may start actors.
///
/// ```
/// #[tractor::actor_fn]
/// async fn add(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// #[tractor::test]
/// async fn adds() -> tractor::Result<()> {
///     tractor::open_nursery(async |an| {
///         let sum = an.run_in_actor(add(1, 2)).await?;
///         assert_eq!(*sum.wait_for_result().await?, 3);
///         Ok(())
///     }).await
/// }
/// # fn main() {}
/// ```
///
/// The function becomes a `#[test]`: the test runner finds it, and `#[should_panic]` and `#[ignore]` work as usual. It
/// takes no arguments and returns what a test may return.
///
/// # Arguments
///
/// Those of [`#[main]`](macro@main), but the default is `flavor = "current_thread"`. And:
///
/// - `start_paused = true`: tokio's clock stands still, and jumps to the next timer when there is nothing else to do,
///   so that hours pass at once. This needs the feature `test-util` of `tractor` in your `dev-dependencies`. Actors in
///   this process (`tractor::with_local_actor`) use the paused clock. A child process cannot, so starting one is an
///   error.
#[proc_macro_attribute]
pub fn test(attr: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::Test, attr.into(), item.into()).into()
}
