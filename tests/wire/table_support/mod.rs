//! One payload type whose values break the contract in every way, and endpoints that pass them on.

use serde::{Deserialize, Serialize, Serializer};
use serde_bytes::ByteBuf;
use tractor::prelude::*;

/// The module to enable.
pub(crate) const MODULE: &str = module_path!();

/// More than the default `frame_bytes_max`.
const OVERSIZED: usize = 17 << 20;

/// The flaw of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Flaw {
    None,
    /// The deserializer refuses it.
    Invalid,
    /// It is encoded as text, which the reader does not expect.
    Asymmetric,
    Unencodable,
    Oversized,
}

/// A value with a flaw. A decoded value has no flaw, because its `try_from` refuses others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Wire")]
pub(crate) struct Probe(pub(crate) Flaw);

/// The contract: `x` and `y`, and optional bytes that fill the frame.
#[derive(Serialize, Deserialize)]
struct Wire {
    x: i64,
    y: i64,
    #[serde(default)]
    filling: Option<ByteBuf>,
}

impl TryFrom<Wire> for Probe {
    type Error = &'static str;

    fn try_from(wire: Wire) -> std::result::Result<Self, Self::Error> {
        match wire.x {
            666 => Err("x must not be 666"),
            _ => Ok(Self(Flaw::None)),
        }
    }
}

impl Serialize for Probe {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let wire = |x, filling| Wire { x, y: 8, filling };
        match self.0 {
            Flaw::None => wire(7, None).serialize(serializer),
            Flaw::Invalid => wire(666, None).serialize(serializer),
            Flaw::Asymmetric => serializer.serialize_str("asymmetric"),
            Flaw::Unencodable => Err(serde::ser::Error::custom("not today")),
            Flaw::Oversized => wire(7, Some(ByteBuf::from(vec![0; OVERSIZED]))).serialize(serializer),
        }
    }
}

/// An error with a value.
#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
#[error("flawed")]
pub(crate) struct Flawed(pub(crate) Probe);

#[tractor::actor_fn]
pub(crate) async fn takes(probe: Probe) -> bool {
    probe.0 == Flaw::None
}

#[tractor::context(started = Probe, returns = ())]
pub(crate) async fn starts(ctx: Context<Probe, (), ()>, flaw: Flaw) -> tractor::Result<()> {
    ctx.started(Probe(flaw)).await?;
    Ok(())
}

/// Sends one value.
#[tractor::context(started = (), send = Probe, returns = ())]
pub(crate) async fn sends(ctx: Context<(), Probe, ()>, flaw: Flaw) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let stream = ctx.open_stream();
    stream.send(Probe(flaw)).await?;
    Ok(())
}

/// Reads one value.
#[tractor::context(started = (), recv = Probe, returns = ())]
pub(crate) async fn reads(ctx: Context<(), (), Probe>) -> tractor::Result<()> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    // `None` if the other side could not send its value.
    let received = stream.receive().await?;
    assert!(received.is_none_or(|probe| probe.0 == Flaw::None));
    Ok(())
}

#[tractor::actor_fn]
pub(crate) async fn returns(flaw: Flaw) -> Probe {
    Probe(flaw)
}

#[tractor::actor_fn]
pub(crate) async fn fails(flaw: Flaw) -> std::result::Result<(), Flawed> {
    Err(Flawed(Probe(flaw)))
}
