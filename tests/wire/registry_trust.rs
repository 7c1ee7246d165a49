//! The peers that may connect over TCP if a tree allows peers without a proof.

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tractor::{ActorOptions, ActorRef, Addr, Limits, Uid};
use tractor_core::proto::id::Caps;
use tractor_core::proto::msg::{FuncType, Msg};

use crate::wire_support::endpoints::{MODULE, process};
use crate::wire_support::registry::{WireUid, ask, find, named, register, registration, wire, wire_uid};
use crate::wire_support::script::{kwargs, no_kwargs, pld};
use crate::wire_support::{Peer, alone, assert_alive, step};

fn any_port() -> Addr {
    "/ip4/127.0.0.1/tcp/0".parse().expect("an address")
}

fn open() -> ActorOptions {
    ActorOptions::new().enable_module(MODULE).allow_unauthenticated_peers()
}

/// A free address for a registry.
async fn free() -> Addr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    Addr::Tcp(listener.local_addr().expect("it is bound"))
}

#[tokio::test]
async fn a_peer_of_the_base_protocol_may_call_what_is_exposed_and_end_nobody() {
    let registry = free().await;
    alone(open().name("rt-open").registry(registry.clone()), async |_| {
        let mut peer = Peer::base(&registry).await;
        peer.assert_answered().await;
        peer.start_self("f", "find_actor", kwargs("name", "rt-open")).await;
        peer.expect_ack("f", FuncType::AsyncFunc).await;
        let found = peer.expect_return::<Option<Vec<(String, u16)>>>("f").await.expect("it is registered");
        let Addr::Tcp(bound) = &registry else { unreachable!("it is TCP") };
        assert_eq!(found, [("127.0.0.1".to_owned(), bound.port())]);
        peer.start_self("c", "cancel", no_kwargs()).await;
        peer.expect_local_error("c", "RuntimeFailure", &["secret of its tree"]).await;
        peer.start_self("l", "listen", no_kwargs()).await;
        peer.expect_ack("l", FuncType::AsyncFunc).await;
        peer.expect_local_error("l", "RuntimeFailure", &["secret of the tree"]).await;
        peer.assert_answered().await;
    })
    .await;
}

#[tokio::test]
async fn a_peer_without_a_proof_gets_no_report() {
    let registry = free().await;
    alone(open().name("rt-tells").registry(registry.clone()), async |_| {
        let mut peer = Peer::base(&registry).await;
        peer.start_self("d", "describe", no_kwargs()).await;
        peer.expect_local_error("d", "RuntimeFailure", &["secret of its tree"]).await;
        peer.assert_answered().await;
    })
    .await;
}

/// The root of another tree, in a task of its own: it inspects a tree of this process.
async fn looks(options: ActorOptions, at: Addr) -> tractor::Result<i64> {
    let look = tokio::spawn(tractor::open_root_actor(options, async move |_| {
        tractor::connect(&at, async |portal| {
            portal.run_dyn(tractor::DynCall::new(MODULE, "echo").arg("value", 7)).await
        })
        .await
    }));
    step("the answer", look).await.expect("it does not panic")
}

#[tokio::test]
async fn a_program_without_a_tree_is_let_in_where_no_proof_is_asked_for() {
    let registry = free().await;
    alone(open().name("rt-guests").registry(registry.clone()), async |_| {
        let refused = looks(ActorOptions::new(), registry.clone()).await;
        assert!(matches!(refused, Err(tractor::Error::Unreachable(_))), "{refused:?}");
        assert_eq!(looks(ActorOptions::new().unproved(), registry.clone()).await.expect("it is let in"), 7);
    })
    .await;
    let closed = free().await;
    alone(ActorOptions::new().name("rt-asks").registry(closed.clone()), async |_| {
        let refused = looks(ActorOptions::new().unproved(), closed.clone()).await;
        assert!(
            matches!(refused, Err(tractor::Error::Unreachable(_) | tractor::Error::Closed(_))),
            "{refused:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_announces_a_proof_has_to_give_it() {
    let registry = free().await;
    alone(open().name("rt-proves").registry(registry.clone()), async |_| {
        let mut peer = Peer::dial(&registry).await;
        let ours = peer.expect_aid().await;
        assert!(ours.caps.contains(Caps::AUTH));
        let mut aid = peer.aid(Caps::ALL);
        aid.nonce = Some([7; 32]);
        peer.send(&Msg::Aid(aid)).await;
        let Msg::Auth { .. } = peer.recv().await else { panic!("a challenge is answered") };
        peer.send(&Msg::Auth { proof: [0; 32] }).await;
        peer.expect_closed().await;
        // Another tree of the same host does not start, and its error says why.
        let other = tokio::spawn(tractor::open_root_actor(
            open().name("rt-other").registry(registry.clone()),
            async |_| -> tractor::Result<()> { panic!("let in") },
        ));
        let error =
            step("the refusal", other).await.expect("it does not panic").expect_err("it is another tree");
        assert!(matches!(error, tractor::Error::Unreachable(_)), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn both_ends_have_to_allow_it() {
    let registry = free().await;
    alone(ActorOptions::new().name("rt-closed").registry(registry.clone()), async |_| {
        let mut peer = Peer::dial(&registry).await;
        peer.send(&Msg::Aid(peer.aid(Caps::NONE))).await;
        peer.expect_aid().await;
        peer.expect_closed().await;
    })
    .await;
    for allowed in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = Addr::Tcp(listener.local_addr().expect("it is bound"));
        let options = if allowed { open() } else { ActorOptions::new() };
        alone(options, async |_| {
            let script = async {
                let (io, _) = listener.accept().await.expect("the actor connects");
                let mut peer = Peer::on(io);
                peer.introduce(Caps::NONE).await;
                peer.expect_closed().await;
            };
            let dialing = tractor::connect(&addr, async |_| -> tractor::Result<()> { Ok(()) });
            let (_, dialed) = step("both ends", async { tokio::join!(script, dialing) }).await;
            assert_eq!(dialed.is_ok(), allowed, "{dialed:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn peers_without_a_proof_leave_room_for_members() {
    let (registry, uds) = (free().await, tractor::socket_addr("rt-room").expect("a short name"));
    let options = open().limits(Limits::default().connections_max(6));
    alone(options.name("rt-room").registry(registry.clone()).bind(uds.clone()), async |_| {
        let mut crowd = Vec::new();
        for _ in 0..20 {
            crowd.push(Peer::base(&registry).await);
        }
        for one in &mut crowd[..3] {
            one.assert_answered().await;
        }
        // Peers of our own user, and of this tree.
        assert_alive(&uds).await;
        let member = tractor::connect(&registry, async |portal| portal.run(process()).await);
        let served: tractor::Result<u32> = step("a member", member).await;
        assert_eq!(served.expect("it is let in"), std::process::id());
        // A peer that leaves makes room for the next one.
        let mut rest = crowd.split_off(3);
        crowd.pop();
        step("a place", rest[0].assert_answered()).await;
    })
    .await;
}

/// Answers calls with a number, as the peer that it claims to be. It has no proof.
async fn claims(uid: Uid, number: u32) -> (Addr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = Addr::Tcp(listener.local_addr().expect("it is bound"));
    let serving = tokio::spawn(async move {
        let mut served = tokio::task::JoinSet::new();
        loop {
            let (io, _) = listener.accept().await.expect("it listens");
            let mut peer = Peer::on(io);
            peer.uid = uid.clone();
            served.spawn(async move {
                peer.introduce(Caps::BASIC).await;
                while let Some(msg) = peer.recv_or_end().await {
                    let Msg::Start(start) = msg else { continue };
                    peer.send(&Msg::StartAck { cid: start.cid, functype: FuncType::AsyncFunc }).await;
                    peer.send(&Msg::Return { cid: start.cid, pld: pld(&number) }).await;
                }
            });
        }
    });
    (addr, serving)
}

#[tokio::test]
async fn a_peer_without_a_proof_takes_no_name_of_another() {
    let registry = free().await;
    alone(open().name("rt-names").registry(registry.clone()), async |_| {
        let found = async |name: &str| {
            let body = async |portal: &tractor::Portal| portal.run(process()).await;
            let found: tractor::Result<u32> = step("a name", tractor::find_actor(name, body)).await;
            let named = step("a handle", ActorRef::named(name).portal()).await.expect("it is registered");
            let named = step("an answer", named.run(process())).await.expect("it answers");
            [found.expect("it is registered"), named]
        };
        let mut oracle = named(&registry, "oracle", Caps::NONE).await;
        let (at, honest) = claims(oracle.uid.clone(), 1).await;
        register(&mut oracle, &at).await;
        let lies = [Uid::new("oracle", "liar-0"), Uid::new("liar-1", oracle.uid.uuid())];
        let mut liars = Vec::new();
        for (n, lie) in lies.into_iter().enumerate() {
            let name = format!("liar-{n}");
            let mut row = named(&registry, &name, Caps::NONE).await;
            let (at, liar) = claims(lie, 2).await;
            register(&mut row, &at).await;
            liars.push((row, liar));
            assert_eq!(found(&name).await, [2, 2]);
        }
        assert_eq!(found("oracle").await, [1, 1]);
        assert_eq!(found(oracle.uid.uuid()).await, [1, 1]);
        honest.abort();
        liars.into_iter().for_each(|(_, liar)| liar.abort());
    })
    .await;
}

#[tokio::test]
async fn a_peer_without_a_proof_changes_no_row_of_a_member() {
    let (registry, uds) = (free().await, tractor::socket_addr("rt-rows").expect("a short name"));
    let options = open().name("rt-rows").registry(registry.clone()).bind(uds.clone());
    alone(options, async |root| {
        for caps in [Caps::BASIC, Caps::NONE] {
            let mut member = named(&uds, "oracle", caps).await;
            let at: Addr = format!("/unix/run/{}.sock", member.uid.uuid()).parse().expect("an address");
            register(&mut member, &at).await;
            let own = Uid::new("stranger", format!("{}-2", member.uid.uuid()));
            for (lie, caps, why) in [
                (member.uid.clone(), Caps::BASIC, "registered already"),
                (member.uid.clone(), Caps::NONE, "registered already"),
                (root.uid().clone(), Caps::NONE, "registered already"),
                (own, Caps::NONE, "an address of oracle"),
            ] {
                let mut stranger = Peer::dial(&registry).await;
                stranger.uid = lie.clone();
                stranger.introduce(caps).await;
                stranger.start_self("r", "register_actor", registration(&lie, &at)).await;
                stranger.expect_ack("r", FuncType::AsyncFunc).await;
                stranger.expect_local_error("r", "RuntimeFailure", &[why]).await;
                ask::<()>(&mut stranger, "unregister_actor", kwargs("uid", wire_uid(&lie))).await;
                ask::<Option<WireUid>>(&mut stranger, "delete_addr", kwargs("addr", wire(&at))).await;
                stranger.finish().await;
                assert_eq!(find(&mut member, "oracle").await, Some(vec![wire(&at)]), "{lie} {caps:?}");
                let root =
                    ask::<Option<tractor::Value>>(&mut member, "find_actor", kwargs("name", "rt-rows")).await;
                assert!(root.is_some(), "{lie} {caps:?}");
            }
            let uid = wire_uid(&member.uid);
            ask::<()>(&mut member, "unregister_actor", kwargs("uid", uid)).await;
        }
    })
    .await;
}

#[tractor::context(pld_spec = i64)]
async fn ends_its_caller(ctx: tractor::Context<i64>) -> tractor::Result<i64> {
    let caller = ctx.portal();
    let _ctx = ctx.started(0).await?;
    caller.cancel_actor().await?;
    Ok(1)
}

#[tractor::test]
async fn a_peer_without_a_proof_is_no_child_whatever_it_claims() {
    let registry = free().await;
    let options = open().enable_module(module_path!()).name("rt-claims").registry(registry.clone());
    alone(options, async |_| {
        let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
            let child = an.start_actor("rt-child").enable_module(MODULE).await?;
            let mut stranger = Peer::dial(&registry).await;
            stranger.uid = child.uid().clone();
            stranger.introduce(Caps::BASIC).await;
            let mut start = stranger.start_msg("x", "ends_its_caller", no_kwargs());
            module_path!().clone_into(&mut start.ns);
            stranger.send(&Msg::Start(Box::new(start))).await;
            stranger.expect_ack("x", FuncType::Context).await;
            stranger.expect_started::<i64>("x").await;
            let asked = stranger.expect_start().await;
            assert_eq!((asked.ns.as_str(), asked.func.as_str()), ("self", "cancel"));
            stranger.finish().await;
            assert_eq!(Some(i64::from(child.run(process()).await?)), child.pid());
            an.cancel().await;
            Ok(())
        });
        step("the tree", scope).await.expect("it ends well");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_opened_beyond_this_host() {
    for addr in ["/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0", "/ip4/192.0.2.7/tcp/9"] {
        let addr: Addr = addr.parse().expect("an address");
        let scope = tractor::open_root_actor(open().bind(addr), async |_| -> tractor::Result<()> {
            panic!("it listens")
        });
        let error = step("the refusal", scope).await.expect_err("it is refused").to_string();
        assert!(error.contains("allow_unauthenticated_peers"), "{error}");
    }
    alone(open().bind(any_port()), async |_| {}).await;
}

#[tractor::test]
async fn actors_of_one_tree_are_registered_over_tcp_and_find_each_other() {
    let registry = free().await;
    alone(ActorOptions::new().name("rt-tree").registry(registry.clone()), async |_| {
        let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
            let server = an.start_actor("rt-server").enable_module(MODULE).await?;
            let client = an.start_actor("rt-client").expose(finds).await?;
            let found = client.run(finds("rt-server".to_owned())).await?;
            assert_eq!(Some(i64::from(found)), server.pid());
            let addr = tractor::query_actor("rt-server").await?.expect("it is registered");
            assert!(matches!(addr, Addr::Tcp(_)), "{addr}");
            let found = tractor::find_actor("rt-server", async |portal| portal.run(process()).await).await?;
            assert_eq!(Some(i64::from(found)), server.pid());
            an.cancel().await;
            Ok(())
        });
        step("the tree", scope).await.expect("it ends well");
    })
    .await;
}

#[tractor::actor_fn]
async fn finds(name: String) -> tractor::Result<u32> {
    tractor::find_actor(&name, async |portal| portal.run(process()).await).await
}
