//! Checks of a payload before it is sent: that it encodes, that its encoding decodes to its type again, and that it
//! keeps to the endpoint's rule.
//!
//! The checks hold no lock, because serializers, deserializers and destructors are user code.

use bytes::Bytes;

use super::encoded::Encoded;
use super::end::SessionEnd;
use crate::error::{Blame, Details, MsgTypeError};
use crate::proto::codec::{self, PldKind};
use crate::proto::limits::ERROR_VALUE_DEPTH_MAX;
use crate::proto::msgpack;
use crate::proto::payload::{self, Payload, PayloadError};

/// The checks of a first value before it is sent; for [`Context::started_with`](crate::Context::started_with).
#[derive(Debug)]
pub struct Check<T> {
    /// Whether the decoded value may stand for the original; `None` without decoding.
    accepts: Option<fn(&T, &T) -> bool>,
}

impl<T> Check<T> {
    /// No check: the receiver finds a mistake, and its side gets the error.
    pub const OFF: Self = Self { accepts: None };
    /// The value encodes, and its encoding decodes to a `T`, as in [`Context::started`](crate::Context::started).
    pub const DECODES: Self = Self { accepts: Some(|_, _| true) };

    /// As [`DECODES`](Self::DECODES), and the decoded `T` equals the original. A value that does not equal itself, such
    /// as a NaN, is refused.
    pub const fn same() -> Self
    where
        T: PartialEq,
    {
        Self { accepts: Some(T::eq) }
    }
}

impl<T: Payload> Check<T> {
    /// As [`DECODES`](Self::DECODES), for a type that is known to pass it.
    pub(super) fn of_result() -> Self {
        if payload::always_decodes::<T>() { Self::OFF } else { Self::DECODES }
    }
}

impl SessionEnd {
    /// Encodes a value of this side, and checks the encoding.
    #[inline]
    pub(crate) fn encode<T: Payload>(
        &self,
        kind: PldKind,
        value: &T,
        check: &Check<T>,
    ) -> Result<Encoded, MsgTypeError> {
        // Nothing in them can be wrong.
        if let Some(bytes) = payload::share_bytes(value) {
            return Ok(Encoded::of_bytes(bytes));
        }
        let encoded =
            Encoded::by(|out| value.encode_payload(self.format, self.peer.payload_depth_max(), out))
                .map_err(|problem| self.unencodable::<T>(kind, problem))?;
        if let Some(accepts) = check.accepts {
            self.decode_again(value, encoded.bytes(), accepts)
                .map_err(|problem| self.mismatch(kind, encoded.bytes(), T::shown(), problem, Blame::Local))?;
        }
        Ok(encoded)
    }

    /// Decodes an encoding as the peer will.
    fn decode_again<T: Payload>(
        &self,
        value: &T,
        encoded: &[u8],
        accepts: fn(&T, &T) -> bool,
    ) -> Result<(), PayloadError> {
        let depth_max = self.peer.channel.limits().nesting_depth_max;
        let decoded = T::decode_payload(encoded, self.format, depth_max)
            .map_err(|problem| problem.preceded_by("it was not sent, as it does not decode again"))?;
        if accepts(value, &decoded) {
            Ok(())
        } else {
            Err(PayloadError::new("it was not sent, as it decodes to another value"))
        }
    }

    /// The error for a value of this side that does not encode.
    #[cold]
    fn unencodable<T: Payload>(&self, kind: PldKind, problem: PayloadError) -> MsgTypeError {
        let details = Details {
            message: kind.name().to_owned(),
            found: T::shown().to_owned(),
            expected: T::shown().to_owned(),
            path: problem.path().to_owned(),
            problem: problem.to_string(),
            ..Details::default()
        };
        MsgTypeError::new(details, &self.peer.us, Blame::Local, self.cid)
    }

    /// The error for an encoded payload of the wrong type.
    pub(crate) fn mismatch(
        &self,
        kind: PldKind,
        encoded: &[u8],
        expected: impl Into<String>,
        problem: PayloadError,
        blame: Blame,
    ) -> MsgTypeError {
        let details = Details {
            message: kind.name().to_owned(),
            value: payload::render(encoded),
            found: payload::kind(encoded).to_owned(),
            expected: expected.into(),
            path: problem.path().to_owned(),
            problem: problem.to_string(),
            ..Details::default()
        };
        let sender = match blame {
            Blame::Local => &self.peer.us,
            Blame::Peer => &self.peer.aid.uid,
        };
        let limit = self.peer.channel.limits().nesting_depth_max.min(ERROR_VALUE_DEPTH_MAX);
        let shown = msgpack::check_one_value(encoded, limit).is_ok();
        let bad_msg = shown.then(|| {
            let mut out = Vec::new();
            codec::encode_pld(kind, &self.cid, encoded, &mut out);
            Bytes::from(out)
        });
        MsgTypeError::new(details, sender, blame, self.cid).showing(bad_msg)
    }
}
