//! Children that a terminal or a signal stops: their parent notices, and names the child in the log.

use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use support::processes::{pid_of, signal};

const PROGRAM_ENV: &str = "TRACTOR_TEST_STOP_PROGRAM";

#[tractor::actor_fn]
async fn stops_itself() -> u32 {
    kill_process(getpid(), Signal::STOP).expect("a process may signal itself");
    std::process::id()
}

/// A program that the test below runs, to read its log.
#[tractor::test]
async fn program() -> tractor::Result<()> {
    if std::env::var_os(PROGRAM_ENV).is_none() {
        return Ok(());
    }
    tractor::log::init("info").expect("a filter");
    tractor::open_nursery(async |an| -> tractor::Result<()> {
        let sleepy = an.start_actor("sleepy").expose(stops_itself).await?;
        let other = an.start_actor("other").await?;
        let pid = pid_of(&sleepy);
        for round in ["first", "second"] {
            let wake = async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                tracing::info!("{round} second over");
                signal(pid, Signal::CONT);
            };
            let (woken, ()) = tokio::join!(sleepy.run(stops_itself()), wake);
            assert_eq!(woken?, pid.cast_unsigned());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        other.cancel_actor().await?;
        sleepy.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[test]
fn a_stopped_child_is_reported_by_name_within_a_second_and_so_is_its_return() {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command
        .args(["job_control::program", "--exact", "--nocapture", "--test-threads=1"])
        .env(PROGRAM_ENV, "1");
    let output = command.env_remove("TRACTOR_LOGLEVEL").output().expect("this binary runs");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success(), "{said}");
    let told: Vec<&str> = said
        .lines()
        .filter_map(|line| {
            assert!(!line.contains("other["), "it was not stopped: {line}");
            let texts = ["actor sleepy[", "was stopped by SIGSTOP", "was continued", "second over"];
            let found: Vec<_> = texts.into_iter().filter(|text| line.contains(text)).collect();
            found.last().copied()
        })
        .collect();
    let once = ["was stopped by SIGSTOP", "second over", "was continued"];
    assert_eq!(told, [once, once].concat(), "{said}");
}
