//! Samples: some value of a type, to get past it to the next one.
//!
//! Elements of a tuple are read in order, so the second is not asked for before the first was given something. What a sample
//! is made of is no more than what a peer may send; types that refuse it are given two others, then up.

use std::cell::Cell;

use serde::de::{self, DeserializeSeed, Visitor};

use super::walk::{Name, Stop};

/// How many different samples are tried.
pub(super) const TRIES: usize = 3;
/// Values in all samples of one pass, which bounds enums that contain themselves.
const VALUES_MAX: u32 = 4096;
/// Nesting of one sample.
const DEPTH_MAX: usize = 24;

/// What is left for the samples of one pass.
#[derive(Debug)]
pub(super) struct Budget(Cell<u32>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Cell::new(VALUES_MAX))
    }
}

/// Gives a plain value to whatever is asked for.
#[derive(Clone, Copy)]
pub(super) struct Sample<'b> {
    /// Which of the samples, below [`TRIES`].
    pub(super) attempt: usize,
    depth: usize,
    budget: &'b Budget,
}

impl<'b> Sample<'b> {
    pub(super) fn new(attempt: usize, budget: &'b Budget) -> Self {
        Self { attempt, depth: 0, budget }
    }

    fn inner(self) -> Result<Self, Stop> {
        let left = self.budget.0.get().checked_sub(1).ok_or(Stop::Other)?;
        self.budget.0.set(left);
        if self.depth == DEPTH_MAX {
            return Err(Stop::Other);
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

macro_rules! plain {
    ($($method:ident => $visit:ident($value:expr);)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            visitor.$visit($value(self.attempt))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Sample<'_> {
    type Error = Stop;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.attempt {
            0 => visitor.visit_unit(),
            1 => visitor.visit_i64(0),
            _ => visitor.visit_str(""),
        }
    }

    plain! {
        deserialize_bool => visit_bool(|at| at % 2 == 1);
        deserialize_i8 => visit_i8(|at| at as i8);
        deserialize_i16 => visit_i16(|at| at as i16);
        deserialize_i32 => visit_i32(|at| at as i32);
        deserialize_i64 => visit_i64(|at| at as i64);
        deserialize_i128 => visit_i128(|at| at as i128);
        deserialize_u8 => visit_u8(|at| at as u8);
        deserialize_u16 => visit_u16(|at| at as u16);
        deserialize_u32 => visit_u32(|at| at as u32);
        deserialize_u64 => visit_u64(|at| at as u64);
        deserialize_u128 => visit_u128(|at| at as u128);
        deserialize_f32 => visit_f32(|at| at as f32);
        deserialize_f64 => visit_f64(|at| at as f64);
        deserialize_char => visit_char(|_| 'a');
        deserialize_str => visit_str(text);
        deserialize_string => visit_str(text);
        deserialize_bytes => visit_bytes(bytes);
        deserialize_byte_buf => visit_bytes(bytes);
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self.inner()?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_seq(Samples { of: self, fields: None, left: 0 })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_seq(Samples { of: self.inner()?, fields: None, left: len })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_map(Samples { of: self, fields: Some(&[]), left: 0 })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_map(Samples { of: self.inner()?, fields: Some(fields), left: fields.len() })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        // The last one first in a later try: an enum that contains itself ends in one of them, mostly.
        let last = variants.len().checked_sub(1).ok_or(Stop::Other)?;
        let index = [0, last, last / 2][self.attempt % TRIES];
        visitor.visit_enum(SampleVariant { of: self.inner()?, name: variants[index], index })
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_str(text(self.attempt))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }
}

fn text(attempt: usize) -> &'static str {
    ["", "a", "0"][attempt % TRIES]
}

fn bytes(attempt: usize) -> &'static [u8] {
    const ZEROS: [u8; 32] = [0; 32];
    &ZEROS[..[0, 16, 32][attempt % TRIES]]
}

/// The elements of a tuple, or the fields of a struct.
struct Samples<'b> {
    of: Sample<'b>,
    fields: Option<&'static [&'static str]>,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Samples<'_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Stop> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(self.of.inner()?).map(Some)
    }
}

impl<'de> de::MapAccess<'de> for Samples<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let fields = self.fields.unwrap_or_default();
        let index = fields.len().checked_sub(left + 1).ok_or(Stop::Other)?;
        seed.deserialize(Name { name: fields[index], index }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(self.of.inner()?)
    }
}

struct SampleVariant<'b> {
    of: Sample<'b>,
    name: &'static str,
    index: usize,
}

impl<'de, 'b> de::EnumAccess<'de> for SampleVariant<'b> {
    type Error = Stop;
    type Variant = Sample<'b>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Sample<'b>), Stop> {
        let variant = seed.deserialize(Name { name: self.name, index: self.index })?;
        Ok((variant, self.of))
    }
}

impl<'de> de::VariantAccess<'de> for Sample<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Stop> {
        seed.deserialize(self.inner()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        de::Deserializer::deserialize_tuple(self, len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        de::Deserializer::deserialize_struct(self, "", fields, visitor)
    }
}
