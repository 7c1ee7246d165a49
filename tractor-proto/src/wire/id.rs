//! Identities of actors ([`Uid`], [`Aid`]) and of dialogs ([`Cid`]), and the extensions of a peer ([`Caps`]).

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::limits::CID_BYTES_MAX;

/// The identity of an actor: the name its spawner chose and a random UUID in text form.
///
/// Two uids are equal when their UUIDs are; names may repeat. Cloning is cheap.
#[derive(Clone)]
pub struct Uid {
    name: Arc<str>,
    uuid: Arc<str>,
}

impl Uid {
    /// An identity from its two parts.
    pub fn new(name: impl Into<Arc<str>>, uuid: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), uuid: uuid.into() }
    }

    /// The name chosen by the spawner; not unique.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The UUID text; unique.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// The first six characters of the UUID, as used in logs.
    pub fn uuid_short(&self) -> &str {
        self.uuid.get(..6).unwrap_or(&self.uuid)
    }
}

impl PartialEq for Uid {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl Eq for Uid {}

impl Hash for Uid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

/// With control characters escaped: the connecting peer chooses both parts, and they appear in logs and terminals.
impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", Escaped(&self.name), Escaped(self.uuid_short()))
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// An actor's self-description, in the first frame of every connection.
#[derive(Debug, Clone)]
pub struct Aid {
    /// Name and UUID.
    pub uid: Uid,
    /// Operating-system process id.
    pub pid: Option<i64>,
    /// Whether it is a registrar.
    pub is_registrar: Option<bool>,
    /// Whether the connection is a probe: it asks which actor listens, and closes at once.
    pub is_probe: bool,
    /// Extensions it understands; empty for a peer that only speaks the base protocol.
    pub caps: Caps,
    /// Largest frame body it accepts; `None` for a peer that only speaks the base protocol.
    pub frame_bytes_max: Option<usize>,
    /// The program image that it runs, if known; see [`Image`].
    pub image: Option<Image>,
    /// Challenge that the other end must answer when the connection asks for a proof of the tree's secret.
    pub nonce: Option<[u8; 32]>,
}

impl Aid {
    /// An identity without a process id and without extensions.
    pub fn new(uid: Uid) -> Self {
        Self {
            uid,
            pid: None,
            is_registrar: None,
            is_probe: false,
            caps: Caps::NONE,
            frame_bytes_max: None,
            image: None,
            nonce: None,
        }
    }
}

/// Equal when the UUIDs are equal; the other fields are ignored.
impl PartialEq for Aid {
    fn eq(&self, other: &Self) -> bool {
        self.uid == other.uid
    }
}

impl Eq for Aid {}

/// The secret of an actor tree, which its actors prove to each other. Not shown by `{:?}`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// The secret with these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The id of the program image that an actor runs. Actors with the same id have the same types.
///
/// The root draws it at random. A child takes its parent's if it runs the same executable. It is not secret: a peer
/// that makes a false claim garbles only its own messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Image([u8; Self::BYTES]);

impl Image {
    /// Bytes of the id on the wire.
    pub const BYTES: usize = 16;

    /// The id from its bytes on the wire.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id on the wire.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// Without the bytes, which belong in no log.
impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Image(..)")
    }
}

/// A set of protocol extensions, announced by both ends in their [`Aid`].
///
/// An extension is used on a connection only when both ends announced it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Caps(u32);

impl Caps {
    /// The base protocol only.
    pub const NONE: Self = Self(0);
    /// `Credit` messages: stream senders wait for room at the receiver.
    pub const CREDIT: Self = Self(1);
    /// A value of a union names its variant. Between actors of one image a `Start` may say that the structs of its
    /// dialog are arrays.
    pub const POSITIONAL: Self = Self(1 << 1);
    /// A `Ready` message tells the parent that a child has booted.
    pub const READY: Self = Self(1 << 2);
    /// An `Auth` message proves knowledge of the tree's secret.
    pub const AUTH: Self = Self(1 << 3);
    /// A `Start` may say how much time its caller has left.
    pub const DEADLINE: Self = Self(1 << 4);
    /// An `Error` message may carry the failure as a value.
    pub const ERROR_VALUES: Self = Self(1 << 5);
    /// An actor registered over a connection stays registered as long as that connection is open.
    pub const REGISTRY: Self = Self(1 << 6);
    /// A `Start` may say which trace it belongs to.
    pub const TRACE: Self = Self(1 << 7);
    /// A function that is ready at once sends its result without a `StartAck` before it.
    pub const UNACKED: Self = Self(1 << 8);
    /// Everything this implementation understands.
    pub const ALL: Self = Self::ANNOUNCED.or(Self::AUTH);

    /// The extensions that an actor announces on every connection; `AUTH` is added where a proof is wanted.
    pub const ANNOUNCED: Self = Self::BASIC.or(Self::UNACKED);

    /// As `ANNOUNCED`, for an actor that wants a `StartAck` for every accepted request.
    pub const BASIC: Self = Self::CREDIT
        .or(Self::POSITIONAL)
        .or(Self::READY)
        .or(Self::DEADLINE)
        .or(Self::ERROR_VALUES)
        .or(Self::REGISTRY)
        .or(Self::TRACE);

    /// Wire names, in bit order.
    pub const NAMES: [(Self, &'static str); 9] = [
        (Self::CREDIT, "credit"),
        (Self::POSITIONAL, "positional"),
        (Self::READY, "ready"),
        (Self::AUTH, "auth"),
        (Self::DEADLINE, "deadline"),
        (Self::ERROR_VALUES, "error_values"),
        (Self::REGISTRY, "registry"),
        (Self::TRACE, "trace"),
        (Self::UNACKED, "unacked"),
    ];

    /// Whether every extension of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The extensions in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The extensions in either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The wire names of the set's members.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(cap, _)| self.contains(*cap)).map(|(_, name)| name)
    }

    /// The extension with this wire name; unknown names are the empty set.
    pub fn from_name(name: &str) -> Self {
        Self::NAMES.into_iter().find(|(_, n)| *n == name).map_or(Self::NONE, |(cap, _)| cap)
    }
}

impl fmt::Debug for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// The id of one dialog on one connection; text of at most 39 bytes, kept inline.
#[derive(Clone, Copy)]
pub struct Cid {
    len: u8,
    text: [u8; CID_BYTES_MAX],
}

impl Cid {
    /// An id from its text, or `None` when it is empty or longer than 39 bytes.
    pub fn new(text: &str) -> Option<Self> {
        Self::from_utf8(text.as_bytes())
    }

    /// As [`new`](Self::new), from bytes that may not be text.
    #[inline]
    pub fn from_utf8(bytes: &[u8]) -> Option<Self> {
        // Checking a few bytes for ASCII costs less than calling `from_utf8`.
        if !bytes.iter().all(u8::is_ascii) {
            std::str::from_utf8(bytes).ok()?;
        }
        if bytes.is_empty() || bytes.len() > CID_BYTES_MAX {
            return None;
        }
        let mut cid = Self { len: u8::try_from(bytes.len()).ok()?, text: [0; CID_BYTES_MAX] };
        cid.text[..bytes.len()].copy_from_slice(bytes);
        Some(cid)
    }

    /// The short id of the `n`-th dialog opened by the end of a connection that `prefix` stands for.
    #[inline]
    pub fn short(prefix: u8, n: u64) -> Self {
        let digits = n.checked_ilog10().unwrap_or(0) as usize + 1;
        let mut cid = Self { len: 1 + digits as u8, text: [0; CID_BYTES_MAX] };
        cid.text[0] = prefix;
        let mut rest = n;
        for digit in cid.text[1..=digits].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        cid
    }

    /// The number of a [`short`](Self::short) id with this prefix. `None` for any other text.
    #[inline]
    pub fn number(prefix: u8, text: &[u8]) -> Option<u64> {
        // So many digits cannot overflow.
        const DIGITS_MAX: usize = 19;
        let (first, digits) = text.split_first()?;
        let is_number = (1..=DIGITS_MAX).contains(&digits.len()) && (digits.len() == 1 || digits[0] != b'0');
        if *first != prefix || !is_number {
            return None;
        }
        digits.iter().try_fold(0, |n, byte| {
            let digit = byte.wrapping_sub(b'0');
            (digit < 10).then(|| n * 10 + u64::from(digit))
        })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("a cid is built from text only")
    }

    /// Whether the id has this text. Most ids are so short that calling `memcmp` costs more than comparing the bytes.
    #[inline]
    pub fn is(&self, text: &[u8]) -> bool {
        text.len() == usize::from(self.len)
            && text.iter().zip(&self.text).all(|(theirs, ours)| theirs == ours)
    }

    /// The id as UTF-8 bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.len)]
    }
}

impl PartialEq for Cid {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Cid {}

/// The hash of its bytes, as `Borrow` requires.
impl Hash for Cid {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

/// Lets a map find an id by bytes that are still in a frame.
impl Borrow<[u8]> for Cid {
    #[inline]
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// With control characters escaped.
impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Escaped(self.as_str()), f)
    }
}

/// A text from a peer, with control characters escaped: it can neither begin a line nor move a cursor.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(char::is_control) {
            let (plain, tail) = rest.split_at(at);
            let mut chars = tail.chars();
            f.write_str(plain)?;
            write!(f, "{}", chars.next().unwrap_or_default().escape_default())?;
            rest = chars.as_str();
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_names_are_escaped() {
        let name = "x\n00:00 [ERROR] forged\x1b[2J\r\u{9b}\t é";
        let uid = Uid::new(name, "\n23456789");
        let shown = r"x\n00:00 [ERROR] forged\u{1b}[2J\r\u{9b}\t é[\n23456]";
        assert_eq!((uid.to_string(), format!("{uid:?}")), (shown.to_owned(), shown.to_owned()));
        assert_eq!((uid.name(), uid.uuid()), (name, "\n23456789"), "the value itself is not escaped");
        assert_eq!(Cid::new("a\nb").expect("a short id").to_string(), r"a\nb");
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(
            format!("{:?} {:#?}", Secret::new([7; 32]), Secret::new([7; 32])),
            "Secret(..) Secret(..)"
        );
    }

    #[test]
    fn short_cids_are_prefix_and_digits() {
        assert_eq!(Cid::short(b'd', 0).as_str(), "d0");
        assert_eq!(Cid::short(b'a', 1_234_567).as_str(), "a1234567");
        assert_eq!(Cid::short(b'a', u64::MAX).as_str(), "a18446744073709551615");
    }

    #[test]
    fn the_number_of_a_short_cid_is_read_from_its_own_text_only() {
        for n in [0, 9, 10, 1_234_567, 10_u64.pow(19) - 1] {
            assert_eq!(Cid::number(b'd', Cid::short(b'd', n).as_bytes()), Some(n));
        }
        let others = [
            "",
            "d",
            "a1",
            "d01",
            "d00",
            "d1 ",
            "d-1",
            "d+1",
            "d1a",
            "d1:",
            "d1/",
            "1",
            "d10000000000000000000",
        ];
        for text in others {
            assert_eq!(Cid::number(b'd', text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn cid_length_is_bounded() {
        assert!(Cid::new("").is_none());
        assert!(Cid::new(&"x".repeat(CID_BYTES_MAX)).is_some());
        assert!(Cid::new(&"x".repeat(CID_BYTES_MAX + 1)).is_none());
    }

    #[test]
    fn a_cid_is_text() {
        assert_eq!(Cid::from_utf8("é1".as_bytes()).as_ref().map(Cid::as_str), Some("é1"));
        for bytes in [&b"\xff"[..], b"d\xc3", b"\xc3(", b""] {
            assert!(Cid::from_utf8(bytes).is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn uids_are_equal_by_uuid_alone() {
        assert_eq!(Uid::new("a", "1"), Uid::new("b", "1"));
        assert_ne!(Uid::new("a", "1"), Uid::new("a", "2"));
    }

    #[test]
    fn caps_round_trip_through_names_and_ignore_unknown_ones() {
        let caps = Caps::ALL.names().map(Caps::from_name).fold(Caps::NONE, Caps::or);
        assert_eq!(caps, Caps::ALL);
        assert!(Caps::from_name("teleport").is_empty());
    }
}
