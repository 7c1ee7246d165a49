//! A death is always the same kind of error: for the parent and for guests, at once, later, and for a new connection.
//! Also tests what an error says about its request.

use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::Signal;
use support::journal::{note, seen};
use support::processes::{pid_of, signal};
use support::{in_nursery, in_nursery_with, poll_once, start};
use tractor::error::RemoteKind;
use tractor::prelude::*;
use tractor::{ActorOptions, Addr, DynCall, Error, Limits, Result, current_actor};

#[tractor::actor_fn]
async fn sits() {
    note("sits");
    std::future::pending().await
}

#[tractor::actor_fn]
async fn address() -> String {
    current_actor().addrs()[0].to_string()
}

#[tractor::actor_fn]
async fn answers() -> u32 {
    42
}

#[tractor::actor_fn]
async fn spoils() -> std::result::Result<(), String> {
    Err("spoiled".to_owned())
}

/// The kind of an error of a dead actor, and whether the request may have run.
fn kind(error: &Error) -> (String, bool) {
    let kind = match error {
        Error::Died(died) => format!("died: {} ({})", died.name(), died.pid()),
        Error::Closed(closed) => format!("closed: {}", closed.peer().name()),
        Error::Unreachable(_) => "unreachable".to_owned(),
        other => format!("{other:?}"),
    };
    assert_eq!(error.is_retryable(), !error.may_have_run(), "{error:?}");
    (kind, error.may_have_run())
}

async fn reconnect(addr: &Addr) -> (String, bool) {
    kind(&tractor::connect(addr, async |_| Ok::<_, Error>(())).await.expect_err("it is gone"))
}

/// The errors of a guest at `addr`: of a call that is open when the actor there dies, of a later call, and of a new
/// connection.
#[tractor::context(started = (), returns = Vec<(String, bool)>)]
async fn visits(ctx: Context<(), (), ()>, addr: String) -> Result<Vec<(String, bool)>> {
    let addr: Addr = addr.parse().expect("an address");
    let mut told = tractor::connect(&addr, async |portal| {
        let mut sitting = portal.run(sits());
        assert!(poll_once(&mut sitting).await.is_pending());
        portal.run(seen("sits".to_owned())).await?;
        let _ctx = ctx.started(()).await?;
        let during = sitting.await.expect_err("its actor has died");
        let after = portal.run(answers()).await.expect_err("it is gone");
        Ok::<_, Error>(vec![kind(&during), kind(&after)])
    })
    .await?;
    told.push(reconnect(&addr).await);
    Ok(told)
}

/// Starts an actor, sends its address and process id, and then its parent's errors of its death, in the same order, the
/// error of the nursery last.
#[tractor::context(started = (String, i32), returns = Vec<(String, bool)>)]
async fn bereaved(ctx: Context<(String, i32), (), ()>, addr: Option<String>) -> Result<Vec<(String, bool)>> {
    let mut told = Vec::new();
    let mut bound = None;
    let nursery: Result<()> = tractor::open_nursery(async |an| {
        let child =
            an.start_actor("victim").enable_module(module_path!()).enable_module(support::journal::MODULE);
        let child = match addr {
            Some(addr) => child.bind(addr.parse().expect("an address")).await?,
            None => child.listen().await?,
        };
        let addr = child.run(address()).await?;
        bound = Some(addr.clone());
        let mut sitting = child.run(sits());
        assert!(poll_once(&mut sitting).await.is_pending());
        let _ctx = ctx.started((addr, pid_of(&child))).await?;
        told.push(kind(&sitting.await.expect_err("its actor has died")));
        told.push(kind(&child.run(answers()).await.expect_err("it is gone")));
        Ok(())
    })
    .await;
    told.push(reconnect(&bound.expect("it listened").parse().expect("an address")).await);
    told.push(kind(&nursery.expect_err("its child died")));
    Ok(told)
}

async fn all_are_told_the_same(addr: Option<Addr>) -> Result<()> {
    let addr = addr.map(|addr| addr.to_string());
    in_nursery(async |tree, an| {
        let parent = start(an, tree.name("parent"), module_path!()).await?;
        let guest = start(an, tree.name("guest"), module_path!()).await?;
        let told = parent
            .open_context(bereaved(addr), async |ctx, (addr, pid)| {
                let met: Vec<_> = guest
                    .open_context(visits(addr), async |visit, ()| {
                        signal(pid, Signal::KILL);
                        visit.wait_for_result().await
                    })
                    .await?;
                let died = |may_have_run| (format!("died: victim ({pid})"), may_have_run);
                assert_eq!(met, [died(true), died(false), died(false)], "errors of the connected actor");
                let told = ctx.wait_for_result().await?;
                assert_eq!(told, [died(true), died(false), died(false), died(true)], "errors of the parent");
                Ok::<_, Error>(told)
            })
            .await?;
        assert_eq!(told.len(), 4);
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_death_is_one_kind_of_error_for_all() -> Result<()> {
    all_are_told_the_same(None).await
}

#[tractor::test]
async fn a_death_of_an_actor_with_its_own_address_is_one_kind_of_error_for_all() -> Result<()> {
    let dir = tractor::socket_addr("x")?.uds_path().expect("a socket");
    let dir = dir.rsplit_once('/').expect("a path").0.to_owned();
    let file = format!("death-{}.sock", std::process::id());
    all_are_told_the_same(Some(Addr::Uds { dir, file })).await
}

/// An end in good order is no death, whichever actor asked for it.
#[tractor::test]
async fn an_actor_that_has_ended_in_order_has_not_died() -> Result<()> {
    in_nursery(async |tree, an| {
        let child = an.start_actor(tree.name("short")).enable_module(module_path!()).listen().await?;
        let addr: Addr = child.run(address()).await?.parse().expect("an address");
        let name = child.uid().name().to_owned();
        let after = tractor::connect(&addr, async |guest| {
            assert_eq!(guest.run(answers()).await?, 42);
            child.cancel_actor().await?;
            loop {
                match guest.run(answers()).await {
                    // The end is not known yet.
                    Ok(_) | Err(Error::Cancelled(_)) => tokio::task::yield_now().await,
                    Err(error) => return Ok::<_, Error>(error),
                }
            }
        })
        .await?;
        assert!(matches!(after, Error::Closed(_)), "{name}: {after:?}");
        assert_eq!(reconnect(&addr).await, ("unreachable".to_owned(), false));
        Ok(())
    })
    .await
}

static TOLD: OnceLock<String> = OnceLock::new();

/// Kills the actor that opened it, and then sends its first value.
#[tractor::context(started = ())]
async fn starts_late(ctx: Context<(), (), ()>, pid: i32) -> Result<()> {
    tractor::shield(async {
        signal(pid, Signal::KILL);
        ctx.cancelled().await;
        let error = ctx.started(()).await.expect_err("nobody is there");
        TOLD.set(kind(&error).0).expect("it is set once");
    })
    .await;
    Ok(())
}

#[tractor::context(started = ())]
async fn opens_above(ctx: Context<(), (), ()>) -> Result<()> {
    let pid = std::process::id().cast_signed();
    ctx.portal().open_context(starts_late(pid), async |_, ()| Ok(())).await
}

#[tractor::test]
async fn a_first_value_to_a_dead_actor_fails_with_its_death() -> Result<()> {
    in_nursery_with(ActorOptions::new().enable_module(module_path!()), async |tree, _| {
        let result: Result<()> = tractor::open_nursery(async |an| {
            let child = start(an, tree.name("short"), module_path!()).await?;
            child.open_context(opens_above(), async |_, ()| Ok(())).await
        })
        .await;
        let (died, _) = kind(&result.expect_err("it dies"));
        support::until(|| TOLD.get().is_some()).await;
        assert_eq!(TOLD.get(), Some(&died));
        Ok(())
    })
    .await
}

/// Whether the request may have run, and whether it may be repeated.
#[track_caller]
fn says<T: std::fmt::Debug>(result: Result<T>, may_have_run: bool, is_retryable: bool) -> Error {
    let error = result.expect_err("it fails");
    assert_eq!((error.may_have_run(), error.is_retryable()), (may_have_run, is_retryable), "{error:?}");
    error
}

/// Passes on the refusal of another actor.
#[tractor::context(started = ())]
async fn passes_on(ctx: Context<(), (), ()>) -> Result<()> {
    let ctx = ctx.started(()).await?;
    ctx.portal().run(hidden::hidden()).await
}

mod hidden {
    /// No actor exposes it.
    #[tractor::actor_fn]
    pub(super) async fn hidden() {}
}

#[tractor::actor_fn]
async fn takes(_text: String) {}

#[tractor::actor_fn]
async fn nests(_value: tractor::Value) {}

#[tractor::test]
async fn an_error_says_whether_its_request_may_have_run() -> Result<()> {
    in_nursery(async |tree, an| {
        let limits = Limits::default().contexts_per_connection_max(1);
        let child = an.start_actor(tree.name("kid")).enable_module(module_path!());
        let child = child.enable_module(support::journal::MODULE).limits(limits).await?;
        says(child.run(spoils()).await, true, false);
        // Neither call is retryable.
        says(child.run(hidden::hidden()).await, false, false);
        let call = |name| DynCall::new(module_path!(), name);
        says(child.run_dyn::<()>(call("absent")).await, false, false);
        says(child.run_dyn::<()>(call("takes")).await, false, false);
        says(child.run(takes("x".repeat(17 << 20))).await, false, false);
        let deep = (0..200).fold(tractor::Value::Nil, |inner, _| tractor::Value::Array(vec![inner]));
        says(child.run(nests(deep)).await, false, false);
        says(child.run(answers()).deadline(Duration::ZERO).await, false, false);
        says(child.run(sits()).deadline(Duration::from_millis(20)).await, true, false);
        // There is no room for a second call.
        let mut sitting = child.run(sits());
        assert!(poll_once(&mut sitting).await.is_pending());
        let refused = says(child.run(answers()).await, false, true);
        assert_eq!(refused.as_remote().map(|remote| remote.kind()), Some(RemoteKind::Runtime));
        drop(sitting);
        support::until(|| child.dialogs_open() == 0).await;
        // The refusal belongs to another request.
        let passed_on = child.open_context(passes_on(), async |ctx, ()| ctx.wait_for_result().await).await;
        assert_eq!(
            says(passed_on, true, false).as_remote().map(|remote| remote.kind()),
            Some(RemoteKind::NotExposed)
        );
        an.cancel().await;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_address_where_nothing_listens_is_unreachable() -> Result<()> {
    in_nursery(async |_, _| {
        let nowhere = tractor::socket_addr("nobody-there")?;
        let error = says(tractor::connect(&nowhere, async |_| Ok::<_, Error>(())).await, false, true);
        let Error::Unreachable(unreachable) = &error else { panic!("{error:?}") };
        assert_eq!(unreachable.addr(), &nowhere);
        assert!(error.to_string().starts_with(&format!("no connection to {nowhere}: ")), "{error}");
        Ok(())
    })
    .await
}

#[tractor::context(started = Vec<u8>)]
async fn sends_much(ctx: Context<Vec<u8>, (), ()>, bytes: usize) -> Result<()> {
    let _ctx = ctx.started(vec![7; bytes]).await?;
    std::future::pending().await
}

#[tractor::test]
async fn the_death_of_a_child_whose_connection_was_over_the_budget_names_the_knob() -> Result<()> {
    let limits = Limits::default().waiting_bytes_max(1 << 20);
    let left = in_nursery_with(ActorOptions::new().limits(limits), async |tree, an| {
        // The child itself may have more.
        let child =
            an.start_actor(tree.name("child")).enable_module(module_path!()).limits(Limits::default());
        child.await?.open_context(sends_much(8 << 20), async |_, _| Ok::<_, Error>(())).await
    });
    let error = left.await.expect_err("its connection is closed, and it ends with that");
    let died = error.as_died().unwrap_or_else(|| panic!("{error:?}"));
    let reason = std::error::Error::source(died).expect("the death has a source").to_string();
    assert!(reason.contains("Limits::waiting_bytes_max"), "{reason}");
    Ok(())
}
