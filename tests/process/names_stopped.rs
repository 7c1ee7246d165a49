//! A registrar that runs but does not answer delays no other program.

use std::time::Duration;

use rustix::process::Signal;
use tractor::Timeouts;
use tractor::error::Absence;

use crate::names_programs::{Registry, absence, in_root, kill, process_of};
use crate::process_support::{WHOLE, eventually, is_gone, signal, state};

#[tractor::test]
async fn a_registrar_that_is_stopped_holds_up_nobody() {
    let (one, two) = (Registry::new("stops"), Registry::new("serves"));
    let (mut stops, mut serves) = (one.program("registrar"), two.program("registrar"));
    stops.hear("up");
    serves.hear("up");
    let mut parent = two.program("parent");
    let child = parent.hear("child")[0];
    let options = || two.options().registry(one.addr());
    let stopped = async || {
        signal(stops.pid(), Signal::STOP);
        eventually("it is stopped", WHOLE, || state(stops.pid()) == Some('T')).await;
    };
    let answer = Timeouts::default().registry_answer(Duration::from_millis(500));
    in_root(options().name("np-stops").timeouts(answer), async || {
        stopped().await;
        assert_eq!(process_of("np-child").await?, child, "the second registry finds it");
        let missing = process_of("nobody").await.expect_err("nobody has this name");
        assert_eq!(absence(&missing), Some(Absence::NotRegistered), "the second registry has answered");
        assert!(tractor::list_actors().await?.iter().any(|actor| actor.uid.name() == "np-child"));
        signal(stops.pid(), Signal::CONT);
        assert_eq!(process_of("np-child").await?, child);
        Ok(())
    })
    .await;
    // The stopped registrar does not delay a program that starts now.
    stopped().await;
    in_root(options().name("np-late"), async || {
        assert_eq!(process_of("np-child").await?, child);
        Ok(())
    })
    .await;
    kill(stops);
    kill(parent);
    kill(serves);
    eventually("the end of the child", WHOLE, || is_gone(child)).await;
    one.remove();
    two.remove();
}
