//! Writing values as MessagePack, as rmp-serde does; but values that a reader would misread are detected.
//!
//! | value | what happens |
//! | --- | --- |
//! | a struct with another number of fields than its type reads (`skip_serializing_if`), as an array | the whole value is written with names instead |
//! | a tuple struct or variant with another number of fields than its type reads | refused: it is an array in every format |
//! | nil inside of `Some` | refused: it would be read as `None` |
//! | arrays and maps nested too deep | refused, before the levels below are visited |
//! | a serializer that writes another number of parts than it announced, or half of an entry, or continues after an error | refused |
//!
//! A write without an error is exactly one value, whatever the user's serializers do. One serializer serves every
//! format, so that a payload type is compiled once.

use std::cell::RefCell;
use std::fmt::Display;

use rmp::encode;
use serde::ser::{self, Serialize, Serializer};

use super::heads::{in_memory, write_f64, write_len, write_text, write_uint};
use super::layout::Layout;
use super::{PayloadError, PayloadFormat, TOO_DEEP};
use crate::limits::VALUE_DEPTH_MAX;
use crate::msgpack;

/// Appends a value, of at most `depth_max` levels of arrays and maps.
#[inline]
pub(super) fn encode<T: Serialize + ?Sized>(
    value: &T,
    format: PayloadFormat,
    depth_max: usize,
    layout: fn() -> &'static Layout,
    out: &mut Vec<u8>,
) -> Result<(), PayloadError> {
    let is_positional = format == PayloadFormat::Positional;
    let mut how =
        How { has_names: !is_positional, is_for_people: !is_positional, layout, lost: RefCell::default() };
    let begin = out.len();
    let levels = depth_max.min(VALUE_DEPTH_MAX);
    loop {
        let done = value.serialize(Encoder { out: &mut *out, how: &how, levels, in_some: false });
        // A user's serializer may have swallowed the error.
        match how.lost.take() {
            None => return done,
            Some(Lost::Refused(why)) => return Err(why),
            Some(Lost::Names) => {
                out.truncate(begin);
                how.has_names = true;
            }
        }
    }
}

/// The settings and the fate of the whole value.
struct How {
    /// Whether structs are maps, not arrays.
    has_names: bool,
    /// Whether types with a human-readable form are written in that form.
    is_for_people: bool,
    layout: fn() -> &'static Layout,
    /// Why the value cannot be written this way; the first reason is kept.
    lost: RefCell<Option<Lost>>,
}

enum Lost {
    /// The value needs the names of its fields.
    Names,
    /// The value cannot be written in any format.
    Refused(PayloadError),
}

impl How {
    #[cold]
    fn lose<T>(&self, lost: Lost) -> Result<T, PayloadError> {
        self.lost.borrow_mut().get_or_insert(lost);
        Err(PayloadError::new("it is not written this way"))
    }

    #[cold]
    fn refuse<T>(&self, why: impl Into<String>) -> Result<T, PayloadError> {
        self.lose(Lost::Refused(PayloadError::new(why)))
    }

    /// Notes that a part was left unfinished. The user's serializer may continue, but the whole value is refused.
    #[cold]
    fn broken(&self, error: PayloadError) -> PayloadError {
        self.lost.borrow_mut().get_or_insert_with(|| Lost::Refused(error.clone()));
        error
    }

    #[cold]
    fn too_deep<T>(&self) -> Result<T, PayloadError> {
        self.refuse(TOO_DEEP)
    }

    /// Checks the number of fields of a struct.
    #[inline]
    fn check_fields(&self, name: &str, variant: &str, count: usize) -> Result<(), PayloadError> {
        if self.has_names || (self.layout)().reads(name, variant, count) == Some(true) {
            return Ok(());
        }
        self.lose(Lost::Names)
    }

    /// Checks the number of fields of a tuple struct or variant.
    #[inline]
    fn check_elements(&self, name: &str, variant: &str, count: usize) -> Result<(), PayloadError> {
        if (self.layout)().reads(name, variant, count) != Some(false) {
            return Ok(());
        }
        let separator = if variant.is_empty() { "" } else { "::" };
        self.refuse(format!(
            "`{name}{separator}{variant}` has {count} fields here and is read with another number: in a tuple, the \
             others would move up"
        ))
    }
}

/// The serializer.
struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    how: &'a How,
    /// Arrays and maps that may be nested here.
    levels: usize,
    /// Directly inside of a `Some`.
    in_some: bool,
}

impl<'a> Encoder<'a> {
    fn nil(self) -> Result<(), PayloadError> {
        if self.in_some {
            let why = "a `Some` with nothing but nil inside would be read as `None`: put what it holds into a struct";
            return self.how.refuse(why);
        }
        in_memory(encode::write_nil(self.out));
        Ok(())
    }

    /// The next value is inside of a map, under this name.
    fn under(self, name: &str) -> Result<Self, PayloadError> {
        let Some(levels) = self.levels.checked_sub(1) else { return self.how.too_deep() };
        in_memory(encode::write_map_len(self.out, 1));
        write_text(self.out, name);
        Ok(Self { levels, in_some: false, ..self })
    }

    fn array(self, len: usize) -> Result<Parts<'a>, PayloadError> {
        self.parts(Some(len), false)
    }

    /// The parts of an array or map: one value each in an array, two in a map.
    #[inline]
    fn parts(self, len: Option<usize>, is_map: bool) -> Result<Parts<'a>, PayloadError> {
        let Some(levels) = self.levels.checked_sub(1) else { return self.how.too_deep() };
        let begin = self.out.len();
        let parts = Parts {
            out: self.out,
            how: self.how,
            levels,
            begin,
            len,
            count: 0,
            shape: if is_map { Shape::Map } else { Shape::Array },
        };
        if let Some(len) = len {
            write_len(parts.out, len, is_map)?;
        }
        Ok(parts)
    }
}

/// The newtype as which an extension value is written.
const EXT_STRUCT: &str = "_ExtStruct";

impl ser::Error for PayloadError {
    fn custom<T: Display>(text: T) -> Self {
        Self::new(text.to_string())
    }
}

macro_rules! scalars {
    ($($name:ident($ty:ty) $write:ident;)*) => {$(
        #[inline]
        fn $name(self, value: $ty) -> Result<(), PayloadError> {
            in_memory(encode::$write(self.out, value.into()));
            Ok(())
        }
    )*};
}

macro_rules! unsigned {
    ($($name:ident($ty:ty);)*) => {$(
        #[inline]
        fn $name(self, value: $ty) -> Result<(), PayloadError> {
            write_uint(self.out, value.into());
            Ok(())
        }
    )*};
}

impl<'a> Serializer for Encoder<'a> {
    type Ok = ();
    type Error = PayloadError;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    scalars! {
        serialize_bool(bool) write_bool;
        serialize_i8(i8) write_sint;
        serialize_i16(i16) write_sint;
        serialize_i32(i32) write_sint;
        serialize_i64(i64) write_sint;
        serialize_f32(f32) write_f32;
        serialize_bytes(&[u8]) write_bin;
    }

    unsigned! {
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), PayloadError> {
        write_f64(self.out, value);
        Ok(())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), PayloadError> {
        write_text(self.out, value);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), PayloadError> {
        self.serialize_bytes(&value.to_be_bytes())
    }

    fn serialize_u128(self, value: u128) -> Result<(), PayloadError> {
        self.serialize_bytes(&value.to_be_bytes())
    }

    fn serialize_char(self, value: char) -> Result<(), PayloadError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_none(self) -> Result<(), PayloadError> {
        self.nil()
    }

    fn serialize_unit(self) -> Result<(), PayloadError> {
        self.nil()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), PayloadError> {
        value.serialize(Self { in_some: true, ..self })
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), PayloadError> {
        self.array(0).map(drop)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), PayloadError> {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), PayloadError> {
        if name == EXT_STRUCT {
            let begin = self.out.len();
            let mut ext = rmp_serde::Serializer::new(&mut *self.out);
            ext.serialize_newtype_struct(name, value)
                .map_err(|error| PayloadError::new(error.to_string()))?;
            // The tag and bytes come from a user's serializer, which may give them twice.
            return match msgpack::check_one_value(&self.out[begin..], 0) {
                Ok(()) => Ok(()),
                Err(error) => self.how.refuse(format!("an extension value: {error}")),
            };
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), PayloadError> {
        value.serialize(self.under(variant)?)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Parts<'a>, PayloadError> {
        self.parts(len, false)
    }

    fn serialize_tuple(self, len: usize) -> Result<Parts<'a>, PayloadError> {
        self.array(len)
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Parts<'a>, PayloadError> {
        self.how.check_elements(name, "", len)?;
        self.array(len)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Parts<'a>, PayloadError> {
        self.how.check_elements(name, variant, len)?;
        self.under(variant)?.array(len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Parts<'a>, PayloadError> {
        self.parts(len, true)
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Parts<'a>, PayloadError> {
        self.how.check_fields(name, "", len)?;
        let has_names = self.how.has_names;
        self.parts(Some(len), has_names)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Parts<'a>, PayloadError> {
        self.how.check_fields(name, variant, len)?;
        let has_names = self.how.has_names;
        self.under(variant)?.parts(Some(len), has_names)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.how.is_for_people
    }
}

/// An array or map that is being written.
struct Parts<'a> {
    out: &'a mut Vec<u8>,
    how: &'a How,
    /// Arrays and maps that may be nested inside.
    levels: usize,
    /// Where it begins.
    begin: usize,
    /// How many parts its serializer announced, if it did.
    len: Option<usize>,
    /// How many parts were written.
    count: usize,
    shape: Shape,
}

/// The kind of value that has the parts.
// One word, because processors are slow to read a word that was written as single bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Shape {
    Array,
    Map,
    /// A map whose last key has no value yet.
    Entry,
}

impl Parts<'_> {
    #[inline]
    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PayloadError> {
        let (out, how, levels) = (&mut *self.out, self.how, self.levels);
        value.serialize(Encoder { out, how, levels, in_some: false }).map_err(|error| how.broken(error))
    }

    /// An item of an array, or the value of a map's entry.
    #[inline]
    fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PayloadError> {
        self.count += 1;
        self.put(value)
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), PayloadError> {
        if self.shape != Shape::Array {
            write_text(self.out, name);
        }
        self.part(value)
    }

    #[inline]
    fn finish(self) -> Result<(), PayloadError> {
        let Self { out, begin, len, count, shape, .. } = self;
        if len == Some(count) && shape != Shape::Entry {
            return Ok(());
        }
        finish_otherwise(out, begin, len, count, shape)
    }
}

// Without a reference to the whole, which would then be written to memory for every value.
#[cold]
fn finish_otherwise(
    out: &mut Vec<u8>,
    begin: usize,
    len: Option<usize>,
    count: usize,
    shape: Shape,
) -> Result<(), PayloadError> {
    match len {
        _ if shape == Shape::Entry => Err(PayloadError::new("its serializer writes a key without a value")),
        Some(len) => {
            Err(PayloadError::new(format!("its serializer announces {len} parts and writes {count}")))
        }
        None => {
            let mut head = Vec::new();
            write_len(&mut head, count, shape == Shape::Map)?;
            out.splice(begin..begin, head);
            Ok(())
        }
    }
}

macro_rules! parts {
    ($($part:ident: $method:ident($($name:ident)?) $inner:ident;)*) => {$(
        impl ser::$part for Parts<'_> {
            type Ok = ();
            type Error = PayloadError;

            #[inline]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($name: &'static str,)?
                value: &T,
            ) -> Result<(), PayloadError> {
                self.$inner($($name,)? value)
            }

            #[inline]
            fn end(self) -> Result<(), PayloadError> {
                self.finish()
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element() part;
    SerializeTuple: serialize_element() part;
    SerializeTupleStruct: serialize_field() part;
    SerializeTupleVariant: serialize_field() part;
    SerializeStruct: serialize_field(name) field;
    SerializeStructVariant: serialize_field(name) field;
}

impl ser::SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = PayloadError;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), PayloadError> {
        if std::mem::replace(&mut self.shape, Shape::Entry) == Shape::Entry {
            return self.how.refuse("its serializer writes a key without a value");
        }
        self.put(key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), PayloadError> {
        if std::mem::replace(&mut self.shape, Shape::Map) != Shape::Entry {
            return self.how.refuse("its serializer writes a value without a key");
        }
        self.part(value)
    }

    #[inline]
    fn end(self) -> Result<(), PayloadError> {
        self.finish()
    }
}
