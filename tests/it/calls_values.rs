//! Calls: generated values of many serde types come back unchanged from a real endpoint.
//!
//! The tests of the encoding have all types and both formats. These tests show that the way to an endpoint and back
//! does not change the values.

#[path = "../../tractor-proto/tests/proto/payload_types/mod.rs"]
mod payload_types;

use payload_types as some;
use payload_types::{Deep, Flattened, Internal, Keyed, Nested, Renamed, Sparse, SparseVariant, Wide};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use support::{with_local, with_process};
use tractor::Portal;
use tractor::prelude::*;

/// Values of each type.
const CALLS: usize = 20;

macro_rules! echoes {
    ($($name:ident: $ty:ty;)*) => {
        $(
            #[tractor::actor_fn]
            async fn $name(value: $ty) -> $ty {
                value
            }
        )*

        async fn check_calls(portal: &Portal) -> tractor::Result<()> {
            // The same values in each run.
            let mut runner = TestRunner::deterministic();
            $(for _ in 0..CALLS {
                let value = some::$name().new_tree(&mut runner).expect("the strategies refuse little").current();
                assert_eq!(portal.run($name(value.clone())).await?, value);
            })*
            Ok(())
        }
    };
}

echoes! {
    nested: Nested;
    renamed: Renamed;
    wide: Wide;
    keyed: Keyed;
    internal: Internal;
    flattened: Flattened;
    sparse: Sparse;
    sparse_variant: SparseVariant;
    deep: Deep;
}

/// The values of a context take other paths than those of a call.
#[tractor::context(pld_spec = Sparse)]
async fn streams(ctx: Context<Sparse>, first: Sparse) -> tractor::Result<Sparse> {
    let ctx = ctx.started(first.clone()).await?;
    let mut stream = ctx.open_stream();
    let mut last = first;
    while let Some(value) = stream.receive().await? {
        stream.send(value.clone()).await?;
        last = value;
    }
    Ok(last)
}

async fn check_streams(portal: &Portal) -> tractor::Result<()> {
    let mut runner = TestRunner::deterministic();
    let mut next = || some::sparse().new_tree(&mut runner).expect("the strategies refuse little").current();
    let given = next();
    portal
        .open_context(streams(given.clone()), async |ctx, first| {
            assert_eq!(first, given);
            let handle = ctx.handle();
            let mut stream = ctx.open_stream();
            let mut last = given;
            for _ in 0..CALLS {
                last = next();
                stream.send(last.clone()).await?;
                assert_eq!(stream.receive().await?, Some(last.clone()));
            }
            stream.close();
            assert_eq!(handle.wait_for_result().await?, last);
            Ok(())
        })
        .await
}

#[tractor::test]
async fn generated_values_travel_through_memory() -> tractor::Result<()> {
    with_local(module_path!(), async |portal| {
        check_calls(portal).await?;
        check_streams(portal).await
    })
    .await
}

#[tractor::test]
async fn generated_values_travel_between_processes() -> tractor::Result<()> {
    with_process(module_path!(), async |portal| {
        check_calls(portal).await?;
        check_streams(portal).await
    })
    .await
}
