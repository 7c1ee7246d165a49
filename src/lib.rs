//! Structured concurrency across processes: supervised actor trees with typed contexts and streams.
//!
//! A program is a tree of *actors*: operating-system processes, each with its own tokio runtime. Each actor is owned by
//! a scope of the actor that started it. You write annotated async functions. A call is a value: awaited, it runs here;
//! handed to a [`Portal`], it runs in the actor behind the portal. The compiler checks both alike. A scope returns only
//! when every task and every process that was started in it has ended.
//!
#![doc = include_str!("pictures/tree.svg")]
//!
//! ```
//! #[tractor::actor_fn]                       // may run in any actor
//! async fn greet(name: &str) -> String {
//!     format!("hello {name}, from process {}", std::process::id())
//! }
//!
//! #[tractor::main]
//! async fn main() -> tractor::Result<()> {
//!     tractor::open_nursery(async |an| {
//!         let worker = an.start_actor("worker").expose(greet).await?;
//!         println!("{}", greet("here").await);                 // runs here
//!         println!("{}", worker.run(greet("there")).await?);   // runs there
//!         worker.cancel_actor().await?;
//!         Ok(())
//!     }).await                             // returns when the worker is gone
//! }
//! ```
//!
//! New here? [`guide::first`] begins with `cargo new`. The [`guide`] has a page for each task; this page is a tour of
//! the whole.
//!
//! # Nurseries and actors
//!
//! [`open_nursery`] opens a scope that owns child actors. [`start_actor`](ActorNursery::start_actor) runs this program
//! again as a child process, which serves until it is cancelled; [`run_in_actor`](ActorNursery::run_in_actor) starts an
//! actor for a single call and ends it after the call.
//!
//! * Leaving the scope waits for every child. When it returns, their processes have been reaped.
//! * An error of the body, or the unexpected end of any child, cancels all children; every failure is reported.
//! * A child is first asked to end, then signalled, then killed. How long each step takes is in [`Timeouts`].
//! * A child's runtime has one thread. An endpoint that blocks, or computes for long, stops everything in its actor,
//!   unless the actor has more [`worker_threads`](StartActor::worker_threads).
//! * When a child dies, the body is dropped, before a call in it can fail. To survive a death, use a
//!   [supervisor](#supervision) or a [pool](#pools).
//!
//! The builder of a child sets up its process: environment, arguments, directory ([`env`](StartActor::env),
//! [`args`](StartActor::args), [`current_dir`](StartActor::current_dir)), its output ([`stderr`](StartActor::stderr)),
//! its limits ([`memory_max`](StartActor::memory_max), [`cpu_time_max`](StartActor::cpu_time_max),
//! [`open_files_max`](StartActor::open_files_max)). A child that hangs can be killed, [at once](Portal::kill) or by a
//! [deadline](future::Run::or_kill).
//!
//! An actor lets others call only what its starter allows: all endpoints of a module
//! ([`enable_module`](StartActor::enable_module)) or single ones ([`expose`](StartActor::expose)).
//!
//! ```
//! #[tractor::actor_fn]
//! async fn square(n: u64) -> u64 { n * n }
//!
//! #[tractor::main]
//! async fn main() -> tractor::Result<()> {
//!     let squares = tractor::open_nursery(async |an| -> tractor::Result<_> {
//!         let three = an.run_in_actor(square(3)).await?;
//!         let four = an.run_in_actor(square(4)).await?;
//!         Ok(three.wait_for_result().await? + four.wait_for_result().await?)
//!     }).await?;
//!     assert_eq!(squares, 25);
//!     Ok(())
//! }
//! ```
//!
//! # Supervision
//!
//! The failure of one child ends a nursery. If the child should be restarted instead, put a supervisor on the nursery
//! ([`supervise`](ActorNursery::supervise)): [`guide::supervision`].
//!
//! # Pools
//!
//! For many calls that any worker can run, [`open_pool`] opens a scope with equal workers and hands each of them a task
//! at a time. A task that hangs or crashes costs only its worker, which is replaced, and no other task:
//! [`guide::pools`].
//!
//! # Calls
//!
//! [`#[actor_fn]`](macro@actor_fn) is for one call with one result. The arguments and the result are [`Payload`]s:
//! owned serde types. An argument may be a reference to one, and a function may return a `Result` with any error type.
//!
//! The examples from here on talk to a second actor in this process ([`with_local_actor`]), which is also how to test
//! endpoints quickly: no process is started, but everything goes through the protocol.
//!
//! ```
//! use tractor::ActorOptions;
//!
//! #[tractor::actor_fn]
//! async fn parse(text: String) -> Result<i64, std::num::ParseIntError> {
//!     text.trim().parse()
//! }
//!
//! #[tractor::main]
//! async fn main() -> tractor::Result<()> {
//!     assert_eq!(parse("1".to_owned()).await, Ok(1));
//!     tractor::open_nursery(async |_| {
//!         let options = ActorOptions::new().enable_module(module_path!());
//!         tractor::with_local_actor(options, async |portal| {
//!             assert_eq!(portal.run(parse(" 42 ".to_owned())).await?, 42);
//!             Ok(())
//!         }).await
//!     }).await
//! }
//! ```
//!
//! # Contexts and streams
//!
//! A [`#[context]`](macro@context) links two tasks in two actors. The endpoint sends a first value, with which the body
//! of the scope at the other end begins. Both sides may then open a two-way [`MsgStream`], which consumes their
//! context. The caller reads the endpoint's final value with [`wait_for_result`](MsgStream::wait_for_result). If one of
//! the two fails, the other is cancelled and learns why. The compiler checks the order: a context has no stream before
//! [`started`](Context::started), and only one after it. Tasks beside the stream use a [`ContextHandle`]: it cancels,
//! watches for the end, waits for the result, and knows the [`peer`](ContextHandle::peer). Functions and one-way
//! streams do not know who calls them: pass that as an argument.
//!
#![doc = include_str!("pictures/dialog.svg")]
//!
//! `pld_spec = T` gives every message the type `T`. With `started`, `send`, `recv` and `returns` each direction has its
//! own, as seen from the endpoint. Sending anything else does not compile. `A | B` stands for several types. Rules
//! about values are serde's, such as `#[serde(try_from = "..")]`.
//!
//! ```
//! use tractor::{ActorOptions, prelude::*};
//!
//! /// Counts the words of the lines it gets, and reports the sum after each.
//! #[tractor::context(send = u64, recv = String, returns = u64)]
//! async fn count(ctx: Context<(), u64, String>) -> tractor::Result<u64> {
//!     let ctx = ctx.started(()).await?;
//!     let mut stream = ctx.open_stream();
//!     let mut words = 0;
//!     while let Some(line) = stream.receive().await? {
//!         words += line.split_whitespace().count() as u64;
//!         stream.send(words).await?;
//!     }
//!     Ok(words)
//! }
//!
//! async fn count_two_lines(portal: &Portal) -> tractor::Result<u64> {
//!     portal.open_context(count(), async |ctx, ()| {
//!         let mut stream = ctx.open_stream();
//!         stream.send("to be or".to_owned()).await?;
//!         assert_eq!(stream.receive().await?, Some(3));
//!         stream.send("not to be".to_owned()).await?;
//!         assert_eq!(stream.receive().await?, Some(6));
//!         stream.wait_for_result().await   // `receive` there gives `None`
//!     }).await
//! }
//! # #[tractor::main]
//! # async fn main() -> tractor::Result<()> {
//! #     tractor::open_nursery(async |_| {
//! #         let options = ActorOptions::new().enable_module(module_path!());
//! #         assert_eq!(tractor::with_local_actor(options, count_two_lines).await?, 6);
//! #         Ok(())
//! #     }).await
//! # }
//! ```
//!
//! A sender waits while its receiver has no room; a slow reader slows only its own sender. A `send` to an endpoint that
//! no longer reads fails ([`Error::Unread`]).
//!
//! Several tasks of one actor may read one stream: each [`subscribe`](MsgStream::subscribe)r gets every value, the
//! fastest sets the pace, and a slow one learns how many values it has lost. Subscribers in other actors open a stream
//! each: [an example](#state-of-an-actor).
//!
//! Where values go one way only, [`#[stream]`](macro@stream) is shorter. Its caller may leave at any time: that cancels
//! the endpoint, and is no error.
//!
//! ```
//! use tractor::{ActorOptions, prelude::*};
//!
//! #[tractor::stream]
//! async fn ticks(out: StreamSender<u64>, count: u64) -> tractor::Result<()> {
//!     for tick in 0..count {
//!         out.send(tick).await?;
//!     }
//!     Ok(())
//! }
//!
//! async fn sum(portal: &Portal) -> tractor::Result<u64> {
//!     portal.open_stream_from(ticks(4), async |mut stream| {
//!         let mut sum = 0;
//!         while let Some(tick) = stream.receive().await? {
//!             sum += tick;
//!         }
//!         Ok(sum)
//!     }).await
//! }
//! # #[tractor::main]
//! # async fn main() -> tractor::Result<()> {
//! #     tractor::open_nursery(async |_| {
//! #         let options = ActorOptions::new().enable_module(module_path!());
//! #         assert_eq!(tractor::with_local_actor(options, sum).await?, 6);
//! #         Ok(())
//! #     }).await
//! # }
//! ```
//!
//! The handles of streams are also `Stream`s and `Sink`s of the crates `futures-core` and `futures-sink`, for the
//! combinators of `futures` and `tokio-stream`.
//!
//! # Bytes
//!
//! A byte string is a [`Bytes`], [`BytesMut`] or [`ByteBuf`]: it travels as MessagePack binary, which costs at most one
//! copy. For serde a `Vec<u8>` is a list of numbers: serde visits each byte, and a byte over 127 takes two on the wire.
//!
//! | type | as a whole argument, result or value of a context or stream | inside of another type |
//! | --- | --- | --- |
//! | `Bytes`, `BytesMut`, `ByteBuf`; an argument of type `&[u8]` | binary | binary |
//! | `Vec<u8>` | binary | a list of numbers, unless the field has `#[serde(with = "serde_bytes")]` |
//!
//! Each of these types reads both forms, in any position. As a whole value, text is not read as bytes, nor bytes as a
//! `String`. In Python binary is `bytes`.
//!
//! One value fits in one frame ([`Limits::frame_bytes_max`], 16 MiB). Stream larger data, and data that is not in
//! memory, in chunks, from an `AsyncRead` and into one: [`guide::bytes`].
//!
//! # Names and handles
//!
//! An [`ActorRef`] is a handle that travels: it may be sent to any actor, in any value. It leads to the actor that it
//! names, or to the current process of a supervised child. Actors also find one another by name ([`find_actor`],
//! [`wait_for_actor`]) if their roots name a [registry](ActorOptions::registry), even in programs that were started
//! apart. The [guide](guide::names) shows handles, names and daemons.
//!
//! Programs that were started apart connect over Unix sockets, if they belong to one user. Over TCP only the actors of
//! one tree can connect, because each root draws a secret of its own.
//!
//! # Errors
//!
//! Everything that can go wrong between actors is an [`Error`]. A failure of an endpoint arrives as [`Error::Remote`]
//! with the name of the original type, its text, its causes and its route; so does a panic, with its file and line. A
//! cancellation is [`Error::Cancelled`] and names the actor that asked for it. Your own cancellation is no error; a
//! cancellation by another actor is. A process that ends without being asked is [`Error::Died`].
//!
//! If an error type is `Serialize`, the value itself comes back: [`Error::downcast`]. If the other side was built from
//! other sources, a payload may be of a type that its dialog does not allow: that is an [`Error::MsgType`]. It says on
//! both sides which type arrived, which was allowed and which side sent it. Where no types are known,
//! [`Portal::run_dyn`] and [`Portal::open_context_dyn`] take a [`DynCall`], and payloads are [`Value`]s.
//!
//! When an actor dies, every actor that is connected to it over a Unix socket gets [`Error::Died`]: for open dialogs,
//! for later requests, and when it connects again. If no death is known, a lost connection is [`Error::Closed`], and a
//! connection that cannot be made is [`Error::Unreachable`]. [`Error::is_retryable`] and [`Error::may_have_run`] tell
//! whether a request may be repeated.
//!
//! Scopes are generic over the error type of their body. Any type that an [`Error`] converts into will do, such as
//! `anyhow::Error` and `std::io::Error`. If `?` converts the result of a scope, nothing determines its error type
//! (E0283, "type annotations needed"): annotate the closure.
//!
//! ```
//! # async fn example() -> anyhow::Result<()> {
//! let count = tractor::open_nursery(async |an| -> tractor::Result<_> {
//!     // ..
//!     Ok(an.children().len())
//! }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Your own error types, the kinds of errors, and what to do about each: [`guide::errors`]. What the compiler says
//! about mistakes: [`guide::compiler`].
//!
//! Each kind of error has an accessor ([`Error::as_remote`], [`Error::as_died`], ..):
//!
//! ```
//! use tractor::{ActorOptions, error::RemoteKind, prelude::*};
//!
//! #[tractor::actor_fn]
//! async fn withdraw(balance: u32, amount: u32) -> Result<u32, String> {
//!     let rest = balance.checked_sub(amount);
//!     rest.ok_or_else(|| format!("{amount} is more than {balance}"))
//! }
//!
//! async fn overdraw(portal: &Portal) -> anyhow::Result<()> {
//!     let error = portal.run(withdraw(10, 20)).await.unwrap_err();
//!     let remote = error.as_remote().expect("the function failed there");
//!     assert_eq!(remote.kind(), RemoteKind::Error);
//!     assert_eq!(remote.message(), "20 is more than 10");
//!     assert_eq!(remote.src_uid(), portal.uid());
//!     Ok(())
//! }
//! # #[tractor::main]
//! # async fn main() -> anyhow::Result<()> {
//! #     tractor::open_nursery(async |_| {
//! #         tractor::with_local_actor(ActorOptions::new().enable_module(module_path!()), overdraw).await
//! #     }).await
//! # }
//! ```
//!
//! # Deadlines
//!
//! [`with_deadline`] limits the time of a future; [`Portal::deadline`] and [`Run::deadline`](future::Run::deadline)
//! limit single requests. Each request carries the time that is left: the endpoint runs under that limit, and so do its
//! own requests to further actors. When the time is over, the work ends in all these actors, and the caller gets
//! [`Error::DeadlineExceeded`], which names the call.
//!
//! ```
//! use std::time::Duration;
//! use tractor::{ActorOptions, prelude::*};
//!
//! #[tractor::actor_fn]
//! async fn ponders() { std::future::pending().await }
//!
//! async fn ask(portal: &Portal) -> tractor::Result<()> {
//!     let budget = Duration::from_millis(20);
//!     let answer = tractor::with_deadline(budget, portal.run(ponders())).await;
//!     let error = answer.expect_err("it ponders for ever");
//!     let error = error.as_deadline_exceeded().expect("the budget is used up");
//!     assert_eq!(error.actor(), Some(portal.uid()));
//!     Ok(())
//! }
//! # #[tractor::main]
//! # async fn main() -> tractor::Result<()> {
//! #     tractor::open_nursery(async |_| {
//! #         tractor::with_local_actor(ActorOptions::new().expose(ponders), ask).await
//! #     }).await
//! # }
//! ```
//!
//! # Cancel safety
//!
//! Cancellation is a drop: a cancelled endpoint's future is dropped at its next await, and so is the body of a scope
//! whose other side has failed. An endpoint can notice the cancellation first
//! ([`cancelled`](ContextHandle::cancelled)), and defer the drop for a cleanup that must not be cut short ([`shield`]).
//! Dropping one of our futures, with a timeout or `select!` around it, leaves nothing behind:
//!
//! * [`Portal::run`] and [`Portal::open_context`] cancel the task in the other actor.
//! * [`open_nursery`] cancels every child. A drop cannot wait, so the actor finishes the teardown. The surrounding
//!   scopes, the endpoint's outcome and the end of the actor wait for it.
//! * Receiving loses no value. A `send` that is dropped before it was ready has sent nothing.
//!
//! Every async function has a section of this name. What each side sees when one cancels, fails or dies is on a page of
//! its own: [`guide::cancellation`].
//!
//! # State of an actor
//!
//! [`current_actor`] is the actor that the running task belongs to. [`actor_local!`] declares a value that exists once
//! per actor, whereas actors in one process share a static. It is made at its first use and dropped when the actor
//! ends; [`get`](ActorLocal::get) returns an `Arc` of it. If two threads use it first at the same time, both may make
//! it, and one of the two values is dropped.
//!
//! In this example an actor's state has any number of subscribers in other actors. Each opens a stream of its own:
//!
//! ```
//! use tokio::sync::watch;
//! use tractor::{ActorOptions, prelude::*};
//!
//! tractor::actor_local! {
//!     static LOG: watch::Sender<Vec<String>> = watch::Sender::default();
//! }
//!
//! #[tractor::actor_fn]
//! async fn put(line: String) {
//!     LOG.get().send_modify(|log| log.push(line));
//! }
//!
//! /// The lines from a position on, and then each new one.
//! #[tractor::stream]
//! async fn changes(
//!     out: StreamSender<String>,
//!     from: usize,
//! ) -> tractor::Result<()> {
//!     let mut log = LOG.get().subscribe();
//!     let mut next = from;
//!     loop {
//!         let lines = log.borrow_and_update().clone();
//!         for line in lines.iter().skip(next) {
//!             out.send(line).await?;
//!             next += 1;
//!         }
//!         if log.changed().await.is_err() {
//!             return Ok(());
//!         }
//!     }
//! }
//!
//! async fn subscribe(store: &Portal) -> tractor::Result<()> {
//!     store.run(put("first".to_owned())).await?;
//!     store.open_stream_from(changes(0), async |mut changes| {
//!         store.run(put("second".to_owned())).await?;
//!         assert_eq!(changes.receive().await?.as_deref(), Some("first"));
//!         assert_eq!(changes.receive().await?.as_deref(), Some("second"));
//!         Ok(())                           // ends the endpoint, too
//!     }).await
//! }
//! # #[tractor::main]
//! # async fn main() -> tractor::Result<()> {
//! #     tractor::open_nursery(async |_| {
//! #         let options = ActorOptions::new().enable_module(module_path!());
//! #         tractor::with_local_actor(options, subscribe).await
//! #     }).await
//! # }
//! ```
//!
//! A restarted actor begins with new state, where an old position is wrong: write to a file the state that has to
//! survive a crash. Then a subscriber that passes its position loses no change:
//! [`guide::errors`](guide::errors#an-actor-that-comes-back).
//!
//! # Entry points
//!
//! A child runs this program again. Its process has to begin to serve before `main` does anything else:
//!
//! * [`#[tractor::main]`](macro@main) on an async `main`, and [`#[tractor::test]`](macro@test) on async tests, do that
//!   and build the tokio runtime; a test may have a paused clock (`start_paused = true`);
//! * programs that build their own runtime call [`init`] first, or [`init_with`];
//! * [`open_root_actor`] starts the first actor with [`ActorOptions`] (name, addresses, limits, timeouts); without it,
//!   [`open_nursery`] starts one with the defaults.
//!
//! ```
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     tractor::init();                     // in a child this never returns
//!     let runtime = tokio::runtime::Runtime::new()?;
//!     runtime.block_on(tractor::open_nursery(async |an| -> tractor::Result<()> {
//!         let worker = an.start_actor("worker").await?;
//!         println!("{} runs as process {:?}", worker.uid(), worker.pid());
//!         worker.cancel_actor().await?;
//!         Ok(())
//!     }))?;
//!     Ok(())
//! }
//! ```
//!
//! Under `#[tractor::main]` SIGINT, SIGTERM and SIGHUP [end the tree in good order](macro@main#signals) before the
//! program dies of them. Other programs wait for [`shutdown_signal`].
//!
//! Logs, in root and children, and traces that cross from actor to actor: [`guide::logs`]. Web handlers, and other
//! tasks that leave their actor: [`guide::web`]. Containers and service managers: [`guide::signals`].
//!
//! Without names, actors that are not parent and child connect by address: one listens ([`StartActor::bind`],
//! [`ActorOptions::bind`]), the other uses [`connect`]. [`Portal::addrs`] returns the addresses of an actor, and an
//! [`Addr`] may be sent to other actors.
//!
//! Two programs of different versions: [`guide::versions`]. Actors in Python: [`guide::python`]. Tests:
//! [`guide::testing`]. Equivalents in tokio, tarpc, Ray, multiprocessing and Erlang: [`guide::migrating`].
//!
//! # Versions
//!
//! Parent and child run one program, hence one version. Actors that find each other by address or name may have
//! different versions. Between these, values travel with field names, and serde's rules apply: an unknown field is
//! ignored, a missing field takes its `default`, and anything else is an error that names the field, its type and the
//! side to blame. An endpoint refuses an unknown argument; a missing argument takes its default, or `None`.
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `macros` | yes | the attributes `actor_fn`, `context`, `stream`, `main` and `test` |
//! | `log` | yes | `tractor::log`, a ready-made subscriber that labels each line with its actor and task |
//! | `test-util` | no | `#[tractor::test(start_paused = true)]`; it makes tokio's clock slower, so enable it in `dev-dependencies` |

#[doc(no_inline)]
pub use bytes::{Bytes, BytesMut};
#[doc(no_inline)]
pub use serde_bytes::ByteBuf;
#[doc(hidden)]
pub use tractor_core::__private;
#[cfg(feature = "log")]
pub use tractor_core::log;
pub use tractor_core::proto::addr::Addr;
pub use tractor_core::proto::dialog::Side;
pub use tractor_core::proto::id::{Cid, Uid};
pub use tractor_core::proto::limits::{Limits, Timeouts};
pub use tractor_core::proto::payload::Payload;
pub use tractor_core::proto::supervision::{Backoff, Intensity, Restart, Strategy, Supervision};
pub use tractor_core::{
    Actor, ActorEnd, ActorLocal, ActorNursery, ActorOptions, ActorRef, ActorReport, Allows, Call, CanStart,
    Check, ChildReport, Context, ContextEndpoint, ContextHandle, ContextState, ContextTarget, ContextTypes,
    DialogReport, DynCall, Dynamic, Endpoint, Error, FnEndpoint, FnTarget, HasStarted, MsgStream, NoResult,
    OneShot, Opening, Overflow, ParentContext, Portal, ReceiveStream, Registered, Result, RunsHere, Sharing,
    StartActor, Started, Stdio, StreamEndpoint, StreamRx, StreamSender, StreamSubscriber, StreamTarget,
    StreamTx, SubscriberStatistics, Supervised, SupervisionEvent, SupervisionEvents, Supervisor,
    TraceContext, Unstarted, Value, actor_local, connect, current_actor, current_deadline, default_registry,
    error, find_actor, get_registry, get_root, init, init_with, list_actors, maybe_open_context,
    open_nursery, open_root_actor, propagate_traces, query_actor, shield, shutdown_signal, socket_addr,
    try_current_actor, wait_for_actor, with_deadline, with_deadline_at, with_local_actor,
};
#[cfg(feature = "macros")]
pub use tractor_macros::{actor_fn, context, main, stream, test};

pub use tractor_util::{
    ClusterOptions, Pool, PoolOptions, PoolProgress, PoolResults, PoolTarget, gather_contexts,
    open_actor_cluster, open_pool,
};

/// The futures that methods of this crate return. Code rarely names them.
pub mod future {
    pub use tractor_core::{
        CancelActor, CancelContext, Run, RunInActor, SendItem, SendStarted, SuperviseChild, UntilCancelled,
    };
    pub use tractor_util::PoolRun;
}
pub mod guide;
pub mod prelude;

/// The programs of the README are compiled and run, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
