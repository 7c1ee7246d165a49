//! From a typed endpoint to the untyped entry under which it is registered.

use std::any::TypeId;
use std::future::poll_fn;

use super::child::Context;
use super::endpoint::{ContextEndpoint, ContextOf, Endpoint, EndpointBody, FnEndpoint, StreamEndpoint};
use super::oneway::StreamSender;
use crate::actor::{EndpointEntry, EndpointFuture, Invocation, in_task};
use crate::error;
use crate::proto::args::{ArgTuple, ArgsError};
use crate::proto::msg::FuncType;
use crate::proto::payload::Payload;
use crate::session::{Opener, SessionEnd};

impl EndpointEntry {
    #[doc(hidden)]
    pub const fn func<E: FnEndpoint + EndpointBody<Lead = ()>>() -> Self {
        Self {
            module: E::MODULE,
            name: E::NAME,
            path: std::any::type_name::<E>,
            kind: FuncType::AsyncFunc,
            endpoint: TypeId::of::<E>,
            types_are_positional: || E::Args::is_positional() && E::Returns::is_positional(),
            invoke: invoke_func::<E>,
        }
    }

    #[doc(hidden)]
    pub const fn context<E: ContextEndpoint + EndpointBody<Lead = ContextOf<E>>>() -> Self {
        Self {
            module: E::MODULE,
            name: E::NAME,
            path: std::any::type_name::<E>,
            kind: FuncType::Context,
            endpoint: TypeId::of::<E>,
            types_are_positional: context_is_positional::<E>,
            invoke: invoke_context::<E>,
        }
    }

    #[doc(hidden)]
    pub const fn stream<E: StreamEndpoint + EndpointBody<Lead = StreamSender<E::Item>>>() -> Self {
        Self {
            module: E::MODULE,
            name: E::NAME,
            path: std::any::type_name::<E>,
            kind: FuncType::AsyncGen,
            endpoint: TypeId::of::<E>,
            types_are_positional: || E::Args::is_positional() && E::Item::is_positional(),
            invoke: invoke_stream::<E>,
        }
    }
}

fn context_is_positional<E: ContextEndpoint>() -> bool {
    E::Args::is_positional()
        && E::Started::is_positional()
        && E::Send::is_positional()
        && E::Recv::is_positional()
        && E::Returns::is_positional()
}

fn bind<E: Endpoint>(invocation: &Invocation<'_>) -> Result<E::Args, ArgsError> {
    let Invocation { session, kwargs, .. } = invocation;
    let depth_max = session.peer.channel.limits().nesting_depth_max;
    E::Args::decode(E::ARGS, E::default_arg, session.format, depth_max, kwargs)
}

fn invoke_func<E: EndpointBody<Lead = ()>>(invocation: Invocation<'_>) -> Result<EndpointFuture, ArgsError> {
    let args = bind::<E>(&invocation)?;
    Ok(body::<E>(invocation, (), args))
}

fn invoke_context<E>(invocation: Invocation<'_>) -> Result<EndpointFuture, ArgsError>
where
    E: ContextEndpoint + EndpointBody<Lead = ContextOf<E>>,
{
    let args = bind::<E>(&invocation)?;
    let session = &invocation.session;
    if E::STRICT {
        session.be_strict();
    }
    let ctx = Context::new(Opener::new(session.clone()));
    Ok(body::<E>(invocation, ctx, args))
}

fn invoke_stream<E>(invocation: Invocation<'_>) -> Result<EndpointFuture, ArgsError>
where
    E: StreamEndpoint + EndpointBody<Lead = StreamSender<E::Item>>,
{
    let args = bind::<E>(&invocation)?;
    let session = &invocation.session;
    if E::STRICT {
        session.be_strict();
    }
    let out = StreamSender::new(session.clone());
    Ok(body::<E>(invocation, out, args))
}

/// Runs the function and sends its value, after the scopes that it left behind have ended and once there is room on the
/// connection. A cancellation may come before that. A failure is final: no cancellation takes its place.
fn body<E: EndpointBody>(invocation: Invocation<'_>, lead: E::Lead, args: E::Args) -> EndpointFuture {
    let Invocation { actor, session, .. } = invocation;
    Box::pin(in_task(actor, session.clone(), async move {
        let output = E::run(lead, args).await;
        match E::outcome(output) {
            Ok(value) => {
                poll_fn(|cx| session.poll_down(cx)).await;
                finish(&session, value).await;
                Ok(())
            }
            Err(error) => Err(Box::new(error::pack(&session.peer.us, &error))),
        }
    }))
}

/// Sends a result; it waits for room on the connection and may be cancelled meanwhile.
async fn finish<T: Payload>(session: &SessionEnd, value: T) {
    let channel = &session.peer.channel;
    if channel.is_full()
        && let Some(unsent) = session.encode_result(&value)
    {
        drop(value);
        channel.wait_room().await;
        return session.finish_encoded(unsent);
    }
    session.finish(&value);
}
