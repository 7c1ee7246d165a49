//! The fields of one map, found in one walk, and typed readers for their values.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::error::{DecodeError, Problem};
use super::key::Key;
use crate::addr::Addr;
use crate::id::{Cid, Image, Uid};
use crate::limits::{CID_BYTES_MAX, ENVELOPE_ENTRIES_MAX, NAME_BYTES_MAX, NESTING_DEPTH_MAX, UUID_BYTES_MAX};
use crate::msgpack::{Head, RawError, check_one_value, head, skip_value};

/// The place of each known field's value.
pub(super) struct Fields<'f> {
    frame: &'f Bytes,
    /// The message's name, for errors.
    msg: &'static str,
    cid: Option<Cid>,
    /// Start and end of each value; a start of zero means absent, since a map's head comes before its values.
    spans: [(usize, usize); Key::COUNT],
    twice: Option<Key>,
    key_not_text: bool,
    end: usize,
}

impl<'f> Fields<'f> {
    /// The fields of a frame that is not walked yet.
    pub(super) fn new(frame: &'f Bytes) -> Self {
        Self::empty(frame, "message", None)
    }

    /// Walks the whole frame, which must be one map, and makes the dialog id known to later errors.
    pub(super) fn scan_frame(&mut self, depth_max: usize) -> Result<(), DecodeError> {
        let scanned = self.scan(0, depth_max);
        if self.twice != Some(Key::Cid) {
            self.cid = self.value(Key::Cid).and_then(|value| value.cid().ok());
        }
        match scanned {
            Ok(Ok(())) if self.end == self.frame.len() => Ok(()),
            Ok(Ok(())) => Err(DecodeError::NotMsgpack(RawError::Trailing { at: self.end })),
            Ok(Err(problem)) => match check_one_value(self.frame, depth_max) {
                Ok(()) => Err(self.error("frame", problem)),
                Err(RawError::TooDeep { limit }) => Err(DecodeError::TooDeep { limit, cid: None }),
                Err(error) => Err(DecodeError::NotMsgpack(error)),
            },
            Err(RawError::TooDeep { .. }) => Err(DecodeError::TooDeep { limit: depth_max, cid: self.cid }),
            Err(error) => Err(DecodeError::NotMsgpack(error)),
        }
    }

    /// The dialog id, if it comes before the end of a frame that was cut off.
    pub(super) fn cid_in_part(mut self) -> Option<Cid> {
        // The walk fails at the cut; the fields before it are found.
        _ = self.scan(0, NESTING_DEPTH_MAX);
        self.value(Key::Cid).and_then(|value| value.cid().ok())
    }

    /// The fields of the map that is the value of `key`. The frame was walked already.
    pub(super) fn nested(&self, key: Key) -> Result<Self, DecodeError> {
        let mut fields = Self::empty(self.frame, self.msg, self.cid);
        let value = self.value(key).ok_or_else(|| self.error(key.name(), Problem::Missing))?;
        match fields.scan(value.at, usize::MAX) {
            Ok(Ok(())) => fields.check_keys().map(|()| fields),
            Ok(Err(problem)) => Err(self.error(key.name(), problem)),
            Err(error) => Err(DecodeError::NotMsgpack(error)),
        }
    }

    fn empty(frame: &'f Bytes, msg: &'static str, cid: Option<Cid>) -> Self {
        Self { frame, msg, cid, spans: [(0, 0); Key::COUNT], twice: None, key_not_text: false, end: 0 }
    }

    /// Outer error: not MessagePack. Inner error: not a map.
    fn scan(&mut self, at: usize, depth_max: usize) -> Result<Result<(), Problem>, RawError> {
        let (first, mut at) = head(self.frame, at)?;
        let Head::Map(entries) = first else {
            return Ok(Err(Problem::WrongType { expected: "a map", found: first.kind() }));
        };
        let values_depth = depth_max.checked_sub(1).ok_or(RawError::TooDeep { limit: depth_max })?;
        for _ in 0..entries {
            let (key, key_end) = head(self.frame, at)?;
            let known = match key {
                Head::Str(start) => {
                    at = key_end;
                    Key::from_name(&self.frame[start..key_end])
                }
                _ => {
                    self.key_not_text = true;
                    at = skip_value(self.frame, at, values_depth)?;
                    None
                }
            };
            let end = skip_value(self.frame, at, values_depth)?;
            if let Some(key) = known {
                let span = &mut self.spans[key as usize];
                if span.0 != 0 {
                    self.twice = Some(key);
                }
                *span = (at, end);
            }
            at = end;
        }
        self.end = at;
        Ok(Ok(()))
    }

    /// Sets the message's name for later errors, and checks its keys.
    pub(super) fn set_msg(&mut self, msg: &'static str) -> Result<(), DecodeError> {
        self.msg = msg;
        self.check_keys()
    }

    pub(super) fn cid(&self) -> Option<Cid> {
        self.cid
    }

    /// A field that must be there.
    pub(super) fn required<T>(
        &self,
        key: Key,
        read: impl FnOnce(Value<'f>) -> Result<T, Problem>,
    ) -> Result<T, DecodeError> {
        match self.value(key) {
            Some(value) => read(value).map_err(|problem| self.error(key.name(), problem)),
            None => Err(self.error(key.name(), Problem::Missing)),
        }
    }

    /// A field that may be absent or nil.
    pub(super) fn optional<T>(
        &self,
        key: Key,
        read: impl FnOnce(Value<'f>) -> Result<T, Problem>,
    ) -> Result<Option<T>, DecodeError> {
        match self.value(key) {
            Some(value) if !value.is_nil() => {
                read(value).map(Some).map_err(|problem| self.error(key.name(), problem))
            }
            _ => Ok(None),
        }
    }

    /// A field with a default, that may be absent but not nil.
    pub(super) fn or<T>(
        &self,
        key: Key,
        default: T,
        read: impl FnOnce(Value<'f>) -> Result<T, Problem>,
    ) -> Result<T, DecodeError> {
        match self.value(key) {
            Some(value) => read(value).map_err(|problem| self.error(key.name(), problem)),
            None => Ok(default),
        }
    }

    fn value(&self, key: Key) -> Option<Value<'f>> {
        let (at, end) = self.spans[key as usize];
        (at != 0).then_some(Value { frame: self.frame, at, end })
    }

    fn check_keys(&self) -> Result<(), DecodeError> {
        match self.twice {
            Some(key) => Err(self.error(key.name(), Problem::Twice)),
            None if self.key_not_text => {
                Err(self.error("frame", Problem::Value { expected: "text as map keys" }))
            }
            None => Ok(()),
        }
    }

    fn error(&self, field: &'static str, problem: Problem) -> DecodeError {
        DecodeError::Schema { msg: self.msg, cid: self.cid, field, problem }
    }
}

/// An address in one of its wire forms.
enum Tagged<'f> {
    /// Host and port, or directory and file.
    Pair(Value<'f>, Value<'f>),
    /// The path of a Unix socket.
    Unix(&'f str),
}

/// One value of a frame that was walked already.
#[derive(Clone, Copy)]
pub(super) struct Value<'f> {
    frame: &'f Bytes,
    at: usize,
    end: usize,
}

impl<'f> Value<'f> {
    /// The value's bytes, sharing the frame's memory.
    pub(super) fn raw(self) -> Result<Bytes, Problem> {
        Ok(self.frame.slice(self.at..self.end))
    }

    /// The bytes of a map.
    pub(super) fn raw_map(self) -> Result<Bytes, Problem> {
        match self.head()?.0 {
            Head::Map(_) => self.raw(),
            other => Err(wrong("a map", other)),
        }
    }

    pub(super) fn bool(self) -> Result<bool, Problem> {
        match self.head()?.0 {
            Head::Bool(value) => Ok(value),
            other => Err(wrong("a bool", other)),
        }
    }

    /// Any int; a larger one than `i64::MAX` becomes `i64::MAX`.
    pub(super) fn int(self) -> Result<i64, Problem> {
        match self.head()?.0 {
            Head::Uint(n) => Ok(i64::try_from(n).unwrap_or(i64::MAX)),
            Head::Int(n) => Ok(n),
            other => Err(wrong("an int", other)),
        }
    }

    pub(super) fn u32(self) -> Result<u32, Problem> {
        u32::try_from(self.int()?).map_err(|_| Problem::Value { expected: "an int from 0 to 4294967295" })
    }

    /// A number of bytes; a negative one counts as zero.
    pub(super) fn size(self) -> Result<usize, Problem> {
        Ok(usize::try_from(self.int()?.max(0)).unwrap_or(usize::MAX))
    }

    /// Microseconds; a negative number counts as zero.
    pub(super) fn micros(self) -> Result<Duration, Problem> {
        Ok(Duration::from_micros(u64::try_from(self.int()?).unwrap_or(0)))
    }

    pub(super) fn bin32(self) -> Result<[u8; 32], Problem> {
        self.bin("32 bytes")
    }

    pub(super) fn bin16(self) -> Result<[u8; 16], Problem> {
        self.bin("16 bytes")
    }

    pub(super) fn image(self) -> Result<Image, Problem> {
        self.bin16().map(Image::from_bytes)
    }

    fn bin<const N: usize>(self, expected: &'static str) -> Result<[u8; N], Problem> {
        match self.head()? {
            (Head::Bin(start), end) => {
                self.frame[start..end].try_into().map_err(|_| Problem::Value { expected })
            }
            (other, _) => Err(wrong("bytes", other)),
        }
    }

    /// Text of any length.
    pub(super) fn text(self) -> Result<&'f str, Problem> {
        match self.head()? {
            (Head::Str(start), end) => std::str::from_utf8(&self.frame[start..end])
                .map_err(|_| Problem::Value { expected: "utf-8 text" }),
            (other, _) => Err(wrong("text", other)),
        }
    }

    /// Text of at most `NAME_BYTES_MAX` bytes.
    pub(super) fn name(self) -> Result<&'f str, Problem> {
        bounded(self.text()?, NAME_BYTES_MAX, "NAME_BYTES_MAX")
    }

    /// Text of at most `UUID_BYTES_MAX` bytes.
    pub(super) fn uuid(self) -> Result<&'f str, Problem> {
        bounded(self.text()?, UUID_BYTES_MAX, "UUID_BYTES_MAX")
    }

    pub(super) fn cid(self) -> Result<Cid, Problem> {
        let text = bounded(self.text()?, CID_BYTES_MAX, "CID_BYTES_MAX")?;
        Cid::new(text).ok_or(Problem::Value { expected: "text that is not empty" })
    }

    /// `[name, uuid]`.
    pub(super) fn uid(self) -> Result<Uid, Problem> {
        let (name, uuid) = self.pair("an array of name and uuid")?;
        Ok(Uid::new(name.name()?, uuid.uuid()?))
    }

    pub(super) fn text_pair(self) -> Result<(String, String), Problem> {
        let (first, second) = self.pair("an array of two texts")?;
        Ok((first.text()?.to_owned(), second.text()?.to_owned()))
    }

    /// An address that may be nil or `[nil, nil]`.
    pub(super) fn addr_or_nil(self) -> Result<Option<Addr>, Problem> {
        if self.is_nil() {
            return Ok(None);
        }
        let (first, second) = match self.tagged_addr()? {
            Tagged::Unix(path) => {
                return Addr::of_uds_path(path)
                    .map(Some)
                    .map_err(|_| Problem::Value { expected: "an absolute path of a socket" });
            }
            Tagged::Pair(first, second) => (first, second),
        };
        if first.is_nil() && second.is_nil() {
            return Ok(None);
        }
        let host = first.name()?;
        match second.head()?.0 {
            Head::Str(_) => Ok(Some(Addr::Uds { dir: host.to_owned(), file: second.name()?.to_owned() })),
            Head::Uint(_) | Head::Int(_) => {
                let ip: IpAddr =
                    host.parse().map_err(|_| Problem::Value { expected: "an ip literal as host" })?;
                let port = u16::try_from(second.int()?)
                    .map_err(|_| Problem::Value { expected: "a port from 0 to 65535" })?;
                Ok(Some(Addr::Tcp(SocketAddr::new(ip, port))))
            }
            other => Err(wrong("a port or a file name as second part of an address", other)),
        }
    }

    /// The parts of an address. There are two, and the type of the second tells the transport; or the transport's name
    /// comes first, before the two parts or before a path.
    fn tagged_addr(self) -> Result<Tagged<'f>, Problem> {
        let wrong = Problem::Value { expected: "an address, an array of two" };
        let mut items = self.items()?;
        let (Some(first), Some(second), third, None) =
            (items.next(), items.next(), items.next(), items.next())
        else {
            return Err(wrong);
        };
        let (first, second) = (first?, second?);
        match third {
            None if first.text() == Ok("unix") => Ok(Tagged::Unix(second.name()?)),
            None => Ok(Tagged::Pair(first, second)),
            Some(third) if first.text() == Ok("tcp") => Ok(Tagged::Pair(second, third?)),
            Some(_) => Err(wrong),
        }
    }

    /// An address; nil or `[nil, nil]` stands for the default registry.
    pub(super) fn addr(self) -> Result<Addr, Problem> {
        Ok(self.addr_or_nil()?.unwrap_or(Addr::DEFAULT_REGISTRY))
    }

    /// Every item of an array.
    pub(super) fn list<T>(self, read: impl Fn(Self) -> Result<T, Problem>) -> Result<Vec<T>, Problem> {
        self.items()?.map(|item| read(item?)).collect()
    }

    /// Every entry of a map from text to text, in order.
    pub(super) fn text_map(self) -> Result<Vec<(String, String)>, Problem> {
        let mut map = Vec::new();
        self.entries(|key, value| {
            map.push((key.to_owned(), value.text()?.to_owned()));
            Ok(())
        })?;
        Ok(map)
    }

    /// Every entry of a map from the name of a knob to an integer.
    pub(super) fn knobs(self, mut set: impl FnMut(&str, u64)) -> Result<(), Problem> {
        self.entries(|knob, value| match value.head()?.0 {
            Head::Uint(n) => {
                set(knob, n);
                Ok(())
            }
            other => Err(wrong("an int from 0 on", other)),
        })
    }

    fn entries(self, mut each: impl FnMut(&'f str, Self) -> Result<(), Problem>) -> Result<(), Problem> {
        let (first, at) = self.head()?;
        let Head::Map(entries) = first else { return Err(wrong("a map", first)) };
        let mut halves = Items { frame: self.frame, at, left: 2 * checked_len(entries)? };
        while let (Some(key), Some(value)) = (halves.next(), halves.next()) {
            each(key?.text()?, value?)?;
        }
        Ok(())
    }

    /// The items of an array of bounded length.
    pub(super) fn items(self) -> Result<Items<'f>, Problem> {
        let (first, at) = self.head()?;
        let Head::Array(len) = first else { return Err(wrong("an array", first)) };
        Ok(Items { frame: self.frame, at, left: checked_len(len)? })
    }

    pub(super) fn is_nil(self) -> bool {
        matches!(self.head(), Ok((Head::Nil, _)))
    }

    pub(super) fn pair(self, expected: &'static str) -> Result<(Self, Self), Problem> {
        let mut items = self.items().map_err(|problem| match problem {
            Problem::WrongType { found, .. } => Problem::WrongType { expected, found },
            other => other,
        })?;
        match (items.next(), items.next(), items.next()) {
            (Some(first), Some(second), None) => Ok((first?, second?)),
            _ => Err(Problem::Value { expected }),
        }
    }

    fn head(self) -> Result<(Head, usize), Problem> {
        head(self.frame, self.at).map_err(malformed)
    }
}

/// The items of an array, or the keys and values of a map in turn.
pub(super) struct Items<'f> {
    frame: &'f Bytes,
    at: usize,
    left: usize,
}

impl<'f> Iterator for Items<'f> {
    type Item = Result<Value<'f>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let at = self.at;
        let item = skip_value(self.frame, at, usize::MAX).map_err(malformed);
        Some(item.map(|end| {
            self.at = end;
            Value { frame: self.frame, at, end }
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // The lower bound is zero: nothing may be allocated by a claimed length.
        (0, Some(self.left))
    }
}

impl Items<'_> {
    /// How many items are left.
    pub(super) fn left(&self) -> usize {
        self.left
    }
}

fn checked_len(len: u32) -> Result<usize, Problem> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    if len > ENVELOPE_ENTRIES_MAX {
        return Err(Problem::TooLong { len, limit: ENVELOPE_ENTRIES_MAX, knob: "ENVELOPE_ENTRIES_MAX" });
    }
    Ok(len)
}

fn bounded<'f>(text: &'f str, limit: usize, knob: &'static str) -> Result<&'f str, Problem> {
    if text.len() > limit {
        return Err(Problem::TooLong { len: text.len(), limit, knob });
    }
    Ok(text)
}

fn wrong(expected: &'static str, found: Head) -> Problem {
    Problem::WrongType { expected, found: found.kind() }
}

/// Never called, because the values were walked before. An error is still better than a panic.
fn malformed(_: RawError) -> Problem {
    Problem::Value { expected: "well-formed messagepack" }
}
