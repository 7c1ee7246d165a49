//! The functions for names: one suite for every kind of registrar, and their errors without a registrar or with an
//! impossible name.

use std::convert::identity;
use std::sync::atomic::{AtomicUsize, Ordering};

use tractor::error::Absence;
use tractor::{ActorOptions, Addr, Error, Portal, Result};
use tractor_core::proto::id::{Caps, Uid};
use tractor_core::proto::limits::NAME_BYTES_MAX;
use tractor_core::proto::msg::{FuncType, Msg};

use crate::wire_support::endpoints::{MODULE, process};
use crate::wire_support::registry::{Other, Scratch, named, register};
use crate::wire_support::script::pld;
use crate::wire_support::{Server, alone, step};

async fn process_of(name: &str) -> Result<u32> {
    tractor::find_actor(name, async |portal| portal.run(process()).await).await
}

async fn waited_for(name: &str) -> Result<u32> {
    tractor::wait_for_actor(name, async |portal| portal.run(process()).await).await
}

async fn uuid_of(name: &str) -> Result<String> {
    tractor::find_actor(name, async |portal| Ok(portal.uid().uuid().to_owned())).await
}

/// The uuid of the actor that has a name. Waits until both the registrar and this actor have noticed the end of earlier
/// actors.
async fn uuid_once_settled(name: &str) -> Result<String> {
    let answering = async |portal: &Portal| -> Result<String> {
        portal.run(process()).await?;
        Ok(portal.uid().uuid().to_owned())
    };
    loop {
        match tractor::find_actor(name, answering).await {
            Err(Error::Closed(_)) => {}
            Err(error) if absence(&error) == Some(Absence::Expired) => {}
            answer => return answer,
        }
        tokio::task::yield_now().await;
    }
}

fn absence(error: &Error) -> Option<Absence> {
    match error {
        Error::NotFound(error) => Some(error.why()),
        _ => None,
    }
}

// ---- Every registrar, and every peer --------------------------------------------------------------------------------

/// Runs in an actor that asks the registrar at `registry`, where only `known` is registered.
async fn suite(scratch: &Scratch, registry: &Addr, known: &[&str]) -> Result<()> {
    let names = async || -> Result<Vec<String>> {
        Ok(tractor::list_actors().await?.iter().map(|actor| actor.uid.name().to_owned()).collect())
    };
    let mut all = names().await?;
    all.sort();
    assert_eq!(all, known);
    // No actor has the name at first; then one gets it.
    assert_eq!(tractor::query_actor("kv").await?, None);
    let missing = process_of("kv").await.expect_err("nobody has this name");
    assert_eq!(absence(&missing), Some(Absence::NotRegistered));
    let options =
        |file: &str| ActorOptions::new().name("kv").registry(registry.clone()).bind(scratch.addr(file));
    let (waited, first) = tokio::join!(waited_for("kv"), Other::start(options("kv-1")));
    assert_eq!(waited?, std::process::id());
    // By name, and by uuid.
    let uuid = uuid_of("kv").await?;
    assert_eq!(uuid_of(&uuid).await?, uuid);
    assert_eq!(tractor::query_actor("kv").await?, Some(scratch.addr("kv-1")));
    let row = tractor::list_actors().await?.into_iter().find(|actor| actor.uid.uuid() == uuid);
    assert_eq!(row.map(|row| row.addrs), Some(vec![scratch.addr("kv-1")]));
    // A name may repeat: the first actor is found, then the next.
    let second = Other::start(options("kv-2")).await;
    assert_eq!(uuid_of("kv").await?, uuid);
    first.end().await;
    let next = uuid_once_settled("kv").await?;
    assert_ne!(next, uuid);
    assert_eq!(tractor::query_actor("kv").await?, Some(scratch.addr("kv-2")));
    second.end().await;
    let gone = uuid_once_settled("kv").await.expect_err("it is gone");
    assert_eq!(absence(&gone), Some(Absence::NotRegistered));
    // The nearest address comes first, and of equals the latest; an address without a listener is removed.
    let mut stale = named(registry, "stale", Caps::NONE).await;
    let port = "/ip4/127.0.0.1/tcp/9".parse().expect("an address");
    for addr in [&scratch.addr("s-1"), &scratch.addr("s-2"), &port] {
        register(&mut stale, addr).await;
    }
    assert_eq!(tractor::query_actor("stale").await?, Some(scratch.addr("s-2")));
    let gone = process_of("stale").await.expect_err("nobody listens there");
    assert_eq!(absence(&gone), Some(Absence::Expired));
    assert_eq!(tractor::query_actor("stale").await?, None, "the row is gone with its last address");
    let registrar = async |portal: &Portal| -> Result<String> { Ok(portal.uid().name().to_owned()) };
    assert_eq!(tractor::get_registry(registrar).await?, "rc-registrar");
    Ok(())
}

#[tokio::test]
async fn a_registrar_answers_its_own_requests_like_those_of_others() {
    let scratch = Scratch::new("ourselves");
    let registry = scratch.addr("r");
    alone(ActorOptions::new().name("rc-registrar").registry(registry.clone()), async |_| {
        step("the suite", suite(&scratch, &registry, &["rc-registrar"])).await.expect("it answers");
    })
    .await;
}

#[tokio::test]
async fn a_registrar_is_asked_over_the_connection_that_stays() {
    let scratch = Scratch::new("kept");
    let registry = scratch.addr("r");
    let registrar = Other::start(ActorOptions::new().name("rc-registrar").registry(registry.clone())).await;
    alone(ActorOptions::new().name("rc-client").registry(registry.clone()), async |_| {
        let known = ["rc-client", "rc-registrar"];
        step("the suite", suite(&scratch, &registry, &known)).await.expect("it answers");
    })
    .await;
    registrar.end().await;
}

// ---- No registrar, and names that no actor has --------------------------------------------------------------------

#[tokio::test]
async fn outside_of_any_actor_each_call_says_so() {
    let nobody = async |_: &Portal| -> Result<()> { panic!("there is no actor") };
    let addr = "/unix/nowhere/x".parse().expect("an address");
    let errors = [
        tractor::find_actor("kv", nobody).await.err(),
        tractor::wait_for_actor("kv", nobody).await.err(),
        tractor::get_registry(nobody).await.err(),
        tractor::get_root(nobody).await.err(),
        tractor::connect(&addr, nobody).await.err(),
        tractor::query_actor("kv").await.err(),
        tractor::list_actors().await.err(),
    ];
    for error in errors {
        assert!(matches!(error, Some(Error::NoRuntime)), "{error:?}");
    }
}

#[tokio::test]
async fn without_a_registry_each_call_says_so() {
    alone(ActorOptions::new(), async |_| {
        let nobody = async |_: &Portal| -> Result<()> { panic!("there is no registry") };
        let errors = [
            tractor::find_actor("kv", nobody).await.err(),
            tractor::wait_for_actor("kv", nobody).await.err(),
            tractor::get_registry(nobody).await.err(),
            tractor::query_actor("kv").await.err(),
            tractor::list_actors().await.err(),
        ];
        for error in errors {
            let error = error.expect("there is nobody to ask");
            assert_eq!(absence(&error), Some(Absence::NoRegistry), "{error:?}");
            assert!(error.to_string().contains("ActorOptions::registry") && !error.is_retryable(), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_name_that_nobody_can_have_is_refused_by_each_call() {
    let scratch = Scratch::new("bad-names");
    alone(ActorOptions::new().registry(scratch.addr("r")), async |_| {
        for bad in ["", "a\nb", "\x1b[2J", &"n".repeat(NAME_BYTES_MAX + 1)] {
            let nobody = async |_: &Portal| -> Result<()> { panic!("it is no name") };
            let errors = [
                tractor::find_actor(bad, nobody).await.err(),
                tractor::wait_for_actor(bad, nobody).await.err(),
                tractor::query_actor(bad).await.err(),
            ];
            for error in errors {
                let error = error.expect("nobody can have that name");
                assert!(matches!(absence(&error), Some(Absence::BadName(_))), "{error:?}");
                assert!(!error.is_retryable() && !error.to_string().contains(char::is_control), "{error}");
            }
        }
    })
    .await;
}

#[tractor::test]
async fn a_child_whose_name_cannot_be_registered_does_not_start() {
    let scratch = Scratch::new("bad-child");
    alone(ActorOptions::new().registry(scratch.addr("r")), async |_| {
        let scope = tractor::open_nursery(async |an| -> Result<()> {
            for bad in ["", "a\nb"] {
                let error =
                    an.start_actor(bad).enable_module(MODULE).await.expect_err("no such name").to_string();
                assert!(error.contains("an actor's name"), "{error}");
            }
            // The longest allowed name.
            let long = "n".repeat(NAME_BYTES_MAX);
            let child = an.start_actor(&*long).enable_module(MODULE).await?;
            assert_eq!(Some(i64::from(process_of(&long).await?)), child.pid());
            child.cancel_actor().await?;
            Ok(())
        });
        step("the tree", scope).await.expect("the other calls still work");
    })
    .await;
}

#[tractor::test]
async fn a_root_that_listens_nowhere_cannot_be_connected_to() {
    alone(ActorOptions::new(), async |_| {
        let scope = tractor::open_nursery(async |an| -> Result<()> {
            let child = an.start_actor("rc-below").expose(asks_root).await?;
            for error in [
                child.run(asks_root()).await.expect_err("it does not listen").to_string(),
                tractor::get_root(async |_| Ok(()))
                    .await
                    .map_err(identity::<Error>)
                    .expect_err("as here")
                    .to_string(),
            ] {
                assert!(error.contains("ActorOptions::bind"), "{error}");
            }
            child.cancel_actor().await?;
            Ok(())
        });
        step("the tree", scope).await.expect("it ends well");
    })
    .await;
    let scratch = Scratch::new("root");
    alone(ActorOptions::new().enable_module(MODULE).bind(scratch.addr("root")), async |_| {
        let ours = tractor::get_root(async |root| -> Result<u32> { root.run(process()).await }).await;
        assert_eq!(ours.expect("it listens"), std::process::id());
    })
    .await;
}

#[tractor::actor_fn]
async fn asks_root() -> Result<u32> {
    tractor::get_root(async |root| root.run(process()).await).await
}

#[test]
fn the_default_registry_is_a_socket_in_the_directory_of_the_user() {
    let registry = tractor::default_registry().expect("UTF-8");
    let own = tractor::socket_addr("any").expect("a short name");
    let (Addr::Uds { dir, file }, Addr::Uds { dir: own_dir, .. }) = (registry, own) else {
        panic!("no sockets")
    };
    assert_eq!((dir, file.as_str()), (own_dir, "registry@1616.sock"));
}

// ---- Existing connections -----------------------------------------------------------------------------------------

#[tokio::test]
async fn a_connection_that_its_scope_closes_is_lent_to_nobody() {
    let server = Server::bind("rc-dialed");
    alone(ActorOptions::new(), async |_| {
        let script = async {
            let mut peer = server.accept(Caps::BASIC).await;
            peer.expect_closed().await;
        };
        let dialing = tractor::connect(&server.addr, async |portal| -> Result<()> {
            // There is no registry, so no registrar can be asked.
            for name in [portal.uid().name(), portal.uid().uuid()] {
                let nobody = process_of(name).await.expect_err("its scope closes the connection");
                assert_eq!(absence(&nobody), Some(Absence::NoRegistry));
            }
            Ok(())
        });
        let ((), dialed) = step("both ends", async { tokio::join!(script, dialing) }).await;
        dialed.expect("it is let in");
    })
    .await;
}

/// The number of connections that a sequence of lookups makes, each with a call.
async fn connections_of_lookups(caps: Caps) -> usize {
    let scratch = Scratch::new(&format!("again-{}", caps == Caps::BASIC));
    let registry = scratch.addr("r");
    let server = Server::bind(&format!("rc-again-{}", caps == Caps::BASIC));
    let made = AtomicUsize::new(0);
    alone(ActorOptions::new().name("rc-client").registry(registry.clone()), async |_| {
        let mut row = named(&registry, "rc-again", Caps::NONE).await;
        register(&mut row, &server.addr).await;
        let serving = async {
            loop {
                let mut peer = server.next().await;
                peer.uid = Uid::new("rc-again", peer.uid.uuid().to_owned());
                peer.introduce(caps).await;
                made.fetch_add(1, Ordering::Relaxed);
                while let Some(message) = peer.recv_or_end().await {
                    let Msg::Start(start) = message else { continue };
                    peer.send(&Msg::StartAck { cid: start.cid, functype: FuncType::AsyncFunc }).await;
                    peer.send(&Msg::Return { cid: start.cid, pld: pld(&7_u32) }).await;
                }
            }
        };
        let asking = async {
            assert_eq!(process_of("rc-again").await.expect("it answers"), 7);
            assert_eq!(process_of("rc-again").await.expect("it answers"), 7);
            assert_eq!(waited_for("rc-again").await.expect("it answers"), 7);
        };
        tokio::select! {
            () = step("three lookups", asking) => {}
            () = serving => unreachable!("it serves for ever"),
        }
    })
    .await;
    made.into_inner()
}

#[tokio::test]
async fn a_connection_of_a_lookup_is_used_again() {
    assert_eq!(connections_of_lookups(Caps::BASIC).await, 1);
    // An actor of the base protocol cannot end before the connection is closed.
    assert_eq!(connections_of_lookups(Caps::NONE).await, 3);
}

#[tractor::test]
async fn parents_are_reached_over_their_channel() {
    alone(ActorOptions::new().name("rc-parent").enable_module(MODULE), async |root| {
        let scope = tractor::open_nursery(async |an| -> Result<()> {
            let child = an.start_actor("rc-child").expose(finds).await?;
            for key in [root.name(), root.uid().uuid()] {
                assert_eq!(child.run(finds(key.to_owned())).await?, std::process::id());
            }
            child.cancel_actor().await?;
            Ok(())
        });
        step("the tree", scope).await.expect("it ends well");
    })
    .await;
}

#[tractor::actor_fn]
async fn finds(name: String) -> Result<u32> {
    process_of(&name).await
}

// ---- Many actors of one name --------------------------------------------------------------------------------------

#[tractor::test]
async fn of_many_children_with_one_name_one_is_found_and_all_end() {
    let scratch = Scratch::new("twins");
    alone(ActorOptions::new().name("rc-twins").registry(scratch.addr("r")), async |_| {
        let scope = tractor::open_nursery(async |an| -> Result<()> {
            let mut pids = Vec::new();
            for _ in 0..6 {
                let twin = an.start_actor("twin").enable_module(MODULE).await?;
                pids.push(twin.pid());
            }
            let asks = an.start_actor("rc-asks").expose(finds).await?;
            let found = asks.run(finds("twin".to_owned())).await?;
            assert_eq!(Some(i64::from(found)), pids[0], "the first registered actor");
            let twins = async || -> Result<usize> {
                Ok(tractor::list_actors().await?.iter().filter(|actor| actor.uid.name() == "twin").count())
            };
            assert_eq!(twins().await?, pids.len());
            an.cancel().await;
            while twins().await? > 0 {
                tokio::task::yield_now().await;
            }
            Ok(())
        });
        step("the tree", scope).await.expect("it ends well");
    })
    .await;
}
