//! Peers of the base protocol where they differ from ours: what they leave unsaid, and what one message of theirs means.
//!
//! The scripts say what the Python library says, byte for byte.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tractor::{ActorOptions, Error, Portal};
use tractor_core::proto::id::{Caps, Cid};
use tractor_core::proto::msg::{FuncType, Msg};

use crate::wire_support::endpoints::{counts, echo};
use crate::wire_support::script::pld;
use crate::wire_support::{Peer, meet, step, timed};

/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);

async fn accepted(peer: &mut Peer, functype: FuncType) -> Cid {
    let id = peer.expect_start().await.cid;
    peer.send(&Msg::StartAck { cid: id, functype }).await;
    id
}

/// Ends a task as a plain function, or a stream function, of the base protocol ends: the request to cancel it is
/// acknowledged, and nothing is said of the task.
async fn acknowledge_cancel(peer: &mut Peer, target: Cid) {
    let request = peer.expect_cancel_request(target).await;
    peer.send(&Msg::StartAck { cid: request, functype: FuncType::AsyncFunc }).await;
    peer.send(&Msg::CancelAck { cid: request, pld: pld(&true) }).await;
}

/// Polls a call once, by which its request leaves, and drops it.
async fn abandon<T>(call: impl Future<Output = T>) {
    let mut call = pin!(call);
    poll_fn(|cx| {
        assert!(call.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

async fn until_none_is_open(portal: &Portal) {
    step("the end of all dialogs", async {
        while portal.dialogs_open() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_function_that_was_cancelled_is_over_with_the_acknowledgement() {
    let script = async |peer: &mut Peer| {
        for _ in 0..3 {
            let id = accepted(peer, FuncType::AsyncFunc).await;
            acknowledge_cancel(peer, id).await;
        }
        peer.expect_closed().await;
    };
    meet("ba-function", ActorOptions::new(), Caps::NONE, script, async |portal| {
        for _ in 0..3 {
            abandon(portal.run(echo(1))).await;
            until_none_is_open(portal).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_call_past_its_deadline_does_not_wait_for_more_than_the_acknowledgement() {
    let script = async |peer: &mut Peer| {
        let id = accepted(peer, FuncType::AsyncFunc).await;
        acknowledge_cancel(peer, id).await;
        peer.expect_closed().await;
    };
    let patient = timed(|timeouts| timeouts.context_cancel = LONG);
    meet("ba-deadline", patient, Caps::NONE, script, async |portal| {
        let late = portal.run(echo(1)).deadline(Duration::from_millis(20)).await.unwrap_err();
        let Error::DeadlineExceeded(late) = late else { panic!("{late:?}") };
        assert!(std::error::Error::source(&late).is_none(), "the peer has reported nothing: {late:?}");
    })
    .await;
}

#[tokio::test]
async fn a_one_way_stream_that_is_left_early_is_over_with_the_acknowledgement() {
    let script = async |peer: &mut Peer| {
        let id = accepted(peer, FuncType::AsyncGen).await;
        peer.send(&Msg::Yield { cid: id, pld: pld(&7) }).await;
        acknowledge_cancel(peer, id).await;
        peer.expect_closed().await;
    };
    meet("ba-stream", ActorOptions::new(), Caps::NONE, script, async |portal| {
        let first = portal.open_stream_from(counts(9), async |mut stream| stream.receive().await);
        assert_eq!(step("the scope", first).await.unwrap(), Some(7));
    })
    .await;
}

#[tokio::test]
async fn what_a_peer_says_before_the_acknowledgement_is_the_outcome() {
    let script = async |peer: &mut Peer| {
        let id = accepted(peer, FuncType::AsyncFunc).await;
        let request = peer.expect_cancel_request(id).await;
        peer.fail(id.as_str(), "ValueError", "while it ended").await;
        peer.send(&Msg::StartAck { cid: request, functype: FuncType::AsyncFunc }).await;
        peer.send(&Msg::CancelAck { cid: request, pld: pld(&true) }).await;
        peer.expect_closed().await;
    };
    meet("ba-before", ActorOptions::new(), Caps::NONE, script, async |portal| {
        let late = portal.run(echo(1)).deadline(Duration::from_millis(20)).await.unwrap_err();
        let Error::DeadlineExceeded(late) = late else { panic!("{late:?}") };
        assert!(std::error::Error::source(&late).is_some(), "{late:?}");
        until_none_is_open(portal).await;
    })
    .await;
}

#[tokio::test]
async fn a_rust_peer_still_owes_the_outcome_after_the_acknowledgement() {
    let script = async |peer: &mut Peer| {
        let id = accepted(peer, FuncType::AsyncFunc).await;
        acknowledge_cancel(peer, id).await;
        let id = accepted(peer, FuncType::AsyncFunc).await;
        peer.send(&Msg::Return { cid: id, pld: pld(&2) }).await;
        peer.expect_closed().await;
    };
    meet("ba-rust", ActorOptions::new(), Caps::BASIC, script, async |portal| {
        abandon(portal.run(echo(1))).await;
        assert_eq!(portal.run(echo(2)).await.unwrap(), 2);
        assert_eq!(portal.dialogs_open(), 1);
    })
    .await;
}
