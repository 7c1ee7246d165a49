//! Forged handles lead to no actor, and do not disturb honest handles.

use std::time::Duration;

use support::processes::pid_of;
use support::{in_nursery, in_nursery_with, poll_once, start};
use tractor::{ActorOptions, ActorRef, DynCall, Error, Result, Timeouts, Value};

/// More than the number of connections that are kept.
const MANY: usize = 80;

#[tractor::actor_fn]
async fn process() -> i32 {
    std::process::id().cast_signed()
}

async fn found(name: &str) -> Result<i32> {
    tractor::find_actor(name, async |portal| portal.run(process()).await).await
}

async fn named(name: &str) -> Result<i32> {
    ActorRef::named(name).portal().await?.run(process()).await
}

/// The actors to which a handle, and then a name, leads.
#[tractor::actor_fn]
async fn follows(whom: ActorRef, name: String) -> Result<[i32; 3]> {
    let _held = whom.portal().await?;
    Ok([whom.portal().await?.run(process()).await?, found(&name).await?, named(&name).await?])
}

/// The same actors, after a forged handle has led to no actor.
#[tractor::actor_fn]
async fn is_not_misled(forged: ActorRef, honest: ActorRef, name: String) -> Result<[i32; 3]> {
    forged.portal().await.expect_err("no such actor listens there");
    follows(honest, name).await
}

/// The actors to which a handle, its name, and another name lead.
#[tractor::actor_fn]
async fn is_led(whom: ActorRef, real: String, name: String) -> Result<[i32; 3]> {
    let led = whom.portal().await?.run(process()).await?;
    Ok([led, found(&real).await?, found(&name).await?])
}

#[tractor::actor_fn]
async fn goes_on(honest: ActorRef, forged: Vec<ActorRef>) -> Result<()> {
    let name = honest.name().to_owned();
    let unsent = honest.portal().await?.run(process());
    tractor::find_actor(&name, async |portal| {
        for one in &forged {
            one.portal().await.expect_err("no such actor listens there");
        }
        portal.run(process()).await.map(drop)
    })
    .await?;
    unsent.await.map(drop)
}

/// Two scopes with one actor. The inner one goes on when the outer one has ended.
#[tractor::actor_fn]
async fn finds_twice(name: String) -> Result<()> {
    let mut second = Box::pin(tractor::find_actor(&name, async |portal| {
        portal.run(process()).await?;
        tokio::task::yield_now().await;
        portal.run(process()).await
    }));
    tractor::find_actor(&name, async |_| {
        assert!(poll_once(&mut second).await.is_pending());
        Ok::<_, Error>(())
    })
    .await?;
    second.await.map(drop)
}

#[tractor::actor_fn]
async fn waits_for_no_other(forged: ActorRef, honest: ActorRef) -> Result<()> {
    let mut forging = Box::pin(forged.portal());
    assert!(poll_once(&mut forging).await.is_pending());
    let (forging, honest) = tokio::join!(forging, honest.portal());
    forging.expect_err("nobody answers there");
    honest.map(drop)
}

fn forged(name: &str, uuid: &str, addrs: &[String]) -> Value {
    let addrs = addrs.iter().map(|addr| Value::from(addr.as_str())).collect();
    let place = [("name", Value::from(name)), ("uuid", Value::from(uuid)), ("addrs", Value::Array(addrs))];
    let place = place.map(|(key, value)| (Value::from(key), value)).into();
    Value::Map(vec![(Value::from("Process"), Value::Map(place))])
}

fn with_registry(name: &str) -> ActorOptions {
    let addr = tractor::socket_addr(&format!("rf-{name}-{}", std::process::id()));
    ActorOptions::new().registry(addr.expect("there is a directory"))
}

#[tractor::test]
async fn a_handle_takes_no_name_over() -> Result<()> {
    in_nursery_with(with_registry("over"), async |tree, an| {
        let first = start(an, tree.name("kv"), module_path!()).await?;
        let second = start(an, tree.name("kv"), module_path!()).await?;
        let client = start(an, tree.name("client"), module_path!()).await?;
        let led = client.run(follows(second.actor_ref().await?, tree.name("kv"))).await?;
        assert_eq!(led, [pid_of(&second), pid_of(&first), pid_of(&first)]);
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_forged_handle_renames_nobody() -> Result<()> {
    in_nursery_with(with_registry("names"), async |tree, an| {
        let oracle = start(an, tree.name("oracle"), module_path!()).await?;
        let kv = start(an, tree.name("kv"), module_path!()).await?;
        let client = start(an, tree.name("client"), module_path!()).await?;
        let call = DynCall::new(module_path!(), "is_not_misled")
            .arg("forged", forged(&tree.name("oracle"), kv.uid().uuid(), &[]))
            .arg("honest", kv.actor_ref().await?)
            .arg("name", tree.name("oracle"));
        let led: [i32; 3] = client.run_dyn(call).await?;
        assert_eq!(led, [pid_of(&kv), pid_of(&oracle), pid_of(&oracle)]);
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_handle_with_another_name_renames_nobody() -> Result<()> {
    in_nursery_with(with_registry("rename"), async |tree, an| {
        let oracle = start(an, tree.name("oracle"), module_path!()).await?;
        let kv = start(an, tree.name("kv"), module_path!()).await?;
        let client = start(an, tree.name("client"), module_path!()).await?;
        let addr = tractor::query_actor(&tree.name("kv")).await?.expect("it is registered").to_string();
        let call = DynCall::new(module_path!(), "is_led")
            .arg("whom", forged(&tree.name("oracle"), kv.uid().uuid(), &[addr]))
            .arg("real", tree.name("kv"))
            .arg("name", tree.name("oracle"));
        let led: [i32; 3] = client.run_dyn(call).await?;
        assert_eq!(led, [pid_of(&kv), pid_of(&kv), pid_of(&oracle)]);
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn handles_that_lead_nowhere_close_no_connection_in_use() -> Result<()> {
    in_nursery_with(with_registry("nowhere"), async |tree, an| {
        let kv = start(an, tree.name("kv"), module_path!()).await?;
        let client = start(an, tree.name("client"), module_path!()).await?;
        let many = (0..MANY).map(|n| forged("x", &format!("nobody-{n}"), &[])).collect();
        let call = DynCall::new(module_path!(), "goes_on")
            .arg("honest", kv.actor_ref().await?)
            .arg("forged", Value::Array(many));
        client.run_dyn::<()>(call).await?;
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_scope_that_ends_closes_no_connection_of_another() -> Result<()> {
    in_nursery_with(with_registry("twice"), async |tree, an| {
        start(an, tree.name("kv"), module_path!()).await?;
        let client = start(an, tree.name("client"), module_path!()).await?;
        client.run(finds_twice(tree.name("kv"))).await?;
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn silent_addresses_of_a_forged_handle_hold_the_honest_one_up_once() -> Result<()> {
    let timeouts = Timeouts::default().handshake(Duration::from_secs(2));
    in_nursery_with(ActorOptions::new().timeouts(timeouts), async |tree, an| {
        // It listens, but never accepts.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let addr = tractor::Addr::Tcp(silent.local_addr().expect("it is bound")).to_string();
        let kv = start(an, tree.name("kv"), module_path!()).await?;
        let client = start(an, tree.name("client"), module_path!()).await?;
        let call = DynCall::new(module_path!(), "waits_for_no_other")
            .arg("forged", forged(&tree.name("kv"), kv.uid().uuid(), &vec![addr; 16]))
            .arg("honest", kv.actor_ref().await?);
        let begun = std::time::Instant::now();
        client.run_dyn::<()>(call).await?;
        assert!(begun.elapsed() < Duration::from_secs(16), "{:?}", begun.elapsed());
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_name_in_a_handle_is_bounded() -> Result<()> {
    in_nursery(async |tree, an| {
        let client = start(an, tree.name("client"), module_path!()).await?;
        let call = DynCall::new(module_path!(), "goes_on")
            .arg("honest", forged(&"x".repeat(100_000), "u", &[]))
            .arg("forged", Value::Array(Vec::new()));
        let refused = client.run_dyn::<()>(call).await.expect_err("it is too long");
        assert!(refused.to_string().contains("NAME_BYTES_MAX"), "{refused}");
        client.cancel_actor().await?;
        Ok(())
    })
    .await
}
