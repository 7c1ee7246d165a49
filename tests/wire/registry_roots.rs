//! The election of a registrar, with each kind of listener at the registries; and actors whose registrar is gone or
//! does not answer.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tractor::{ActorOptions, Error, Timeouts};
use tractor_core::proto::id::Caps;
use tractor_core::proto::msg::{FuncType, Msg};

use crate::wire_support::endpoints::{MODULE, addresses, process};
use crate::wire_support::registry::{Other, Scratch, find, refusal};
use crate::wire_support::script::pld;
use crate::wire_support::{Peer, Server, alone, host, step};

#[tokio::test]
async fn the_address_of_another_listener_is_never_taken_over() {
    let scratch = Scratch::new("occupied");
    let registry = scratch.addr("fixed.sock");
    let named = |words: &str| {
        let path = registry.to_string();
        assert!(words.contains("not a registrar") && words.contains(&path), "{words} does not name {path}");
    };
    // An actor that is no registrar.
    let plain = Other::start(ActorOptions::new().bind(registry.clone())).await;
    named(&refusal(ActorOptions::new().registry(registry.clone())).await);
    plain.end().await;
    // A program that speaks another protocol.
    let listener = scratch.listener("fixed.sock");
    let speaker = tokio::spawn(async move {
        loop {
            let (mut io, _) = listener.accept().await.expect("it listens");
            // Fails if the other end is gone.
            _ = io.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    named(&refusal(ActorOptions::new().registry(registry.clone())).await);
    speaker.abort();
    assert!(speaker.await.expect_err("it was ended").is_cancelled());
    std::fs::remove_file(scratch.0.join("fixed.sock")).expect("the test owns it");
    // A silent listener: the root waits for the time of all attempts.
    let _listener = scratch.listener("fixed.sock");
    let start = Instant::now();
    named(&refusal(ActorOptions::new().registry(registry.clone())).await);
    assert!(start.elapsed() >= Duration::from_secs(2), "it has answered nothing");
    assert!(scratch.0.join("fixed.sock").exists());
}

#[tokio::test]
async fn an_address_that_is_none_of_a_registry_is_refused() {
    for (addr, words) in [("/ip4/127.0.0.1/tcp/0", "port 0"), ("/ip4/0.0.0.0/tcp/9", "unspecified")] {
        let error = refusal(ActorOptions::new().registry(addr.parse().expect("an address"))).await;
        assert!(error.contains(words), "{error}");
    }
    let scratch = Scratch::new("names");
    for name in ["", "a\nb"] {
        let error = refusal(ActorOptions::new().name(name).registry(scratch.addr("r"))).await;
        assert!(error.contains("name"), "{error}");
    }
    let error = refusal(ActorOptions::new().ensure_registry()).await;
    assert!(error.contains("ensure_registry"), "{error}");
}

#[tokio::test]
async fn a_registrar_listens_at_all_its_addresses() {
    let scratch = Scratch::new("all");
    let (one, two, own) = (scratch.addr("1"), scratch.addr("2"), scratch.addr("own"));
    let options = ActorOptions::new().registry(two.clone()).registry(one.clone()).bind(own.clone());
    host("rr-all", options, async |actor, _| {
        for addr in [&one, &two, &own] {
            assert!(actor.addrs().contains(addr), "{addr}");
            let peer = Peer::base(addr).await;
            assert_eq!(peer.actor.expect("the actor has introduced itself").is_registrar, Some(true));
        }
    })
    .await;
}

#[tokio::test]
async fn a_root_beside_a_registrar_listens_where_it_was_told_or_at_one_address() {
    let scratch = Scratch::new("beside");
    let registry = scratch.addr("r");
    let other = Other::start(ActorOptions::new().name("rr-first").registry(registry.clone())).await;
    let options = ActorOptions::new().registry(registry);
    alone(options.clone().name("rr-second"), async |actor| {
        assert_eq!(actor.addrs(), [tractor::socket_addr("rr-second").expect("a short name")]);
        assert_eq!(tractor::list_actors().await.expect("it answers").len(), 2);
    })
    .await;
    let told = scratch.addr("told");
    alone(options.name("rr-told").bind(told.clone()), async |actor| {
        assert_eq!(actor.addrs(), std::slice::from_ref(&told));
        assert_eq!(tractor::query_actor("rr-told").await.expect("it answers"), Some(told));
    })
    .await;
    other.end().await;
}

#[tokio::test]
async fn of_two_registries_one_that_answers_is_enough() {
    let scratch = Scratch::new("two");
    let (one, two) = (scratch.addr("1"), scratch.addr("2"));
    let first = Other::start(ActorOptions::new().name("rr-one").registry(one.clone())).await;
    let second = Other::start(ActorOptions::new().name("rr-two").registry(two.clone())).await;
    let options =
        ActorOptions::new().registry(one.clone()).registry(scratch.addr("absent")).registry(two.clone());
    alone(options.name("rr-client"), async |_| {
        // Each other actor is registered with one registrar, and this one with both.
        for name in ["rr-one", "rr-two"] {
            let found = tractor::find_actor(name, async |portal| portal.run(process()).await).await;
            assert_eq!(found.expect("it is found"), std::process::id());
        }
        for registry in [&one, &two] {
            let mut peer = Peer::base(registry).await;
            peer.start_self("f", "find_actor", crate::wire_support::script::kwargs("name", "rr-client"))
                .await;
            peer.expect_ack("f", FuncType::AsyncFunc).await;
            assert!(peer.expect_return::<Option<Vec<(String, String)>>>("f").await.is_some());
        }
        first.end().await;
        let found = tractor::find_actor("rr-two", async |portal| portal.run(process()).await).await;
        assert_eq!(found.expect("it is found"), std::process::id());
        let gone = tractor::find_actor("rr-one", async |portal| portal.run(process()).await).await;
        assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
    })
    .await;
    second.end().await;
}

#[tokio::test]
async fn an_actor_of_another_name_is_not_found() {
    let scratch = Scratch::new("other");
    let registry = scratch.addr("r");
    let plain = Other::start(ActorOptions::new().name("rr-honest").bind(scratch.addr("honest"))).await;
    alone(ActorOptions::new().name("rr-lied-to").registry(registry.clone()), async |_| {
        let mut liar = Peer::dial(&registry).await;
        liar.uid = tractor::Uid::new("kv", "k-v");
        liar.introduce(Caps::NONE).await;
        #[derive(serde::Serialize)]
        struct Lie {
            uid: (&'static str, &'static str),
            addr: (String, &'static str),
        }
        let dir = scratch.0.to_str().expect("UTF-8").to_owned();
        let lie = Lie { uid: ("kv", "k-v"), addr: (dir, "honest") };
        liar.start_self("r", "register_actor", pld(&lie)).await;
        liar.expect_ack("r", FuncType::AsyncFunc).await;
        liar.expect_return::<()>("r").await;
        // The peer also claims that name on its connection to this actor, as any peer may.
        let found =
            tractor::find_actor("kv", async |_| -> tractor::Result<()> { panic!("the wrong row was used") })
                .await;
        let Error::NotFound(error) = found.expect_err("nobody has this name") else {
            panic!("another error")
        };
        assert_eq!(error.why(), tractor::error::Absence::Expired);
        assert_eq!(
            tractor::query_actor("kv").await.expect("this actor is the registrar"),
            None,
            "the row was deleted"
        );
    })
    .await;
    plain.end().await;
}

// ---- Registrars that are away, or do not answer --------------------------------------------------------------------

#[tractor::test]
async fn a_child_starts_without_its_registrar_and_is_registered_when_it_is_back() {
    let scratch = Scratch::new("away");
    let registry = scratch.addr("r");
    let registrar = Other::start(ActorOptions::new().name("rr-registrar").registry(registry.clone())).await;
    alone(ActorOptions::new().name("rr-tree").registry(registry.clone()), async |_| {
        registrar.end().await;
        let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
            let child = an.start_actor("rr-child").enable_module(MODULE).await?;
            let addrs = child.run(addresses()).await?;
            assert_eq!(addrs.len(), 1, "{addrs:?}");
            let registrar =
                Other::start(ActorOptions::new().name("rr-next").registry(registry.clone())).await;
            let found = loop {
                match tractor::query_actor("rr-child").await {
                    Ok(Some(addr)) => break addr,
                    Ok(None) | Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
                }
            };
            assert_eq!(found.to_string(), addrs[0]);
            child.cancel_actor().await?;
            registrar.end().await;
            Ok(())
        });
        step("the tree", scope).await.expect("it ends well");
    })
    .await;
}

#[tokio::test]
async fn a_root_whose_registrar_ends_is_the_registrar_from_then_on() {
    let scratch = Scratch::new("next");
    let registry = scratch.addr("r");
    let options = ActorOptions::new().registry(registry.clone());
    let first = Other::start(options.clone().name("rr-first")).await;
    alone(options.clone().name("rr-next"), async |actor| {
        let own = actor.addrs();
        let is_registrar =
            async |addr| Peer::base(addr).await.actor.expect("the actor has introduced itself").is_registrar;
        assert_eq!(is_registrar(&own[0]).await, Some(false));
        let name = async |portal: &tractor::Portal| Ok::<_, Error>(portal.uid().name().to_owned());
        let (found, last) = tokio::join!(tractor::wait_for_actor("rr-last", name), async {
            first.end().await;
            while !actor.addrs().contains(&registry) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Other::start(options.clone().name("rr-last")).await
        });
        assert_eq!(found.expect("the lookup has waited"), "rr-last");
        for addr in [&own[0], &registry] {
            assert_eq!(is_registrar(addr).await, Some(true), "{addr}");
            assert_eq!(find(&mut Peer::base(addr).await, "rr-next").await.map(|addrs| addrs.len()), Some(2));
        }
        assert_eq!(tractor::list_actors().await.expect("this actor is the registrar").len(), 2);
        assert_eq!(tractor::get_registry(name).await.expect("it is this actor"), "rr-next");
        last.end().await;
    })
    .await;
}

/// A registrar that accepts every peer, and then does not answer.
#[tokio::test]
async fn a_registrar_that_does_not_answer_keeps_no_actor_from_ending() {
    let server = Server::bind("rr-mute");
    let mute = async {
        let mut peers = Vec::new();
        loop {
            let mut peer = server.next().await;
            let mut aid = peer.aid(Caps::NONE);
            aid.is_registrar = Some(true);
            peer.send(&Msg::Aid(aid)).await;
            if !peer.expect_aid().await.is_probe {
                // Only the first registration is answered.
                if peers.is_empty() {
                    let start = peer.expect_start().await;
                    peer.send(&Msg::StartAck { cid: start.cid, functype: FuncType::AsyncFunc }).await;
                    peer.send(&Msg::Return { cid: start.cid, pld: pld(&()) }).await;
                }
                peers.push(peer);
            }
        }
    };
    let answer = Duration::from_millis(100);
    let timeouts = Timeouts::default().registry_answer(answer);
    let options = ActorOptions::new().name("rr-asks").timeouts(timeouts).registry(server.addr.clone());
    let body = alone(options, async |_| {
        let found = tractor::find_actor("kv", async |_| -> tractor::Result<()> { panic!("found") }).await;
        let error = found.expect_err("nobody answers");
        assert!(matches!(error, Error::Unreachable(_)) && error.is_retryable(), "{error:?}");
        assert!(error.to_string().contains("registry_answer"), "{error}");
        let listed = tractor::list_actors().await;
        assert!(matches!(listed, Err(Error::Unreachable(_))), "{listed:?}");
    });
    tokio::select! {
        () = mute => unreachable!("it serves for ever"),
        () = body => {}
    }
}
