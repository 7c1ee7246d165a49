//! Values whose serde impls panic: the call fails, no task waits for ever, and all other dialogs go on.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use support::{tree, with_deadline, with_local};
use tractor::error::RemoteKind;
use tractor::{Error, Portal};

/// A value whose serde impls panic on request.
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

/// Returns a value that panics while it is decoded in another process.
#[tractor::actor_fn]
async fn brings() -> LateBomb {
    LateBomb
}

#[derive(Debug, Clone)]
struct LateBomb;

impl Serialize for LateBomb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(std::process::id())
    }
}

impl<'de> Deserialize<'de> for LateBomb {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let made_by = u32::deserialize(deserializer)?;
        assert_eq!(made_by, std::process::id(), "on the way in");
        Ok(Self)
    }
}

#[tractor::actor_fn]
async fn takes(bomb: Bomb) -> bool {
    bomb == Bomb::Dud
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
        let error = with_deadline(20, scope).await.expect_err("its argument panics while it is encoded");
        assert!(error.to_string().contains("on the way out"), "{error}");
        let again =
            told.expect("its actor has started").wait_for_result().await.expect_err("the same failure");
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
