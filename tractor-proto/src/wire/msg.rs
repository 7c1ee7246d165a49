//! The closed set of messages.
//!
//! Ten messages make up the base protocol. Three more ([`Msg::Credit`], [`Msg::Ready`], [`Msg::Auth`]) go only to a
//! peer that announced the matching extension in its [`Aid`].
//!
//! Payloads (`pld`) and call arguments (`kwargs`) stay raw: the task that consumes them decodes them.

use std::time::Duration;

use bytes::Bytes;

use super::addr::Addr;
use super::id::{Aid, Cid, Image, Secret, Uid};
use super::limits::{Limits, Timeouts};
use super::trace::TraceContext;

/// One message, as framed on the wire.
#[derive(Debug, Clone, PartialEq)]
pub enum Msg {
    /// Identity; the first frame in each direction.
    Aid(Aid),
    /// Boot data from parent to child; the second frame on the parent channel.
    SpawnSpec(Box<SpawnSpec>),
    /// Asks the peer to run an endpoint.
    Start(Box<Start>),
    /// The peer accepted a [`Start`].
    StartAck {
        /// Dialog.
        cid: Cid,
        /// The kind of endpoint that it runs.
        functype: FuncType,
    },
    /// First value of a context's child side.
    Started {
        /// Dialog.
        cid: Cid,
        /// The value.
        pld: Bytes,
    },
    /// One streamed value, either direction.
    Yield {
        /// Dialog.
        cid: Cid,
        /// The value.
        pld: Bytes,
    },
    /// End of the sender's half of the stream.
    Stop {
        /// Dialog.
        cid: Cid,
    },
    /// Final value of the child side.
    Return {
        /// Dialog.
        cid: Cid,
        /// The value.
        pld: Bytes,
    },
    /// Answer to a cancel request, in place of a `Return`.
    CancelAck {
        /// Dialog.
        cid: Cid,
        /// The value, a bool.
        pld: Bytes,
    },
    /// A failure, boxed.
    Error(Box<ErrorMsg>),
    /// Room for `bytes` more bytes of stream messages. Extension `credit`.
    Credit {
        /// Dialog.
        cid: Cid,
        /// Bytes granted on top of earlier grants. Zero says that the receiver reads no more of the stream.
        bytes: u32,
    },
    /// The child has booted. Extension `ready`.
    Ready {
        /// The program image that the child runs; it learns this only after the handshake. Written only when present.
        image: Option<Image>,
    },
    /// Proof of the tree's secret: the keyed hash of the challenge. Extension `auth`.
    Auth {
        /// The proof.
        proof: [u8; 32],
    },
}

impl Msg {
    /// The message's name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Aid(_) => "Aid",
            Self::SpawnSpec(_) => "SpawnSpec",
            Self::Start(_) => "Start",
            Self::StartAck { .. } => "StartAck",
            Self::Started { .. } => "Started",
            Self::Yield { .. } => "Yield",
            Self::Stop { .. } => "Stop",
            Self::Return { .. } => "Return",
            Self::CancelAck { .. } => "CancelAck",
            Self::Error(_) => "Error",
            Self::Credit { .. } => "Credit",
            Self::Ready { .. } => "Ready",
            Self::Auth { .. } => "Auth",
        }
    }

    /// The dialog the message belongs to, if any.
    pub fn cid(&self) -> Option<Cid> {
        match self {
            Self::Start(start) => Some(start.cid),
            Self::StartAck { cid, .. }
            | Self::Started { cid, .. }
            | Self::Yield { cid, .. }
            | Self::Stop { cid }
            | Self::Return { cid, .. }
            | Self::CancelAck { cid, .. }
            | Self::Credit { cid, .. } => Some(*cid),
            Self::Error(error) => error.cid,
            Self::Aid(_) | Self::SpawnSpec(_) | Self::Ready { .. } | Self::Auth { .. } => None,
        }
    }
}

/// Kinds of endpoint, by their wire names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FuncType {
    /// `asyncfunc`: one value back.
    AsyncFunc,
    /// `asyncgen`: a one-way stream of values back.
    AsyncGen,
    /// `context`: a linked pair of tasks.
    Context,
}

impl FuncType {
    /// The kind's name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsyncFunc => "asyncfunc",
            Self::AsyncGen => "asyncgen",
            Self::Context => "context",
        }
    }

    /// The kind with this wire name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::AsyncFunc, Self::AsyncGen, Self::Context].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A request to run the endpoint `ns`:`func` with named arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// Dialog; fresh for every request.
    pub cid: Cid,
    /// Module path, or `self` for the runtime's own methods.
    pub ns: String,
    /// Function name.
    pub func: String,
    /// One MessagePack map from argument name to value.
    pub kwargs: Bytes,
    /// The requesting actor; must equal the identity of the handshake.
    pub uid: Uid,
    /// Name of the payload contract, for readers of logs.
    pub pld_spec: String,
    /// Whether structs in its arguments, and in all payloads of its dialog, are arrays; only between actors of one
    /// image. Written only when true; extension `positional`.
    pub positional: bool,
    /// Time that the caller has left, in whole microseconds. Written only when present. Extension `deadline`.
    pub remaining: Option<Duration>,
    /// The trace that the request belongs to. Written only when present; a malformed trace is dropped. Extension
    /// `trace`.
    pub trace: Option<TraceContext>,
}

/// Boot data that a parent sends its child once.
#[derive(Debug, Clone, PartialEq)]
pub struct SpawnSpec {
    /// How to re-run the parent's main module; used by the Python reference only.
    pub parent_main_data: Vec<(String, String)>,
    /// Settings of the whole process tree.
    pub runtime_vars: RuntimeVars,
    /// Allow-list: module path to file path on the parent's disk.
    pub enable_modules: Vec<(String, String)>,
    /// Registrars to register with.
    pub reg_addrs: Vec<Addr>,
    /// Where the child must listen; with `None` the child chooses.
    pub bind_addrs: Option<Vec<Addr>>,
    /// Allow-list of single endpoints (module path, name). Written only when not empty.
    pub enable_endpoints: Vec<(String, String)>,
    /// The tree's secret. Written only when present.
    pub secret: Option<Secret>,
    /// The program image of the parent, for the child to take over if it runs the same executable. Written only when
    /// present.
    pub image: Option<ParentImage>,
    /// The parent's limits, for the child to take over. Only values that differ from their defaults are written.
    pub limits: Limits,
    /// The parent's timeouts, for the child to take over. Only values that differ from their defaults are written.
    pub timeouts: Timeouts,
    /// Whether peers of other trees that speak only the base protocol may connect over TCP. Written only when true.
    pub allow_unauthenticated_peers: bool,
}

/// The program image of an actor that starts others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParentImage {
    /// The id of the image.
    pub image: Image,
    /// Device and inode of its executable, in big-endian bytes.
    pub executable: [u8; 16],
}

/// Settings of the process tree, copied from parent to child.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuntimeVars {
    /// Whether the receiver is the root; false in every child.
    pub is_root: bool,
    /// First address of the root, if it listens.
    pub root_mailbox: Option<Addr>,
    /// All addresses of the root.
    pub root_addrs: Vec<Addr>,
    /// Names of the enabled transports.
    pub enable_tpts: Vec<String>,
    /// Configured registrars.
    pub registry_addrs: Vec<Addr>,
    /// Whether crashes open a debugger.
    pub debug_mode: bool,
    /// Python: a fixture runs around the debugger.
    pub repl_fixture: bool,
    /// Python: pausing from synchronous code is available.
    pub use_greenback: bool,
    /// Task dump on a signal is enabled.
    pub use_stackscope: bool,
    /// Python: the child runs two event loops.
    pub is_infected_aio: bool,
}

/// A boxed failure.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorMsg {
    /// Actor where the error first happened.
    pub src_uid: Uid,
    /// Type name of the original error.
    pub src_type_str: String,
    /// Type name as boxed by the last hop.
    pub boxed_type_str: String,
    /// Every actor that packed this error, oldest first.
    pub relay_path: Vec<Uid>,
    /// Short text.
    pub message: Option<String>,
    /// Rendered trace of the last hop.
    pub tb_str: String,
    /// The actor that asked for the cancellation; only for `ContextCancelled`.
    pub canceller: Option<Uid>,
    /// The actor that sent too fast; only for `StreamOverrun`.
    pub sender: Option<Uid>,
    /// Dialog; `None` means that the sender's runtime failed.
    pub cid: Option<Cid>,
    /// The offending message, one MessagePack value; only for `MsgTypeError`.
    pub bad_msg: Option<Bytes>,
    /// The offending message's map form when it did not decode; only for `MsgTypeError`.
    pub bad_msg_as_dict: Option<Bytes>,
    /// Texts of the error's sources, outermost first. Written only when not empty.
    pub causes: Vec<String>,
    /// The failure as a value. Written only when present; extension `error_values`.
    pub value: Option<ErrorValue>,
}

/// The value of a failure, for a reader that knows its type.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorValue {
    /// Path of its type.
    pub type_name: String,
    /// The value, one MessagePack value in which structs are maps.
    pub value: Bytes,
}

impl ErrorMsg {
    /// A failure that first happened in `src_uid`, not tied to a dialog yet.
    pub fn new(src_uid: Uid, type_name: impl Into<String>, message: impl Into<String>) -> Self {
        let type_name = type_name.into();
        Self {
            relay_path: vec![src_uid.clone()],
            src_uid,
            src_type_str: type_name.clone(),
            boxed_type_str: type_name,
            message: Some(message.into()),
            tb_str: String::new(),
            canceller: None,
            sender: None,
            cid: None,
            bad_msg: None,
            bad_msg_as_dict: None,
            causes: Vec::new(),
            value: None,
        }
    }
}
