//! Tests on a paused clock, which moves when all tasks wait.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tractor::{ActorOptions, Result};

const HOUR: Duration = Duration::from_secs(3600);

#[tractor::actor_fn]
async fn sleeps(time: Duration) -> Duration {
    sleep(time).await;
    time
}

#[tractor::test(start_paused = true)]
async fn hours_pass_at_once_in_actors_of_this_process() -> Result<()> {
    let (real, start) = (std::time::Instant::now(), Instant::now());
    tractor::open_nursery(async |_| -> Result<()> {
        tractor::with_local_actor(ActorOptions::new().expose(sleeps), async |portal| {
            assert_eq!(portal.run(sleeps(HOUR)).await?, HOUR);
            let late = tractor::with_deadline(HOUR, portal.run(sleeps(2 * HOUR))).await;
            assert!(late.expect_err("it exceeds its deadline").as_deadline_exceeded().is_some());
            Ok(())
        })
        .await
    })
    .await?;
    assert!(start.elapsed() >= 2 * HOUR && real.elapsed() < HOUR, "{:?}", real.elapsed());
    Ok(())
}

#[tractor::test(start_paused = false)]
async fn without_start_paused_the_clock_runs() {
    let start = std::time::Instant::now();
    sleep(Duration::from_millis(20)).await;
    assert!(start.elapsed() >= Duration::from_millis(20));
}

/// While a process starts, only time limits wait for the clock.
#[tractor::test(start_paused = true)]
async fn no_process_is_started_on_a_paused_clock() -> Result<()> {
    let refused = tractor::open_nursery(async |an| an.start_actor("worker").expose(sleeps).await.map(drop));
    let error = refused.await.expect_err("the clock is paused");
    assert!(error.as_spawn().is_some(), "{error:?}");
    let text = error.to_string();
    for word in ["the clock of this runtime is paused", "`start_paused`", "`tractor::with_local_actor`"] {
        assert!(text.contains(word), "{text}");
    }
    tokio::time::resume();
    tractor::open_nursery(async |an| -> Result<()> {
        let worker = an.start_actor("worker").expose(sleeps).await?;
        assert_eq!(worker.run(sleeps(Duration::ZERO)).await?, Duration::ZERO);
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}
