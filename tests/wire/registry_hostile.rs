//! A registrar under attack: it runs nothing for the attackers, its memory stays bounded, and honest lookups go on.
//!
//! The registrar is a program of its own, this binary again. Attackers reach it over TCP, the honest peer over a Unix
//! socket. The test prints figures and asserts generous bounds.

use std::fs;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tractor::{ActorOptions, Addr, Limits, Timeouts};
use tractor_core::proto::id::{Caps, Uid};
use tractor_core::proto::limits::NAME_BYTES_MAX;
use tractor_core::proto::msg::{Msg, Start};

use crate::registry_cost::cpu;
use crate::wire_support::endpoints::process;
use crate::wire_support::registry::{Other, Scratch, registration};
use crate::wire_support::script::{frame_of, kwargs, no_kwargs};
use crate::wire_support::{Peer, alone};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// Bytes that may wait in the registrar.
const BUDGET: usize = 64 * MIB;
/// The allowed growth of the registrar at its peak, as in `wire_memory`. The table of names is far smaller.
const GROWTH_MAX: usize = 3 * BUDGET;
/// Rows that one peer tries to register.
const ROWS: usize = 2_000;
/// Concurrent connections with such rows.
const ROWS_AT_ONCE: usize = 50;
/// Rows that the registrar accepts.
const ROWS_MAX: usize = 1_500;
/// Lookups before the attack, after it, and at least during it.
const LOOKUPS: usize = 100;
/// Far longer than a lookup, even if the registrar gets a twentieth of a CPU.
const LATENCY_MAX: Duration = Duration::from_secs(20);

// ---- The registrar -----------------------------------------------------------------------------------------------

/// Runs of the endpoints that no stranger may call.
static RUNS: AtomicU32 = AtomicU32::new(0);

/// The environment variable with the program's addresses, its maximum of rows, and whether it is open.
const ENV: &str = "TRACTOR_TEST_HOSTILE";

/// The endpoints that the registrar exposes.
pub(crate) mod shown {
    pub(crate) const MODULE: &str = module_path!();

    /// The only endpoint that a peer without a proof may call.
    #[tractor::actor_fn]
    pub(crate) async fn runs() -> u32 {
        super::RUNS.load(super::Ordering::Relaxed)
    }
}

/// An endpoint that it does not expose.
mod hidden {
    pub(super) const MODULE: &str = module_path!();

    #[tractor::actor_fn]
    pub(super) async fn counts() {
        super::RUNS.fetch_add(1, super::Ordering::Relaxed);
    }
}

#[tractor::test]
#[ignore = "a program that the test below attacks"]
async fn registrar() {
    let told = std::env::var(ENV).expect("the test sets it");
    let words: Vec<&str> = told.split(' ').collect();
    let [uds, tcp, rows_max, is_open] = words[..] else { panic!("{told}") };
    let addr = |text: &str| text.parse::<Addr>().expect("an address");
    let limits =
        Limits::default().waiting_bytes_max(BUDGET).registry_rows_max(rows_max.parse().expect("a number"));
    let mut options = ActorOptions::new().name("registrar").limits(limits);
    options = options.registry(addr(uds)).registry(addr(tcp)).enable_module(shown::MODULE);
    if is_open == "open" {
        options = options.allow_unauthenticated_peers();
    }
    let scope =
        tractor::open_root_actor(options, async |_| -> tractor::Result<()> { std::future::pending().await });
    scope.await.expect("it is killed");
}

/// The registrar's process; killed when dropped.
pub(crate) struct Program(Child);

impl Program {
    /// Starts the program, and waits until it accepts connections.
    pub(crate) async fn start(uds: &Addr, tcp: &Addr, rows_max: usize, is_open: bool) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this binary"));
        command.args(["registry_hostile::registrar", "--exact", "--ignored", "--test-threads=1", "--quiet"]);
        command.env(ENV, format!("{uds} {tcp} {rows_max} {}", if is_open { "open" } else { "closed" }));
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let program = Self(process.expect("this binary runs"));
        while UnixStream::connect(uds.uds_path().expect("a Unix socket")).is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        program
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// The peak and the current memory of the process.
    fn memory(&self) -> (usize, usize) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let bytes = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("Linux reports it");
            line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * KIB
        };
        (bytes("VmHWM:"), bytes("VmRSS:"))
    }

    /// The number of its sockets that are no Unix sockets.
    fn tcp_sockets(&self) -> usize {
        let file = |name: &str| format!("/proc/{}/{name}", self.pid());
        let unix = fs::read_to_string(file("net/unix")).expect("it runs");
        let unix: Vec<_> = unix.lines().filter_map(|line| line.split_whitespace().nth(6)).collect();
        let files = fs::read_dir(file("fd")).expect("it runs");
        let files = files
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()?.into_os_string().into_string().ok());
        files
            .filter(|to| {
                to.strip_prefix("socket:[").is_some_and(|id| !unix.contains(&id.trim_end_matches(']')))
            })
            .count()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails if the program has ended by itself.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

// ---- Attacks -----------------------------------------------------------------------------------------------------

#[derive(Debug, Clone, Copy)]
enum Attack {
    /// Requests before or instead of a handshake, and after a handshake without a proof or with a wrong one.
    Unproven,
    /// Requests to end the actor or its tasks, and to run endpoints that are not exposed.
    Forbidden,
    /// Rows, each under a name and uuid of its own.
    Rows,
    /// Lookups of names of the maximal length, answers unread.
    Names,
    /// Waits for names.
    Waits,
    /// Requests for the whole table, answers unread.
    Lists,
}

/// A request for an endpoint that is not exposed, or for a method of the runtime.
fn request(peer: &Peer, n: usize, ns: &str, func: &str, kwargs: bytes::Bytes) -> Vec<u8> {
    let start = Start { ns: ns.to_owned(), ..peer.start_msg(&n.to_string(), func, kwargs) };
    frame_of(&Msg::Start(Box::new(start)))
}

/// Requests that no attacker may make.
fn forbidden(peer: &Peer) -> Vec<u8> {
    let mut frames = request(peer, 1, hidden::MODULE, "counts", no_kwargs());
    frames.extend(request(peer, 2, "self", "cancel", no_kwargs()));
    frames.extend(request(peer, 3, "self", "_cancel_task", kwargs("cid", "1")));
    frames
}

impl Attack {
    async fn run(self, tcp: &Addr) {
        match self {
            Self::Unproven => {
                for n in 0..300 {
                    unproven(Peer::dial(tcp).await, n).await;
                }
            }
            Self::Forbidden => {
                for _ in 0..300 {
                    let mut peer = Peer::base(tcp).await;
                    peer.send_bytes(&forbidden(&peer)).await;
                    for (id, type_name) in [("1", "ModuleNotExposed"), ("2", "RuntimeFailure")] {
                        peer.expect_error(id, type_name).await;
                    }
                }
            }
            Self::Rows => {
                add_rows(tcp, "flood", ROWS).await;
            }
            Self::Names => {
                let (mut peer, mut long) = (Peer::base(tcp).await, "n".repeat(NAME_BYTES_MAX - 8));
                for n in 0..20_000 {
                    long.truncate(NAME_BYTES_MAX - 8);
                    long.push_str(&n.to_string());
                    if !peer
                        .try_send_bytes(&request(&peer, n, "self", "find_actor", kwargs("name", &*long)))
                        .await
                    {
                        peer = Peer::base(tcp).await;
                    }
                }
            }
            Self::Waits => {
                let mut peers = Vec::new();
                for _ in 0..4 {
                    let mut peer = Peer::base(tcp).await;
                    for n in 0..10_000 {
                        let name = kwargs("name", format!("never-{n}"));
                        if !peer.try_send_bytes(&request(&peer, n, "self", "wait_for_actor", name)).await {
                            break;
                        }
                    }
                    peers.push(peer);
                }
                for peer in peers {
                    peer.finish().await;
                }
            }
            Self::Lists => {
                add_rows(tcp, "list", 1_000).await;
                let mut peer = Peer::base(tcp).await;
                for n in 0..500 {
                    if !peer.try_send_bytes(&request(&peer, n, "self", "get_registry", no_kwargs())).await {
                        peer = Peer::base(tcp).await;
                    }
                }
            }
        }
    }
}

/// Registers actors of the base protocol, each over a connection of its own, several concurrently.
pub(crate) async fn add_rows(registry: &Addr, name: &str, count: usize) {
    let add = async |n: usize| {
        let mut peer = Peer::dial(registry).await;
        peer.uid = Uid::new(name, format!("{name}-{n}"));
        peer.introduce(Caps::NONE).await;
        let own = Addr::Uds { dir: format!("/nowhere/{name}"), file: n.to_string() };
        peer.start_self("r", "register_actor", registration(&peer.uid.clone(), &own)).await;
        // The acknowledgement of the request, and its outcome.
        for _ in 0..2 {
            peer.recv().await;
        }
    };
    for first in (0..count).step_by(ROWS_AT_ONCE) {
        join_all((first..count.min(first + ROWS_AT_ONCE)).map(add)).await;
    }
}

/// One of several attempts of a stranger. It ends with the connection.
async fn unproven(mut peer: Peer, n: usize) {
    let mut bytes = Vec::new();
    match n % 4 {
        0 => {}
        1 => bytes.extend(frame_of(&Msg::Aid(peer.aid(Caps::NONE)))),
        2 => bytes.extend(frame_of(&Msg::Aid(peer.aid(Caps::ALL)))),
        _ => {
            let mut aid = peer.aid(Caps::ALL);
            aid.nonce = Some([7; 32]);
            bytes.extend(frame_of(&Msg::Aid(aid)));
            bytes.extend(frame_of(&Msg::Auth { proof: [7; 32] }));
        }
    }
    bytes.extend(forbidden(&peer));
    // The registrar may close the connection at any point.
    _ = peer.try_send_bytes(&bytes).await;
    while let Some(msg) = peer.recv_or_end().await {
        assert!(matches!(msg, Msg::Aid(_) | Msg::Auth { .. }), "a stranger is answered: {msg:?}");
    }
}

// ---- The honest peer ---------------------------------------------------------------------------------------------

/// Looks a name up, connects to its actor, and calls it; then connects to the registrar as a new peer, and calls it.
/// Returns the time.
async fn lookup(registry: &Addr) -> Duration {
    let begun = Instant::now();
    let found = tractor::find_actor("target", async |portal| portal.run(process()).await).await;
    let found: u32 = found.expect("an honest lookup is answered");
    assert_eq!(found, std::process::id());
    let runs = tractor::connect(registry, async |portal| portal.run(shown::runs()).await).await;
    let runs: u32 = runs.expect("an honest newcomer is let in");
    assert_eq!(runs, 0, "a stranger has run something");
    begun.elapsed()
}

#[derive(Debug)]
#[expect(dead_code, reason = "printed")]
struct Times {
    count: usize,
    least: Duration,
    median: Duration,
    p99: Duration,
    most: Duration,
}

fn times(mut all: Vec<Duration>) -> Times {
    all.sort();
    let at = |percent: usize| all[(all.len() - 1) * percent / 100];
    Times { count: all.len(), least: at(0), median: at(50), p99: at(99), most: at(100) }
}

pub(crate) async fn free_port() -> Addr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    Addr::Tcp(listener.local_addr().expect("it is bound"))
}

#[expect(clippy::print_stdout, reason = "the figures of a test")]
async fn withstands(attack: Attack, is_open: bool) {
    let scratch = Scratch::new(&format!("hostile-{attack:?}"));
    let (uds, tcp) = (scratch.addr("r"), free_port().await);
    let program = Program::start(&uds, &tcp, ROWS_MAX, is_open).await;
    // Tests run concurrently in one process, so each listens in its own directory.
    let patient = Timeouts::default().registry_answer(LATENCY_MAX).handshake(LATENCY_MAX);
    let actor = |name: &str| {
        ActorOptions::new()
            .name(name)
            .timeouts(patient.clone())
            .registry(uds.clone())
            .bind(scratch.addr(name))
    };
    let target = Other::start(actor("target")).await;
    // Returns the time of each lookup, and the CPU time of the registrar for all of them.
    let lookups = async || {
        let (mut all, used) = (Vec::new(), cpu(program.pid()));
        for _ in 0..LOOKUPS {
            all.push(lookup(&uds).await);
        }
        (all, cpu(program.pid()) - used)
    };
    alone(actor("honest"), async |_| {
        let (before, cpu_before) = lookups().await;
        let (peak_before, _) = program.memory();
        let sockets_before = program.tcp_sockets();
        let (done, mut is_done) = oneshot::channel();
        let attacker = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(attack.run(&tcp));
            // Fails if the test has failed.
            _ = done.send(());
        });
        let mut during = Vec::new();
        while during.len() < LOOKUPS || is_done.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
            during.push(lookup(&uds).await);
        }
        attacker.join().expect("no step of the attack panics");
        // The attack is over when the registrar has closed its connections.
        while program.tcp_sockets() > sockets_before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let (after, cpu_after) = lookups().await;
        let (peak, now) = program.memory();
        let (before, during, after) = (times(before), times(during), times(after));
        println!(
            "{attack:?}: before {before:?}, {cpu_before:?} of CPU, during {during:?}, after {after:?}, {cpu_after:?} \
             of CPU; the registrar's peak has grown by {} KiB, and it has {} KiB",
            (peak - peak_before) / KIB,
            now / KIB
        );
        assert!(peak - peak_before <= GROWTH_MAX, "{attack:?}: it has grown by {} bytes", peak - peak_before);
        for times in [&before, &during, &after] {
            assert!(times.most < LATENCY_MAX, "{attack:?}: {times:?}");
        }
        // Leftovers of an attack cost nothing. Other load on the machine changes neither CPU time nor the quickest
        // lookup.
        assert!(cpu_after < 3 * cpu_before, "{attack:?}: {cpu_before:?}, then {cpu_after:?}");
        assert!(after.least < 20 * before.least + Duration::from_millis(50), "{attack:?}: {after:?}");
    })
    .await;
    target.end().await;
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
async fn strangers_that_prove_nothing_run_nothing() {
    withstands(Attack::Unproven, false).await;
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
async fn strangers_that_are_let_in_end_nothing_and_run_what_is_exposed_alone() {
    withstands(Attack::Forbidden, true).await;
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
async fn a_flood_of_rows_is_no_burden() {
    withstands(Attack::Rows, true).await;
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
async fn a_flood_of_names_is_no_burden() {
    withstands(Attack::Names, true).await;
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
async fn a_flood_of_names_that_are_waited_for_is_no_burden() {
    withstands(Attack::Waits, true).await;
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
async fn a_flood_of_lists_is_no_burden() {
    withstands(Attack::Lists, true).await;
}
