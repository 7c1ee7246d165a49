//! Memory that peers can make an actor use: it stays under the actor's budget, and honest peers are served meanwhile.

use std::fs;
use std::time::{Duration, Instant};

use serde_bytes::ByteBuf;
use support::in_nursery;
use tokio::sync::oneshot;
use tractor::error::CloseReason;
use tractor::{ActorOptions, Addr, Error, Limits, Portal};
use tractor_core::proto::id::{Caps, Cid};
use tractor_core::proto::msg::{FuncType, Msg};

use crate::wire_support::endpoints::{MODULE, addresses, doubles, echo, waiting_bytes};
use crate::wire_support::script::{cid, frame_of, kwargs, no_kwargs, pld};
use crate::wire_support::{Peer, host, limited, meet, step};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn blob(bytes: usize) -> ByteBuf {
    ByteBuf::from(vec![7; bytes])
}

// ---- a hundred peers at once -------------------------------------------------------------------------------------

const PEERS: usize = 100;
const BUDGET: usize = 64 * MIB;
/// The bytes of data of each peer; all together they are six times the budget.
const EACH: usize = 4 * MIB;
/// The allowed growth of the process at its peak: the budget, the overhead of the allocator and of connections that are
/// being closed, and the fixed buffers of a hundred connections.
const GROWTH_MAX: usize = 3 * BUDGET;

#[derive(Debug, Clone, Copy)]
enum Attack {
    /// Asks for answers, and does not read them.
    Unread,
    /// Streams to an endpoint that does not read: small values, each beside a large frame that is dropped.
    Pinned,
    /// Streams to an endpoint that buffers all values.
    Buffered,
    /// Sends the first part of a large frame.
    Partial,
    /// Sends requests with large arguments that run for ever.
    Running,
    /// Sends frames for unknown dialogs.
    Junk,
}

impl Attack {
    const ALL: [Self; 6] =
        [Self::Unread, Self::Pinned, Self::Buffered, Self::Partial, Self::Running, Self::Junk];

    /// The attack of one peer. The connection may be closed at any point.
    async fn run(self, peer: &mut Peer, ready: &Ready) {
        let Ready { junk, value, data } = ready;
        match self {
            Self::Unread => {
                for n in 0..EACH / MIB {
                    let start = peer.start_msg(&n.to_string(), "blob", kwargs("bytes", MIB));
                    send(peer, &frame_of(&Msg::Start(Box::new(start)))).await;
                }
            }
            Self::Pinned => {
                start(peer, "never_reads", no_kwargs()).await;
                for n in 0..EACH / (256 * KIB) {
                    let mut frames = frame_of(&Msg::Yield { cid: cid("x"), pld: pld(&n) });
                    frames.extend_from_slice(junk);
                    send(peer, &frames).await;
                }
            }
            Self::Buffered => {
                start(peer, "buffers_all", no_kwargs()).await;
                for _ in 0..EACH / (64 * KIB) {
                    send(peer, value).await;
                }
            }
            Self::Partial => {
                send(peer, &u32::try_from(EACH).expect("a few MiB").to_le_bytes()).await;
                for _ in 0..EACH / MIB - 1 {
                    send(peer, &data[..MIB]).await;
                }
            }
            Self::Running => {
                for n in 0..EACH / MIB {
                    let start = peer.start_msg(&n.to_string(), "keeps", data.clone());
                    send(peer, &frame_of(&Msg::Start(Box::new(start)))).await;
                }
            }
            Self::Junk => {
                for _ in 0..EACH / (256 * KIB) {
                    send(peer, junk).await;
                }
            }
        }
    }
}

/// Data that is made once, because making it takes long.
struct Ready {
    junk: Vec<u8>,
    value: Vec<u8>,
    /// An argument of more than a MiB.
    data: bytes::Bytes,
}

async fn start(peer: &mut Peer, func: &str, kwargs: bytes::Bytes) {
    let start = peer.start_msg("x", func, kwargs);
    send(peer, &frame_of(&Msg::Start(Box::new(start)))).await;
}

async fn send(peer: &mut Peer, bytes: &[u8]) {
    // The connection is expected to be closed sooner or later.
    _ = peer.try_send_bytes(bytes).await;
}

/// Runs an attack on a thread of its own. Its connections stay open until `done`.
fn attack(attack: Attack, addr: Addr, sent: oneshot::Sender<()>, done: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let ready = &Ready {
            junk: frame_of(&Msg::Yield { cid: cid("nobody"), pld: pld(&blob(256 * KIB)) }),
            value: frame_of(&Msg::Yield { cid: cid("x"), pld: pld(&blob(64 * KIB)) }),
            data: kwargs("data", blob(MIB)),
        };
        let mut peers = Vec::new();
        for _ in 0..PEERS {
            peers.push(Peer::rust(&addr).await);
        }
        let peers = futures_util::future::join_all(peers.into_iter().map(|mut peer| async move {
            attack.run(&mut peer, ready).await;
            peer
        }));
        let peers = peers.await;
        // Fails if the test has failed.
        _ = sent.send(());
        _ = done.await;
        drop(peers);
    });
}

/// The peak memory of the process.
fn peak_bytes(portal: &Portal) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", portal.pid().expect("a child")));
    let status = status.expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux reports it");
    peak.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * KIB
}

#[tractor::test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
async fn a_hundred_peers_stay_under_the_budget_and_the_honest_one_is_served() -> tractor::Result<()> {
    for kind in Attack::ALL {
        in_nursery(async |tree, an| {
            let limits = Limits::default().waiting_bytes_max(BUDGET);
            let victim = an
                .start_actor(tree.name("victim"))
                .enable_module(MODULE)
                .limits(limits)
                .bind(tractor::socket_addr(&tree.name("memory"))?)
                .await?;
            let addr = victim.run(addresses()).await?[0].parse::<Addr>().expect("an address");
            let before = peak_bytes(&victim);
            let ((sent, mut all_sent), (done, ended)) = (oneshot::channel(), oneshot::channel());
            let attacker = std::thread::spawn(move || attack(kind, addr, sent, ended));
            let (mut times, mut most, mut rest) = (Vec::new(), 0, 50);
            // During the whole attack, and a little longer.
            while rest > 0 {
                let begun = Instant::now();
                assert_eq!(victim.run(echo(1)).await?, 1);
                times.push(begun.elapsed());
                most = most.max(victim.run(waiting_bytes()).await?);
                tokio::time::sleep(Duration::from_millis(2)).await;
                rest -= usize::from(all_sent.try_recv() != Err(oneshot::error::TryRecvError::Empty));
            }
            let growth = peak_bytes(&victim) - before;
            times.sort();
            let p99 = times[times.len() * 99 / 100];
            println!(
                "{kind:?}: at most {} MiB waited, the process grew by {} MiB; {} honest calls, median {:?}, p99 \
                 {p99:?}",
                most / MIB,
                growth / MIB,
                times.len(),
                times[times.len() / 2],
            );
            // Connections that are being closed count until they have dropped their data.
            assert!(most <= BUDGET, "{kind:?}: {most} bytes waited");
            assert!(growth <= GROWTH_MAX, "{kind:?}: the process grew by {growth} bytes");
            assert!(p99 < Duration::from_secs(10), "{kind:?}: {p99:?}");
            done.send(()).expect("the receiver waits");
            attacker.join().expect("no step of the attack panics");
            // All memory is given back.
            while victim.run(waiting_bytes()).await? > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            victim.cancel_actor().await?;
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// The requests of a peer that reads nothing: a large result, values without credit for them, many small results.
async fn ask(peer: &mut Peer, n: usize) {
    let requests = match n % 3 {
        0 => vec![("blob", kwargs("bytes", 512 * KIB))],
        1 => vec![("counts", kwargs("to", 100_000)); 2],
        _ => vec![("blob", kwargs("bytes", 8 * KIB)); 60],
    };
    for (n, (func, kwargs)) in requests.into_iter().enumerate() {
        peer.start(&n.to_string(), func, kwargs).await;
    }
}

/// The buffers of large frames are used again. Here each is free when something small has to wait.
#[tractor::test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
async fn waiting_data_does_not_keep_much_larger_buffers() -> tractor::Result<()> {
    in_nursery(async |tree, an| {
        let victim = an
            .start_actor(tree.name("victim"))
            .enable_module(MODULE)
            .bind(tractor::socket_addr(&tree.name("spare"))?)
            .await?;
        let addr = victim.run(addresses()).await?[0].parse::<Addr>().expect("an address");
        let data = kwargs("data", blob(15 * MIB));
        let (mut peers, mut before) = (Vec::new(), 0);
        for n in 0..30 {
            let mut peer = Peer::rust(&addr).await;
            peer.start("l", "length", data.clone()).await;
            peer.expect_ack("l", FuncType::AsyncFunc).await;
            assert_eq!(peer.expect_return::<usize>("l").await, 15 * MIB);
            if n == 0 {
                before = peak_bytes(&victim);
            }
            ask(&mut peer, n).await;
            peers.push(peer);
        }
        let growth = peak_bytes(&victim) - before;
        println!(
            "{} MiB wait, the process grew by {} MiB",
            victim.run(waiting_bytes()).await? / MIB,
            growth / MIB
        );
        assert!(growth <= 100 * MIB, "the process grew by {growth} bytes");
        drop(peers);
        victim.cancel_actor().await?;
        Ok(())
    })
    .await
}

// ---- which connection is closed, and the error -------------------------------------------------------------------

/// With a budget of a MiB.
fn small() -> ActorOptions {
    limited(|limits| limits.waiting_bytes_max = MIB * 4 / 3)
}

#[tokio::test]
async fn the_connection_that_has_most_is_closed_and_is_told_the_knob() {
    host("mem-most", small(), async |actor, addr| {
        for caps in [Caps::BASIC, Caps::NONE] {
            let mut modest = Peer::base(addr).await;
            modest.open("m", "doubles", no_kwargs()).await;
            modest.start("held", "keeps", kwargs("data", blob(300 * KIB))).await;
            modest.expect_ack("held", FuncType::AsyncFunc).await;
            let mut greedy = Peer::dial(addr).await;
            greedy.introduce(caps).await;
            for n in 0..2 {
                greedy.start(&n.to_string(), "keeps", kwargs("data", blob(300 * KIB))).await;
                greedy.expect_ack(&n.to_string(), FuncType::AsyncFunc).await;
            }
            let waiting = actor.waiting_bytes();
            assert!((900 * KIB..=MIB).contains(&waiting), "{waiting}");
            // The connection that adds the last bytes is not the one that is closed.
            modest.start("held too", "keeps", kwargs("data", blob(200 * KIB))).await;
            modest.expect_ack("held too", FuncType::AsyncFunc).await;
            if caps != Caps::NONE {
                let Msg::Error(told) = greedy.recv().await else { panic!("the peer gets the reason") };
                let text = told.message.unwrap_or_default();
                assert!(told.cid.is_none() && text.contains("Limits::waiting_bytes_max"), "{text}");
                assert!(text.contains("belong to requests that run"), "{text}");
            }
            greedy.expect_closed().await;
            modest.assert_answered().await;
            modest.stream("m", 4).await;
            assert_eq!(modest.expect_yield::<i64>("m").await, 8);
            modest.finish().await;
            step("all to be given back", support::until(|| actor.waiting_bytes() == 0)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_error_of_a_connection_over_the_budget_names_the_knob() {
    let script = async |peer: &mut Peer| {
        let cid = peer.expect_start().await.cid;
        peer.send(&Msg::StartAck { cid, functype: FuncType::Context }).await;
        peer.send(&Msg::Started { cid, pld: pld(&0) }).await;
        // One value, larger than the budget.
        send(peer, &frame_of(&Msg::Yield { cid, pld: pld(&blob(4 * MIB)) })).await;
    };
    meet("mem-told", small(), Caps::BASIC, script, async |portal| {
        let scope = portal.open_context(doubles(), async |ctx, _| ctx.wait_for_result().await);
        match scope.await.expect_err("the connection is closed") {
            Error::Closed(closed) => {
                assert!(matches!(closed.reason(), CloseReason::OverBudget(_)), "{closed:?}");
                assert!(closed.reason().to_string().contains("Limits::waiting_bytes_max"), "{closed:?}");
            }
            other => panic!("{other:?}"),
        }
    })
    .await;
}

// ---- small values keep no large buffers --------------------------------------------------------------------------

#[tokio::test]
async fn a_slow_reader_of_small_values_keeps_no_buffers_of_large_frames() {
    host("mem-pinned", ActorOptions::new(), async |actor, addr| {
        let mut peer = Peer::rust(addr).await;
        peer.open("x", "never_reads", no_kwargs()).await;
        for n in 0..100 {
            peer.stream("x", n).await;
            peer.start("big", "length", kwargs("data", blob(MIB))).await;
            peer.expect_ack("big", FuncType::AsyncFunc).await;
            assert_eq!(peer.expect_return::<usize>("big").await, MIB);
            // Up to twice the window may wait before it is copied, and one buffer more.
            let waiting = actor.waiting_bytes();
            assert!(waiting < 6 * MIB, "{waiting} bytes for {n} values of one byte");
        }
        assert!(actor.waiting_bytes() > 0, "kept values are counted");
    })
    .await;
}

#[tokio::test]
async fn first_values_and_results_that_nobody_asks_for_keep_no_buffers() {
    const CONTEXTS: usize = 50;
    let script = async |peer: &mut Peer| {
        let mut open: Vec<Cid> = Vec::new();
        for _ in 0..CONTEXTS {
            let cid = peer.expect_start().await.cid;
            let mut frames = frame_of(&Msg::StartAck { cid, functype: FuncType::Context });
            frames.extend(frame_of(&Msg::Started { cid, pld: pld(&0) }));
            send(peer, &frames).await;
            open.push(cid);
        }
        let junk = frame_of(&Msg::Yield { cid: cid("nobody"), pld: pld(&blob(256 * KIB)) });
        for cid in open {
            let mut frames = frame_of(&Msg::Return { cid, pld: pld(&1) });
            frames.extend_from_slice(&junk);
            send(peer, &frames).await;
        }
        while peer.recv_or_end().await.is_some() {}
    };
    meet("mem-results", ActorOptions::new(), Caps::BASIC, script, async |portal| {
        let (mut handles, mut scopes) = (Vec::new(), Vec::new());
        for _ in 0..CONTEXTS {
            let (told, handle) = oneshot::channel();
            scopes.push(portal.open_context(doubles(), async move |ctx, _| -> tractor::Result<()> {
                _ = told.send(ctx.handle());
                ctx.wait_for_result().await?;
                Ok(())
            }));
            handles.push(handle);
        }
        let scopes = futures_util::future::join_all(scopes).await;
        assert!(scopes.iter().all(Result::is_ok), "{scopes:?}");
        let handles: Vec<_> = futures_util::future::join_all(handles).await;
        assert_eq!(
            handles.iter().filter(|handle| handle.as_ref().is_ok_and(|it| it.has_outcome())).count(),
            CONTEXTS
        );
        let waiting = portal.waiting_bytes();
        assert!(waiting < 2 * MIB, "{waiting} bytes for {CONTEXTS} results of one byte");
    })
    .await;
}
