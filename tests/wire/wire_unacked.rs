//! Results that are ready at once come without a `StartAck`, between peers that have announced the extension.

use tractor::ActorOptions;
use tractor::Error;
use tractor_core::proto::id::{Caps, Cid};
use tractor_core::proto::msg::{FuncType, Msg};

use crate::wire_support::endpoints::{doubles, echo, watch};
use crate::wire_support::script::{kwargs, no_kwargs, pld};
use crate::wire_support::{Peer, host, meet};

async fn unacked(addr: &tractor::Addr) -> Peer {
    let mut peer = Peer::dial(addr).await;
    peer.introduce(Caps::ANNOUNCED).await;
    peer
}

fn returned(id: Cid) -> Msg {
    Msg::Return { cid: id, pld: pld(&7) }
}

#[tokio::test]
async fn a_result_that_is_ready_at_once_comes_alone() {
    host("ua-ready", ActorOptions::new(), async |_, addr| {
        let mut peer = unacked(addr).await;
        for round in 0..3 {
            peer.start("c", "echo", kwargs("value", round)).await;
            assert_eq!(peer.expect_return::<i64>("c").await, round);
        }
        let mut wants_to_know = Peer::rust(addr).await;
        wants_to_know.start("c", "echo", kwargs("value", 1)).await;
        wants_to_know.expect_ack("c", FuncType::AsyncFunc).await;
        assert_eq!(wants_to_know.expect_return::<i64>("c").await, 1);
    })
    .await;
}

#[tokio::test]
async fn other_results_are_accepted_first() {
    host("ua-accepted", ActorOptions::new(), async |_, addr| {
        let mut peer = unacked(addr).await;
        // Without the acknowledgement these failures would be refusals: of requests that have not run.
        peer.start("f", "fails", kwargs("text", "no luck")).await;
        peer.expect_ack("f", FuncType::AsyncFunc).await;
        peer.expect_local_error("f", "Oops", &["no luck"]).await;
        peer.start("p", "panics", no_kwargs()).await;
        peer.expect_ack("p", FuncType::AsyncFunc).await;
        peer.expect_local_error("p", "Panic", &["on purpose"]).await;
        let mut held = watch("ua-accepted");
        peer.start("h", "holds", kwargs("key", "ua-accepted")).await;
        peer.expect_ack("h", FuncType::AsyncFunc).await;
        held.expect("started").await;
        peer.cancel_task("k", "h").await;
        peer.expect_ack("k", FuncType::AsyncFunc).await;
        peer.expect_error("h", "ContextCancelled").await;
        peer.expect_cancel_ack("k").await;
        peer.start("s", "counts", kwargs("to", 0)).await;
        peer.expect_ack("s", FuncType::AsyncGen).await;
        peer.expect_stop("s").await;
        // A refusal is still a refusal.
        peer.start("n", "no_such_function", no_kwargs()).await;
        peer.expect_error("n", "AttributeError").await;
        assert_eq!(peer.dialogs_open().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_result_without_an_acknowledgement_is_accepted_only_from_peers_that_announced_it() {
    for (name, caps) in [("ua-told", Caps::ANNOUNCED), ("ua-rust", Caps::BASIC), ("ua-base", Caps::NONE)] {
        let script = async |peer: &mut Peer| {
            let start = peer.expect_start().await;
            peer.send(&returned(start.cid)).await;
            if caps != Caps::ANNOUNCED {
                let words = ["Return", "awaiting StartAck(asyncfunc)"];
                peer.expect_local_error(start.cid.as_str(), "MessagingError", &words).await;
            }
            // A second result is ignored.
            peer.send(&returned(start.cid)).await;
            let start = peer.expect_start().await;
            peer.send(&Msg::StartAck { cid: start.cid, functype: FuncType::AsyncFunc }).await;
            peer.send(&returned(start.cid)).await;
        };
        meet(name, ActorOptions::new(), caps, script, async |portal| {
            match portal.run(echo(7)).await {
                Ok(value) => assert_eq!((value, caps), (7, Caps::ANNOUNCED)),
                Err(Error::Messaging(error)) => assert!(caps != Caps::ANNOUNCED, "{error}"),
                Err(other) => panic!("{caps:?}: {other}"),
            }
            assert_eq!(portal.run(echo(7)).await.unwrap(), 7);
        })
        .await;
    }
}

#[tokio::test]
async fn a_function_that_is_asked_for_as_a_context_is_named_as_the_mistake() {
    let script = async |peer: &mut Peer| {
        let start = peer.expect_start().await;
        peer.send(&returned(start.cid)).await;
        peer.expect_local_error(start.cid.as_str(), "MessagingError", &["not a context", "`run`"]).await;
    };
    meet("ua-context", ActorOptions::new(), Caps::ANNOUNCED, script, async |portal| {
        let opened = portal.open_context(doubles(), async |_ctx, _first| -> tractor::Result<()> {
            unreachable!("it has no first value")
        });
        assert!(opened.await.unwrap_err().to_string().contains("not a context"));
    })
    .await;
}
