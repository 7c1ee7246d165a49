//! Handles that travel: the holder of a handle reaches its actor without an address.

use std::time::Duration;

use rustix::process::Signal;
use support::journal::{note, seen};
use support::processes::{pid_of, signal};
use support::{Tree, forever, in_nursery, in_root, poll_once, start};
use tractor::error::{Absence, RemoteKind};
use tractor::prelude::*;
use tractor::{
    ActorOptions, ActorRef, Backoff, DynCall, Error, Result, StartActor, Supervised, Supervision, Value,
    current_actor,
};

#[tractor::actor_fn]
async fn process() -> i32 {
    std::process::id().cast_signed()
}

#[tractor::actor_fn]
async fn sits() {
    note("sits");
    forever().await;
}

/// Calls the actor that the handle names, and returns its pid.
#[tractor::actor_fn]
async fn calls(whom: ActorRef) -> Result<i32> {
    whom.portal().await?.run(process()).await
}

/// Passes the handle on to an actor below this one, which passes it on to the next.
#[tractor::actor_fn]
async fn passes_on(whom: ActorRef, hops: u32) -> Result<i32> {
    if hops == 0 {
        return calls(whom).await;
    }
    tractor::open_nursery(async |an| {
        let below = an.start_actor(format!("hop{hops}")).expose(passes_on).await?;
        let pid = below.run(passes_on(whom, hops - 1)).await?;
        below.cancel_actor().await?;
        Ok(pid)
    })
    .await
}

#[tractor::actor_fn]
async fn itself() -> Result<ActorRef> {
    current_actor().actor_ref().await
}

#[tractor::actor_fn]
async fn is_here(whom: ActorRef) -> Result<bool> {
    Ok(calls(whom).await? == std::process::id().cast_signed())
}

/// The error of `portal()`.
fn kind(error: &Error) -> String {
    match error {
        Error::NotFound(error) => format!("not found: {:?}", error.why()),
        Error::Died(died) => format!("died: {}", died.pid()),
        other => format!("{other:?}"),
    }
}

/// A member of a service: a handle inside of a struct.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Member {
    who: ActorRef,
    weight: u32,
}

#[tractor::actor_fn]
async fn heaviest(members: Vec<Member>) -> Option<Member> {
    members.into_iter().max_by_key(|member| member.weight)
}

fn set_up(child: StartActor) -> StartActor {
    child.enable_module(module_path!()).enable_module(support::journal::MODULE)
}

async fn supervised(tree: &Tree, an: &tractor::ActorNursery, restarts: u16) -> Result<Supervised> {
    let how = Supervision::one_for_one().intensity(restarts, Duration::from_secs(600)).backoff(Backoff::NONE);
    an.supervise(how).child(tree.name("kv"), set_up).await
}

// ---- By identity -------------------------------------------------------------------------------------------------

#[tractor::test]
async fn siblings_reach_each_other_by_a_handle_and_nobody_names_an_address() -> Result<()> {
    in_nursery(async |tree, an| {
        let kv = start(an, tree.name("kv"), module_path!()).await?;
        assert_eq!(kv.addrs().await?, [], "it does not listen yet");
        let one = start(an, tree.name("one"), module_path!()).await?;
        let handle = kv.actor_ref().await?;
        assert_eq!(handle, kv.actor_ref().await?, "it is the same actor");
        assert_eq!((handle.name(), handle.to_string()), (kv.uid().name(), kv.uid().to_string()));
        assert_eq!(one.run(calls(handle.clone())).await?, pid_of(&kv));
        assert_eq!(one.run(passes_on(handle.clone(), 3)).await?, pid_of(&kv), "through three more actors");
        assert!(kv.run(is_here(handle.clone())).await?, "an actor reaches itself by its own handle");
        // Its parent is connected already.
        assert_eq!(handle.portal().await?, kv);
        // A child gives out its own handle, and that of the root, which does not listen yet either.
        let one_itself = one.run(itself()).await?;
        assert_eq!((one_itself.portal().await?, one_itself != handle), (one.clone(), true));
        assert_eq!(kv.run(calls(one_itself)).await?, pid_of(&one));
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_root_is_called_back() -> Result<()> {
    let options = ActorOptions::new().enable_module(module_path!());
    support::in_nursery_with(options, async |tree, an| {
        let child = start(an, tree.name("child"), module_path!()).await?;
        let here = current_actor().actor_ref().await?;
        let below = child.run(passes_on(here.clone(), 1)).await?;
        assert_eq!(below, std::process::id().cast_signed());
        assert!(is_here(here).await?);
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_handle_is_a_value_like_others() -> Result<()> {
    in_nursery(async |tree, an| {
        let kv = start(an, tree.name("kv"), module_path!()).await?;
        let who = kv.actor_ref().await?;
        let members = vec![
            Member { who: ActorRef::named("nobody"), weight: 1 },
            Member { who: who.clone(), weight: 9 },
        ];
        let found = kv.run(heaviest(members.clone())).await?.expect("there are two");
        assert_eq!((&found.who, found.weight), (&who, 9));
        assert_eq!(found.who.portal().await?, kv);
        // With field names, as for another program, a handle has identity and addresses only.
        let call = DynCall::new(module_path!(), "heaviest").arg("members", members);
        let seen: Value = kv.run_dyn(call).await?;
        let addrs = kv.addrs().await?;
        let place = vec![
            (Value::from("name"), Value::from(kv.uid().name())),
            (Value::from("uuid"), Value::from(kv.uid().uuid())),
            (Value::from("addrs"), Value::Array(vec![Value::from(addrs[0].to_string())])),
        ];
        assert_eq!(seen["who"], Value::Map(vec![(Value::from("Process"), Value::Map(place))]));
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn concurrent_lookups_share_one_connection() -> Result<()> {
    in_root(async |_| {
        tractor::with_local_actor(ActorOptions::new().enable_module(module_path!()), async |other| {
            let handle = other.actor_ref().await?;
            let all = (0..50).map(|_| handle.portal());
            let portals = futures_util::future::try_join_all(all).await?;
            assert!(portals.iter().all(|portal| *portal == portals[0]));
            assert_ne!(portals[0], *other, "the connection of a scope is not shared");
            drop(portals);
            assert_eq!(handle.portal().await?, handle.portal().await?, "the connection stays open");
            Ok(())
        })
        .await
    })
    .await
}

/// The errors of two guests of an actor that is about to die, one of them already connected.
#[tractor::context(started = (), returns = (String, bool, String))]
async fn visits(ctx: Context<(), (), ()>, whom: ActorRef) -> Result<(String, bool, String)> {
    let portal = whom.portal().await?;
    let mut sitting = portal.run(sits());
    assert!(poll_once(&mut sitting).await.is_pending());
    portal.run(seen("sits".to_owned())).await?;
    let _ctx = ctx.started(()).await?;
    let met = sitting.await.expect_err("its actor has ended");
    let unsent = portal.run(process()).await.expect_err("it is gone");
    assert!(unsent.is_retryable(), "{unsent}");
    let again = whom.portal().await.expect_err("that process is gone");
    assert!(!again.may_have_run(), "{again}");
    Ok((kind(&met), met.is_retryable(), kind(&again)))
}

#[tractor::actor_fn]
async fn misses(whom: ActorRef) -> (String, bool) {
    let error = whom.portal().await.expect_err("that process is gone");
    (kind(&error), error.is_retryable())
}

#[tractor::test]
async fn by_identity_a_process_is_reached_that_lives_or_nobody() -> Result<()> {
    let socket = in_nursery(async |tree, an| {
        let kv = supervised(tree, an, 3).await?;
        let (guest, late) = (
            start(an, tree.name("guest"), module_path!()).await?,
            start(an, tree.name("late"), module_path!()).await?,
        );
        let portal = kv.portal().await?;
        let (first, pid) = (portal.actor_ref().await?, pid_of(&portal));
        let socket = portal.addrs().await?[0].uds_path().expect("an address of its own");
        assert!(std::path::Path::new(&socket).exists());
        let told = guest
            .open_context(visits(first.clone()), async |visit, ()| {
                signal(pid, Signal::KILL);
                visit.wait_for_result().await
            })
            .await?;
        assert_eq!(told, (format!("died: {pid}"), false, format!("died: {pid}")));
        let next = kv.portal_after(1).await?;
        assert_ne!(pid_of(&next), pid);
        // A guest that was never connected does not learn of the death: another process has that name.
        assert_eq!(late.run(misses(first.clone())).await?, ("not found: Ended".to_owned(), false));
        assert_eq!(kind(&first.portal().await.expect_err("its process has ended")), format!("died: {pid}"));
        assert_eq!(late.run(calls(next.actor_ref().await?)).await?, pid_of(&next));
        an.cancel().await;
        Ok(socket)
    })
    .await?;
    assert!(!std::path::Path::new(&socket).exists(), "the file {socket} is left");
    Ok(())
}

#[tractor::test]
async fn an_address_where_somebody_else_listens_leads_to_nobody() -> Result<()> {
    in_root(async |_| {
        let options = ActorOptions::new().enable_module(module_path!());
        tractor::with_local_actor(options, async |other| {
            let addr = other.actor_ref().await.map(|_| other.addrs())?.await?.remove(0);
            let forged = |name: &str, uuid: &str, addr: &str| {
                let place = [("name", Value::from(name)), ("uuid", Value::from(uuid))];
                let mut place: Vec<_> = place.map(|(key, value)| (Value::from(key), value)).into();
                place.push((Value::from("addrs"), Value::Array(vec![Value::from(addr)])));
                Value::Map(vec![(Value::from("Process"), Value::Map(place))])
            };
            let misses = |whom: Value| DynCall::new(module_path!(), "misses").arg("whom", whom);
            let lies = forged(other.uid().name(), "00000000-0000-4000-8000-000000000000", &addr.to_string());
            let told: (String, bool) = other.run_dyn(misses(lies)).await?;
            assert_eq!(told, ("not found: Ended".to_owned(), false));
            let uuid = other.uid().uuid();
            let many = Value::Array(vec![Value::from(addr.to_string()); 17]);
            let mut crowd = forged("kv", uuid, "");
            if let Value::Map(target) = &mut crowd
                && let Value::Map(place) = &mut target[0].1
            {
                place[2].1 = many;
            }
            for (bad, knob) in [
                (forged(&"n".repeat(2000), uuid, &addr.to_string()), "NAME_BYTES_MAX"),
                (forged("kv", &"u".repeat(65), &addr.to_string()), "UUID_BYTES_MAX"),
                (crowd, "REF_ADDRS_MAX"),
                (forged("kv", uuid, "/run/no/address"), "address"),
                (Value::from("kv"), "Process"),
            ] {
                let error = other.run_dyn::<Value>(misses(bad)).await.expect_err(knob);
                let refused = error.as_remote().expect("the callee refuses it");
                assert_eq!(refused.kind(), RemoteKind::Arguments, "{error}");
                assert!(!error.may_have_run() && error.to_string().contains(knob), "{knob}: {error}");
            }
            Ok(())
        })
        .await
    })
    .await
}

// ---- By name -----------------------------------------------------------------------------------------------------

#[tractor::test]
async fn by_name_the_process_is_reached_that_lives_now() -> Result<()> {
    in_nursery(async |tree, an| {
        let kv = supervised(tree, an, 3).await?;
        let one = start(an, tree.name("one"), module_path!()).await?;
        let handle = kv.actor_ref().await?;
        assert_eq!((handle.name(), &handle), (kv.name(), &kv.actor_ref().await?));
        for life in 1..3 {
            let portal = kv.portal_after(life - 1).await?;
            let pid = pid_of(&portal);
            assert_eq!(one.run(calls(handle.clone())).await?, pid);
            assert_eq!(one.run(passes_on(handle.clone(), 1)).await?, pid, "from two levels below");
            assert_eq!(handle.portal().await?, portal, "here, over the existing connection");
            signal(pid, Signal::KILL);
            // The supervisor may not have noticed yet.
            let next = one.run(calls(handle.clone())).await;
            let next =
                if let Err(Error::Remote(_)) = next { one.run(calls(handle.clone())).await? } else { next? };
            assert_ne!(next, pid);
            assert_eq!(next, pid_of(&kv.portal_after(life).await?));
        }
        // A requested restart is no failure either.
        let fresh = kv.restart().await?;
        assert_eq!(one.run(calls(handle.clone())).await?, pid_of(&fresh));
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_lookup_without_a_process_waits_for_the_next_one() -> Result<()> {
    in_nursery(async |tree, an| {
        let pause = Duration::from_millis(300);
        let backoff = Backoff { first: pause, factor: 1, max: pause };
        let kv =
            an.supervise(Supervision::one_for_one().backoff(backoff)).child(tree.name("kv"), set_up).await?;
        let one = start(an, tree.name("one"), module_path!()).await?;
        let handle = kv.actor_ref().await?;
        kv.kill().await;
        let (asked, next) = tokio::join!(one.run(calls(handle)), kv.portal_after(1));
        assert_eq!(asked?, pid_of(&next?));
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_supervised_child_that_is_over_is_not_waited_for() -> Result<()> {
    in_nursery(async |tree, an| {
        let kv = supervised(tree, an, 3).await?;
        let one = start(an, tree.name("one"), module_path!()).await?;
        let handle = kv.actor_ref().await?;
        assert!(one.run(calls(handle.clone())).await? > 0);
        kv.cancel().await;
        assert_eq!(one.run(misses(handle.clone())).await?, ("not found: Ended".to_owned(), false));
        let text = one.run(calls(handle.clone())).await.expect_err("the actor has ended").to_string();
        assert!(text.contains(kv.name()) && text.contains("it was cancelled"), "{text}");
        let here = handle.portal().await.expect_err("the actor has ended");
        assert!(here.as_runtime().is_some(), "{here:?}");
        an.cancel().await;
        Ok(())
    })
    .await
}

/// Supervises a store of its own, and gives out its handle.
#[tractor::context(started = ActorRef)]
async fn keeps_a_store(ctx: Context<ActorRef, (), ()>, name: String) -> Result<()> {
    tractor::open_nursery(async |an| {
        let kv = an.supervise(Supervision::one_for_one()).child(name, set_up).await?;
        let _ctx = ctx.started(kv.actor_ref().await?).await?;
        forever().await;
        Ok(())
    })
    .await
}

/// Gets the store's handle from a keeper, and then cancels the keeper.
async fn orphaned(tree: &Tree, an: &tractor::ActorNursery, one: &Portal) -> Result<ActorRef> {
    let keeper = start(an, tree.name("keeper"), module_path!()).await?;
    let handle = keeper.open_context(keeps_a_store(tree.name("kv")), async |ctx, handle| {
        assert!(one.run(calls(handle.clone())).await? > 0);
        ctx.handle().cancel().await?;
        Ok::<_, Error>(handle)
    });
    let handle = handle.await?;
    keeper.cancel_actor().await?;
    Ok(handle)
}

#[tractor::test]
async fn without_its_supervising_actor_a_child_is_over() -> Result<()> {
    in_nursery(async |tree, an| {
        let one = start(an, tree.name("one"), module_path!()).await?;
        let handle = orphaned(tree, an, &one).await?;
        assert_eq!(one.run(misses(handle)).await?, ("not found: Ended".to_owned(), false));
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_successor_is_found_by_name_through_the_registrar() -> Result<()> {
    let addr = tractor::socket_addr(&format!("rt-registry-{}", std::process::id()))?;
    support::in_nursery_with(ActorOptions::new().registry(addr), async |tree, an| {
        let one = start(an, tree.name("one"), module_path!()).await?;
        let handle = orphaned(tree, an, &one).await?;
        assert_eq!(one.run(misses(handle.clone())).await?, ("not found: NotRegistered".to_owned(), true));
        let successor = start(an, tree.name("kv"), module_path!()).await?;
        assert_eq!(one.run(calls(handle)).await?, pid_of(&successor));
        let by_name = ActorRef::named(tree.name("kv"));
        assert_eq!(one.run(calls(by_name.clone())).await?, pid_of(&successor));
        assert_eq!(by_name.portal().await?, successor, "a child is connected already");
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_name_is_found_by_a_registrar_alone() -> Result<()> {
    in_root(async |_| {
        for (name, why) in [("kv", "NoRegistry"), ("", "BadName")] {
            let error = ActorRef::named(name).portal().await.expect_err("there is none");
            assert!(kind(&error).contains(why) && !error.is_retryable(), "{error:?}");
        }
        Ok(())
    })
    .await?;
    let outside = ActorRef::named("kv").portal().await.expect_err("there is no actor here");
    assert!(matches!(outside, Error::NoRuntime));
    assert_ne!(Absence::Ended, Absence::Expired);
    Ok(())
}
