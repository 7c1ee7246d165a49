//! The fast path for the most frequent messages: a constant head is copied at once, and the payload follows it.

use std::fmt;
use std::time::Duration;

use super::encode::{put_cid, put_key, put_msg_head, put_positional, put_text, put_uid, put_uint, put_value};
use super::key::Key;
use crate::id::{Cid, Uid};
use crate::limits::CID_BYTES_MAX;
use crate::msg::FuncType;
use crate::trace::TraceContext;

/// Messages that consist of a dialog id and a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PldKind {
    /// First value of a context's child side.
    Started,
    /// One streamed value.
    Yield,
    /// Final value of the child side.
    Return,
    /// Answer to a cancel request.
    CancelAck,
}

impl PldKind {
    /// The message's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::Yield => "Yield",
            Self::Return => "Return",
            Self::CancelAck => "CancelAck",
        }
    }

    /// The message up to and including the key `cid`.
    const fn head(self) -> &'static [u8] {
        match self {
            Self::Started => b"\x83\xa8msg_type\xa7Started\xa3cid",
            Self::Yield => b"\x83\xa8msg_type\xa5Yield\xa3cid",
            Self::Return => b"\x83\xa8msg_type\xa6Return\xa3cid",
            Self::CancelAck => b"\x83\xa8msg_type\xa9CancelAck\xa3cid",
        }
    }
}

/// The key `pld` as it follows the dialog id.
const PLD_KEY: &[u8] = b"\xa3pld";
const YIELD_HEAD_BYTES_MAX: usize = PldKind::Yield.head().len() + 2 + CID_BYTES_MAX + PLD_KEY.len();

/// The constant head of one dialog's `Yield` messages: a message is this head and one MessagePack value.
#[derive(Clone)]
pub struct YieldHead {
    len: usize,
    bytes: [u8; YIELD_HEAD_BYTES_MAX],
}

impl YieldHead {
    /// The head for the dialog `cid`.
    pub fn new(cid: &Cid) -> Self {
        let mut head = Vec::with_capacity(YIELD_HEAD_BYTES_MAX);
        begin_pld(PldKind::Yield, cid, &mut head);
        let mut bytes = [0; YIELD_HEAD_BYTES_MAX];
        bytes[..head.len()].copy_from_slice(&head);
        Self { len: head.len(), bytes }
    }

    /// The bytes that go before the payload.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl fmt::Debug for YieldHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("YieldHead").field(&self.as_bytes().escape_ascii().to_string()).finish()
    }
}

/// Room for the constant parts of a `Start` message; most are shorter.
const START_BYTES: usize = 160;

/// The constant parts of one endpoint's `Start` messages: all but the dialog id and the arguments.
#[derive(Debug, Clone)]
pub struct StartHead {
    bytes: Vec<u8>,
    /// Where the dialog id goes: behind its key.
    cid_at: usize,
    /// Where the arguments go: behind the key `kwargs`.
    kwargs_at: usize,
}

impl StartHead {
    /// The constant parts for calls of `ns`:`func` by the actor `uid`.
    pub fn new(ns: &str, func: &str, uid: &Uid, pld_spec: &str, positional: bool) -> Self {
        let mut bytes = Vec::with_capacity(START_BYTES);
        put_msg_head("Start", 6 + usize::from(positional), &mut bytes);
        put_key(Key::Cid, &mut bytes);
        let cid_at = bytes.len();
        put_key(Key::Ns, &mut bytes);
        put_text(ns, &mut bytes);
        put_key(Key::Func, &mut bytes);
        put_text(func, &mut bytes);
        put_key(Key::Kwargs, &mut bytes);
        let kwargs_at = bytes.len();
        put_key(Key::Uid, &mut bytes);
        put_uid(uid, &mut bytes);
        put_key(Key::PldSpec, &mut bytes);
        put_text(pld_spec, &mut bytes);
        put_positional(positional, &mut bytes);
        Self { bytes, cid_at, kwargs_at }
    }

    /// Appends everything before the arguments. The caller then appends one MessagePack map from argument name to
    /// value, and calls [`finish`](Self::finish).
    pub fn begin(&self, cid: &Cid, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes[..self.cid_at]);
        put_cid(cid, out);
        out.extend_from_slice(&self.bytes[self.cid_at..self.kwargs_at]);
    }

    /// Appends everything after the arguments.
    pub fn finish(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes[self.kwargs_at..]);
    }

    /// As [`finish`](Self::finish), with the fields of this one request. `begun` is the length that `out` had before
    /// [`begin`](Self::begin).
    pub fn finish_with(&self, extras: &StartExtras<'_>, begun: usize, out: &mut Vec<u8>) {
        self.finish(out);
        // The map has more entries than `begin` has announced. A head for at most fifteen entries is one byte, so it
        // can be changed in place.
        debug_assert!((0x80..0x8d).contains(&out[begun]), "a request starts with the head of a short map");
        out[begun] += extras.count();
        extras.put(out);
    }
}

/// The fields that differ between two requests for one endpoint, besides the dialog id and the arguments.
#[derive(Debug, Clone, Copy, Default)]
pub struct StartExtras<'a> {
    /// Time that the caller has left. Extension `deadline`.
    pub remaining: Option<Duration>,
    /// The trace that the request belongs to. Extension `trace`.
    pub trace: Option<&'a TraceContext>,
}

impl StartExtras<'_> {
    fn tracestate(&self) -> Option<&str> {
        self.trace.map(TraceContext::tracestate).filter(|tracestate| !tracestate.is_empty())
    }

    /// How many fields are set.
    pub(super) fn count(&self) -> u8 {
        u8::from(self.remaining.is_some())
            + u8::from(self.trace.is_some())
            + u8::from(self.tracestate().is_some())
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        if let Some(remaining) = self.remaining {
            put_key(Key::Remaining, out);
            put_uint(whole_micros(remaining), out);
        }
        if let Some(trace) = self.trace {
            put_key(Key::Traceparent, out);
            put_text(trace.traceparent(), out);
        }
        if let Some(tracestate) = self.tracestate() {
            put_key(Key::Tracestate, out);
            put_text(tracestate, out);
        }
    }
}

/// Rounded down, so that the time never grows from hop to hop.
fn whole_micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Appends a message of `kind` up to its payload; the caller then appends one MessagePack value.
#[inline]
pub fn begin_pld(kind: PldKind, cid: &Cid, out: &mut Vec<u8>) {
    out.extend_from_slice(kind.head());
    put_cid(cid, out);
    out.extend_from_slice(PLD_KEY);
}

/// Appends a message of `kind`. `pld` must be one MessagePack value.
pub fn encode_pld(kind: PldKind, cid: &Cid, pld: &[u8], out: &mut Vec<u8>) {
    begin_pld(kind, cid, out);
    put_value(pld, out);
}

/// A `StartAck` message up to and including the key `cid`.
const START_ACK_HEAD: &[u8] = b"\x83\xa8msg_type\xa8StartAck\xa3cid";

/// The part of a `StartAck` message after the dialog id.
const fn start_ack_tail(functype: FuncType) -> &'static [u8] {
    match functype {
        FuncType::AsyncFunc => b"\xa8functype\xa9asyncfunc",
        FuncType::AsyncGen => b"\xa8functype\xa8asyncgen",
        FuncType::Context => b"\xa8functype\xa7context",
    }
}

/// Appends a `StartAck` message.
pub fn encode_start_ack(cid: &Cid, functype: FuncType, out: &mut Vec<u8>) {
    out.extend_from_slice(START_ACK_HEAD);
    put_cid(cid, out);
    out.extend_from_slice(start_ack_tail(functype));
}

/// Appends a `Stop` message.
pub fn encode_stop(cid: &Cid, out: &mut Vec<u8>) {
    put_msg_head("Stop", 1, out);
    put_key(Key::Cid, out);
    put_cid(cid, out);
}

/// Appends a `Credit` message. Extension `credit`.
pub fn encode_credit(cid: &Cid, bytes: u32, out: &mut Vec<u8>) {
    put_msg_head("Credit", 2, out);
    put_key(Key::Cid, out);
    put_cid(cid, out);
    put_key(Key::Bytes, out);
    put_uint(bytes.into(), out);
}

/// The dialog id and the payload's offset when `frame` is a `Yield` message in the usual key order.
///
/// After `None`, [`decode`](super::decode()) may still find a message. The id is not checked to be text; the payload is
/// only checked not to be empty.
#[inline]
pub fn peek_yield(frame: &[u8]) -> Option<(&[u8], usize)> {
    peek_pld(PldKind::Yield, frame)
}

/// As [`peek_yield`], for any message that consists of a dialog id and a payload.
#[inline]
pub fn peek_pld(kind: PldKind, frame: &[u8]) -> Option<(&[u8], usize)> {
    let (cid, rest) = peek_cid(strip_head(frame, kind.head())?)?;
    let pld = rest.strip_prefix(PLD_KEY)?;
    (!pld.is_empty()).then_some((cid, frame.len() - pld.len()))
}

/// The dialog id and kind when `frame` is a `StartAck` message in the usual key order.
#[inline]
pub fn peek_start_ack(frame: &[u8]) -> Option<(&[u8], FuncType)> {
    let (cid, rest) = peek_cid(strip_head(frame, START_ACK_HEAD)?)?;
    let kinds = [FuncType::AsyncFunc, FuncType::Context, FuncType::AsyncGen];
    kinds.into_iter().find(|kind| rest == start_ack_tail(*kind)).map(|kind| (cid, kind))
}

/// Where the message's name begins. Messages of different kinds mostly differ there or in their number of fields.
const NAME_AT: usize = b"\x83\xa8msg_type".len();

/// The bytes after the head of a message.
#[inline]
pub(super) fn strip_head<'a>(frame: &'a [u8], head: &[u8]) -> Option<&'a [u8]> {
    if frame.get(NAME_AT) != head.get(NAME_AT) || frame.first() != head.first() {
        return None;
    }
    frame.strip_prefix(head)
}

/// The text value that starts `bytes`, if it is not too long for a dialog id, and the bytes after it.
#[inline]
pub(super) fn peek_cid(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&marker, rest) = bytes.split_first()?;
    let (len, rest) = match marker {
        0xa1..=0xbf => (usize::from(marker & 0x1f), rest),
        0xd9 => rest.split_first().map(|(len, rest)| (usize::from(*len), rest))?,
        _ => return None,
    };
    if len == 0 || len > CID_BYTES_MAX {
        return None;
    }
    rest.split_at_checked(len)
}
