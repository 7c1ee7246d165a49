//! Streamed values of a peer that arrive in batches.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tractor::ActorOptions;
use tractor::error::RemoteKind;
use tractor::prelude::*;
use tractor_core::proto::dialog::RecvCredit;
use tractor_core::proto::id::Caps;
use tractor_core::proto::msg::{ErrorMsg, FuncType, Msg};

use crate::wire_support::endpoints::{counts, lock_gate};
use crate::wire_support::script::{self, cid, foreign, frame_of, framed, kwargs, no_kwargs, pld};
use crate::wire_support::{Peer, host, limited, meet, step};

fn value(id: &str, number: i64) -> Vec<u8> {
    frame_of(&Msg::Yield { cid: cid(id), pld: pld(&number) })
}

/// As `value`, with its keys in another order.
fn odd_value(id: &str, number: i64) -> Vec<u8> {
    framed(&foreign(&[("msg_type", pld(&"Yield")), ("pld", pld(&number)), ("cid", pld(&id))]))
}

#[tokio::test]
async fn values_that_come_together_keep_their_order_in_each_context() {
    host("ru-order", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        for id in ["x", "y"] {
            peer.open(id, "doubles", no_kwargs()).await;
        }
        let ids = |number: i64| if number / 20 % 2 == 0 || number % 3 == 0 { "x" } else { "y" };
        let frames = (0..300).flat_map(|number| match number % 50 {
            49 => odd_value(ids(number), number),
            _ => value(ids(number), number),
        });
        let stops = ["x", "y"].into_iter().flat_map(|id| frame_of(&Msg::Stop { cid: cid(id) }));
        peer.send_bytes(&frames.chain(stops).collect::<Vec<_>>()).await;
        let (mut x, mut y, mut ended) = (Vec::new(), Vec::new(), 0);
        while ended < 2 {
            match peer.recv().await {
                Msg::Yield { cid, pld } => {
                    let got: i64 = script::value(&pld);
                    if cid.as_str() == "x" { &mut x } else { &mut y }.push(got / 2);
                }
                Msg::Return { .. } => ended += 1,
                Msg::Credit { .. } | Msg::Stop { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        let of = |id| (0..300).filter(move |number| ids(*number) == id);
        assert!(x.into_iter().eq(of("x")) && y.into_iter().eq(of("y")));
    })
    .await;
}

/// The grants of a receiver that counts single values.
fn grants(window: usize, values: impl IntoIterator<Item = i64>) -> Vec<u32> {
    let mut credit = RecvCredit::new(window);
    let bytes = values.into_iter().map(|number| pld(&number).len()).collect::<Vec<_>>();
    assert!(bytes.iter().all(|bytes| credit.arrived(*bytes)), "the values fit into the window");
    bytes.into_iter().map(|bytes| credit.consumed(bytes)).filter(|grant| *grant > 0).collect()
}

#[tokio::test]
async fn the_room_of_values_that_came_together_is_granted_as_for_single_ones() {
    let limits = limited(|limits| limits.stream_window_bytes = 0);
    host("ru-credit", limits, async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        let gate = lock_gate("ru-credit");
        peer.open("x", "reads_late", kwargs("key", "ru-credit")).await;
        let numbers = || (0..3000).map(|number| number % 7 * 100);
        peer.send_bytes(&numbers().flat_map(|number| value("x", number)).collect::<Vec<_>>()).await;
        peer.assert_answered().await; // all of them have arrived
        gate.send(()).unwrap();
        let expected = grants(0, numbers());
        assert!(expected.len() > 2, "{expected:?}");
        for bytes in expected {
            assert_eq!(peer.recv().await, Msg::Credit { cid: cid("x"), bytes });
        }
        peer.stop("x").await;
        peer.expect_stop("x").await;
        assert_eq!(peer.expect_return::<i64>("x").await, numbers().sum::<i64>());
    })
    .await;
}

#[tokio::test]
async fn values_that_come_together_are_refused_one_by_one_from_the_end_of_the_window_on() {
    let limits = limited(|limits| limits.stream_window_bytes = 0);
    host("ru-full", limits, async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        let gate = lock_gate("ru-full");
        peer.open("x", "reads_late", kwargs("key", "ru-full")).await;
        let mut credit = RecvCredit::new(0);
        let fit = (0..).take_while(|_| credit.arrived(1)).count();
        peer.send_bytes(&value("x", 1).repeat(fit + 50)).await;
        for _ in 0..50 {
            peer.expect_local_error("x", "StreamOverrun", &["stream_window_bytes"]).await;
        }
        peer.stop("x").await;
        peer.assert_answered().await; // no other grants
        gate.send(()).unwrap();
        loop {
            match peer.recv().await {
                Msg::Credit { .. } | Msg::Stop { .. } => {}
                Msg::Return { pld: sum, .. } => {
                    break assert_eq!(sum, pld(&i64::try_from(fit).unwrap()));
                }
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
}

impl Peer {
    /// So many failures of the actor, one for each value that found no room.
    async fn expect_refusals(&mut self, id: &str, count: usize) {
        let mut refused = 0;
        while refused < count {
            match self.recv().await {
                Msg::Error(error) => {
                    let ErrorMsg { boxed_type_str, cid: of, message, .. } = &*error;
                    assert_eq!((boxed_type_str.as_str(), *of), ("StreamOverrun", Some(cid(id))), "{error:?}");
                    assert!(
                        message.as_ref().is_some_and(|text| text.contains("stream_window_bytes")),
                        "{error:?}"
                    );
                    refused += 1;
                }
                Msg::Credit { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_kept_behind_values_that_found_no_room() {
    let (refused, is_refused) = oneshot::channel();
    let (read, is_read) = oneshot::channel();
    let (sent, is_sent) = oneshot::channel();
    let mut credit = RecvCredit::new(0);
    let fit = (0..).take_while(|_| credit.arrived(1)).count();
    let script = async |peer: &mut Peer| {
        let id = peer.expect_start().await.cid;
        peer.send(&Msg::StartAck { cid: id, functype: FuncType::AsyncGen }).await;
        peer.send_bytes(&value(id.as_str(), 1).repeat(fit + 50)).await;
        peer.expect_refusals(id.as_str(), 50).await;
        refused.send(()).expect("the body waits");
        is_read.await.expect("the body goes on");
        // There is room again.
        peer.send_bytes(&value(id.as_str(), 2).repeat(50)).await;
        peer.expect_refusals(id.as_str(), 50).await;
        peer.stop(id.as_str()).await;
        sent.send(()).expect("the body waits");
    };
    let limits = limited(|limits| limits.stream_window_bytes = 0);
    meet("ru-gap", limits, Caps::BASIC, script, async |portal| {
        let scope = portal.open_stream_from(counts(99), async |mut stream| -> tractor::Result<()> {
            is_refused.await.expect("the script goes on");
            for _ in 0..fit {
                assert_eq!(stream.receive().await?, Some(1));
            }
            read.send(()).expect("the script waits");
            is_sent.await.expect("the script goes on");
            step("the end of the stream", support::until(|| portal.dialogs_open() == 0)).await;
            let error = stream.receive().await.expect_err("values are missing here");
            assert_eq!(error.as_remote().map(|remote| remote.kind()), Some(RemoteKind::StreamOverrun));
            Ok(())
        });
        scope.await.expect("the body has handled the overrun");
    })
    .await;
}

/// A number whose reading panics if it is 15.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "i64")]
struct Touchy(i64);

impl From<i64> for Touchy {
    fn from(number: i64) -> Self {
        assert_ne!(number, 15, "on purpose");
        Self(number)
    }
}

#[tractor::stream]
async fn touches(_out: StreamSender<Touchy>) {}

#[tokio::test]
async fn a_value_whose_reading_panics_ends_no_stream() {
    let (read, is_read) = oneshot::channel();
    let script = async |peer: &mut Peer| {
        let id = peer.expect_start().await.cid;
        peer.send(&Msg::StartAck { cid: id, functype: FuncType::AsyncGen }).await;
        peer.send_bytes(&(0..16).flat_map(|number| value(id.as_str(), number)).collect::<Vec<_>>()).await;
        is_read.await.expect("the body goes on");
        peer.stream(id.as_str(), 16).await;
        peer.stop(id.as_str()).await;
    };
    meet("ru-panic", ActorOptions::new(), Caps::BASIC, script, async |portal| {
        let scope = portal.open_stream_from(touches(), async |mut stream| -> tractor::Result<()> {
            for number in 0..15 {
                assert_eq!(stream.receive().await?, Some(Touchy(number)));
            }
            let panicked = AssertUnwindSafe(stream.receive()).catch_unwind().await;
            assert!(panicked.is_err(), "{panicked:?}");
            read.send(()).expect("the script waits");
            assert_eq!(stream.receive().await?, Some(Touchy(16)));
            assert_eq!(stream.receive().await?, None);
            Ok(())
        });
        scope.await.expect("it ends well");
    })
    .await;
}
