//! Many short-lived children. This is the only test of its process, so that it can count the resources of the process.
//!
//! A longer run: `TRACTOR_CHURN_ROUNDS=10000 cargo test --release --test process_churn -- --nocapture`.

mod process_support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use process_support::endpoints::process;
use process_support::{bounded_by, fds, resident_kib, signal, sockets_of, state, zombies_of};
use rustix::process::Signal;
use tractor::{ActorOptions, Error};

const ROUNDS: usize = 1000;
const WARM_UP: usize = 20;
/// The average time limit of a round, for a busy machine.
const ROUND_MAX: Duration = Duration::from_millis(450);
/// The allowed growth of the root. A leak per child would exceed it.
const GROWTH_KIB_MAX: u64 = 5 * 1024;

/// One child from its start to its violent end.
async fn round() -> u32 {
    let mut pid = 0;
    let result = tractor::open_nursery(async |an| -> tractor::Result<()> {
        let kid = an.start_actor("short-lived").expose(process).listen().await?;
        pid = kid.run(process()).await?;
        signal(pid, Signal::KILL);
        std::future::pending().await
    })
    .await;
    let Err(Error::Died(died)) = &result else { panic!("{result:?}") };
    assert_eq!((died.pid(), died.signal()), (pid, Some(9)));
    pid
}

#[tractor::test]
async fn many_violent_ends_leave_no_process_no_descriptor_and_no_memory() {
    let rounds =
        std::env::var("TRACTOR_CHURN_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().expect("a number"));
    let us = std::process::id();
    let limit = ROUND_MAX * u32::try_from(rounds + WARM_UP).expect("a small number");
    bounded_by(limit, tractor::open_root_actor(ActorOptions::new(), async |_| -> tractor::Result<()> {
        for _ in 0..WARM_UP {
            round().await;
        }
        let (before, resident_before, start) = (fds(us), resident_kib(us), Instant::now());
        let mut pids = BTreeSet::new();
        for _ in 0..rounds {
            pids.insert(round().await);
        }
        let (after, resident, took) = (fds(us), resident_kib(us), start.elapsed());
        say(&format!(
            "{rounds} rounds in {took:?}: {} descriptors, then {}; {resident_before} KiB resident, then {resident}",
            before.len(),
            after.len()
        ));
        assert_eq!(after.len(), before.len(), "{after:#?} instead of {before:#?}");
        let growth = resident.saturating_sub(resident_before);
        assert!(growth < GROWTH_KIB_MAX, "the root has grown by {growth} KiB");
        assert_eq!(pids.len(), rounds);
        assert!(pids.iter().all(|pid| state(*pid).is_none()), "a process is left");
        assert!(zombies_of(us).is_empty());
        let sockets = pids.iter().flat_map(|pid| sockets_of(*pid)).collect::<Vec<_>>();
        assert!(sockets.is_empty(), "{sockets:?}");
        Ok(())
    }))
    .await
    .unwrap();
}

#[expect(clippy::print_stdout, reason = "the numbers of the long run, shown with --nocapture")]
fn say(text: &str) {
    println!("{text}");
}
