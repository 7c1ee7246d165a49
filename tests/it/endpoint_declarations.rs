//! Options of the attributes: names, defaults, references, and functions of other programs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use support::{in_nursery, in_root};
use tractor::{ActorOptions, Context, DynCall, Portal, StreamSender};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: i64,
}

/// The real functions, under names that differ from their paths.
mod service {
    use super::{Context, Point, StreamSender};

    #[tractor::actor_fn(module = "pymod.service", name = "ping")]
    pub(super) async fn answers(n: i64) -> i64 {
        n + 1
    }

    #[tractor::context(module = "pymod.service", name = "scale", send = Point, recv = Point | i64, returns = i64)]
    pub(super) async fn scales(ctx: Context<(), Point, ScalesRecv>) -> tractor::Result<i64> {
        let ctx = ctx.started(()).await?;
        let mut stream = ctx.open_stream();
        let (mut by, mut count) = (1, 0);
        while let Some(value) = stream.receive().await? {
            match value {
                ScalesRecv::I64(factor) => by = factor,
                ScalesRecv::Point(Point { x, y }) => {
                    count += 1;
                    stream.send(Point { x: x * by, y: y * by }).await?;
                }
            }
        }
        Ok(count)
    }

    #[tractor::stream(module = "pymod.service")]
    pub(super) async fn ticks(out: StreamSender<u64>, count: u64) -> tractor::Result<()> {
        for n in 0..count {
            out.send(n).await?;
        }
        Ok(())
    }
}

/// Two functions under one name.
mod twins {
    #[tractor::actor_fn(module = "pymod.twins", name = "twin")]
    pub(super) async fn one() -> u8 {
        1
    }

    #[tractor::context(module = "pymod.twins", name = "twin", pld_spec = ())]
    pub(super) async fn two(ctx: super::Context<()>) {
        drop(ctx);
    }
}

/// Other tests show that an actor starts that does not expose them.
#[tractor::test]
async fn two_endpoints_under_one_name_are_refused() -> tractor::Result<()> {
    in_root(async |_| {
        let options = ActorOptions::new().enable_module("pymod.twins");
        let refused = tractor::with_local_actor(options, async |_| Ok(())).await;
        let error = refused.expect_err("the name is ambiguous");
        assert!(matches!(error, tractor::Error::Runtime(_)), "{error:?}");
        let twins = concat!(module_path!(), "::twins");
        let names = format!("registered as `pymod.twins:twin`: `{twins}::one` and `{twins}::two`;");
        assert!(error.to_string().contains(&names), "{error}");
        Ok(())
    })
    .await
}

/// The declarations of a program that has none of the functions.
mod declared {
    use super::{Context, Point, StreamSender};

    #[tractor::actor_fn(extern, module = "pymod.service")]
    pub(super) async fn ping(n: i64) -> i64;

    #[tractor::context(extern, module = "pymod.service", send = Point, recv = Point | i64, returns = i64)]
    pub(super) async fn scale(ctx: Context<(), Point, ScaleRecv>) -> tractor::Result<i64>;

    #[tractor::stream(extern, module = "pymod.service")]
    pub(super) async fn ticks(out: StreamSender<u64>, count: u64);
}

async fn check_declared(portal: &Portal) -> tractor::Result<()> {
    assert_eq!(portal.run(declared::ping(1)).await?, 2);
    let count = portal
        .open_context(declared::scale(), async |ctx, ()| -> tractor::Result<i64> {
            let handle = ctx.handle();
            let mut stream = ctx.open_stream();
            stream.send(3).await?;
            stream.send(Point { x: 1, y: 2 }).await?;
            assert_eq!(stream.receive().await?, Some(Point { x: 3, y: 6 }));
            stream.close();
            handle.wait_for_result().await
        })
        .await?;
    assert_eq!(count, 1);
    portal
        .open_stream_from(declared::ticks(2), async |mut ticks| -> tractor::Result<()> {
            assert_eq!(ticks.receive().await?, Some(0));
            assert_eq!(ticks.receive().await?, Some(1));
            assert_eq!(ticks.receive().await?, None);
            Ok(())
        })
        .await
}

#[tractor::test]
async fn an_extern_declaration_calls_what_has_its_name_in_another_process() -> tractor::Result<()> {
    in_nursery(async |tree, an| {
        let worker = an.start_actor(tree.name("worker")).enable_module("pymod.service").await?;
        check_declared(&worker).await?;
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn names_of_ones_own_are_those_of_the_allow_list() -> tractor::Result<()> {
    in_root(async |_| {
        let exposed = ActorOptions::new().enable_module("pymod.service");
        tractor::with_local_actor(exposed, async |portal| -> tractor::Result<()> {
            assert_eq!(portal.run(service::answers(1)).await?, 2);
            assert_eq!(portal.run_dyn::<i64>(DynCall::new("pymod.service", "ping").arg("n", 1)).await?, 2);
            let unknown = portal.run_dyn::<i64>(DynCall::new("pymod.service", "answers").arg("n", 1)).await;
            assert!(unknown.expect_err("it is called `ping`").to_string().contains("has no endpoint"));
            Ok(())
        })
        .await?;
        let hidden = ActorOptions::new().enable_module(module_path!());
        tractor::with_local_actor(hidden, async |portal| {
            let refused = portal.run(declared::ping(1)).await.expect_err("another module");
            assert!(refused.to_string().contains("not exposed"), "{refused}");
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::actor_fn]
async fn greets(
    #[tractor(rename = "type")] kind: String,
    #[tractor(default = 2)] times: u8,
    #[tractor(default = "!")] mark: &str,
    #[tractor(default)] at: Point,
) -> String {
    format!("{kind}{} {},{}", mark.repeat(times.into()), at.x, at.y)
}

#[tractor::test]
async fn left_out_arguments_have_their_defaults() -> tractor::Result<()> {
    in_root(async |_| {
        tractor::with_local_actor(ActorOptions::new().enable_module(module_path!()), async |portal| {
            let point = Point { x: 1, y: 2 };
            assert_eq!(portal.run(greets("you".to_owned(), 1, "?", point)).await?, "you? 1,2");
            let by_name = || DynCall::new(module_path!(), "greets");
            let you = || by_name().arg("type", "you");
            assert_eq!(portal.run_dyn::<String>(you().arg("times", 3)).await?, "you!!! 0,0");
            assert_eq!(portal.run_dyn::<String>(you()).await?, "you!! 0,0");
            let missing = portal.run_dyn::<String>(by_name()).await;
            let missing = missing.expect_err("the field is missing").to_string();
            assert!(missing.contains("missing argument `type`"), "{missing}");
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::actor_fn]
async fn describes(name: &str, bytes: &[u8], points: &[Point], home: &Path, point: &Point, n: u8) -> String {
    // References hold across an await.
    tokio::task::yield_now().await;
    format!("{name} {bytes:?} {} {} {} {n}", points.len(), home.display(), point.x)
}

#[tractor::context(started = String)]
async fn starts(ctx: Context<String, (), ()>, text: &str) -> tractor::Result<()> {
    ctx.started(text.to_uppercase()).await?;
    Ok(())
}

#[tractor::stream]
async fn words(out: StreamSender<String>, text: &str) -> tractor::Result<()> {
    for word in text.split(' ') {
        out.send(word.to_owned()).await?;
    }
    Ok(())
}

#[tractor::test]
async fn reference_arguments_are_copied_for_the_call() -> tractor::Result<()> {
    in_nursery(async |tree, an| {
        let worker = an.start_actor(tree.name("worker")).enable_module(module_path!());
        let worker = worker.expose(describes).await?;
        let (home, point) = (PathBuf::from("/home"), Point { x: 7, y: 0 });
        let call = {
            let name = "ann".to_owned();
            describes(&name, &[0, 255], &[Point::default(), point.clone()], &home, &point, 1)
        };
        let expected = "ann [0, 255] 2 /home 7 1";
        assert_eq!(worker.run(call).await?, expected);
        assert_eq!(
            describes("ann", &[0, 255], &[point.clone(), point.clone()], &home, &point, 1).await,
            expected
        );
        worker
            .open_context(starts("loud"), async |_ctx, first| -> tractor::Result<()> {
                assert_eq!(first, "LOUD");
                Ok(())
            })
            .await?;
        worker
            .open_stream_from(words("a b"), async |mut words| -> tractor::Result<()> {
                assert_eq!(words.receive().await?.as_deref(), Some("a"));
                Ok(())
            })
            .await?;
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{amount} is too much")]
struct TooMuch {
    amount: u32,
}

#[tractor::actor_fn(error = TooMuch)]
async fn withdraws(amount: u32) -> Result<u32, TooMuch> {
    if amount < 10 { Ok(10 - amount) } else { Err(TooMuch { amount }) }
}

#[tractor::test]
async fn a_declared_failure_travels() -> tractor::Result<()> {
    in_root(async |_| {
        tractor::with_local_actor(ActorOptions::new().enable_module(module_path!()), async |portal| {
            assert_eq!(portal.run(withdraws(1)).await?, 9);
            let error = portal.run(withdraws(11)).await.expect_err("the amount is too large");
            assert_eq!(
                error.as_remote().map(tractor::error::RemoteActorError::message),
                Some("11 is too much")
            );
            assert_eq!(error.downcast(), Some(TooMuch { amount: 11 }));
            assert_eq!(withdraws(11).await, Err(TooMuch { amount: 11 }));
            Ok(())
        })
        .await
    })
    .await
}
