//! Calls that cannot be made: each error has a type, and its text names the problem and a fix.

use serde_bytes::ByteBuf;
use support::journal::{NoteOnDrop, note, seen};
use support::{forever, in_nursery, in_root, in_root_with, with_local, with_process};
use tractor::error::{RemoteActorError, RemoteKind};
use tractor::prelude::*;
use tractor::{ActorOptions, DynCall, Error, Limits};

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tractor::actor_fn]
async fn nothing() -> u8 {
    7
}

#[tractor::actor_fn]
async fn subtract(a: i64, b: i64) -> i64 {
    a - b
}

#[tractor::actor_fn]
async fn greet(name: String, title: Option<String>) -> String {
    format!("{}{name}", title.unwrap_or_default())
}

#[tractor::actor_fn]
async fn length(bytes: ByteBuf) -> usize {
    bytes.len()
}

#[tractor::actor_fn]
async fn zeros(count: usize) -> ByteBuf {
    ByteBuf::from(vec![0; count])
}

#[tractor::context(pld_spec = ByteBuf, returns = ())]
async fn swallow(ctx: Context<ByteBuf>) -> tractor::Result<()> {
    let ctx = ctx.started(ByteBuf::new()).await?;
    let mut stream = ctx.open_stream();
    while stream.receive().await?.is_some() {}
    Ok(())
}

#[tractor::context(started = ByteBuf)]
async fn starts_with(ctx: Context<ByteBuf, (), ()>, count: usize) -> tractor::Result<()> {
    ctx.started(ByteBuf::from(vec![0; count])).await?;
    Ok(())
}

#[tractor::context(pld_spec = u8, returns = ())]
async fn waits(ctx: Context<u8>) -> tractor::Result<()> {
    let _note = NoteOnDrop("dropped");
    let _ctx = ctx.started(1).await?;
    note("waiting");
    forever().await;
    Ok(())
}

fn remote(error: &Error) -> &RemoteActorError {
    error.as_remote().unwrap_or_else(|| panic!("not the failure of another actor: {error:?}"))
}

/// The error's text contains each of `needles`.
#[track_caller]
fn names(error: &Error, needles: &[&str]) {
    let text = error.to_string();
    for needle in needles {
        assert!(text.contains(needle), "{needle:?} is not in {text:?}");
    }
}

#[tractor::test]
async fn an_exposed_endpoint_is_the_only_one() -> tractor::Result<()> {
    in_nursery(async |tree, an| {
        let worker = an.start_actor(tree.name("worker")).expose(add).await?;
        assert_eq!(worker.run(add(1, 2)).await?, 3);

        let error = worker.run(subtract(1, 2)).await.expect_err("it is not exposed");
        assert_eq!(remote(&error).kind(), RemoteKind::NotExposed);
        let module = format!(".enable_module(\"{}\")", module_path!());
        names(&error, &[&module, ".expose(subtract)", worker.uid().name()]);

        let no_such = DynCall::new(module_path!(), "divide");
        let error = worker.run_dyn::<i64>(no_such).await.expect_err("there is none");
        assert_eq!(remote(&error).kind(), RemoteKind::NotExposed);
        names(&error, &[&format!("module `{}` has no endpoint `divide`; it exposes `add`", module_path!())]);

        assert_eq!(worker.run(add(3, 4)).await?, 7, "the actor goes on");
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_enabled_module_exposes_all_of_it_and_nothing_else() -> tractor::Result<()> {
    in_nursery(async |tree, an| {
        let worker = an.start_actor(tree.name("worker")).enable_module(module_path!()).await?;
        assert_eq!(worker.run(add(1, 2)).await?, 3);
        assert_eq!(worker.run(subtract(1, 2)).await?, -1);
        let error = worker.run(seen("x".to_owned())).await.expect_err("another module");
        assert_eq!(remote(&error).kind(), RemoteKind::NotExposed);
        names(&error, &["support::journal", ".expose(seen)"]);
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_module_without_endpoints_is_refused_before_anything_starts() -> tractor::Result<()> {
    in_nursery(async |tree, an| {
        let start = an.start_actor(tree.name("worker")).enable_module("no::such_module");
        let error = start.await.expect_err("nothing is registered there");
        assert!(matches!(error, Error::Runtime(_)), "{error:?}");
        names(&error, &["no::such_module", "#[tractor::actor_fn]", "module_path!()", module_path!()]);
        assert!(an.children().is_empty());
        assert!(tree.processes().is_empty());
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_call_by_name_reports_what_does_not_fit() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        let ns = module_path!();
        let call = |name: &str| DynCall::new(ns, name);
        let one_and_two = |name: &str| call(name).arg("a", 1).arg("b", 2);
        assert_eq!(worker.run_dyn::<i64>(one_and_two("add")).await?, 3);
        let greeted: String = worker.run_dyn(call("greet").arg("name", "Ada")).await?;
        assert_eq!(greeted, "Ada", "an optional argument may be missing");

        assert_eq!(worker.run_dyn::<u8>(call("nothing")).await?, 7);

        let error = worker.run_dyn::<i64>(one_and_two("ad")).await.unwrap_err();
        assert_eq!(remote(&error).kind(), RemoteKind::NotFound);
        names(&error, &["`ad`", ns, "`add`", "`subtract`"]);

        let error = worker.run_dyn::<i64>(call("add").arg("a", 1)).await.unwrap_err();
        assert_eq!(remote(&error).kind(), RemoteKind::Arguments);
        names(&error, &["add()", "missing argument `b`", "(a, b)"]);

        let error = worker.run_dyn::<i64>(one_and_two("add").arg("c", 3)).await.unwrap_err();
        assert_eq!(remote(&error).kind(), RemoteKind::Arguments);
        names(&error, &["add()", "unexpected argument `c`", "(a, b)"]);

        let wrong = call("add").arg("a", "one").arg("b", "two");
        let error = worker.run_dyn::<i64>(wrong).await.unwrap_err();
        assert_eq!(remote(&error).kind(), RemoteKind::Arguments);
        names(&error, &["add()", "argument `a`", "one", "i64"]);

        let nowhere = DynCall::new("nowhere", "add").arg("name", "Ada");
        let error = worker.run_dyn::<u8>(nowhere).await.unwrap_err();
        assert_eq!(remote(&error).kind(), RemoteKind::NotExposed);
        names(&error, &["nowhere"]);

        assert_eq!(worker.run(add(1, 1)).await?, 2, "the actor goes on");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_result_of_another_type_is_a_type_error_here() -> tractor::Result<()> {
    with_local(module_path!(), async |worker| {
        let sum = DynCall::new(module_path!(), "add").arg("a", 1).arg("b", 2);
        let error = worker.run_dyn::<String>(sum).await.expect_err("a number is no string");
        let Error::MsgType(problem) = &error else { panic!("{error:?}") };
        assert_eq!(problem.message_type(), "Return");
        names(&error, &["`Return`", "String"]);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_runtime_refuses_methods_it_does_not_have() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        let error = worker.run_dyn::<()>(DynCall::new("self", "reboot")).await.unwrap_err();
        assert_eq!(remote(&error).kind(), RemoteKind::NotFound);
        names(&error, &["self:reboot"]);
        assert_eq!(worker.run(add(1, 1)).await?, 2, "the actor goes on");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_context_called_like_a_function_is_refused_and_ended() -> tractor::Result<()> {
    with_local(module_path!(), async |worker| {
        let error = worker.run_dyn::<()>(DynCall::new(module_path!(), "waits")).await.unwrap_err();
        assert!(matches!(error, Error::Messaging(_)), "{error:?}");
        worker.run(seen("dropped".to_owned())).await?;
        Ok(())
    })
    .await
}

fn small_frames() -> ActorOptions {
    ActorOptions::new().limits(Limits::default().frame_bytes_max(64 * 1024))
}

#[tractor::test]
async fn a_frame_too_large_is_refused_where_it_is_sent() -> tractor::Result<()> {
    in_root_with(small_frames(), async |_| {
        with_process(module_path!(), async |worker| {
            let error = worker.run(length(ByteBuf::from(vec![0; 64 * 1024]))).await.unwrap_err();
            names(&error, &["calls_errors:length`", "stream it", "`Limits::frame_bytes_max`"]);
            assert_eq!(worker.run(length(ByteBuf::from(vec![0; 60_000]))).await?, 60_000);
            worker
                .open_context(swallow(), async |ctx, _| {
                    let handle = ctx.handle();
                    let stream = ctx.open_stream();
                    let error = stream.send(ByteBuf::from(vec![0; 64 * 1024])).await.unwrap_err();
                    names(&error, &["frame_bytes_max"]);
                    stream.send(ByteBuf::from(vec![0; 60_000])).await?;
                    stream.finish();
                    handle.wait_for_result().await
                })
                .await?;
            assert_eq!(worker.dialogs_open(), 0, "a refused request leaves nothing behind");
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_value_too_large_to_be_sent_back_is_the_caller_s_error() -> tractor::Result<()> {
    in_root(async |_| {
        let options = small_frames().enable_module(module_path!());
        tractor::with_local_actor(options, async |worker| -> tractor::Result<()> {
            let error = worker.run(zeros(64 * 1024)).await.unwrap_err();
            names(&error, &["calls_errors:zeros`", "stream it", "`Limits::frame_bytes_max`"]);
            assert_eq!(worker.run(zeros(60_000)).await?.len(), 60_000);
            let opened: tractor::Result<()> =
                worker.open_context(starts_with(64 * 1024), async |_, _| Ok(())).await;
            names(&opened.unwrap_err(), &["frame_bytes_max"]);
            worker.open_context(starts_with(60_000), async |_, _| Ok(())).await
        })
        .await
    })
    .await
}
