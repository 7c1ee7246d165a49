//! The messages with which a parent side ends its dialogs, and its waits for a peer that does not answer.

use std::time::{Duration, Instant};

use tractor::{ActorEnd, ActorOptions, Error};
use tractor_core::proto::id::{Caps, Cid};
use tractor_core::proto::msg::{FuncType, Msg};

use crate::wire_support::endpoints::doubles;
use crate::wire_support::script::{kwargs, pld};
use crate::wire_support::{Peer, host, meet, timed};

async fn opened(peer: &mut Peer) -> Cid {
    let id = peer.expect_start().await.cid;
    peer.send(&Msg::StartAck { cid: id, functype: FuncType::Context }).await;
    peer.send(&Msg::Started { cid: id, pld: pld(&0) }).await;
    id
}

#[tokio::test]
async fn a_stream_that_is_closed_twice_says_so_once() {
    let script = async |peer: &mut Peer| {
        let id = opened(peer).await;
        peer.expect_stop(id.as_str()).await;
        peer.send(&Msg::Yield { cid: id, pld: pld(&1) }).await; // no longer read
        peer.send(&Msg::Return { cid: id, pld: pld(&7) }).await;
        peer.expect_closed().await;
    };
    meet("en-twice", ActorOptions::new(), Caps::NONE, script, async |portal| {
        let scope = portal.open_context(doubles(), async |ctx, _first| {
            let handle = ctx.handle();
            let stream = ctx.open_stream();
            stream.finish();
            // The half was closed before, so nothing is sent.
            stream.finish();
            assert!(stream.send(1).await.is_err(), "closed");
            stream.close();
            handle.wait_for_result().await
        });
        assert_eq!(scope.await.expect("it has returned"), 7);
    })
    .await;
}

#[tokio::test]
async fn the_side_that_got_stop_sends_none_in_the_base_protocol() {
    for (caps, answers) in [(Caps::NONE, false), (Caps::BASIC, true)] {
        let script = async |peer: &mut Peer| {
            let id = opened(peer).await;
            peer.stop(id.as_str()).await;
            if answers {
                peer.expect_stop(id.as_str()).await;
            }
            peer.send(&Msg::Return { cid: id, pld: pld(&7) }).await;
            peer.expect_closed().await;
        };
        meet(&format!("en-stop-{answers}"), ActorOptions::new(), caps, script, async |portal| {
            let scope = portal.open_context(doubles(), async |ctx, _first| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                assert_eq!(stream.receive().await?, None);
                stream.close();
                handle.wait_for_result().await
            });
            assert_eq!(scope.await.expect("it has returned"), 7);
        })
        .await;
    }
}

async fn expect_end_request(peer: &mut Peer) -> Cid {
    let start = peer.expect_start().await;
    assert_eq!((start.ns.as_str(), start.func.as_str()), ("self", "cancel"));
    start.cid
}

#[tokio::test]
async fn a_request_to_end_is_acknowledged_and_a_lost_connection_is_told_at_once() {
    const LONG: Duration = Duration::from_secs(600);
    let script = async |peer: &mut Peer| {
        let id = expect_end_request(peer).await;
        peer.send(&Msg::StartAck { cid: id, functype: FuncType::AsyncFunc }).await;
        peer.send(&Msg::CancelAck { cid: id, pld: pld(&true) }).await;
        expect_end_request(peer).await;
        let gone = std::mem::replace(peer, Peer::on(tokio::io::duplex(8).0));
        gone.hang_up().await;
    };
    let patient = timed(|timeouts| timeouts.actor_cancel = LONG);
    meet("en-acked", patient, Caps::NONE, script, async |portal| {
        assert!(matches!(portal.cancel_actor().await, Ok(ActorEnd::Acknowledged)));
        assert!(matches!(portal.cancel_actor().await, Err(Error::Closed(_))), "the connection ends");
        assert!(matches!(portal.cancel_actor().await, Err(Error::Closed(_))), "it has ended");
    })
    .await;
}

#[tokio::test]
async fn a_request_to_end_that_is_not_answered_is_given_up() {
    let (given_up, mut has_given_up) = tokio::sync::mpsc::unbounded_channel();
    let script = async |peer: &mut Peer| {
        expect_end_request(peer).await;
        has_given_up.recv().await.expect("the actor says so");
    };
    let impatient = timed(|timeouts| timeouts.actor_cancel = Duration::from_millis(5));
    meet("en-late", impatient, Caps::NONE, script, async |portal| {
        let error = portal.cancel_actor().await.expect_err("nobody answers");
        assert!(matches!(error, Error::TooSlow(_)), "{error:?}");
        assert!(error.to_string().contains("within 5ms (`Timeouts::actor_cancel`)"), "{error}");
        let error = portal
            .cancel_actor()
            .timeout(Duration::from_millis(6))
            .await
            .expect_err("the actor does not acknowledge in time");
        assert!(error.to_string().contains("within 6ms (`CancelActor::timeout`)"), "{error}");
        given_up.send(()).expect("the script waits");
    })
    .await;
}

/// The peer asks for more than its socket holds, and reads nothing.
#[tokio::test]
async fn a_peer_that_does_not_take_the_last_messages_keeps_no_actor_from_ending() {
    let (drain, mut left) = (Duration::from_millis(50), None);
    host("en-deaf", timed(|timeouts| timeouts.drain = drain), async |actor, addr| {
        let mut peer = Peer::base(addr).await;
        peer.start("b", "blob", kwargs("bytes", 8 << 20)).await;
        while actor.waiting_bytes() < 4 << 20 {
            tokio::task::yield_now().await;
        }
        left = Some((peer, Instant::now()));
    })
    .await;
    let (_peer, begun) = left.expect("it was set");
    assert!(begun.elapsed() >= drain, "the peer had its time");
}
