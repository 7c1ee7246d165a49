//! Deadlines of calls: both sides end, and the caller gets the right error. The clock is paused: it moves when all
//! tasks wait.

use std::error::Error as _;
use std::time::Duration;

use support::journal::{NoteOnDrop, entries, note, seen};
use support::{Spoiled, forever, in_root, spoiled, with_local};
use tokio::time::Instant;
use tractor::error::RemoteKind;
use tractor::{Context, Error, Portal, Result, StreamSender};

const BUDGET: Duration = Duration::from_secs(2);
/// Much shorter than any budget here, and longer than a round trip on a paused clock.
const NOTHING: Duration = Duration::from_millis(50);

#[tractor::actor_fn]
async fn sleeps(millis: u64) -> u64 {
    let _dropped = NoteOnDrop("sleeper dropped");
    tokio::time::sleep(Duration::from_millis(millis)).await;
    millis
}

#[tractor::actor_fn]
async fn time_left() -> Option<u64> {
    let left = tractor::current_deadline()?.saturating_duration_since(Instant::now());
    Some(u64::try_from(left.as_millis()).expect("a short time"))
}

#[tractor::actor_fn]
async fn swallows() -> u64 {
    tractor::shield(tokio::time::sleep(BUDGET + NOTHING)).await;
    7
}

#[tractor::actor_fn]
async fn fails_late() -> std::result::Result<(), Spoiled> {
    tractor::shield(tokio::time::sleep(BUDGET + NOTHING)).await;
    spoiled("the cleanup failed")
}

#[tractor::actor_fn]
async fn is_shielded_for_ever() {
    tractor::shield(forever()).await;
}

#[tractor::context(started = (), send = u64, recv = (), returns = u64)]
async fn dialogs(ctx: Context<(), u64, ()>) -> Result<u64> {
    let ctx = ctx.started(()).await?;
    assert_eq!(ctx.deadline(), tractor::current_deadline());
    let handle = ctx.handle();
    let stream = ctx.open_stream();
    stream
        .send(
            u64::try_from(handle.remaining().expect("it has a deadline").as_millis()).expect("a short time"),
        )
        .await?;
    handle.cancelled().await;
    note(format!("{} by {}", handle.state(), handle.canceller().expect("it was cancelled").name()));
    Ok(1)
}

#[tractor::context(started = (), returns = ())]
async fn outlasts_its_deadline(ctx: Context<(), (), ()>) -> Result<()> {
    let _ctx = ctx.started(()).await?;
    tractor::shield(tokio::time::sleep(2 * BUDGET)).await;
    Ok(())
}

/// Notices its deadline because a request of its own fails, and returns that error.
#[tractor::context(started = (), returns = ())]
async fn is_told_by_its_own_scope(ctx: Context<(), (), ()>) -> Result<()> {
    let ctx = ctx.started(()).await?;
    let scope = tractor::with_deadline(2 * BUDGET, async {
        forever().await;
        Ok(())
    });
    tokio::select! {
        biased;
        told = scope => told,
        // This watcher gains the endpoint one more poll.
        () = ctx.cancelled() => Ok(()),
    }
}

#[tractor::stream]
async fn trickles(out: StreamSender<u64>) -> Result<()> {
    let _dropped = NoteOnDrop("stream dropped");
    for n in 0.. {
        out.send(n).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Ok(())
}

/// Returns the deadline's error, after a check that it names this endpoint of this actor.
#[track_caller]
fn exceeded<T: std::fmt::Debug>(
    result: Result<T>,
    endpoint: &str,
    portal: &Portal,
) -> tractor::error::DeadlineExceeded {
    let Err(Error::DeadlineExceeded(error)) = result else { panic!("{result:?}") };
    let name = format!("{}:{endpoint}", module_path!());
    assert_eq!((error.endpoint(), error.actor()), (Some(&*name), Some(portal.uid())));
    error
}

fn took(since: Instant) -> Duration {
    Instant::now() - since
}

#[tokio::test(start_paused = true)]
async fn a_call_past_its_deadline_ends_on_both_sides() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let start = Instant::now();
        let error = exceeded(portal.run(sleeps(60_000)).deadline(BUDGET).await, "sleeps", portal);
        assert!(took(start) < BUDGET + NOTHING, "the other side has confirmed at once");
        assert_eq!(error.budget(), BUDGET);
        assert!(error.source().is_none());
        assert_eq!(
            error.to_string(),
            format!(
                "`{}:sleeps` in actor {} did not end within its deadline of 2s",
                module_path!(),
                portal.uid()
            )
        );
        // The endpoint was dropped before the caller got the error.
        assert_eq!(portal.run(entries()).await?, ["sleeper dropped"]);
        assert_eq!(portal.dialogs_open(), 0);
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_done_in_time_has_its_value() -> Result<()> {
    with_local(module_path!(), async |portal| {
        assert_eq!(portal.run(sleeps(1_900)).deadline(BUDGET).await?, 1_900);
        assert_eq!(
            portal.run(sleeps(0)).deadline(Duration::MAX).await?,
            0,
            "a time beyond the clock is no limit"
        );
        assert_eq!(portal.run(time_left()).deadline(Duration::MAX).await?, None);
        assert_eq!(portal.run(time_left()).await?, None);
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_there_before_the_caller_looks_at_its_clock_counts() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let mut call = portal.run(sleeps(1_000)).deadline(BUDGET);
        assert!(support::poll_once(&mut call).await.is_pending());
        tokio::time::sleep(BUDGET * 2).await;
        assert_eq!(call.await?, 1_000);
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn without_any_time_nothing_is_sent() -> Result<()> {
    with_local(module_path!(), async |portal| {
        for call in [
            portal.run(sleeps(0)).deadline(Duration::ZERO),
            portal.deadline(Duration::ZERO).run(sleeps(0)),
            portal.run(sleeps(0)).deadline_at(Instant::now() - NOTHING),
        ] {
            let error = exceeded(call.await, "sleeps", portal);
            assert!(error.to_string().contains("was not started"), "{error}");
        }
        let hasty = portal.deadline(Duration::ZERO);
        let scope = hasty.open_context(dialogs(), async |_, ()| Ok(()));
        exceeded(scope.await, "dialogs", portal);
        assert_eq!(portal.run(entries()).await?, [""; 0]);
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn the_earliest_of_several_limits_holds() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let second = Duration::from_secs(1);
        assert_eq!(portal.run(time_left()).deadline(second).deadline(BUDGET).await?, Some(1_000));
        assert_eq!(portal.deadline(BUDGET).run(time_left()).deadline(second).await?, Some(1_000));
        assert_eq!(portal.deadline(second).deadline(BUDGET).run(time_left()).await?, Some(1_000));
        tractor::with_deadline(second, async {
            assert_eq!(portal.run(time_left()).deadline(BUDGET).await?, Some(1_000));
            tractor::with_deadline(BUDGET, async {
                tokio::time::sleep(second / 2).await;
                assert_eq!(portal.run(time_left()).await?, Some(500));
                Ok(())
            })
            .await
        })
        .await
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_dropped_caller_leaves_no_work_behind() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let mut call = portal.run(sleeps(60_000)).deadline(BUDGET);
        assert!(support::poll_once(&mut call).await.is_pending());
        drop(call);
        portal.run(seen("sleeper dropped".to_owned())).await
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_hangs_does_not_keep_the_work_alive() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let start = Instant::now();
        let mut call = portal.run(sleeps(60_000)).deadline(BUDGET);
        assert!(support::poll_once(&mut call).await.is_pending());
        // The call is not polled, so only the endpoint's own timer can end it.
        portal.run(seen("sleeper dropped".to_owned())).await?;
        assert!(took(start) < BUDGET + NOTHING);
        exceeded(call.await, "sleeps", portal);
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn the_return_of_an_endpoint_past_its_deadline_changes_nothing() -> Result<()> {
    with_local(module_path!(), async |portal| {
        // The endpoint returns a value.
        let error = exceeded(portal.run(swallows()).deadline(BUDGET).await, "swallows", portal);
        assert!(error.source().is_none());
        // The endpoint fails: the failure is kept as the source.
        let error = exceeded(portal.run(fails_late()).deadline(BUDGET).await, "fails_late", portal);
        let late = error.source().and_then(|late| late.downcast_ref::<Error>()).expect("it has failed");
        assert_eq!(late.as_remote().expect("the error is remote").message(), "the cleanup failed");
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_does_not_end_holds_its_caller_up_no_longer_than_a_cancellation() {
    let grace = tractor::Timeouts::default().context_cancel;
    let held = in_root(async |_| {
        tractor::with_local_actor(
            tractor::ActorOptions::new().enable_module(module_path!()),
            async |portal| {
                let start = Instant::now();
                let call = portal.run(is_shielded_for_ever()).deadline(BUDGET).await;
                exceeded(call, "is_shielded_for_ever", portal);
                let took = took(start);
                assert!((BUDGET + grace..BUDGET + grace + NOTHING).contains(&took), "{took:?}");
                assert!(portal.dialogs_open() > 0, "the dialog waits for its end");
                Ok(())
            },
        )
        .await
    });
    // The endpoint never ends, because its process is not killed.
    let ended: std::result::Result<Result<()>, _> = tokio::time::timeout(Duration::from_secs(50), held).await;
    assert!(ended.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_polls_any_more_does_not_keep_its_scope() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let start = Instant::now();
        let left = tractor::with_deadline(BUDGET, async {
            let mut held = std::pin::pin!(portal.run(swallows()));
            tokio::select! {
                biased;
                ended = &mut held => panic!("{ended:?}"),
                () = tokio::time::sleep(BUDGET + NOTHING / 2) => {}
            }
            tokio::time::sleep(60 * BUDGET).await;
            Ok(())
        });
        let Err(Error::DeadlineExceeded(error)) = left.await else { panic!("the body is dropped") };
        assert_eq!(error.endpoint(), None, "{error}");
        let grace = tractor::Timeouts::default().context_cancel;
        assert!(took(start) < BUDGET + grace + 5 * NOTHING, "{:?}", took(start));
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_request_outside_of_a_scope_does_not_keep_it() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let start = Instant::now();
        tractor::with_deadline(60 * BUDGET, async {
            let inner = async {
                let left = tractor::with_deadline(BUDGET, async {
                    forever().await;
                    Ok(())
                });
                (left.await, took(start))
            };
            let (call, (left, ended)) =
                tokio::join!(portal.run(fails_late()).deadline(BUDGET - NOTHING), inner);
            exceeded(call, "fails_late", portal);
            assert!(matches!(left, Err(Error::DeadlineExceeded(_))), "{left:?}");
            assert!(ended < BUDGET + NOTHING / 2, "{ended:?}");
            Ok(())
        })
        .await
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_context_past_its_deadline_ends_on_both_sides() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let start = Instant::now();
        let hasty = portal.deadline(BUDGET);
        let scope = hasty.open_context(dialogs(), async |ctx, ()| {
            let left = ctx.remaining().expect("it has a deadline");
            assert_eq!(ctx.deadline(), tractor::current_deadline(), "the body has the same deadline");
            assert!(left <= BUDGET);
            let mut stream = ctx.open_stream();
            let there = stream.receive().await?.expect("one value");
            assert!(u128::from(there) <= left.as_millis());
            // The body's requests to other actors inherit the deadline.
            assert!(portal.run(time_left()).await?.is_some());
            forever().await;
            Ok(())
        });
        let error = exceeded(scope.await, "dialogs", portal);
        assert!(took(start) < BUDGET + NOTHING);
        assert_eq!(error.budget(), BUDGET);
        assert_eq!(portal.run(entries()).await?, ["deadline-exceeded by root"]);
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_failure_by_the_same_deadline_further_down_is_no_failure_of_its_own() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let hasty = portal.deadline(BUDGET);
        let scope = hasty.open_context(is_told_by_its_own_scope(), async |_, ()| {
            forever().await;
            Ok(())
        });
        let error = exceeded(scope.await, "is_told_by_its_own_scope", portal);
        assert!(error.source().is_none(), "{error:?}");
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_body_is_not_hidden_by_the_deadline() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let start = Instant::now();
        let hasty = portal.deadline(BUDGET);
        let scope = hasty.open_context(outlasts_its_deadline(), async |_, ()| -> anyhow::Result<()> {
            anyhow::bail!("the body's own")
        });
        assert_eq!(scope.await.expect_err("it has failed").to_string(), "the body's own");
        // The other side got `context_cancel`, and no more.
        let grace = tractor::Timeouts::default().context_cancel;
        assert!((BUDGET + grace..BUDGET + grace + NOTHING).contains(&took(start)), "{:?}", took(start));
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_one_way_stream_past_its_deadline_is_no_regular_end() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let mut got = 0;
        let hasty = portal.deadline(BUDGET);
        let scope = hasty.open_stream_from(trickles(), async |mut stream| {
            while stream.receive().await?.is_some() {
                got += 1;
            }
            Ok(())
        });
        exceeded(scope.await, "trickles", portal);
        assert_eq!(got, 7);
        portal.run(seen("stream dropped".to_owned())).await
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_scope_names_the_request_that_ran_out_of_its_time() -> Result<()> {
    with_local(module_path!(), async |portal| {
        // With a later deadline of the request, and without one.
        for own in [None, Some(10 * BUDGET)] {
            let result = tractor::with_deadline(BUDGET, async {
                assert_eq!(portal.run(sleeps(500)).await?, 500);
                let call = portal.run(sleeps(60_000));
                match own {
                    Some(own) => call.deadline(own).await,
                    None => call.await,
                }
            });
            let error = exceeded(result.await, "sleeps", portal);
            assert_eq!(error.budget(), BUDGET - Duration::from_millis(500), "{own:?}");
        }
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_scope_waits_for_the_requests_that_settle_in_it() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let result = tractor::with_deadline(BUDGET, portal.run(fails_late()));
        let error = exceeded(result.await, "fails_late", portal);
        assert!(error.source().is_some(), "the failure that came after the deadline");
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_scope_drops_a_body_that_waits_for_something_else() -> Result<()> {
    in_root(async |_| {
        let start = Instant::now();
        let result: Result<()> = tractor::with_deadline(BUDGET, async {
            forever().await;
            Ok(())
        })
        .await;
        let Err(Error::DeadlineExceeded(error)) = result else { panic!("{result:?}") };
        assert_eq!((error.endpoint(), error.actor(), error.budget()), (None, None, BUDGET));
        let here = tractor::current_actor().uid().to_string();
        assert_eq!(
            error.to_string(),
            format!("the scope in actor {here} did not end within its deadline of 2s")
        );
        assert_eq!(took(start), BUDGET);
        assert_eq!(tractor::current_deadline(), None);
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_shorter_deadline_further_down_is_a_failure_there() -> Result<()> {
    #[tractor::actor_fn]
    async fn is_impatient() -> Result<()> {
        tractor::with_deadline(NOTHING, async {
            forever().await;
            Ok(())
        })
        .await
    }
    with_local(module_path!(), async |portal| {
        let error = portal.run(is_impatient()).deadline(BUDGET).await.expect_err("it has failed");
        let remote = error.as_remote().expect("it is an error of the endpoint");
        assert_eq!((remote.src_type(), remote.kind()), ("DeadlineExceeded", RemoteKind::Error));
        let here =
            format!("the scope in `{}:is_impatient` in actor {} did not", module_path!(), portal.uid());
        assert!(remote.message().starts_with(&here), "{remote}");
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn ending_an_actor_has_a_limit_of_its_own() -> Result<()> {
    with_local(module_path!(), async |portal| {
        assert!(portal.deadline(Duration::ZERO).cancel_actor().await?.is_in_order());
        Ok(())
    })
    .await
}
