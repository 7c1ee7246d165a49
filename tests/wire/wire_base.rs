//! Differences of peers of the base protocol: messages that they do not send, and messages with another meaning.
//!
//! The scripts send the messages of the Python library, byte for byte.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use serde_bytes::ByteBuf;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tractor::{ActorOptions, DynCall, Error, Portal, Value};
use tractor_core::proto::id::{Caps, Cid};
use tractor_core::proto::limits::PEER_LOG_LINES_MAX;
use tractor_core::proto::msg::{ErrorMsg, FuncType, Msg};

use crate::wire_support::endpoints::{blob, counts, doubles, echo, watch};
use crate::wire_support::script::{cid, frame_of, kwargs, no_kwargs, pld};
use crate::wire_support::{Peer, assert_alive, host, limited, meet, step, timed};

/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);

async fn accepted(peer: &mut Peer, functype: FuncType) -> Cid {
    let id = peer.expect_start().await.cid;
    peer.send(&Msg::StartAck { cid: id, functype }).await;
    id
}

/// Ends a task as plain functions and stream functions of the base protocol end: the cancel request is acknowledged,
/// and the task itself sends nothing.
async fn acknowledge_cancel(peer: &mut Peer, target: Cid) {
    let request = peer.expect_cancel_request(target).await;
    peer.send(&Msg::StartAck { cid: request, functype: FuncType::AsyncFunc }).await;
    peer.send(&Msg::CancelAck { cid: request, pld: pld(&true) }).await;
}

/// Polls a call once, so that its request is sent, and drops the call.
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
        assert!(std::error::Error::source(&late).is_none(), "unexpected message: {late:?}");
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
async fn an_outcome_before_the_acknowledgement_counts() {
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

// ---- one `Stop` ends both directions -------------------------------------------------------------------------------

#[tokio::test]
async fn our_own_stop_ends_what_a_peer_of_the_base_protocol_streams() {
    let (told, is_told) = tokio::sync::oneshot::channel();
    let script = async |peer: &mut Peer| {
        let id = accepted(peer, FuncType::Context).await;
        peer.send(&Msg::Started { cid: id, pld: pld(&0) }).await;
        peer.send(&Msg::Yield { cid: id, pld: pld(&7) }).await;
        assert_eq!(peer.expect_yield::<i64>(id.as_str()).await, 1);
        peer.expect_stop(id.as_str()).await;
        // Values that were in flight.
        peer.send(&Msg::Yield { cid: id, pld: pld(&8) }).await;
        is_told.await.expect("the body goes on");
        peer.send(&Msg::Return { cid: id, pld: pld(&5) }).await;
        peer.expect_closed().await;
    };
    meet("ba-stop", ActorOptions::new(), Caps::NONE, script, async |portal| {
        let scope = portal.open_context(doubles(), async |ctx, _first| {
            let mut stream = ctx.open_stream();
            assert_eq!(stream.receive().await?, Some(7));
            stream.send(1).await?;
            let (tx, mut rx) = stream.split();
            let (end, ()) = step("the end", async {
                tokio::join!(rx.receive(), async {
                    tokio::task::yield_now().await;
                    tx.finish();
                })
            })
            .await;
            assert_eq!(end?, None);
            told.send(()).expect("the script waits");
            assert_eq!(stream.receive().await?, None);
            stream.wait_for_result().await
        });
        assert_eq!(scope.await.expect("it has returned"), 5);
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_ends_its_half_receives_what_has_come_and_then_the_end() {
    host("ba-finishes", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        peer.open("f", "finishes", kwargs("after", 2)).await;
        peer.stream("f", 7).await;
        peer.stream("f", 8).await;
        peer.expect_stop("f").await;
        assert_eq!(peer.expect_return::<i64>("f").await, 15);
        // A Rust peer goes on.
        let mut peer = Peer::rust(addr).await;
        peer.open("f", "finishes", kwargs("after", 1)).await;
        peer.stream("f", 7).await;
        let Msg::Credit { .. } = peer.recv().await else { panic!("a value was received") };
        peer.expect_stop("f").await;
        peer.stream("f", 8).await;
        peer.stop("f").await;
        assert_eq!(peer.expect_return::<i64>("f").await, 15);
    })
    .await;
}

/// Only the extension `credit` changes this rule.
#[tokio::test]
async fn our_own_stop_ends_what_a_peer_without_credit_streams() {
    let (told, is_told) = tokio::sync::oneshot::channel();
    let script = async |peer: &mut Peer| {
        let id = accepted(peer, FuncType::Context).await;
        peer.send(&Msg::Started { cid: id, pld: pld(&0) }).await;
        peer.expect_stop(id.as_str()).await;
        is_told.await.expect("the body goes on");
        peer.send(&Msg::Return { cid: id, pld: pld(&5) }).await;
        peer.expect_closed().await;
    };
    meet("ba-creditless", ActorOptions::new(), Caps::DEADLINE, script, async |portal| {
        let scope = portal.open_context(doubles(), async |ctx, _first| {
            let mut stream = ctx.open_stream();
            stream.finish();
            assert_eq!(step("the end", stream.receive()).await?, None);
            told.send(()).expect("the script waits");
            stream.wait_for_result().await
        });
        assert_eq!(scope.await.expect("it has returned"), 5);
    })
    .await;
}

// ---- texts of failures ---------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_failure_is_told_where_the_base_protocol_looks_for_it() {
    host("ba-told", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        peer.start("f", "fails", kwargs("text", "no luck")).await;
        peer.expect_ack("f", FuncType::AsyncFunc).await;
        let trace = peer.expect_error("f", "Oops").await.tb_str;
        let lines: Vec<_> = trace.lines().collect();
        assert!(lines[0].contains("endpoints:fails"), "{trace}");
        assert_eq!(lines[1..], ["Oops: no luck"], "{trace}");
        peer.start("p", "panics", no_kwargs()).await;
        peer.expect_ack("p", FuncType::AsyncFunc).await;
        let trace = peer.expect_error("p", "Panic").await.tb_str;
        assert!(trace.contains("endpoints.rs") && trace.contains("\nPanic: on purpose\n"), "{trace}");
        peer.start("u", "absent", no_kwargs()).await;
        let trace = peer.expect_error("u", "AttributeError").await.tb_str;
        assert!(trace.starts_with("AttributeError: ") && trace.contains("absent"), "{trace}");
        // Rust peers get the text in its own field.
        let mut peer = Peer::rust(addr).await;
        peer.start("f", "fails", kwargs("text", "no luck")).await;
        peer.expect_ack("f", FuncType::AsyncFunc).await;
        assert_eq!(peer.expect_error("f", "Oops").await.tb_str, "");
    })
    .await;
}

#[tokio::test]
async fn the_text_of_a_failure_of_the_base_protocol_is_that_of_its_trace() {
    let trace = "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    raise E('bad')\nm.E: bad \
                 value\n";
    let script = async |peer: &mut Peer| {
        let id = accepted(peer, FuncType::AsyncFunc).await;
        let mut error = ErrorMsg::new(peer.uid.clone(), "E", "");
        error.cid = Some(id);
        error.tb_str = trace.to_owned();
        peer.send(&Msg::Error(Box::new(error))).await;
        peer.expect_closed().await;
    };
    meet("ba-text", ActorOptions::new(), Caps::NONE, script, async |portal| {
        let error = portal.run(echo(1)).await.unwrap_err();
        let error = error.as_remote().expect("the error is remote");
        assert_eq!((error.src_type(), error.message(), error.trace()), ("E", "bad value", trace));
        assert!(error.to_string().ends_with(": bad value"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn an_error_has_the_name_that_its_type_has_chosen() {
    host("ba-named", ActorOptions::new(), async |_, addr| {
        for mut peer in [Peer::base(addr).await, Peer::rust(addr).await] {
            peer.start("r", "refuses", kwargs("value", 7)).await;
            peer.expect_ack("r", FuncType::AsyncFunc).await;
            peer.expect_local_error("r", "ValueError", &["7 is bad"]).await;
        }
    })
    .await;
}

// ---- frames over the limit -----------------------------------------------------------------------------------------

#[tokio::test]
async fn a_request_over_the_limit_is_refused_and_the_connection_goes_on() {
    host("ba-large", limited(|limits| limits.frame_bytes_max = 4096), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let large = |peer: &Peer, id: &str, bytes: usize| {
            let start = peer.start_msg(id, "length", kwargs("data", ByteBuf::from(vec![7; bytes])));
            frame_of(&Msg::Start(Box::new(start)))
        };
        let words = &["4096", "frame_bytes_max"];
        for bytes in [4096, 40_000, 1_000_000] {
            peer.send_bytes(&large(&peer, "l", bytes)).await;
            peer.expect_local_error("l", "MessagingError", words).await;
            peer.assert_answered().await;
        }
        // The frame is sent in pieces, with other frames before, between and behind.
        let small = frame_of(&Msg::Start(Box::new(peer.start_msg("s", "echo", kwargs("value", 1)))));
        let all =
            [small.clone(), large(&peer, "a", 5000), small.clone(), large(&peer, "b", 6000), small].concat();
        for size in [1009, all.len()] {
            for piece in all.chunks(size) {
                peer.send_bytes(piece).await;
                tokio::task::yield_now().await;
            }
            for refused in ["a", "b", ""] {
                peer.expect_ack("s", FuncType::AsyncFunc).await;
                assert_eq!(peer.expect_return::<i64>("s").await, 1);
                if !refused.is_empty() {
                    peer.expect_local_error(refused, "MessagingError", words).await;
                }
            }
        }
        peer.assert_answered().await;
    })
    .await;
}

#[tokio::test]
async fn a_value_over_the_limit_ends_its_dialog_alone() {
    host("ba-value", limited(|limits| limits.frame_bytes_max = 4096), async |_, addr| {
        let (mut hit, mut other) = (watch("ba-value-hit"), watch("ba-value-other"));
        let mut peer = Peer::base(addr).await;
        peer.open("h", "holds_open", kwargs("key", "ba-value-hit")).await;
        peer.open("o", "holds_open", kwargs("key", "ba-value-other")).await;
        hit.expect("started").await;
        other.expect("started").await;
        peer.send(&Msg::Yield { cid: cid("h"), pld: pld(&ByteBuf::from(vec![7; 5000])) }).await;
        peer.expect_local_error("h", "MessagingError", &["frame_bytes_max"]).await;
        hit.expect("dropped").await;
        peer.assert_answered().await;
        assert!(other.is_quiet());
        assert_eq!(peer.dialogs_open().await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_answer_over_the_limit_is_a_failure_of_the_call() {
    let script = async |peer: &mut Peer| {
        let id = accepted(peer, FuncType::AsyncFunc).await;
        peer.send(&Msg::Return { cid: id, pld: pld(&ByteBuf::from(vec![7; 5000])) }).await;
        peer.expect_local_error(id.as_str(), "MessagingError", &["frame_bytes_max"]).await;
        let id = accepted(peer, FuncType::AsyncFunc).await;
        peer.send(&Msg::Return { cid: id, pld: pld(&2) }).await;
        peer.expect_closed().await;
    };
    meet("ba-answer", limited(|limits| limits.frame_bytes_max = 4096), Caps::NONE, script, async |portal| {
        let error = portal.run(blob(5000)).await.unwrap_err();
        assert!(error.to_string().contains("frame_bytes_max = 4096"), "{error}");
        assert_eq!(portal.run(echo(2)).await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_frame_over_the_limit_that_names_no_dialog_closes_the_connection() {
    host("ba-nameless", limited(|limits| limits.frame_bytes_max = 4096), async |_, addr| {
        for body in [vec![0xc1; 5000], [b"\x81\xa8msg_type\xc5\x13\x88".to_vec(), vec![7; 5000]].concat()] {
            let mut peer = Peer::base(addr).await;
            peer.send_body(&body).await;
            peer.expect_closed().await;
        }
        // The end comes before the body does.
        let mut peer = Peer::base(addr).await;
        let start = peer.start_msg("l", "length", kwargs("data", ByteBuf::from(vec![7; 5000])));
        peer.send_bytes(&frame_of(&Msg::Start(Box::new(start)))[..3000]).await;
        // The answer comes at the end of the frame: a peer that is answered earlier may stop within it.
        let mut other = Peer::base(addr).await;
        other.assert_answered().await;
        peer.hang_up().await;
        assert_alive(addr).await;
    })
    .await;
}

/// Counts warnings.
struct Warnings(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _ctx: Context<'_, S>) {
        if *event.metadata().level() == Level::WARN {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn frames_that_cannot_be_taken_do_not_fill_the_log() {
    let warnings = Arc::new(AtomicUsize::new(0));
    let subscriber = tracing_subscriber::registry().with(Warnings(warnings.clone()));
    let _log = tracing::subscriber::set_default(subscriber);
    host("ba-log", limited(|limits| limits.frame_bytes_max = 4096), async |_, addr| {
        for _ in 0..2 {
            let mut peer = Peer::base(addr).await;
            let start = peer.start_msg("l", "length", kwargs("data", ByteBuf::from(vec![7; 5000])));
            let large = frame_of(&Msg::Start(Box::new(start)));
            for _ in 0..30 {
                peer.send_bytes(&large).await;
                peer.expect_local_error("l", "MessagingError", &["frame_bytes_max"]).await;
                // A message that does not exist.
                peer.send_body(b"\x82\xa8msg_type\xa4None\xa3cid\xa1n").await;
                peer.expect_local_error("n", "MsgTypeError", &["None"]).await;
            }
        }
    })
    .await;
    // The test may take longer than one window.
    let lines = warnings.load(Ordering::Relaxed);
    assert!((PEER_LOG_LINES_MAX..60).contains(&lines), "{lines} lines");
}

// ---- values without a type of ours ---------------------------------------------------------------------------------

#[tokio::test]
async fn an_extension_value_is_a_dynamic_value() {
    // A time, as a Python `datetime` travels.
    const TIME: &[u8] = b"\xd7\xff\x00\x1e\x84\x80\x69\x2b\x8f\x8b";
    let time = Value::Ext(-1, TIME[2..].to_vec());
    host("ba-ext", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let long = [b"\xc7\x0c\xff".as_slice(), &[7; 12]].concat();
        for value in
            [TIME.to_vec(), [b"\x81\xa2at".as_slice(), TIME].concat(), [b"\x91".as_slice(), &long].concat()]
        {
            let sent = [b"\x81\xa5value".as_slice(), &value].concat();
            peer.start("e", "same", sent.into()).await;
            peer.expect_ack("e", FuncType::AsyncFunc).await;
            assert_eq!(peer.recv().await, Msg::Return { cid: cid("e"), pld: value.into() });
        }
    })
    .await;
    let script = async |peer: &mut Peer| {
        let id = accepted(peer, FuncType::AsyncFunc).await;
        peer.send(&Msg::Return { cid: id, pld: Bytes::from_static(TIME) }).await;
        peer.expect_closed().await;
    };
    meet("ba-ext-call", ActorOptions::new(), Caps::NONE, script, async |portal| {
        assert_eq!(portal.run_dyn::<Value>(DynCall::new("m", "now")).await.unwrap(), time);
    })
    .await;
}
