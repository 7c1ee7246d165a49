//! Deadlines over several processes: each hop has less time left, and no actor below outlives the deadline.

use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, Serialize};
use support::processes::{cpu_ticks, pid_of};
use support::{forever, in_nursery, start, tree, until};
use tractor::{Context, Error, Result};

/// Longer than any test here takes.
const AMPLE: Duration = Duration::from_secs(3600);

fn micros_left() -> u64 {
    let at = tractor::current_deadline().expect("each hop inherits the deadline");
    at.saturating_duration_since(tokio::time::Instant::now()).as_micros().try_into().expect("an hour fits")
}

/// The time that is left in this actor, and in each actor of a chain below.
#[tractor::actor_fn]
async fn measures(names: Vec<String>) -> Result<Vec<u64>> {
    let mut left = vec![micros_left()];
    if let [name, below @ ..] = &names[..] {
        let further = tractor::open_nursery(async |an| -> Result<_> {
            let next = start(an, name, module_path!()).await?;
            // Its own limit is longer, and so has no effect.
            let left = next.run(measures(below.to_vec())).deadline(2 * AMPLE).await?;
            next.cancel_actor().await?;
            Ok(left)
        });
        left.extend(further.await?);
    }
    Ok(left)
}

/// Never ends, and starts a chain of actors below that never ends either.
#[tractor::context(started = ())]
async fn holds(ctx: Context<(), (), ()>, names: Vec<String>) -> Result<()> {
    let Some((name, below)) = names.split_first() else {
        ctx.started(()).await?;
        forever().await;
        return Ok(());
    };
    tractor::open_nursery(async |an| {
        let next = start(an, name, module_path!()).await?;
        next.open_context(holds(below.to_vec()), async |_, ()| {
            ctx.started(()).await?;
            forever().await;
            Ok(())
        })
        .await
    })
    .await
}

/// A type that is slow to deserialize, which happens once before the first request is sent.
#[derive(Serialize)]
struct Slow(u8);

impl<'de> Deserialize<'de> for Slow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        std::thread::sleep(Duration::from_millis(20));
        u8::deserialize(deserializer).map(Self)
    }
}

#[tractor::actor_fn]
async fn waits(_for: Slow) {
    forever().await;
}

#[tractor::actor_fn]
async fn spins() {
    loop {
        std::hint::spin_loop();
    }
}

#[tractor::test]
async fn the_time_that_is_left_shrinks_with_every_hop() -> Result<()> {
    in_nursery(async |tree, an| {
        let first = start(an, tree.name("one"), module_path!()).await?;
        let names = vec![tree.name("two"), tree.name("three")];
        let left = first.run(measures(names)).deadline(AMPLE).await?;
        let budget = AMPLE.as_micros() as u64;
        assert_eq!(left.len(), 3);
        assert!([budget].iter().chain(&left).is_sorted_by(|before, after| before > after), "{left:?}");
        first.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn no_actor_of_the_chain_below_outlives_the_deadline() -> Result<()> {
    in_nursery(async |tree, an| {
        let first = start(an, tree.name("one"), module_path!()).await?;
        let names = vec![tree.name("two"), tree.name("three")];
        let budget = Duration::from_secs(3);
        let mut opened = false;
        let hasty = first.deadline(budget);
        let result: Result<()> = hasty
            .open_context(holds(names), async |_, ()| {
                opened = true;
                forever().await;
                Ok(())
            })
            .await;
        let Err(Error::DeadlineExceeded(error)) = result else { panic!("{result:?}") };
        assert_eq!((error.actor(), error.budget()), (Some(first.uid()), budget));
        assert!(opened, "all three were up in time");
        until(|| tree.processes().len() == 1).await;
        first.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn the_error_names_the_budget_that_was_given() -> Result<()> {
    in_nursery(async |tree, an| {
        let one = start(an, tree.name("one"), module_path!()).await?;
        let budget = Duration::from_millis(300);
        let result = one.run(waits(Slow(1))).deadline(budget).await;
        let Err(Error::DeadlineExceeded(error)) = result else { panic!("{result:?}") };
        assert_eq!((error.actor(), error.budget()), (Some(one.uid()), budget));
        one.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_stuck_actor_does_not_keep_its_caller() -> Result<()> {
    in_nursery(async |tree, an| {
        let stuck = start(an, tree.name("stuck"), module_path!()).await?;
        let well = start(an, tree.name("well"), module_path!()).await?;
        let pid = pid_of(&stuck);
        let budget = Duration::from_millis(300);
        let begun = Instant::now();
        let result = stuck.run(spins()).deadline(budget).await;
        assert!(matches!(&result, Err(Error::DeadlineExceeded(_))), "{result:?}");
        assert!(begun.elapsed() >= budget);
        until(|| cpu_ticks(pid).is_some_and(|ticks| ticks > 10)).await;
        // Other actors do not notice, and the ladder ends it.
        assert_eq!(well.run(measures(vec![])).deadline(AMPLE).await?.len(), 1);
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_one_shot_actor_inherits_the_deadline_of_its_starter() -> Result<()> {
    #[tractor::actor_fn]
    async fn idles() {
        assert!(tractor::current_deadline().is_some());
        forever().await;
    }
    tree(async |tree| {
        // The error appears once, from the scope or from the call.
        let result: Result<()> = tractor::open_nursery(async |an| {
            tractor::with_deadline(Duration::from_secs(1), async {
                let one = an.run_in_actor(idles()).name(tree.name("one")).await?;
                one.wait_for_result().await.map(drop)
            })
            .await
        })
        .await;
        assert!(matches!(&result, Err(Error::DeadlineExceeded(_))), "{result:?}");
        Ok(())
    })
    .await
}
