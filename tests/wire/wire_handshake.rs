//! The start of connections: which peers are let in, and the cost of strangers.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;
use tractor::{Actor, ActorOptions, Addr, Limits, Timeouts};
use tractor_core::proto::id::{Aid, Caps, Secret};
use tractor_core::proto::limits::{FRAME_BYTES_MAX_LEAST, HANDSHAKE_FRAME_BYTES_MAX};
use tractor_core::proto::msg::{FuncType, Msg, RuntimeVars, SpawnSpec};

use crate::wire_support::endpoints::Point;
use crate::wire_support::script::{cid, frame_of, framed, kwargs, pld};
use crate::wire_support::{Peer, assert_alive, host, step, timed};

use crate::wire_support;

#[tokio::test]
async fn both_ends_send_their_identity_at_once() {
    host("hs-at-once", ActorOptions::new().name("greeter"), async |actor, addr| {
        let mut peer = Peer::dial(addr).await;
        let aid = peer.expect_aid().await; // each side sends first
        assert_eq!((aid.uid.name(), aid.uid.uuid()), ("greeter", actor.uid().uuid()));
        assert_eq!(aid.pid, Some(std::process::id().into()));
        assert_eq!((aid.is_registrar, aid.is_probe), (Some(false), false));
        assert_eq!(aid.nonce, None, "a Unix socket asks for no proof");
        peer.send(&Msg::Aid(peer.aid(Caps::NONE))).await;
        peer.assert_answered().await;
    })
    .await;
}

#[tokio::test]
async fn requests_may_follow_the_identity_in_the_same_write() {
    host("hs-same-write", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::dial(addr).await;
        let mut bytes = frame_of(&Msg::Aid(peer.aid(Caps::NONE)));
        let start = peer.start_msg("c", "echo", kwargs("value", 3));
        bytes.extend(frame_of(&Msg::Start(Box::new(start))));
        peer.send_bytes(&bytes).await;
        peer.expect_aid().await;
        peer.expect_ack("c", FuncType::AsyncFunc).await;
        assert_eq!(peer.expect_return::<i64>("c").await, 3);
    })
    .await;
}

#[tokio::test]
async fn an_identity_may_arrive_byte_by_byte() {
    host("hs-bytes", ActorOptions::new(), async |_, addr| {
        let mut peer = Peer::dial(addr).await;
        for byte in frame_of(&Msg::Aid(peer.aid(Caps::NONE))) {
            peer.send_bytes(&[byte]).await;
            tokio::task::yield_now().await;
        }
        peer.expect_aid().await;
        peer.assert_answered().await;
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_does_not_begin_with_an_identity_is_dropped() {
    host("hs-garbage", ActorOptions::new(), async |_, addr| {
        let stop = frame_of(&Msg::Stop { cid: cid("c") });
        let anonymous =
            framed(&wire_support::script::foreign(&[("msg_type", pld("Aid")), ("name", pld("x"))]));
        let too_long = u32::try_from(HANDSHAKE_FRAME_BYTES_MAX + 1).expect("a small number").to_le_bytes();
        let openings: [(&str, Vec<u8>); 7] = [
            ("no MessagePack", framed(b"\xc1\xc1\xc1")),
            ("empty frame", framed(b"")),
            ("another protocol", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            ("another message", stop),
            ("identity without a uuid", anonymous),
            ("frame of 4 GiB", vec![0xff; 8]),
            ("frame larger than strangers may send", too_long.to_vec()),
        ];
        for (what, bytes) in openings {
            let mut peer = Peer::dial(addr).await;
            peer.send_bytes(&bytes).await;
            peer.expect_aid().await; // the actor does introduce itself
            peer.expect_closed().await;
            eprintln!("dropped: {what}");
        }
        assert_alive(addr).await;
    })
    .await;
}

#[tokio::test]
async fn a_probe_gets_the_identity_and_is_closed() {
    host("hs-probe", ActorOptions::new(), async |actor, addr| {
        let mut peer = Peer::dial(addr).await;
        let probe = Aid { is_probe: true, is_registrar: None, ..peer.aid(Caps::NONE) };
        peer.send(&Msg::Aid(probe)).await;
        assert_eq!(peer.expect_aid().await.uid, *actor.uid());
        peer.expect_closed().await;
        assert_alive(addr).await;
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_says_it_accepts_nothing_gets_what_has_no_large_payload() {
    host("hs-small", ActorOptions::new(), async |_, addr| {
        for says in [0, 17] {
            let mut peer = Peer::dial(addr).await;
            let aid = Aid { frame_bytes_max: Some(says), ..peer.aid(Caps::BASIC) };
            peer.send(&Msg::Aid(aid)).await;
            assert!(peer.expect_aid().await.frame_bytes_max.is_some(), "the identity has the largest frame");
            peer.assert_answered().await;
            peer.start("c", "fails", kwargs("text", "x".repeat(FRAME_BYTES_MAX_LEAST))).await;
            peer.expect_ack("c", FuncType::AsyncFunc).await;
            let short = peer.expect_error("c", "Oops").await;
            assert!(short.message.is_some_and(|text| text.starts_with("xxx")), "the text is shortened");
            peer.start("c", "fails", kwargs("text", "\u{1f980}".repeat(FRAME_BYTES_MAX_LEAST))).await;
            peer.expect_ack("c", FuncType::AsyncFunc).await;
            peer.expect_error("c", "Oops").await;
            peer.assert_answered().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_actor_accepts_what_has_no_large_payload_whatever_its_limit() {
    let limits = Limits::default().frame_bytes_max(17);
    host("hs-tiny", ActorOptions::new().limits(limits), async |_, addr| {
        let mut peer = Peer::dial(addr).await;
        peer.send(&Msg::Aid(peer.aid(Caps::BASIC))).await;
        assert_eq!(peer.expect_aid().await.frame_bytes_max, Some(FRAME_BYTES_MAX_LEAST));
        peer.assert_answered().await;
    })
    .await;
}

#[tokio::test]
async fn a_silent_peer_is_dropped_after_the_handshake_timeout() {
    let options = timed(|timeouts| timeouts.handshake = Duration::from_millis(50));
    host("hs-silent", options, async |_, addr| {
        let mut silent = Peer::dial(addr).await;
        let mut halfway = Peer::dial(addr).await;
        let frame = frame_of(&Msg::Aid(halfway.aid(Caps::NONE)));
        halfway.send_bytes(&frame[..frame.len() - 1]).await;
        for peer in [&mut silent, &mut halfway] {
            peer.expect_aid().await;
            peer.expect_closed().await;
        }
        assert_alive(addr).await;
    })
    .await;
}

#[tokio::test]
async fn a_silent_peer_keeps_nobody_else_waiting() {
    host("hs-crowd", ActorOptions::new(), async |_, addr| {
        let mut silent = Vec::new();
        for _ in 0..200 {
            silent.push(Peer::dial(addr).await);
        }
        assert_alive(addr).await;
    })
    .await;
}

// ---- Strangers in numbers ----------------------------------------------------------------------------------------

fn crowded(connections_max: usize, guests_max: usize) -> ActorOptions {
    let limits = Limits::default().connections_max(connections_max).guests_max(guests_max);
    ActorOptions::new().limits(limits).bind("/ip4/127.0.0.1/tcp/0".parse().expect("an address"))
}

fn port_of(actor: &Actor) -> Addr {
    actor.addrs().into_iter().find(|addr| matches!(addr, Addr::Tcp(_))).expect("it has a port")
}

/// A stranger that is connected, from an address of this host.
async fn stranger(to: &Addr, from: [u8; 4]) -> Peer {
    let Addr::Tcp(to) = to else { panic!("{to} is not a TCP address") };
    let socket = tokio::net::TcpSocket::new_v4().expect("there are files");
    socket.bind((from, 0).into()).expect("all of 127 is this host");
    let mut peer = Peer::on(step("a connection", socket.connect(*to)).await.expect("the actor listens"));
    peer.expect_aid().await;
    peer
}

/// Fails unless a guest that has waited can go on with its handshake.
async fn assert_let_wait(peer: &mut Peer) {
    let aid = Aid { nonce: Some([1; 32]), ..peer.aid(Caps::ALL) };
    peer.send(&Msg::Aid(aid)).await;
    assert!(matches!(peer.recv().await, Msg::Auth { .. }), "it is answered");
}

#[tokio::test]
async fn strangers_take_no_room_of_members() {
    host("hs-room", crowded(2, 8), async |actor, uds| {
        let tcp = port_of(actor);
        let mut strangers = Vec::new();
        for _ in 0..50 {
            strangers.push(stranger(&tcp, [127, 0, 0, 1]).await);
        }
        assert_alive(uds).await;
        // The root knows the secret of its tree.
        let member =
            tractor::connect(&tcp, async |portal| portal.run(wire_support::endpoints::process()).await);
        let served: tractor::Result<u32> = step("a member", member).await;
        assert_eq!(served.expect("it is let in"), std::process::id());
    })
    .await;
}

#[tokio::test]
async fn the_oldest_stranger_leaves_for_a_new_one() {
    host("hs-oldest", crowded(8, 2), async |actor, _| {
        let tcp = port_of(actor);
        let mut first = stranger(&tcp, [127, 0, 0, 1]).await;
        let mut second = stranger(&tcp, [127, 0, 0, 1]).await;
        let mut third = stranger(&tcp, [127, 0, 0, 1]).await;
        first.expect_closed().await;
        assert_let_wait(&mut second).await;
        assert_let_wait(&mut third).await;
    })
    .await;
}

#[tokio::test]
async fn strangers_from_a_crowded_address_displace_each_other() {
    host("hs-sources", crowded(8, 2), async |actor, _| {
        let tcp = port_of(actor);
        let mut lone = stranger(&tcp, [127, 0, 0, 1]).await;
        let mut crowd = Vec::new();
        for _ in 0..20 {
            crowd.push(stranger(&tcp, [127, 0, 0, 2]).await);
        }
        let mut last = crowd.pop().expect("there was one");
        for peer in &mut crowd {
            peer.expect_closed().await;
        }
        assert_let_wait(&mut lone).await;
        assert_let_wait(&mut last).await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_until_a_member_leaves() {
    host("hs-full", crowded(1, 8), async |actor, uds| {
        let tcp = port_of(actor);
        let mut member = Peer::base(uds).await;
        let mut waiting = Peer::dial(uds).await;
        let mut connecting =
            pin!(tractor::connect(&tcp, async |portal| portal.run(wire_support::endpoints::process()).await));
        let short = Duration::from_millis(50);
        assert!(timeout(short, waiting.recv_or_end()).await.is_err());
        assert!(timeout(short, &mut connecting).await.is_err());
        member.assert_answered().await;
        drop(member);
        waiting.introduce(Caps::NONE).await;
        waiting.assert_answered().await;
        drop(waiting);
        let served: tractor::Result<u32> = step("its turn", connecting).await;
        assert_eq!(served.expect("it is let in"), std::process::id());
    })
    .await;
}

#[tokio::test]
async fn leaving_during_the_handshake_disturbs_nobody() {
    host("hs-leaves", ActorOptions::new(), async |_, addr| {
        let frame = frame_of(&Msg::Aid(Peer::dial(addr).await.aid(Caps::NONE)));
        for sent in [0, 2, 4, 20, frame.len()] {
            let mut peer = Peer::dial(addr).await;
            peer.send_bytes(&frame[..sent]).await;
            drop(peer);
        }
        assert_alive(addr).await;
    })
    .await;
}

#[tokio::test]
async fn handshake_messages_after_the_handshake_close_that_connection_only() {
    host("hs-stray", ActorOptions::new(), async |_, addr| {
        let spec = SpawnSpec {
            parent_main_data: Vec::new(),
            runtime_vars: RuntimeVars::default(),
            enable_modules: vec![("evil".to_owned(), String::new())],
            reg_addrs: Vec::new(),
            bind_addrs: None,
            enable_endpoints: Vec::new(),
            secret: Some(Secret::new([7; 32])),
            image: None,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            allow_unauthenticated_peers: false,
        };
        let mut bystander = Peer::base(addr).await;
        let strays = [
            Msg::Aid(Aid::new(bystander.uid.clone())),
            Msg::SpawnSpec(Box::new(spec)),
            Msg::Auth { proof: [0; 32] },
        ];
        for stray in strays {
            let mut peer = Peer::base(addr).await;
            peer.send(&stray).await;
            peer.expect_closed().await;
            bystander.assert_answered().await;
        }
        assert_alive(addr).await;
    })
    .await;
}

#[tokio::test]
async fn payloads_are_maps_to_the_reference_and_arrays_in_one_image() {
    host("hs-format", ActorOptions::new(), async |_, addr| {
        let point = Point { x: 1, y: 2 };
        for (mut peer, first) in [(Peer::base(addr).await, 0x82), (Peer::of_its_image(addr).await, 0x92)] {
            let mut start = peer.start_msg("c", "mirrored", kwargs("point", &point)); // both layouts are read
            start.positional = first == 0x92;
            peer.send(&Msg::Start(Box::new(start))).await;
            peer.expect_ack("c", FuncType::AsyncFunc).await;
            match peer.recv().await {
                Msg::Return { pld, .. } => assert_eq!(pld[0], first),
                other => panic!("expected Return, got {other:?}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn one_actor_may_hold_many_connections() {
    host("hs-many", ActorOptions::new(), async |_, addr| {
        let mut first = Peer::base(addr).await;
        let mut second = first.again(addr).await;
        second.assert_answered().await;
        drop(second);
        first.assert_answered().await;
    })
    .await;
}
