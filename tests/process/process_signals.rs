//! Signals that ask a program to end: their effect under `#[tractor::main]`, and their usual effect on other programs.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::Signal;
use tractor::{ActorOptions, Context, Timeouts};

use crate::process_support::endpoints::{process, starts};
use crate::process_support::{eventually, is_gone, pid_of, role, signal};

/// The environment variable with the role of the program.
const ROLE_ENV: &str = "TRACTOR_TEST_ROLE";
/// The environment variable with the file in which every process records its steps.
const NOTES_ENV: &str = "TRACTOR_TEST_NOTES";
/// The limit for steps that happen at once, on a busy machine.
const SOON: Duration = Duration::from_secs(10);
const ASKED: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

fn note(text: &str) {
    use std::io::Write;
    let path = std::env::var_os(NOTES_ENV).expect("the test sets it");
    let mut file =
        std::fs::File::options().append(true).create(true).open(path).expect("the folder is the test's");
    writeln!(file, "{text}").expect("there is room");
}

// ---- the program -------------------------------------------------------------------------------------------------

/// Has a slow cleanup, which must not be cut short.
#[tractor::context(started = ())]
async fn works(ctx: Context<(), (), ()>, cleanup_ms: u64) -> tractor::Result<()> {
    tractor::current_actor().on_exit(|| note("child exits")).expect("the actor lives");
    let ctx = ctx.started(()).await?;
    ctx.handle().cancelled().await;
    tractor::shield(async {
        note("cleanup begins");
        tokio::time::sleep(Duration::from_millis(cleanup_ms)).await;
        note("cleanup ends");
    })
    .await;
    Ok(())
}

struct NotedDrop(&'static str);

impl Drop for NotedDrop {
    fn drop(&mut self) {
        note(self.0);
    }
}

/// A tree whose work never ends by itself.
async fn tree(cleanup_ms: u64) -> tractor::Result<()> {
    let long = Duration::from_secs(60);
    let timeouts = Timeouts::default().actor_cancel(long).nursery_cancel(long);
    tractor::open_root_actor(ActorOptions::new().timeouts(timeouts), async |root| {
        root.on_exit(|| note("root exits")).expect("the actor lives");
        tractor::open_nursery(async |an| -> tractor::Result<()> {
            let worker = an.start_actor("worker").expose(works).expose(starts).await?;
            let program = worker.run(starts("sleep".to_owned(), vec!["311".to_owned()])).await?;
            worker
                .open_context(works(cleanup_ms), async |_ctx, ()| {
                    role::say("ready", &[std::process::id(), pid_of(&worker), program]);
                    std::future::pending().await
                })
                .await
        })
        .await
    })
    .await
}

#[tractor::main(flavor = "current_thread")]
async fn managed() -> tractor::Result<()> {
    let _outer = NotedDrop("main is dropped");
    match role_of_this().as_str() {
        "tree" => tree(50).await,
        "slow tree" => tree(60_000).await,
        "tree in a task" => tokio::spawn(tree(50)).await.expect("it does not panic"),
        "blocked without a tree" => {
            tractor::open_nursery(async |_| -> tractor::Result<()> { Ok(()) }).await?;
            role::say("ready", &[std::process::id()]);
            loop {
                std::thread::park();
            }
        }
        "waits for itself" => {
            tractor::open_nursery(async |an| -> tractor::Result<()> {
                let worker = an.start_actor("worker").expose(process).await?;
                let waits = tokio::spawn(tractor::shutdown_signal());
                tokio::task::yield_now().await;
                role::say("ready", &[std::process::id(), worker.run(process()).await?]);
                let signal = waits.await.expect("it does not panic");
                assert_eq!(tractor::shutdown_signal().await, signal, "a second call returns it, too");
                note(&format!("told of {signal}"));
                assert_eq!(worker.run(process()).await?, pid_of(&worker));
                worker.cancel_actor().await?;
                Ok(())
            })
            .await
        }
        "waits for itself, twice" => {
            let waits = tokio::spawn(tractor::shutdown_signal());
            tokio::task::yield_now().await;
            role::say("ready", &[std::process::id()]);
            waits.await.expect("it does not panic");
            note("told");
            std::future::pending().await
        }
        other => panic!("unknown role `{other}`"),
    }
}

fn role_of_this() -> String {
    std::env::var(ROLE_ENV).unwrap_or_default()
}

/// Uses the test harness to start children, and tests the `main` inside.
#[tractor::test]
#[ignore = "a program that the tests here start"]
async fn program() {
    if role_of_this() == "test" {
        let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
            let worker = an.start_actor("worker").expose(process).await?;
            role::say("ready", &[std::process::id(), worker.run(process()).await?]);
            std::future::pending().await
        });
        return scope.await.expect("it never ends");
    }
    // If this fails, the program exits with code 101.
    std::thread::spawn(managed).join().expect("it does not panic").expect("it goes well");
}

// ---- the tests ---------------------------------------------------------------------------------------------------

struct Run {
    program: role::Program,
    notes: PathBuf,
    pids: Vec<u32>,
}

impl Run {
    /// Starts the program through `command`, and waits until it is ready.
    fn of(name: &str, through: impl FnOnce(Command) -> Command) -> Self {
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = format!("signals-{}-{next}", std::process::id());
        let notes = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
        let mut command = through(role::command("process_signals::program"));
        command.env(ROLE_ENV, name).env(NOTES_ENV, &notes);
        let mut program = role::start(&mut command);
        let pids = program.hear("ready");
        Self { program, notes, pids }
    }

    fn new(name: &str) -> Self {
        Self::of(name, |command| command)
    }

    fn send(&self, what: Signal) {
        signal(self.pids[0], what);
    }

    fn notes(&self) -> Vec<String> {
        let notes = std::fs::read_to_string(&self.notes).unwrap_or_default();
        notes.lines().map(ToOwned::to_owned).collect()
    }

    async fn noted(&self, note: &str) {
        eventually(note, SOON, || self.notes().iter().any(|line| line == note)).await;
    }

    /// The end of the program, and of its children.
    async fn end(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the end of the program", SOON, || {
            status = self.program.has_ended();
            status.is_some()
        })
        .await;
        eventually("the end of its children", SOON, || self.pids.iter().all(|pid| is_gone(*pid))).await;
        status.expect("it has ended")
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Fails if the program has written no records.
        _ = std::fs::remove_file(&self.notes);
    }
}

async fn ends_in_good_order(name: &str, with: Signal) {
    let mut run = Run::new(name);
    run.send(with);
    let status = run.end().await;
    assert_eq!(status.signal(), Some(with.as_raw()), "{name}: {status:?}");
    let order = ["cleanup begins", "cleanup ends", "child exits", "root exits", "main is dropped"];
    assert_eq!(run.notes(), order, "{name}: {with:?}");
}

#[tokio::test]
async fn a_signal_ends_the_tree_in_good_order_and_then_the_program() {
    for with in ASKED {
        ends_in_good_order("tree", with).await;
    }
}

#[tokio::test]
async fn a_tree_in_a_task_ends_as_well() {
    ends_in_good_order("tree in a task", Signal::TERM).await;
}

#[tokio::test]
async fn the_second_signal_kills_at_once() {
    let mut run = Run::new("slow tree");
    run.send(Signal::INT);
    run.noted("cleanup begins").await;
    run.send(Signal::TERM);
    assert_eq!(run.end().await.signal(), Some(Signal::TERM.as_raw()));
    assert_eq!(run.notes(), ["cleanup begins"]);
}

#[tokio::test]
async fn ignored_signals_stay_ignored() {
    let ignoring = |command: Command| {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
            .arg(command.get_program())
            .args(command.get_args());
        shell.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
        shell
    };
    let mut run = Run::of("tree", ignoring);
    run.send(Signal::HUP);
    // A second signal would kill.
    run.send(Signal::TERM);
    assert_eq!(run.end().await.signal(), Some(Signal::TERM.as_raw()));
    assert_eq!(run.notes().last().map(String::as_str), Some("main is dropped"));
}

#[tokio::test]
async fn without_a_tree_a_signal_does_what_it_always_does() {
    for with in ASKED {
        let mut run = Run::new("blocked without a tree");
        run.send(with);
        assert_eq!(run.end().await.signal(), Some(with.as_raw()));
        assert_eq!(run.notes(), [""; 0]);
    }
}

#[tokio::test]
async fn a_program_that_waits_for_the_signal_decides_its_effect() {
    let mut run = Run::new("waits for itself");
    run.send(Signal::TERM);
    assert!(run.end().await.success());
    assert_eq!(run.notes(), ["told of 15", "main is dropped"]);
    let mut run = Run::new("waits for itself, twice");
    run.send(Signal::INT);
    run.noted("told").await;
    run.send(Signal::HUP);
    assert_eq!(run.end().await.signal(), Some(Signal::HUP.as_raw()));
}

/// The signals that a process catches, one bit per signal.
fn caught(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("Linux reports it");
    u64::from_str_radix(mask.trim(), 16).expect("a mask")
}

#[tokio::test]
async fn only_the_root_of_a_main_catches_signals() {
    let asked = ASKED.iter().map(|signal| 1 << (signal.as_raw() - 1)).sum::<u64>();
    let mut main = Run::new("tree");
    let test = Run::new("test");
    assert_eq!(caught(main.pids[0]) & asked, asked);
    for pid in [main.pids[1], test.pids[0], test.pids[1]] {
        assert_eq!(caught(pid) & asked, 0);
    }
    // SIGTERM, because a root that is killed leaves the programs of its actors.
    main.send(Signal::TERM);
    main.end().await;
}

#[tokio::test]
async fn the_init_process_of_a_container_exits_with_the_code_of_its_signal() {
    let contained = |command: Command| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child", "--"]);
        unshare.arg(command.get_program()).args(command.get_args());
        unshare.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
        unshare
    };
    let mut probe = Command::new("unshare");
    if !probe
        .args(["--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "true"])
        .status()
        .is_ok_and(|s| s.success())
    {
        // The user may not create a container.
        return;
    }
    let mut run = Run::of("tree", contained);
    assert_eq!(run.pids[0], 1, "it is the init process");
    let unshare = run.program.pid();
    let init = std::fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children"))
        .expect("the process lives");
    run.pids = vec![init.trim().parse().expect("its one child")];
    run.send(Signal::TERM);
    assert_eq!(run.end().await.code(), Some(128 + Signal::TERM.as_raw()));
    assert_eq!(run.notes().last().map(String::as_str), Some("main is dropped"));
}
