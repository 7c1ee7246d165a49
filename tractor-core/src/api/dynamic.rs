//! Endpoints that are known at run time only: called by name, with arguments of any type.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;

use super::oneway::ReceiveStream;
use super::parent::{ContextTypes, Opening, ParentContext};
use super::portal::Portal;
use super::run::Run;
use super::scope::Scope;
use crate::error::{Error, RuntimeFailure};
use crate::proto::msg::FuncType;
use crate::proto::payload::{self, Payload, PayloadError, PayloadFormat};
use crate::session::{Deadline, Request, in_order};

/// A payload whose type is known only at run time: the type of the crate `rmpv`. A value of a union `A | B` has its
/// wire form: between Rust peers a map of one entry, from the variant's name to the value.
///
/// ```
/// # use tractor_core as tractor;
/// use tractor::Value;
///
/// let point = Value::Map(vec![
///     (Value::from("x"), Value::from(1)),
///     (Value::from("y"), Value::Nil),
/// ]);
/// assert_eq!(point["x"].as_i64(), Some(1));
/// ```
// An alias and no re-export: rustc looks into exported enums, and would then write `std::string::String` in its errors,
// because this enum has a variant `String`.
pub type Value = rmpv::Value;

/// A call of an endpoint by its name: for actors built from other sources, and for the runtime's own methods (`self`).
///
/// Its arguments are of any serde type, including [`Value`], and travel with the names of their fields. The actor
/// checks whether they fit.
///
/// ```
/// # use tractor_core as tractor;
/// # use tractor::{DynCall, Portal, Value};
/// # async fn example(portal: &Portal) -> tractor::Result<()> {
/// let add = DynCall::new("math", "add").arg("a", 1).arg("b", 2);
/// let sum: i64 = portal.run_dyn(add.clone()).await?;
/// assert_eq!(portal.run_dyn::<Value>(add).await?, Value::from(sum));
///
/// let scale: DynCall = "math:scale".parse()?;
/// portal.open_context_dyn(scale.arg("by", 3), async |ctx, first| {
///     let mut stream = ctx.open_stream();
///     stream.send(first).await?;
///     stream.send(Value::from("four")).await?;
///     let scaled = stream.receive().await?;
///     stream.close();
///     Ok::<_, tractor::Error>(scaled)
/// }).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a call does nothing by itself: hand it to `portal.run_dyn(..)` or `portal.open_context_dyn(..)`"]
pub struct DynCall {
    module: String,
    name: String,
    args: Vec<(String, Arc<EncodeArg>)>,
}

/// Appends an argument's value.
type EncodeArg = dyn Fn(PayloadFormat, usize, &mut Vec<u8>) -> Result<(), PayloadError> + Send + Sync;

impl DynCall {
    /// A call of `name` in `module`, without arguments.
    pub fn new(module: impl Into<String>, name: impl Into<String>) -> Self {
        Self { module: module.into(), name: name.into(), args: Vec::new() }
    }

    /// Adds an argument. If two arguments have the same name, or one cannot be encoded, the call is an error and is not
    /// sent.
    pub fn arg<T>(mut self, name: impl Into<String>, value: T) -> Self
    where
        T: Serialize + Send + Sync + 'static,
    {
        let encode =
            move |format, depth_max, out: &mut Vec<u8>| payload::encode_arg(&value, format, depth_max, out);
        self.args.push((name.into(), Arc::new(encode)));
        self
    }

    fn request(&self, kind: FuncType, deadline: Option<Deadline>) -> Request<'_> {
        Request {
            ns: &self.module,
            func: &self.name,
            kind,
            pld_spec: "typing.Any",
            deadline,
            endpoint: None,
            cancels: None,
            caller: None,
            is_positional: || false,
        }
    }

    /// Appends the arguments as a map, which may nest `depth_max` levels deep.
    fn put_args(
        &self,
        format: PayloadFormat,
        depth_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        let count = u32::try_from(self.args.len()).expect("the arguments fit into a frame");
        rmp::encode::write_map_len(out, count).expect("writing to a Vec cannot fail");
        for (position, (name, encode)) in self.args.iter().enumerate() {
            if self.args[..position].iter().any(|(before, _)| before == name) {
                return Err(PayloadError::new(format!("argument `{name}` is given twice")));
            }
            rmp::encode::write_str(out, name).expect("writing to a Vec cannot fail");
            encode(format, depth_max.saturating_sub(1), out)
                .map_err(|problem| PayloadError::new(format!("argument `{name}`: {problem}")))?;
        }
        Ok(())
    }
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

/// `module:name`, which can be parsed again.
impl fmt::Display for DynCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.module, self.name)
    }
}

impl fmt::Debug for DynCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.args.iter().map(|(name, _)| name).collect();
        f.debug_struct("DynCall").field("endpoint", &self.to_string()).field("args", &names).finish()
    }
}

/// The types of a context that is known only at run time: [`Value`] for each.
#[derive(Debug)]
pub enum Dynamic {}

#[diagnostic::do_not_recommend]
impl ContextTypes for Dynamic {
    type Started = Value;
    type Send = Value;
    type Recv = Value;
    type Returns = Value;
}

impl Portal {
    /// Runs a function by its name. Its result is decoded as a `T`: a [`Value`], or the type that it is known to have.
    ///
    /// ```
    /// # use tractor_core::{self as tractor, DynCall, Portal};
    /// # async fn example(portal: &Portal) -> tractor::Result<()> {
    /// let ended: bool = portal.run_dyn(DynCall::new("self", "cancel")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    /// As [`run`](Self::run).
    pub fn run_dyn<T: Payload>(&self, call: DynCall) -> Run<T> {
        Run::new(self.peer.clone(), self.limit, move |peer, deadline, caller| {
            let request = Request { caller: Some(caller), ..call.request(FuncType::AsyncFunc, deadline) };
            peer.request(request, |format, depth_max, out| call.put_args(format, depth_max, out))
        })
    }

    /// Opens a context by its name; otherwise as [`open_context`](Self::open_context).
    ///
    /// # Errors
    /// As [`open_context`](Self::open_context).
    ///
    /// # Cancel safety
    /// As [`open_context`](Self::open_context).
    pub async fn open_context_dyn<T, Err, F>(&self, call: DynCall, body: F) -> Result<T, Err>
    where
        F: AsyncFnOnce(ParentContext<Dynamic>, Value) -> Result<T, Err>,
        Err: From<Error>,
    {
        self.refuse_self()?;
        let request = call.request(FuncType::Context, self.limit.starting_now());
        let session =
            self.peer.request(request, |format, depth_max, out| call.put_args(format, depth_max, out))?;
        Scope(session.clone()).run(Opening::new(session).body(body)).await
    }

    /// Opens a one-way stream by its name; otherwise as [`open_stream_from`](Self::open_stream_from).
    ///
    /// ```
    /// # use tractor_core::{self as tractor, DynCall, Portal};
    /// # async fn example(portal: &Portal) -> tractor::Result<()> {
    /// let ticks = DynCall::new("feed", "ticks");
    /// let first = portal.open_stream_from_dyn(ticks, async |mut ticks| {
    ///     ticks.receive().await
    /// }).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`open_stream_from`](Self::open_stream_from).
    ///
    /// # Cancel safety
    /// As [`open_stream_from`](Self::open_stream_from).
    pub async fn open_stream_from_dyn<T, Err, F>(&self, call: DynCall, body: F) -> Result<T, Err>
    where
        F: AsyncFnOnce(ReceiveStream<Value>) -> Result<T, Err>,
        Err: From<Error>,
    {
        let request = call.request(FuncType::AsyncGen, self.limit.starting_now());
        let asked =
            self.peer.request(request, |format, depth_max, out| call.put_args(format, depth_max, out));
        in_order(asked.map(Scope)).await?.receiving(body).await
    }
}
