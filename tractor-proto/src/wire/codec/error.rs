//! The error for a frame that is not a message.

use std::fmt;

use crate::id::Cid;
use crate::msgpack::RawError;

/// The error for a frame that is not a message.
///
/// [`cid`](Self::cid) gives the dialog to answer, if the frame named one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The body is not one MessagePack value. Counts as a bad frame; it names no dialog to answer.
    #[error("frame is not one messagepack value")]
    NotMsgpack(#[source] RawError),
    /// Arrays and maps are nested too deep. Counts as a bad frame, unless it names a dialog.
    #[error("frame is nested deeper than nesting_depth_max = {limit}{}", Dialog(.cid))]
    TooDeep {
        /// The limit.
        limit: usize,
        /// The dialog, when the frame named it before the deep value.
        cid: Option<Cid>,
    },
    /// No message has this name.
    #[error("unknown message type {tag:?}{}", Dialog(.cid))]
    UnknownTag {
        /// The name, cut to a readable length.
        tag: String,
        /// The dialog.
        cid: Option<Cid>,
    },
    /// A field is missing or wrong.
    #[error("field {field:?} of {msg}{} {problem}", Dialog(.cid))]
    Schema {
        /// The message's name, or `message` when the name itself is wrong.
        msg: &'static str,
        /// The dialog.
        cid: Option<Cid>,
        /// The field's name on the wire; `frame` when the frame as a whole is wrong.
        field: &'static str,
        /// The problem with it.
        problem: Problem,
    },
}

impl DecodeError {
    /// The dialog that the frame names, if its id is well-formed.
    pub fn cid(&self) -> Option<Cid> {
        match self {
            Self::NotMsgpack(_) => None,
            Self::TooDeep { cid, .. } | Self::UnknownTag { cid, .. } | Self::Schema { cid, .. } => *cid,
        }
    }

    /// Whether the frame counts towards `bad_frames_max`: it names no dialog to answer, and it cannot be read to its
    /// end. A deep frame that names a dialog does not count, because a correct peer with other limits may send one.
    pub fn is_bad_frame(&self) -> bool {
        match self {
            Self::NotMsgpack(_) | Self::TooDeep { cid: None, .. } => true,
            Self::TooDeep { cid: Some(_), .. } | Self::UnknownTag { .. } | Self::Schema { .. } => false,
        }
    }
}

/// A problem with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The field is missing and has no default.
    Missing,
    /// Its key occurs more than once.
    Twice,
    /// It is of another type.
    WrongType {
        /// The expected type.
        expected: &'static str,
        /// The actual type.
        found: &'static str,
    },
    /// It has the right type but a value that makes no sense.
    Value {
        /// The rule it breaks.
        expected: &'static str,
    },
    /// A text or list is over its limit.
    TooLong {
        /// Its length in bytes or entries.
        len: usize,
        /// The limit.
        limit: usize,
        /// The limit's name.
        knob: &'static str,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Twice => f.write_str("occurs twice"),
            Self::WrongType { expected, found } => write!(f, "is {found}, expected {expected}"),
            Self::Value { expected } => write!(f, "has a bad value, expected {expected}"),
            Self::TooLong { len, limit, knob } => write!(f, "has length {len}, over {knob} = {limit}"),
        }
    }
}

/// ` in dialog <cid>`, or nothing.
struct Dialog<'a>(&'a Option<Cid>);

impl fmt::Display for Dialog<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(cid) => write!(f, " in dialog {cid}"),
            None => Ok(()),
        }
    }
}
