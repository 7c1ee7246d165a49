//! Random peers against one live actor: whatever they send, other peers are served and no task is left.
//!
//! The sequences come from a seed. To repeat a failure, set `TRACTOR_STORM_SEED` to the printed seed.

use tractor::{ActorOptions, Addr};
use tractor_core::proto::id::Caps;
use tractor_core::proto::msg::{ErrorMsg, FuncType, Msg};

use crate::wire_support::endpoints::watch;
use crate::wire_support::script::{cid, frame_of, kwargs, no_kwargs, pld, value};
use crate::wire_support::{Peer, host, step};

const SEQUENCES: u32 = 2000;
const FRAMES_MAX: u32 = 12;
const SEED: u64 = 0x7261_6374_6f72;

/// A small generator that always gives the same sequence for a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

/// A message that is valid in some state of a dialog. `key` identifies the tasks that it starts.
fn message(random: &mut Random, peer: &Peer, key: &str) -> Msg {
    let names = ["a0", "d0", "x", "y", "z"];
    let id = cid(random.of::<&str>(&names));
    let value = match random.below(3) {
        0 => pld(&1),
        1 => pld("text"),
        _ => pld(&[1, 2, 3]),
    };
    match random.below(16) {
        0..=3 => {
            let held = || kwargs("key", key);
            let (func, kwargs) = match random.below(9) {
                0 | 1 => ("doubles", no_kwargs()),
                2 | 3 => ("holds_open", held()),
                4 => ("holds", held()),
                5 => ("echo", kwargs("value", 1)),
                6 => ("counts", kwargs("to", 200)),
                7 => ("calls_back", no_kwargs()),
                _ => ("panics_not", no_kwargs()),
            };
            let mut start = peer.start_msg(id.as_str(), func, kwargs);
            if random.one_in(20) {
                start.uid = tractor::Uid::new("somebody", "else");
            }
            Msg::Start(Box::new(start))
        }
        4 | 5 => {
            let mut start =
                peer.start_msg(id.as_str(), "_cancel_task", kwargs("cid", *random.of::<&str>(&names)));
            "self".clone_into(&mut start.ns);
            Msg::Start(Box::new(start))
        }
        6..=8 => Msg::Yield { cid: id, pld: value },
        9 => Msg::Stop { cid: id },
        10 => Msg::Return { cid: id, pld: value },
        11 => Msg::Started { cid: id, pld: value },
        12 => {
            let kind = *random.of(&[FuncType::AsyncFunc, FuncType::AsyncGen, FuncType::Context]);
            Msg::StartAck { cid: id, functype: kind }
        }
        13 => Msg::Credit { cid: id, bytes: random.next() as u32 },
        14 => Msg::CancelAck { cid: id, pld: value },
        _ => {
            let kind = *random.of(&["ValueError", "ContextCancelled", "MsgTypeError"]);
            let mut error = ErrorMsg::new(peer.uid.clone(), kind, "stormy");
            error.cid = (!random.one_in(8)).then_some(id);
            Msg::Error(Box::new(error))
        }
    }
}

/// A frame, which is correct in three of four cases.
fn frame(random: &mut Random, peer: &Peer) -> Vec<u8> {
    let mut bytes = frame_of(&message(random, peer, "storm"));
    match random.below(16) {
        0 => {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        1 => bytes.truncate(random.below(bytes.len()).max(1)),
        2 => {
            // The body changes, the length stays right.
            let at = 4 + random.below(bytes.len() - 4);
            bytes[at] = random.next() as u8;
        }
        // Values arrive together.
        3 => bytes = bytes.repeat(20),
        4 => bytes = (0..random.below(64)).map(|_| random.next() as u8).collect(),
        _ => {}
    }
    bytes
}

/// Reads all messages of the actor, so that neither end waits for room.
async fn rage(seed: u64, addr: &Addr) {
    let mut random = Random(seed | 1);
    let mut peer = Peer::dial(addr).await;
    peer.introduce(*random.of(&[Caps::NONE, Caps::BASIC, Caps::ANNOUNCED])).await;
    for _ in 0..=random.below(FRAMES_MAX as usize) {
        let bytes = frame(&mut random, &peer);
        if !peer.try_send_bytes(&bytes).await {
            break;
        }
        if random.one_in(4) {
            tokio::task::yield_now().await;
        }
    }
    if random.one_in(2) {
        // This end is in good order: every valid request is answered.
        peer.finish().await;
    }
}

#[tokio::test]
async fn random_peers_leave_nothing_behind() {
    let seed = std::env::var("TRACTOR_STORM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    println!("TRACTOR_STORM_SEED={seed}");
    let mut held = watch("storm");
    host("storm", ActorOptions::new(), async |_, addr| {
        let mut bystander = Peer::base(addr).await;
        bystander.open("steady", "doubles", no_kwargs()).await;
        for n in 0..SEQUENCES {
            rage(seed.wrapping_add(u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15)), addr).await;
            if n % 100 == 0 {
                bystander.stream("steady", 1).await;
                assert_eq!(bystander.expect_yield::<i64>("steady").await, 2, "after sequence {n}");
            }
        }
        bystander.stop("steady").await;
        assert_eq!(bystander.expect_return::<i64>("steady").await, 20);
        assert_eq!(bystander.dialogs_open().await, 0);
        // With the last of these connections every task has ended.
        let (started, dropped) = step("the end of every task", held.balance()).await;
        assert!(started > 100, "only {started} tasks were held: the storm is too weak");
        assert_eq!(started, dropped);
        for mut peer in [Peer::base(addr).await, Peer::rust(addr).await] {
            peer.assert_answered().await;
            assert_eq!(peer.dialogs_open().await, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn random_messages_on_one_lasting_connection_leave_no_dialog_open() {
    host("storm-one", ActorOptions::new(), async |_, addr| {
        for caps in [Caps::BASIC, Caps::ANNOUNCED] {
            let mut random = Random(SEED);
            let mut peer = Peer::dial(addr).await;
            peer.introduce(caps).await;
            for _ in 0..SEQUENCES {
                let msg = message(&mut random, &peer, "storm-one");
                // Messages that would rightly close the connection are left out.
                match &msg {
                    Msg::Error(error) if error.cid.is_none() => continue,
                    Msg::Start(start) if start.uid != peer.uid => continue,
                    _ => peer.send(&msg).await,
                }
            }
            for id in ["a0", "d0", "x", "y", "z"] {
                peer.cancel_task("end", id).await;
            }
            // A task that is cancelled ends after the calls that it has made.
            while answer_calls(&mut peer).await > 0 {}
            assert_eq!(peer.dialogs_open().await, 0);
        }
    })
    .await;
}

/// Reads the actor's messages so far, and answers the actor's own calls. Returns the number of these calls and of open
/// dialogs.
async fn answer_calls(peer: &mut Peer) -> usize {
    peer.start("sync", "dialogs_open", no_kwargs()).await;
    let mut calls = Vec::new();
    let mut open = 0;
    loop {
        match peer.recv().await {
            Msg::Start(start) => calls.push(start),
            Msg::Started { cid, pld } if cid.as_str() == "sync" => open = value::<usize>(&pld) - 1,
            Msg::Return { cid, .. } if cid.as_str() == "sync" => break,
            _ => {}
        }
    }
    for call in &calls {
        let cid = call.cid;
        peer.send(&Msg::StartAck { cid, functype: FuncType::AsyncFunc }).await;
        peer.send(&match call.func.as_str() {
            "_cancel_task" => Msg::CancelAck { cid, pld: pld(&true) },
            _ => Msg::Return { cid, pld: pld(&5) },
        })
        .await;
    }
    calls.len() + open
}
