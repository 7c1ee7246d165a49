//! Scopes that are dropped in an endpoint: its dialog ends after everything that they have started.

use std::time::Duration;

use support::journal::{self, entries, note, seen};
use support::{Spoiled, forever, in_root_with, spoiled};
use tokio::sync::oneshot;
use tractor::prelude::*;
use tractor::{ActorOptions, Error, Portal, Result, Sharing, Timeouts};

/// Longer than any step that does not wait for `linger`.
const LINGER: Duration = Duration::from_millis(300);

/// A root and another actor, which both expose this module. They wait for the end of a cancelled task without a limit.
async fn with_two<F>(body: F) -> Result<()>
where
    F: AsyncFnOnce(&Portal) -> Result<()>,
{
    let options = || {
        ActorOptions::new()
            .enable_module(module_path!())
            .enable_module(journal::MODULE)
            .timeouts(Timeouts::default().context_cancel(Duration::from_secs(30)))
    };
    in_root_with(options(), async |_| tractor::with_local_actor(options(), body).await).await
}

/// Ends some time after it was cancelled.
async fn linger<S, T, R>(ctx: &Context<S, T, R, tractor::Started>) {
    note("up");
    ctx.cancelled().await;
    tractor::shield(tokio::time::sleep(LINGER)).await;
    note("down");
}

/// Opens nested contexts, in two actors by turns. The last context is slow to end.
#[tractor::context(started = ())]
async fn chain(ctx: Context<(), (), ()>, below: u32) -> tractor::Result<()> {
    let portal = ctx.portal();
    let ctx = ctx.started(()).await?;
    if below == 0 {
        linger(&ctx).await;
        return Ok(());
    }
    portal
        .open_context(chain(below - 1), async |_, ()| -> Result<()> {
            forever().await;
            Ok(())
        })
        .await
}

#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
enum Then {
    Returns,
    Fails,
    Panics,
}

/// Drops a context in the calling actor, and then ends as `then` says.
#[tractor::context(started = ())]
async fn drops(ctx: Context<(), (), ()>, then: Then) -> std::result::Result<u8, Spoiled> {
    let portal = ctx.portal();
    let _ctx = ctx.started(()).await.map_err(|error| Spoiled(error.to_string()))?;
    let (is_up, up) = oneshot::channel();
    let lower = portal.open_context(chain(0), async |_, ()| -> Result<()> {
        is_up.send(()).expect("the endpoint waits");
        forever().await;
        Ok(())
    });
    tokio::select! {
        _ = lower => unreachable!("it goes on"),
        _ = up => {}
    }
    match then {
        Then::Returns => Ok(7),
        Then::Fails => spoiled("on purpose"),
        Then::Panics => panic!("on purpose"),
    }
}

/// Closes slowly.
async fn slow_to_close(sharing: Sharing<()>, (): ()) -> Result<()> {
    sharing.until_unused(()).await;
    tokio::time::sleep(LINGER).await;
    note("down");
    Ok(())
}

/// Never has a value, and holds a context in another actor.
async fn never_open(_sharing: Sharing<()>, portal: Portal) -> Result<()> {
    portal
        .open_context(chain(0), async |_, ()| -> Result<()> {
            forever().await;
            Ok(())
        })
        .await
}

#[tractor::context(started = ())]
async fn shares(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    tractor::maybe_open_context(slow_to_close, (), async |_, ()| {
        ctx.started(()).await?;
        forever().await;
        Ok(())
    })
    .await
}

#[tractor::context(started = ())]
async fn shares_what_never_opens(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let portal = ctx.portal();
    let _ctx = ctx.started(()).await?;
    tractor::maybe_open_context(never_open, portal, async |_, ()| Ok(())).await
}

/// The journal. Both actors are in this process, so the order of the records is known.
async fn noted(portal: &Portal) -> Result<Vec<String>> {
    portal.run(entries()).await
}

#[tractor::test]
async fn a_context_ends_after_those_that_its_endpoint_had_open() -> Result<()> {
    with_two(async |portal| {
        portal
            .open_context(chain(2), async |ctx, ()| {
                portal.run(seen("up".to_owned())).await?;
                ctx.cancel().await
            })
            .await?;
        assert_eq!(noted(portal).await?, ["up", "down"]);
        Ok(())
    })
    .await
}

#[tractor::test(start_paused = true)]
async fn three_nested_contexts_end_in_order_under_a_deadline() -> Result<()> {
    with_two(async |portal| {
        let hasty = portal.deadline(Duration::from_millis(500));
        let body = async |_, ()| -> Result<()> {
            forever().await;
            Ok(())
        };
        let late = hasty.open_context(chain(2), body).await.expect_err("it goes on");
        assert!(matches!(late, Error::DeadlineExceeded(_)), "{late:?}");
        assert_eq!(noted(portal).await?, ["up", "down"]);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_outcome_leaves_after_the_scopes_that_the_endpoint_has_dropped() -> Result<()> {
    for then in [Then::Returns, Then::Fails, Then::Panics] {
        with_two(async |portal| {
            let ended = portal.open_context(drops(then), async |ctx, ()| ctx.wait_for_result().await).await;
            // The dropped scope's task runs in this actor.
            assert_eq!(entries().await, ["up", "down"], "{then:?}");
            match ended {
                Ok(value) => assert_eq!((then, value), (Then::Returns, 7)),
                Err(Error::Remote(failed)) => assert_eq!(failed.message(), "on purpose", "{then:?}"),
                Err(other) => panic!("{then:?}: {other:?}"),
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tractor::test]
async fn a_last_user_that_is_cancelled_inside_of_its_body_ends_after_the_resource() -> Result<()> {
    with_two(async |portal| {
        portal
            .open_context(shares(), async |ctx, ()| {
                ctx.cancel().await?;
                Ok::<_, Error>(())
            })
            .await?;
        assert_eq!(noted(portal).await?, ["down"]);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_dropped_first_user_ends_after_a_resource_that_never_opened() -> Result<()> {
    with_two(async |portal| {
        portal
            .open_context(shares_what_never_opens(), async |ctx, ()| {
                seen("up".to_owned()).await;
                ctx.cancel().await?;
                Ok::<_, Error>(())
            })
            .await?;
        assert_eq!(entries().await, ["up", "down"]);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_context_whose_body_is_dropped_ends_after_those_that_the_body_had_open() -> Result<()> {
    with_two(async |portal| {
        let failed = portal
            .open_context(fails_when_told(), async |_, ()| -> Result<()> {
                portal
                    .open_context(chain(0), async |_, ()| {
                        portal.run(seen("up".to_owned())).await?;
                        portal.run(fail_now()).await?;
                        forever().await;
                        Ok(())
                    })
                    .await
            })
            .await;
        assert!(matches!(failed, Err(Error::Remote(_))), "{failed:?}");
        assert_eq!(noted(portal).await?, ["up", "fail", "down"]);
        Ok(())
    })
    .await
}

#[tractor::context(started = ())]
async fn fails_when_told(ctx: Context<(), (), ()>) -> anyhow::Result<()> {
    let _ctx = ctx.started(()).await?;
    seen("fail".to_owned()).await;
    Ok(spoiled("on purpose")?)
}

#[tractor::actor_fn]
async fn fail_now() {
    note("fail");
}

#[tractor::test]
async fn a_dropped_call_ends_after_the_scopes_of_its_endpoint() -> Result<()> {
    with_two(async |portal| {
        portal
            .open_context(calls_back(), async |ctx, ()| {
                seen("called".to_owned()).await;
                ctx.cancel().await?;
                Ok::<_, Error>(())
            })
            .await?;
        assert_eq!(entries().await, ["called", "done"]);
        Ok(())
    })
    .await
}

#[tractor::actor_fn]
async fn cannot_be_hurried() {
    note("called");
    tractor::shield(tokio::time::sleep(LINGER)).await;
    note("done");
}

#[tractor::context(started = ())]
async fn calls_back(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let portal = ctx.portal();
    let _ctx = ctx.started(()).await?;
    portal.run(cannot_be_hurried()).await
}
