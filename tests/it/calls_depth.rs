//! Values that are nested deeper than `nesting_depth_max`, wherever a value may be sent: the sender gets an error, no
//! part of such a value travels, and it does not count as a broken frame.

use serde::{Deserialize, Serialize};
use support::{in_nursery, in_nursery_with, start, with_process};
use tractor::error::{Blame, MsgTypeError};
use tractor::prelude::*;
use tractor::{ActorOptions, DynCall, Error, Limits, Result, Value};

/// More than `bad_frames_max`: this many broken frames would end the connection, and the child with it.
const TIMES: usize = 6;
/// The default, the envelope included.
const LEVELS: usize = 128;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tree {
    kids: Vec<Self>,
}

fn tree(depth: usize) -> Tree {
    (0..depth).fold(Tree { kids: vec![] }, |inner, _| Tree { kids: vec![inner] })
}

/// This many arrays, one inside the other.
fn arrays(levels: usize) -> Value {
    (0..levels).fold(Value::Nil, |inner, _| Value::Array(vec![inner]))
}

#[tractor::actor_fn]
async fn leaves(tree: Tree) -> usize {
    tree.kids.len()
}

#[tractor::actor_fn]
async fn grown(levels: usize) -> Value {
    arrays(levels)
}

#[tractor::actor_fn]
async fn same(value: Value) -> Value {
    value
}

#[tractor::actor_fn]
async fn fails_with(depth: usize) -> std::result::Result<(), Overgrown> {
    Err(Overgrown(tree(depth)))
}

#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
#[error("overgrown")]
struct Overgrown(Tree);

/// Sends values with these levels: the first value, a streamed value and the result. With zero levels the value is nil.
#[tractor::context(pld_spec = Tree | Value, started = Value, returns = Value)]
async fn sends(ctx: Context<Value, SendsPld, SendsPld>, levels: [usize; 3]) -> Result<Value> {
    let ctx = ctx.started(arrays(levels[0])).await?;
    let stream = ctx.open_stream();
    stream.send(arrays(levels[1])).await?;
    stream.close();
    Ok(arrays(levels[2]))
}

#[track_caller]
fn too_deep(error: &Error) -> &MsgTypeError {
    let Error::MsgType(wrong) = error else { panic!("{error:?}") };
    assert!(error.to_string().contains("nested deeper than"), "{error}");
    assert!(error.to_string().contains("nesting_depth_max"), "{error}");
    wrong
}

#[track_caller]
fn refused_here(error: &Error, msg: &str) {
    let wrong = too_deep(error);
    assert_eq!((wrong.message_type(), wrong.blame()), (msg, Blame::Local), "{error}");
}

async fn sends_with(worker: &Portal, levels: [usize; 3]) -> Result<Value> {
    worker
        .open_context(sends(levels), async |ctx, first| {
            assert_eq!(first, arrays(levels[0]));
            let mut stream = ctx.open_stream();
            while stream.receive().await?.is_some() {}
            stream.wait_for_result().await
        })
        .await
}

#[tractor::test]
async fn arguments_are_refused_before_they_leave_and_the_actor_goes_on() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let by_name = |levels| DynCall::new(module_path!(), "same").arg("value", arrays(levels));
        for _ in 0..TIMES {
            refused_here(&worker.run(leaves(tree(100))).await.unwrap_err(), "Start");
            refused_here(&worker.run(leaves(tree(2_000))).await.unwrap_err(), "Start");
            refused_here(&worker.run_dyn::<Value>(by_name(LEVELS)).await.unwrap_err(), "Start");
            let opened = worker.open_context_dyn(by_name(LEVELS), async |_, _| Ok::<_, Error>(()));
            refused_here(&opened.await.unwrap_err(), "Start");
        }
        assert_eq!(worker.dialogs_open(), 0);
        // The message and the map of arguments have a level each.
        let deepest = arrays(LEVELS - 2);
        assert_eq!(worker.run(same(deepest.clone())).await?, deepest);
        assert_eq!(worker.run_dyn::<Value>(by_name(LEVELS - 2)).await?, deepest);
        refused_here(&worker.run(same(arrays(LEVELS - 1))).await.unwrap_err(), "Start");
        assert_eq!(worker.run(leaves(tree(60))).await?, 1);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn results_first_values_and_streamed_ones_are_refused_before_they_leave() -> Result<()> {
    with_process(module_path!(), async |worker| {
        for _ in 0..TIMES {
            for (levels, msg) in
                [([LEVELS, 0, 0], "Started"), ([0, LEVELS, 0], "Yield"), ([0, 0, LEVELS], "Return")]
            {
                let error = sends_with(worker, levels).await.unwrap_err();
                let wrong = too_deep(&error);
                assert_eq!(
                    (wrong.message_type(), wrong.sender().as_ref()),
                    (msg, Some(worker.uid())),
                    "{error}"
                );
            }
            too_deep(&worker.run(grown(LEVELS)).await.unwrap_err());
            let opened = worker.open_context(sends([0; 3]), async |ctx, _| {
                let stream = ctx.open_stream();
                refused_here(&stream.send(tree(100)).await.unwrap_err(), "Yield");
                refused_here(&stream.send(arrays(LEVELS)).await.unwrap_err(), "Yield");
                stream.wait_for_result().await
            });
            assert_eq!(opened.await?, Value::Nil);
        }
        // The message has a level, and so has the union's variant.
        let deepest = [LEVELS - 1, LEVELS - 2, LEVELS - 1];
        assert_eq!(sends_with(worker, deepest).await?, arrays(LEVELS - 1));
        assert_eq!(worker.dialogs_open(), 0);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_error_leaves_without_a_value_that_is_too_deep() -> Result<()> {
    in_nursery_with(ActorOptions::new().limits(Limits::default().nesting_depth_max(20)), async |tree, an| {
        let worker = start(an, tree.name("w"), module_path!()).await?;
        for _ in 0..TIMES {
            let error = worker.run(fails_with(20)).await.unwrap_err();
            assert_eq!(error.as_remote().map(|remote| remote.message()), Some("overgrown"), "{error:?}");
            assert!(error.downcast::<Overgrown>().is_none());
        }
        assert!(worker.run(fails_with(2)).await.unwrap_err().downcast::<Overgrown>().is_some());
        an.cancel().await;
        Ok(())
    })
    .await
}

/// A peer with other limits may send such a frame: it gets an error, and keeps its connection.
#[tractor::test]
async fn a_value_too_deep_for_its_receiver_fails_its_dialog_only() -> Result<()> {
    let shallow = || Limits::default().nesting_depth_max(16);
    in_nursery(async |tree, an| {
        let small =
            an.start_actor(tree.name("small")).enable_module(module_path!()).limits(shallow()).await?;
        for _ in 0..TIMES {
            let error = small.run(same(arrays(40))).await.unwrap_err();
            assert_eq!(too_deep(&error).blame(), Blame::Local, "the sender is to blame: {error}");
        }
        assert_eq!(small.run(same(arrays(4))).await?, arrays(4));
        an.cancel().await;
        Ok(())
    })
    .await?;
    in_nursery_with(ActorOptions::new().limits(shallow()), async |tree, an| {
        let child = an.start_actor(tree.name("large")).enable_module(module_path!());
        let large = child.limits(Limits::default()).await?;
        for _ in 0..TIMES {
            assert_eq!(too_deep(&large.run(grown(40)).await.unwrap_err()).blame(), Blame::Peer);
            too_deep(&sends_with(&large, [40, 0, 0]).await.unwrap_err());
            too_deep(&sends_with(&large, [0, 40, 0]).await.unwrap_err());
            too_deep(&sends_with(&large, [0, 0, 40]).await.unwrap_err());
        }
        assert_eq!(large.run(grown(4)).await?, arrays(4));
        an.cancel().await;
        Ok(())
    })
    .await
}
