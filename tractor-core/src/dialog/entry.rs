//! From a typed endpoint to the untyped entry under which it is registered.

use std::sync::Arc;

use super::child::{Context, Rules};
use super::endpoint::{ContextBody, Endpoint, FnBody, StreamBody};
use super::oneway::StreamSender;
use super::rule::{Rule, check_sent};
use super::schema::{schema_of_context, schema_of_func, schema_of_stream};
use crate::actor::{EndpointEntry, EndpointFuture, Invocation, Linked};
use crate::error::EndpointError;
use crate::proto::args::{ArgTuple, ArgsError};
use crate::proto::msg::FuncType;
use crate::proto::payload::Payload;

impl EndpointEntry {
    #[doc(hidden)]
    pub const fn func<E: FnBody>() -> Self {
        Self {
            module: E::MODULE,
            name: E::NAME,
            kind: FuncType::AsyncFunc,
            schema: schema_of_func::<E>,
            invoke: invoke_func::<E>,
        }
    }

    #[doc(hidden)]
    pub const fn context<E: ContextBody>() -> Self {
        Self {
            module: E::MODULE,
            name: E::NAME,
            kind: FuncType::Context,
            schema: schema_of_context::<E>,
            invoke: invoke_context::<E>,
        }
    }

    #[doc(hidden)]
    pub const fn stream<E: StreamBody>() -> Self {
        Self {
            module: E::MODULE,
            name: E::NAME,
            kind: FuncType::AsyncGen,
            schema: schema_of_stream::<E>,
            invoke: invoke_stream::<E>,
        }
    }
}

fn bind<E: Endpoint>(invocation: &Invocation) -> Result<(Arc<Linked>, E::Args), ArgsError> {
    let peer = &invocation.linked.peer;
    let depth_max = peer.channel.limits().nesting_depth_max;
    let args = E::Args::decode(E::ARGS, E::default_arg, peer.format(), depth_max, &invocation.kwargs)?;
    Ok((invocation.linked.clone(), args))
}

fn invoke_func<E: FnBody>(invocation: &Invocation) -> Result<EndpointFuture, ArgsError> {
    let (linked, args) = bind::<E>(invocation)?;
    Ok(Box::pin(async move {
        let output = E::run(args).await;
        conclude(&linked, E::RETURNS_RULE, E::outcome(output)).await;
    }))
}

fn invoke_context<E: ContextBody>(invocation: &Invocation) -> Result<EndpointFuture, ArgsError> {
    let (linked, args) = bind::<E>(invocation)?;
    let rules = Rules { started: E::STARTED_RULE, recv: E::RECV_RULE };
    Ok(Box::pin(async move {
        let output = E::run(Context::new(linked.clone(), rules), args).await;
        conclude(&linked, E::RETURNS_RULE, E::outcome(output)).await;
    }))
}

fn invoke_stream<E: StreamBody>(invocation: &Invocation) -> Result<EndpointFuture, ArgsError> {
    let (linked, args) = bind::<E>(invocation)?;
    Ok(Box::pin(async move {
        let output = E::run(StreamSender::new(linked.clone()), args).await;
        conclude(&linked, None, E::outcome(output)).await;
    }))
}

/// Concludes the dialog. A value waits for room on the connection and may be cancelled meanwhile; a failure is told at
/// once, so that no cancellation takes its place.
async fn conclude<T: Payload>(linked: &Linked, rule: Option<Rule<T>>, outcome: Result<T, EndpointError>) {
    let outcome = outcome.and_then(|value| {
        let checked = check_sent(linked, "Return", rule, &value);
        checked.map_or_else(|error| Err(EndpointError::new(error)), |()| Ok(value))
    });
    if outcome.is_ok() {
        linked.peer.channel.wait_room().await;
    }
    linked.finish(outcome);
}
