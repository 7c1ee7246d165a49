//! The output of programs that set up no log, a log of their own, or a log in every process.

use std::time::Duration;

use tractor::prelude::*;
use tractor::{ActorOptions, Error, Portal, Result, Supervision, Timeouts, current_actor};

use crate::process_support::role;

const FOR_LONG: Duration = Duration::from_secs(311);
const SHORT: Duration = Duration::from_millis(50);
/// Set for a program whose body sets up a log of its own.
const OWN_LOG_ENV: &str = "TRACTOR_TEST_OWN_LOG";

// ---- what the programs run ---------------------------------------------------------------------------------------

#[tractor::actor_fn]
async fn hangs() {
    std::thread::sleep(FOR_LONG);
}

#[tractor::actor_fn]
async fn leaves_a_thread() {
    drop(tokio::task::spawn_blocking(|| std::thread::sleep(FOR_LONG)));
}

#[tractor::actor_fn]
async fn aborts() {
    std::process::abort();
}

#[tractor::actor_fn]
async fn ends_a_hung_child() -> Result<()> {
    tractor::open_nursery(async |an| -> Result<()> {
        let hung = an.start_actor("hung").expose(hangs).await?;
        _ = tokio::time::timeout(SHORT, hung.run(hangs())).await;
        an.cancel().await;
        Ok(())
    })
    .await
}

/// Returns a while after its first value, even if its caller cancels it.
#[tractor::context(started = ())]
async fn takes_its_time(ctx: Context<(), (), ()>) -> Result<()> {
    let _ctx = ctx.started(()).await?;
    tokio::time::sleep(SHORT * 6).await;
    Ok(())
}

#[tractor::stream]
async fn endless(out: StreamSender<u64>) -> Result<()> {
    for value in 0.. {
        out.send(value).await?;
    }
    Ok(())
}

fn own_log() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
}

/// A tree with one worker, of a root with short limits.
async fn with_worker(body: impl AsyncFnOnce(&Portal) -> Result<()>) -> Result<()> {
    let timeouts = Timeouts::default().actor_cancel(SHORT).drain(SHORT).scope_warning(SHORT);
    with_worker_under(timeouts, body).await
}

async fn with_worker_under(timeouts: Timeouts, body: impl AsyncFnOnce(&Portal) -> Result<()>) -> Result<()> {
    tractor::open_root_actor(ActorOptions::new().timeouts(timeouts), async |_| {
        tractor::open_nursery(async |an| {
            let worker = an.start_actor("worker").enable_module(module_path!()).await?;
            body(&worker).await?;
            Ok(())
        })
        .await
    })
    .await
}

async fn ends_hung_children() -> Result<()> {
    with_worker(async |worker| {
        ends_a_hung_child().await?;
        worker.run(ends_a_hung_child()).await?;
        // On a slow machine a worker that answers late would be another warning.
        worker.cancel_actor().timeout(FOR_LONG).await?;
        Ok(())
    })
    .await
}

// ---- the programs ------------------------------------------------------------------------------------------------

#[tractor::test]
#[ignore = "a program"]
async fn hung() -> Result<()> {
    if std::env::var_os(OWN_LOG_ENV).is_some() {
        own_log();
    }
    ends_hung_children().await
}

#[tractor::test(setup = own_log)]
#[ignore = "a program"]
async fn hung_with_setup() -> Result<()> {
    ends_hung_children().await
}

#[tractor::test]
#[ignore = "a program"]
async fn thread() -> Result<()> {
    // On a slow machine a worker that answers late would be another warning.
    with_worker_under(Timeouts::default().drain(SHORT), async |worker| {
        worker.run(leaves_a_thread()).await?;
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
#[ignore = "a program"]
async fn restart() -> Result<()> {
    tractor::open_nursery(async |an| -> Result<()> {
        let supervisor = an.supervise(Supervision::one_for_one());
        let worker = supervisor.child("worker", |child| child.expose(aborts)).await?;
        let died = worker.portal().await?.run(aborts()).await;
        assert!(matches!(died, Err(Error::Died(_))), "{died:?}");
        worker.portal().await?;
        supervisor.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
#[ignore = "a program"]
async fn waits_for_an_actor() -> Result<()> {
    with_worker(async |worker| {
        let worker = worker.clone();
        tokio::spawn(current_actor().enter(async move {
            tokio::time::sleep(SHORT * 8).await;
            worker.cancel_actor().await
        }));
        Ok(())
    })
    .await
}

#[tractor::test]
#[ignore = "a program"]
async fn waits_for_a_context() -> Result<()> {
    with_worker(async |worker| {
        worker.open_context(takes_its_time(), async |_ctx, ()| -> Result<()> { Ok(()) }).await?;
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
#[ignore = "a program"]
async fn leaves_a_stream_early() -> Result<()> {
    // With short limits a slow machine would be a reason for warnings.
    with_worker_under(Timeouts::default(), async |worker| {
        worker
            .open_stream_from(endless(), async |mut stream| -> Result<()> {
                assert_eq!(stream.receive().await?, Some(0));
                // By then more dialogs are open.
                tokio::time::sleep(SHORT).await;
                Ok(())
            })
            .await?;
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
#[ignore = "a program"]
async fn spawns_nurseries() -> Result<()> {
    tractor::open_nursery(async |_| -> Result<()> {
        let is_root_of_its_own = |root: tractor::Actor| async move {
            tractor::open_nursery(async |_| -> Result<bool> { Ok(current_actor() != root) }).await
        };
        let root = current_actor();
        let inside = tokio::spawn(root.enter(is_root_of_its_own(root.clone()))).await;
        assert!(!inside.expect("it does not panic")?);
        for _ in 0..2 {
            let outside = tokio::spawn(is_root_of_its_own(current_actor())).await;
            assert!(outside.expect("it does not panic")?);
        }
        Ok(())
    })
    .await
}

// ---- what they say -----------------------------------------------------------------------------------------------

/// The standard error of a program, with these variables set.
fn said_by(program: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let path = module_path!().split_once("::").expect("a crate").1;
    let mut command = role::command(&format!("{path}::{program}"));
    command.env_remove("TRACTOR_LOGLEVEL").env_remove("RUST_LOG").envs(variables.iter().copied());
    let output = command.output().expect("this binary runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).expect("UTF-8").lines().map(str::to_owned).collect()
}

#[track_caller]
fn assert_plain(line: &str, who: &str, what: &str) {
    assert!(line.starts_with(&format!("tractor ({who}[")) && line.contains(what), "{line}");
}

const UNANSWERED: &str =
    "did not acknowledge within 50ms that it ends (`Timeouts::actor_cancel`); sending SIGTERM";

#[test]
fn without_a_subscriber_root_and_children_say_what_the_ladder_does() {
    let lines = said_by("hung", &[]);
    let [root, child] = &*lines else { panic!("{lines:#?}") };
    assert_plain(root, "root", UNANSWERED);
    assert_plain(child, "worker", UNANSWERED);
}

#[test]
fn a_subscriber_of_main_gets_the_root_s_events_and_none_is_printed_twice() {
    for variables in [&[(OWN_LOG_ENV, "1")][..], &[(OWN_LOG_ENV, "1"), ("TRACTOR_LOGLEVEL", "off")]] {
        let lines = said_by("hung", variables);
        let root: Vec<_> = lines.iter().filter(|line| line.contains(" WARN actor{name=\"root\"")).collect();
        let [root] = &*root else { panic!("{lines:#?}") };
        assert!(root.contains(UNANSWERED), "{root}");
        let plain: Vec<_> = lines.iter().filter(|line| line.starts_with("tractor (")).collect();
        match *plain {
            [child] => assert_plain(child, "worker", UNANSWERED),
            ref none => assert!(none.is_empty() && variables.len() == 2, "{lines:#?}"),
        }
    }
}

#[test]
fn a_subscriber_of_setup_is_there_in_root_and_children() {
    let lines = said_by("hung_with_setup", &[]);
    for who in ["root", "worker"] {
        let of = format!(" WARN actor{{name=\"{who}\"");
        assert_eq!(
            lines.iter().filter(|line| line.contains(&of) && line.contains(UNANSWERED)).count(),
            1,
            "{lines:#?}"
        );
    }
    assert!(!lines.iter().any(|line| line.starts_with("tractor (")), "{lines:#?}");
}

#[test]
fn the_environment_sets_up_the_log_of_the_root_too() {
    let lines = said_by("restart", &[("TRACTOR_LOGLEVEL", "debug")]);
    let root = |line: &&String| line.contains(" (root[") && line.contains("started actor `worker`");
    assert!(lines.iter().any(|line| root(&line)), "{lines:#?}");
    let lines = said_by("spawns_nurseries", &[("TRACTOR_LOGLEVEL", "tractor=loud")]);
    assert!(lines.iter().any(|line| line.contains("log filter `tractor=loud`: write a level")), "{lines:#?}");
}

#[test]
fn a_restart_is_said() {
    let lines = said_by("restart", &[]);
    let about: Vec<_> = lines.iter().filter(|line| line.starts_with("tractor (")).collect();
    let [restart] = &*about else { panic!("{lines:#?}") };
    assert_plain(restart, "root", "restarting `worker` in 100ms: ");
}

#[test]
fn a_thread_that_outlives_its_actor_is_reported() {
    let lines = said_by("thread", &[]);
    let [left] = &*lines else { panic!("{lines:#?}") };
    assert!(left.contains("a blocking call of actor worker["), "{left}");
    assert!(left.contains("went on for 50ms after its end (`Timeouts::drain`)"), "{left}");
}

/// The duration of the wait in a line.
fn by_now(line: &str) -> Duration {
    let (said, _) = line.split_once(" by now").expect("the line ends with the duration");
    let said = said.rsplit('(').next().expect("`rsplit` yields at least one part");
    let ms = said.strip_suffix("ms").map(|ms| ms.parse::<f64>());
    let secs = || said.strip_suffix('s').expect("seconds").parse::<f64>().expect("a number");
    Duration::from_secs_f64(ms.map_or_else(secs, |ms| ms.expect("a number") / 1000.0))
}

/// The lines come at 50, 150 and 350 ms of 400, or later on a slow machine.
#[test]
fn a_waiting_nursery_names_its_children_at_growing_intervals() {
    let lines = said_by("waits_for_an_actor", &[]);
    assert!(lines.len() >= 2, "{lines:#?}");
    for (line, least) in lines.iter().zip([1, 3, 7, 15, 31]) {
        assert!(by_now(line) >= SHORT * least, "{lines:#?}");
    }
    assert_plain(
        &lines[0],
        "root",
        "a nursery is waiting for actor \"worker\": cancel it or call `an.cancel()`",
    );
}

#[test]
fn a_waiting_context_names_its_peer() {
    let lines = said_by("waits_for_a_context", &[]);
    assert!(!lines.is_empty(), "{lines:#?}");
    let path = module_path!();
    let what =
        format!("a scope is waiting for `{path}:takes_its_time` in actor \"worker\" to return: close its");
    assert_plain(&lines[0], "root", &what);
}

#[test]
fn leaving_a_one_way_stream_early_says_nothing() {
    let lines = said_by("leaves_a_stream_early", &[("TRACTOR_LOGLEVEL", "info")]);
    assert_eq!(lines, [""; 0]);
}

#[test]
fn a_nursery_outside_of_its_actor_is_reported_once() {
    let lines = said_by("spawns_nurseries", &[]);
    let [second] = &*lines else { panic!("{lines:#?}") };
    assert!(
        second.contains("a nursery was opened outside of any actor") && second.contains("`Actor::enter`"),
        "{second}"
    );
}
