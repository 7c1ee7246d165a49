//! What is checked of a payload before it leaves: that it encodes, that its encoding is a value of its type again, and that it
//! keeps to the endpoint's rule.
//!
//! The sender of a dialog's first and last value learns of its own mistakes, instead of the receiver. No lock is held
//! meanwhile: serializers, deserializers and destructors are user code.

use bytes::Bytes;

use super::encoded::Encoded;
use super::linked::Linked;
use crate::error::{Blame, Details, MsgTypeError};
use crate::proto::codec::{self, PldKind, raw};
use crate::proto::limits::ERROR_VALUE_DEPTH_MAX;
use crate::proto::payload::{self, Payload, PayloadError, PayloadFormat};

/// A payload whose type is not known here.
pub(crate) trait ErasedPayload {
    /// Appends the value.
    fn encode(&self, format: PayloadFormat, out: &mut Vec<u8>) -> Result<(), PayloadError>;
    /// Checks that an encoding is a value of the same type, and whatever else is known of the type.
    fn check(&self, linked: &Linked, encoded: &[u8]) -> Result<(), PayloadError>;
    /// The name of its type.
    fn type_name(&self) -> &'static str;
}

impl<T: Payload> ErasedPayload for T {
    #[inline]
    fn encode(&self, format: PayloadFormat, out: &mut Vec<u8>) -> Result<(), PayloadError> {
        self.encode_payload(format, out)
    }

    #[inline]
    fn check(&self, linked: &Linked, encoded: &[u8]) -> Result<(), PayloadError> {
        linked.decode_own::<T>(encoded).map(drop)
    }

    fn type_name(&self) -> &'static str {
        T::shown()
    }
}

/// Says what is wrong with a value, if anything is: the `validate = path` of an endpoint's attribute.
pub type Rule<T> = fn(&T) -> Result<(), String>;

/// A value with the rule that it has to keep to.
pub(super) struct Ruled<T> {
    pub(super) value: T,
    pub(super) rule: Option<Rule<T>>,
}

impl<T: Payload> ErasedPayload for Ruled<T> {
    fn encode(&self, format: PayloadFormat, out: &mut Vec<u8>) -> Result<(), PayloadError> {
        self.value.encode_payload(format, out)
    }

    fn check(&self, linked: &Linked, encoded: &[u8]) -> Result<(), PayloadError> {
        self.value.check(linked, encoded)?;
        linked.check_rule(self.rule, &self.value)
    }

    fn type_name(&self) -> &'static str {
        self.value.type_name()
    }
}

/// How far a first value is checked before it is sent; for [`Context::started_with`](crate::Context::started_with).
#[derive(Debug)]
pub struct Check<T> {
    pub(crate) how: How<T>,
}

/// See [`Check`].
#[derive(Debug)]
pub(crate) enum How<T> {
    Off,
    Decodes,
    Same(fn(&T, &T) -> bool),
}

impl<T> Check<T> {
    /// Not at all: the receiver finds what is wrong, and the error is raised there.
    pub const OFF: Self = Self { how: How::Off };
    /// It encodes, its encoding is a `T` again, and keeps to the attribute's `validate`: what [`Context::started`](crate::Context::started) does.
    pub const DECODES: Self = Self { how: How::Decodes };

    /// As [`DECODES`](Self::DECODES), and the `T` it decodes to equals the one that was sent. What does not equal itself, such
    /// as a NaN, is refused.
    pub const fn same() -> Self
    where
        T: PartialEq,
    {
        Self { how: How::Same(T::eq) }
    }
}

impl Linked {
    /// Encodes a value and checks it as `how` says, then hands the encoding on.
    pub(crate) fn with_checked<T: Payload, R>(
        &self,
        kind: PldKind,
        value: &T,
        how: &How<T>,
        rule: Option<Rule<T>>,
        then: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, MsgTypeError> {
        self.with_encoded(kind, value, |encoded| {
            let checked = match how {
                How::Off => Ok(()),
                How::Decodes => value.check(self, encoded).and_then(|()| self.check_rule(rule, value)),
                How::Same(same) => {
                    let another = || PayloadError::new("it was not sent, as it decodes to another value");
                    let decoded = self.decode_own(encoded);
                    let checked = decoded
                        .and_then(|decoded| if same(value, &decoded) { Ok(()) } else { Err(another()) });
                    checked.and_then(|()| self.check_rule(rule, value))
                }
            };
            checked
                .map_err(|problem| self.mismatch(kind, encoded, value.type_name(), problem, Blame::Local))?;
            Ok(then(encoded))
        })?
    }

    /// As [`with_checked`](Self::with_checked), for a type that is not known here.
    pub(super) fn with_checked_erased<R>(
        &self,
        kind: PldKind,
        value: &dyn ErasedPayload,
        then: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, MsgTypeError> {
        self.with_encoded(kind, value, |encoded| match value.check(self, encoded) {
            Ok(()) => Ok(then(encoded)),
            Err(problem) => Err(self.mismatch(kind, encoded, value.type_name(), problem, Blame::Local)),
        })?
    }

    fn with_encoded<R>(
        &self,
        kind: PldKind,
        value: &dyn ErasedPayload,
        then: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, MsgTypeError> {
        match Encoded::by(|out| value.encode(self.format, out)) {
            Ok(encoded) => Ok(then(&encoded)),
            Err(problem) => Err(self.unencodable(kind, value, problem)),
        }
    }

    /// What the peer will make of an encoding of ours.
    fn decode_own<T: Payload>(&self, encoded: &[u8]) -> Result<T, PayloadError> {
        let depth_max = self.peer.channel.limits().nesting_depth_max;
        T::decode_payload(encoded, self.format, depth_max).map_err(|problem| {
            PayloadError::new(format!("it was not sent, as it does not decode again: {problem}"))
        })
    }

    /// Asks the rule of the endpoint's attribute, for values of either side.
    #[inline]
    pub(crate) fn check_rule<T>(&self, rule: Option<Rule<T>>, value: &T) -> Result<(), PayloadError> {
        let Some(Err(problem)) = rule.map(|rule| rule(value)) else { return Ok(()) };
        Err(PayloadError::new(format!("`validate` of `{}` says: {problem}", self.endpoint)))
    }

    /// A value of this side that does not encode.
    pub(super) fn unencodable(
        &self,
        kind: PldKind,
        value: &(impl ErasedPayload + ?Sized),
        problem: PayloadError,
    ) -> MsgTypeError {
        let details = Details {
            message: kind.name().to_owned(),
            found: value.type_name().to_owned(),
            expected: value.type_name().to_owned(),
            problem: problem.to_string(),
            ..Details::default()
        };
        MsgTypeError::new(details, &self.peer.us, Blame::Local, self.cid)
    }

    /// An encoded payload that does not have the type it should.
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
            problem: problem.to_string(),
            ..Details::default()
        };
        let sender = match blame {
            Blame::Local => &self.peer.us,
            Blame::Peer => &self.peer.aid.uid,
        };
        let limit = self.peer.channel.limits().nesting_depth_max.min(ERROR_VALUE_DEPTH_MAX);
        let shown = raw::check_one_value(encoded, limit).is_ok();
        let bad_msg = shown.then(|| {
            let mut out = Vec::new();
            codec::encode_pld(kind, &self.cid, encoded, &mut out);
            Bytes::from(out)
        });
        MsgTypeError::new(details, sender, blame, self.cid).showing(bad_msg)
    }
}
