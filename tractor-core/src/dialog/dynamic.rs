//! Endpoints that are known at run time only: by name, with values of any type, checked against specs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;

use super::deadline::{Inside, in_time};
use super::named::AllowsIn;
use super::parent::{ContextTypes, ParentContext};
use super::portal::Portal;
use super::run::Run;
use super::scope::Scope;
use crate::actor::{Deadline, PldSpecs, Request};
use crate::error::{Error, RuntimeFailure};
use crate::proto::msg::FuncType;
use crate::proto::payload::{self, PayloadError, PayloadFormat};
use crate::proto::spec::PldSpec;
use crate::proto::value::Value;

/// A call of an endpoint by its name, with values whose types are known at run time only.
///
/// ```
/// # use tractor_core as tractor;
/// # use tractor::{DynCall, PldSpec, Portal, Value};
/// # async fn example(portal: &Portal) -> tractor::Result<()> {
/// let add = DynCall::new("math", "add").arg("a", 1).arg("b", 2).returns(PldSpec::Int);
/// assert_eq!(portal.run_dyn(add).await?, Value::Int(3));
///
/// let scale: DynCall = "math:scale".parse()?;
/// portal.open_context_dyn(scale.arg("by", 3).pld_spec(PldSpec::Int), async |ctx, first| {
///     let mut stream = ctx.open_stream().await?;
///     stream.send(first).await?;
///     stream.send(4).await?;
///     let scaled = stream.receive().await?;
///     stream.close().await?;
///     Ok::<_, tractor::Error>(scaled)
/// }).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a call does nothing by itself: hand it to `portal.run_dyn(..)` or `portal.open_context_dyn(..)`"]
pub struct DynCall {
    module: String,
    name: String,
    args: Vec<(String, Value)>,
    specs: Specs,
}

/// What the endpoint may send and be sent, as it sees it.
#[derive(Debug, Clone)]
struct Specs {
    started: PldSpec,
    send: PldSpec,
    recv: PldSpec,
    returns: PldSpec,
}

impl DynCall {
    /// A call of `name` in `module`, without arguments. Every payload is allowed.
    pub fn new(module: impl Into<String>, name: impl Into<String>) -> Self {
        let any = PldSpec::Any;
        let specs = Specs { started: any.clone(), send: any.clone(), recv: any.clone(), returns: any };
        Self { module: module.into(), name: name.into(), args: Vec::new(), specs }
    }

    /// Adds an argument, in the place of one with the same name. For other types see [`Value::of`].
    pub fn arg(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let (name, value) = (name.into(), value.into());
        match self.args.iter_mut().find(|(known, _)| *known == name) {
            Some((_, before)) => *before = value,
            None => self.args.push((name, value)),
        }
        self
    }

    /// What every payload may be, in both directions.
    pub fn pld_spec(self, spec: PldSpec) -> Self {
        self.started(spec.clone()).send(spec.clone()).recv(spec.clone()).returns(spec)
    }

    /// What the first value may be.
    pub fn started(mut self, spec: PldSpec) -> Self {
        self.specs.started = spec;
        self
    }

    /// What the endpoint may stream.
    pub fn send(mut self, spec: PldSpec) -> Self {
        self.specs.send = spec;
        self
    }

    /// What may be streamed to the endpoint; checked before it is sent.
    pub fn recv(mut self, spec: PldSpec) -> Self {
        self.specs.recv = spec;
        self
    }

    /// What the final value may be.
    pub fn returns(mut self, spec: PldSpec) -> Self {
        self.specs.returns = spec;
        self
    }

    fn request(&self, kind: FuncType, deadline: Option<Deadline>) -> Request<'_> {
        // Its types are not known here, hence no fingerprint: the values are checked one by one.
        Request { ns: &self.module, func: &self.name, kind, pld_spec: "typing.Any", deadline, types: None }
    }

    /// As the side that calls sees them.
    fn seen_by_caller(&self) -> Arc<PldSpecs> {
        let Specs { started, send, recv, returns } = self.specs.clone();
        Arc::new(PldSpecs { started, sent: recv, received: send, returned: returns })
    }
}

/// Appends the arguments as a map.
fn put_args(args: &[(String, Value)], out: &mut Vec<u8>) -> Result<(), PayloadError> {
    struct Args<'a>(&'a [(String, Value)]);
    impl Serialize for Args<'_> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
        }
    }
    payload::encode(&Args(args), PayloadFormat::Named, out)
}

/// `module.path:name` or `module::path:name`.
impl FromStr for DynCall {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.rsplit_once(':') {
            Some((module, name)) if !module.is_empty() && !module.ends_with(':') && !name.is_empty() => {
                Ok(Self::new(module, name))
            }
            _ => {
                let text = format!("`{text}` names no endpoint: write `module::path:name`");
                Err(RuntimeFailure::new(text).into())
            }
        }
    }
}

/// `module:name`, as it is parsed.
impl fmt::Display for DynCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.module, self.name)
    }
}

/// The types of a context that is known at run time only: a [`Value`] each.
#[derive(Debug)]
pub enum Dynamic {}

#[diagnostic::do_not_recommend]
impl ContextTypes for Dynamic {
    type Started = Value;
    type Send = Value;
    type Recv = Value;
    type Returns = Value;
}

/// What stands for a [`Value`] among the arguments of a [`DynCall`] does so on the stream of its context.
macro_rules! stand_for_values {
    ($($ty:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl AllowsIn<$ty, Dynamic> for Value {
            type Held = Self;

            fn hold(value: $ty) -> Self {
                value.into()
            }
        }
    )*};
}

stand_for_values!((), bool, i64, i32, f64, &str, String, Vec<Value>);

impl Portal {
    /// Runs a function by its name. The value that comes back is checked against [`DynCall::returns`].
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    /// As [`run`](Self::run).
    pub fn run_dyn(&self, call: DynCall) -> Run<Value> {
        Run::new(self.peer.clone(), self.limit, None, move |peer, deadline, again| {
            let request = call.request(FuncType::AsyncFunc, deadline);
            let sent = peer.request(request, again, |_, out| put_args(&call.args, out))?;
            sent.linked.plds.narrow(call.seen_by_caller());
            Ok(sent)
        })
    }

    /// Opens a context by its name; otherwise as [`open_context`](Self::open_context).
    ///
    /// What the compiler checks elsewhere is checked while the context runs, on this side: what the endpoint sends when it is
    /// received, and what the body sends before it leaves.
    ///
    /// # Errors
    /// As [`open_context`](Self::open_context); [`Error::MsgType`] for a payload that the specs of the call do not allow.
    ///
    /// # Cancel safety
    /// As [`open_context`](Self::open_context).
    pub async fn open_context_dyn<T, Err, F>(&self, call: DynCall, body: F) -> Result<T, Err>
    where
        F: AsyncFnOnce(&mut ParentContext<Dynamic>, Value) -> Result<T, Err>,
        Err: From<Error>,
    {
        self.refuse_self()?;
        let request = call.request(FuncType::Context, self.limit.starting_now());
        let linked = self.peer.start(request, |_, out| put_args(&call.args, out))?;
        linked.plds.narrow(call.seen_by_caller());
        linked.plds.be_strict();
        let scope = Scope(linked.clone());
        in_time(&linked, async {
            match scope.first().await {
                Ok(first) => scope.run::<Dynamic, _, _, _>(&first, body).await,
                Err(error) => Inside::Failed(error.into()),
            }
        })
        .await
    }
}
