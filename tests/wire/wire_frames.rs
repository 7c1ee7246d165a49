//! Frames: an unreadable frame costs its sender at most the connection.

use bytes::Bytes;
use tractor::ActorOptions;
use tractor_core::proto::id::Cid;
use tractor_core::proto::msg::{ErrorMsg, FuncType, Msg};

use crate::wire_support::endpoints::watch;
use crate::wire_support::script::{foreign, frame_of, kwargs, pld};
use crate::wire_support::{Peer, assert_alive, host, limited};

use crate::wire_support;

const NOT_MSGPACK: &[u8] = &[0xc1, 0x00];

#[tokio::test]
async fn frames_may_be_cut_and_joined_anywhere() {
    host("fr-cut", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let frames: Vec<u8> = (0..3)
            .flat_map(|n| {
                let start = peer.start_msg(&format!("c{n}"), "echo", kwargs("value", n));
                frame_of(&Msg::Start(Box::new(start)))
            })
            .collect();
        for size in [1, 3, 7, 64, frames.len()] {
            for piece in frames.chunks(size) {
                peer.send_bytes(piece).await;
                tokio::task::yield_now().await;
            }
            for n in 0..3 {
                let id = format!("c{n}");
                peer.expect_ack(&id, FuncType::AsyncFunc).await;
                assert_eq!(peer.expect_return::<i64>(&id).await, n);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn frames_that_are_no_messagepack_are_skipped_up_to_the_limit() {
    host("fr-bad", limited(|limits| limits.bad_frames_max = 4), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        for bad in [NOT_MSGPACK, b"", &[0x93, 1], &[1, 2]] {
            peer.send_body(bad).await;
            peer.assert_answered().await;
        }
        peer.send_body(NOT_MSGPACK).await;
        peer.expect_closed().await;
        assert_alive(addr).await;
    })
    .await;
}

#[tokio::test]
async fn bad_frames_are_counted_per_connection() {
    host("fr-per-connection", limited(|limits| limits.bad_frames_max = 1), async |_, addr| {
        let (mut one, mut other) = (Peer::base(addr).await, Peer::base(addr).await);
        one.send_body(b"").await;
        other.send_body(b"").await;
        one.assert_answered().await;
        other.assert_answered().await;
        one.send_body(b"").await;
        one.expect_closed().await;
        other.assert_answered().await;
    })
    .await;
}

#[tokio::test]
async fn values_nested_too_deep_count_as_bad_frames() {
    host("fr-deep", limited(|limits| limits.bad_frames_max = 1), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let deep = [vec![0x91; 100_000], vec![0xc0]].concat();
        peer.send_foreign(&[("msg_type", pld("Stop")), ("x", Bytes::from(deep.clone()))]).await;
        peer.assert_answered().await;
        peer.send_body(&deep).await;
        peer.expect_closed().await;
        assert_alive(addr).await;
    })
    .await;
}

#[tokio::test]
async fn a_frame_over_the_limit_closes_the_connection_unread() {
    host("fr-large", limited(|limits| limits.frame_bytes_max = 4096), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        peer.send_bytes(&4097u32.to_le_bytes()).await; // the prefix is enough
        peer.expect_closed().await;

        let mut held = watch("fr-large");
        let mut peer = Peer::rust(addr).await;
        peer.start("h", "holds", kwargs("key", "fr-large")).await;
        peer.expect_ack("h", FuncType::AsyncFunc).await;
        held.expect("started").await;
        peer.send_bytes(&u32::MAX.to_le_bytes()).await;
        peer.expect_closed().await;
        held.expect("dropped").await;
        assert_alive(addr).await;
    })
    .await;
}

#[tokio::test]
async fn requests_before_an_oversized_frame_are_still_answered() {
    host("fr-before", limited(|limits| limits.frame_bytes_max = 4096), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        let start = peer.start_msg("c", "echo", kwargs("value", 1));
        let mut bytes = frame_of(&Msg::Start(Box::new(start)));
        bytes.extend(u32::MAX.to_le_bytes());
        peer.send_bytes(&bytes).await;
        peer.expect_ack("c", FuncType::AsyncFunc).await;
        assert_eq!(peer.expect_return::<i64>("c").await, 1);
        peer.expect_closed().await;
    })
    .await;
}

#[tokio::test]
async fn an_end_inside_a_frame_cancels_the_dialogs_of_that_connection() {
    host("fr-eof", ActorOptions::new(), async |_, addr| {
        let mut other_held = watch("fr-eof-other");
        let mut other = Peer::base(addr).await;
        other.start("h", "holds", kwargs("key", "fr-eof-other")).await;
        other.expect_ack("h", FuncType::AsyncFunc).await;
        other_held.expect("started").await;
        let whole = frame_of(&Msg::Stop { cid: wire_support::script::cid("c") });
        for (sent, func) in [(0, "holds"), (2, "holds"), (4, "holds_open"), (9, "holds_open")] {
            let key = format!("fr-eof-{sent}");
            let mut held = watch(&key);
            let mut peer = Peer::base(addr).await;
            peer.start("h", func, kwargs("key", &key)).await;
            held.expect("started").await;
            peer.send_bytes(&whole[..sent]).await;
            peer.hang_up().await;
            held.expect("dropped").await;
        }
        assert!(other_held.is_quiet(), "another connection's task was touched");
        other.assert_answered().await;
        assert_alive(addr).await;
    })
    .await;
}

#[tokio::test]
async fn an_unknown_message_is_refused_when_it_names_a_dialog_and_else_ignored() {
    host("fr-unknown", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        for _ in 0..10 {
            // More often than `bad_frames_max`: an unknown message is no bad frame.
            peer.send_foreign(&[("msg_type", pld("Teleport")), ("cid", pld("t"))]).await;
            peer.expect_local_error("t", "MsgTypeError", &["Teleport"]).await;
            peer.send_foreign(&[("msg_type", pld("Teleport"))]).await;
            peer.assert_answered().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_malformed_request_is_answered_when_it_names_a_dialog() {
    host("fr-schema", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let uid = pld(&[peer.uid.name(), peer.uid.uuid()]);
        let whole = |func: Bytes, kwargs: Bytes, uid: Bytes| {
            foreign(&[
                ("kwargs", kwargs),
                ("cid", pld("s")),
                ("func", func),
                ("ns", pld(wire_support::endpoints::MODULE)),
                ("uid", uid),
                ("msg_type", pld("Start")),
            ])
        };
        let good = kwargs("value", 1);
        for (body, word) in [
            (whole(pld(&7), good.clone(), uid.clone()), "func"),
            (whole(pld("echo"), pld(&[1]), uid.clone()), "kwargs"),
            (whole(pld("echo"), good.clone(), pld(&["only one"])), "uid"),
            (foreign(&[("msg_type", pld("Start")), ("cid", pld("s"))]), "missing"),
            (foreign(&[("cid", pld("s"))]), "msg_type"),
        ] {
            peer.send_body(&body).await;
            peer.expect_local_error("s", "MsgTypeError", &[word]).await;
        }
        peer.send_foreign(&[("msg_type", pld("Start"))]).await; // no id, so no answer
        peer.send_body(&pld(&42)).await;
        peer.assert_answered().await;

        // Any order of keys will do, and unknown keys are ignored.
        peer.send_body(&whole(pld("echo"), good, uid)).await;
        peer.expect_ack("s", FuncType::AsyncFunc).await;
        assert_eq!(peer.expect_return::<i64>("s").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_malformed_message_fails_its_dialog_and_no_other() {
    host("fr-dialog", ActorOptions::new(), async |_, addr| {
        let (mut broken, mut whole) = (watch("fr-dialog-broken"), watch("fr-dialog-whole"));
        let mut peer = Peer::base(addr).await;
        peer.open("b", "holds_open", kwargs("key", "fr-dialog-broken")).await;
        peer.open("w", "holds_open", kwargs("key", "fr-dialog-whole")).await;
        broken.expect("started").await;
        whole.expect("started").await;
        peer.send_foreign(&[("msg_type", pld("Started")), ("cid", pld("b"))]).await;
        peer.expect_error("b", "MsgTypeError").await;
        broken.expect("dropped").await;
        peer.assert_answered().await; // exactly one outcome
        assert!(whole.is_quiet());
        assert_eq!(peer.dialogs_open().await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_failure_too_large_to_relay_still_arrives() {
    host("fr-error", limited(|limits| limits.frame_bytes_max = 4096), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        peer.open("x", "doubles", Bytes::from_static(&[0x80])).await;
        let mut error = ErrorMsg::new(peer.uid.clone(), "ValueError", "bad");
        error.cid = Cid::new("x");
        // The largest allowed frame; an actor that passes the error on adds a name.
        let room = 4096 + 4 - frame_of(&Msg::Error(Box::new(error.clone()))).len() - 16;
        error.src_type_str = "E".repeat(room);
        peer.send(&Msg::Error(Box::new(error))).await;
        peer.expect_stop("x").await;
        let error = peer.expect_error("x", "RuntimeFailure").await;
        assert!(error.message.as_deref().is_some_and(|text| text.contains("frame_bytes_max")), "{error:?}");
        peer.assert_answered().await;
    })
    .await;
}
