//! Streams that are sent faster than they are read, against peers that know credit and peers that do not.

use tractor::error::RemoteKind;
use tractor::{ActorOptions, Error, Overflow, Portal};
use tractor_core::proto::id::{Caps, Cid};
use tractor_core::proto::msg::{ErrorMsg, FuncType, Msg};

use crate::wire_support::endpoints::{counts, doubles, lock_gate, watch};
use crate::wire_support::script::{kwargs, pld};
use crate::wire_support::{Peer, Server, alone, host, limited, step};

async fn either(addr: &tractor::Addr, caps: Caps) -> Peer {
    if caps == Caps::NONE { Peer::base(addr).await } else { Peer::rust(addr).await }
}

#[tokio::test]
async fn a_refused_value_is_told_once_and_the_endpoint_fails_after_what_was_queued() {
    let limits = limited(|limits| limits.stream_window_bytes = 0); // no early grant
    host("of-refuse", limits, async |_, addr| {
        for (caps, key) in [(Caps::NONE, "of-refuse-base"), (Caps::BASIC, "of-refuse-rust")] {
            let mut peer = either(addr, caps).await;
            let mut told = watch(key);
            let gate = lock_gate(key);
            peer.open("x", "reads_refusing", kwargs("key", key)).await;
            for n in 0..64 {
                peer.stream("x", n).await;
            }
            peer.assert_answered().await; // all of them had room
            for n in 64..70 {
                peer.stream("x", n).await;
            }
            let error = peer.expect_local_error("x", "StreamOverrun", &["inbox_messages_max"]).await;
            assert_eq!(error.sender, Some(peer.uid.clone()));
            peer.assert_answered().await; // once, though six were refused
            gate.send(()).unwrap();
            peer.expect_stop("x").await; // the endpoint's stream ends with it
            let error = peer.expect_error("x", "RemoteActorError").await;
            told.expect("read all").await;
            assert_eq!(error.src_type_str, "StreamOverrun");
            assert_eq!((&error.src_uid, &error.relay_path), (&peer.them(), &vec![peer.them()]));
            assert_eq!(peer.dialogs_open().await, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn values_are_left_out_without_a_word_where_the_receiver_wants_the_newest() {
    host("of-newest", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        let gate = lock_gate("of-newest");
        peer.open("x", "reads_newest", kwargs("key", "of-newest")).await;
        for n in 0..1000 {
            peer.stream("x", n).await;
        }
        peer.stop("x").await;
        peer.assert_answered().await;
        gate.send(()).unwrap();
        assert_eq!(peer.expect_return::<i64>("x").await, (936..1000).sum::<i64>());
    })
    .await;
}

/// Connects an actor, as the parent side of `doubles`, to a script.
async fn meet(name: &str, script: impl AsyncFnOnce(&mut Peer, Cid), body: impl AsyncFnOnce(&Portal)) {
    let server = Server::bind(name);
    alone(ActorOptions::new(), async |_| {
        let dialing = tractor::connect(&server.addr, async |portal| -> tractor::Result<()> {
            body(portal).await;
            Ok(())
        });
        let scripting = async {
            let mut peer = server.accept(Caps::NONE).await;
            let cid = peer.expect_start().await.cid;
            peer.send(&Msg::StartAck { cid, functype: FuncType::Context }).await;
            peer.send(&Msg::Started { cid, pld: pld(&0) }).await;
            script(&mut peer, cid).await;
            peer
        };
        let (dialed, _peer) = step("both ends", async { tokio::join!(dialing, scripting) }).await;
        dialed.expect("the script accepts");
    })
    .await;
}

/// The error that the script sends when a value of the actor found no room.
fn overrun(peer: &Peer, cid: Cid) -> Msg {
    let mut error = ErrorMsg::new(peer.uid.clone(), "StreamOverrun", "full");
    (error.cid, error.sender) = (Some(cid), Some(peer.them()));
    Msg::Error(Box::new(error))
}

/// Answers the request to cancel the context, as a cancelled task does.
async fn acknowledge(peer: &mut Peer, cid: Cid) {
    let request = peer.expect_cancel_request(cid).await;
    let mut error = ErrorMsg::new(peer.uid.clone(), "ContextCancelled", "");
    (error.cid, error.canceller) = (Some(cid), Some(peer.them()));
    peer.send(&Msg::Error(Box::new(error))).await;
    peer.send(&Msg::CancelAck { cid: request, pld: pld(&true) }).await;
}

#[track_caller]
fn assert_overrun<T: std::fmt::Debug>(result: tractor::Result<T>) -> Error {
    let error = result.expect_err("a value was refused");
    assert_eq!(error.as_remote().map(|remote| remote.kind()), Some(RemoteKind::StreamOverrun), "{error:?}");
    error
}

#[tokio::test]
async fn a_sender_is_told_of_a_refused_value_and_ends_the_other_side() {
    let script = async |peer: &mut Peer, cid: Cid| {
        assert_eq!(peer.expect_yield::<i64>(cid.as_str()).await, 1);
        for _ in 0..2 {
            peer.send(&overrun(peer, cid)).await; // one for each value, as the reference does
        }
        peer.expect_stop(cid.as_str()).await;
        acknowledge(peer, cid).await;
    };
    meet("of-told", script, async |portal| {
        let scope = portal.open_context(doubles(), async |ctx, _| {
            let handle = ctx.handle();
            let mut stream = ctx.open_stream();
            stream.send(1).await?;
            let error = assert_overrun(stream.receive().await);
            assert_overrun(stream.send(2).await);
            assert_overrun(handle.wait_for_result().await);
            Err::<(), _>(error)
        });
        assert_overrun(scope.await);
        assert_eq!(portal.dialogs_open(), 0, "the other side has ended");
    })
    .await;
}

#[tokio::test]
async fn a_body_that_ignores_the_overrun_it_has_caused_fails_all_the_same() {
    let script = async |peer: &mut Peer, cid: Cid| {
        assert_eq!(peer.expect_yield::<i64>(cid.as_str()).await, 1);
        peer.send(&overrun(peer, cid)).await;
        peer.expect_stop(cid.as_str()).await;
        acknowledge(peer, cid).await;
    };
    meet("of-ignored", script, async |portal| {
        let scope = portal.open_context(doubles(), async |ctx, _| {
            let mut stream = ctx.open_stream();
            stream.send(1).await?;
            assert_overrun(stream.receive().await);
            Ok(())
        });
        assert_overrun(scope.await);
    })
    .await;
}

#[tokio::test]
async fn an_overrun_is_absorbed_by_a_side_that_cancels_or_takes_lost_values_as_no_failure() {
    for (name, overflow) in [("of-cancel", Overflow::Backpressure), ("of-allow", Overflow::Buffer)] {
        let cancels = overflow == Overflow::Backpressure;
        let script = async |peer: &mut Peer, cid: Cid| {
            assert_eq!(peer.expect_yield::<i64>(cid.as_str()).await, 1);
            if cancels {
                let request = peer.expect_cancel_request(cid).await;
                peer.send(&overrun(peer, cid)).await;
                peer.send(&Msg::CancelAck { cid: request, pld: pld(&true) }).await;
            } else {
                peer.send(&overrun(peer, cid)).await;
            }
            // The outcome follows, because the task has gone on.
            peer.send(&Msg::Return { cid, pld: pld(&7) }).await;
        };
        meet(name, script, async |portal| {
            let scope = portal.open_context(doubles(), async |ctx, _| -> tractor::Result<i64> {
                let handle = ctx.handle();
                let stream = ctx.open_stream_with(overflow);
                stream.send(1).await?;
                if cancels {
                    handle.cancel().await?;
                }
                handle.wait_for_result().await
            });
            assert_eq!(scope.await.expect("it is absorbed"), 7, "{name}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_failure_that_only_looks_like_an_overrun_of_ours_ends_the_context() {
    // An overrun of a third actor, and one of this actor before it has sent anything.
    for (name, ours) in [("of-third", false), ("of-none", true)] {
        let script = async |peer: &mut Peer, cid: Cid| {
            let Msg::Error(mut error) = overrun(peer, cid) else { unreachable!("`overrun` makes an error") };
            if !ours {
                error.sender = Some(tractor::Uid::new("third", "3"));
            }
            peer.send(&Msg::Error(error)).await;
        };
        meet(name, script, async |portal| {
            let scope = portal.open_context(doubles(), async |ctx, _| ctx.wait_for_result().await);
            assert_overrun(scope.await);
            assert_eq!(portal.dialogs_open(), 0);
        })
        .await;
    }
}

/// A regular end may follow, as with a generator of the Python library after an overrun.
#[tokio::test]
async fn a_reader_is_told_where_values_of_a_base_peer_are_missing() {
    let (refused, is_refused) = tokio::sync::oneshot::channel();
    let (read, is_read) = tokio::sync::oneshot::channel();
    let script = async |peer: &mut Peer| {
        let id = peer.expect_start().await.cid;
        peer.send(&Msg::StartAck { cid: id, functype: FuncType::AsyncGen }).await;
        for n in 0..65 {
            peer.stream(id.as_str(), n).await;
        }
        peer.expect_local_error(id.as_str(), "StreamOverrun", &["inbox_messages_max"]).await;
        refused.send(()).expect("the body waits");
        is_read.await.expect("the body goes on");
        // There is room again.
        peer.stream(id.as_str(), 65).await;
        peer.stop(id.as_str()).await;
        peer.expect_local_error(id.as_str(), "StreamOverrun", &["inbox_messages_max"]).await;
        peer.expect_closed().await;
    };
    crate::wire_support::meet("of-gap", ActorOptions::new(), Caps::NONE, script, async |portal| {
        let scope = portal.open_stream_from(counts(99), async |mut stream| -> tractor::Result<()> {
            is_refused.await.expect("the script goes on");
            for n in 0..64 {
                assert_eq!(stream.receive().await?, Some(n));
            }
            read.send(()).expect("the script waits");
            step("the end of the stream", support::until(|| portal.dialogs_open() == 0)).await;
            assert_overrun(stream.receive().await);
            Ok(())
        });
        scope.await.expect("the body has handled the overrun");
    })
    .await;
}

#[tokio::test]
async fn a_parent_side_refuses_values_of_a_base_peer_too() {
    for (name, ends_well) in [("of-parent", false), ("of-parent-late", true)] {
        let script = async |peer: &mut Peer, cid: Cid| {
            assert_eq!(peer.expect_yield::<i64>(cid.as_str()).await, 0, "the stream is open there");
            for n in 0..70 {
                peer.stream(cid.as_str(), n).await;
            }
            if ends_well {
                // The script's task ended before it got the error.
                peer.stop(cid.as_str()).await;
                peer.send(&Msg::Return { cid, pld: pld(&70) }).await;
            }
            let error = peer.expect_local_error(cid.as_str(), "StreamOverrun", &["inbox_messages_max"]).await;
            assert_eq!(error.sender, Some(peer.uid.clone()));
            if !ends_well {
                let mut relayed = error;
                "RemoteActorError".clone_into(&mut relayed.boxed_type_str);
                relayed.relay_path.push(peer.uid.clone());
                peer.send(&Msg::Error(Box::new(relayed))).await;
            }
        };
        meet(name, script, async |portal| {
            let scope = portal.open_context(doubles(), async |ctx, _| -> tractor::Result<()> {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream_with(Overflow::Error);
                stream.send(0).await?;
                // All messages of the script have arrived before anything is read.
                while !handle.has_outcome() {
                    tokio::task::yield_now().await;
                }
                for n in 0..64 {
                    assert_eq!(stream.receive().await?, Some(n));
                }
                assert_overrun(stream.receive().await);
                Ok(())
            });
            assert_overrun(scope.await);
        })
        .await;
    }
}
