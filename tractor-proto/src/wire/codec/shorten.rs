//! Shortening an error message until it fits into a frame.

use super::encode::{encode_error, prefix};
use crate::msg::ErrorMsg;
use crate::msgpack::check_one_value;

/// Bytes of the text that are kept.
const MESSAGE_BYTES_KEPT: usize = 1000;

/// Drops details, the least useful first, until the message has at most `bytes_max` bytes and no field is nested more
/// than `depth_max` levels deep. Returns whether the message now fits: names of types and actors are never cut, and
/// their sender chooses their length.
pub fn shorten_error(error: &mut ErrorMsg, bytes_max: usize, depth_max: usize) -> bool {
    leave_out_what_is_too_deep(error, depth_max);
    let cuts: [fn(&mut ErrorMsg); 2] = [leave_out_what_it_shows, leave_out_all_but_the_text];
    for cut in cuts {
        if fits(error, bytes_max) {
            return true;
        }
        cut(error);
    }
    fits(error, bytes_max)
}

fn fits(error: &ErrorMsg, bytes_max: usize) -> bool {
    let mut encoded = Vec::new();
    encode_error(error, &mut encoded);
    encoded.len() <= bytes_max
}

fn leave_out_what_is_too_deep(error: &mut ErrorMsg, depth_max: usize) {
    let fits = |value: &[u8], depth_max: usize| check_one_value(value, depth_max).is_ok();
    error.bad_msg.take_if(|value| !fits(value, depth_max));
    error.bad_msg_as_dict.take_if(|value| !fits(value, depth_max));
    // The value is one level deeper, in a pair with the name of its type.
    error.value.take_if(|error| !fits(&error.value, depth_max.saturating_sub(1)));
}

fn leave_out_what_it_shows(error: &mut ErrorMsg) {
    error.bad_msg = None;
    error.bad_msg_as_dict = None;
}

fn leave_out_all_but_the_text(error: &mut ErrorMsg) {
    error.value = None;
    error.causes.clear();
    error.tb_str.clear();
    if let Some(text) = &mut error.message {
        text.truncate(prefix(text, MESSAGE_BYTES_KEPT).len());
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::id::{Cid, Uid};
    use crate::msg::ErrorValue;

    fn error() -> ErrorMsg {
        let value = Bytes::from([&[0xc4, 200][..], &[7; 200]].concat());
        ErrorMsg {
            cid: Cid::new("c1"),
            tb_str: "t".repeat(2000),
            causes: vec!["disk full".to_owned()],
            bad_msg: Some(value.clone()),
            bad_msg_as_dict: Some(value.clone()),
            value: Some(ErrorValue { type_name: "app::Full".to_owned(), value }),
            ..ErrorMsg::new(Uid::new("worker", "u"), "Full", "é".repeat(900))
        }
    }

    fn shortened(bytes_max: usize) -> (bool, ErrorMsg) {
        let mut error = error();
        let fits = shorten_error(&mut error, bytes_max, 16);
        (fits, error)
    }

    fn bytes_of(error: &ErrorMsg) -> usize {
        let mut out = Vec::new();
        encode_error(error, &mut out);
        out.len()
    }

    #[test]
    fn an_error_within_the_limit_is_not_shortened() {
        let whole = bytes_of(&error());
        assert_eq!(shortened(whole), (true, error()));
        assert_ne!(shortened(whole - 1), (true, error()));
    }

    #[test]
    fn details_go_first_and_the_text_is_cut_last() {
        let (fits, without_shown) = shortened(bytes_of(&error()) - 1);
        assert!(fits);
        assert_eq!(without_shown, ErrorMsg { bad_msg: None, bad_msg_as_dict: None, ..error() });
        let (fits, short) = shortened(bytes_of(&without_shown) - 1);
        assert!(fits);
        assert_eq!(short.message.as_deref(), Some("é".repeat(500).as_str()));
        assert_eq!((short.cid, &short.src_type_str), (error().cid, &error().src_type_str));
        assert!(short.tb_str.is_empty() && short.causes.is_empty() && short.value.is_none());
    }

    #[test]
    fn details_too_deep_for_the_receiver_are_left_out() {
        let deep = |levels| Some(Bytes::from([vec![0x91; levels], vec![0xc0]].concat()));
        let mut error = ErrorMsg { bad_msg: deep(4), bad_msg_as_dict: deep(5), ..error() };
        let value = error.value.as_mut().expect("the error has a value");
        value.value = deep(4).expect("some bytes");
        let frame_depth = |error: &ErrorMsg| {
            let mut out = Vec::new();
            encode_error(error, &mut out);
            (1..).find(|levels| check_one_value(&out, *levels).is_ok())
        };
        assert!(shorten_error(&mut error, 1 << 20, 4));
        assert_eq!(
            (error.bad_msg.as_ref(), error.bad_msg_as_dict.as_ref(), &error.value),
            (deep(4).as_ref(), None, &None)
        );
        assert_eq!(frame_depth(&error), Some(5));
        error.value = self::error().value;
        assert!(shorten_error(&mut error, 1 << 20, 1));
        assert!(error.value.is_some() && error.bad_msg.is_none(), "a pair of a name and bytes");
    }

    #[test]
    fn names_are_never_cut() {
        let mut error = ErrorMsg::new(Uid::new("worker", "u"), "E".repeat(500), "short");
        assert!(!shorten_error(&mut error, 600, 16));
        assert_eq!(error.src_type_str.len(), 500);
    }
}
