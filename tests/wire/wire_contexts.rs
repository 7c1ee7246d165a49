//! The child side of a context: every order of messages that a parent side may send.

use bytes::Bytes;
use tractor::ActorOptions;
use tractor_core::proto::msg::{ErrorMsg, FuncType, Msg};

use crate::wire_support::endpoints::{lock_gate, watch};
use crate::wire_support::script::{cid, kwargs, no_kwargs, pld};
use crate::wire_support::{Peer, host, limited};

use crate::wire_support;

#[tokio::test]
async fn a_whole_context_as_the_reference_speaks_it() {
    host("cx-whole", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        peer.start("x", "doubles", no_kwargs()).await;
        peer.expect_ack("x", FuncType::Context).await;
        assert_eq!(peer.expect_started::<i64>("x").await, 0);
        for n in 1..=3 {
            peer.stream("x", n).await;
            assert_eq!(peer.expect_yield::<i64>("x").await, 2 * n);
        }
        peer.stop("x").await;
        assert_eq!(peer.expect_return::<i64>("x").await, 3); // the side that sees `Stop` first does not answer it
        assert_eq!(peer.dialogs_open().await, 0);
    })
    .await;
}

#[tokio::test]
async fn contexts_of_one_connection_do_not_mix() {
    host("cx-mix", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        for id in ["x", "y", "z"] {
            peer.open(id, "doubles", no_kwargs()).await;
        }
        for (id, n) in [("x", 1), ("z", 2), ("y", 3), ("x", 4), ("x", 5), ("y", 6)] {
            peer.stream(id, n).await;
            assert_eq!(peer.expect_yield::<i64>(id).await, 2 * n);
        }
        for (id, got) in [("z", 1), ("x", 3), ("y", 2)] {
            peer.stop(id).await;
            assert_eq!(peer.expect_return::<i64>(id).await, got);
        }
    })
    .await;
}

#[tokio::test]
async fn messages_after_the_peers_own_stop_are_ignored() {
    host("cx-stop", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let gate = lock_gate("cx-stop");
        peer.open("x", "reads_late", kwargs("key", "cx-stop")).await;
        peer.stream("x", 10).await;
        peer.stop("x").await;
        peer.stream("x", 100).await; // a value after `Stop`
        peer.stop("x").await; // a second `Stop`
        peer.stop("never-opened").await;
        peer.assert_answered().await;
        gate.send(()).unwrap();
        assert_eq!(peer.expect_return::<i64>("x").await, 10);
        // And after the end of the dialog.
        peer.stop("x").await;
        peer.stream("x", 1).await;
        peer.fail("x", "ValueError", "too late").await;
        peer.assert_answered().await;
        assert_eq!(peer.dialogs_open().await, 0);
    })
    .await;
}

#[tokio::test]
async fn messages_for_unknown_dialogs_are_dropped_without_an_answer() {
    host("cx-unknown", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        let id = cid("unknown");
        let value = || pld(&1);
        let mut error = ErrorMsg::new(peer.uid.clone(), "ValueError", "");
        error.cid = Some(id);
        for msg in [
            Msg::StartAck { cid: id, functype: FuncType::Context },
            Msg::Started { cid: id, pld: value() },
            Msg::Yield { cid: id, pld: value() },
            Msg::Stop { cid: id },
            Msg::Return { cid: id, pld: value() },
            Msg::CancelAck { cid: id, pld: value() },
            Msg::Credit { cid: id, bytes: u32::MAX },
            Msg::Error(Box::new(error)),
        ] {
            peer.send(&msg).await;
        }
        peer.assert_answered().await;
    })
    .await;
}

#[tokio::test]
async fn messages_a_parent_side_must_not_send_end_that_context_with_one_error() {
    host("cx-illegal", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        peer.open("bystander", "doubles", no_kwargs()).await;
        let id = cid("x");
        for (n, illegal) in [
            Msg::Started { cid: id, pld: pld(&1) },
            Msg::Return { cid: id, pld: pld(&1) },
            Msg::CancelAck { cid: id, pld: pld(&true) },
        ]
        .into_iter()
        .enumerate()
        {
            let key = format!("cx-illegal-{n}");
            let mut held = watch(&key);
            peer.open("x", "holds_open", kwargs("key", &key)).await;
            held.expect("started").await;
            peer.send(&illegal).await;
            peer.expect_local_error("x", "MessagingError", &[illegal.name()]).await;
            held.expect("dropped").await;
            peer.stream("bystander", 1).await;
            assert_eq!(peer.expect_yield::<i64>("bystander").await, 2, "the connection goes on");
        }
        assert_eq!(peer.dialogs_open().await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_value_for_a_plain_function_ends_it_with_one_error() {
    host("cx-plain", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let mut held = watch("cx-plain");
        peer.start("f", "holds", kwargs("key", "cx-plain")).await;
        peer.expect_ack("f", FuncType::AsyncFunc).await;
        held.expect("started").await;
        peer.stop("f").await; // late closes are harmless
        peer.assert_answered().await;
        peer.stream("f", 1).await;
        peer.expect_local_error("f", "MessagingError", &["Yield"]).await;
        held.expect("dropped").await;
        assert_eq!(peer.dialogs_open().await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_acknowledgement_of_an_established_context_is_ignored() {
    host("cx-ack", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        peer.open("x", "doubles", no_kwargs()).await;
        peer.send(&Msg::StartAck { cid: cid("x"), functype: FuncType::AsyncGen }).await;
        peer.stream("x", 1).await;
        assert_eq!(peer.expect_yield::<i64>("x").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_failure_of_the_parent_side_cancels_the_task_and_comes_back_relayed() {
    host("cx-relay", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        for (func, kind) in [("holds_open", FuncType::Context), ("holds", FuncType::AsyncFunc)] {
            let key = format!("cx-relay-{func}");
            let mut held = watch(&key);
            peer.start("x", func, kwargs("key", &key)).await;
            peer.expect_ack("x", kind).await;
            if kind == FuncType::Context {
                peer.expect_started::<i64>("x").await;
            }
            held.expect("started").await;
            peer.fail("x", "KeyError", "'lost'").await;
            let error = peer.expect_error("x", "RemoteActorError").await;
            held.expect("dropped").await;
            assert_eq!((error.src_type_str.as_str(), &error.src_uid), ("KeyError", &peer.uid));
            assert_eq!(error.relay_path, [peer.uid.clone(), peer.them()]);
            assert_eq!(error.message.as_deref(), Some("'lost'"));
            peer.assert_answered().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_relayed_cancellation_keeps_its_canceller() {
    host("cx-relay-ctxc", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        peer.open("x", "holds_open", kwargs("key", "cx-relay-ctxc")).await;
        let third = tractor::Uid::new("third", "3");
        let mut error = ErrorMsg::new(peer.uid.clone(), "ContextCancelled", "");
        (error.cid, error.canceller) = (Some(cid("x")), Some(third.clone()));
        peer.send(&Msg::Error(Box::new(error))).await;
        let error = peer.expect_error("x", "ContextCancelled").await;
        assert_eq!((error.canceller, &error.src_uid), (Some(third), &peer.them()));
        assert_eq!(error.relay_path, [peer.uid.clone(), peer.them()]);
    })
    .await;
}

#[tokio::test]
async fn a_failure_of_the_peers_runtime_closes_the_connection_and_cancels_its_tasks() {
    host("cx-runtime", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let mut held = watch("cx-runtime");
        peer.open("x", "holds_open", kwargs("key", "cx-runtime")).await;
        held.expect("started").await;
        let error = ErrorMsg::new(peer.uid.clone(), "RuntimeError", "the script broke");
        peer.send(&Msg::Error(Box::new(error))).await;
        peer.expect_closed().await;
        held.expect("dropped").await;
        wire_support::assert_alive(addr).await;
    })
    .await;
}

#[tokio::test]
async fn each_value_over_the_inbox_limit_is_dropped_with_one_overrun_error() {
    host("cx-flood", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let gate = lock_gate("cx-flood");
        peer.open("x", "reads_late", kwargs("key", "cx-flood")).await;
        for _ in 0..64 {
            peer.stream("x", 1).await;
        }
        peer.assert_answered().await; // all of them had room
        for over in 1..=5 {
            peer.stream("x", 1000 * over).await;
            let error = peer.expect_local_error("x", "StreamOverrun", &["inbox_messages_max"]).await;
            assert_eq!(error.sender, Some(peer.uid.clone()));
        }
        peer.stop("x").await; // the end of a stream needs no room
        gate.send(()).unwrap();
        assert_eq!(peer.expect_return::<i64>("x").await, 64);
    })
    .await;
}

#[tokio::test]
async fn a_rust_peer_that_ignores_its_credit_is_stopped_by_the_window() {
    let limits = limited(|limits| limits.stream_window_bytes = 0);
    host("cx-credit", limits, async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        let gate = lock_gate("cx-credit");
        peer.open("x", "reads_late", kwargs("key", "cx-credit")).await;
        let mut sent = 0;
        let overrun = loop {
            for _ in 0..100 {
                peer.stream("x", 1).await;
            }
            sent += 100;
            peer.start("ping", "echo", kwargs("value", 1)).await;
            if let Msg::Error(error) = peer.recv().await {
                break error;
            }
            peer.expect_return::<i64>("ping").await;
            assert!(sent < 10_000, "no limit applies");
        };
        assert_eq!(overrun.src_type_str, "StreamOverrun");
        assert!(overrun.message.unwrap().contains("stream_window_bytes"));
        assert!(sent > 3_000, "256 KiB hold more than {sent} small values");
        drop(gate);
    })
    .await;
}

#[tokio::test]
async fn a_value_of_the_wrong_type_fails_the_receiver_and_is_shown_to_the_sender() {
    host("cx-mte", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let not_msgpack = Bytes::from_static(&[0xc1]);
        for (bad, shown) in [(pld("text"), true), (not_msgpack, false), (Bytes::from_static(&[1, 2]), false)]
        {
            peer.open("x", "doubles", no_kwargs()).await;
            peer.stream("x", 1).await;
            assert_eq!(peer.expect_yield::<i64>("x").await, 2);
            peer.send(&Msg::Yield { cid: cid("x"), pld: bad.clone() }).await;
            peer.expect_stop("x").await; // the endpoint's stream ends with it
            let error = peer.expect_local_error("x", "MsgTypeError", &["Yield", "i64"]).await;
            let bad_msg = error.bad_msg.map(|raw| tractor_core::proto::codec::decode(&raw).unwrap());
            assert_eq!(bad_msg, shown.then(|| Msg::Yield { cid: cid("x"), pld: bad }));
            peer.assert_answered().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_context_that_returns_unstarted_still_returns() {
    host("cx-unstarted", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        peer.start("x", "returns_unstarted", no_kwargs()).await;
        peer.expect_ack("x", FuncType::Context).await;
        assert_eq!(peer.expect_return::<i64>("x").await, 7); // the parent side turns it into an error
    })
    .await;
}

#[tokio::test]
async fn the_loss_of_a_connection_cancels_the_peers_tasks() {
    host("cx-loss", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let mut held = watch("cx-loss");
        peer.start("f", "holds", kwargs("key", "cx-loss")).await;
        peer.start("x", "holds_open", kwargs("key", "cx-loss")).await;
        for _ in 0..2 {
            held.expect("started").await;
        }
        drop(peer);
        for _ in 0..2 {
            held.expect("dropped").await;
        }
        wire_support::assert_alive(addr).await;
    })
    .await;
}
