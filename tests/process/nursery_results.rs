//! The result of a nursery's scope: values, one error, several errors, errors of the application's own type.

use support::journal::{note, seen};
use support::{
    Spoiled, Tree, forever, in_nursery, in_root, spoiled, start, tree, until_cancelled, with_deadline,
};
use tractor::{ActorNursery, ActorOptions, Error, OneShot, Result};

#[tractor::actor_fn]
async fn double(n: i64) -> i64 {
    2 * n
}

#[tractor::actor_fn]
async fn fails(text: String) -> std::result::Result<(), Spoiled> {
    spoiled(&text)
}

#[tractor::actor_fn]
async fn sleeps() {
    forever().await;
}

/// Records the text in this actor, and never returns.
#[tractor::actor_fn]
async fn park(text: String) {
    note(text);
    forever().await;
}

/// Reports to the actor at `addr` that it waits, and fails when it is cancelled.
#[tractor::actor_fn]
async fn fails_when_cancelled(addr: String, text: String) -> std::result::Result<(), Spoiled> {
    let root = addr.parse().expect("`in_listening_root` made it");
    until_cancelled(tractor::connect(&root, async |root| root.run(park(text.clone())).await)).await;
    spoiled(&text)
}

/// Runs the body inside a root actor that exposes [`park`], with its address.
async fn in_listening_root<F>(tree: &Tree, body: F) -> Result<()>
where
    F: AsyncFnOnce(String) -> Result<()>,
{
    let addr = tractor::socket_addr(&tree.name("root"))?;
    let options = ActorOptions::new().bind(addr.clone()).enable_module(module_path!());
    tractor::open_root_actor(options, async |_| body(addr.to_string()).await).await
}

#[track_caller]
fn assert_message(error: &Error, text: &str) {
    assert_eq!(error.as_remote().map(|remote| remote.message()), Some(text), "{error:?}");
}

/// The texts of a group's members, in any order.
#[track_caller]
fn messages(error: &Error) -> Vec<&str> {
    let Error::Group(group) = error else { panic!("not a group: {error:?}") };
    let mut messages: Vec<_> =
        group.members().iter().map(|error| error.as_remote().expect("all are remote").message()).collect();
    messages.sort_unstable();
    messages
}

/// Starts an actor for a call that never returns.
async fn sleeper(an: &ActorNursery, name: String) -> Result<OneShot<()>> {
    an.run_in_actor(sleeps()).name(name).await
}

#[tractor::test]
async fn a_nursery_outside_of_any_actor_brings_its_root() -> Result<()> {
    tree(async |_| {
        assert!(tractor::try_current_actor().is_err());
        let value = tractor::open_nursery(async |an| -> Result<u8> {
            assert!(tractor::current_actor().is_root());
            assert!(!an.cancel_called());
            Ok(7)
        })
        .await?;
        assert_eq!(value, 7);
        assert!(tractor::try_current_actor().is_err());
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_result_can_be_read_again_and_after_the_nursery() -> Result<()> {
    tree(async |tree| {
        let one = tractor::open_nursery(async |an| -> Result<OneShot<i64>> {
            let one = an.run_in_actor(double(21)).name(tree.name("one")).await?;
            let two = an.run_in_actor(double(4)).name(tree.name("two")).await?;
            assert_eq!(two.wait_for_result().await?, 8);
            assert_eq!(one.wait_for_result().await?, 42);
            assert_eq!(one.wait_for_result().await?, 42);
            Ok(one)
        })
        .await?;
        assert_eq!(one.wait_for_result().await?, 42);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn leaving_waits_for_results_that_nobody_waits_for() -> Result<()> {
    tree(async |tree| {
        let one = tractor::open_nursery(async |an| an.run_in_actor(double(1)).name(tree.name("one")).await);
        assert_eq!(one.await?.wait_for_result().await?, 2);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_one_shot_actor_is_named_like_its_function() -> Result<()> {
    in_nursery(async |_, an| {
        let one = an.run_in_actor(double(1)).await?;
        assert_eq!(one.portal().uid().name(), "double");
        assert_eq!(one.wait_for_result().await?, 2);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failure_that_nobody_waits_for_ends_its_siblings_at_once() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            sleeper(an, tree.name("s1")).await?;
            start(an, tree.name("s2"), module_path!()).await?;
            an.run_in_actor(fails("spoiled".to_owned())).name(tree.name("bad")).await?;
            forever().await;
            Ok(())
        })
        .await;
        assert_message(&left.unwrap_err(), "spoiled");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failure_ends_its_siblings_when_the_body_has_ended() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            sleeper(an, tree.name("s1")).await?;
            an.run_in_actor(fails("spoiled".to_owned())).name(tree.name("bad")).await?;
            Ok(())
        })
        .await;
        assert_message(&left.unwrap_err(), "spoiled");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failure_that_the_body_passes_on_is_raised_once() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            let bad = an.run_in_actor(fails("spoiled".to_owned())).name(tree.name("bad")).await?;
            bad.wait_for_result().await.map(drop)
        })
        .await;
        assert_message(&left.unwrap_err(), "spoiled");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failure_that_the_body_ignores_is_raised() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            let bad = an.run_in_actor(fails("spoiled".to_owned())).name(tree.name("bad")).await?;
            assert_message(&bad.wait_for_result().await.unwrap_err(), "spoiled");
            Ok(())
        })
        .await;
        assert_message(&left.unwrap_err(), "spoiled");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn failures_of_several_children_are_a_group() -> Result<()> {
    tree(async |tree| {
        in_listening_root(tree, async |addr| {
            let left: Result<()> = tractor::open_nursery(async |an| {
                for late in ["late 1", "late 2"] {
                    let call = fails_when_cancelled(addr.clone(), late.to_owned());
                    an.run_in_actor(call).name(tree.name(late)).await?;
                    seen(late.to_owned()).await;
                }
                an.run_in_actor(fails("first".to_owned())).name(tree.name("bad")).await?;
                forever().await;
                Ok(())
            })
            .await;
            assert_eq!(messages(&left.unwrap_err()), ["first", "late 1", "late 2"]);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn the_body_s_error_alone_is_raised_bare() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = tractor::open_nursery(async |an| {
            sleeper(an, tree.name("s1")).await?;
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            worker.run(fails("from a daemon".to_owned())).await
        })
        .await;
        assert_message(&left.unwrap_err(), "from a daemon");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_body_s_error_and_a_child_s_are_a_group_of_two() -> Result<()> {
    tree(async |tree| {
        in_listening_root(tree, async |addr| {
            let left: Result<()> = tractor::open_nursery(async |an| {
                let late = an.run_in_actor(fails_when_cancelled(addr, "the child's".to_owned()));
                late.name(tree.name("late")).await?;
                let worker = start(an, tree.name("worker"), module_path!()).await?;
                seen("the child's".to_owned()).await;
                worker.run(fails("the body's".to_owned())).await
            })
            .await;
            assert_eq!(messages(&left.unwrap_err()), ["the body's", "the child's"]);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_nested_nursery_passes_its_failure_on_bare() -> Result<()> {
    tree(async |tree| {
        let left: Result<()> = in_root(async |_| {
            tractor::open_nursery(async |_| {
                tractor::open_nursery(async |an| {
                    an.run_in_actor(fails("deep".to_owned())).name(tree.name("bad")).await?;
                    Ok(())
                })
                .await
            })
            .await
        })
        .await;
        assert_message(&left.unwrap_err(), "deep");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_handled_failure_leaves_an_outer_nursery_alone() -> Result<()> {
    in_nursery(async |tree, outer| {
        let kept = start(outer, tree.name("kept"), module_path!()).await?;
        let inner: Result<()> = tractor::open_nursery(async |an| {
            an.run_in_actor(fails("handled".to_owned())).name(tree.name("bad")).await?;
            Ok(())
        })
        .await;
        assert_message(&inner.unwrap_err(), "handled");
        assert!(!outer.cancel_called());
        assert_eq!(kept.run(double(2)).await?, 4);
        kept.cancel_actor().await?;
        Ok(())
    })
    .await
}

/// An application's own error.
#[derive(Debug)]
enum Trouble {
    Ours,
    Theirs(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Theirs(error)
    }
}

#[tractor::test]
async fn scopes_take_the_application_s_error_type() -> Result<()> {
    tree(async |tree| {
        let left: std::result::Result<(), Trouble> = tractor::open_nursery(async |an| {
            sleeper(an, tree.name("s1")).await?;
            Err(Trouble::Ours)
        })
        .await;
        assert!(matches!(left, Err(Trouble::Ours)), "{left:?}");

        let left: std::result::Result<(), Trouble> = tractor::open_nursery(async |an| {
            an.run_in_actor(fails("theirs".to_owned())).name(tree.name("bad")).await?;
            Ok(())
        })
        .await;
        let Err(Trouble::Theirs(error)) = left else { panic!("{left:?}") };
        assert_message(&error, "theirs");

        let left: anyhow::Result<()> = tractor::open_nursery(async |an| {
            let worker = start(an, tree.name("worker"), module_path!()).await?;
            worker.run(fails("any".to_owned())).await?;
            Ok(())
        })
        .await;
        let error = left.unwrap_err();
        assert_message(error.downcast_ref().expect("the inner error is a `tractor::Error`"), "any");
        Ok(())
    })
    .await
}

#[tractor::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nursery_can_be_a_task_of_its_own() -> Result<()> {
    tree(async |tree| {
        let (one, two) = (tree.name("one"), tree.name("two"));
        let task = tokio::spawn(async {
            tractor::open_nursery(async |an| -> Result<i64> {
                let one = an.run_in_actor(double(1)).name(one).await?;
                let two = an.run_in_actor(double(2)).name(two).await?;
                Ok(one.wait_for_result().await? + two.wait_for_result().await?)
            })
            .await
        });
        assert_eq!(with_deadline(30, task).await.expect("it does not panic")?, 6);
        Ok(())
    })
    .await
}
