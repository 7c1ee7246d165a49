//! Many short lives. The only test of its process, so that it can count what the process holds.

mod process_support;

use std::collections::BTreeSet;

use process_support::endpoints::process;
use process_support::{bounded, fds, signal, state, zombies_of};
use rustix::process::Signal;
use tractor::{ActorOptions, Error};

const ROUNDS: usize = 100;
const WARM_UP: usize = 5;

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
async fn a_hundred_violent_ends_leave_no_process_and_no_descriptor() {
    let us = std::process::id();
    bounded(tractor::open_root_actor(ActorOptions::new(), async |_| -> tractor::Result<()> {
        for _ in 0..WARM_UP {
            round().await;
        }
        let before = fds(us);
        let mut pids = BTreeSet::new();
        for _ in 0..ROUNDS {
            pids.insert(round().await);
        }
        let after = fds(us);
        assert_eq!(after.len(), before.len(), "{after:#?} instead of {before:#?}");
        assert_eq!(pids.len(), ROUNDS);
        assert!(pids.iter().all(|pid| state(*pid).is_none()), "a process is left");
        assert!(zombies_of(us).is_empty());
        Ok(())
    }))
    .await
    .unwrap();
}
