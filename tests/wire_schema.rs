//! Fingerprints on the wire: who says them when, and what is refused before it is decoded.

mod wire_support;

use std::task::{Context, Poll, Waker};

use serde::Deserialize;
use tractor::schema::{Fingerprint, Schema, Types};
use tractor::{ActorOptions, Error, schema_of};
use tractor::{DynCall, Value};
use tractor_core::proto::id::{Aid, Caps, Cid};
use tractor_core::proto::limits::{FRAME_BYTES_MAX_LEAST, SCHEMA_BYTES_MAX};
use tractor_core::proto::msg::{ErrorMsg, FuncType, Msg};
use tractor_core::proto::payload::{self, PayloadFormat};
use wire_support::endpoints::{self, Point, Turn, counts, doubles, echo, mirrored, turned, widens};
use wire_support::script::{cid, kwargs, pld, value};
use wire_support::{Peer, host, meet, step};

const OTHER: Fingerprint = Fingerprint::from_bytes(*b"of other");

/// What the script answers to a request whose types it does not like.
async fn refuse(peer: &mut Peer, id: Cid, schema: Option<&str>) {
    let mut error = ErrorMsg::new(peer.uid.clone(), "SchemaMismatch", "other types");
    error.cid = Some(id);
    error.schema = schema.map(str::to_owned);
    peer.send(&Msg::Error(Box::new(error))).await;
}

async fn returns(peer: &mut Peer, id: Cid, bytes: impl Into<bytes::Bytes>) {
    peer.send(&Msg::StartAck { cid: id, functype: FuncType::AsyncFunc }).await;
    peer.send(&Msg::Return { cid: id, pld: bytes.into() }).await;
}

async fn start_typed(peer: &mut Peer, id: &str, func: &str, kwargs: bytes::Bytes, types: Types) {
    let mut start = peer.start_msg(id, func, kwargs);
    start.types = types;
    peer.send(&Msg::Start(Box::new(start))).await;
}

// ---- the callee ----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn only_who_has_our_fingerprint_gets_structs_without_names() {
    host("sc-own", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        let fingerprint = schema_of(mirrored).fingerprint();
        let by_name = vec![0x82, 0xa1, b'x', 2, 0xa1, b'y', 1];
        for (types, answer) in [
            (Types::Own(fingerprint), vec![0x92, 2, 1]),
            (Types::Fit(fingerprint), by_name.clone()),
            (Types::Unsaid, by_name),
        ] {
            for _again in 0..3 {
                start_typed(&mut peer, "c", "mirrored", kwargs("point", Point { x: 1, y: 2 }), types).await;
                peer.expect_ack("c", FuncType::AsyncFunc).await;
                assert_eq!(peer.recv().await, Msg::Return { cid: cid("c"), pld: answer.clone().into() });
            }
        }
    })
    .await;
}

/// Two versions of such types have one fingerprint.
#[tokio::test]
async fn types_that_decide_as_they_read_go_by_name_even_with_our_fingerprint() {
    host("sc-any", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        let own = Types::Own(schema_of(turned).fingerprint());
        let turn = kwargs("turn", Turn::By { x: 1, y: 2 });
        for _again in 0..3 {
            start_typed(&mut peer, "c", "turned", turn.clone(), own).await;
            peer.expect_ack("c", FuncType::AsyncFunc).await;
            let by_name = b"\x83\xa4kind\xa2By\xa1x\x02\xa1y\x01";
            assert_eq!(peer.recv().await, Msg::Return { cid: cid("c"), pld: by_name.to_vec().into() });
        }
    })
    .await;
    let script = async |peer: &mut Peer| {
        let start = peer.expect_start().await;
        assert_eq!(start.types, Types::Own(schema_of(turned).fingerprint()));
        assert_eq!(&start.kwargs[..], b"\x81\xa4turn\x83\xa4kind\xa2By\xa1x\x01\xa1y\x02");
        returns(peer, start.cid, b"\x83\xa1y\x03\xa4kind\xa2By\xa1x\x04".to_vec()).await;
    };
    meet("sc-any-call", ActorOptions::new(), Caps::BASIC, script, async |portal| {
        let answer = portal.run(turned(Turn::By { x: 1, y: 2 })).await.expect("it can be read");
        assert_eq!(answer, Turn::By { x: 4, y: 3 });
    })
    .await;
}

#[tokio::test]
async fn a_request_of_other_types_is_refused_with_our_schema_before_anything_is_decoded() {
    host("sc-refused", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::rust(addr).await;
        for types in [Types::Own(OTHER), Types::Fit(OTHER), Types::Own(schema_of(counts).fingerprint())] {
            // Arguments that nobody could decode.
            start_typed(&mut peer, "c", "echo", kwargs("nonsense", "x"), types).await;
            let error = peer.expect_local_error("c", "SchemaMismatch", &["echo", "other types"]).await;
            let schema = Schema::parse(error.schema.as_deref().expect("our schema")).expect("it can be read");
            assert_eq!(&schema, schema_of(echo));
        }
        assert_eq!(peer.dialogs_open().await, 0);
        peer.assert_answered().await;
    })
    .await;
}

#[tokio::test]
async fn a_refusal_whose_schema_is_too_long_for_the_peer_is_one_all_the_same() {
    host("sc-long", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::dial(addr).await;
        let aid = Aid { frame_bytes_max: Some(FRAME_BYTES_MAX_LEAST), ..peer.aid(Caps::BASIC) };
        peer.send(&Msg::Aid(aid)).await;
        peer.expect_aid().await;
        assert!(schema_of(widens).to_string().len() > FRAME_BYTES_MAX_LEAST);
        start_typed(&mut peer, "c", "widens", kwargs("nonsense", "x"), Types::Own(OTHER)).await;
        let error = peer.expect_local_error("c", "SchemaMismatch", &["widens", "other types"]).await;
        assert_eq!(error.schema.as_deref(), Some(""));
        peer.assert_answered().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_base_peer_says_of_its_types_is_ignored() {
    host("sc-base", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        start_typed(&mut peer, "c", "echo", kwargs("value", 5), Types::Own(OTHER)).await;
        peer.expect_ack("c", FuncType::AsyncFunc).await;
        assert_eq!(peer.expect_return::<i64>("c").await, 5);
    })
    .await;
}

// ---- the caller ----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn only_peers_that_compare_types_are_told_the_fingerprint() {
    for (name, caps, types) in [
        ("sc-told", Caps::BASIC, Types::Own(schema_of(echo).fingerprint())),
        ("sc-untold", Caps::NONE, Types::Unsaid),
        ("sc-by-name", Caps::SCHEMA, Types::Unsaid),
    ] {
        let script = async |peer: &mut Peer| {
            let start = peer.expect_start().await;
            assert_eq!(start.types, types, "{name}");
            returns(peer, start.cid, pld(&1)).await;
            let by_name = peer.expect_start().await;
            assert_eq!(by_name.types, Types::Unsaid, "a call by name has no types");
            returns(peer, by_name.cid, pld(&2)).await;
            let dynamic = peer.expect_start().await;
            assert_eq!(dynamic.types, Types::Unsaid, "nor has one of dynamic values");
            returns(peer, dynamic.cid, pld(&3)).await;
            let context = peer.expect_start().await;
            assert_eq!(context.types, Types::Unsaid, "nor has such a context");
            peer.send(&Msg::StartAck { cid: context.cid, functype: FuncType::Context }).await;
            peer.send(&Msg::Started { cid: context.cid, pld: pld(&4) }).await;
            peer.send(&Msg::Return { cid: context.cid, pld: pld(&5) }).await;
        };
        meet(name, tractor::ActorOptions::new(), caps, script, async |portal| {
            assert_eq!(portal.run(echo(1)).await.unwrap(), 1);
            let called = portal.run_dyn::<i64>(DynCall::new(endpoints::MODULE, "echo").arg("value", 2)).await;
            assert_eq!(called.unwrap(), 2);
            let dynamic = || DynCall::new(endpoints::MODULE, "echo").arg("value", 3);
            assert_eq!(portal.run_dyn::<Value>(dynamic()).await.unwrap(), Value::from(3));
            let opened = portal.open_context_dyn(dynamic(), async |_, first| Ok::<_, Error>(first));
            assert_eq!(opened.await.unwrap(), Value::from(4));
        })
        .await;
    }
}

/// `mirrored` of another version: the fields of its struct are in another order, and it has an optional argument.
const FITTING: &str = "actor_fn\nargs {point:{y:i64,x:i64,},note?:?str,!,}\nreturns {y:i64,x:i64,}";

#[tokio::test]
async fn a_refusal_whose_types_fit_is_followed_by_one_request_by_name_and_remembered() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Args {
        point: Point,
    }
    let fingerprint = Schema::parse(FITTING).expect("a schema").fingerprint();
    let script = async |peer: &mut Peer| {
        let first = peer.expect_start().await;
        assert_eq!(first.types, Types::Own(schema_of(mirrored).fingerprint()));
        assert_eq!(first.kwargs[..], [&[0x81, 0xa5][..], b"point", &[0x92, 1, 2]].concat(), "by position");
        refuse(peer, first.cid, Some(FITTING)).await;
        for _call in 0..2 {
            let start = peer.expect_start().await;
            assert_ne!(start.cid, first.cid);
            assert_eq!(start.types, Types::Fit(fingerprint));
            assert_eq!(start.kwargs[7], 0x82, "by name");
            assert_eq!(value::<Args>(&start.kwargs), Args { point: Point { x: 1, y: 2 } });
            let mut result = Vec::new();
            payload::encode(&Point { x: 2, y: 1 }, PayloadFormat::ByName, &mut result).expect("encodable");
            returns(peer, start.cid, result).await;
        }
    };
    meet("sc-retry", tractor::ActorOptions::new(), Caps::BASIC, script, async |portal| {
        for _call in 0..2 {
            assert_eq!(portal.run(mirrored(Point { x: 1, y: 2 })).await.unwrap(), Point { x: 2, y: 1 });
            assert_eq!(portal.dialogs_open(), 0);
        }
    })
    .await;
}

#[tokio::test]
async fn requests_in_flight_when_the_first_is_refused_are_all_sent_again() {
    const CALLS: usize = 20;
    let script = async |peer: &mut Peer| {
        let mut refused = Vec::new();
        for _call in 0..CALLS {
            refused.push(peer.expect_start().await.cid);
        }
        for id in refused {
            refuse(peer, id, Some(FITTING)).await;
        }
        for _call in 0..CALLS {
            let start = peer.expect_start().await;
            assert!(matches!(start.types, Types::Fit(_)));
            returns(peer, start.cid, vec![0x82, 0xa1, b'x', 2, 0xa1, b'y', 1]).await;
        }
    };
    meet("sc-flight", tractor::ActorOptions::new(), Caps::BASIC, script, async |portal| {
        let calls: Vec<_> = (0..CALLS).map(|_| portal.run(mirrored(Point { x: 1, y: 2 }))).collect();
        let results = tractor::join_all(calls).await.unwrap();
        assert_eq!(results, vec![Point { x: 2, y: 1 }; CALLS]);
    })
    .await;
}

#[tokio::test]
async fn contexts_and_streams_are_opened_again_too() {
    let script = async |peer: &mut Peer| {
        let first = peer.expect_start().await;
        let theirs = "context\nargs {hint?:?str,!,}\nstarted i64\nsends i64\nreceives i64\nreturns i64";
        refuse(peer, first.cid, Some(theirs)).await;
        let start = peer.expect_start().await;
        peer.send(&Msg::StartAck { cid: start.cid, functype: FuncType::Context }).await;
        peer.send(&Msg::Started { cid: start.cid, pld: pld(&7) }).await;
        peer.send(&Msg::Return { cid: start.cid, pld: pld(&8) }).await;

        let first = peer.expect_start().await;
        refuse(peer, first.cid, Some("stream\nargs {to:i64,hint?:?str,!,}\nsends i32")).await;
        let start = peer.expect_start().await;
        assert_eq!(value::<To>(&start.kwargs).to, 1);
        peer.send(&Msg::StartAck { cid: start.cid, functype: FuncType::AsyncGen }).await;
        peer.send(&Msg::Yield { cid: start.cid, pld: pld(&9) }).await;
        peer.send(&Msg::Stop { cid: start.cid }).await;
    };
    meet("sc-open", tractor::ActorOptions::new(), Caps::BASIC, script, async |portal| {
        let opened = portal.open_context(doubles(), async |ctx, first| {
            assert_eq!(first, 7);
            ctx.wait_for_result().await
        });
        assert_eq!(opened.await.unwrap(), 8);
        let read = portal.open_stream_from(counts(1), async |stream| {
            assert_eq!(stream.receive().await?, Some(9));
            stream.receive().await
        });
        assert_eq!(read.await.unwrap(), None);
        assert_eq!(portal.dialogs_open(), 0);
    })
    .await;
}

#[derive(Deserialize)]
struct To {
    to: i64,
}

async fn mismatch(peer_says: &'static str, name: &str, words: &[&str]) -> Error {
    let script = async |peer: &mut Peer| {
        let start = peer.expect_start().await;
        refuse(peer, start.cid, Some(peer_says)).await;
    };
    let mut failed = None;
    meet(name, tractor::ActorOptions::new(), Caps::BASIC, script, async |portal| {
        failed = Some(portal.run(echo(1)).await.expect_err("it does not fit"));
        assert_eq!(portal.dialogs_open(), 0);
    })
    .await;
    let error = failed.expect("the body ran");
    assert!(matches!(error, Error::Schema(_)), "{error:?}");
    for word in words {
        assert!(error.to_string().contains(word), "{word:?} is not in {error}");
    }
    error
}

#[tokio::test]
async fn types_that_do_not_fit_are_an_error_that_says_what_differs() {
    let theirs = "actor_fn\nargs {value:str,unit:str,!,}\nreturns i64";
    let words = [
        "endpoints:echo",
        "argument `value`: the caller sends `i64`, the endpoint expects `str`",
        "argument `unit` is required by the endpoint, the caller does not send it",
        "build both programs from one version",
    ];
    let error = mismatch(theirs, "sc-differs", &words).await;
    let Error::Schema(mismatch) = error else { unreachable!("checked") };
    assert_eq!(mismatch.differences().len(), 2);
    assert!(mismatch.differences().iter().all(tractor::schema::Difference::breaks));
}

#[tokio::test]
async fn a_schema_that_cannot_be_read_or_is_too_long_is_an_error() {
    mismatch("actor_fn\nargs {", "sc-garbage", &["its schema cannot be read"]).await;
    mismatch("", "sc-empty", &["too long to be compared", "SCHEMA_BYTES_MAX"]).await;
    let deep: &'static str =
        format!("actor_fn\nargs {{!,}}\nreturns {}", "[".repeat(SCHEMA_BYTES_MAX / 2)).leak();
    mismatch(deep, "sc-deep", &["SCHEMA_DEPTH_MAX"]).await;
}

#[tokio::test]
async fn a_peer_that_refuses_its_own_types_is_asked_no_third_time() {
    let script = async |peer: &mut Peer| {
        for _request in 0..2 {
            let start = peer.expect_start().await;
            refuse(peer, start.cid, Some(FITTING)).await;
        }
    };
    meet("sc-third", tractor::ActorOptions::new(), Caps::BASIC, script, async |portal| {
        let error = portal.run(mirrored(Point { x: 1, y: 2 })).await.expect_err("refused twice");
        assert!(
            matches!(&error, Error::Schema(_)) && error.to_string().contains("its own fingerprint"),
            "{error}"
        );
        assert_eq!(portal.dialogs_open(), 0);
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_fails_with_such_an_error_of_its_own_is_not_asked_again() {
    let script = async |peer: &mut Peer| {
        let start = peer.expect_start().await;
        refuse(peer, start.cid, None).await;
    };
    meet("sc-inner", tractor::ActorOptions::new(), Caps::BASIC, script, async |portal| {
        let error = portal.run(echo(1)).await.expect_err("the endpoint failed");
        assert_eq!(error.as_remote().expect("of another actor").kind(), tractor::error::RemoteKind::Schema);
    })
    .await;
}

#[tokio::test]
async fn a_call_dropped_after_its_refusal_is_not_sent_again() {
    let (dropped_tx, dropped) = tokio::sync::oneshot::channel::<()>();
    let (refused_tx, refused) = tokio::sync::oneshot::channel::<()>();
    let script = async |peer: &mut Peer| {
        let start = peer.expect_start().await;
        refuse(peer, start.cid, Some(FITTING)).await;
        refused_tx.send(()).expect("the caller waits");
        step("the drop", dropped).await.expect("the caller is done");
        let next = peer.expect_start().await;
        assert_eq!((next.func.as_str(), next.types), ("echo", Types::Own(schema_of(echo).fingerprint())));
        returns(peer, next.cid, pld(&3)).await;
    };
    meet("sc-dropped", tractor::ActorOptions::new(), Caps::BASIC, script, async |portal| {
        let mut call = Box::pin(portal.run(mirrored(Point { x: 1, y: 2 })));
        let polled = std::future::Future::poll(call.as_mut(), &mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending));
        refused.await.expect("the script goes on");
        while portal.dialogs_open() > 0 {
            tokio::task::yield_now().await; // until the refusal has been read
        }
        drop(call);
        dropped_tx.send(()).expect("the script waits");
        assert_eq!(portal.run(echo(3)).await.unwrap(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_refused_stream_is_an_error_before_its_body_runs() {
    let script = async |peer: &mut Peer| {
        let start = peer.expect_start().await;
        refuse(peer, start.cid, Some("stream\nargs {!,}\nsends i64")).await;
    };
    meet("sc-body", tractor::ActorOptions::new(), Caps::BASIC, script, async |portal| {
        let error: Error = portal
            .open_stream_from(counts(1), async |_stream| -> tractor::Result<()> { panic!("the body runs") })
            .await
            .expect_err("an argument is refused");
        assert!(error.to_string().contains("the argument `to`"), "{error}");
    })
    .await;
}
