//! Every public future that begins, ends or reaches an actor, dropped at each of its awaits: no process, task or
//! descriptor is left. Its sibling `drop_everywhere` does the same for dialogs between two actors.

use support::processes::pid_of;
use support::{Tree, in_nursery, in_root, tree, until};
use tractor::{ActorNursery, ActorOptions, Result};

use crate::drop_support::endpoints::{self, adds};
use crate::drop_support::{Cut, Witness, everywhere, gone, tasks};

use crate::drop_support;

#[tractor::actor_fn]
async fn address() -> String {
    tractor::current_actor().addrs()[0].to_string()
}

fn options() -> ActorOptions {
    ActorOptions::new().enable_module(endpoints::MODULE).enable_module(drop_support::MODULE)
}

/// A nursery with one child that is called and ended.
async fn one_child(tree: &Tree) -> Result<u64> {
    tractor::open_nursery(async |an| {
        let worker = an.start_actor(tree.name("w")).enable_module(endpoints::MODULE).await?;
        let sum = worker.run(adds(1, 2)).await?;
        worker.cancel_actor().await?;
        Ok(sum)
    })
    .await
}

/// Cuts a scenario of a root actor. It may leave no process, and no other task may run in this one.
async fn in_a_tree<T>(scenario: impl AsyncFn(&Tree, Cut) -> Result<Option<T>>) -> Result<usize> {
    let mut cuts = 0;
    in_root(async |tree| {
        one_child(tree).await?;
        tree.all_reaped().await;
        let before = tasks();
        cuts = everywhere(
            async |cut| scenario(tree, cut).await,
            async || {
                gone(tree, before).await;
                Ok(())
            },
        )
        .await?;
        Ok(())
    })
    .await?;
    Ok(cuts)
}

#[tractor::test]
async fn a_nursery() -> Result<()> {
    let cuts = in_a_tree(async |tree, cut| cut.drop_in(one_child(tree)).await.transpose()).await?;
    assert!(cuts >= 2, "birth, call, request, end, of which some may coincide: {cuts}");
    Ok(())
}

#[tractor::test]
async fn a_nursery_that_begins_its_own_tree() -> Result<()> {
    tree(async |tree| {
        let before = tasks();
        let clean = async || {
            gone(tree, before).await;
            Ok(())
        };
        let cuts = everywhere(async |cut| cut.drop_in(one_child(tree)).await.transpose(), clean).await?;
        assert!(cuts >= 2, "birth, call, request, end, of which some may coincide: {cuts}");
        let root = async |cut: Cut| {
            let body = async |_: &tractor::Actor| one_child(tree).await;
            cut.drop_in(tractor::open_root_actor(options(), body)).await.transpose()
        };
        assert!(everywhere(root, clean).await? >= 2);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_cluster() -> Result<()> {
    let cuts = in_a_tree(async |tree, cut| {
        let cluster = tractor::with_local_actor(options().name(tree.name("c")), async |_| {
            tractor::open_actor_cluster(
                tractor::ClusterOptions::new().count(2),
                |worker| worker.enable_module(endpoints::MODULE),
                async |portals| {
                    futures_util::future::try_join_all(portals.iter().map(|portal| portal.run(adds(1, 2))))
                        .await
                },
            )
            .await
        });
        cut.drop_in(cluster).await.transpose()
    })
    .await?;
    assert!(cuts >= 2, "births, calls, requests, ends, of which some may coincide: {cuts}");
    Ok(())
}

#[tractor::test]
async fn starting_an_actor() -> Result<()> {
    in_a_nursery(async |tree, an, cut| {
        let child = an.start_actor(tree.name("w")).enable_module(endpoints::MODULE);
        let Some(started) = cut.drop_in(child).await.transpose()? else { return Ok(None) };
        assert!(started.cancel_actor().await?.is_in_order());
        Ok(Some(()))
    })
    .await
}

#[tractor::test]
async fn running_in_an_actor() -> Result<()> {
    in_a_nursery(async |tree, an, cut| {
        let call = an.run_in_actor(adds(1, 2)).name(tree.name("w"));
        let Some(started) = cut.drop_in(call).await.transpose()? else { return Ok(None) };
        assert_eq!(started.wait_for_result().await?, 3);
        Ok(Some(()))
    })
    .await
}

#[tractor::test]
async fn waiting_for_a_result_that_others_wait_for_too() -> Result<()> {
    in_a_nursery(async |tree, an, cut| {
        let started = an.run_in_actor(adds(1, 2)).name(tree.name("w")).await?;
        let first = cut.drop_in(started.wait_for_result()).await.transpose()?;
        assert_eq!(started.wait_for_result().await?, 3);
        Ok(first)
    })
    .await
}

/// Cuts futures that are awaited inside of a nursery that goes on.
async fn in_a_nursery<T>(
    scenario: impl AsyncFn(&Tree, &ActorNursery, Cut) -> Result<Option<T>>,
) -> Result<()> {
    in_root(async |tree| {
        tractor::open_nursery(async |an| {
            one_child(tree).await?;
            tree.all_reaped().await;
            let before = tasks();
            let cuts = everywhere(
                async |cut| scenario(tree, an, cut).await,
                async || {
                    gone(tree, before).await;
                    assert!(an.children().is_empty(), "{:?}", an.children());
                    Ok(())
                },
            )
            .await?;
            assert!(cuts >= 1);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_request_to_cancel_a_nursery_that_was_polled_stays_sent() -> Result<()> {
    let cuts = in_a_tree(async |tree, cut| {
        let left: Result<_> = tractor::open_nursery(async |an| {
            let worker = an.start_actor(tree.name("w")).enable_module(endpoints::MODULE).await?;
            let done = cut.drop_in(an.cancel()).await;
            assert_eq!(an.cancel_called(), cut.polls > 0);
            if cut.polls == 0 {
                worker.cancel_actor().await?;
            }
            Ok(done)
        })
        .await;
        left
    })
    .await?;
    assert!(cuts >= 1);
    Ok(())
}

#[tractor::test]
async fn a_request_to_cancel_an_actor_that_was_polled_stays_sent() -> Result<()> {
    let cuts = in_a_tree(async |tree, cut| {
        tractor::open_nursery(async |an| {
            let worker = an.start_actor(tree.name("w")).enable_module(endpoints::MODULE).await?;
            let done = cut.drop_in(worker.cancel_actor()).await.transpose()?;
            if cut.polls == 0 {
                worker.cancel_actor().await?;
            }
            Ok(done)
        })
        .await
    })
    .await?;
    assert!(cuts >= 1, "it waits for the answer");
    Ok(())
}

#[tractor::test]
async fn an_actor_of_this_process() -> Result<()> {
    let cuts = in_a_tree(async |_, cut| {
        let local = tractor::with_local_actor(options(), async |worker| worker.run(adds(1, 2)).await);
        cut.drop_in(local).await.transpose()
    })
    .await?;
    assert!(cuts >= 2, "introduction, call, end: {cuts}");
    Ok(())
}

#[tractor::test]
async fn a_connection() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = an
            .start_actor(tree.name("w"))
            .enable_module(module_path!())
            .enable_module(endpoints::MODULE)
            .enable_module(drop_support::MODULE)
            .listen()
            .await?;
        let addr = worker.run(address()).await?.parse().expect("`address` made it");
        let pid = pid_of(&worker);
        let witness = Witness::new(&worker).await?;
        let before = descriptors(pid);
        let guest = async |cut: Cut| {
            let guest = tractor::connect(&addr, async |guest| guest.run(adds(1, 2)).await);
            cut.drop_in(guest).await.transpose()
        };
        let cuts = everywhere(guest, async || {
            witness.clean().await?;
            until(|| descriptors(pid) == before).await;
            Ok(())
        })
        .await?;
        assert!(cuts >= 1, "introduction and call: {cuts}");
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

/// How many descriptors a process has open.
fn descriptors(pid: i32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it is our child").count()
}
