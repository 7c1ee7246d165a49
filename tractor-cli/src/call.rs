//! `tractor call`: runs an endpoint.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tractor_core::{DynCall, Error, Portal, Value};

use crate::exit::{Failure, Kind};
use crate::json::{to_json, to_value};
use crate::options::{Asking, any_json, endpoint, object, print, seconds};
use crate::reach::{Library, meet, read_registry};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Name of the actor, its uuid, or NAME.UUID.
    name: String,
    /// The endpoint: `module::path:function`.
    #[arg(value_parser = endpoint)]
    endpoint: DynCall,
    /// Its arguments by name, as in '{"a": 1}'.
    #[arg(default_value = "{}", value_name = "JSON", value_parser = object)]
    args: Json,
    /// The endpoint is a one-way stream: prints its values.
    #[arg(long, conflicts_with = "context")]
    stream: bool,
    /// The endpoint is a context: prints its first value, its streamed values, and its result.
    #[arg(long)]
    context: bool,
    /// A value to stream to a context; may be repeated. The stream is closed after the last one. For an actor of the
    /// Python library this ends both directions.
    #[arg(long, value_name = "JSON", requires = "context", value_parser = any_json)]
    send: Vec<Json>,
    /// Ends the call after this many seconds.
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    deadline: Option<Duration>,
}

pub(crate) async fn run(asking: &Asking, options: Options) -> Result<(), Failure> {
    let Options { name, endpoint, args, stream, context, send, deadline } = options;
    let registry = read_registry(&asking.registry).await?;
    let row = registry.find(&name)?;
    let fields = args.as_object().into_iter().flatten();
    let call = fields.fold(endpoint, |call, (name, value)| call.arg(name, to_value(value)));
    let said = |what: &str, value: &Value| {
        let value = to_json(value);
        print(&if asking.json { json!({ what: value }).to_string() } else { value.to_string() });
    };
    meet(row, async |portal| {
        let portal = &deadline.map_or_else(|| portal.clone(), |limit| portal.deadline(limit));
        let done = if stream {
            let received = portal.open_stream_from_dyn(call.clone(), async |mut stream| {
                while let Some(value) = stream.receive().await? {
                    said("value", &value);
                }
                Ok::<_, Error>(())
            });
            received.await
        } else if context {
            talk(portal, call.clone(), &send, &said).await.map(|result| said("result", &result))
        } else {
            portal.run_dyn::<Value>(call.clone()).await.map(|result| said("result", &result))
        };
        done.map_err(|error| explained(error, stream, context))
    })
    .await
}

/// Runs a context from its first value to its result.
async fn talk(
    portal: &Portal,
    call: DynCall,
    send: &[Json],
    said: &impl Fn(&str, &Value),
) -> Result<Value, Error> {
    // For an actor of the base protocol the end of one direction is the end of both.
    let closes = !send.is_empty() || Library::of(portal.aid()) == Library::Rust;
    portal
        .open_context_dyn(call, async |ctx, first| {
            said("started", &first);
            let mut stream = ctx.open_stream();
            let (tx, mut rx) = stream.split();
            let sending = async {
                for value in send {
                    tx.send(to_value(value)).await?;
                }
                if closes {
                    tx.finish();
                }
                Ok::<_, Error>(())
            };
            let receiving = async {
                while let Some(value) = rx.receive().await? {
                    said("value", &value);
                }
                Ok::<_, Error>(())
            };
            futures_util::future::try_join(sending, receiving).await?;
            stream.wait_for_result().await
        })
        .await
}

/// Adds to a failure the kind of endpoint for which the command was run. A request does not tell the kind, so the user
/// must know it.
fn explained(error: Error, stream: bool, context: bool) -> Failure {
    let kind = match (stream, context) {
        (false, false) => "a function; for other endpoints use `--stream` or `--context`",
        (true, _) => "a one-way stream, because of `--stream`",
        (_, true) => "a context, because of `--context`",
    };
    let is_of_another_kind = matches!(error, Error::Messaging(_));
    let mut failure = Failure::from(error);
    if is_of_another_kind {
        failure.kind = Kind::Failed;
        failure.text = format!("{}: it was called as {kind}", failure.text);
    }
    failure
}
