//! Deadlines on the wire: the fields of a request, and requests to a peer that does not know deadlines.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use tractor::{ActorOptions, Error, Portal};
use tractor_core::proto::id::Caps;
use tractor_core::proto::msg::{ErrorMsg, FuncType, Msg, Start};

use crate::wire_support::endpoints::{counts, echo, watch};
use crate::wire_support::script::{kwargs, pld};
use crate::wire_support::{Peer, Server, alone, host, step};

const BUDGET: Duration = Duration::from_millis(300);
/// Longer than any step here takes on a busy machine.
const AMPLE: Duration = Duration::from_secs(3600);

/// Connects an actor to a script; the two run concurrently.
async fn meet(name: &str, caps: Caps, script: impl AsyncFnOnce(&mut Peer), body: impl AsyncFnOnce(&Portal)) {
    let server = Server::bind(name);
    alone(ActorOptions::new(), async |_| {
        let dialing = tractor::connect(&server.addr, async |portal| -> tractor::Result<()> {
            body(portal).await;
            Ok(())
        });
        let scripting = async {
            let mut peer = server.accept(caps).await;
            script(&mut peer).await;
            peer
        };
        let (dialed, _peer) = step("both ends", async { tokio::join!(dialing, scripting) }).await;
        dialed.expect("the script accepts");
    })
    .await;
}

async fn acked(peer: &mut Peer, functype: FuncType) -> Start {
    let start = peer.expect_start().await;
    peer.send(&Msg::StartAck { cid: start.cid, functype }).await;
    start
}

fn cancelled(peer: &Peer, start: &Start, canceller: &tractor::Uid, why: &str) -> Msg {
    let mut msg = ErrorMsg::new(peer.uid.clone(), "ContextCancelled", "cancelled");
    msg.src_type_str = why.to_owned();
    msg.canceller = Some(canceller.clone());
    msg.cid = Some(start.cid);
    Msg::Error(Box::new(msg))
}

#[tokio::test]
async fn the_time_that_is_left_is_told_to_a_peer_that_knows_of_it() {
    let script = async |peer: &mut Peer| {
        for within in [AMPLE, AMPLE / 2, AMPLE / 4] {
            let start = acked(peer, FuncType::AsyncFunc).await;
            let told = start.remaining.expect("it is sent");
            assert!(told < within && told > within - Duration::from_secs(60), "{told:?} of {within:?}");
            peer.send(&Msg::Return { cid: start.cid, pld: pld(&1) }).await;
        }
        let start = acked(peer, FuncType::AsyncFunc).await;
        assert_eq!(start.remaining, None);
        peer.send(&Msg::Return { cid: start.cid, pld: pld(&1) }).await;
    };
    meet("deadline-told", Caps::BASIC, script, async |portal| {
        let call = || portal.run(echo(1));
        assert_eq!(call().deadline(AMPLE).await.expect("an answer"), 1);
        assert_eq!(portal.deadline(AMPLE / 2).run(echo(1)).await.expect("an answer"), 1);
        let scope = tractor::with_deadline(AMPLE / 4, call().deadline(AMPLE));
        assert_eq!(scope.await.expect("an answer"), 1);
        assert_eq!(call().await.expect("an answer"), 1);
    })
    .await;
}

/// Requests with and without a deadline may have the same number of fields, or even the same bytes before their values.
#[tokio::test]
async fn a_deadline_is_heeded_in_every_request() {
    host("deadline-again", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        for remaining in [Some(AMPLE), Some(AMPLE), None, Some(AMPLE), None] {
            let mut start = peer.start_msg("c", "has_deadline", pld(&BTreeMap::<String, u8>::new()));
            start.remaining = remaining;
            peer.send(&Msg::Start(Box::new(start))).await;
            peer.expect_ack("c", FuncType::AsyncFunc).await;
            assert_eq!(peer.expect_return::<bool>("c").await, remaining.is_some());
        }
    })
    .await;
}

#[tokio::test]
async fn towards_a_peer_of_the_base_protocol_the_callers_clock_alone_counts() {
    let script = async |peer: &mut Peer| {
        let start = acked(peer, FuncType::AsyncFunc).await;
        assert_eq!(start.remaining, None);
        let request = peer.expect_cancel_request(start.cid).await;
        peer.send(&Msg::StartAck { cid: request, functype: FuncType::AsyncFunc }).await;
        let us = peer.them();
        let confirmed = cancelled(peer, &start, &us, "ContextCancelled");
        peer.send(&confirmed).await;
        peer.send(&Msg::CancelAck { cid: request, pld: pld(&true) }).await;
    };
    meet("deadline-base", Caps::NONE, script, async |portal| {
        let since = Instant::now();
        let result = portal.run(echo(1)).deadline(BUDGET).await;
        assert!(matches!(&result, Err(Error::DeadlineExceeded(_))), "{result:?}");
        assert!(since.elapsed() >= BUDGET);
    })
    .await;
}

#[tokio::test]
async fn a_callee_with_a_faster_clock_is_no_third_party() {
    let script = async |peer: &mut Peer| {
        for functype in [FuncType::AsyncFunc, FuncType::AsyncGen] {
            let start = acked(peer, functype).await;
            let us = peer.them();
            let passed = cancelled(peer, &start, &us, "DeadlineExceeded");
            peer.send(&passed).await;
        }
    };
    meet("deadline-early", Caps::BASIC, script, async |portal| {
        let result = portal.run(echo(1)).deadline(AMPLE).await;
        assert!(matches!(&result, Err(Error::DeadlineExceeded(_))), "{result:?}");
        let hasty = portal.deadline(AMPLE);
        let result = hasty.open_stream_from(counts(1), async |mut stream| stream.receive().await).await;
        assert!(matches!(&result, Err(Error::DeadlineExceeded(_))), "{result:?}");
    })
    .await;
}

#[tokio::test]
async fn a_cancellation_that_is_not_about_the_deadline_stays_one() {
    let script = async |peer: &mut Peer| {
        // The caller has ended the actor, or the actor reports a deadline that it does not have.
        for why in ["ContextCancelled", "DeadlineExceeded"] {
            let start = acked(peer, FuncType::AsyncFunc).await;
            let us = peer.them();
            let told = cancelled(peer, &start, &us, why);
            peer.send(&told).await;
        }
    };
    meet("deadline-other", Caps::BASIC, script, async |portal| {
        let result = portal.run(echo(1)).deadline(AMPLE).await;
        assert!(matches!(&result, Err(Error::Cancelled(_))), "{result:?}");
        let result = portal.run(echo(1)).await;
        assert!(matches!(&result, Err(Error::Cancelled(_))), "{result:?}");
    })
    .await;
}

#[tokio::test]
async fn a_callee_ends_its_task_by_its_own_clock_and_says_why() {
    host("deadline-callee", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        for (id, func, functype) in
            [("c1", "holds", FuncType::AsyncFunc), ("c2", "holds_stream", FuncType::AsyncGen)]
        {
            let key = format!("deadline-{func}");
            let mut watch = watch(&key);
            let mut start = peer.start_msg(id, func, kwargs("key", &key));
            start.remaining = Some(BUDGET);
            peer.send(&Msg::Start(Box::new(start))).await;
            peer.expect_ack(id, functype).await;
            let error = peer.expect_error(id, "ContextCancelled").await;
            assert_eq!(watch.balance().await, (1, 1), "the task has ended before the error was sent");
            assert_eq!(error.src_type_str, "DeadlineExceeded");
            assert_eq!(error.canceller, Some(peer.uid.clone()), "the peer has set the deadline");
        }
    })
    .await;
}

#[tokio::test]
async fn no_time_starts_nothing_and_more_than_a_clock_can_show_is_no_limit() {
    host("deadline-bounds", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        let mut watch = watch("deadline-zero");
        let mut start = peer.start_msg("c1", "holds", kwargs("key", "deadline-zero"));
        start.remaining = Some(Duration::ZERO);
        peer.send(&Msg::Start(Box::new(start))).await;
        peer.expect_ack("c1", FuncType::AsyncFunc).await;
        peer.expect_error("c1", "ContextCancelled").await;
        assert!(watch.is_quiet());
        let mut start = peer.start_msg("c2", "echo", kwargs("value", 5));
        start.remaining = Some(Duration::from_micros(i64::MAX as u64));
        peer.send(&Msg::Start(Box::new(start))).await;
        peer.expect_ack("c2", FuncType::AsyncFunc).await;
        assert_eq!(peer.expect_return::<i64>("c2").await, 5);
    })
    .await;
}
