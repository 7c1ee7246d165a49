//! The layout of values between real actors: without field names in one program image, and with them between actors
//! whose images may differ.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use support::in_nursery;
use tractor::prelude::*;
use tractor::{ActorOptions, DynCall, Result};

const MODULE: &str = module_path!();

/// A struct that records the layout in which it was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Told {
    layout: Layout,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
enum Layout {
    Unsent,
    ByPosition,
    ByName,
}
use Layout::{ByName, ByPosition, Unsent};

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_struct("Told", &["layout"], Look)
    }
}

struct Look;

impl<'de> Visitor<'de> for Look {
    type Value = Told;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a struct")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Told, A::Error> {
        while seq.next_element::<String>()?.is_some() {}
        Ok(Told { layout: ByPosition })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Told, A::Error> {
        while map.next_entry::<String, String>()?.is_some() {}
        Ok(Told { layout: ByName })
    }
}

const UNSENT: Told = Told { layout: Unsent };

/// The layout of the argument, and a value whose layout the caller checks.
#[tractor::actor_fn]
async fn looks(at: Told) -> (Number, Told) {
    (Number(at.layout as u8), UNSENT)
}

/// A layout as a number.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Number(u8);

mod declared {
    use super::{Number, Told};

    #[tractor::actor_fn(extern, module = "it::calls_layouts")]
    pub(super) async fn looks(at: Told) -> (Number, Told);
}

/// Calls `looks` in the actor at that address, and returns the layouts of both values.
#[tractor::actor_fn]
async fn asks(addr: String) -> Result<(u8, u8)> {
    let addr = addr.parse().expect("the test passes on what an actor has said");
    tractor::connect(&addr, async |portal| {
        let (there, back) = portal.run(looks(UNSENT)).await?;
        Ok((there.0, back.layout as u8))
    })
    .await
}

/// Sends values as its first and its last message, and returns the layouts of the values that it got.
#[tractor::context(started = Told, send = (u8, Told), recv = Told, returns = Told)]
async fn streams(ctx: Context<Told, (u8, Told), Told>) -> Result<Told> {
    let ctx = ctx.started(UNSENT).await?;
    let mut stream = ctx.open_stream();
    while let Some(told) = stream.receive().await? {
        stream.send((told.layout as u8, UNSENT)).await?;
    }
    Ok(UNSENT)
}

/// The result of a call of `looks`.
fn seen((there, back): (Number, Told)) -> (u8, Layout) {
    (there.0, back.layout)
}

async fn check(portal: &Portal) -> Result<()> {
    let (short, named) = ((ByPosition as u8, ByPosition), (ByName as u8, ByName));
    for _again in 0..3 {
        assert_eq!(seen(portal.run(looks(UNSENT)).await?), short);
        assert_eq!(seen(portal.run(declared::looks(UNSENT)).await?), named, "declared");
        let call = DynCall::new(MODULE, "looks").arg("at", UNSENT);
        assert_eq!(seen(portal.run_dyn(call).await?), named, "by name");
    }
    let last = portal.open_context(streams(), async |ctx, first| -> Result<Told> {
        assert_eq!(first.layout, ByPosition);
        let mut stream = ctx.open_stream();
        stream.send(UNSENT).await?;
        let (there, back) = stream.receive().await?.expect("it answers");
        assert_eq!((there, back.layout), short);
        stream.wait_for_result().await
    });
    assert_eq!(last.await?.layout, ByPosition);
    Ok(())
}

#[tractor::test]
async fn processes_of_one_image_leave_the_names_out() -> Result<()> {
    in_nursery(async |tree, an| {
        let one = an.start_actor(tree.name("one")).enable_module(MODULE).await?;
        let addr = tractor::socket_addr(&tree.name("two"))?;
        let two = an.start_actor(tree.name("two")).enable_module(MODULE).bind(addr.clone()).await?;
        check(&one).await?;
        check(&two).await?;
        let (there, back) = one.run(asks(addr.to_string())).await?;
        assert_eq!((there, back), (ByPosition as u8, ByPosition as u8), "siblings");
        one.cancel_actor().await?;
        two.cancel_actor().await?;
        Ok(())
    })
    .await
}

#[tractor::test]
async fn actors_of_one_process_leave_the_names_out() -> Result<()> {
    tractor::open_root_actor(ActorOptions::new(), async |_| {
        tractor::with_local_actor(ActorOptions::new().enable_module(MODULE), check).await
    })
    .await
}
