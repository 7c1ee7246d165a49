//! Every flaw in every place of a payload: the side that finds it, the type of the error, and the side that it blames.
//!
//! A real child process sends flaws that Rust types can have; a scripted peer sends flaws that need other sources,
//! another version or another language.

use bytes::Bytes;
use support::with_process;
use tractor::error::{Blame, RemoteKind};
use tractor::prelude::*;
use tractor::{ActorOptions, Error, Result};
use tractor_core::proto::id::{Caps, Cid};
use tractor_core::proto::msg::{ErrorMsg, ErrorValue, FuncType, Msg};

use crate::table_support::{Flaw, Flawed, MODULE, Probe, fails, reads, returns, sends, starts, takes};
use crate::wire_support::script::{cid, no_kwargs, pld};
use crate::wire_support::{Peer, Server, alone, host, step};

/// The place of a payload. The test checks what the parent side sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Parent to child.
    Argument,
    Started,
    /// Child to parent.
    YieldUp,
    /// Parent to child.
    YieldDown,
    Return,
    ErrorValue,
}

/// The flaw of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    WrongType,
    /// The type's own deserializer refuses it (`#[serde(try_from = ..)]`).
    FailedTryFrom,
    Asymmetric,
    NotEncodable,
    Oversized,
    /// A field is missing.
    OlderVersion,
    /// There is an unknown field.
    NewerVersion,
    /// A map with field names, on a connection of the base protocol.
    PythonMap,
}

/// The result that the parent side sees.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// No error.
    Fits,
    /// The parent side finds it.
    Here(&'static str, Blame),
    /// The child side finds and reports it.
    There(&'static str, Blame),
    /// The arguments were refused.
    Arguments,
    /// This side reports that the frame is too large.
    TooLargeHere,
    /// The other side reports that the frame is too large.
    TooLargeThere,
    /// The error arrived, with its value.
    Value,
    /// The error arrived, with name and text.
    Text,
}

use Fault::{
    Asymmetric, FailedTryFrom, NewerVersion, NotEncodable, OlderVersion, Oversized, PythonMap, WrongType,
};
use Seen::{Arguments, Fits, Here, Text, There, TooLargeHere, TooLargeThere, Value};

const LOCAL: Blame = Blame::Local;
const PEER: Blame = Blame::Peer;

/// One row for each place, one column for each fault.
#[rustfmt::skip]
const TABLE: [(Place, [(Fault, Seen); 8]); 6] = [
    (Place::Argument, [
        // The child side decodes arguments before there is a dialog, so it refuses a request with a flaw. The caller
        // checks serde's rules before the request leaves.
        (WrongType, Arguments),            (FailedTryFrom, Arguments),
        (Asymmetric, Arguments),           (NotEncodable, Here("Start", LOCAL)),
        (Oversized, TooLargeHere),         (OlderVersion, Arguments),
        (NewerVersion, Arguments),          (PythonMap, Fits),
    ]),
    (Place::Started, [
        // The sender checks these values; the receiver finds flaws that only other sources can send.
        (WrongType, Here("Started", PEER)),     (FailedTryFrom, There("Started", PEER)),
        (Asymmetric, There("Started", PEER)),   (NotEncodable, There("Started", PEER)),
        (Oversized, TooLargeThere),             (OlderVersion, Here("Started", PEER)),
        (NewerVersion, Here("Started", PEER)),   (PythonMap, Fits),
    ]),
    (Place::YieldUp, [
        // Only the receiver checks streamed values.
        (WrongType, Here("Yield", PEER)),       (FailedTryFrom, Here("Yield", PEER)),
        (Asymmetric, Here("Yield", PEER)),      (NotEncodable, There("Yield", PEER)),
        (Oversized, TooLargeThere),             (OlderVersion, Here("Yield", PEER)),
        (NewerVersion, Here("Yield", PEER)),     (PythonMap, Fits),
    ]),
    (Place::YieldDown, [
        (WrongType, There("Yield", LOCAL)),     (FailedTryFrom, There("Yield", LOCAL)),
        (Asymmetric, There("Yield", LOCAL)),    (NotEncodable, Here("Yield", LOCAL)),
        (Oversized, TooLargeHere),              (OlderVersion, There("Yield", LOCAL)),
        (NewerVersion, There("Yield", LOCAL)),   (PythonMap, Fits),
    ]),
    (Place::Return, [
        (WrongType, Here("Return", PEER)),      (FailedTryFrom, There("Return", PEER)),
        (Asymmetric, There("Return", PEER)),    (NotEncodable, There("Return", PEER)),
        (Oversized, TooLargeThere),             (OlderVersion, Here("Return", PEER)),
        (NewerVersion, Here("Return", PEER)),    (PythonMap, Fits),
    ]),
    (Place::ErrorValue, [
        // The error arrives, whatever its value is. Values are maps, in which an extra field is ignored; the base
        // protocol has no values.
        (WrongType, Text),                      (FailedTryFrom, Text),
        (Asymmetric, Text),                     (NotEncodable, Text),
        (Oversized, Text),                      (OlderVersion, Text),
        (NewerVersion, Value),                   (PythonMap, Text),
    ]),
];

fn seen<T>(result: Result<T>) -> Seen {
    let Err(error) = result else { return Fits };
    let too_large = error.to_string().contains("frame_bytes_max");
    match &error {
        Error::MsgType(problem) => {
            let known = ["Start", "Started", "Yield", "Return"];
            let message = known.into_iter().find(|name| *name == problem.message_type());
            let message = message.unwrap_or_else(|| panic!("{error:?}"));
            assert!(!problem.problem().is_empty() && !problem.expected().is_empty(), "{error:?}");
            assert!(problem.sender().is_some(), "{error:?}");
            assert!(problem.cid().is_some() || message == "Start", "{error:?}");
            assert!(error.to_string().contains(&format!("invalid `{message}` msg payload")), "{error}");
            let make = if error.to_string().starts_with("actor ") { There } else { Here };
            make(message, problem.blame())
        }
        Error::Messaging(_) if too_large => TooLargeHere,
        Error::Remote(remote) if too_large => {
            assert_eq!(remote.kind(), RemoteKind::Messaging, "{error:?}");
            TooLargeThere
        }
        Error::Remote(remote) if remote.kind() == RemoteKind::Arguments => Arguments,
        Error::Remote(remote) if remote.message() == "flawed" => {
            if error.downcast::<Flawed>().is_some() {
                Value
            } else {
                Text
            }
        }
        _ => panic!("{error:?}"),
    }
}

/// The flaws that values of Rust types can have.
fn flaw(fault: Fault) -> Option<Flaw> {
    match fault {
        FailedTryFrom => Some(Flaw::Invalid),
        Asymmetric => Some(Flaw::Asymmetric),
        NotEncodable => Some(Flaw::Unencodable),
        Oversized => Some(Flaw::Oversized),
        WrongType | OlderVersion | NewerVersion | PythonMap => None,
    }
}

/// Sends a flawed value through a real child.
async fn with_child(worker: &Portal, place: Place, flaw: Flaw) -> Seen {
    match place {
        Place::Argument => seen(worker.run(takes(Probe(flaw))).await),
        Place::Started => seen(worker.open_context(starts(flaw), async |_, _| Result::Ok(())).await),
        Place::YieldUp => seen(
            worker
                .open_context(sends(flaw), async |ctx, ()| {
                    let mut stream = ctx.open_stream();
                    stream.receive().await
                })
                .await,
        ),
        Place::YieldDown => seen(
            worker
                .open_context(reads(), async |ctx, ()| {
                    let handle = ctx.handle();
                    let stream = ctx.open_stream();
                    stream.send(Probe(flaw)).await?;
                    handle.wait_for_result().await
                })
                .await,
        ),
        Place::Return => seen(worker.run(returns(flaw)).await),
        Place::ErrorValue => seen(worker.run(fails(flaw)).await),
    }
}

/// The payload and the extensions of a scripted peer.
fn scripted(place: Place, fault: Fault) -> (Bytes, Caps) {
    let named = place == Place::ErrorValue;
    let map =
        |keys: &[&str]| pld(&keys.iter().map(|key| (*key, 7)).collect::<std::collections::BTreeMap<_, _>>());
    match fault {
        WrongType => (pld("text"), Caps::BASIC),
        OlderVersion if named => (map(&["x"]), Caps::BASIC),
        OlderVersion => (pld(&[7]), Caps::BASIC),
        NewerVersion if named => (map(&["x", "y", "z"]), Caps::BASIC),
        NewerVersion => (pld(&(7, 8, (), 9)), Caps::BASIC),
        PythonMap => (map(&["x", "y"]), Caps::NONE),
        FailedTryFrom | Asymmetric | NotEncodable | Oversized => {
            panic!("{fault:?} is a fault of a child side")
        }
    }
}

/// The child side as a script: it answers the request of an actor with one bad payload.
async fn with_scripted_child(name: &str, place: Place, fault: Fault) -> Seen {
    let (bytes, caps) = scripted(place, fault);
    let server = Server::bind(name);
    let mut result = Fits;
    alone(ActorOptions::new(), async |_| {
        let dialing = tractor::connect(&server.addr, async |portal| -> Result<()> {
            result = with_child(portal, place, Flaw::None).await;
            Ok(())
        });
        let scripting = async {
            let mut peer = server.accept(caps).await;
            answer(&mut peer, place, fault, bytes).await;
            peer
        };
        let (dialed, _peer) = step("both ends", async { tokio::join!(dialing, scripting) }).await;
        dialed.expect("the script accepts");
    })
    .await;
    result
}

async fn answer(peer: &mut Peer, place: Place, fault: Fault, bytes: Bytes) {
    let start = peer.expect_start().await;
    let id = start.cid;
    let is_context = matches!(place, Place::Started | Place::YieldUp);
    let functype = if is_context { FuncType::Context } else { FuncType::AsyncFunc };
    peer.send(&Msg::StartAck { cid: id, functype }).await;
    match place {
        Place::Return => peer.send(&Msg::Return { cid: id, pld: bytes }).await,
        Place::ErrorValue => {
            let mut error = ErrorMsg::new(peer.uid.clone(), "Flawed", "flawed");
            error.cid = Some(id);
            // A value from a peer of the base protocol is ignored.
            let type_name = std::any::type_name::<Flawed>().to_owned();
            error.value = (fault != PythonMap).then_some(ErrorValue { type_name, value: bytes });
            peer.send(&Msg::Error(Box::new(error))).await;
        }
        Place::Started => {
            peer.send(&Msg::Started { cid: id, pld: bytes }).await;
            if fault != PythonMap {
                assert_eq!(peer.recv().await, Msg::Stop { cid: id }, "its stream can no longer be opened");
                peer.expect_cancel_request(id).await;
            }
            end(peer, id).await;
        }
        Place::YieldUp => {
            peer.send(&Msg::Started { cid: id, pld: pld(&()) }).await;
            peer.send(&Msg::Yield { cid: id, pld: bytes.clone() }).await;
            while !matches!(peer.recv().await, Msg::Stop { .. }) {}
            if fault != PythonMap {
                // The sender gets the error, with its own message in it, before it is cancelled.
                let told = peer.expect_error(id.as_str(), "MsgTypeError").await;
                let shown =
                    told.bad_msg.map(|raw| tractor_core::proto::codec::decode(&raw).expect("a message"));
                assert_eq!(shown, Some(Msg::Yield { cid: id, pld: bytes }));
                peer.expect_cancel_request(id).await;
            }
            end(peer, id).await;
        }
        Place::Argument | Place::YieldDown => panic!("the script is the parent side there"),
    }
}

async fn end(peer: &mut Peer, id: Cid) {
    peer.send(&Msg::Stop { cid: id }).await;
    peer.send(&Msg::Return { cid: id, pld: pld(&()) }).await;
}

/// The parent side as a script: it sends one bad payload to an actor.
async fn with_scripted_parent(name: &str, place: Place, (bytes, caps): (Bytes, Caps)) -> Seen {
    let mut result = Fits;
    host(name, ActorOptions::new().enable_module(MODULE), async |_, addr| {
        let mut peer = Peer::dial(addr).await;
        peer.introduce(caps).await;
        let (func, kwargs) = match place {
            Place::Argument => ("takes", Bytes::from([&[0x81][..], &pld("probe"), &bytes].concat())),
            _ => ("reads", no_kwargs()),
        };
        let mut start = peer.start_msg("x", func, kwargs);
        MODULE.clone_into(&mut start.ns);
        peer.send(&Msg::Start(Box::new(start))).await;
        loop {
            match peer.recv().await {
                Msg::StartAck { .. } | Msg::Credit { .. } | Msg::Stop { .. } => {}
                Msg::Started { .. } => peer.send(&Msg::Yield { cid: cid("x"), pld: bytes.clone() }).await,
                Msg::Return { .. } => break,
                Msg::Error(error) if error.boxed_type_str == "TypeError" => {
                    result = Arguments;
                    break;
                }
                Msg::Error(error) => {
                    assert_eq!(error.boxed_type_str, "MsgTypeError", "{error:?}");
                    let shown = tractor_core::proto::codec::decode(&error.bad_msg.expect("it is shown"));
                    assert_eq!(shown.expect("a message"), Msg::Yield { cid: cid("x"), pld: bytes.clone() });
                    assert_eq!(error.value.is_some(), caps == Caps::BASIC, "only Rust peers get details");
                    result = There("Yield", LOCAL);
                    break;
                }
                other => panic!("unexpected {other:?}"),
            }
        }
    })
    .await;
    result
}

#[tractor::test]
async fn flaws_of_rust_types() -> Result<()> {
    with_process(MODULE, async |worker| {
        for (place, row) in TABLE {
            for (fault, want) in row {
                let Some(flaw) = flaw(fault) else { continue };
                assert_eq!(with_child(worker, place, flaw).await, want, "{place:?} x {fault:?}");
                assert_eq!(with_child(worker, place, Flaw::None).await, sound(place), "{place:?}");
                assert_eq!(worker.dialogs_open(), 0, "{place:?} x {fault:?}");
            }
        }
        Ok(())
    })
    .await
}

fn sound(place: Place) -> Seen {
    if place == Place::ErrorValue { Value } else { Fits }
}

#[tokio::test]
async fn flaws_of_other_sources() {
    for (place, row) in TABLE {
        for (fault, want) in row.into_iter().filter(|(fault, _)| flaw(*fault).is_none()) {
            let name = format!("pt-{}-{}", place as u8, fault as u8);
            let got = match place {
                Place::Argument | Place::YieldDown => {
                    with_scripted_parent(&name, place, scripted(place, fault)).await
                }
                _ => with_scripted_child(&name, place, fault).await,
            };
            assert_eq!(got, want, "{place:?} x {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_peer_of_the_base_protocol_gets_the_message_it_has_sent_but_no_details() {
    let place = Place::YieldDown;
    assert_eq!(
        with_scripted_parent("pt-base", place, (pld("text"), Caps::NONE)).await,
        There("Yield", LOCAL)
    );
}

#[test]
fn the_table_is_complete() {
    let all = [
        WrongType,
        FailedTryFrom,
        Asymmetric,
        NotEncodable,
        Oversized,
        OlderVersion,
        NewerVersion,
        PythonMap,
    ];
    for (place, row) in TABLE {
        assert_eq!(row.map(|(fault, _)| fault), all, "{place:?}");
    }
}
