//! Reference arguments: a call owns what it was given, and the endpoint borrows from that.

use std::borrow::{Borrow, ToOwned};

use bytes::Bytes;

use crate::proto::payload::Payload;

/// A type that an endpoint may take as a reference: `&str`, `&[T]`, `&T`.
#[diagnostic::on_unimplemented(
    message = "an endpoint cannot take a `&{Self}`",
    label = "has no owned twin that travels",
    note = "the call keeps an owned copy of the value and sends that: derive `Clone`, `serde::Serialize` and \
            `serde::Deserialize` for the type, or take the argument by value"
)]
pub trait Lend {
    /// What travels.
    type Owned: Payload;
    /// What the endpoint gets a reference to.
    type Lent: ?Sized;
    #[doc(hidden)]
    fn own(lent: &Self::Lent) -> Self::Owned;
    #[doc(hidden)]
    fn lend(owned: &Self::Owned) -> &Self::Lent;
}

#[diagnostic::do_not_recommend]
impl<T: ToOwned<Owned: Payload> + ?Sized> Lend for T {
    type Owned = T::Owned;
    type Lent = T;

    fn own(lent: &T) -> T::Owned {
        lent.to_owned()
    }

    fn lend(owned: &T::Owned) -> &T {
        owned.borrow()
    }
}

/// A type that the endpoint `E` may take a reference to, and that travels itself.
#[diagnostic::on_unimplemented(
    message = "`{E}` cannot take a `&{Self}`: the call keeps a copy of the value, and sends it",
    label = "not `Clone`, or not a payload type",
    note = "derive `Clone`, `serde::Serialize` and `serde::Deserialize` for `{Self}`, or take the argument by value"
)]
pub trait Copied<E> {
    #[doc(hidden)]
    fn copied(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E, T: Clone + Payload> Copied<E> for T {
    fn copied(&self) -> T {
        self.clone()
    }
}

/// Stands for `[u8]`, which travels as bytes rather than as a list of numbers.
#[derive(Debug)]
pub enum ByteSlice {}

impl Lend for ByteSlice {
    type Owned = Bytes;
    type Lent = [u8];

    fn own(lent: &[u8]) -> Bytes {
        Bytes::copy_from_slice(lent)
    }

    fn lend(owned: &Bytes) -> &[u8] {
        owned
    }
}
