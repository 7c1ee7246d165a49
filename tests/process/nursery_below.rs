//! Scopes in a child, seen from its parent: a group of failures, and a last message.

use support::journal::{note, seen};
use support::{Spoiled, in_nursery_with, spoiled, start, tree};
use tractor::prelude::*;
use tractor::{ActorOptions, Result, shield};

#[tractor::actor_fn]
async fn fails(text: String) -> std::result::Result<(), Spoiled> {
    spoiled(&text)
}

/// Fails with a child's failure and one of its own.
#[tractor::actor_fn]
async fn fails_twice(name: String) -> tractor::Result<()> {
    tractor::open_nursery(async |an| {
        let bad = an.run_in_actor(fails("a child's".to_owned())).name(name).await?;
        assert!(bad.wait_for_result().await.is_err());
        an.start_actor("never").enable_module("not::registered").await.map(drop)
    })
    .await
}

/// Sends its parent a message when it has to end.
#[tractor::context(started = ())]
async fn says_goodbye(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    ctx.cancelled().await;
    shield(ctx.portal().run(hears("goodbye".to_owned()))).await
}

#[tractor::actor_fn]
async fn hears(word: String) {
    note(word);
}

#[tractor::test]
async fn a_group_raised_in_a_child_arrives_as_one_error() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            let kid = start(an, tree.name("kid"), module_path!()).await?;
            kid.run(fails_twice(tree.name("below"))).await
        })
        .await;
        let error = left.unwrap_err();
        let remote = error.as_remote().expect("the error is remote");
        assert_eq!((remote.src_type(), remote.src_uid().name()), ("ExceptionGroup", &*tree.name("kid")));
        for text in ["a child's", "not::registered"] {
            assert!(remote.message().contains(text), "{text:?} is not in {}", remote.message());
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_actor_that_ends_reaches_its_parent_until_its_last_task_has_ended() -> Result<()> {
    let options = ActorOptions::new().enable_module(module_path!());
    in_nursery_with(options, async |tree, an| {
        let kid = start(an, tree.name("kid"), module_path!()).await?;
        let opened: Result<()> = kid
            .open_context(says_goodbye(), async |_, ()| {
                assert!(kid.cancel_actor().await?.is_in_order());
                Ok(())
            })
            .await;
        assert!(opened.unwrap_err().is_cancelled());
        seen("goodbye".to_owned()).await;
        Ok(())
    })
    .await
}
