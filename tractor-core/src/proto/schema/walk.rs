//! One pass: a deserializer that follows a path of types and notes what is asked for at its end.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Visitor};

use super::Leaf;
use super::sample::Sample;

/// Newtypes directly inside of each other; they are no level of the shape.
const NEWTYPES_MAX: usize = 64;
/// A field name that no type has.
const NO_FIELD: &str = "\u{1}no such field";
/// The newtype by which extension values are asked for.
const EXT_STRUCT: &str = "_ExtStruct";

/// One step from a type to one inside of it, or, as the last one, a question about a struct.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Some,
    Item,
    Key,
    Value,
    Element(usize),
    Field(usize),
    Variant(usize),
    /// Does it do without this field?
    Without(usize),
    /// Does it refuse fields that it does not know?
    Unknown,
}

/// What a pass has found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    Leaf(Leaf),
    Any,
    /// A variant that is a bare name.
    NoContent,
    /// A type with parts, by the name of its visitor, which is one per type.
    Parts(Parts, &'static str),
    Answer(bool),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Parts {
    Option,
    Seq,
    Map,
    Tuple(usize),
    Struct(&'static [&'static str]),
    Enum(&'static [&'static str]),
}

/// Why a pass ended: mostly because it was over.
#[derive(Debug)]
pub(super) enum Stop {
    Missing(&'static str),
    Unknown,
    Other,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no value: the type is being looked at")
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::Unknown
    }
}

/// Follows a path.
#[derive(Clone, Copy)]
pub(super) struct Walk<'p> {
    pub(super) path: &'p [Step],
    /// What was found; the first counts.
    pub(super) notes: &'p RefCell<Option<Found>>,
    pub(super) sample: Sample<'p>,
    /// Passed since the last step.
    pub(super) newtypes: usize,
}

impl<'p> Walk<'p> {
    /// Notes what is asked for, if this is the place; what comes first counts.
    fn note<T>(&self, found: Found) -> Result<T, Stop> {
        if self.path.is_empty() {
            self.notes.borrow_mut().get_or_insert(found);
        }
        Err(Stop::Other)
    }

    fn parts<T, V>(&self, parts: Parts) -> Result<T, Stop> {
        self.note(Found::Parts(parts, std::any::type_name::<V>()))
    }

    /// The next step, and what is left after it.
    fn step(self) -> Option<(Step, Self)> {
        let (first, path) = self.path.split_first()?;
        Some((*first, Self { path, newtypes: 0, ..self }))
    }

    fn tuple<'de, V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        match self.step() {
            Some((Step::Element(at), inside)) => visitor.visit_seq(Elements { before: at, inside }),
            _ => self.parts::<_, V>(Parts::Tuple(len)),
        }
    }

    fn structure<'de, V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let answer = |answer: Option<bool>| {
            if let Some(answer) = answer {
                self.notes.borrow_mut().get_or_insert(Found::Answer(answer));
            }
            Err(Stop::Other)
        };
        match self.step() {
            Some((Step::Field(at), inside)) => {
                let name = Name { name: fields.get(at).copied().ok_or(Stop::Other)?, index: at };
                visitor.visit_map(Entry { name: Some(name), inside })
            }
            Some((Step::Without(skipped), _)) => {
                let others = Others { fields, skipped, at: 0, sample: self.sample };
                match visitor.visit_map(others) {
                    Ok(_) => answer(Some(true)),
                    Err(Stop::Missing(field)) => {
                        answer((fields.get(skipped) == Some(&field)).then_some(false))
                    }
                    Err(Stop::Unknown | Stop::Other) => answer(None),
                }
            }
            Some((Step::Unknown, inside)) => {
                let name = Name { name: NO_FIELD, index: usize::MAX };
                let refused = visitor.visit_map(Entry { name: Some(name), inside });
                answer(Some(matches!(refused, Err(Stop::Unknown))))
            }
            _ => self.parts::<_, V>(Parts::Struct(fields)),
        }
    }
}

macro_rules! leaves {
    ($($method:ident => $leaf:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Stop> {
            self.note($leaf)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Walk<'_> {
    type Error = Stop;

    /// As between Rust peers.
    fn is_human_readable(&self) -> bool {
        false
    }

    leaves! {
        deserialize_any => Found::Any;
        deserialize_identifier => Found::Any;
        deserialize_ignored_any => Found::Any;
        deserialize_unit => Found::Leaf(Leaf::Nil);
        deserialize_bool => Found::Leaf(Leaf::Bool);
        deserialize_i8 => Found::Leaf(Leaf::I8);
        deserialize_i16 => Found::Leaf(Leaf::I16);
        deserialize_i32 => Found::Leaf(Leaf::I32);
        deserialize_i64 => Found::Leaf(Leaf::I64);
        deserialize_i128 => Found::Leaf(Leaf::I128);
        deserialize_u8 => Found::Leaf(Leaf::U8);
        deserialize_u16 => Found::Leaf(Leaf::U16);
        deserialize_u32 => Found::Leaf(Leaf::U32);
        deserialize_u64 => Found::Leaf(Leaf::U64);
        deserialize_u128 => Found::Leaf(Leaf::U128);
        deserialize_f32 => Found::Leaf(Leaf::F32);
        deserialize_f64 => Found::Leaf(Leaf::F64);
        deserialize_char => Found::Leaf(Leaf::Char);
        deserialize_str => Found::Leaf(Leaf::Str);
        deserialize_string => Found::Leaf(Leaf::Str);
        deserialize_bytes => Found::Leaf(Leaf::Bytes);
        deserialize_byte_buf => Found::Leaf(Leaf::Bytes);
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _visitor: V,
    ) -> Result<V::Value, Stop> {
        self.note(Found::Leaf(Leaf::Unit))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.newtypes += 1;
        if name == EXT_STRUCT || self.newtypes > NEWTYPES_MAX {
            return self.note(Found::Any);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.step() {
            Some((Step::Some, inside)) => visitor.visit_some(inside),
            _ => self.parts::<_, V>(Parts::Option),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.step() {
            Some((Step::Item, inside)) => visitor.visit_seq(Elements { before: 0, inside }),
            _ => self.parts::<_, V>(Parts::Seq),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.step() {
            Some((Step::Key, inside)) => visitor.visit_map(Key(inside)),
            Some((Step::Value, inside)) => visitor.visit_map(Entry { name: None, inside }),
            _ => self.parts::<_, V>(Parts::Map),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.structure(fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match self.step() {
            Some((Step::Variant(index), inside)) => {
                let name = variants.get(index).copied().ok_or(Stop::Other)?;
                visitor.visit_enum(Chosen { name: Name { name, index }, inside })
            }
            _ => self.parts::<_, V>(Parts::Enum(variants)),
        }
    }
}

/// Samples, then the element on the path.
struct Elements<'p> {
    before: usize,
    inside: Walk<'p>,
}

impl<'de> de::SeqAccess<'de> for Elements<'_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Stop> {
        match self.before.checked_sub(1) {
            Some(before) => {
                self.before = before;
                seed.deserialize(self.inside.sample).map(Some)
            }
            None => seed.deserialize(self.inside).map(Some),
        }
    }
}

/// A map whose first key is on the path.
struct Key<'p>(Walk<'p>);

impl<'de> de::MapAccess<'de> for Key<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        seed.deserialize(self.0).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, _seed: V) -> Result<V::Value, Stop> {
        Err(Stop::Other)
    }
}

/// A map with one entry, whose value is on the path: a field, or an entry with any key.
struct Entry<'p> {
    name: Option<Name>,
    inside: Walk<'p>,
}

impl<'de> de::MapAccess<'de> for Entry<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        match self.name {
            Some(name) => seed.deserialize(name).map(Some),
            None => seed.deserialize(self.inside.sample).map(Some),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(self.inside)
    }

    /// Without a key where the value is what counts.
    fn next_entry_seed<K, V>(&mut self, key: K, value: V) -> Result<Option<(K::Value, V::Value)>, Stop>
    where
        K: DeserializeSeed<'de>,
        V: DeserializeSeed<'de>,
    {
        let Some(name) = self.name else {
            value.deserialize(self.inside)?;
            return Err(Stop::Other);
        };
        Ok(Some((key.deserialize(name)?, value.deserialize(self.inside)?)))
    }
}

/// Samples of all fields but one.
struct Others<'p> {
    fields: &'static [&'static str],
    skipped: usize,
    at: usize,
    sample: Sample<'p>,
}

impl<'de> de::MapAccess<'de> for Others<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        if self.at == self.skipped {
            self.at += 1;
        }
        let Some(name) = self.fields.get(self.at) else { return Ok(None) };
        let index = self.at;
        self.at += 1;
        seed.deserialize(Name { name, index }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(self.sample)
    }
}

/// The variant on the path.
struct Chosen<'p> {
    name: Name,
    inside: Walk<'p>,
}

impl<'de, 'p> de::EnumAccess<'de> for Chosen<'p> {
    type Error = Stop;
    type Variant = Walk<'p>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Walk<'p>), Stop> {
        Ok((seed.deserialize(self.name)?, self.inside))
    }
}

impl<'de> de::VariantAccess<'de> for Walk<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        self.note(Found::NoContent)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Stop> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.structure(fields, visitor)
    }
}

/// The name of a field or variant, as text or as its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub(super) name: &'static str,
    pub(super) index: usize,
}

impl<'de> de::Deserializer<'de> for Name {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_borrowed_str(self.name)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_u32(u32::try_from(self.index).unwrap_or(u32::MAX))
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_u64(u64::try_from(self.index).unwrap_or(u64::MAX))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
