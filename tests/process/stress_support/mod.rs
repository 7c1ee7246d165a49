//! Actors that misbehave in many ways, and have children of their own.

mod raw;

use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{
    PidfdFlags, PidfdGetfdFlags, Resource, Rlimit, Signal, getpgid, getpid, getppid, getrlimit, kill_process,
    kill_process_group, pidfd_getfd, pidfd_open, setpgid, setrlimit, setsid,
};
use serde::{Deserialize, Serialize};
use support::forever;
use support::processes::below;
use tractor::prelude::*;

/// The module to enable for everything in here.
pub(crate) const MODULE: &str = module_path!();

/// How an actor misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Way {
    /// It behaves.
    Behaves,
    // Its process ends.
    ExitsWithZero,
    Exits,
    ExitsAtOnce,
    Aborts,
    HasAFault,
    OverflowsItsStack,
    HasNoMemoryLeft,
    IsKilled,
    IsKilledWithItsGroup,
    BecomesAProgram,
    BecomesItselfAgain,
    // It stops answering.
    Spins,
    Blocks,
    Stops,
    StopsAsOnATerminal,
    StopsForAWhile,
    SpinsOutsideOfItsGroup,
    SpinsInASessionOfItsOwn,
    SpinsWithoutSigterm,
    HangsAsItExits,
    // It changes its process, and goes on.
    LeavesItsGroup,
    HasASessionOfItsOwn,
    IgnoresItsChildren,
    IgnoresSigterm,
    HasNoDirectory,
    // It breaks its connections and descriptors.
    ShutsItsSocketsDown,
    SpoilsItsSockets,
    ClosesItsInput,
    ClosesItsSockets,
    ClosesEverything,
    HasNoDescriptorsLeft,
    // It leaves processes.
    LeavesAProgram,
    LeavesAProgramInASession,
    LeavesThreads,
    LeavesACopy,
    LeavesADaemon,
    GoesOnTwice,
    // Its endpoint ends.
    Fails,
    Panics,
    PanicsInAThread,
    DropsItsNursery,
    TakesItsTime,
}

impl Way {
    pub(crate) const ALL: [Self; 43] = [
        Self::Behaves,
        Self::ExitsWithZero,
        Self::Exits,
        Self::ExitsAtOnce,
        Self::Aborts,
        Self::HasAFault,
        Self::OverflowsItsStack,
        Self::HasNoMemoryLeft,
        Self::IsKilled,
        Self::IsKilledWithItsGroup,
        Self::BecomesAProgram,
        Self::BecomesItselfAgain,
        Self::Spins,
        Self::Blocks,
        Self::Stops,
        Self::StopsAsOnATerminal,
        Self::StopsForAWhile,
        Self::SpinsOutsideOfItsGroup,
        Self::SpinsInASessionOfItsOwn,
        Self::SpinsWithoutSigterm,
        Self::HangsAsItExits,
        Self::LeavesItsGroup,
        Self::HasASessionOfItsOwn,
        Self::IgnoresItsChildren,
        Self::IgnoresSigterm,
        Self::HasNoDirectory,
        Self::ShutsItsSocketsDown,
        Self::SpoilsItsSockets,
        Self::ClosesItsInput,
        Self::ClosesItsSockets,
        Self::ClosesEverything,
        Self::HasNoDescriptorsLeft,
        Self::LeavesAProgram,
        Self::LeavesAProgramInASession,
        Self::LeavesThreads,
        Self::LeavesACopy,
        Self::LeavesADaemon,
        Self::GoesOnTwice,
        Self::Fails,
        Self::Panics,
        Self::PanicsInAThread,
        Self::DropsItsNursery,
        Self::TakesItsTime,
    ];
}

/// An actor of the tree, and the actors below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) way: Way,
    /// Whether it starts programs first, and leaves them alone.
    pub(crate) starts_programs: bool,
    /// The time from its start to its misbehaviour.
    pub(crate) after_ms: u32,
    pub(crate) below: Vec<Self>,
}

/// Lives as planned, until something ends it.
#[tractor::context(started = ())]
pub(crate) async fn lives(ctx: Context<(), (), ()>, plan: Plan, program: String) -> anyhow::Result<()> {
    let _ctx = ctx.started(()).await?;
    if plan.starts_programs {
        leave_programs(&program);
    }
    let below = raise(&plan.below, &program);
    let misbehaves = async {
        tokio::time::sleep(Duration::from_millis(plan.after_ms.into())).await;
        misbehave(plan.way, &program).await
    };
    tokio::select! {
        result = below => Ok(result?),
        result = misbehaves => result,
    }
}

#[tractor::actor_fn]
async fn answers(value: u32) -> u32 {
    value
}

/// Starts these actors, and has each of them live as planned, for ever.
pub(crate) async fn raise(plans: &[Plan], program: &str) -> tractor::Result<()> {
    if plans.is_empty() {
        forever().await;
    }
    tractor::open_nursery(async |an| {
        let lives = plans.iter().map(|plan| live(an, plan, program));
        futures_util::future::try_join_all(lives).await?;
        Ok(())
    })
    .await
}

/// Starts an actor that lives as planned, and talks to it.
pub(crate) async fn live(an: &ActorNursery, plan: &Plan, program: &str) -> tractor::Result<()> {
    let portal = an.start_actor(plan.name.clone()).enable_module(MODULE).await?;
    let talk = async |_ctx: tractor::ParentContext<lives>, ()| -> tractor::Result<()> {
        for value in 0.. {
            assert_eq!(portal.run(answers(value)).await?, value);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    };
    portal.open_context(lives(plan.clone(), program.to_owned()), talk).await
}

async fn misbehave(way: Way, program: &str) -> anyhow::Result<()> {
    end_process(way, program);
    fall_silent(way);
    change_process(way);
    spoil_descriptors(way);
    leave_something(way, program);
    end_endpoint(way, program).await
}

fn raise_signal(signal: Signal) {
    kill_process(getpid(), signal).expect("it is this process");
}

#[expect(clippy::exit, reason = "what an actor may do")]
fn end_process(way: Way, program: &str) {
    match way {
        Way::ExitsWithZero => std::process::exit(0),
        Way::Exits => std::process::exit(3),
        Way::ExitsAtOnce => raw::exit_at_once(4),
        Way::Aborts => std::process::abort(),
        Way::HasAFault => raw::fault(),
        Way::OverflowsItsStack => _ = deeper(u64::MAX),
        Way::HasNoMemoryLeft => fill_memory(),
        Way::IsKilled => raise_signal(Signal::KILL),
        Way::IsKilledWithItsGroup => {
            kill_process_group(getpgid(None).expect("it has one"), Signal::KILL).expect("the test owns it");
        }
        Way::BecomesAProgram => panic!("{}", sleeps(program).exec()),
        Way::BecomesItselfAgain => {
            panic!("{}", Command::new("/proc/self/exe").arg("--list").stdout(Stdio::null()).exec())
        }
        _ => {}
    }
}

fn fall_silent(way: Way) {
    match way {
        Way::Spins => spin(),
        Way::Blocks => block(),
        Way::Stops => raise_signal(Signal::STOP),
        Way::StopsAsOnATerminal => {
            kill_process_group(getpgid(None).expect("it has one"), Signal::TSTP).expect("the test owns it");
        }
        Way::StopsForAWhile => {
            let wakes = format!("sleep 0.3; kill -CONT {}", std::process::id());
            let mut waker = Command::new("sh");
            let mut waker = waker.args(["-c", &wakes]).stdin(Stdio::null()).spawn().expect("it is installed");
            raise_signal(Signal::STOP);
            waker.wait().expect("the test owns it");
        }
        Way::SpinsOutsideOfItsGroup => {
            leave_group();
            spin();
        }
        Way::SpinsInASessionOfItsOwn => {
            leave_session();
            spin();
        }
        Way::SpinsWithoutSigterm => {
            raw::ignore(libc::SIGTERM);
            spin();
        }
        _ => {}
    }
}

fn change_process(way: Way) {
    match way {
        Way::LeavesItsGroup => leave_group(),
        Way::HasASessionOfItsOwn => leave_session(),
        Way::IgnoresItsChildren => raw::ignore(libc::SIGCHLD),
        Way::IgnoresSigterm => raw::ignore(libc::SIGTERM),
        Way::HasNoDirectory => {
            let gone = std::env::temp_dir().join(format!("tractor-gone-{}", std::process::id()));
            std::fs::create_dir(&gone).expect("the temporary directory is writable");
            std::env::set_current_dir(&gone).expect("it is there");
            std::fs::remove_dir(&gone).expect("it is empty");
        }
        _ => {}
    }
}

fn leave_group() {
    // Fails if the parent has a session of its own.
    _ = setpgid(None, getpgid(getppid()).ok());
}

fn leave_session() {
    // The leader of a group cannot start a session, and neither can an actor that has left programs in its old group.
    leave_group();
    _ = setsid();
}

fn spoil_descriptors(way: Way) {
    match way {
        Way::ShutsItsSocketsDown => {
            for socket in sockets() {
                _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
            }
        }
        Way::SpoilsItsSockets => {
            for socket in sockets() {
                _ = rustix::io::write(socket, &[0xff; 64]);
            }
        }
        Way::ClosesItsInput => raw::close([0]),
        Way::ClosesItsSockets => raw::close((3..64).filter(|fd| copy_of_socket(*fd).is_some())),
        Way::ClosesEverything => raw::close(0..64),
        Way::HasNoDescriptorsLeft => exhaust(),
        _ => {}
    }
}

fn leave_something(way: Way, program: &str) {
    match way {
        Way::LeavesAProgram => leave_programs(program),
        Way::LeavesAProgramInASession => {
            let mut daemon = Command::new("setsid");
            daemon.args(["--fork", "sleep", &outlives(program)]).stdin(Stdio::null());
            _ = daemon.status().expect("it is installed");
        }
        Way::LeavesThreads => {
            for _ in 0..50 {
                std::thread::spawn(|| block());
            }
        }
        Way::LeavesACopy if raw::fork() => block(),
        Way::LeavesADaemon if raw::fork() => {
            setsid().expect("a forked process leads no group");
            if raw::fork() {
                block();
            }
            raw::exit_at_once(0);
        }
        Way::GoesOnTwice => _ = raw::fork(),
        _ => {}
    }
}

/// Starts programs whose parent ends at once.
fn leave_programs(program: &str) {
    let script = format!("sleep {program} & sleep {program} &");
    _ = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).status().expect("it is installed");
}

async fn end_endpoint(way: Way, program: &str) -> anyhow::Result<()> {
    match way {
        Way::HangsAsItExits => {
            let callback = tractor::current_actor().on_exit(|| block());
            assert!(callback.is_ok(), "the actor runs");
        }
        Way::Fails => anyhow::bail!("as planned"),
        Way::Panics => panic!("as planned"),
        Way::DropsItsNursery => {
            let name = "dropped".to_owned();
            let plans =
                [Plan { name, way: Way::Spins, starts_programs: true, after_ms: 5, below: Vec::new() }];
            let nursery = Box::pin(raise(&plans, program));
            _ = tokio::time::timeout(Duration::from_millis(20), nursery).await;
        }
        Way::TakesItsTime => tractor::shield(tokio::time::sleep(Duration::from_millis(500))).await,
        Way::PanicsInAThread => {
            _ = std::thread::spawn(|| panic!("as planned")).join();
            forever().await;
        }
        _ => forever().await,
    }
    Ok(())
}

fn sleeps(program: &str) -> Command {
    let mut command = Command::new("sleep");
    command.arg(program).stdin(Stdio::null());
    command
}

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

fn block() -> ! {
    loop {
        std::thread::park();
    }
}

fn deeper(n: u64) -> u64 {
    let page = std::hint::black_box([n; 512]);
    if n == 0 { 0 } else { deeper(n - 1) + page[3] }
}

/// Opens files until there is no descriptor left.
fn exhaust() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum }).expect("a limit may be lowered");
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    std::mem::forget(files);
}

/// Allocates until there is no memory left.
fn fill_memory() {
    let Rlimit { maximum, .. } = getrlimit(Resource::As);
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux reports it");
    let pages: u64 = pages.split(' ').next().and_then(|pages| pages.parse().ok()).expect("a number");
    let current = Some(pages * 4096 + (32 << 20));
    setrlimit(Resource::As, Rlimit { current, maximum }).expect("a limit may be lowered");
    let mut full = Vec::new();
    loop {
        full.push(vec![1_u8; 1 << 20]);
    }
}

/// Copies of the descriptors of this process's sockets.
fn sockets() -> impl Iterator<Item = OwnedFd> {
    (3..64).filter_map(copy_of_socket)
}

fn copy_of_socket(fd: RawFd) -> Option<OwnedFd> {
    let ours = pidfd_open(getpid(), PidfdFlags::empty()).expect("the process lives");
    let copy = pidfd_getfd(&ours, fd, PidfdGetfdFlags::empty()).ok()?;
    rustix::net::sockopt::socket_type(&copy).is_ok().then_some(copy)
}

/// The sleep time of programs with a session of their own, in the round of `program`.
pub(crate) fn outlives(program: &str) -> String {
    format!("{program}1")
}

/// The processes that sleep for the time `program`.
pub(crate) fn programs(program: &str) -> Vec<i32> {
    let line = format!("sleep\0{program}\0");
    let runs =
        |pid: &i32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|found| found == line.as_bytes());
    below().into_iter().map(|process| process.pid).filter(runs).collect()
}
