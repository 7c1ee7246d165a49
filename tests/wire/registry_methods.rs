//! A registrar and its peers: the answers of its methods, the end of rows, and its refusals.

use std::collections::BTreeMap;

use bytes::Bytes;
use tractor::{ActorOptions, Addr, Limits, Uid};
use tractor_core::proto::id::Caps;
use tractor_core::proto::msg::{FuncType, Msg};

use crate::wire_support::registry::{
    Scratch, Wire, WireUid, ask, find, named, register, registration, wire, wire_uid,
};
use crate::wire_support::script::{frame_of, kwargs, no_kwargs, pld};
use crate::wire_support::{Peer, alone, assert_alive, host};

/// The error of a refused registration. The request itself is accepted.
async fn refused(peer: &mut Peer, uid: &Uid, addr: &Addr, words: &[&str]) {
    peer.start_self("r", "register_actor", registration(uid, addr)).await;
    peer.expect_ack("r", FuncType::AsyncFunc).await;
    peer.expect_local_error("r", "RuntimeFailure", words).await;
}

/// A registrar, in a scratch directory.
async fn registrar(name: &str, options: ActorOptions, body: impl AsyncFnOnce(&Scratch, &Addr)) {
    let scratch = Scratch::new(name);
    let registry = scratch.addr("registry.sock");
    let options = options.name(format!("rm-{name}")).registry(registry.clone());
    host(&format!("rm-{name}"), options, async |_, _| body(&scratch, &registry).await).await;
}

#[tokio::test]
async fn a_registrar_says_that_it_is_one_and_nobody_else_has_its_methods() {
    registrar("says", ActorOptions::new(), async |_, registry| {
        let peer = Peer::base(registry).await;
        assert_eq!(peer.actor.expect("the actor has introduced itself").is_registrar, Some(true));
    })
    .await;
    host("rm-plain", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::base(addr).await;
        assert_eq!(peer.actor.as_ref().expect("the actor has introduced itself").is_registrar, Some(false));
        for (func, kwargs) in [("find_actor", kwargs("name", "x")), ("get_registry", no_kwargs())] {
            peer.start_self("c", func, kwargs).await;
            peer.expect_local_error("c", "AttributeError", &[func]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn each_method_answers_as_the_base_protocol_does() {
    registrar("methods", ActorOptions::new(), async |scratch, registry| {
        let (first, second) = (scratch.addr("1"), scratch.addr("2"));
        let mut peer = named(registry, "alice", Caps::NONE).await;
        assert_eq!(find(&mut peer, "alice").await, None);
        for addr in [&first, &second, &first] {
            register(&mut peer, addr).await;
        }
        let both = vec![wire(&first), wire(&second)];
        let uid = peer.uid.clone();
        assert_eq!(find(&mut peer, "alice").await, Some(both.clone()));
        assert_eq!(find(&mut peer, uid.uuid()).await, Some(both.clone()));
        assert_eq!(ask::<Vec<Wire>>(&mut peer, "wait_for_actor", kwargs("name", "alice")).await, both);
        let all: BTreeMap<String, Vec<Wire>> = ask(&mut peer, "get_registry", no_kwargs()).await;
        assert_eq!(all.get(&format!("alice.{}", uid.uuid())), Some(&both));
        assert_eq!(all.len(), 2, "the registrar is in its own table: {all:?}");
        let deleted = ask::<Option<WireUid>>(&mut peer, "delete_addr", kwargs("addr", wire(&second))).await;
        assert_eq!(deleted, Some(wire_uid(&uid)));
        let deleted = ask::<Option<WireUid>>(&mut peer, "delete_addr", kwargs("addr", wire(&second))).await;
        assert_eq!(deleted, None);
        for _ in 0..2 {
            // The second request causes a warning only.
            ask::<()>(&mut peer, "unregister_actor", kwargs("uid", wire_uid(&uid))).await;
        }
        assert_eq!(find(&mut peer, "alice").await, None);
    })
    .await;
}

#[tokio::test]
async fn a_name_is_waited_for_until_somebody_has_it_or_nobody_waits() {
    registrar("waits", ActorOptions::new(), async |scratch, registry| {
        let mut waits = Peer::base(registry).await;
        for id in ["w1", "w2"] {
            waits.start_self(id, "wait_for_actor", kwargs("name", "late")).await;
            waits.expect_ack(id, FuncType::AsyncFunc).await;
        }
        waits.cancel_task("c", "w1").await;
        waits.expect_ack("c", FuncType::AsyncFunc).await;
        waits.expect_error("w1", "ContextCancelled").await;
        waits.expect_cancel_ack("c").await;
        let mut other = named(registry, "other", Caps::NONE).await;
        register(&mut other, &scratch.addr("other")).await;
        let mut late = named(registry, "late", Caps::NONE).await;
        register(&mut late, &scratch.addr("late")).await;
        assert_eq!(waits.expect_return::<Vec<Wire>>("w2").await, [wire(&scratch.addr("late"))]);
    })
    .await;
}

#[tokio::test]
async fn a_row_goes_with_its_connection_where_both_ends_know_that() {
    registrar("goes", ActorOptions::new(), async |scratch, registry| {
        let mut asks = Peer::base(registry).await;
        let mut stays = named(registry, "stays", Caps::NONE).await;
        let mut goes = named(registry, "goes", Caps::BASIC).await;
        register(&mut stays, &scratch.addr("stays")).await;
        register(&mut goes, &scratch.addr("goes")).await;
        stays.finish().await;
        // Only a connected actor itself can change its row.
        let mut thief = named(registry, "thief", Caps::NONE).await;
        let uid = thief.uid.clone();
        refused(&mut thief, &uid, &scratch.addr("goes"), &["goes", "is connected"]).await;
        let deleted = kwargs("addr", wire(&scratch.addr("goes")));
        assert_eq!(ask::<Option<WireUid>>(&mut thief, "delete_addr", deleted).await, None);
        assert_eq!(find(&mut asks, "goes").await, Some(vec![wire(&scratch.addr("goes"))]));
        goes.finish().await;
        while find(&mut asks, "goes").await.is_some() {
            tokio::task::yield_now().await;
        }
        assert_eq!(find(&mut asks, "stays").await, Some(vec![wire(&scratch.addr("stays"))]));
        register(&mut thief, &scratch.addr("stays")).await;
        assert_eq!(find(&mut asks, "stays").await, None, "a stale address belongs to the new actor");
    })
    .await;
}

#[tokio::test]
async fn an_actor_registers_itself_and_nobody_else() {
    registrar("itself", ActorOptions::new(), async |scratch, registry| {
        let mut peer = named(registry, "alice", Caps::NONE).await;
        let (addr, uuid) = (scratch.addr("1"), peer.uid.uuid().to_owned());
        for other in [Uid::new("bob", "b-b"), Uid::new("bob", uuid), Uid::new("alice", "b-b")] {
            refused(&mut peer, &other, &addr, &["registers itself"]).await;
            peer.start_self("u", "unregister_actor", kwargs("uid", wire_uid(&other))).await;
            peer.expect_ack("u", FuncType::AsyncFunc).await;
            peer.expect_local_error("u", "RuntimeFailure", &["registers itself"]).await;
        }
        assert_eq!(find(&mut peer, "bob").await, None);
    })
    .await;
}

#[tokio::test]
async fn names_and_addresses_that_nobody_can_use_are_refused() {
    registrar("refuses", ActorOptions::new(), async |scratch, registry| {
        for name in ["", "a\nb", "\x1b[2J"] {
            let mut peer = named(registry, name, Caps::NONE).await;
            let uid = peer.uid.clone();
            refused(&mut peer, &uid, &scratch.addr("1"), &["name"]).await;
            peer.start_self("f", "find_actor", kwargs("name", name)).await;
            peer.expect_ack("f", FuncType::AsyncFunc).await;
            peer.expect_local_error("f", "RuntimeFailure", &["name"]).await;
        }
        // An actor cannot introduce itself with a name that is too long.
        let mut peer = Peer::dial(registry).await;
        peer.uid = Uid::new("n".repeat(1025), "u-u");
        peer.send(&Msg::Aid(peer.aid(Caps::NONE))).await;
        peer.expect_aid().await;
        peer.expect_closed().await;
        let mut peer = named(registry, "alice", Caps::NONE).await;
        let uid = peer.uid.clone();
        for lies in [scratch.addr("../x"), scratch.addr(""), scratch.addr(&"f".repeat(200))] {
            refused(&mut peer, &uid, &lies, &["socket"]).await;
        }
        peer.start_self("f", "register_actor", kwargs("addr", 7)).await;
        peer.expect_local_error("f", "TypeError", &["register_actor"]).await;
        assert_alive(registry).await;
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_rows_meets_the_limits_and_holds_nobody_up() {
    let limits = Limits::default().registry_rows_max(8).registry_addrs_max(4);
    registrar("flood", ActorOptions::new().limits(limits), async |scratch, registry| {
        let mut honest = named(registry, "honest", Caps::BASIC).await;
        register(&mut honest, &scratch.addr("honest")).await;
        let mut peer = named(registry, "flood", Caps::NONE).await;
        let uid = peer.uid.clone();
        for n in 0..4 {
            register(&mut peer, &scratch.addr(&n.to_string())).await;
        }
        for batch in 0..100 {
            let mut requests = Vec::new();
            for n in 0..100 {
                let addr = scratch.addr(&format!("{batch}-{n}"));
                let mut start = peer.start_msg("r", "register_actor", registration(&uid, &addr));
                "self".clone_into(&mut start.ns);
                requests.extend(frame_of(&Msg::Start(Box::new(start))));
            }
            peer.send_bytes(&requests).await;
            for _ in 0..100 {
                peer.expect_ack("r", FuncType::AsyncFunc).await;
                peer.expect_local_error("r", "RuntimeFailure", &["registry_addrs_max"]).await;
            }
        }
        for n in 1..8 {
            let mut next = named(registry, "flood", Caps::NONE).await;
            register(&mut next, &scratch.addr(&format!("f{n}"))).await;
        }
        let mut next = named(registry, "flood", Caps::NONE).await;
        let uid = next.uid.clone();
        refused(&mut next, &uid, &scratch.addr("one-more"), &["registry_rows_max"]).await;
        // A connected actor has a place.
        let mut late = named(registry, "late", Caps::BASIC).await;
        register(&mut late, &scratch.addr("late")).await;
        assert_eq!(find(&mut next, "honest").await, Some(vec![wire(&scratch.addr("honest"))]));
    })
    .await;
}

#[tokio::test]
async fn a_probe_is_told_who_answers_and_is_no_peer() {
    registrar("probe", ActorOptions::new(), async |_, registry| {
        let mut probe = Peer::dial(registry).await;
        let mut aid = probe.aid(Caps::NONE);
        aid.is_probe = true;
        probe.send(&Msg::Aid(aid)).await;
        assert_eq!(probe.expect_aid().await.is_registrar, Some(true));
        probe.expect_closed().await;
    })
    .await;
}

/// The requests to a registrar of the base protocol, by connection.
#[tokio::test]
async fn a_registrar_of_the_base_protocol_is_connected_to_for_each_question() {
    use crate::wire_support::Server;

    let server = Server::bind("rm-base");
    let registrar = async |probe: bool| {
        let mut peer = server.next().await;
        let mut aid = peer.aid(Caps::NONE);
        aid.is_registrar = Some(true);
        peer.send(&Msg::Aid(aid)).await;
        assert_eq!(peer.expect_aid().await.is_probe, probe);
        peer
    };
    let own = tractor::socket_addr("rm-based").expect("a short name");
    let answer = async |peer: &mut Peer, func: &str, answer: Bytes| {
        let start = peer.expect_start().await;
        assert_eq!((start.ns.as_str(), start.func.as_str()), ("self", func));
        peer.send(&Msg::StartAck { cid: start.cid, functype: FuncType::AsyncFunc }).await;
        peer.send(&Msg::Return { cid: start.cid, pld: answer }).await;
        start
    };
    let script = async {
        registrar(true).await.expect_closed().await;
        let mut peer = registrar(false).await;
        let uid = peer.them();
        let start = answer(&mut peer, "register_actor", pld(&())).await;
        assert_eq!(start.kwargs, registration(&uid, &own));
        peer.expect_closed().await;
        // A lookup of an actor that is gone.
        let gone = Addr::Uds { dir: "/nowhere".to_owned(), file: "gone.sock".to_owned() };
        let mut peer = registrar(false).await;
        answer(&mut peer, "find_actor", pld(&Some(vec![wire(&gone)]))).await;
        peer.expect_closed().await;
        let mut peer = registrar(false).await;
        let start = answer(&mut peer, "delete_addr", pld(&("gone", "u-u"))).await;
        assert_eq!(start.kwargs, kwargs("addr", wire(&gone)));
        peer.expect_closed().await;
        let mut peer = registrar(false).await;
        let start = answer(&mut peer, "unregister_actor", pld(&())).await;
        assert_eq!(start.kwargs, kwargs("uid", wire_uid(&uid)));
    };
    let body = alone(ActorOptions::new().name("rm-based").registry(server.addr.clone()), async |_| {
        let found = tractor::find_actor("gone", async |_| -> tractor::Result<()> { panic!("found") }).await;
        let tractor::Error::NotFound(error) = found.expect_err("it is gone") else { panic!("another error") };
        assert_eq!(error.why(), tractor::error::Absence::Expired);
    });
    tokio::join!(script, body);
}

#[tokio::test]
async fn the_connection_over_which_an_actor_has_registered_is_nobody_elses() {
    use crate::wire_support::Server;

    let server = Server::bind("rm-brief");
    let next = async || {
        let mut peer = server.next().await;
        let aid = tractor_core::proto::id::Aid { is_registrar: Some(true), ..peer.aid(Caps::NONE) };
        peer.send(&Msg::Aid(aid)).await;
        peer.expect_aid().await;
        peer
    };
    let answer = async |peer: &mut Peer, answer: Bytes| {
        let start = peer.expect_start().await;
        peer.send(&Msg::StartAck { cid: start.cid, functype: FuncType::AsyncFunc }).await;
        peer.send(&Msg::Return { cid: start.cid, pld: answer }).await;
        start.func
    };
    let script = async {
        next().await.expect_closed().await;
        let mut registering = next().await;
        answer(&mut registering, pld(&())).await;
        let mut asked = next().await;
        assert_eq!(answer(&mut asked, pld(&Some(vec![wire(&server.addr)]))).await, "find_actor");
        let mut found = next().await;
        assert_eq!(answer(&mut found, pld(&7)).await, "echo");
        let mut leaving = next().await;
        assert_eq!(answer(&mut leaving, pld(&())).await, "unregister_actor");
    };
    let body = alone(ActorOptions::new().name("rm-brief").registry(server.addr.clone()), async |_| {
        let call = tractor::DynCall::new("m", "echo");
        let found = tractor::find_actor("script", async |portal| portal.run_dyn::<i64>(call).await).await;
        assert_eq!(found.expect("it is found"), 7);
    });
    tokio::join!(script, body);
}
