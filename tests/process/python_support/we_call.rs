//! Rust calls Python.

use std::time::Duration;

use tractor::error::{RemoteKind, RuntimeFailure};
use tractor::prelude::*;
use tractor::{DynCall, Error, Value};

use super::Table;

mod py {
    use tractor::prelude::*;

    #[tractor::actor_fn(extern, module = "py_side")]
    pub(super) async fn py_echo(n: i64) -> i64;
    #[tractor::actor_fn(extern, module = "py_side")]
    pub(super) async fn same(
        value: (String, Vec<i64>, Option<f64>, bool),
    ) -> (String, Vec<i64>, Option<f64>, bool);
    #[tractor::actor_fn(extern, module = "py_side")]
    pub(super) async fn wrong() -> i64;
    #[tractor::actor_fn(extern, module = "py_side")]
    pub(super) async fn fails(text: String);
    #[tractor::actor_fn(extern, module = "py_side")]
    pub(super) async fn relays(name: String, text: String);
    #[tractor::actor_fn(extern, module = "py_side")]
    pub(super) async fn call_back(name: String, n: i64) -> i64;
    #[tractor::actor_fn(extern, module = "py_side")]
    pub(super) async fn knows(name: String) -> bool;
    #[tractor::actor_fn(extern, module = "py_side")]
    pub(super) async fn hangs();
    #[tractor::actor_fn(extern, module = "py_side")]
    pub(super) async fn ended() -> Vec<String>;
    #[tractor::actor_fn(extern, module = "py_side")]
    pub(super) async fn absent();
    #[tractor::actor_fn(extern, module = "hidden")]
    pub(super) async fn function();

    #[tractor::stream(extern, module = "py_side")]
    pub(super) async fn counts(out: StreamSender<i64>, n: i64);
    #[tractor::stream(extern, module = "py_side")]
    pub(super) async fn ticks(out: StreamSender<i64>);

    #[tractor::context(extern, module = "py_side", pld_spec = i64)]
    pub(super) async fn doubler(ctx: Context<i64>) -> i64;
    /// A wrong declaration of `doubler`.
    #[tractor::context(
        extern,
        module = "py_side",
        name = "doubler",
        started = i64,
        send = i64,
        recv = String,
        returns = i64
    )]
    pub(super) async fn doubles_text(ctx: Context<i64, i64, String>) -> i64;
    #[tractor::context(extern, module = "py_side", started = i64, send = i64, recv = i64)]
    pub(super) async fn starts_wrong(ctx: Context<i64>);
    #[tractor::context(extern, module = "py_side", started = i64, send = i64, recv = i64)]
    pub(super) async fn streams_wrong(ctx: Context<i64>);
    #[tractor::context(extern, module = "py_side", started = i64, send = i64, recv = i64)]
    pub(super) async fn holds(ctx: Context<i64>);
    #[tractor::context(extern, module = "py_side", started = i64, send = i64, recv = i64)]
    pub(super) async fn fails_later(ctx: Context<i64>, text: String);
    #[tractor::context(extern, module = "py_side", started = i64, send = i64, recv = i64)]
    pub(super) async fn cancels_itself(ctx: Context<i64>);
    #[tractor::context(extern, module = "py_side", started = i64, send = i64, recv = i64)]
    pub(super) async fn floods(ctx: Context<i64>, n: i64);
}

/// Waits until a function was cancelled in Python, and returns all cancelled functions.
async fn ended(portal: &Portal) -> tractor::Result<Vec<String>> {
    loop {
        let ended = portal.run(py::ended()).await?;
        if !ended.is_empty() {
            return Ok(ended);
        }
    }
}

/// The source of a failure that Python reports.
#[track_caller]
fn remote<T: std::fmt::Debug>(result: tractor::Result<T>, kind: RemoteKind, src_type: &str, text: &str) {
    let error = result.expect_err("it fails");
    let remote = error.as_remote().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!((remote.kind(), remote.src_type()), (kind, src_type), "{error}");
    assert!(remote.message().contains(text), "{error}");
}

pub(crate) async fn calls(table: &mut Table, py: &Portal) {
    table
        .case("a call", async {
            assert_eq!(py.run(py::py_echo(7)).await?, 7);
            let value = ("é".to_owned(), vec![-1, 1 << 40], Some(0.5), true);
            assert_eq!(py.run(py::same(value.clone())).await?, value);
            Ok(())
        })
        .await;
    table
        .case("a call by name, with any value", async {
            let value =
                Value::Map(vec![("a".into(), Value::Nil), (Value::from("b"), Value::Binary(vec![0, 255]))]);
            let call = DynCall::new("py_side", "same").arg("value", value.clone());
            assert_eq!(py.run_dyn::<Value>(call).await?, value);
            Ok(())
        })
        .await;
    table
        .case("a large value", async {
            let value = ("x".repeat(3_000_000), vec![], None, false);
            assert_eq!(py.run(py::same(value.clone())).await?, value);
            Ok(())
        })
        .await;
    table
        .case("100 calls at once", async {
            let sums = futures_util::future::try_join_all((0..100).map(|n| py.run(py::py_echo(n)))).await?;
            assert_eq!(sums, (0..100).collect::<Vec<_>>());
            Ok(())
        })
        .await;
    table
        .case("an error, with its text", async {
            remote(py.run(py::fails("no luck".to_owned())).await, RemoteKind::Error, "ValueError", "no luck");
            Ok(())
        })
        .await;
    table
        .case("a function that there is not", async {
            remote(py.run(py::absent()).await, RemoteKind::NotFound, "AttributeError", "absent");
            Ok(())
        })
        .await;
    table
        .case("a module that is not exposed", async {
            remote(py.run(py::function()).await, RemoteKind::NotExposed, "ModuleNotExposed", "hidden");
            Ok(())
        })
        .await;
    table
        .case("arguments that do not fit", async {
            let call = DynCall::new("py_side", "py_echo").arg("m", 1);
            remote(py.run_dyn::<i64>(call).await, RemoteKind::Arguments, "TypeError", "'m'");
            Ok(())
        })
        .await;
    table
        .case("MsgTypeError: a result", async {
            let error = py.run(py::wrong()).await.expect_err("it is a text");
            assert!(error.as_msg_type().is_some(), "{error:?}");
            Ok(())
        })
        .await;
}

pub(crate) async fn streams(table: &mut Table, py: &Portal) {
    table
        .case("a generator, to its end", async {
            let all = py.open_stream_from(py::counts(50), async |mut stream| -> tractor::Result<_> {
                let mut all = Vec::new();
                while let Some(n) = stream.receive().await? {
                    all.push(n);
                }
                Ok(all)
            });
            assert_eq!(all.await?, (0..50).collect::<Vec<_>>());
            assert_eq!(ended(py).await?, ["generator"]);
            Ok(())
        })
        .await;
    table
        .case("a stream function, left early", async {
            py.open_stream_from(py::ticks(), async |mut stream| -> tractor::Result<()> {
                assert_eq!(stream.receive().await?, Some(0));
                Ok(())
            })
            .await?;
            assert_eq!(ended(py).await?, ["stream"]);
            Ok(())
        })
        .await;
    table
        .case("a context: values both ways, and a result", async {
            let seen = py.open_context(py::doubler(), async |ctx, first| -> tractor::Result<_> {
                assert_eq!(first, 0);
                let mut stream = ctx.open_stream();
                for n in 0..100 {
                    stream.send(n).await?;
                    assert_eq!(stream.receive().await?, Some(n * 2));
                }
                stream.wait_for_result().await
            });
            assert_eq!(seen.await?, 100);
            Ok(())
        })
        .await;
    table
        .case("a context that fails", async {
            let failed =
                py.open_context(py::fails_later("late".to_owned()), async |ctx, _| -> tractor::Result<()> {
                    let mut stream = ctx.open_stream();
                    stream.send(1).await?;
                    stream.receive().await.map(drop)
                });
            remote(failed.await, RemoteKind::Error, "ValueError", "late");
            Ok(())
        })
        .await;
}

pub(crate) async fn wrong_types(table: &mut Table, py: &Portal) {
    table
        .case("MsgTypeError: a first value", async {
            let wrong =
                py.open_context(py::starts_wrong(), async |_, _| -> tractor::Result<()> { Ok(()) }).await;
            assert!(wrong.as_ref().is_err_and(|error| error.as_msg_type().is_some()), "{wrong:?}");
            Ok(())
        })
        .await;
    table
        .case("MsgTypeError: a streamed value, from Python", async {
            let wrong = py.open_context(py::streams_wrong(), async |ctx, _| -> tractor::Result<()> {
                ctx.open_stream().receive().await.map(drop)
            });
            let wrong = wrong.await;
            assert!(wrong.as_ref().is_err_and(|error| error.as_msg_type().is_some()), "{wrong:?}");
            Ok(())
        })
        .await;
    table
        .case("MsgTypeError: a streamed value, to Python", async {
            let wrong = py.open_context(py::doubles_text(), async |ctx, _| -> tractor::Result<()> {
                let mut stream = ctx.open_stream();
                stream.send("no number".to_owned()).await?;
                stream.receive().await.map(drop)
            });
            let wrong = wrong.await;
            assert!(wrong.as_ref().is_err_and(|error| error.as_msg_type().is_some()), "{wrong:?}");
            Ok(())
        })
        .await;
}

pub(crate) async fn overruns(table: &mut Table, py: &Portal) {
    table
        .case("an overrun: we do not read a generator", async {
            let (sent, is_sent) = tokio::sync::oneshot::channel();
            let reading = py.open_stream_from(py::counts(1000), async |mut stream| -> tractor::Result<()> {
                is_sent.await.expect("the sender lives");
                while stream.receive().await?.is_some() {}
                Ok(())
            });
            let (read, ended) = tokio::join!(reading, async {
                let ended = ended(py).await;
                sent.send(()).expect("the body waits");
                ended
            });
            remote(read, RemoteKind::StreamOverrun, "StreamOverrun", "");
            assert_eq!(ended?, ["generator"]);
            Ok(())
        })
        .await;
    table
        .case("an overrun: Python does not read", async {
            let full = py.open_context(py::holds(), async |ctx, _| -> tractor::Result<()> {
                let mut stream = ctx.open_stream();
                for _ in 0..200 {
                    stream.send(1).await?;
                }
                stream.receive().await.map(drop)
            });
            remote(full.await, RemoteKind::StreamOverrun, "StreamOverrun", "");
            assert_eq!(ended(py).await?, ["context"]);
            Ok(())
        })
        .await;
    table
        .case("an overrun: we do not read", async {
            let full = py.open_context(py::floods(200), async |ctx, _| -> tractor::Result<()> {
                let _stream = ctx.open_stream();
                std::future::pending().await
            });
            remote(full.await, RemoteKind::StreamOverrun, "StreamOverrun", "");
            Ok(())
        })
        .await;
}

pub(crate) async fn cancellations(table: &mut Table, py: &Portal) {
    table
        .case("a call that is dropped", async {
            let hangs = tokio::time::timeout(Duration::from_millis(50), py.run(py::hangs())).await;
            assert!(hangs.is_err(), "{hangs:?}");
            assert_eq!(ended(py).await?, ["function"]);
            Ok(())
        })
        .await;
    table
        .case("a call past its deadline", async {
            let late = py.deadline(Duration::from_millis(50)).run(py::hangs()).await;
            assert!(matches!(late, Err(Error::DeadlineExceeded(_))), "{late:?}");
            assert_eq!(ended(py).await?, ["function"]);
            Ok(())
        })
        .await;
    table
        .case("a context that we cancel", async {
            py.open_context(py::holds(), async |ctx, _| -> tractor::Result<()> {
                assert!(ctx.cancel().await?, "acknowledged in time");
                Ok(())
            })
            .await?;
            assert_eq!(ended(py).await?, ["context"]);
            Ok(())
        })
        .await;
    table
        .case("a context whose body fails", async {
            let failed = py.open_context(py::holds(), async |_, _| -> tractor::Result<()> {
                Err(RuntimeFailure::new("ours").into())
            });
            assert!(failed.await.is_err_and(|error| error.to_string().contains("ours")));
            assert_eq!(ended(py).await?, ["context"]);
            Ok(())
        })
        .await;
    table
        .case("a context that Python cancels", async {
            let gone = py.open_context(py::cancels_itself(), async |ctx, _| -> tractor::Result<()> {
                let mut stream = ctx.open_stream();
                stream.send(1).await?;
                stream.receive().await.map(drop)
            });
            let gone = gone.await;
            let cancelled = gone.as_ref().err().and_then(Error::as_cancelled);
            assert_eq!(cancelled.and_then(|error| error.canceller()), Some(py.uid()), "{gone:?}");
            Ok(())
        })
        .await;
    table
        .case("nothing is left open", async {
            support::until(|| py.dialogs_open() == 0).await;
            Ok(())
        })
        .await;
}

/// Here `py` is the registrar.
pub(crate) async fn names(table: &mut Table, us: &tractor::Actor, py: &Portal) {
    let name = us.uid().name().to_owned();
    table
        .case("registrar: Python finds us, and calls back", async {
            assert_eq!(py.run(py::call_back(name.clone(), 8)).await?, 8);
            Ok(())
        })
        .await;
    table
        .case("registrar: our failure comes back through Python", async {
            let text = "one\ntwo";
            let failed = py.run(py::relays(name.clone(), text.to_owned())).await.expect_err("it fails");
            let failed = failed.as_remote().expect("it has failed here");
            assert_eq!(
                (failed.src_uid(), failed.message()),
                (us.uid(), text),
                "{failed}\n{}",
                failed.trace()
            );
            Ok(())
        })
        .await;
    table
        .case("registrar: it lists us, and has no other names", async {
            let actors = tractor::list_actors().await?;
            assert!(actors.iter().any(|row| row.uid == *us.uid()), "{actors:?}");
            assert!(!py.run(py::knows("nobody".to_owned())).await?);
            let none = tractor::find_actor("nobody", async |_| -> tractor::Result<()> { Ok(()) }).await;
            assert!(matches!(none, Err(Error::NotFound(_))), "{none:?}");
            Ok(())
        })
        .await;
}

/// Kills the process while dialogs are open on it.
pub(crate) async fn kill(table: &mut Table, py: &Portal, process: &mut tokio::process::Child) {
    table
        .case("kill -9 of Python: a call and a context are told", async {
            let (started, is_started) = tokio::sync::oneshot::channel();
            let context = py.open_context(py::holds(), async |_, _| -> tractor::Result<()> {
                started.send(()).expect("the receiver waits");
                std::future::pending().await
            });
            let (call, context, ()) = tokio::join!(py.run(py::hangs()), context, async {
                is_started.await.expect("it begins");
                process.kill().await.expect("the test owns it");
            });
            for error in [call.expect_err("it is gone"), context.expect_err("it is gone")] {
                assert!(matches!(error, Error::Closed(_)), "{error:?}");
            }
            Ok(())
        })
        .await;
    table
        .case("kill -9 of Python: its name leads nowhere", async {
            let gone = tractor::find_actor("pyside", async |_| -> tractor::Result<()> { Ok(()) }).await;
            assert!(matches!(gone, Err(Error::NotFound(_) | Error::Unreachable(_))), "{gone:?}");
            Ok(())
        })
        .await;
}
