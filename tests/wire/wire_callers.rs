//! The parent side of a dialog: the actor calls a scripted child side, which breaks one rule after the other.

use std::future::Future;

use tractor::{Context, Error, Portal};
use tractor_core::proto::id::{Caps, Cid};
use tractor_core::proto::msg::{ErrorMsg, FuncType, Msg, Start};

use crate::wire_support::endpoints::{self, counts, doubles, echo, mirrored};
use crate::wire_support::script::{kwargs, pld};
use crate::wire_support::{Peer, alone, step};

use crate::wire_support;

/// Connects an actor with default options to a script.
async fn meet(name: &str, caps: Caps, script: impl AsyncFnOnce(&mut Peer), body: impl AsyncFnOnce(&Portal)) {
    wire_support::meet(name, tractor::ActorOptions::new(), caps, script, body).await;
}

async fn acked(peer: &mut Peer, functype: FuncType) -> Start {
    let start = peer.expect_start().await;
    assert_eq!(start.uid, peer.them());
    peer.send(&Msg::StartAck { cid: start.cid, functype }).await;
    start
}

/// The actor reports the script's violation of this dialog.
async fn expect_blame(peer: &mut Peer, id: Cid, words: &[&str]) {
    peer.expect_local_error(id.as_str(), "MessagingError", words).await;
}

fn returned(id: Cid, value: i64) -> Msg {
    Msg::Return { cid: id, pld: pld(&value) }
}

async fn open_and_wait(portal: &Portal) -> tractor::Result<i64> {
    portal.open_context(doubles(), async |ctx, _first| ctx.wait_for_result().await).await
}

async fn open_and_read(portal: &Portal) -> tractor::Result<Option<i64>> {
    portal
        .open_context(doubles(), async |ctx, _first| {
            let mut stream = ctx.open_stream();
            stream.receive().await
        })
        .await
}

async fn messaging_error<T: std::fmt::Debug>(call: impl Future<Output = tractor::Result<T>>, words: &[&str]) {
    let error = call.await.expect_err("the script broke the order");
    assert!(matches!(error, Error::Messaging(_)), "{error:?}");
    for word in words {
        assert!(error.to_string().contains(word), "{word:?} is not in {error}");
    }
}

#[tokio::test]
async fn a_request_as_the_reference_expects_it() {
    let script = async |peer: &mut Peer| {
        let point = endpoints::Point { x: 1, y: 2 };
        let start = acked(peer, FuncType::AsyncFunc).await;
        assert_eq!((start.ns.as_str(), start.func.as_str()), (endpoints::MODULE, "mirrored"));
        assert_eq!(start.kwargs, kwargs("point", &point), "structs are maps");
        assert_eq!(start.cid.as_str().len(), 36, "ids are never repeated: {}", start.cid);
        peer.send(&Msg::Return { cid: start.cid, pld: pld(&point) }).await;
    };
    meet("cl-base", Caps::NONE, script, async |portal| {
        let point = endpoints::Point { x: 1, y: 2 };
        assert_eq!(portal.run(mirrored(point.clone())).await.unwrap(), point);
        assert_eq!(portal.dialogs_open(), 0);
    })
    .await;
}

#[tractor::context(extern, module = "pymod.service", pld_spec = i64 | endpoints::Point | String | None)]
async fn mixes(ctx: Context<MixesPld>) -> MixesPld;

#[tokio::test]
async fn a_union_is_bare_values_to_the_reference() {
    let script = async |peer: &mut Peer| {
        let start = acked(peer, FuncType::Context).await;
        assert_eq!((start.ns.as_str(), start.func.as_str()), ("pymod.service", "mixes"));
        let id = start.cid.as_str();
        peer.send(&Msg::Started { cid: start.cid, pld: pld(&()) }).await;
        assert_eq!(peer.expect_yield::<i64>(id).await, 5);
        let point = endpoints::Point { x: 1, y: 2 };
        assert_eq!(peer.expect_yield::<endpoints::Point>(id).await, point);
        peer.send(&Msg::Yield { cid: start.cid, pld: pld(&point) }).await;
        peer.expect_stop(id).await;
        peer.send(&Msg::Return { cid: start.cid, pld: pld("done") }).await;
    };
    meet("cl-union", Caps::NONE, script, async |portal| {
        let body = async |ctx: tractor::ParentContext<mixes>, first| {
            assert_eq!(first, MixesPld::None);
            let mut stream = ctx.open_stream();
            stream.send(5).await?;
            stream.send(endpoints::Point { x: 1, y: 2 }).await?;
            assert_eq!(stream.receive().await?, Some(MixesPld::Point(endpoints::Point { x: 1, y: 2 })));
            stream.wait_for_result().await
        };
        let last: MixesPld = portal.open_context(mixes(), body).await.unwrap();
        assert_eq!(last, MixesPld::String("done".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn answers_may_come_in_any_order() {
    let script = async |peer: &mut Peer| {
        let one = peer.expect_start().await.cid;
        let two = peer.expect_start().await.cid;
        peer.send(&Msg::StartAck { cid: two, functype: FuncType::AsyncFunc }).await;
        peer.send(&returned(two, 2)).await;
        peer.send(&Msg::StartAck { cid: one, functype: FuncType::AsyncFunc }).await;
        peer.send(&returned(one, 1)).await;
    };
    meet("cl-order", Caps::NONE, script, async |portal| {
        let (one, two) = tokio::join!(portal.run(echo(1)), portal.run(echo(2)));
        assert_eq!((one.unwrap(), two.unwrap()), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn a_function_that_answers_with_anything_but_one_value_breaks_the_order() {
    type Answer = fn(Cid) -> Msg;
    let cases: [(Option<FuncType>, Answer, &str); 7] = [
        (None, |id| returned(id, 1), "Return"),
        (None, |id| Msg::Yield { cid: id, pld: pld(&1) }, "Yield"),
        (None, |id| Msg::Stop { cid: id }, "Stop"),
        (None, |id| Msg::StartAck { cid: id, functype: FuncType::Context }, "not a function"),
        (None, |id| Msg::StartAck { cid: id, functype: FuncType::AsyncGen }, "not a function"),
        (Some(FuncType::AsyncFunc), |id| Msg::Started { cid: id, pld: pld(&1) }, "Started"),
        (Some(FuncType::AsyncFunc), |id| Msg::Yield { cid: id, pld: pld(&1) }, "Yield"),
    ];
    let script = async |peer: &mut Peer| {
        for (ack, answer, name) in cases {
            let start = match ack {
                Some(kind) => acked(peer, kind).await,
                None => peer.expect_start().await,
            };
            peer.send(&answer(start.cid)).await;
            expect_blame(peer, start.cid, &[name]).await;
        }
    };
    meet("cl-function", Caps::NONE, script, async |portal| {
        for (_, _, name) in cases {
            messaging_error(portal.run(echo(1)), &[name]).await;
            assert_eq!(portal.dialogs_open(), 0, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_context_that_returns_before_its_first_value_is_an_error_of_the_open() {
    let script = async |peer: &mut Peer| {
        let start = acked(peer, FuncType::Context).await;
        peer.send(&returned(start.cid, 1)).await;
        expect_blame(peer, start.cid, &["returned before started"]).await;
    };
    meet("cl-unstarted", Caps::NONE, script, async |portal| {
        messaging_error(open_and_wait(portal), &["returned before started", "started(value)"]).await;
        assert_eq!(portal.dialogs_open(), 0);
    })
    .await;
}

#[tokio::test]
async fn messages_that_a_context_must_not_send_before_its_first_value() {
    let script = async |peer: &mut Peer| {
        let start = acked(peer, FuncType::Context).await;
        peer.send(&Msg::CancelAck { cid: start.cid, pld: pld(&true) }).await;
        expect_blame(peer, start.cid, &["CancelAck", "awaiting Started"]).await;
    };
    meet("cl-before", Caps::NONE, script, async |portal| {
        messaging_error(open_and_wait(portal), &["awaiting Started"]).await;
        assert_eq!(portal.dialogs_open(), 0);
    })
    .await;
}

#[tokio::test]
async fn values_before_the_first_one_are_kept_for_the_stream() {
    let script = async |peer: &mut Peer| {
        let cid = acked(peer, FuncType::Context).await.cid;
        for n in 1..=3 {
            peer.stream(cid.as_str(), n).await;
        }
        peer.stop(cid.as_str()).await;
        peer.stream(cid.as_str(), 4).await; // after its own `Stop`
        peer.send(&Msg::Started { cid, pld: pld(&0) }).await;
        peer.send(&returned(cid, 5)).await;
    };
    meet("cl-early", Caps::NONE, script, async |portal| {
        let opened = portal.open_context(doubles(), async |ctx, first| {
            assert_eq!(first, 0);
            let handle = ctx.handle();
            let mut stream = ctx.open_stream();
            for n in 1..=3 {
                assert_eq!(stream.receive().await?, Some(n));
            }
            assert_eq!(stream.receive().await?, None);
            handle.wait_for_result().await
        });
        assert_eq!(opened.await.unwrap(), 5);
    })
    .await;
}

#[tokio::test]
async fn a_first_value_before_the_acknowledgement_is_an_error_of_the_open() {
    let script = async |peer: &mut Peer| {
        let start = peer.expect_start().await;
        peer.send(&Msg::Started { cid: start.cid, pld: pld(&0) }).await;
        expect_blame(peer, start.cid, &["Started", "awaiting StartAck"]).await;
    };
    meet("cl-unacked", Caps::NONE, script, async |portal| {
        messaging_error(open_and_wait(portal), &["Started"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_second_first_value_is_no_streamed_value() {
    for streaming in [false, true] {
        let script = async |peer: &mut Peer| {
            let start = acked(peer, FuncType::Context).await;
            for n in 0..2 {
                peer.send(&Msg::Started { cid: start.cid, pld: pld(&n) }).await;
            }
            // The stream of the body that was dropped may be closed before or after.
            loop {
                match peer.recv().await {
                    Msg::Stop { .. } => {}
                    Msg::Error(error) => {
                        assert_eq!(error.boxed_type_str, "MessagingError");
                        break;
                    }
                    other => panic!("unexpected {other:?}"),
                }
            }
        };
        meet(&format!("cl-twice-{streaming}"), Caps::NONE, script, async |portal| {
            if streaming {
                messaging_error(open_and_read(portal), &["Started"]).await;
            } else {
                messaging_error(open_and_wait(portal), &["Started"]).await;
            }
            assert_eq!(portal.dialogs_open(), 0);
        })
        .await;
    }
}

#[tokio::test]
async fn a_return_while_the_stream_is_open_is_no_streamed_value() {
    let script = async |peer: &mut Peer| {
        let start = acked(peer, FuncType::Context).await;
        peer.send(&Msg::Started { cid: start.cid, pld: pld(&0) }).await;
        peer.send(&Msg::Yield { cid: start.cid, pld: pld(&1) }).await;
        peer.expect_yield::<i64>(start.cid.as_str()).await; // its stream is open now
        peer.send(&returned(start.cid, 7)).await;
        expect_blame(peer, start.cid, &["without closing the stream"]).await;
    };
    meet("cl-cut", Caps::NONE, script, async |portal| {
        let read = portal.open_context(doubles(), async |ctx, _first| {
            let mut stream = ctx.open_stream();
            stream.send(1).await?;
            assert_eq!(stream.receive().await?, Some(1));
            stream.receive().await
        });
        messaging_error(read, &["returned without closing its stream"]).await;
    })
    .await;
}

#[tokio::test]
async fn repeated_acknowledgements_and_stops_are_ignored() {
    let script = async |peer: &mut Peer| {
        let start = acked(peer, FuncType::Context).await;
        let id = start.cid;
        peer.send(&Msg::StartAck { cid: id, functype: FuncType::AsyncFunc }).await;
        peer.send(&Msg::Started { cid: id, pld: pld(&0) }).await;
        peer.send(&Msg::StartAck { cid: id, functype: FuncType::Context }).await;
        peer.send(&Msg::Stop { cid: id }).await;
        peer.send(&Msg::Stop { cid: id }).await;
        peer.send(&Msg::Yield { cid: id, pld: pld(&1) }).await; // after its own stop
        peer.send(&returned(id, 7)).await;
    };
    meet("cl-repeat", Caps::NONE, script, async |portal| {
        assert_eq!(open_and_wait(portal).await.unwrap(), 7);
    })
    .await;
}

#[tokio::test]
async fn a_one_way_stream_that_sends_what_it_must_not() {
    let script = async |peer: &mut Peer| {
        let start = acked(peer, FuncType::AsyncGen).await;
        peer.send(&Msg::Yield { cid: start.cid, pld: pld(&0) }).await;
        peer.send(&returned(start.cid, 1)).await;
        expect_blame(peer, start.cid, &["Return"]).await;
    };
    meet("cl-oneway", Caps::NONE, script, async |portal| {
        let read = portal.open_stream_from(counts(9), async |mut stream| {
            assert_eq!(stream.receive().await?, Some(0));
            stream.receive().await
        });
        messaging_error(read, &["Return"]).await;
        assert_eq!(portal.dialogs_open(), 0);
    })
    .await;
}

#[tokio::test]
async fn values_of_the_wrong_type_are_the_peers_fault() {
    let script = async |peer: &mut Peer| {
        let start = acked(peer, FuncType::AsyncFunc).await;
        peer.send(&Msg::Return { cid: start.cid, pld: pld("text") }).await;

        // A bad first value: the context is cancelled.
        let start = acked(peer, FuncType::Context).await;
        peer.send(&Msg::Started { cid: start.cid, pld: pld("text") }).await;
        let request = peer.expect_cancel_request(start.cid).await;
        let mut error = ErrorMsg::new(peer.uid.clone(), "ContextCancelled", "");
        (error.cid, error.canceller) = (Some(start.cid), Some(peer.them()));
        peer.send(&Msg::Error(Box::new(error))).await;
        peer.send(&Msg::StartAck { cid: request, functype: FuncType::AsyncFunc }).await;
        peer.send(&Msg::CancelAck { cid: request, pld: pld(&true) }).await;
    };
    meet("cl-types", Caps::NONE, script, async |portal| {
        let error = portal.run(echo(1)).await.expect_err("no i64");
        assert!(matches!(&error, Error::MsgType(error) if error.message_type() == "Return"), "{error:?}");
        let error = open_and_wait(portal).await.expect_err("no i64");
        assert!(matches!(&error, Error::MsgType(error) if error.message_type() == "Started"), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_message_that_does_not_decode_fails_its_dialog_at_both_ends() {
    let script = async |peer: &mut Peer| {
        let start = acked(peer, FuncType::AsyncFunc).await;
        let id = pld(start.cid.as_str());
        peer.send_foreign(&[("msg_type", pld("Return")), ("cid", id)]).await; // the payload is missing
        peer.expect_local_error(start.cid.as_str(), "MsgTypeError", &["pld"]).await;
        let start = acked(peer, FuncType::AsyncFunc).await;
        peer.send(&returned(start.cid, 2)).await;
    };
    meet("cl-schema", Caps::NONE, script, async |portal| {
        let error = portal.run(echo(1)).await.expect_err("the answer breaks the protocol");
        assert!(matches!(error, Error::MsgType(_)), "{error:?}");
        assert_eq!(portal.run(echo(2)).await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_dropped_call_cancels_its_task() {
    let (seen, mut started) = tokio::sync::mpsc::unbounded_channel();
    let script = async |peer: &mut Peer| {
        let start = acked(peer, FuncType::AsyncFunc).await;
        seen.send(()).unwrap();
        peer.expect_cancel_request(start.cid).await;
        peer.send(&returned(start.cid, 1)).await; // ignored: the dialog is over
        let start = acked(peer, FuncType::AsyncFunc).await;
        peer.send(&returned(start.cid, 2)).await;
    };
    meet("cl-dropped", Caps::NONE, script, async |portal| {
        tokio::select! {
            answer = portal.run(echo(1)) => panic!("answered {answer:?}"),
            _ = started.recv() => {}
        }
        assert_eq!(portal.run(echo(2)).await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn the_end_of_the_connection_fails_whoever_waits_on_it() {
    let script = async |peer: &mut Peer| {
        for _ in 0..3 {
            let start = peer.expect_start().await;
            let functype = if start.func == "echo" { FuncType::AsyncFunc } else { FuncType::Context };
            peer.send(&Msg::StartAck { cid: start.cid, functype }).await;
            if functype == FuncType::Context {
                peer.send(&Msg::Started { cid: start.cid, pld: pld(&0) }).await;
            }
        }
        let gone = std::mem::replace(peer, Peer::on(tokio::io::duplex(8).0));
        gone.hang_up().await;
    };
    meet("cl-end", Caps::NONE, script, async |portal| {
        let (ran, waited, read) =
            tokio::join!(portal.run(echo(1)), open_and_wait(portal), open_and_read(portal));
        assert!(matches!(ran, Err(Error::Closed(_))), "{ran:?}");
        assert!(matches!(waited, Err(Error::Closed(_))), "{waited:?}");
        assert!(matches!(read, Err(Error::Closed(_))), "{read:?}");
        let after = portal.run(echo(2)).await;
        assert!(matches!(after, Err(Error::Closed(_))), "{after:?}");
        assert_eq!(portal.dialogs_open(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_failed_runtime_of_the_peer_fails_whoever_waits_on_it_and_says_why() {
    let script = async |peer: &mut Peer| {
        acked(peer, FuncType::AsyncFunc).await;
        let error = ErrorMsg::new(peer.uid.clone(), "ImportError", "no module named x");
        peer.send(&Msg::Error(Box::new(error))).await;
        peer.expect_closed().await;
    };
    meet("cl-runtime", Caps::NONE, script, async |portal| {
        let error = portal.run(echo(1)).await.expect_err("the runtime failed");
        let Error::Closed(closed) = &error else { panic!("{error:?}") };
        assert!(closed.reason().to_string().contains("no module named x"), "{closed:?}");
    })
    .await;
}

#[tokio::test]
async fn failures_keep_their_class() {
    let script = async |peer: &mut Peer| {
        for type_name in ["ValueError", "ContextCancelled", "MsgTypeError", "StreamOverrun"] {
            let start = peer.expect_start().await;
            peer.fail(start.cid.as_str(), type_name, "text").await;
        }
    };
    meet("cl-class", Caps::NONE, script, async |portal| {
        let error = portal.run(echo(1)).await.expect_err("the call fails");
        assert_eq!(error.as_remote().map(|error| error.src_type()), Some("ValueError"));
        let error = portal.run(echo(1)).await.expect_err("the call fails");
        assert!(error.is_cancelled(), "{error:?}");
        let error = portal.run(echo(1)).await.expect_err("the call fails");
        assert!(matches!(error, Error::MsgType(_)), "{error:?}");
        let error = portal.run(echo(1)).await.expect_err("the call fails");
        assert_eq!(error.as_remote().map(|error| error.src_type()), Some("StreamOverrun"));
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_is_no_actor_is_an_error_of_the_connect() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = tractor::Addr::Tcp(server.local_addr().unwrap());
    alone(tractor::ActorOptions::new(), async |_| {
        let answer = async {
            let (io, _from) = server.accept().await.unwrap();
            let mut peer = Peer::on(io);
            peer.send_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            peer.expect_aid().await;
            peer.expect_closed().await;
        };
        let dial = tractor::connect(&addr, async |_| -> tractor::Result<()> { panic!("not connected") });
        let (dialed, ()) = step("both ends", async { tokio::join!(dial, answer) }).await;
        let Err(Error::Unreachable(unreachable)) = dialed else { panic!("{dialed:?}") };
        assert_eq!(unreachable.addr(), &addr);
    })
    .await;
}
