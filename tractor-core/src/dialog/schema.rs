//! The schemas of the endpoints of this program, each found once.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use super::endpoint::{ContextEndpoint, Endpoint, StreamEndpoint};
use super::expose::EndpointRef;
use crate::actor::Types;
use crate::proto::args::ArgTuple;
use crate::proto::msg::FuncType;
use crate::proto::payload::Payload;
use crate::proto::schema::{Part, Schema};

/// What the types of an annotated function look like on the wire: what a caller built from other sources has to fit.
///
/// The schema prints itself; its [`fingerprint`](Schema::fingerprint) is the same in every program with the same types. See
/// [`schema`](crate::proto::schema) for the rules by which two versions fit.
///
/// ```
/// # use tractor_core as tractor;
/// # fn example<M, E: tractor::__private::EndpointRef<M>>(add: E) {
/// // #[tractor::actor_fn]
/// // async fn add(a: i64, b: i64) -> i64 { a + b }
/// println!("{}", tractor::schema_of(add).fingerprint());
/// # }
/// ```
pub fn schema_of<M, E: EndpointRef<M>>(_endpoint: E) -> &'static Schema {
    E::schema()
}

pub(super) fn schema_of_func<E: Endpoint>() -> &'static Schema {
    known::<E>(|| {
        Schema::new(
            FuncType::AsyncFunc,
            E::Args::shape(E::ARGS, E::default_arg),
            vec![(Part::Returns, E::Returns::shape())],
        )
    })
}

pub(super) fn schema_of_stream<E: StreamEndpoint>() -> &'static Schema {
    known::<E>(|| {
        Schema::new(
            FuncType::AsyncGen,
            E::Args::shape(E::ARGS, E::default_arg),
            vec![(Part::Sends, E::Item::shape())],
        )
    })
}

pub(super) fn schema_of_context<E: ContextEndpoint>() -> &'static Schema {
    known::<E>(|| {
        let parts = vec![
            (Part::Started, E::Started::shape()),
            (Part::Sends, E::Send::shape()),
            (Part::Receives, E::Recv::shape()),
            (Part::Returns, E::Returns::shape()),
        ];
        Schema::new(FuncType::Context, E::Args::shape(E::ARGS, E::default_arg), parts)
    })
}

/// For a request: which types it has, and how to find their schema if that is needed.
pub(super) fn types_of<E: Endpoint>(schema: fn() -> &'static Schema) -> Option<Types> {
    Some(Types { endpoint: TypeId::of::<E>(), schema })
}

/// A memo, not state: one entry per endpoint type of the program, and every computation gives the same.
fn known<E: Endpoint>(find: impl FnOnce() -> Schema) -> &'static Schema {
    static KNOWN: LazyLock<RwLock<HashMap<TypeId, &'static Schema>>> = LazyLock::new(RwLock::default);
    let id = TypeId::of::<E>();
    if let Some(schema) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return schema;
    }
    // Runs user code, hence without the lock.
    let schema = find();
    KNOWN
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(id)
        .or_insert_with(|| Box::leak(Box::new(schema)))
}
