//! Reads any bytes as a whole connection: handshake, frames, messages and their dialogs, without I/O.
//!
//! The first byte chooses this side of the handshake. Finds a panic, a way around the secret, a request that the fast
//! path ([`StartCache`]) reads differently than a decode, and an unbounded number of dialogs.

#![no_main]

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tractor_proto::codec::{self, StartCache};
use tractor_proto::dialog::{Conclusion, Dialog, Effect, Received, TaskEnd};
use tractor_proto::frame::{Eof, Splitter};
use tractor_proto::handshake::{Handshake, Input, Output, Policy, Role};
use tractor_proto::id::{Aid, Caps, Cid, Secret, Uid};
use tractor_proto::limits::{HANDSHAKE_FRAME_BYTES_MAX, NESTING_DEPTH_MAX};
use tractor_proto::msg::{FuncType, Msg, Start};
use tractor_proto::msgpack::RawMap;

const DIALOGS_MAX: usize = 32;
const FRAME_BYTES_MAX: usize = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let Some((&first, stream)) = data.split_first() else { return };
    let mut frames = Splitter::new();
    frames.buf_mut().extend_from_slice(stream);
    if let Some(caps) = shake_hands(first, &mut frames) {
        Receiver::new(caps).run(&mut frames);
    }
});

/// Returns the extensions of the connection, if it is established.
fn shake_hands(first: u8, frames: &mut Splitter) -> Option<Caps> {
    let role = if first & 1 == 0 { Role::Acceptor } else { Role::Connector };
    let secret = Secret::new([7; 32]);
    let policy = match (first >> 1) % 4 {
        0 => Policy::RequireProof { secret },
        1 => Policy::Prove { secret },
        _ => Policy::Open,
    };
    let mut ours = Aid::new(Uid::new("us", "us"));
    ours.caps = if first & 8 == 0 { Caps::NONE } else { Caps::ANNOUNCED };
    ours.is_probe = first & 16 != 0;
    let (mut machine, _hello) = Handshake::start(role, policy, ours, [9; 32]);
    for frame in 0.. {
        assert!(frame <= 3, "a handshake without an end");
        let input = match frames.next_frame(HANDSHAKE_FRAME_BYTES_MAX) {
            Ok(Some(body)) => match codec::decode(&body) {
                Ok(msg) => Input::Message(msg),
                Err(error) => Input::Undecodable(error),
            },
            Ok(None) => Input::Ended(frames.eof()),
            Err(_too_large) => return None,
        };
        match machine.handle(input) {
            Output::Send(Msg::Auth { .. }) => {}
            Output::Send(other) => panic!("{other:?} in a handshake"),
            Output::Done { caps, .. } => {
                // A keyed hash cannot be guessed.
                assert!(!matches!(policy, Policy::RequireProof { .. }) && !caps.contains(Caps::AUTH));
                return Some(caps);
            }
            Output::Probed { .. } => return None,
            Output::Refused(refusal) => {
                assert!(!refusal.to_string().is_empty());
                return None;
            }
        }
    }
    unreachable!("the loop returns")
}

/// The work of dispatch, without the tasks.
struct Receiver {
    dialogs: HashMap<Cid, Dialog>,
    known: StartCache<(String, String)>,
}

impl Receiver {
    fn new(caps: Caps) -> Self {
        let parent = if caps.contains(Caps::UNACKED) { Dialog::parent_unacked } else { Dialog::parent };
        let ours = [("d0", FuncType::AsyncFunc), ("d1", FuncType::AsyncGen), ("d2", FuncType::Context)];
        let ours = ours.map(|(cid, kind)| (Cid::new(cid).expect("a short id"), parent(kind)));
        Self { dialogs: ours.into(), known: StartCache::default() }
    }

    fn run(&mut self, frames: &mut Splitter) {
        let end = loop {
            match frames.next_frame(FRAME_BYTES_MAX) {
                Ok(Some(frame)) => self.frame(&frame),
                Ok(None) => break frames.eof(),
                Err(_too_large) => break Eof::BetweenFrames,
            }
            assert!(self.dialogs.len() <= DIALOGS_MAX);
        };
        assert!(!end.to_string().is_empty());
        for dialog in self.dialogs.values_mut() {
            dialog.lose();
            assert_eq!(dialog.conclude(TaskEnd::Dropped), Conclusion::Nothing, "the connection is gone");
        }
    }

    fn frame(&mut self, frame: &Bytes) {
        let decoded = codec::decode(frame);
        self.check_known(frame, decoded.as_ref().ok());
        match decoded {
            Ok(Msg::Start(start)) => self.start(frame, *start),
            Ok(Msg::StartAck { cid, functype }) => self.deliver(cid, Received::StartAck(functype)),
            Ok(Msg::Started { cid, pld }) => self.deliver(cid, Received::Started(pld)),
            Ok(Msg::Yield { cid, pld }) => self.deliver(cid, Received::Yield(pld)),
            Ok(Msg::Stop { cid }) => self.deliver(cid, Received::Stop),
            Ok(Msg::Return { cid, pld }) => self.deliver(cid, Received::Return(pld)),
            Ok(Msg::CancelAck { cid, pld }) => self.deliver(cid, Received::CancelAck(pld)),
            Ok(Msg::Credit { cid, bytes }) => self.deliver(cid, Received::Credit(bytes)),
            Ok(Msg::Error(error)) => {
                if let Some(cid) = error.cid {
                    self.deliver(cid, Received::Error(()));
                }
            }
            Ok(Msg::Ready { .. } | Msg::Aid(_) | Msg::SpawnSpec(_) | Msg::Auth { .. }) => {}
            Err(error) => {
                if let Some(cid) = error.cid() {
                    self.deliver(cid, Received::Error(()));
                }
            }
        }
    }

    /// Checks that a request that is recognised by its constant parts equals its decode.
    fn check_known(&self, frame: &Bytes, decoded: Option<&Msg>) {
        let Some((cid, kwargs, (ns, func))) = self.known.find(frame) else { return };
        let kwargs = frame.slice(kwargs);
        // Arguments are only cut out here; wrong arguments are refused when they are decoded.
        let well_formed = RawMap::new(&kwargs, NESTING_DEPTH_MAX - 1)
            .is_ok_and(|mut map| map.all(|entry| entry.is_ok()))
            && tractor_proto::msgpack::check_one_value(&kwargs, NESTING_DEPTH_MAX - 1).is_ok();
        match decoded {
            Some(Msg::Start(start)) => {
                let request = (start.cid, &start.ns, &start.func, &start.kwargs);
                assert_eq!(request, (cid, ns, func, &kwargs));
            }
            other => assert!(!well_formed, "taken for a request: {other:?}"),
        }
    }

    fn start(&mut self, frame: &Bytes, start: Start) {
        self.known.learn(frame, range_in(frame, &start.kwargs), (start.ns, start.func));
        if self.dialogs.len() < DIALOGS_MAX {
            let kinds = [FuncType::AsyncFunc, FuncType::AsyncGen, FuncType::Context];
            self.dialogs.entry(start.cid).or_insert_with(|| Dialog::child(kinds[start.kwargs.len() % 3]));
        }
    }

    fn deliver(&mut self, cid: Cid, msg: Received<Bytes, ()>) {
        let Some(dialog) = self.dialogs.get_mut(&cid) else { return };
        match dialog.receive(msg) {
            Effect::First(pld) | Effect::Deliver(pld) => assert!(!pld.is_empty(), "a payload of no value"),
            Effect::Violated(violation) => assert!(!violation.to_string().is_empty()),
            _ => {}
        }
        if dialog.is_settled() {
            self.dialogs.remove(&cid);
        }
    }
}

fn range_in(whole: &Bytes, part: &Bytes) -> Range<usize> {
    let at = part.as_ptr() as usize - whole.as_ptr() as usize;
    at..at + part.len()
}
