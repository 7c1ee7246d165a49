//! One pass: a deserializer that follows a path of types and notes what the last of them asks for.
//!
//! The elements of a tuple are read in order, so the second is asked for only after the first has got a value: a
//! *sample*, made only of what a peer may send. A type that refuses the sample gets two others; after that the pass
//! gives up.

use std::cell::{Cell, RefCell};

use serde::de::{self, DeserializeSeed, Visitor};

use super::ask::{Found, Parts, Step, Stop};

/// How many different samples are tried.
pub(super) const TRIES: usize = 3;
/// Most values in all samples of one pass. It bounds enums that contain themselves.
const SAMPLES_MAX: u32 = 4096;
/// Deepest nesting of one sample, and of newtypes directly inside of each other, which are no steps of the path.
const NESTED_MAX: usize = 64;
/// The newtype by which extension values are asked for.
const EXT_STRUCT: &str = "_ExtStruct";

/// The state that all places of one pass share.
#[derive(Debug)]
pub(super) struct Pass {
    /// The first finding of the pass.
    notes: RefCell<Option<Found>>,
    /// Which of the samples is tried.
    attempt: usize,
    samples_left: Cell<u32>,
}

impl Pass {
    pub(super) fn new(attempt: usize) -> Self {
        Self { notes: RefCell::default(), attempt, samples_left: Cell::new(SAMPLES_MAX) }
    }

    pub(super) fn into_found(self) -> Option<Found> {
        self.notes.into_inner()
    }
}

/// The goal of the walk in a type.
#[derive(Debug, Clone, Copy)]
enum Goal<'p> {
    /// To follow this path.
    Follow(&'p [Step]),
    /// To take a plain value.
    Sample,
    /// To take the name of a field or variant, as text or as its number.
    Name(&'static str, usize),
}

/// The deserializer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk<'p> {
    goal: Goal<'p>,
    pass: &'p Pass,
    nested: usize,
}

impl<'p> Walk<'p> {
    pub(super) fn new(path: &'p [Step], pass: &'p Pass) -> Self {
        Self { goal: Goal::Follow(path), pass, nested: 0 }
    }

    fn named(self, name: &'static str, index: usize) -> Self {
        Self { goal: Goal::Name(name, index), ..self }
    }

    /// A sample in this place.
    fn sample(self) -> Result<Self, Stop> {
        let left = self.pass.samples_left.get().checked_sub(1).ok_or(Stop)?;
        self.pass.samples_left.set(left);
        if self.nested == NESTED_MAX {
            return Err(Stop);
        }
        let nested = if let Goal::Sample = self.goal { self.nested + 1 } else { 0 };
        Ok(Self { goal: Goal::Sample, nested, ..self })
    }

    fn found<T>(&self, found: Found) -> Result<T, Stop> {
        self.pass.notes.borrow_mut().get_or_insert(found);
        Err(Stop)
    }

    /// Notes what the type asks for, if this is the end of the path.
    fn note<T>(&self, found: Found) -> Result<T, Stop> {
        match self.goal {
            Goal::Follow([]) => self.found(found),
            Goal::Follow(_) | Goal::Sample | Goal::Name(..) => Err(Stop),
        }
    }

    fn parts<T, V>(&self, parts: Parts) -> Result<T, Stop> {
        self.note(Found::Parts(parts, std::any::type_name::<V>()))
    }

    /// The next step, and what is left after it.
    fn step(self) -> Option<(Step, Self)> {
        let Goal::Follow([step, path @ ..]) = self.goal else { return None };
        Some((*step, Self { goal: Goal::Follow(path), nested: 0, ..self }))
    }

    fn is_sample(&self) -> bool {
        matches!(self.goal, Goal::Sample)
    }

    fn tuple<'de, V: Visitor<'de>>(self, parts: Parts, len: usize, visitor: V) -> Result<V::Value, Stop> {
        match self.step() {
            Some((Step::Element(at), last)) => {
                visitor.visit_seq(Elements { samples: at, last: Some(last), of: last })
            }
            _ if self.is_sample() => visitor.visit_seq(Elements { samples: len, last: None, of: self }),
            _ => self.parts::<_, V>(parts),
        }
    }

    fn structure<'de, V: Visitor<'de>>(
        self,
        parts: Parts,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match self.step() {
            Some((Step::Field(at), of)) => {
                let name = fields.get(at).copied().ok_or(Stop)?;
                visitor.visit_map(Entries { of, what: What::Field(name, at) })
            }
            _ if self.is_sample() => {
                visitor.visit_map(Entries { of: self, what: What::Fields { fields, at: 0 } })
            }
            _ => self.parts::<_, V>(parts),
        }
    }

    fn text<'de, V: Visitor<'de>>(self, found: Found, visitor: V) -> Result<V::Value, Stop> {
        match self.goal {
            Goal::Name(name, _) => visitor.visit_borrowed_str(name),
            Goal::Sample => visitor.visit_str(["", "a", "0"][self.pass.attempt % TRIES]),
            Goal::Follow(_) => self.note(found),
        }
    }

    fn bytes<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        const ZEROS: [u8; 32] = [0; 32];
        match self.goal {
            Goal::Sample => visitor.visit_bytes(&ZEROS[..[0, 16, 32][self.pass.attempt % TRIES]]),
            Goal::Follow(_) | Goal::Name(..) => self.note(Found::Plain),
        }
    }
}

macro_rules! numbers {
    ($($method:ident => $visit:ident $ty:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            match self.goal {
                Goal::Sample => visitor.$visit(self.pass.attempt as $ty),
                Goal::Name(_, index) => visitor.$visit(index as $ty),
                Goal::Follow(_) => self.note(Found::Plain),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Walk<'_> {
    type Error = Stop;

    /// As between Rust peers of one image.
    fn is_human_readable(&self) -> bool {
        false
    }

    numbers! {
        deserialize_i8 => visit_i8 i8;
        deserialize_i16 => visit_i16 i16;
        deserialize_i32 => visit_i32 i32;
        deserialize_i64 => visit_i64 i64;
        deserialize_i128 => visit_i128 i128;
        deserialize_u8 => visit_u8 u8;
        deserialize_u16 => visit_u16 u16;
        deserialize_u32 => visit_u32 u32;
        deserialize_u64 => visit_u64 u64;
        deserialize_u128 => visit_u128 u128;
        deserialize_f32 => visit_f32 f32;
        deserialize_f64 => visit_f64 f64;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match (self.goal, self.pass.attempt) {
            (Goal::Sample, 0) => visitor.visit_unit(),
            (Goal::Sample, 1) => visitor.visit_i64(0),
            _ => self.text(Found::Any, visitor),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.text(Found::Any, visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.text(Found::Plain, visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.text(Found::Plain, visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.bytes(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.bytes(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.is_sample() { visitor.visit_unit() } else { self.note(Found::Any) }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.is_sample() {
            return visitor.visit_bool(self.pass.attempt == 1);
        }
        self.note(Found::Plain)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.is_sample() { visitor.visit_char('a') } else { self.note(Found::Plain) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.is_sample() { visitor.visit_unit() } else { self.note(Found::Plain) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        if self.is_sample() { visitor.visit_unit() } else { self.note(Found::Plain) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.nested += 1;
        if name == EXT_STRUCT || self.nested > NESTED_MAX {
            return self.note(Found::Any);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.step() {
            Some((Step::Some, inside)) => visitor.visit_some(inside),
            _ if self.is_sample() => visitor.visit_none(),
            _ => self.parts::<_, V>(Parts::Option),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.step() {
            Some((Step::Item, item)) => {
                visitor.visit_seq(Elements { samples: 0, last: Some(item), of: item })
            }
            _ if self.is_sample() => visitor.visit_seq(Elements { samples: 0, last: None, of: self }),
            _ => self.parts::<_, V>(Parts::Seq),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.tuple(Parts::Tuple(len), len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.tuple(Parts::TupleStruct(name, len), len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.step() {
            Some((Step::Key, of)) => visitor.visit_map(Entries { of, what: What::Key }),
            Some((Step::Value, of)) => visitor.visit_map(Entries { of, what: What::Value }),
            _ if self.is_sample() => visitor.visit_map(Entries { of: self, what: What::Nothing }),
            _ => self.parts::<_, V>(Parts::Map),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.structure(Parts::Struct(name, fields), fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let (index, content) = match self.step() {
            Some((Step::Variant(index), content)) => (index, content),
            _ if self.is_sample() => {
                // The second try takes the last variant: in an enum that contains itself, the first or the last usually
                // ends the recursion.
                let last = variants.len().checked_sub(1).ok_or(Stop)?;
                ([0, last, last / 2][self.pass.attempt % TRIES], self.sample()?)
            }
            _ => return self.parts::<_, V>(Parts::Enum(name, variants)),
        };
        let name = self.named(variants.get(index).copied().ok_or(Stop)?, index);
        visitor.visit_enum(Chosen { name, content })
    }
}

/// Samples, then perhaps the element on the path.
struct Elements<'p> {
    samples: usize,
    last: Option<Walk<'p>>,
    of: Walk<'p>,
}

impl<'de> de::SeqAccess<'de> for Elements<'_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Stop> {
        let element = match self.samples.checked_sub(1) {
            Some(left) => {
                self.samples = left;
                Some(self.of.sample()?)
            }
            None => self.last.take(),
        };
        element.map(|element| seed.deserialize(element)).transpose()
    }
}

/// A map or struct with the entries that one question needs.
struct Entries<'p> {
    of: Walk<'p>,
    what: What,
}

enum What {
    Nothing,
    /// One key, which is on the path.
    Key,
    /// One value, which is on the path, under any key.
    Value,
    /// This field, which is on the path.
    Field(&'static str, usize),
    /// Samples of all fields.
    Fields {
        fields: &'static [&'static str],
        at: usize,
    },
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        let key = match &mut self.what {
            What::Nothing => return Ok(None),
            What::Key => self.of,
            What::Value => self.of.sample()?,
            What::Field(name, index) => self.of.named(name, *index),
            What::Fields { fields, at } => {
                let Some(name) = fields.get(*at) else { return Ok(None) };
                *at += 1;
                self.of.named(name, *at - 1)
            }
        };
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        match self.what {
            What::Nothing | What::Key => Err(Stop),
            What::Value | What::Field(..) => seed.deserialize(self.of),
            What::Fields { .. } => seed.deserialize(self.of.sample()?),
        }
    }

    /// Reads no key where only the value matters: the key's type may accept no sample.
    fn next_entry_seed<K, V>(&mut self, key: K, value: V) -> Result<Option<(K::Value, V::Value)>, Stop>
    where
        K: DeserializeSeed<'de>,
        V: DeserializeSeed<'de>,
    {
        if let What::Value = self.what {
            self.next_value_seed(value)?;
            return Err(Stop);
        }
        let Some(key) = self.next_key_seed(key)? else { return Ok(None) };
        Ok(Some((key, self.next_value_seed(value)?)))
    }
}

/// One variant.
struct Chosen<'p> {
    name: Walk<'p>,
    content: Walk<'p>,
}

impl<'de, 'p> de::EnumAccess<'de> for Chosen<'p> {
    type Error = Stop;
    type Variant = Walk<'p>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Walk<'p>), Stop> {
        Ok((seed.deserialize(self.name)?, self.content))
    }
}

impl<'de> de::VariantAccess<'de> for Walk<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        if self.is_sample() { Ok(()) } else { self.note(Found::Plain) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Stop> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.tuple(Parts::TupleVariant(len), len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.structure(Parts::StructVariant(fields), fields, visitor)
    }
}
