//! What is checked of a payload before it leaves: that it encodes, and that its encoding is a value of its type again.
//!
//! The sender of a dialog's first and last value learns of its own mistakes, instead of the receiver. No lock is held
//! meanwhile: serializers, deserializers and destructors are user code.

use std::cell::Cell;

use bytes::Bytes;

use super::linked::Linked;
use crate::error::{Blame, Details, MsgTypeError};
use crate::proto::codec::{self, PldKind, raw};
use crate::proto::limits::ERROR_VALUE_DEPTH_MAX;
use crate::proto::payload::{self, Payload, PayloadError, PayloadFormat};

/// A payload whose type is not known here.
pub(crate) trait ErasedPayload {
    /// Appends the value.
    fn encode(&self, format: PayloadFormat, out: &mut Vec<u8>) -> Result<(), PayloadError>;
    /// Checks that an encoding is a value of the same type.
    fn check(&self, encoded: &[u8], format: PayloadFormat, depth_max: usize) -> Result<(), PayloadError>;
    /// The name of its type.
    fn type_name(&self) -> &'static str;
}

impl<T: Payload> ErasedPayload for T {
    #[inline]
    fn encode(&self, format: PayloadFormat, out: &mut Vec<u8>) -> Result<(), PayloadError> {
        self.encode_payload(format, out)
    }

    #[inline]
    fn check(&self, encoded: &[u8], format: PayloadFormat, depth_max: usize) -> Result<(), PayloadError> {
        T::decode_payload(encoded, format, depth_max).map(drop)
    }

    fn type_name(&self) -> &'static str {
        std::any::type_name::<T>()
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
    /// It encodes, and its encoding is a `T` again: what [`Context::started`](crate::Context::started) does.
    pub const DECODES: Self = Self { how: How::Decodes };

    /// As [`DECODES`](Self::DECODES), and the `T` it decodes to equals the one that was sent.
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
        then: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, MsgTypeError> {
        let format = self.peer.format();
        self.with_encoded(kind, value, |encoded| {
            let depth_max = self.peer.channel.limits().nesting_depth_max;
            let checked = match how {
                How::Off => Ok(()),
                How::Decodes => value.check(encoded, format, depth_max).map_err(undecodable),
                How::Same(same) => {
                    let decoded = T::decode_payload(encoded, format, depth_max).map_err(undecodable);
                    let another = PayloadError::new("it was not sent, as it decodes to another value");
                    decoded.and_then(|decoded| if same(value, &decoded) { Ok(()) } else { Err(another) })
                }
            };
            checked
                .map_err(|problem| self.mismatch(kind, encoded, value.type_name(), problem, Blame::Local))?;
            if !matches!(how, How::Off) {
                self.check_specs(kind, encoded, Blame::Local)?;
            }
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
        self.with_encoded(kind, value, |encoded| {
            let depth_max = self.peer.channel.limits().nesting_depth_max;
            match value.check(encoded, self.peer.format(), depth_max) {
                Ok(()) => Ok(then(encoded)),
                Err(problem) => {
                    let problem = undecodable(problem);
                    Err(self.mismatch(kind, encoded, value.type_name(), problem, Blame::Local))
                }
            }
        })?
    }

    fn with_encoded<R>(
        &self,
        kind: PldKind,
        value: &dyn ErasedPayload,
        then: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, MsgTypeError> {
        let mut scratch = Scratch::take();
        match value.encode(self.peer.format(), &mut scratch.bytes) {
            Ok(()) => Ok(then(&scratch.bytes)),
            Err(problem) => Err(self.unencodable(kind, value, problem)),
        }
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

fn undecodable(problem: PayloadError) -> PayloadError {
    PayloadError::new(format!("it was not sent, as it does not decode again: {problem}"))
}

/// A buffer that the values of one thread take turns with.
struct Scratch {
    bytes: Vec<u8>,
}

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A larger buffer is given back to the allocator.
const SCRATCH_BYTES_KEPT_MAX: usize = 64 * 1024;

impl Scratch {
    /// The thread's buffer; a new one while a serializer that uses it sends something itself.
    fn take() -> Self {
        let mut bytes = SCRATCH.try_with(Cell::take).unwrap_or_default();
        bytes.clear();
        Self { bytes }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.bytes.capacity() <= SCRATCH_BYTES_KEPT_MAX {
            // A thread that is ending has no place for it any more.
            _ = SCRATCH.try_with(|kept| kept.set(std::mem::take(&mut self.bytes)));
        }
    }
}
