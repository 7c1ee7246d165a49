//! Structs as arrays, unless one leaves a field out.
//!
//! `#[serde(skip_serializing_if = "..")]` makes a struct shorter. In an array the fields behind the missing one would move
//! up, and where the reader's fields have defaults it would take one for the other without an error. serde tells a
//! serializer of every field that is left out; rmp-serde does not listen. [`Listening`] hands everything through to it
//! and does.
//!
//! # Not here
//! A field that is never written (`skip_serializing`) or never read (`skip_deserializing`) is not announced. See
//! [`Payload`](super::Payload).

use std::cell::Cell;
use std::fmt::Display;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// Writes a value with `serializer`. Stops with [`LeavesOut`](Stopped::LeavesOut) at the first struct that is
/// shorter than its type says.
#[inline]
pub(super) fn serialize<T: Serialize + ?Sized, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<(), Stopped<S::Error>> {
    let left_out = Cell::new(false);
    match value.serialize(Listening { inner: serializer, left_out: &left_out }) {
        Ok(_) if !left_out.get() => Ok(()),
        // A serializer of the user's may have swallowed the error.
        Ok(_) => Err(Stopped::LeavesOut),
        Err(_) if left_out.get() => Err(Stopped::LeavesOut),
        Err(error) => Err(Stopped::Failed(error)),
    }
}

/// Why a value was not written to its end.
pub(super) enum Stopped<E> {
    /// A struct leaves a field out.
    LeavesOut,
    /// The value's own serializer failed.
    Failed(E),
}

/// A serializer, or a part of one, that notes when a field is left out.
struct Listening<'a, S> {
    inner: S,
    left_out: &'a Cell<bool>,
}

/// A value on its way into a [`Listening`] serializer.
struct Nested<'a, T: ?Sized> {
    value: &'a T,
    left_out: &'a Cell<bool>,
}

impl<T: Serialize + ?Sized> Serialize for Nested<'_, T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Listening { inner: serializer, left_out: self.left_out })
    }
}

impl<'a, S> Listening<'a, S> {
    #[inline]
    fn nested<'v, T: ?Sized>(&self, value: &'v T) -> Nested<'v, T>
    where
        'a: 'v,
    {
        Nested { value, left_out: self.left_out }
    }

    #[inline]
    fn part<P, E>(self, begin: impl FnOnce(S) -> Result<P, E>) -> Result<Listening<'a, P>, E> {
        let inner = begin(self.inner)?;
        Ok(Listening { inner, left_out: self.left_out })
    }

    #[cold]
    fn leave_out<E: Error>(&self, key: &str) -> Result<(), E> {
        self.left_out.set(true);
        Err(E::custom(format_args!("the field `{key}` is left out")))
    }
}

macro_rules! scalars {
    ($($name:ident: $ty:ty,)*) => {$(
        #[inline]
        fn $name(self, value: $ty) -> Result<S::Ok, S::Error> {
            self.inner.$name(value)
        }
    )*};
}

impl<'a, S: Serializer> Serializer for Listening<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Listening<'a, S::SerializeSeq>;
    type SerializeTuple = Listening<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Listening<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Listening<'a, S::SerializeTupleVariant>;
    type SerializeMap = Listening<'a, S::SerializeMap>;
    type SerializeStruct = Listening<'a, S::SerializeStruct>;
    type SerializeStructVariant = Listening<'a, S::SerializeStructVariant>;

    scalars! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_f32: f32,
        serialize_f64: f64,
        serialize_char: char,
        serialize_str: &str,
        serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    }

    #[inline]
    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    #[inline]
    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let value = self.nested(value);
        self.inner.serialize_some(&value)
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.nested(value);
        self.inner.serialize_newtype_struct(name, &value)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.nested(value);
        self.inner.serialize_newtype_variant(name, index, variant, &value)
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.part(|inner| inner.serialize_seq(len))
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.part(|inner| inner.serialize_tuple(len))
    }

    #[inline]
    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.part(|inner| inner.serialize_tuple_struct(name, len))
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.part(|inner| inner.serialize_tuple_variant(name, index, variant, len))
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.part(|inner| inner.serialize_map(len))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.part(|inner| inner.serialize_struct(name, len))
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.part(|inner| inner.serialize_struct_variant(name, index, variant, len))
    }

    #[inline]
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// The parts of a serializer that take values one after the other.
macro_rules! sequences {
    ($($part:ident: $method:ident;)*) => {$(
        impl<S: $part> $part for Listening<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                let value = self.nested(value);
                self.inner.$method(&value)
            }

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

sequences! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

/// The parts of a serializer that take fields by name.
macro_rules! structs {
    ($($part:ident)*) => {$(
        impl<S: $part> $part for Listening<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), S::Error> {
                let value = self.nested(value);
                self.inner.serialize_field(key, &value)
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
                self.leave_out(key)
            }

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
}

structs! { SerializeStruct SerializeStructVariant }

impl<S: SerializeMap> SerializeMap for Listening<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        let key = self.nested(key);
        self.inner.serialize_key(&key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        let value = self.nested(value);
        self.inner.serialize_value(&value)
    }

    #[inline]
    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}
