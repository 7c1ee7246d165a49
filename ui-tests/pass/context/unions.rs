//! A union is an enum: public like its function, built from its types, matched like any other.

#![deny(warnings, missing_docs, missing_debug_implementations)]

use serde::{Deserialize, Serialize};
use tractor::prelude::*;

/// Of the user.
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
    #[tractor::context(pld_spec = Point | u64 | Vec<Option<u8>> | (u8, String) | None, recv = std::string::String | Opaque)]
    pub async fn r#do_scale(ctx: Context<DoScalePld, DoScalePld, DoScaleRecv>) -> tractor::Result<DoScalePld> {
        let mut ctx = ctx.started(()).await?;
        let mut stream = ctx.open_stream().await?;
        while let Some(value) = stream.receive().await? {
            match value {
                DoScaleRecv::String(text) => stream.send(text.len() as u64).await?,
                DoScaleRecv::Opaque(Opaque(n)) => stream.send(vec![Some(n), None]).await?,
            }
            stream.send(5).await?;
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
        let mut stream = ctx.open_stream().await?;
        stream.send("x".to_owned()).await?;
        let received: Option<DoScalePld> = stream.receive().await?;
        match received.clone() {
            Some(DoScalePld::U64(_) | DoScalePld::VecOptionU8(_) | DoScalePld::U8String(_)) => {}
            Some(DoScalePld::Point(_) | DoScalePld::None) | None => {}
        }
        assert_eq!(received, Some(DoScalePld::from(1)));
        ctx.wait_for_result().await
    }).await
}

fn main() {}
