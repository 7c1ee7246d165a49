//! Failures of another actor that leave an endpoint inside of another error, and the text that `main` prints.

use anyhow::Context as _;
use support::{Spoiled, spoiled};
use tractor::error::RemoteKind;
use tractor::prelude::*;
use tractor::{ActorOptions, Error, Result, Uid};

#[tractor::actor_fn]
async fn fails() -> std::result::Result<(), Spoiled> {
    spoiled("fell over")
}

#[tractor::actor_fn]
async fn panics() {
    panic!("no way");
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Tractor(#[from] Error),
    #[error("no luck with the other actor")]
    Luck(#[source] Error),
}

/// Calls the actor that opened it, which fails, and passes the failure on.
#[tractor::context(started = (), returns = ())]
async fn bare(ctx: Context<(), (), ()>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    ctx.portal().run(fails()).await
}

#[tractor::context(started = (), returns = ())]
async fn any(ctx: Context<(), (), ()>) -> anyhow::Result<()> {
    let ctx = ctx.started(()).await?;
    Ok(ctx.portal().run(fails()).await?)
}

#[tractor::context(started = (), returns = ())]
async fn any_with_context(ctx: Context<(), (), ()>) -> anyhow::Result<()> {
    let ctx = ctx.started(()).await?;
    ctx.portal().run(fails()).await.context("reading").context("starting up")
}

#[tractor::context(started = (), returns = ())]
async fn boxed(
    ctx: Context<(), (), ()>,
) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let ctx = ctx.started(()).await?;
    Ok(ctx.portal().run(fails()).await?)
}

#[tractor::context(started = (), returns = ())]
async fn user_enum(ctx: Context<(), (), ()>) -> std::result::Result<(), Failed> {
    let ctx = ctx.started(()).await?;
    Ok(ctx.portal().run(fails()).await?)
}

#[tractor::context(started = (), returns = ())]
async fn user_source(ctx: Context<(), (), ()>) -> std::result::Result<(), Failed> {
    let ctx = ctx.started(()).await?;
    ctx.portal().run(fails()).await.map_err(Failed::Luck)
}

#[tractor::context(started = (), returns = ())]
async fn any_panic(ctx: Context<(), (), ()>) -> anyhow::Result<()> {
    let ctx = ctx.started(()).await?;
    ctx.portal().run(panics()).await.context("starting up")
}

/// Runs the body in a root that exposes this module. The body gets a portal to an actor that exposes it as well, and
/// the root's uid.
async fn two(body: impl AsyncFnOnce(&Portal, Uid) -> Result<()>) -> Result<()> {
    let exposing = || ActorOptions::new().enable_module(module_path!());
    tractor::open_root_actor(exposing(), async |root| {
        let root = root.uid().clone();
        tractor::with_local_actor(exposing(), async |portal| body(portal, root).await).await
    })
    .await
}

macro_rules! outcome_of {
    ($portal:expr, $call:expr) => {
        $portal.open_context($call, async |ctx, ()| ctx.wait_for_result().await).await.expect_err("it fails")
    };
}

#[tractor::test]
async fn a_relayed_failure_keeps_its_source_and_path_in_any_wrapping() -> Result<()> {
    two(async |portal, root| {
        let cases = [
            ("bare", "", outcome_of!(portal, bare())),
            ("anyhow", "", outcome_of!(portal, any())),
            ("anyhow with context", "starting up", outcome_of!(portal, any_with_context())),
            ("boxed", "", outcome_of!(portal, boxed())),
            ("transparent variant", "", outcome_of!(portal, user_enum())),
            ("variant with a source", "no luck with the other actor", outcome_of!(portal, user_source())),
        ];
        for (case, text, error) in cases {
            let remote = error.as_remote().unwrap_or_else(|| panic!("{case}: {error}"));
            assert_eq!((remote.src_type(), remote.message()), ("Spoiled", "fell over"), "{case}");
            assert_eq!((remote.src_uid(), remote.boxed_type()), (&root, "RemoteActorError"), "{case}");
            assert_eq!(remote.relay_path(), [root.clone(), portal.uid().clone()], "{case}");
            assert_eq!(remote.trace(), text, "{case}");
        }
        let error = outcome_of!(portal, any_panic());
        let remote = error.as_remote().expect("a panic");
        assert_eq!((remote.kind(), remote.message()), (RemoteKind::Panic, "no way"));
        let (place, outer) = remote.trace().split_once('\n').expect("two lines");
        assert!(place.contains("errors_wrapped.rs") && outer == "starting up", "{:?}", remote.trace());
        assert!(!error.to_string().contains("starting up"), "{error}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn main_prints_an_error_as_a_text_with_its_causes() -> Result<()> {
    two(async |portal, root| {
        let error = outcome_of!(portal, any());
        let text = format!("`Spoiled` in actor {root}: fell over (relayed by {})", portal.uid());
        assert_eq!(format!("{error:?}"), text);
        assert!(format!("{error:#?}").starts_with("Remote(\n"), "{error:#?}");
        let any = anyhow::Error::from(error);
        assert!(format!("{any:?}").starts_with(&text), "{any:?}");
        Ok(())
    })
    .await
}

/// A program whose `main` fails with the failure of another actor.
#[test]
#[ignore = "the program of `a_main_that_fails_says_why_and_exits_with_one`"]
fn failing_main() {
    #[tractor::main]
    async fn main() -> Result<()> {
        let exposing = ActorOptions::new().enable_module(module_path!());
        tractor::open_nursery(async |_| {
            tractor::with_local_actor(exposing, async |portal| portal.run(fails()).await).await
        })
        .await
    }
    let code = std::process::Termination::report(main());
    std::process::exit(if code == std::process::ExitCode::FAILURE { 1 } else { 0 });
}

#[test]
fn a_main_that_fails_says_why_and_exits_with_one() {
    let this = std::env::current_exe().expect("this binary");
    let mut program = std::process::Command::new(this);
    let output = program
        .args(["errors_wrapped::failing_main", "--exact", "--ignored", "--nocapture"])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let line = said.lines().find(|line| line.starts_with("Error: ")).unwrap_or_else(|| panic!("{said}"));
    assert!(line.starts_with("Error: `Spoiled` in actor local["), "{said}");
    assert!(line.ends_with(": fell over"), "{said}");
}
