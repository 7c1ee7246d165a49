//! Settings of a child's process by `StartActor`: environment, arguments, directory, output and limits.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};
use tractor::error::ActorDied;
use tractor::{ActorNursery, Backoff, Error, StartActor, Stdio, Supervision, Timeouts};

use crate::process_support::endpoints::{ends, starts};
use crate::process_support::{WHOLE, bounded, eventually, process_group, role, signal};

const MIB: u64 = 1024 * 1024;

/// The settings that a process finds.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Seen {
    pid: u32,
    env: BTreeMap<String, String>,
    args: Vec<String>,
    dir: String,
    /// Standard input, output and error.
    fds: Vec<String>,
}

#[tractor::actor_fn]
async fn looks() -> Seen {
    let link = |path: &Path| std::fs::read_link(path).expect("it is open").display().to_string();
    Seen {
        pid: std::process::id(),
        env: std::env::vars().collect(),
        args: std::env::args().collect(),
        dir: std::env::current_dir().expect("it is there").display().to_string(),
        fds: (0..3).map(|fd| link(Path::new(&format!("/proc/self/fd/{fd}")))).collect(),
    }
}

/// The settings of an actor below this one, which has no settings of its own.
#[tractor::actor_fn]
async fn looks_below() -> tractor::Result<Seen> {
    tractor::open_nursery(async |an| {
        let below = an.start_actor("below").expose(looks).await?;
        let seen = below.run(looks()).await?;
        below.cancel_actor().await?;
        Ok(seen)
    })
    .await
}

/// Writes to its standard error, piece by piece, and exits with code 3.
#[tractor::actor_fn]
#[expect(clippy::exit, reason = "what an actor may do")]
async fn writes(pieces: Vec<(String, usize)>) {
    for (piece, times) in pieces {
        let piece = piece.repeat(times);
        std::io::stderr().write_all(piece.as_bytes()).expect("the parent reads it");
    }
    std::process::exit(3);
}

/// Prints to both outputs, closes its standard error, and aborts.
#[tractor::actor_fn]
async fn hangs_up() {
    std::io::stderr().write_all(b"before\n").expect("the parent reads it");
    let null = std::fs::File::open("/dev/null").expect("it is there");
    rustix::stdio::dup2_stderr(&null).expect("both are open");
    rustix::stdio::dup2_stdout(&null).expect("both are open");
    std::process::abort();
}

#[tractor::actor_fn]
async fn allocates(bytes: u64) -> u64 {
    let room = vec![1_u8; bytes.try_into().expect("a size")];
    room.iter().map(|byte| u64::from(*byte)).sum()
}

#[tractor::actor_fn]
async fn spins() {
    loop {
        std::hint::spin_loop();
    }
}

/// Opens files up to the limit; returns the limit of a program that it starts.
#[tractor::actor_fn]
async fn opens() -> (usize, String) {
    let files: Vec<_> = (0..4096).map_while(|_| std::fs::File::open("/dev/null").ok()).collect();
    let count = files.len();
    drop(files);
    let output = std::process::Command::new("sh").args(["-c", "ulimit -n"]).output();
    (count, String::from_utf8_lossy(&output.expect("there is a shell").stdout).trim().to_owned())
}

fn start(an: &ActorNursery) -> StartActor {
    an.start_actor("worker").enable_module(module_path!()).expose(ends).expose(starts)
}

/// The error of its start.
#[track_caller]
fn refused(result: tractor::Result<tractor::Portal>, says: &[&str]) {
    let Err(Error::Spawn(failure)) = &result else { panic!("{result:?}") };
    assert_eq!(failure.name(), "worker");
    for word in says {
        assert!(failure.reason().contains(word), "{word}: {failure}");
    }
}

/// The death of a worker with these settings, which has run this call.
async fn death_of<C>(set_up: impl FnOnce(StartActor) -> StartActor, call: C) -> ActorDied
where
    C: tractor::FnTarget,
{
    let left = tractor::open_nursery(async |an| -> tractor::Result<()> {
        set_up(start(an)).await?.run(call).await.map(drop)
    });
    let error = left.await.expect_err("it has died");
    error.as_died().unwrap_or_else(|| panic!("{error:?}")).clone()
}

// ---- environment, arguments, directory ---------------------------------------------------------------------------

#[tractor::test]
async fn a_child_has_the_environment_the_arguments_and_the_directory_that_were_chosen() {
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        let dir = std::env::temp_dir().canonicalize().expect("it is there");
        let plain = start(an).await?.run(looks()).await?;
        let here = std::env::current_dir().expect("it is there").display().to_string();
        assert_eq!((plain.dir, plain.env.get("PATH")), (here, std::env::var("PATH").ok().as_ref()));
        assert_eq!(plain.args.last().map(String::as_str), Some("--quiet"), "{:?}", plain.args);

        let set = start(an).env("A", "1").env("A", "2=3").env("B", "").env_remove("PATH").env_remove("NONE");
        let set =
            set.current_dir(&dir).arg("--one").args(["two", "th ree"]).await?.run(looks_below()).await?;
        let env = |name| set.env.get(name).map(String::as_str);
        assert_eq!((env("A"), env("B"), env("PATH")), (Some("2=3"), Some(""), None));
        assert!(env("HOME").is_some());
        assert_eq!(set.dir, dir.display().to_string(), "the directory of a grandchild");

        let set = start(an).arg("--one").args(["two", "th ree"]).await?.run(looks()).await?;
        assert!(set.args.ends_with(&["--", "--one", "two", "th ree"].map(str::to_owned)), "{:?}", set.args);

        let bare = start(an).env("GONE", "1").env_clear().env("A", "1").await?.run(looks()).await?;
        let names: Vec<_> = bare.env.keys().map(String::as_str).collect();
        assert_eq!(names, ["A", "TRACTOR_CHILD"]);
        an.cancel().await;
        Ok(())
    });
    bounded(scope).await.unwrap();
}

#[tractor::test]
async fn settings_that_no_process_can_have_are_errors_that_name_them() {
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        for key in ["", "A=B", "=", "A\0B"] {
            refused(start(an).env(key, "1").await, &[&format!("{key:?}"), "environment"]);
            refused(start(an).env_remove(key).await, &[&format!("{key:?}"), "environment"]);
        }
        refused(start(an).env("KEY", "a\0b").await, &["KEY", "NUL"]);
        refused(start(an).arg("a\0b").await, &[r#""a\0b""#, "NUL"]);
        refused(start(an).current_dir("a\0b").await, &["directory", "NUL"]);
        for dir in ["/nowhere/at/all", "/dev/null"] {
            refused(start(an).current_dir(dir).await, &[dir]);
        }
        let supervisor = an.supervise(Supervision::one_for_one());
        let child = supervisor.child("worker", |child| child.env("A=B", "1")).await;
        refused(child.map(|_| unreachable!()), &["A=B"]);
        let shot = an.run_in_actor(looks()).name("worker").set_up(|actor| actor.env("A=B", "1")).await;
        refused(shot.map(|_| unreachable!()), &["A=B"]);
        Ok(())
    });
    bounded(scope).await.unwrap();
}

#[tractor::test]
async fn supervised_children_and_those_of_one_call_are_set_up_alike() {
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        let how = Supervision::one_for_one().backoff(Backoff::NONE);
        let set_up = |child: StartActor| child.enable_module(module_path!()).env("A", "1");
        let child = an.supervise(how).child("worker", set_up).await?;
        for _life in 0..2 {
            let seen = child.portal().await?.run(looks()).await?;
            assert_eq!(seen.env.get("A").map(String::as_str), Some("1"));
            child.restart().await?;
        }
        let shot = an.run_in_actor(looks()).set_up(|actor| actor.env("A", "2")).name("worker").await?;
        assert_eq!(shot.wait_for_result().await?.env.get("A").map(String::as_str), Some("2"));
        child.cancel().await;
        Ok(())
    });
    bounded(scope).await.unwrap();
}

const PROGRAM_ENV: &str = "TRACTOR_TEST_SETTINGS";

/// A program with an ordinary `main`. Its actors run this test again, because they inherit its arguments.
#[test]
#[ignore = "a program that the tests below start"]
fn ordinary_program() {
    tractor::init();
    if std::env::var_os(PROGRAM_ENV).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // The test reads one of the two outputs.
    rustix::stdio::dup2_stderr(rustix::stdio::stdout()).expect("both are open");
    let own: Vec<String> = std::env::args().skip(1).collect();
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        let labelled = start(an).expose(says).stdout(Stdio::Labelled).stderr(Stdio::Labelled).await?;
        let seen = labelled.run(looks()).await?;
        assert_eq!(seen.args, [&["_subactor[worker]".to_owned()][..], &own].concat());
        assert_eq!(
            labelled.run(looks_below()).await?.args[1..],
            own,
            "a grandchild has the arguments of the root"
        );
        role::say("started", &[seen.pid]);
        labelled.run(says()).await?;

        let others = own.iter().map(String::as_str).chain(["another"]);
        let quiet = start(an).args(others.clone()).stdout(Stdio::Null).await?;
        let seen = quiet.run(looks()).await?;
        assert_eq!(seen.args[1..], others.collect::<Vec<_>>());
        assert_eq!(seen.fds[..2], ["/dev/null"; 2], "{:?}", seen.fds);
        assert_ne!(seen.fds[2], "/dev/null");
        an.cancel().await;
        role::say("done", &[]);
        Ok(())
    });
    runtime.block_on(bounded(scope)).unwrap();
}

/// Prints on both outputs: a line in two pieces, and a line that is too long.
#[tractor::actor_fn]
async fn says() {
    let long = "x".repeat(5000);
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    out.write_all(b"out=1\nhal").expect("the parent reads it");
    out.flush().expect("the parent reads it");
    out.write_all(format!("f=2\nlong={long}7\nafter=3\n").as_bytes()).expect("the parent reads it");
    err.write_all(b"err=4\nno end=5").expect("the parent reads it");
    out.flush().expect("the parent reads it");
}

#[tokio::test]
async fn labelled_lines_and_the_arguments_of_the_root() {
    let mut command = role::command("process_settings::ordinary_program");
    let mut program = role::start(command.env(PROGRAM_ENV, "1"));
    let pid = program.hear("started")[0];
    for (word, value) in [("out", 1), ("half", 2), ("after", 3)] {
        assert_eq!(program.hear(&format!("worker@{pid}: {word}")), [value]);
    }
    program.hear("done");
}

#[tokio::test]
async fn labelled_lines_of_both_streams_are_passed_on_to_their_end() {
    let mut command = role::command("process_settings::ordinary_program");
    let mut program = role::start(command.env(PROGRAM_ENV, "1"));
    let pid = program.hear("started")[0];
    for (word, value) in [("err", 4), ("no end", 5)] {
        assert_eq!(program.hear(&format!("worker@{pid}: {word}")), [value]);
    }
}

// ---- its output --------------------------------------------------------------------------------------------------

fn captured(child: StartActor) -> StartActor {
    child.stderr(Stdio::Captured)
}

#[tractor::test]
async fn a_death_shows_the_last_captured_lines() {
    let pieces = [("line\n", 500), ("a \x1b[31mred\tone\n", 1), ("no end", 1)];
    let pieces = pieces.map(|(piece, times)| (piece.to_owned(), times)).to_vec();
    let died = bounded(death_of(captured, writes(pieces.clone()))).await;
    assert_eq!(died.code(), Some(3));
    let lines = died.last_lines();
    assert_eq!(lines.len(), 80);
    assert_eq!(lines[77..], ["line", "a \x1b[31mred\tone", "no end"]);
    let text = died.to_string();
    assert!(text.ends_with("\n    line\n    a \\u{1b}[31mred\\tone\n    no end"), "{text}");
    let inherited = bounded(death_of(|child| child.stderr(Stdio::Null), writes(pieces))).await;
    assert_eq!((inherited.code(), inherited.last_lines().len()), (Some(3), 0));
}

#[tractor::test]
async fn a_line_without_end_takes_no_room() {
    let pieces = [("x", 100 << 20), ("\nlast words\n", 1)];
    let pieces = pieces.map(|(piece, times)| (piece.to_owned(), times)).to_vec();
    let died = bounded(death_of(captured, writes(pieces))).await;
    let [long, last] = died.last_lines() else { panic!("{:?}", died.last_lines().len()) };
    assert_eq!((long.len(), last.as_str()), (4096 + "…".len(), "last words"));
}

#[tractor::test]
async fn output_before_a_close_or_a_death_is_kept() {
    let died = bounded(death_of(captured, hangs_up())).await;
    assert_eq!((died.signal(), died.last_lines()), (Some(6), &["before".to_owned()][..]));
    let died = bounded(death_of(captured, ends("is killed".to_owned()))).await;
    assert_eq!((died.signal(), died.last_lines().len()), (Some(9), 0));
}

#[tractor::test]
async fn an_output_that_another_program_holds_open_is_not_waited_for() {
    let mut held = 0;
    let begun = Instant::now();
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        let child = captured(start(an)).await?;
        // In a session of its own the program outlives the actor, and holds the pipe open.
        held = child.run(starts("setsid".to_owned(), vec!["sleep".to_owned(), "600".to_owned()])).await?;
        eventually("a session of its own", WHOLE, || process_group(held) == Some(held)).await;
        child.run(writes(vec![("words\n".to_owned(), 1)])).await
    });
    let error = bounded(scope).await.expect_err("it exits");
    let died = error.as_died().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!((died.code(), died.last_lines()), (Some(3), &["words".to_owned()][..]));
    assert!(begun.elapsed() < Timeouts::default().drain * 40, "{:?}", begun.elapsed());
    signal(held, Signal::KILL);
    let held = Pid::from_raw(held.cast_signed()).expect("a pid");
    // This process has adopted the program, and has to reap it.
    _ = rustix::process::waitpid(Some(held), WaitOptions::empty());
}

// ---- limits ------------------------------------------------------------------------------------------------------

#[tractor::test]
async fn an_allocation_beyond_the_memory_limit_aborts_and_the_error_tells_the_limit() {
    let set_up = |child: StartActor| captured(child).memory_max(2048 * MIB).env("RUST_BACKTRACE", "0");
    let died = bounded(death_of(set_up, allocates(4096 * MIB))).await;
    assert_eq!(died.signal(), Some(6), "{died}");
    assert!(died.to_string().contains("(SIGABRT: it aborted) under a memory limit of 2048 MiB"), "{died}");
    assert!(died.to_string().contains("memory allocation of"), "{died}");
}

#[tractor::test]
async fn a_child_that_has_used_its_cpu_time_up_is_ended_and_the_error_tells_the_limit() {
    let set_up = |child: StartActor| child.cpu_time_max(Duration::from_millis(500));
    let died = bounded(death_of(set_up, spins())).await;
    assert_eq!(died.signal(), Some(24), "{died}");
    assert!(
        died.to_string().ends_with("(SIGXCPU: its CPU time is used up) under a CPU limit of 1 s"),
        "{died}"
    );
}

#[tractor::test]
async fn limits_hold_for_a_child_and_for_what_it_starts() {
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        let child = start(an).open_files_max(64).await?;
        let (opened, below) = child.run(opens()).await?;
        assert!((16..64).contains(&opened), "{opened}");
        assert_eq!(below, "64");
        an.cancel().await;
        Ok(())
    });
    bounded(scope).await.unwrap();
}

#[tractor::test]
async fn a_limit_that_cannot_be_set_or_is_too_low_to_boot_fails_the_start() {
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        refused(
            start(an).open_files_max(u64::MAX).await,
            &["its open files (`open_files_max`)", "18446744073709551615"],
        );
        let low = captured(start(an)).memory_max(MIB).worker_threads(2).await;
        refused(low, &["during its boot", "under a memory limit of 1 MiB"]);
        let low = captured(start(an)).open_files_max(3).await;
        refused(low, &["during its boot", "under a limit of 3 open files"]);
        Ok(())
    });
    bounded(scope).await.unwrap();
}
