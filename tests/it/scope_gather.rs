//! Several contexts as one scope: all start in order, or the scope fails; at its end all three contexts have ended.

use std::time::Duration;

use support::journal::{NoteOnDrop, entries, note, seen};
use support::{Spoiled, forever, spoiled, with_local};
use tractor::prelude::*;
use tractor::{Error, Result, gather_contexts};

/// Starts with its number when the next context has started. The last one starts at once.
#[tractor::context(pld_spec = u64)]
async fn numbered(ctx: Context<u64>, number: u64, of: u64) -> tractor::Result<u64> {
    let _note = NoteOnDrop("over");
    if number + 1 < of {
        seen(format!("started {}", number + 1)).await;
    }
    let ctx = ctx.started(number).await?;
    note(format!("started {number}"));
    let mut stream = ctx.open_stream();
    let mut sum = number;
    while let Some(value) = stream.receive().await? {
        sum += value;
    }
    Ok(sum)
}

/// Never starts. The context with number zero fails when the others wait.
#[tractor::context(pld_spec = u64)]
async fn waits_or_fails(ctx: Context<u64>, number: u64) -> std::result::Result<u64, Spoiled> {
    let _note = NoteOnDrop("over");
    if number == 0 {
        seen("waits 1".to_owned()).await;
        seen("waits 2".to_owned()).await;
        return spoiled("no start");
    }
    note(format!("waits {number}"));
    forever().await;
    drop(ctx);
    Ok(0)
}

fn message(error: &Error) -> &str {
    error.as_remote().unwrap_or_else(|| panic!("{error}")).message()
}

#[tractor::test]
async fn all_are_open_in_the_order_of_the_input_and_end_together() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let contexts = (0..4).map(|number| (portal.clone(), numbered(number, 4)));
        let sum = gather_contexts(contexts, async |contexts, firsts| -> Result<u64> {
            assert_eq!(firsts, [0, 1, 2, 3]);
            let mut sum = 0;
            for ctx in contexts {
                let handle = ctx.handle();
                let stream = ctx.open_stream();
                stream.send(10).await?;
                stream.finish();
                sum += handle.wait_for_result().await?;
            }
            Ok(sum)
        });
        assert_eq!(sum.await?, 46);
        assert_eq!(portal.dialogs_open(), 0);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn nothing_to_gather_is_an_error() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let none = (0..0).map(|number| (portal.clone(), numbered(number, 0)));
        let left = gather_contexts(none, async |_, _| -> Result<()> { panic!("there is nothing") });
        assert!(matches!(left.await, Err(Error::Runtime(_))));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_context_that_does_not_start_cancels_the_others_and_waits_for_them() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let contexts = (0..3).map(|number| (portal.clone(), waits_or_fails(number)));
        let left = gather_contexts(contexts, async |_, _| -> Result<()> { panic!("not all have started") });
        assert_eq!(message(&left.await.expect_err("one has failed")), "no start");
        let over = portal.run(entries()).await?.into_iter().filter(|entry| entry == "over").count();
        assert_eq!((over, portal.dialogs_open()), (3, 0), "all three contexts have ended");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_error_of_the_body_ends_all() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let contexts = (0..3).map(|number| (portal.clone(), numbered(number, 3)));
        let left: anyhow::Result<()> = gather_contexts(contexts, async |_, _| anyhow::bail!("mine")).await;
        assert_eq!(left.expect_err("the body fails").to_string(), "mine");
        let over = portal.run(entries()).await?.into_iter().filter(|entry| entry == "over").count();
        assert_eq!((over, portal.dialogs_open()), (3, 0));
        Ok(())
    })
    .await
}

/// Starts. The context with number one fails on request.
#[tractor::context(pld_spec = u64)]
async fn fails_later(ctx: Context<u64>, number: u64) -> std::result::Result<u64, Spoiled> {
    let _note = NoteOnDrop("over");
    let _ctx = ctx.started(number).await.or_else(|_| spoiled("not started"))?;
    if number == 1 {
        return spoiled("later");
    }
    forever().await;
    Ok(0)
}

#[tractor::test]
async fn a_failure_of_one_other_side_drops_the_body_and_ends_all() -> Result<()> {
    with_local(module_path!(), async |portal| {
        for waits in [true, false] {
            let contexts = (0..3).map(|number| (portal.clone(), fails_later(number)));
            let left = gather_contexts(contexts, async |contexts, _| -> Result<()> {
                if waits {
                    forever().await;
                }
                assert_eq!(contexts.len(), 3);
                Ok(()) // the others would never end by themselves
            });
            assert_eq!(message(&left.await.expect_err("one fails")), "later");
            assert_eq!(portal.dialogs_open(), 0);
        }
        let over = portal.run(entries()).await?.into_iter().filter(|entry| entry == "over").count();
        assert_eq!(over, 6);
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_all_and_is_what_the_scope_raises() -> Result<()> {
    with_local(module_path!(), async |portal| {
        for waits in [true, false] {
            let hurried = portal.deadline(Duration::from_secs(1));
            let contexts = (0..3).map(|number| (hurried.clone(), waits_for_ever(number)));
            let left = gather_contexts(contexts, async |_, firsts| -> Result<()> {
                assert_eq!(firsts, [0, 1, 2]);
                if waits {
                    forever().await;
                }
                Ok(()) // the others would never end by themselves
            });
            let error = left.await.expect_err("none of them ends in time");
            assert!(matches!(&error, Error::DeadlineExceeded(_)), "{error:?}");
            assert_eq!(portal.dialogs_open(), 0);
        }
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn the_scope_that_runs_out_of_time_is_the_one_that_is_named() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let budgets = [None, Some(Duration::from_secs(9)), Some(Duration::from_secs(1))];
        let portals = budgets.map(|budget| budget.map_or(portal.clone(), |budget| portal.deadline(budget)));
        let contexts = (0..).zip(portals).map(|(number, portal)| (portal, waits_for_ever(number)));
        let left = gather_contexts(contexts, async |_, _| -> Result<()> {
            forever().await;
            Ok(())
        });
        let Err(Error::DeadlineExceeded(error)) = left.await else { panic!("none ends in time") };
        assert_eq!(error.budget(), Duration::from_secs(1), "{error}");
        assert_eq!(portal.dialogs_open(), 0);
        Ok(())
    })
    .await
}

#[tractor::context(pld_spec = u64)]
async fn waits_for_ever(ctx: Context<u64>, number: u64) -> Result<u64> {
    let _ctx = ctx.started(number).await?;
    forever().await;
    Ok(0)
}

#[tractor::test]
async fn a_context_that_the_body_cancels_itself_is_no_failure() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let contexts = (0..3).map(|number| (portal.clone(), numbered(number, 3)));
        let sum = gather_contexts(contexts, async |mut contexts, _| -> Result<u64> {
            let (last, first) = (contexts.remove(2), contexts.remove(0));
            assert!(first.cancel().await?);
            let error = first.wait_for_result().await.expect_err("it was cancelled");
            assert!(error.is_cancelled(), "{error:?}");
            for ctx in contexts {
                ctx.open_stream().finish();
            }
            let stream = last.open_stream();
            stream.send(10).await?;
            stream.wait_for_result().await
        });
        assert_eq!(sum.await?, 12);
        assert_eq!(portal.dialogs_open(), 0);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_context_can_be_cancelled_before_it_has_started() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let scope = portal.open_unstarted(waits_or_fails(1), async |opening| -> Result<&str> {
            portal.run(seen("waits 1".to_owned())).await?;
            assert!(opening.cancel().await?);
            Ok("left")
        });
        assert_eq!(scope.await?, "left");
        assert_eq!(
            (portal.run(entries()).await?, portal.dialogs_open()),
            (vec!["waits 1".into(), "over".into()], 0)
        );
        let first = portal.open_unstarted(numbered(7, 0), async |opening| -> Result<u64> {
            let (ctx, first) = opening.started().await?;
            ctx.open_stream().finish();
            Ok(first)
        });
        assert_eq!(first.await?, 7);
        Ok(())
    })
    .await
}
