//! A cache of requests: a `Start` is constant per caller and endpoint, except its dialog id and arguments.
//!
//! If the constant parts of a frame in the usual key order equal, byte for byte, those of an earlier frame, both ask
//! for the same endpoint. Two comparisons replace the decoding.

use std::ops::Range;

use super::heads::{peek_cid, strip_head};
use crate::id::Cid;

/// A `Start` message up to and including the key `cid`, without and with the field on the layout of its values.
const START_HEADS: [&[u8]; 2] = [b"\x87\xa8msg_type\xa5Start\xa3cid", b"\x88\xa8msg_type\xa5Start\xa3cid"];
/// Requests remembered per connection.
const KNOWN_MAX: usize = 16;
/// Longest constant parts remembered.
const CONSTANT_BYTES_MAX: usize = 2048;

/// The constant parts of requests seen on one connection, each with its target.
#[derive(Debug)]
pub struct StartCache<T> {
    known: Vec<Known<T>>,
}

#[derive(Debug)]
struct Known<T> {
    /// The first byte of the message, which holds its number of fields.
    fields: u8,
    /// Between the dialog id and the arguments.
    middle: Box<[u8]>,
    /// After the arguments.
    tail: Box<[u8]>,
    target: T,
}

impl<T> Default for StartCache<T> {
    fn default() -> Self {
        Self { known: Vec::new() }
    }
}

impl<T> StartCache<T> {
    /// The dialog id, the arguments' range and the target, when the request is a known one.
    ///
    /// The arguments are not checked: they must be read as one map that ends where the range does.
    #[inline]
    pub fn find<'a>(&'a self, frame: &[u8]) -> Option<(Cid, Range<usize>, &'a T)> {
        let (fields, cid, rest) = peek_start(frame)?;
        let known = self.known.iter().find(|known| {
            known.fields == fields
                && rest.len() > known.middle.len() + known.tail.len()
                && rest.starts_with(&known.middle)
                && rest.ends_with(&known.tail)
        })?;
        let cid = Cid::from_utf8(cid)?;
        let kwargs_at = frame.len() - rest.len() + known.middle.len();
        Some((cid, kwargs_at..frame.len() - known.tail.len(), &known.target))
    }

    /// Remembers a request after a full decode: `kwargs` is the range of its arguments in `frame`.
    ///
    /// Do not call this for a request with a deadline or a trace: `target` does not include them, so a later request
    /// with the same bytes would lose them.
    pub fn learn(&mut self, frame: &[u8], kwargs: Range<usize>, target: T) {
        let Some((fields, _, rest)) = peek_start(frame) else { return };
        let rest_at = frame.len() - rest.len();
        let (Some(middle), Some(tail)) = (frame.get(rest_at..kwargs.start), frame.get(kwargs.end..)) else {
            return;
        };
        if self.known.len() < KNOWN_MAX && middle.len() + tail.len() <= CONSTANT_BYTES_MAX {
            self.known.push(Known { fields, middle: middle.into(), tail: tail.into(), target });
        }
    }
}

/// The first byte, the dialog id, and what follows it.
#[inline]
fn peek_start(frame: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let rest = START_HEADS.iter().find_map(|head| strip_head(frame, head))?;
    let (cid, rest) = peek_cid(rest)?;
    Some((frame[0], cid, rest))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::codec::{StartHead, decode, encode};
    use crate::id::Uid;
    use crate::msg::Msg;

    fn start(cid: &str, func: &str, args: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let head = StartHead::new("mod", func, &Uid::new("root", "u"), "any", false);
        head.begin(&Cid::new(cid).expect("a short id"), &mut out);
        out.extend_from_slice(args);
        head.finish(&mut out);
        out
    }

    fn learned(frame: &[u8]) -> StartCache<u8> {
        let Ok(Msg::Start(msg)) = decode(&Bytes::copy_from_slice(frame)) else { panic!("a start") };
        let at = frame
            .windows(msg.kwargs.len())
            .position(|window| window == msg.kwargs)
            .expect("the frame contains the arguments");
        let mut known = StartCache::default();
        known.learn(frame, at..at + msg.kwargs.len(), 7);
        known
    }

    #[test]
    fn a_request_seen_before_is_found_with_other_arguments() {
        let known = learned(&start("d1", "add", b"\x81\xa1a\x01"));
        let frame = start("d22", "add", b"\x81\xa1a\xcd\x01\x00");
        let (cid, kwargs, target) = known.find(&frame).expect("the request is known");
        assert_eq!((cid.as_str(), &frame[kwargs], *target), ("d22", &b"\x81\xa1a\xcd\x01\x00"[..], 7));
    }

    #[test]
    fn another_function_caller_or_key_order_is_not_found() {
        let known = learned(&start("d1", "add", b"\x80"));
        assert!(known.find(&start("d1", "sub", b"\x80")).is_none());
        assert!(known.find(&start("d1", "add", b"")).is_none(), "no arguments at all");
        let mut other = Vec::new();
        let Ok(Msg::Start(mut msg)) = decode(&Bytes::from(start("d1", "add", b"\x80"))) else {
            panic!("a start")
        };
        msg.uid = Uid::new("root", "v");
        encode(&Msg::Start(msg), &mut other);
        assert!(known.find(&other).is_none());
    }

    #[test]
    fn a_request_of_another_layout_or_with_another_count_of_fields_is_not_found() {
        let with = |positional| {
            let mut out = Vec::new();
            let head = StartHead::new("mod", "add", &Uid::new("root", "u"), "any", positional);
            head.begin(&Cid::new("d1").expect("a short id"), &mut out);
            out.push(0x80);
            head.finish(&mut out);
            out
        };
        let frame = with(true);
        let known = learned(&frame);
        assert!(known.find(&frame).is_some());
        assert!(known.find(&with(false)).is_none());
        let mut miscounted = frame;
        miscounted[0] = 0x87;
        assert!(known.find(&miscounted).is_none());
    }

    #[test]
    fn every_cut_of_a_known_request_is_survived() {
        let frame = start("d1", "add", b"\x81\xa1a\x01");
        let known = learned(&frame);
        for end in 0..frame.len() {
            assert!(known.find(&frame[..end]).is_none(), "cut at {end}");
        }
    }
}
