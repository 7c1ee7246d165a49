//! The trace that a request belongs to, in the form of W3C Trace Context.
//!
//! Both texts pass from one tracer to another; this library does not interpret them. It checks them, so that a peer
//! cannot send unbounded or unprintable text to a tracer.

use super::limits::TRACESTATE_BYTES_MAX;

/// Widths of the fields of a `traceparent`: version, trace, span, flags.
const FIELDS: [usize; 4] = [2, 32, 16, 2];
/// All fields, and the dashes between them.
const TRACEPARENT_BYTES: usize = 55;

/// The trace that a request belongs to and the requesting span: the texts `traceparent` and `tracestate` of [W3C Trace
/// Context](https://www.w3.org/TR/trace-context/). Both are well-formed and bounded.
///
/// ```
/// # use tractor_proto::trace::TraceContext;
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let context = TraceContext::new(text).expect("it is well-formed");
/// assert_eq!(context.with_tracestate("shop=till7").tracestate(), "shop=till7");
/// assert_eq!(TraceContext::new("00-4bf9-00f0-01"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The `traceparent`, and behind it the `tracestate`.
    texts: Box<str>,
}

impl TraceContext {
    /// A context with this `traceparent` and an empty `tracestate`. `None` unless the text is 55 bytes long, as in
    /// version 00: a version (not `ff`), a trace, a span (neither of them only zeros) and flags, in lower-case
    /// hexadecimal digits.
    pub fn new(traceparent: &str) -> Option<Self> {
        is_traceparent(traceparent).then(|| Self { texts: traceparent.into() })
    }

    /// The same context with this `tracestate`. A `tracestate` that is longer than 512 bytes, or not printable ASCII,
    /// is dropped: the trace works without it.
    #[must_use]
    pub fn with_tracestate(self, tracestate: &str) -> Self {
        let is_printable = tracestate.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let tracestate =
            if is_printable && tracestate.len() <= TRACESTATE_BYTES_MAX { tracestate } else { "" };
        Self { texts: [self.traceparent(), tracestate].concat().into() }
    }

    /// Version, trace, span and flags, 55 bytes.
    pub fn traceparent(&self) -> &str {
        &self.texts[..TRACEPARENT_BYTES]
    }

    /// Entries of the tracers on the way, at most 512 bytes; empty without any.
    pub fn tracestate(&self) -> &str {
        &self.texts[TRACEPARENT_BYTES..]
    }
}

fn is_traceparent(text: &str) -> bool {
    let is_not_zero = |id: &str| id.bytes().any(|digit| digit != b'0');
    text.split('-').map(str::len).eq(FIELDS)
        && text.bytes().all(|byte| matches!(byte, b'-' | b'0'..=b'9' | b'a'..=b'f'))
        && !text.starts_with("ff")
        && text.split('-').skip(1).take(2).all(is_not_zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_taken_as_it_is_or_not_at_all() {
        assert_eq!(TraceContext::new(TRACEPARENT).expect("well-formed").traceparent(), TRACEPARENT);
        let with = |from: &str, to: &str| TRACEPARENT.replacen(from, to, 1);
        let wrong = [
            String::new(),
            format!("{TRACEPARENT}-"),
            format!("{TRACEPARENT}-00"),
            format!(" {TRACEPARENT}"),
            TRACEPARENT[..54].to_owned(),
            with("00-", "ff-"),
            with("4bf9", "4BF9"),
            with("4bf9", "4g f"),
            with("4bf9", "\u{e9}\u{e9}"),
            with("4bf9", "-bf9"),
            with("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            with("00f067aa0ba902b7", &"0".repeat(16)),
            with("-01", "-0"),
        ];
        for wrong in wrong {
            assert_eq!(TraceContext::new(&wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_tracestate_that_does_not_fit_is_left_out() {
        let context = TraceContext::new(TRACEPARENT).expect("well-formed");
        assert_eq!(context.tracestate(), "");
        for state in ["", "a=1, b@c=2", &"x".repeat(TRACESTATE_BYTES_MAX)] {
            assert_eq!(context.clone().with_tracestate(state).tracestate(), state);
        }
        for state in [&*"x".repeat(TRACESTATE_BYTES_MAX + 1), "a=\n", "a=\u{e9}"] {
            let context = context.clone().with_tracestate("a=1").with_tracestate(state);
            assert_eq!((context.traceparent(), context.tracestate()), (TRACEPARENT, ""), "{state:?}");
        }
    }
}
