//! A union is an enum: public like its function, built from its types, matched like any other.

#![deny(warnings, missing_docs, missing_debug_implementations)]

use serde::{Deserialize, Serialize};
use tractor::prelude::*;

/// A type of the user.
pub mod service {
    use super::*;

    /// A payload.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Point { x: i64 }

    /// A payload.
    #[derive(Serialize, Deserialize)]
    #[allow(missing_debug_implementations, reason = "the union does not need it")]
    pub struct Opaque(u8);

    /// Named after the function, and after the directions that have several types.
    #[cfg(unix)]
    #[tractor::context(
        pld_spec = Point | u64 | Vec<Option<u8>> | (u8, String) | None,
        recv = std::string::String | Opaque,
    )]
    pub async fn r#do_scale(ctx: Context<DoScalePld, DoScalePld, DoScaleRecv>) -> tractor::Result<DoScalePld> {
        let ctx = ctx.started(()).await?;
        let mut stream = ctx.open_stream();
        while let Some(value) = stream.receive().await? {
            match value {
                DoScaleRecv::String(text) => stream.send(text.len() as u64).await?,
                DoScaleRecv::Opaque(Opaque(n)) => stream.send(vec![Some(n), None]).await?,
            }
            stream.send(5).await?;
            stream.send(None).await?;
            stream.send((1, String::new())).await?;
        }
        Ok(Point { x: 1 }.into())
    }

    #[cfg(not(unix))]
    #[tractor::context(pld_spec = Missing | u64)]
    pub async fn absent(ctx: Context<AbsentPld>) -> AbsentPld {}
}

use service::{DoScalePld, do_scale};

/// Uses it from elsewhere.
pub async fn open(portal: &Portal) -> tractor::Result<DoScalePld> {
    portal.open_context(do_scale(), async |ctx, first| {
        assert_eq!(first, DoScalePld::None);
        let mut stream = ctx.open_stream();
        stream.send("x".to_owned()).await?;
        let received: Option<DoScalePld> = stream.receive().await?;
        match received.clone() {
            Some(DoScalePld::U64(_) | DoScalePld::VecOptionU8(_) | DoScalePld::U8String(_)) => {}
            Some(DoScalePld::Point(_) | DoScalePld::None) | None => {}
        }
        assert_eq!(received, Some(DoScalePld::from(1)));
        stream.wait_for_result().await
    }).await
}

/// The types have braces in their texts.
mod projected {
    use super::*;

    pub(crate) struct Sized<const N: usize>;

    pub(crate) trait Fits {
        type Number;
    }

    impl Fits for Sized<2> {
        type Number = u16;
    }

    #[tractor::context(pld_spec = <Sized<{ 1 + 1 }> as Fits>::Number | u64)]
    pub(crate) async fn number(ctx: Context<NumberPld>) -> tractor::Result<NumberPld> {
        ctx.started(1_u16).await?;
        Ok(1_u64.into())
    }
}

/// Types with the names of the generics in the impls.
#[allow(non_snake_case, reason = "the name is what is tested")]
mod letters {
    use super::*;

    #[tractor::context(pld_spec = String | u64)]
    pub(crate) async fn V(ctx: Context<VPld>) -> tractor::Result<VPld> {
        ctx.started(1_u64).await?;
        Ok(1_u64.into())
    }

    #[tractor::context(pld_spec = String | u64)]
    pub(crate) async fn E(ctx: Context<EPld>) -> tractor::Result<EPld> {
        ctx.started(1_u64).await?;
        Ok(1_u64.into())
    }
}
