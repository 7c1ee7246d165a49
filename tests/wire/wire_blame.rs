//! The canceller of a context, and the side for which the cancellation is an error: a parent side against a scripted
//! child side, which may send answers at moments when an honest peer would not.

use tokio::sync::mpsc::unbounded_channel;
use tractor::{ActorOptions, Error, Portal, Uid};
use tractor_core::proto::id::{Caps, Cid};
use tractor_core::proto::msg::{ErrorMsg, FuncType, Msg};

use crate::wire_support::endpoints::doubles;
use crate::wire_support::script::pld;
use crate::wire_support::{Peer, meet, timed};

/// The answer to a context, after its first value.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// A cancellation of the peer's task by this actor.
    Cancelled(Who),
    /// The cancellation of a task of a third actor, passed on.
    CancelledFurtherAway,
    Failed,
    Returned,
    /// This actor has sent faster than the peer could take.
    Overrun(Who),
}

#[derive(Debug, Clone, Copy)]
enum Who {
    Us,
    Peer,
    Third,
}

fn third() -> Uid {
    Uid::new("third", "3")
}

impl Who {
    fn uid(self, peer: &Peer) -> Uid {
        match self {
            Self::Us => peer.them(),
            Self::Peer => peer.uid.clone(),
            Self::Third => third(),
        }
    }
}

impl Answer {
    fn msg(self, peer: &Peer, id: Cid) -> Msg {
        let mut error = ErrorMsg::new(peer.uid.clone(), "ValueError", "text");
        match self {
            Self::Returned => return Msg::Return { cid: id, pld: pld(&7) },
            Self::Failed => {}
            Self::Cancelled(by) => {
                error = ErrorMsg::new(peer.uid.clone(), "ContextCancelled", "");
                error.canceller = Some(by.uid(peer));
            }
            Self::CancelledFurtherAway => {
                error = ErrorMsg::new(third(), "ContextCancelled", "");
                error.canceller = Some(peer.them());
                error.relay_path = vec![third(), peer.uid.clone()];
            }
            Self::Overrun(sender) => {
                error = ErrorMsg::new(peer.uid.clone(), "StreamOverrun", "");
                error.sender = Some(sender.uid(peer));
            }
        }
        error.cid = Some(id);
        Msg::Error(Box::new(error))
    }
}

/// Accepts a context and sends its first value.
async fn opened(peer: &mut Peer) -> Cid {
    let id = peer.expect_start().await.cid;
    peer.send(&Msg::StartAck { cid: id, functype: FuncType::Context }).await;
    peer.send(&Msg::Started { cid: id, pld: pld(&0) }).await;
    id
}

/// Acknowledges a cancel request.
async fn acknowledge(peer: &mut Peer, request: Cid) {
    peer.send(&Msg::StartAck { cid: request, functype: FuncType::AsyncFunc }).await;
    peer.send(&Msg::CancelAck { cid: request, pld: pld(&true) }).await;
}

/// The result of a scope, and its state before: whether its request was acknowledged, and the canceller.
type Told = (Result<(), Error>, bool, Option<Uid>);

/// Opens a context, waits for its end, and leaves a body without an error.
async fn quiet_body(portal: &Portal, cancels: bool) -> Told {
    let mut known = None;
    let scope = portal
        .open_context(doubles(), async |ctx, _first| -> tractor::Result<()> {
            if cancels {
                ctx.cancel().await?;
            }
            _ = ctx.handle().wait_for_result().await;
            assert_eq!(ctx.cancel_called(), cancels);
            known = Some((ctx.cancel_acked(), ctx.canceller()));
            Ok(())
        })
        .await;
    let (acked, responsible) = known.expect("the body has ended");
    (scope, acked, responsible)
}

#[tokio::test]
async fn the_request_and_the_canceller_decide_what_is_raised() {
    use Answer::{Cancelled, CancelledFurtherAway, Failed, Overrun, Returned};
    use Who::{Peer as ThePeer, Third, Us};
    // Columns: this side has cancelled; the answer; the scope fails; the answer counts as the acknowledgement; the
    // canceller.
    let table: [(bool, Answer, bool, bool, Option<Who>); 12] = [
        (true, Cancelled(Us), false, true, Some(Us)),
        (true, Cancelled(Third), true, false, Some(ThePeer)),
        (true, Failed, true, false, Some(ThePeer)),
        (true, Returned, false, false, None),
        (true, CancelledFurtherAway, true, false, Some(Us)),
        (true, Overrun(Us), false, false, Some(ThePeer)),
        (true, Overrun(Third), true, false, Some(ThePeer)),
        (false, Cancelled(Us), true, false, Some(Us)),
        (false, Cancelled(Third), true, false, Some(ThePeer)),
        (false, Cancelled(ThePeer), true, false, Some(ThePeer)),
        (false, CancelledFurtherAway, true, false, Some(Us)),
        (false, Failed, true, false, Some(ThePeer)),
    ];
    let script = async |peer: &mut Peer| {
        for (cancels, answer, ..) in table {
            let id = opened(peer).await;
            let request = if cancels { Some(peer.expect_cancel_request(id).await) } else { None };
            peer.send(&answer.msg(peer, id)).await;
            if let Some(request) = request {
                acknowledge(peer, request).await;
            }
        }
    };
    meet("bl-table", ActorOptions::new(), Caps::NONE, script, async |portal| {
        for (cancels, answer, raised, acked, blamed) in table {
            let (scope, was_acked, responsible) = quiet_body(portal, cancels).await;
            let case = format!("{cancels} {answer:?}: {scope:?}");
            assert_eq!((scope.is_err(), was_acked), (raised, acked), "{case}");
            let blamed = blamed.map(|who| match who {
                Us => tractor::current_actor().uid().clone(),
                ThePeer => portal.uid().clone(),
                Third => third(),
            });
            assert_eq!(responsible, blamed, "{case}");
            if let (Err(Error::Cancelled(told)), Cancelled(Third)) = (&scope, answer) {
                assert_eq!(told.canceller(), Some(&third()), "{case}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_that_is_not_answered_in_time_leaves_the_scope_waiting_for_the_real_end() {
    let (given_up, mut has_given_up) = unbounded_channel();
    let (ended, mut has_ended) = unbounded_channel();
    let script = async |peer: &mut Peer| {
        let id = opened(peer).await;
        let request = peer.expect_cancel_request(id).await;
        has_given_up.recv().await.expect("the body says so");
        ended.send(()).expect("the scope is open");
        peer.send(&Answer::Cancelled(Who::Us).msg(peer, id)).await;
        acknowledge(peer, request).await;
    };
    let impatient = timed(|timeouts| timeouts.context_cancel = std::time::Duration::from_millis(5));
    meet("bl-slow", impatient, Caps::NONE, script, async |portal| {
        let scope = portal.open_context(doubles(), async |ctx, _first| -> tractor::Result<()> {
            assert!(!ctx.cancel().await?, "the request is not acknowledged");
            assert_eq!((ctx.cancel_called(), ctx.cancel_acked(), ctx.has_outcome()), (true, false, false));
            given_up.send(()).expect("the script waits");
            Ok(())
        });
        scope.await.expect("the body has asked for that end");
        has_ended.try_recv().expect("the other side has ended before");
    })
    .await;
}

#[tokio::test]
async fn an_outcome_needs_no_room_in_the_inbox() {
    const OVER: usize = 3;
    for answer in [Answer::Returned, Answer::Failed] {
        let (full, mut is_full) = unbounded_channel();
        let script = async |peer: &mut Peer| {
            let id = opened(peer).await;
            for n in 0..64 + OVER {
                peer.stream(id.as_str(), i64::try_from(n).expect("a small number")).await;
            }
            for _ in 0..OVER {
                let error =
                    peer.expect_local_error(id.as_str(), "StreamOverrun", &["inbox_messages_max"]).await;
                assert_eq!(error.sender, Some(peer.uid.clone()));
            }
            peer.send(&answer.msg(peer, id)).await;
            full.send(()).expect("the body waits");
        };
        meet("bl-full", ActorOptions::new(), Caps::NONE, script, async |portal| {
            let result = portal
                .open_context(doubles(), async |ctx, _first| {
                    is_full.recv().await.expect("the script says so");
                    ctx.wait_for_result().await
                })
                .await;
            match answer {
                Answer::Returned => assert_eq!(result.expect("it has returned"), 7),
                _ => assert!(result.expect_err("it has failed").as_remote().is_some()),
            }
        })
        .await;
    }
}

#[tokio::test]
async fn gathered_contexts_tell_the_sender_of_a_bad_value_before_they_cancel_it() {
    let script = async |peer: &mut Peer| {
        let id = opened(peer).await;
        peer.send(&Msg::Yield { cid: id, pld: pld("no number") }).await;
        while !matches!(peer.recv().await, Msg::Stop { .. }) {}
        peer.expect_error(id.as_str(), "MsgTypeError").await;
        let request = peer.expect_cancel_request(id).await;
        acknowledge(peer, request).await;
        peer.send(&Msg::Return { cid: id, pld: pld(&7) }).await;
    };
    meet("gathered-bad-value", ActorOptions::new(), Caps::BASIC, script, async |portal| {
        let contexts = [(portal.clone(), doubles())];
        let left = tractor::gather_contexts(contexts, async |mut contexts, _firsts| -> tractor::Result<()> {
            let mut stream = contexts.remove(0).open_stream();
            stream.receive().await?;
            Ok(())
        });
        assert!(matches!(left.await, Err(Error::MsgType(_))));
    })
    .await;
}
