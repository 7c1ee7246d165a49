//! The report of an actor: its children, its open dialogs, and the limit of both lists.

use std::time::Duration;

use futures_util::future::join_all;
use support::{forever, in_nursery, poll_once, until};
use tractor::prelude::*;
use tractor::{ActorReport, Supervision};

/// Entries of each list at most; `REPORT_ENTRIES_MAX`.
const ENTRIES_MAX: usize = 256;

#[tractor::actor_fn]
async fn waits() {
    forever().await;
}

#[tractor::context(started = ())]
async fn stays(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let _ctx = ctx.started(()).await?;
    forever().await;
    Ok(())
}

/// Has two children, one of them supervised, while it runs.
#[tractor::context(started = ())]
async fn raises(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    tractor::open_nursery(async |an| {
        let _plain = an.start_actor("ar-plain").await?;
        let kept = an.supervise(Supervision::one_for_one());
        let kept = kept.child("ar-kept", |child| child.expose(waits)).await?;
        kept.portal().await?;
        let _ctx = ctx.started(()).await?;
        forever().await;
        Ok(())
    })
    .await
}

fn served(report: &ActorReport) -> Vec<(&str, &str)> {
    let dialogs = report.dialogs.iter().filter(|dialog| dialog.is_served);
    dialogs.map(|dialog| (dialog.peer.name(), dialog.endpoint.as_str())).collect()
}

#[tractor::test]
async fn an_actor_tells_its_parent_its_children_and_what_runs() -> tractor::Result<()> {
    in_nursery(async |tree, an| {
        let name = tree.name("report");
        let portal = an.start_actor(name).enable_module(module_path!()).listen().await?;
        let before = portal.describe().await?;
        assert_eq!(
            (before.children.len(), before.dialogs.len()),
            (0, 0),
            "`describe` does not count as a dialog"
        );
        portal
            .open_context(raises(), async |ctx, ()| {
                let report = portal.describe().await?;
                assert_eq!(Some(i64::from(report.pid)), portal.pid());
                assert!(report.uptime >= before.uptime && report.uptime < Duration::from_secs(60));
                assert!(!report.is_ending);
                assert_eq!(report.addrs, portal.addrs().await?);
                assert_eq!(report.parent.as_ref(), Some(tractor::current_actor().uid()));
                let mut children: Vec<_> =
                    report.children.iter().map(|child| (child.uid.name(), child.is_supervised)).collect();
                children.sort_unstable();
                assert_eq!(children, [("ar-kept", true), ("ar-plain", false)]);
                assert!(report.children.iter().all(|child| child.pid.is_some_and(|pid| pid != report.pid)));
                let own = tractor::current_actor();
                assert_eq!(served(&report), [(own.name(), "it::actor_report:raises")]);
                assert_eq!(report.dialogs[0].state, "started");
                assert_eq!((report.children_total, report.dialogs_total), (2, 1));
                ctx.cancel().await?;
                Ok::<_, tractor::Error>(())
            })
            .await?;
        portal.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_report_waits_for_nothing_and_its_lists_are_bounded() -> tractor::Result<()> {
    in_nursery(async |tree, an| {
        let portal = an.start_actor(tree.name("many")).enable_module(module_path!()).await?;
        let mut calls: Vec<_> = (0..ENTRIES_MAX + 10).map(|_| portal.run(waits())).collect();
        let mut all = Box::pin(join_all(calls.iter_mut()));
        assert!(poll_once(&mut all).await.is_pending());
        let report = portal.describe().await?;
        assert_eq!(report.dialogs.len(), ENTRIES_MAX);
        assert_eq!(report.dialogs_total, (ENTRIES_MAX + 10) as u64);
        drop(all);
        drop(calls);
        until(|| portal.dialogs_open() == 0).await;
        assert_eq!(portal.describe().await?.dialogs_total, 0);
        portal.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_root_has_no_parent_and_tells_what_it_has_asked_for() -> tractor::Result<()> {
    in_nursery(async |tree, an| {
        let portal = an.start_actor(tree.name("below")).enable_module(module_path!()).await?;
        let parent = an.start_actor(tree.name("asks")).enable_module(module_path!()).await?;
        portal
            .open_context(stays(), async |ctx, ()| {
                let root: ActorReport = parent.run(parent_report()).await?;
                assert_eq!(root.parent, None);
                assert_eq!(root.children_total, 2);
                let asked = root.dialogs.iter().find(|dialog| dialog.endpoint.ends_with(":stays"));
                let asked = asked.unwrap_or_else(|| panic!("{root:?}"));
                assert_eq!((asked.peer.clone(), asked.is_served), (portal.uid().clone(), false));
                ctx.cancel().await?;
                Ok::<_, tractor::Error>(())
            })
            .await?;
        portal.cancel_actor().await?;
        parent.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::actor_fn]
async fn parent_report() -> tractor::Result<ActorReport> {
    tractor::current_actor().parent().expect("it is a child").describe().await
}
