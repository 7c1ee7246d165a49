//! Bytes to messages.

use bytes::Bytes;

use super::encode::{cut_text, prefix};
use super::error::{DecodeError, Problem};
use super::fields::{Fields, Value};
use super::heads::peek_yield;
use super::key::Key;
use crate::id::{Aid, Caps, Cid, Secret, Uid};
use crate::limits::{ERROR_VALUE_BYTES_MAX, Limits, NESTING_DEPTH_MAX, RELAY_PATH_MAX, Timeouts};
use crate::msg::{ErrorMsg, ErrorValue, FuncType, Msg, ParentImage, RuntimeVars, SpawnSpec, Start};
use crate::trace::TraceContext;

/// Decodes the body of one frame, nested at most [`NESTING_DEPTH_MAX`] levels deep.
///
/// # Errors
/// As [`decode_within`].
#[inline]
pub fn decode(frame: &Bytes) -> Result<Msg, DecodeError> {
    decode_within(frame, NESTING_DEPTH_MAX)
}

/// Decodes the body of one frame, nested at most `nesting_depth_max` levels deep, the message's own map included.
///
/// Payload spans share the frame's memory. The payload of a `Yield` in the usual key order is not looked into.
///
/// # Errors
/// [`DecodeError`]; its [`cid`](DecodeError::cid) is set if the frame has a well-formed dialog id.
#[inline]
pub fn decode_within(frame: &Bytes, nesting_depth_max: usize) -> Result<Msg, DecodeError> {
    if let Some((cid, pld)) = peek_yield(frame)
        && let Some(cid) = Cid::from_utf8(cid)
    {
        return Ok(Msg::Yield { cid, pld: frame.slice(pld..) });
    }
    decode_any(frame, nesting_depth_max)
}

/// The dialog id that is in the first bytes of a frame. For frames that are too large to be kept.
pub fn cid_in_part(part: &[u8]) -> Option<Cid> {
    let part = Bytes::copy_from_slice(part);
    Fields::new(&part).cid_in_part()
}

type Read = fn(&Fields<'_>) -> Result<Msg, DecodeError>;

fn decode_any(frame: &Bytes, nesting_depth_max: usize) -> Result<Msg, DecodeError> {
    let mut fields = Fields::new(frame);
    fields.scan_frame(nesting_depth_max)?;
    let tag = fields.required(Key::MsgType, Value::text)?;
    let (name, read): (&'static str, Read) = match tag {
        "Aid" => ("Aid", |fields| aid(fields).map(Msg::Aid)),
        "SpawnSpec" => ("SpawnSpec", |fields| spawn_spec(fields).map(|spec| Msg::SpawnSpec(Box::new(spec)))),
        "Start" => ("Start", |fields| start(fields).map(|start| Msg::Start(Box::new(start)))),
        "StartAck" => ("StartAck", start_ack),
        "Started" => ("Started", |fields| pld(fields).map(|(cid, pld)| Msg::Started { cid, pld })),
        "Yield" => ("Yield", |fields| pld(fields).map(|(cid, pld)| Msg::Yield { cid, pld })),
        "Stop" => ("Stop", |fields| Ok(Msg::Stop { cid: cid(fields)? })),
        "Return" => ("Return", |fields| pld(fields).map(|(cid, pld)| Msg::Return { cid, pld })),
        "CancelAck" => ("CancelAck", |fields| pld(fields).map(|(cid, pld)| Msg::CancelAck { cid, pld })),
        "Error" => ("Error", |fields| error(fields).map(|error| Msg::Error(Box::new(error)))),
        "Credit" => ("Credit", credit),
        "Ready" => ("Ready", |fields| Ok(Msg::Ready { image: fields.optional(Key::Image, Value::image)? })),
        "Auth" => ("Auth", |fields| Ok(Msg::Auth { proof: fields.required(Key::Proof, Value::bin32)? })),
        _ => return Err(DecodeError::UnknownTag { tag: prefix(tag, 64).to_owned(), cid: fields.cid() }),
    };
    fields.set_msg(name)?;
    read(&fields)
}

fn cid(fields: &Fields<'_>) -> Result<Cid, DecodeError> {
    fields.required(Key::Cid, Value::cid)
}

fn pld(fields: &Fields<'_>) -> Result<(Cid, Bytes), DecodeError> {
    Ok((cid(fields)?, fields.required(Key::Pld, Value::raw)?))
}

fn start_ack(fields: &Fields<'_>) -> Result<Msg, DecodeError> {
    let functype = fields.required(Key::Functype, |value| {
        FuncType::from_name(value.text()?)
            .ok_or(Problem::Value { expected: "asyncfunc, asyncgen or context" })
    })?;
    Ok(Msg::StartAck { cid: cid(fields)?, functype })
}

fn credit(fields: &Fields<'_>) -> Result<Msg, DecodeError> {
    Ok(Msg::Credit { cid: cid(fields)?, bytes: fields.required(Key::Bytes, Value::u32)? })
}

fn aid(fields: &Fields<'_>) -> Result<Aid, DecodeError> {
    let name = fields.required(Key::Name, Value::name)?;
    let uuid = fields.required(Key::Uuid, Value::uuid)?;
    let caps = fields.optional(Key::Caps, |value| {
        value.items()?.try_fold(Caps::NONE, |caps, name| Ok(caps.or(Caps::from_name(name?.text()?))))
    })?;
    Ok(Aid {
        uid: Uid::new(name, uuid),
        pid: fields.optional(Key::Pid, Value::int)?,
        is_registrar: fields.optional(Key::IsRegistrar, Value::bool)?,
        is_probe: fields.or(Key::IsProbe, false, Value::bool)?,
        caps: caps.unwrap_or(Caps::NONE),
        frame_bytes_max: fields.optional(Key::FrameBytesMax, Value::size)?,
        image: fields.optional(Key::Image, Value::image)?,
        nonce: fields.optional(Key::Nonce, Value::bin32)?,
    })
}

fn spawn_spec(fields: &Fields<'_>) -> Result<SpawnSpec, DecodeError> {
    let bind_addrs = fields.required(Key::BindAddrs, |value| {
        if value.is_nil() { Ok(None) } else { value.list(Value::addr).map(Some) }
    })?;
    let enable_endpoints = fields.optional(Key::EnableEndpoints, |value| value.list(Value::text_pair))?;
    Ok(SpawnSpec {
        parent_main_data: fields.required(Key::ParentMainData, Value::text_map)?,
        runtime_vars: runtime_vars(&fields.nested(Key::RuntimeVars)?)?,
        enable_modules: fields.required(Key::EnableModules, Value::text_map)?,
        reg_addrs: fields.required(Key::RegAddrs, |value| value.list(Value::addr))?,
        bind_addrs,
        enable_endpoints: enable_endpoints.unwrap_or_default(),
        secret: fields.optional(Key::Secret, |value| value.bin32().map(Secret::new))?,
        image: fields.optional(Key::Image, parent_image)?,
        limits: fields.optional(Key::Limits, limits)?.unwrap_or_default(),
        timeouts: fields.optional(Key::Timeouts, timeouts)?.unwrap_or_default(),
        allow_unauthenticated_peers: fields.or(Key::AllowUnauthenticated, false, Value::bool)?,
    })
}

fn parent_image(value: Value<'_>) -> Result<ParentImage, Problem> {
    let (image, executable) = value.pair("an array of image and executable")?;
    Ok(ParentImage { image: image.image()?, executable: executable.bin16()? })
}

fn limits(value: Value<'_>) -> Result<Limits, Problem> {
    let mut limits = Limits::default();
    value.knobs(|knob, value| limits.set(knob, value))?;
    Ok(limits)
}

fn timeouts(value: Value<'_>) -> Result<Timeouts, Problem> {
    let mut timeouts = Timeouts::default();
    value.knobs(|knob, value| timeouts.set(knob, value))?;
    Ok(timeouts)
}

/// Every field may be missing or nil. The transports default to `tcp`; the rest default to empty, none or false.
fn runtime_vars(fields: &Fields<'_>) -> Result<RuntimeVars, DecodeError> {
    let flag = |key| fields.optional(key, Value::bool).map(Option::unwrap_or_default);
    let addrs = |key| fields.optional(key, |value| value.list(Value::addr)).map(Option::unwrap_or_default);
    let enable_tpts =
        fields.optional(Key::EnableTpts, |value| value.list(|name| Ok(name.name()?.to_owned())))?;
    Ok(RuntimeVars {
        is_root: flag(Key::IsRoot)?,
        root_mailbox: fields.optional(Key::RootMailbox, Value::addr_or_nil)?.flatten(),
        root_addrs: addrs(Key::RootAddrs)?,
        enable_tpts: enable_tpts.unwrap_or_else(|| vec!["tcp".to_owned()]),
        registry_addrs: addrs(Key::RegistryAddrs)?,
        debug_mode: flag(Key::DebugMode)?,
        repl_fixture: flag(Key::ReplFixture)?,
        use_greenback: flag(Key::UseGreenback)?,
        use_stackscope: flag(Key::UseStackscope)?,
        is_infected_aio: flag(Key::IsInfectedAio)?,
    })
}

fn start(fields: &Fields<'_>) -> Result<Start, DecodeError> {
    let pld_spec = fields.or(Key::PldSpec, "typing.Any", Value::text)?;
    Ok(Start {
        cid: cid(fields)?,
        ns: fields.required(Key::Ns, Value::name)?.to_owned(),
        func: fields.required(Key::Func, Value::name)?.to_owned(),
        kwargs: fields.required(Key::Kwargs, Value::raw_map)?,
        uid: fields.required(Key::Uid, Value::uid)?,
        pld_spec: pld_spec.to_owned(),
        positional: fields.or(Key::Positional, false, Value::bool)?,
        remaining: fields.optional(Key::Remaining, Value::micros)?,
        trace: trace(fields),
    })
}

/// A malformed trace is dropped and not refused: the request goes on without it.
fn trace(fields: &Fields<'_>) -> Option<TraceContext> {
    let text = |key| fields.optional(key, Value::text).ok().flatten();
    let context = TraceContext::new(text(Key::Traceparent)?)?;
    Some(match text(Key::Tracestate) {
        Some(tracestate) => context.with_tracestate(tracestate),
        None => context,
    })
}

/// Over-long texts and paths are cut and not refused: an error must reach its reader.
fn error(fields: &Fields<'_>) -> Result<ErrorMsg, DecodeError> {
    let text = |value: Value<'_>| Ok(cut_text(value.text()?).into_owned());
    Ok(ErrorMsg {
        src_uid: fields.required(Key::SrcUid, Value::uid)?,
        src_type_str: fields.required(Key::SrcTypeStr, text)?,
        boxed_type_str: fields.required(Key::BoxedTypeStr, text)?,
        relay_path: fields.required(Key::RelayPath, relay_path)?,
        message: fields.optional(Key::Message, text)?,
        tb_str: fields.or(Key::TbStr, String::new(), text)?,
        canceller: fields.optional(Key::Canceller, Value::uid)?,
        sender: fields.optional(Key::Sender, Value::uid)?,
        cid: fields.optional(Key::Cid, Value::cid)?,
        bad_msg: fields.optional(Key::BadMsg, Value::raw_map)?,
        bad_msg_as_dict: fields.optional(Key::BadMsgAsDict, Value::raw_map)?,
        causes: fields.optional(Key::Causes, |value| value.list(text))?.unwrap_or_default(),
        value: fields.optional(Key::Value, error_value)?.flatten(),
    })
}

/// A value over its limit is dropped and not refused: an error must reach its reader.
fn error_value(value: Value<'_>) -> Result<Option<ErrorValue>, Problem> {
    let (type_name, value) = value.pair("an array of type name and value")?;
    let (type_name, value) = (type_name.name()?.to_owned(), value.raw()?);
    Ok((value.len() <= ERROR_VALUE_BYTES_MAX).then_some(ErrorValue { type_name, value }))
}

/// The first and the last hops when there are more than `RELAY_PATH_MAX`, as the encoder keeps them.
fn relay_path(value: Value<'_>) -> Result<Vec<Uid>, Problem> {
    let items = value.items()?;
    let len = items.left();
    let dropped = len.saturating_sub(RELAY_PATH_MAX);
    let first = if dropped == 0 { len } else { RELAY_PATH_MAX / 2 };
    items
        .enumerate()
        .filter(|(at, _)| !(first..first + dropped).contains(at))
        .map(|(_, item)| item?.uid())
        .collect()
}
