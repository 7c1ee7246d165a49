//! Decodes any bytes as the body of a frame. An accepted message is written and read again without a change.
//!
//! Finds a panic, a payload that is not exactly one value of the frame, a message that does not survive a round trip,
//! and a fast path ([`codec::peek_pld`], [`codec::peek_start_ack`]) that disagrees with the full decode.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tractor_fuzz::{encoded, raw_spans};
use tractor_proto::codec::{self, PldKind};
use tractor_proto::limits::NESTING_DEPTH_MAX;
use tractor_proto::msg::Msg;
use tractor_proto::msgpack as raw;
use tractor_proto::payload;

fuzz_target!(|data: &[u8]| {
    let frame = Bytes::copy_from_slice(data);
    check_fast_paths(&frame);
    let msg = match codec::decode(&frame) {
        Ok(msg) => msg,
        Err(error) => {
            assert!(error.to_string().len() < 4096, "an error text without a bound: {error}");
            return;
        }
    };
    // The consumer of a `Yield` checks its payload; here it may be anything but empty.
    let unchecked = matches!(msg, Msg::Yield { .. });
    for span in raw_spans(&msg) {
        let inside = frame.as_ptr_range().contains(&span.as_ptr());
        assert!(inside && span.len() <= frame.len(), "a payload outside of its frame");
        assert!(unchecked || raw::check_one_value(span, NESTING_DEPTH_MAX).is_ok(), "{span:02x?} in {msg:?}");
        payload::render(span);
    }
    if let Msg::Yield { pld, .. } = &msg
        && raw::check_one_value(pld, NESTING_DEPTH_MAX).is_err()
    {
        return;
    }
    let again = encoded(&msg);
    let read =
        codec::decode(&again).unwrap_or_else(|error| panic!("{msg:?} is refused when sent on: {error}"));
    assert_eq!(read, msg);
    assert_eq!(encoded(&read), again, "a message has two encodings");
});

/// Checks that the fast path agrees with a decode.
fn check_fast_paths(frame: &Bytes) {
    let decoded = codec::decode(frame).ok();
    let as_cid = |cid: &[u8]| std::str::from_utf8(cid).ok().and_then(tractor_proto::id::Cid::new);
    for kind in [PldKind::Started, PldKind::Yield, PldKind::Return, PldKind::CancelAck] {
        let Some((cid, at)) = codec::peek_pld(kind, frame) else { continue };
        let Some(cid) = as_cid(cid) else { continue };
        let pld = frame.slice(at..);
        if raw::check_one_value(&pld, NESTING_DEPTH_MAX - 1).is_err() {
            continue; // the consumer refuses it
        }
        let found = match kind {
            PldKind::Started => Msg::Started { cid, pld },
            PldKind::Yield => Msg::Yield { cid, pld },
            PldKind::Return => Msg::Return { cid, pld },
            PldKind::CancelAck => Msg::CancelAck { cid, pld },
        };
        assert_eq!(decoded.as_ref(), Some(&found));
    }
    if let Some((cid, functype)) = codec::peek_start_ack(frame)
        && let Some(cid) = as_cid(cid)
    {
        assert_eq!(decoded, Some(Msg::StartAck { cid, functype }));
    }
}
