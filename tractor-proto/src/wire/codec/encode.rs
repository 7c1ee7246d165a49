//! Messages to bytes.

use std::borrow::Cow;

use rmp::Marker;

use super::heads::{PldKind, StartExtras, encode_credit, encode_pld, encode_start_ack, encode_stop};
use super::key::Key;
use crate::addr::Addr;
use crate::id::{Aid, Cid, Image, Uid};
use crate::limits::{ENVELOPE_ENTRIES_MAX, ERROR_TEXT_BYTES_MAX, RELAY_PATH_MAX};
use crate::msg::{ErrorMsg, ErrorValue, Msg, ParentImage, RuntimeVars, SpawnSpec, Start};

/// Appends the body of `msg` to `out`, without the length prefix.
///
/// Raw spans (`pld`, `kwargs`, ...) are copied as they are and must be one MessagePack value each. Texts of an error
/// that are over their limit are cut. Names are never cut, because that would change their meaning; the peer refuses
/// names that are too long.
pub fn encode(msg: &Msg, out: &mut Vec<u8>) {
    match msg {
        Msg::Aid(aid) => encode_aid(aid, out),
        Msg::SpawnSpec(spec) => encode_spawn_spec(spec, out),
        Msg::Start(start) => encode_start(start, out),
        Msg::StartAck { cid, functype } => encode_start_ack(cid, *functype, out),
        Msg::Started { cid, pld } => encode_pld(PldKind::Started, cid, pld, out),
        Msg::Yield { cid, pld } => encode_pld(PldKind::Yield, cid, pld, out),
        Msg::Stop { cid } => encode_stop(cid, out),
        Msg::Return { cid, pld } => encode_pld(PldKind::Return, cid, pld, out),
        Msg::CancelAck { cid, pld } => encode_pld(PldKind::CancelAck, cid, pld, out),
        Msg::Error(error) => encode_error(error, out),
        Msg::Credit { cid, bytes } => encode_credit(cid, *bytes, out),
        Msg::Ready { image } => {
            put_msg_head("Ready", usize::from(image.is_some()), out);
            put_image(image.as_ref(), out);
        }
        Msg::Auth { proof } => {
            put_msg_head("Auth", 1, out);
            put_key(Key::Proof, out);
            put_bin(proof, out);
        }
    }
}

/// Appends an `Aid` message.
pub fn encode_aid(aid: &Aid, out: &mut Vec<u8>) {
    let extras = usize::from(!aid.caps.is_empty())
        + usize::from(aid.frame_bytes_max.is_some())
        + usize::from(aid.image.is_some())
        + usize::from(aid.nonce.is_some());
    put_msg_head("Aid", 5 + extras, out);
    put_key(Key::Name, out);
    put_text(aid.uid.name(), out);
    put_key(Key::Uuid, out);
    put_text(aid.uid.uuid(), out);
    put_key(Key::Pid, out);
    put_or_nil(aid.pid, put_int, out);
    put_key(Key::IsRegistrar, out);
    put_or_nil(aid.is_registrar, put_bool, out);
    put_key(Key::IsProbe, out);
    put_bool(aid.is_probe, out);
    if !aid.caps.is_empty() {
        put_key(Key::Caps, out);
        put_array(aid.caps.names().count(), out);
        aid.caps.names().for_each(|name| put_text(name, out));
    }
    if let Some(bytes) = aid.frame_bytes_max {
        put_key(Key::FrameBytesMax, out);
        put_int(i64::try_from(bytes).unwrap_or(i64::MAX), out);
    }
    put_image(aid.image.as_ref(), out);
    if let Some(nonce) = &aid.nonce {
        put_key(Key::Nonce, out);
        put_bin(nonce, out);
    }
}

/// Appends a `SpawnSpec` message.
pub fn encode_spawn_spec(spec: &SpawnSpec, out: &mut Vec<u8>) {
    let (limits, timeouts) = (spec.limits.changed(), spec.timeouts.changed());
    let (limits, timeouts): (Vec<_>, Vec<_>) = (limits.collect(), timeouts.collect());
    let extras = [
        !spec.enable_endpoints.is_empty(),
        spec.secret.is_some(),
        spec.image.is_some(),
        !limits.is_empty(),
        !timeouts.is_empty(),
        spec.allow_unauthenticated_peers,
    ];
    put_msg_head("SpawnSpec", 5 + extras.into_iter().filter(|is_there| *is_there).count(), out);
    put_key(Key::ParentMainData, out);
    put_text_map(&spec.parent_main_data, out);
    put_key(Key::RuntimeVars, out);
    put_runtime_vars(&spec.runtime_vars, out);
    put_key(Key::EnableModules, out);
    put_text_map(&spec.enable_modules, out);
    put_key(Key::RegAddrs, out);
    put_list(&spec.reg_addrs, put_addr, out);
    put_key(Key::BindAddrs, out);
    put_or_nil(spec.bind_addrs.as_deref(), |addrs, out| put_list(addrs, put_addr, out), out);
    if !spec.enable_endpoints.is_empty() {
        put_key(Key::EnableEndpoints, out);
        put_list(&spec.enable_endpoints, put_text_pair, out);
    }
    if let Some(secret) = &spec.secret {
        put_key(Key::Secret, out);
        put_bin(secret.as_bytes(), out);
    }
    if let Some(ParentImage { image, executable }) = &spec.image {
        put_key(Key::Image, out);
        put_array(2, out);
        put_bin(image.as_bytes(), out);
        put_bin(executable, out);
    }
    put_knobs(Key::Limits, &limits, out);
    put_knobs(Key::Timeouts, &timeouts, out);
    if spec.allow_unauthenticated_peers {
        put_key(Key::AllowUnauthenticated, out);
        put_bool(true, out);
    }
}

fn put_knobs(key: Key, knobs: &[(&'static str, u64)], out: &mut Vec<u8>) {
    if knobs.is_empty() {
        return;
    }
    put_key(key, out);
    put_map(knobs.len(), out);
    for (knob, value) in knobs {
        put_text(knob, out);
        put_uint(*value, out);
    }
}

/// Appends the field if there is an image.
fn put_image(image: Option<&Image>, out: &mut Vec<u8>) {
    if let Some(image) = image {
        put_key(Key::Image, out);
        put_bin(image.as_bytes(), out);
    }
}

/// Appends a `Start` message.
pub fn encode_start(start: &Start, out: &mut Vec<u8>) {
    let extras = StartExtras { remaining: start.remaining, trace: start.trace.as_ref() };
    put_msg_head("Start", 6 + usize::from(start.positional) + usize::from(extras.count()), out);
    put_key(Key::Cid, out);
    put_cid(&start.cid, out);
    put_key(Key::Ns, out);
    put_text(&start.ns, out);
    put_key(Key::Func, out);
    put_text(&start.func, out);
    put_key(Key::Kwargs, out);
    put_value(&start.kwargs, out);
    put_key(Key::Uid, out);
    put_uid(&start.uid, out);
    put_key(Key::PldSpec, out);
    put_text(&start.pld_spec, out);
    put_positional(start.positional, out);
    extras.put(out);
}

/// Appends the field if it is true.
pub(super) fn put_positional(positional: bool, out: &mut Vec<u8>) {
    if positional {
        put_key(Key::Positional, out);
        put_bool(true, out);
    }
}

/// Appends an `Error` message.
pub fn encode_error(error: &ErrorMsg, out: &mut Vec<u8>) {
    let extras = usize::from(!error.causes.is_empty()) + usize::from(error.value.is_some());
    put_msg_head("Error", 11 + extras, out);
    put_key(Key::SrcUid, out);
    put_uid(&error.src_uid, out);
    put_key(Key::SrcTypeStr, out);
    put_cut_text(&error.src_type_str, out);
    put_key(Key::BoxedTypeStr, out);
    put_cut_text(&error.boxed_type_str, out);
    put_key(Key::RelayPath, out);
    put_relay_path(&error.relay_path, out);
    put_key(Key::Message, out);
    put_or_nil(error.message.as_deref(), put_cut_text, out);
    put_key(Key::TbStr, out);
    put_cut_text(&error.tb_str, out);
    put_key(Key::Canceller, out);
    put_or_nil(error.canceller.as_ref(), put_uid, out);
    put_key(Key::Sender, out);
    put_or_nil(error.sender.as_ref(), put_uid, out);
    put_key(Key::Cid, out);
    put_or_nil(error.cid.as_ref(), put_cid, out);
    put_key(Key::BadMsg, out);
    put_or_nil(error.bad_msg.as_deref(), put_value, out);
    put_key(Key::BadMsgAsDict, out);
    put_or_nil(error.bad_msg_as_dict.as_deref(), put_value, out);
    if !error.causes.is_empty() {
        let causes = &error.causes[..error.causes.len().min(ENVELOPE_ENTRIES_MAX)];
        put_key(Key::Causes, out);
        put_list(causes, |cause, out| put_cut_text(cause, out), out);
    }
    if let Some(ErrorValue { type_name, value }) = &error.value {
        put_key(Key::Value, out);
        put_array(2, out);
        put_text(type_name, out);
        put_value(value, out);
    }
}

fn put_runtime_vars(vars: &RuntimeVars, out: &mut Vec<u8>) {
    put_map(10, out);
    put_key(Key::IsRoot, out);
    put_bool(vars.is_root, out);
    put_key(Key::RootMailbox, out);
    match &vars.root_mailbox {
        Some(addr) => put_addr(addr, out),
        None => {
            put_array(2, out);
            put_nil(out);
            put_nil(out);
        }
    }
    put_key(Key::RootAddrs, out);
    put_list(&vars.root_addrs, put_addr, out);
    put_key(Key::EnableTpts, out);
    put_list(&vars.enable_tpts, |name, out| put_text(name, out), out);
    put_key(Key::RegistryAddrs, out);
    put_list(&vars.registry_addrs, put_addr, out);
    put_key(Key::DebugMode, out);
    put_bool(vars.debug_mode, out);
    put_key(Key::ReplFixture, out);
    put_bool(vars.repl_fixture, out);
    put_key(Key::UseGreenback, out);
    put_bool(vars.use_greenback, out);
    put_key(Key::UseStackscope, out);
    put_bool(vars.use_stackscope, out);
    put_key(Key::IsInfectedAio, out);
    put_bool(vars.is_infected_aio, out);
}

/// Appends a relay path. Of one that is too long, only the first and the last hops: those nearest to the source and to
/// the reader.
fn put_relay_path(path: &[Uid], out: &mut Vec<u8>) {
    let dropped = path.len().saturating_sub(RELAY_PATH_MAX);
    let first = if dropped == 0 { path.len() } else { RELAY_PATH_MAX / 2 };
    put_array(path.len() - dropped, out);
    path[..first].iter().for_each(|uid| put_uid(uid, out));
    path[first + dropped..].iter().for_each(|uid| put_uid(uid, out));
}

fn put_addr(addr: &Addr, out: &mut Vec<u8>) {
    put_array(2, out);
    match addr {
        Addr::Tcp(addr) => {
            put_text(&addr.ip().to_string(), out);
            put_uint(addr.port().into(), out);
        }
        Addr::Uds { dir, file } => {
            put_text(dir, out);
            put_text(file, out);
        }
    }
}

fn put_text_map(entries: &[(String, String)], out: &mut Vec<u8>) {
    put_map(entries.len(), out);
    for (key, value) in entries {
        put_text(key, out);
        put_text(value, out);
    }
}

fn put_text_pair(pair: &(String, String), out: &mut Vec<u8>) {
    put_array(2, out);
    put_text(&pair.0, out);
    put_text(&pair.1, out);
}

/// The start of a message with `fields` fields: the map's head and its name.
pub(super) fn put_msg_head(name: &str, fields: usize, out: &mut Vec<u8>) {
    put_map(1 + fields, out);
    put_key(Key::MsgType, out);
    put_text(name, out);
}

pub(super) fn put_key(key: Key, out: &mut Vec<u8>) {
    put_text(key.name(), out);
}

#[inline]
pub(super) fn put_cid(cid: &Cid, out: &mut Vec<u8>) {
    put_text_bytes(cid.as_bytes(), out);
}

pub(super) fn put_uid(uid: &Uid, out: &mut Vec<u8>) {
    put_array(2, out);
    put_text(uid.name(), out);
    put_text(uid.uuid(), out);
}

/// Copies a value that is MessagePack already.
pub(super) fn put_value(value: &[u8], out: &mut Vec<u8>) {
    debug_assert!(!value.is_empty(), "a raw span is one messagepack value, and those are never empty");
    out.extend_from_slice(value);
}

pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_text_bytes(text.as_bytes(), out);
}

pub(super) fn put_uint(n: u64, out: &mut Vec<u8>) {
    if let Ok(n) = u8::try_from(n) {
        if n < 0x80 {
            out.push(Marker::FixPos(n).to_u8());
        } else {
            out.extend_from_slice(&[Marker::U8.to_u8(), n]);
        }
    } else if let Ok(n) = u16::try_from(n) {
        put_sized(Marker::U16, &n.to_be_bytes(), out);
    } else if let Ok(n) = u32::try_from(n) {
        put_sized(Marker::U32, &n.to_be_bytes(), out);
    } else {
        put_sized(Marker::U64, &n.to_be_bytes(), out);
    }
}

fn put_int(n: i64, out: &mut Vec<u8>) {
    if let Ok(n) = u64::try_from(n) {
        put_uint(n, out);
    } else if let Ok(n) = i8::try_from(n) {
        if n >= -32 {
            out.push(Marker::FixNeg(n).to_u8());
        } else {
            put_sized(Marker::I8, &n.to_be_bytes(), out);
        }
    } else if let Ok(n) = i16::try_from(n) {
        put_sized(Marker::I16, &n.to_be_bytes(), out);
    } else if let Ok(n) = i32::try_from(n) {
        put_sized(Marker::I32, &n.to_be_bytes(), out);
    } else {
        put_sized(Marker::I64, &n.to_be_bytes(), out);
    }
}

/// Appends a text of an error, cut to its limit.
fn put_cut_text(text: &str, out: &mut Vec<u8>) {
    put_text(&cut_text(text), out);
}

/// `text`, or its start and a mark if it is longer than the limit for texts of an error.
pub(super) fn cut_text(text: &str) -> Cow<'_, str> {
    const MARK: &str = " ... [cut at ERROR_TEXT_BYTES_MAX]";
    if text.len() <= ERROR_TEXT_BYTES_MAX {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}{MARK}", prefix(text, ERROR_TEXT_BYTES_MAX - MARK.len())))
}

/// The longest start of `text` that has at most `bytes_max` bytes.
pub(super) fn prefix(text: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

fn put_text_bytes(text: &[u8], out: &mut Vec<u8>) {
    match text.len() {
        len @ 0..32 => out.push(Marker::FixStr(len as u8).to_u8()),
        len @ 32..0x100 => out.extend_from_slice(&[Marker::Str8.to_u8(), len as u8]),
        len @ 0x100..0x1_0000 => put_sized(Marker::Str16, &(len as u16).to_be_bytes(), out),
        len => put_sized(Marker::Str32, &len_u32(len).to_be_bytes(), out),
    }
    out.extend_from_slice(text);
}

fn put_bin<const N: usize>(bytes: &[u8; N], out: &mut Vec<u8>) {
    const { assert!(N < 0x100) };
    out.extend_from_slice(&[Marker::Bin8.to_u8(), N as u8]);
    out.extend_from_slice(bytes);
}

fn put_bool(value: bool, out: &mut Vec<u8>) {
    out.push(if value { Marker::True } else { Marker::False }.to_u8());
}

fn put_nil(out: &mut Vec<u8>) {
    out.push(Marker::Null.to_u8());
}

fn put_or_nil<T>(value: Option<T>, put: impl FnOnce(T, &mut Vec<u8>), out: &mut Vec<u8>) {
    match value {
        Some(value) => put(value, out),
        None => put_nil(out),
    }
}

fn put_list<T>(items: &[T], put: impl Fn(&T, &mut Vec<u8>), out: &mut Vec<u8>) {
    put_array(items.len(), out);
    items.iter().for_each(|item| put(item, out));
}

fn put_array(len: usize, out: &mut Vec<u8>) {
    match len {
        0..16 => out.push(Marker::FixArray(len as u8).to_u8()),
        16..0x1_0000 => put_sized(Marker::Array16, &(len as u16).to_be_bytes(), out),
        _ => put_sized(Marker::Array32, &len_u32(len).to_be_bytes(), out),
    }
}

fn put_map(len: usize, out: &mut Vec<u8>) {
    match len {
        0..16 => out.push(Marker::FixMap(len as u8).to_u8()),
        16..0x1_0000 => put_sized(Marker::Map16, &(len as u16).to_be_bytes(), out),
        _ => put_sized(Marker::Map32, &len_u32(len).to_be_bytes(), out),
    }
}

fn put_sized(marker: Marker, digits: &[u8], out: &mut Vec<u8>) {
    out.push(marker.to_u8());
    out.extend_from_slice(digits);
}

/// MessagePack has no longer lengths, and `frame_bytes_max` refuses the frame long before.
fn len_u32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
