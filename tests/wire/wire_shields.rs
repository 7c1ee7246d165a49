//! Shielded endpoints on the wire: they answer after their shields, and cannot wait for ever.

use tractor::ActorOptions;
use tractor_core::proto::msg::{FuncType, Msg};

use crate::wire_support::endpoints::watch;
use crate::wire_support::script::{cid, kwargs, pld};
use crate::wire_support::{Peer, host};

#[tokio::test]
async fn a_shielded_task_is_acknowledged_when_it_has_ended_and_reads_on_until_then() {
    host("sh-cancel", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let mut reads = watch("sh-cancel");
        peer.open("x", "reads_shielded", kwargs("key", "sh-cancel")).await;
        reads.expect("started").await;
        peer.cancel_task("k", "x").await;
        peer.expect_ack("k", FuncType::AsyncFunc).await;
        peer.stream("x", 1).await;
        peer.assert_answered().await;
        assert!(reads.is_quiet(), "it waits for the end of the stream");
        peer.stop("x").await;
        let error = peer.expect_error("x", "ContextCancelled").await; // not the value that it returned
        assert_eq!(error.canceller, Some(peer.uid.clone()));
        peer.expect_cancel_ack("k").await;
        reads.expect("dropped").await;
        assert_eq!(peer.dialogs_open().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_failure_of_the_parent_side_reaches_a_shielded_reader() {
    host("sh-fail", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let mut reads = watch("sh-fail");
        peer.open("x", "reads_shielded", kwargs("key", "sh-fail")).await;
        reads.expect("started").await;
        peer.fail("x", "KeyError", "'lost'").await;
        peer.expect_stop("x").await;
        let error = peer.expect_error("x", "RemoteActorError").await;
        assert_eq!((error.src_type_str.as_str(), &error.src_uid), ("KeyError", &peer.uid));
        assert_eq!(error.relay_path, [peer.uid.clone(), peer.them()]);
        reads.expect("dropped").await;
        assert_eq!(peer.dialogs_open().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_message_out_of_order_ends_a_shielded_reader() {
    host("sh-illegal", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let mut reads = watch("sh-illegal");
        peer.open("x", "reads_shielded", kwargs("key", "sh-illegal")).await;
        reads.expect("started").await;
        peer.send(&Msg::Return { cid: cid("x"), pld: pld(&1) }).await;
        peer.expect_stop("x").await;
        peer.expect_local_error("x", "MessagingError", &["Return"]).await;
        reads.expect("dropped").await;
        assert_eq!(peer.dialogs_open().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_shielded_reader_ends_with_its_connection() {
    host("sh-lost", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let mut reads = watch("sh-lost");
        peer.open("x", "reads_shielded", kwargs("key", "sh-lost")).await;
        reads.expect("started").await;
        peer.cancel_task("k", "x").await;
        peer.expect_ack("k", FuncType::AsyncFunc).await;
        peer.assert_answered().await;
        assert!(reads.is_quiet());
        peer.hang_up().await;
        reads.expect("dropped").await;
    })
    .await;
}
