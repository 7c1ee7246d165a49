//! User code that panics, or holds on to a stream, where the runtime calls it: nobody waits for ever, and everybody else
//! goes on.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use support::journal::{note, seen};
use support::{forever, poll_once, tree, with_deadline, with_local};
use tokio::sync::oneshot;
use tractor::error::RemoteKind;
use tractor::prelude::*;
use tractor::{Error, MsgStream, Portal};

/// A value whose serde impls panic when told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bomb {
    Dud,
    OnTheWayOut,
    OnTheWayIn,
}

impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(*self != Self::OnTheWayOut, "on the way out");
        serializer.serialize_bool(*self == Self::OnTheWayIn)
    }
}

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        assert!(!bool::deserialize(deserializer)?, "on the way in");
        Ok(Self::Dud)
    }
}

#[tractor::actor_fn]
async fn arms(outwards: bool) -> Bomb {
    if outwards { Bomb::OnTheWayOut } else { Bomb::Dud }
}

/// Its result goes off where it arrives.
#[tractor::actor_fn]
async fn brings() -> LateBomb {
    LateBomb
}

#[derive(Debug)]
struct LateBomb;

impl Serialize for LateBomb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(std::process::id())
    }
}

impl<'de> Deserialize<'de> for LateBomb {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let made_by = u32::deserialize(deserializer)?;
        // Who sends it decodes it as well, and a schema is found by reading zeros.
        assert!(made_by == 0 || made_by == std::process::id(), "on the way in");
        Ok(Self)
    }
}

#[tractor::actor_fn]
async fn takes(bomb: Bomb) -> bool {
    bomb == Bomb::Dud
}

#[tractor::context(pld_spec = u8, returns = ())]
async fn hands_on(ctx: Context<u8>) -> tractor::Result<()> {
    let ctx = ctx.started(0).await?;
    let stream = ctx.open_stream();
    let actor = tractor::current_actor();
    let (polled, is_polled) = oneshot::channel();
    tokio::spawn(async move {
        actor
            .enter(async {
                let end = receive_late(stream, polled).await;
                note(if end.is_err() { "told" } else { "misled" });
            })
            .await;
    });
    is_polled.await.expect("the task waits");
    Ok(())
}

#[tractor::context(pld_spec = u8, returns = ())]
async fn stays(ctx: Context<u8>) -> tractor::Result<()> {
    let _ctx = ctx.started(0).await?;
    forever().await;
    Ok(())
}

/// Waits for a value, and says when it does.
async fn receive_late<R>(
    mut stream: MsgStream<u8, u8, R>,
    polled: oneshot::Sender<()>,
) -> tractor::Result<Option<u8>> {
    let mut receive = Box::pin(stream.receive());
    assert!(poll_once(&mut receive).await.is_pending());
    polled.send(()).expect("somebody waits for it");
    receive.await
}

#[track_caller]
fn assert_panicked(error: &Error, text: &str) {
    let remote = error.as_remote().unwrap_or_else(|| panic!("not the failure of another actor: {error:?}"));
    assert_eq!((remote.kind(), remote.message()), (RemoteKind::Panic, text));
}

async fn assert_works(portal: &Portal) -> tractor::Result<()> {
    assert!(portal.run(takes(Bomb::Dud)).await?);
    assert_eq!(portal.dialogs_open(), 0);
    Ok(())
}

#[tractor::test]
async fn a_result_that_panics_while_it_is_encoded_fails_its_call() -> tractor::Result<()> {
    with_local(module_path!(), async |portal| {
        for _ in 0..2 {
            let error = with_deadline(20, portal.run(arms(true))).await.expect_err("it panics");
            assert_panicked(&error, "on the way out");
        }
        assert_works(portal).await
    })
    .await
}

#[tractor::test]
async fn arguments_that_panic_while_they_are_decoded_fail_their_call() -> tractor::Result<()> {
    with_local(module_path!(), async |portal| {
        for _ in 0..2 {
            let error = with_deadline(20, portal.run(takes(Bomb::OnTheWayIn))).await.expect_err("it panics");
            assert_panicked(&error, "on the way in");
        }
        assert_works(portal).await
    })
    .await
}

#[tractor::test]
async fn arguments_that_panic_while_they_are_encoded_leave_no_dialog_behind() -> tractor::Result<()> {
    with_local(module_path!(), async |portal| {
        let call = tokio::spawn(portal.run(takes(Bomb::OnTheWayOut)));
        assert!(call.await.expect_err("the caller panics").is_panic());
        assert_works(portal).await
    })
    .await
}

#[tractor::test]
async fn a_one_shot_call_that_cannot_be_sent_ends_its_actor_and_its_nursery() -> tractor::Result<()> {
    tree(async |tree| {
        let mut told = None;
        let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
            let one = an.run_in_actor(takes(Bomb::OnTheWayOut)).name(tree.name("one")).await?;
            told = Some(one);
            Ok(())
        });
        let error = with_deadline(20, scope).await.expect_err("sending it panics");
        assert!(error.to_string().contains("on the way out"), "{error}");
        let again = told.expect("its actor has started").wait_for_result().await.expect_err("the same");
        assert_eq!(again.to_string(), error.to_string());
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_one_shot_call_that_panics_here_is_raised_once() -> tractor::Result<()> {
    tree(async |tree| {
        let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
            let one = an.run_in_actor(brings()).name(tree.name("one")).await?;
            one.wait_for_result().await.map(drop)
        });
        let error = with_deadline(20, scope).await.expect_err("its result panics while it is decoded");
        assert!(matches!(error, Error::Runtime(_)), "{error:?}");
        assert!(error.to_string().contains("on the way in"), "{error}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_stream_in_a_task_of_its_own_learns_that_its_endpoint_has_ended() -> tractor::Result<()> {
    with_local(module_path!(), async |portal| {
        let result = portal.open_context(hands_on(), async |ctx, _| ctx.wait_for_result().await).await;
        result?;
        with_deadline(20, portal.run(seen("told".to_owned()))).await
    })
    .await
}

#[tractor::test]
async fn a_stream_in_a_task_of_its_own_learns_that_its_scope_was_left() -> tractor::Result<()> {
    with_local(module_path!(), async |portal| {
        let mut reader = None;
        let failed: tractor::Result<()> = portal
            .open_context(stays(), async |ctx, _| {
                let (polled, is_polled) = oneshot::channel();
                reader = Some(tokio::spawn(receive_late(ctx.open_stream(), polled)));
                is_polled.await.expect("the task waits");
                Err(Error::NoRuntime)
            })
            .await;
        assert!(matches!(failed, Err(Error::NoRuntime)), "{failed:?}");
        let end = with_deadline(20, reader.expect("spawned")).await.expect("it does not panic");
        assert!(matches!(end, Err(Error::Cancelled(_))), "{end:?}");
        Ok(())
    })
    .await
}
