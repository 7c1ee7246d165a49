//! Structs without field names on the wire: the requests that have them, and the peers that may send them.

use serde::Serialize;
use tractor::{ActorOptions, DynCall, Error, Value};
use tractor_core::proto::id::{Caps, Cid};
use tractor_core::proto::msg::{FuncType, Msg};

use crate::wire_support::endpoints::{self, Point, Turn, mirrored, turned};
use crate::wire_support::script::{cid, kwargs, pld};
use crate::wire_support::{Peer, host, meet, meet_alike};

/// A declaration of `endpoints::mirrored`, as in a program that does not have it.
mod declared {
    use super::Point;

    #[tractor::actor_fn(extern, module = "wire::wire_support::endpoints")]
    pub(super) async fn mirrored(point: Point) -> Point;
}

const BY_POSITION: &[u8] = b"\x81\xa5point\x92\x01\x02";
const BY_NAME: &[u8] = b"\x81\xa5point\x82\xa1x\x01\xa1y\x02";

fn point() -> Point {
    Point { x: 1, y: 2 }
}

async fn start(peer: &mut Peer, func: &str, kwargs: impl Into<bytes::Bytes>, positional: bool) {
    let mut start = peer.start_msg("c", func, kwargs.into());
    start.positional = positional;
    peer.send(&Msg::Start(Box::new(start))).await;
}

async fn expect_return(peer: &mut Peer, pld: &'static [u8]) {
    peer.expect_ack("c", FuncType::AsyncFunc).await;
    assert_eq!(peer.recv().await, Msg::Return { cid: cid("c"), pld: pld.into() });
}

async fn returns(peer: &mut Peer, id: Cid, bytes: impl Into<bytes::Bytes>) {
    peer.send(&Msg::StartAck { cid: id, functype: FuncType::AsyncFunc }).await;
    peer.send(&Msg::Return { cid: id, pld: bytes.into() }).await;
}

// ---- the child side ------------------------------------------------------------------------------------------------

#[tokio::test]
async fn structs_go_without_names_only_where_the_receiver_asks_for_it() {
    host("la-asks", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::of_its_image(addr).await;
        // The third request is recognised without a full decode.
        for _again in 0..3 {
            start(&mut peer, "mirrored", BY_POSITION, true).await;
            expect_return(&mut peer, b"\x92\x02\x01").await;
            start(&mut peer, "mirrored", BY_NAME, false).await;
            expect_return(&mut peer, b"\x82\xa1x\x02\xa1y\x01").await;
        }
    })
    .await;
}

#[tokio::test]
async fn values_by_position_of_another_image_are_refused_undecoded() {
    host("la-refused", ActorOptions::new(), async |_, addr| {
        for mut peer in [Peer::rust(addr).await, Peer::base(addr).await] {
            start(&mut peer, "mirrored", kwargs("nonsense", "x"), true).await;
            let words = ["endpoints:mirrored", "without field names", "same program image"];
            peer.expect_local_error("c", "MessagingError", &words).await;
            assert_eq!(peer.dialogs_open().await, 0);
            peer.assert_answered().await;
        }
    })
    .await;
}

#[tokio::test]
async fn types_that_decide_as_they_read_are_taken_by_name_only() {
    host("la-any", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::of_its_image(addr).await;
        let turn = kwargs("turn", Turn::By { x: 1, y: 2 });
        start(&mut peer, "turned", turn.clone(), true).await;
        peer.expect_local_error("c", "MessagingError", &["endpoints:turned", "without field names"]).await;
        start(&mut peer, "turned", turn, false).await;
        expect_return(&mut peer, b"\x83\xa4kind\xa2By\xa1x\x02\xa1y\x01").await;
    })
    .await;
}

// ---- the parent side -----------------------------------------------------------------------------------------------

#[tokio::test]
async fn only_calls_of_the_registered_endpoint_itself_go_by_position() {
    let script = async |peer: &mut Peer| {
        let itself = peer.expect_start().await;
        assert_eq!((itself.positional, &itself.kwargs[..]), (true, BY_POSITION));
        returns(peer, itself.cid, b"\x92\x02\x01".to_vec()).await;
        for by in ["a declaration", "a name"] {
            let start = peer.expect_start().await;
            assert_eq!((start.positional, &start.kwargs[..]), (false, BY_NAME), "by {by}");
            returns(peer, start.cid, b"\x82\xa1y\x01\xa1x\x02".to_vec()).await;
        }
        let context = peer.expect_start().await;
        assert_eq!((context.positional, &context.kwargs[..]), (false, BY_NAME));
        peer.send(&Msg::StartAck { cid: context.cid, functype: FuncType::Context }).await;
        peer.send(&Msg::Started { cid: context.cid, pld: pld(&4) }).await;
        peer.send(&Msg::Return { cid: context.cid, pld: pld(&5) }).await;
        let decides = peer.expect_start().await;
        assert!(!decides.positional);
        assert_eq!(&decides.kwargs[..], b"\x81\xa4turn\x83\xa4kind\xa2By\xa1x\x01\xa1y\x02");
        returns(peer, decides.cid, b"\x83\xa1y\x03\xa4kind\xa2By\xa1x\x04".to_vec()).await;
    };
    meet_alike("la-calls", ActorOptions::new(), script, async |portal| {
        let back = Point { x: 2, y: 1 };
        assert_eq!(portal.run(mirrored(point())).await.unwrap(), back);
        assert_eq!(portal.run(declared::mirrored(point())).await.unwrap(), back);
        let by_name = || DynCall::new(endpoints::MODULE, "mirrored").arg("point", point());
        assert_eq!(portal.run_dyn::<Point>(by_name()).await.unwrap(), back);
        let opened = portal.open_context_dyn(by_name(), async |_, first| Ok::<_, Error>(first));
        assert_eq!(opened.await.unwrap(), Value::from(4));
        let turn = portal.run(turned(Turn::By { x: 1, y: 2 })).await.unwrap();
        assert_eq!(turn, Turn::By { x: 4, y: 3 });
    })
    .await;
}

#[tokio::test]
async fn actors_of_other_images_are_sent_names() {
    for (name, caps) in [("la-rust", Caps::BASIC), ("la-base", Caps::NONE)] {
        let script = async |peer: &mut Peer| {
            let start = peer.expect_start().await;
            assert_eq!((start.positional, &start.kwargs[..]), (false, BY_NAME), "{name}");
            returns(peer, start.cid, b"\x82\xa1x\x02\xa1y\x01".to_vec()).await;
        };
        meet(name, ActorOptions::new(), caps, script, async |portal| {
            assert_eq!(portal.run(mirrored(point())).await.unwrap(), Point { x: 2, y: 1 });
        })
        .await;
    }
}

/// A value that leaves a field out has names, which every reader accepts.
#[tokio::test]
async fn a_value_that_leaves_a_field_out_has_names_among_others_that_have_none() {
    #[derive(Serialize)]
    struct Sparse {
        b: u8,
    }
    host("la-sparse", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::of_its_image(addr).await;
        let mut sparse = b"\x81\xa6sparse".to_vec();
        sparse.extend_from_slice(&pld(&std::collections::BTreeMap::from([("b", 2)])));
        start(&mut peer, "sparse", sparse, true).await;
        expect_return(&mut peer, b"\x81\xa1b\x02").await;
        start(&mut peer, "sparse", b"\x81\xa6sparse\x92\x01\x02".to_vec(), true).await;
        expect_return(&mut peer, b"\x92\x01\x02").await;
        start(&mut peer, "sparse", kwargs("sparse", Sparse { b: 3 }), false).await;
        expect_return(&mut peer, b"\x81\xa1b\x03").await;
    })
    .await;
}
