//! Walking MessagePack without decoding it: heads of values, skipping, and [`RawMap`].
//!
//! # Invariants
//! 1. Nothing here recurses or allocates by a claimed length. Skipping keeps one counter per open array or map, and
//!    each of these took at least one byte of input.
//! 2. A returned offset is within the input.

use std::ops::Range;

use rmp::Marker;

/// The error for bytes that are not exactly one acceptable MessagePack value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RawError {
    /// The input ends within a value.
    #[error("input ends within the value at byte {at}")]
    Truncated {
        /// Where the unfinished value starts.
        at: usize,
    },
    /// The byte 0xc1, which starts no value.
    #[error("byte {at} is 0xc1, which starts no value")]
    Reserved {
        /// Where it is.
        at: usize,
    },
    /// Bytes follow the value.
    #[error("value ends at byte {at} but more bytes follow")]
    Trailing {
        /// Where the value ends.
        at: usize,
    },
    /// Arrays and maps are nested deeper than the limit.
    #[error("arrays and maps are nested deeper than nesting_depth_max = {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// A map was expected.
    #[error("value is {found}, expected a map")]
    NotAMap {
        /// The kind of the value.
        found: &'static str,
    },
    /// A map's key is not text.
    #[error("map key at byte {at} is not text")]
    KeyNotText {
        /// Where the key is.
        at: usize,
    },
}

/// The offset after the value that starts at `at`, which may nest arrays and maps `depth_max` levels deep.
///
/// Text is not checked to be UTF-8.
///
/// # Errors
/// [`RawError::Truncated`], [`RawError::Reserved`], [`RawError::TooDeep`].
pub fn skip_value(bytes: &[u8], at: usize, depth_max: usize) -> Result<usize, RawError> {
    let (first, mut at) = head(bytes, at)?;
    let Some(items) = first.items() else { return Ok(at) };
    let mut levels = Levels::new(depth_max);
    levels.open(items)?;
    while levels.take_item() {
        let (item, next) = head(bytes, at)?;
        if let Some(items) = item.items() {
            // Every item takes at least one byte, so fewer bytes than items is an error at once.
            if items > (bytes.len() - next) as u64 {
                return Err(RawError::Truncated { at });
            }
            levels.open(items)?;
        }
        at = next;
    }
    Ok(at)
}

/// Checks that `bytes` are exactly one well-formed value.
///
/// # Errors
/// As [`skip_value`], and [`RawError::Trailing`].
pub fn check_one_value(bytes: &[u8], depth_max: usize) -> Result<(), RawError> {
    let end = skip_value(bytes, 0, depth_max)?;
    if end == bytes.len() { Ok(()) } else { Err(RawError::Trailing { at: end }) }
}

/// The entries of a map with text keys, as spans of the input. Values are skipped, not decoded.
///
/// Duplicate keys are yielded as they come. After an error the iterator ends.
#[derive(Debug, Clone)]
pub struct RawMap<'a> {
    bytes: &'a [u8],
    at: usize,
    left: u64,
    depth_max: usize,
}

impl<'a> RawMap<'a> {
    /// The map that starts `bytes`. Its values may nest `depth_max - 1` levels deep.
    ///
    /// # Errors
    /// [`RawError::NotAMap`], and as [`skip_value`].
    pub fn new(bytes: &'a [u8], depth_max: usize) -> Result<Self, RawError> {
        Self::starting_at(bytes, 0, depth_max)
    }

    /// The map that starts at `at`; the spans of its values count from the start of `bytes`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn starting_at(bytes: &'a [u8], at: usize, depth_max: usize) -> Result<Self, RawError> {
        let (first, at) = head(bytes, at)?;
        let Head::Map(entries) = first else { return Err(RawError::NotAMap { found: first.kind() }) };
        let values_depth = depth_max.checked_sub(1).ok_or(RawError::TooDeep { limit: depth_max })?;
        Ok(Self { bytes, at, left: u64::from(entries), depth_max: values_depth })
    }

    /// How many entries the map claims to have left. Not checked against the input: do not allocate by it.
    pub fn entries_left(&self) -> u64 {
        self.left
    }

    /// Where the next entry starts; after the last entry, where the map ends.
    pub fn offset(&self) -> usize {
        self.at
    }

    fn entry(&mut self) -> Result<(&'a str, Range<usize>), RawError> {
        let (key, value) = head(self.bytes, self.at)?;
        let Head::Str(start) = key else { return Err(RawError::KeyNotText { at: self.at }) };
        let key = std::str::from_utf8(&self.bytes[start..value])
            .map_err(|_| RawError::KeyNotText { at: self.at })?;
        self.at = skip_value(self.bytes, value, self.depth_max).map_err(|error| match error {
            RawError::TooDeep { limit } => RawError::TooDeep { limit: limit + 1 },
            other => other,
        })?;
        Ok((key, value..self.at))
    }
}

impl<'a> Iterator for RawMap<'a> {
    type Item = Result<(&'a str, Range<usize>), RawError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let entry = self.entry();
        if entry.is_err() {
            self.left = 0;
        }
        Some(entry)
    }
}

/// The first part of a value: its kind and small contents. The data of text, bytes and extensions begins at the offset
/// given here, and ends at the offset that [`head`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Head {
    Nil,
    Bool(bool),
    Uint(u64),
    /// An int below zero, or one in a signed form.
    Int(i64),
    Float,
    Str(usize),
    Bin(usize),
    Ext,
    Array(u32),
    Map(u32),
}

impl Head {
    /// How many values follow as its items; `None` unless it is an array or map.
    fn items(self) -> Option<u64> {
        match self {
            Self::Array(n) => Some(u64::from(n)),
            Self::Map(n) => Some(u64::from(n) * 2),
            Self::Nil
            | Self::Bool(_)
            | Self::Uint(_)
            | Self::Int(_)
            | Self::Float
            | Self::Str(_)
            | Self::Bin(_)
            | Self::Ext => None,
        }
    }

    /// The kind in words, for error texts.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a bool",
            Self::Uint(_) | Self::Int(_) => "an int",
            Self::Float => "a float",
            Self::Str(_) => "text",
            Self::Bin(_) => "bytes",
            Self::Ext => "an extension value",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
        }
    }
}

/// The head of the value at `at`, and the offset after it: after the data of text, bytes and extensions.
pub(crate) fn head(bytes: &[u8], at: usize) -> Result<(Head, usize), RawError> {
    let cut = RawError::Truncated { at };
    let Some(&first) = bytes.get(at) else { return Err(cut) };
    let body = at + 1;
    let found = match Marker::from_u8(first) {
        Marker::Null => Some((Head::Nil, body)),
        Marker::True => Some((Head::Bool(true), body)),
        Marker::False => Some((Head::Bool(false), body)),
        Marker::FixPos(n) => Some((Head::Uint(n.into()), body)),
        Marker::FixNeg(n) => Some((Head::Int(n.into()), body)),
        Marker::U8 => be(bytes, body).map(|(n, end)| (Head::Uint(u8::from_be_bytes(n).into()), end)),
        Marker::U16 => be(bytes, body).map(|(n, end)| (Head::Uint(u16::from_be_bytes(n).into()), end)),
        Marker::U32 => be(bytes, body).map(|(n, end)| (Head::Uint(u32::from_be_bytes(n).into()), end)),
        Marker::U64 => be(bytes, body).map(|(n, end)| (Head::Uint(u64::from_be_bytes(n)), end)),
        Marker::I8 => be(bytes, body).map(|(n, end)| (Head::Int(i8::from_be_bytes(n).into()), end)),
        Marker::I16 => be(bytes, body).map(|(n, end)| (Head::Int(i16::from_be_bytes(n).into()), end)),
        Marker::I32 => be(bytes, body).map(|(n, end)| (Head::Int(i32::from_be_bytes(n).into()), end)),
        Marker::I64 => be(bytes, body).map(|(n, end)| (Head::Int(i64::from_be_bytes(n)), end)),
        Marker::F32 => data(bytes, body, 4).map(|(_, end)| (Head::Float, end)),
        Marker::F64 => data(bytes, body, 8).map(|(_, end)| (Head::Float, end)),
        Marker::FixStr(n) => data(bytes, body, n.into()).map(|(start, end)| (Head::Str(start), end)),
        Marker::Str8 => sized::<1>(bytes, body).map(|(start, end)| (Head::Str(start), end)),
        Marker::Str16 => sized::<2>(bytes, body).map(|(start, end)| (Head::Str(start), end)),
        Marker::Str32 => sized::<4>(bytes, body).map(|(start, end)| (Head::Str(start), end)),
        Marker::Bin8 => sized::<1>(bytes, body).map(|(start, end)| (Head::Bin(start), end)),
        Marker::Bin16 => sized::<2>(bytes, body).map(|(start, end)| (Head::Bin(start), end)),
        Marker::Bin32 => sized::<4>(bytes, body).map(|(start, end)| (Head::Bin(start), end)),
        Marker::FixExt1 => data(bytes, body, 2).map(|(_, end)| (Head::Ext, end)),
        Marker::FixExt2 => data(bytes, body, 3).map(|(_, end)| (Head::Ext, end)),
        Marker::FixExt4 => data(bytes, body, 5).map(|(_, end)| (Head::Ext, end)),
        Marker::FixExt8 => data(bytes, body, 9).map(|(_, end)| (Head::Ext, end)),
        Marker::FixExt16 => data(bytes, body, 17).map(|(_, end)| (Head::Ext, end)),
        Marker::Ext8 => ext::<1>(bytes, body),
        Marker::Ext16 => ext::<2>(bytes, body),
        Marker::Ext32 => ext::<4>(bytes, body),
        Marker::FixArray(n) => Some((Head::Array(n.into()), body)),
        Marker::Array16 => count::<2>(bytes, body).map(|(n, end)| (Head::Array(n), end)),
        Marker::Array32 => count::<4>(bytes, body).map(|(n, end)| (Head::Array(n), end)),
        Marker::FixMap(n) => Some((Head::Map(n.into()), body)),
        Marker::Map16 => count::<2>(bytes, body).map(|(n, end)| (Head::Map(n), end)),
        Marker::Map32 => count::<4>(bytes, body).map(|(n, end)| (Head::Map(n), end)),
        Marker::Reserved => return Err(RawError::Reserved { at }),
    };
    found.ok_or(cut)
}

fn be<const N: usize>(bytes: &[u8], at: usize) -> Option<([u8; N], usize)> {
    Some((*bytes.get(at..)?.first_chunk()?, at + N))
}

/// A big-endian length of `N` bytes.
fn count<const N: usize>(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let (digits, end) = be::<N>(bytes, at)?;
    Some((digits.iter().fold(0, |n, digit| n << 8 | u32::from(*digit)), end))
}

/// The start and end of `len` bytes of data at `at`.
fn data(bytes: &[u8], at: usize, len: usize) -> Option<(usize, usize)> {
    let end = at.checked_add(len)?;
    (end <= bytes.len()).then_some((at, end))
}

fn sized<const N: usize>(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let (len, start) = count::<N>(bytes, at)?;
    data(bytes, start, usize::try_from(len).ok()?)
}

fn ext<const N: usize>(bytes: &[u8], at: usize) -> Option<(Head, usize)> {
    let (len, start) = count::<N>(bytes, at)?;
    let (_, end) = data(bytes, start, usize::try_from(len).ok()?.checked_add(1)?)?;
    Some((Head::Ext, end))
}

/// The number of levels kept without an allocation.
const INLINE_LEVELS: usize = 16;

/// Items left in each open array or map, outermost first.
struct Levels {
    inline: [u64; INLINE_LEVELS],
    /// Levels beyond `inline`.
    spill: Vec<u64>,
    depth: usize,
    depth_max: usize,
}

impl Levels {
    fn new(depth_max: usize) -> Self {
        Self { inline: [0; INLINE_LEVELS], spill: Vec::new(), depth: 0, depth_max }
    }

    fn open(&mut self, items: u64) -> Result<(), RawError> {
        if self.depth >= self.depth_max {
            return Err(RawError::TooDeep { limit: self.depth_max });
        }
        match self.inline.get_mut(self.depth) {
            Some(level) => *level = items,
            None => self.spill.push(items),
        }
        self.depth += 1;
        Ok(())
    }

    /// Takes one item off the innermost level that has one left; false when none has.
    fn take_item(&mut self) -> bool {
        while self.depth > 0 {
            let top = self.depth - 1;
            let left = match self.inline.get_mut(top) {
                Some(left) => Some(left),
                None => self.spill.last_mut(),
            };
            if let Some(left) = left
                && *left > 0
            {
                *left -= 1;
                return true;
            }
            self.spill.truncate(top.saturating_sub(INLINE_LEVELS));
            self.depth = top;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(bytes: &[u8]) -> Result<usize, RawError> {
        skip_value(bytes, 0, 64)
    }

    #[test]
    fn every_form_is_skipped_by_its_own_length() {
        let sized = |marker: u8, len: &[u8], data: usize| [&[marker], len, &vec![0; data]].concat();
        let mut forms = vec![vec![0x00], vec![0x7f], vec![0xe0], vec![0xc0], vec![0xc2], vec![0xc3]];
        for (marker, data) in [(0xcc, 1), (0xcd, 2), (0xce, 4), (0xcf, 8), (0xd0, 1), (0xd1, 2), (0xd2, 4)] {
            forms.push(sized(marker, &[], data));
        }
        for (marker, data) in [(0xd3, 8), (0xca, 4), (0xcb, 8), (0xa0, 0), (0xbf, 31)] {
            forms.push(sized(marker, &[], data));
        }
        for (marker, data) in [(0xd4, 2), (0xd5, 3), (0xd6, 5), (0xd7, 9), (0xd8, 17)] {
            forms.push(sized(marker, &[], data));
        }
        for (markers, type_byte) in
            [([0xd9, 0xda, 0xdb], 0), ([0xc4, 0xc5, 0xc6], 0), ([0xc7, 0xc8, 0xc9], 1)]
        {
            forms.push(sized(markers[0], &[200], 200 + type_byte));
            forms.push(sized(markers[1], &[1, 0], 256 + type_byte));
            forms.push(sized(markers[2], &[0, 1, 0, 0], 65_536 + type_byte));
        }
        for (small, wide) in [(0x92, [0xdc, 0xdd]), (0x81, [0xde, 0xdf])] {
            let items = if small == 0x92 { 2 } else { 1 };
            forms.push(sized(small, &[], 2));
            forms.push(sized(wide[0], &[0, items], 2));
            forms.push(sized(wide[1], &[0, 0, 0, items], 2));
        }
        for form in forms {
            assert_eq!(skip(&form), Ok(form.len()), "{:02x}", form[0]);
            assert!(skip(&form[..form.len() - 1]).is_err(), "{:02x}", form[0]);
            assert_eq!(skip(&[&form[..], &[0xc1]].concat()), Ok(form.len()), "{:02x}", form[0]);
        }
        assert_eq!(skip(&[0x91, 0xc1]), Err(RawError::Reserved { at: 1 }));
        assert_eq!(skip(&[]), Err(RawError::Truncated { at: 0 }));
    }

    #[test]
    fn levels_are_counted_beyond_the_inline_ones() {
        for levels in [1, INLINE_LEVELS - 1, INLINE_LEVELS, INLINE_LEVELS + 1, 3 * INLINE_LEVELS] {
            // Every level holds a full sibling before and after the deeper one.
            let open = [0x93, 0x91, 0x01].repeat(levels);
            let close = vec![0x80; levels];
            let bytes = [&open[..], &[0x02], &close].concat();
            assert_eq!(skip_value(&bytes, 0, levels + 1), Ok(bytes.len()), "{levels}");
            let error = skip_value(&bytes, 0, levels - 1);
            assert_eq!(error, Err(RawError::TooDeep { limit: levels - 1 }), "{levels}");
        }
    }

    #[test]
    fn a_map_yields_its_keys_and_spans() {
        let bytes = b"\xff\x83\xa1a\x01\xa2bc\x92\x01\x02\xa1a\xc0rest";
        let mut map = RawMap::starting_at(bytes, 1, 4).unwrap();
        assert_eq!(map.entries_left(), 3);
        let entries: Vec<_> = map.by_ref().map(Result::unwrap).collect();
        assert_eq!(entries, [("a", 4..5), ("bc", 8..11), ("a", 13..14)]);
        assert_eq!(map.offset(), 14);
    }

    #[test]
    fn a_map_stops_at_the_first_error() {
        let not_text = b"\x83\x01\x01\xa1a\x01\xa1b\x01";
        let entries: Vec<_> = RawMap::new(not_text, 4).unwrap().collect();
        assert_eq!(entries, [Err(RawError::KeyNotText { at: 1 })]);
        let deep = b"\x81\xa1a\x91\x91\x01";
        let entries: Vec<_> = RawMap::new(deep, 2).unwrap().collect();
        assert_eq!(entries, [Err(RawError::TooDeep { limit: 2 })]);
        assert!(RawMap::new(deep, 3).unwrap().all(|entry| entry.is_ok()));
        let found = RawMap::new(b"\x91\x01", 4).map(|_| ());
        assert_eq!(found, Err(RawError::NotAMap { found: "an array" }));
        assert_eq!(RawMap::new(b"\x80", 0).map(|_| ()), Err(RawError::TooDeep { limit: 0 }));
        let claimed: Vec<_> = RawMap::new(b"\xdf\xff\xff\xff\xff", 4).unwrap().collect();
        assert_eq!(claimed, [Err(RawError::Truncated { at: 5 })]);
    }
}
