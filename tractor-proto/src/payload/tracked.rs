//! Reading a value while tracking the place, so that an error can name the field.
//!
//! A place is a list of positions: of an item in its array, of an entry in its map. The names at these positions are
//! looked up in the bytes only after an error.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::render;
use crate::msgpack::{self, Head};

/// Reads a value. On an error, `trail` leads to the place of the error.
pub(super) fn deserialize<'de, T: de::Deserialize<'de>, D: Deserializer<'de>>(
    inner: D,
    trail: &Trail,
) -> Result<T, D::Error> {
    T::deserialize(Tracked { inner, trail })
}

/// The way from the outermost value to the one whose reading has failed. Only failures write it down.
#[derive(Debug)]
pub(super) struct Trail {
    /// The places, the innermost first.
    places: RefCell<Vec<usize>>,
    /// Whether types with a human-readable form are read in that form.
    is_for_people: bool,
}

impl Trail {
    pub(super) fn new(is_for_people: bool) -> Self {
        Self { places: RefCell::default(), is_for_people }
    }

    /// Reads the part at `place` of a value.
    #[inline]
    fn enter<T, E>(&self, place: usize, read: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        // A failure before this part was not passed on.
        self.forget();
        match read() {
            Ok(value) => {
                // Nor was one inside of it.
                self.forget();
                Ok(value)
            }
            Err(error) => {
                self.places.borrow_mut().push(place);
                Err(error)
            }
        }
    }

    #[inline]
    fn forget(&self) {
        let mut places = self.places.borrow_mut();
        if !places.is_empty() {
            places.clear();
        }
    }

    /// The path as text, such as `rows[1].weight`; `bytes` is the encoded value.
    pub(super) fn shown(&self, bytes: &[u8]) -> String {
        let mut text = String::new();
        let mut at = 0;
        for place in self.places.borrow().iter().rev() {
            // The bytes may end too early; the path then ends there.
            let Some(next) = step(bytes, at, *place, &mut text) else { break };
            at = next;
            if text.len() > SHOWN_BYTES_MAX {
                let cut = (0..=SHOWN_BYTES_MAX).rev().find(|&end| text.is_char_boundary(end));
                text.truncate(cut.unwrap_or(0));
                return text + "…";
            }
        }
        text
    }
}

/// A longer path is cut: a peer chooses how long the names are.
const SHOWN_BYTES_MAX: usize = 200;

/// Names one step of the way, and finds the value that it leads to.
fn step(bytes: &[u8], at: usize, place: usize, text: &mut String) -> Option<usize> {
    let skip = |at| msgpack::skip_value(bytes, at, usize::MAX).ok();
    let (head, mut at) = msgpack::head(bytes, at).ok()?;
    let is_map = matches!(head, Head::Map(_));
    for _ in 0..place * (1 + usize::from(is_map)) {
        at = skip(at)?;
    }
    if !is_map {
        *text += &format!("[{place}]");
        return Some(at);
    }
    let value = skip(at)?;
    match msgpack::head(bytes, at) {
        Ok((Head::Str(start), end)) => {
            let dot = if text.is_empty() { "" } else { "." };
            *text += &format!("{dot}{}", std::str::from_utf8(&bytes[start..end]).ok()?);
        }
        _ => *text += &format!("[{}]", render(&bytes[at..value])),
    }
    Some(value)
}

/// A deserializer, a visitor or a seed, somewhere in a value.
struct Tracked<'t, X> {
    inner: X,
    trail: &'t Trail,
}

impl<'t, X> Tracked<'t, X> {
    #[inline]
    fn with<Y>(&self, inner: Y) -> Tracked<'t, Y> {
        Tracked { inner, trail: self.trail }
    }

    /// The parts of the value that is being read.
    #[inline]
    fn parts<A>(&self, inner: A) -> Parts<'t, A> {
        Parts { inner, trail: self.trail, next: 0 }
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Tracked<'_, D> {
    type Error = D::Error;

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit map identifier ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = self.with(visitor);
        self.inner.deserialize_any(visitor)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_i128(visitor)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_u128(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = self.with(visitor);
        self.inner.deserialize_option(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.with(visitor);
        self.inner.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.with(visitor);
        self.inner.deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = self.with(visitor);
        self.inner.deserialize_seq(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.with(visitor);
        self.inner.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.with(visitor);
        self.inner.deserialize_enum(name, variants, visitor)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.trail.is_for_people
    }
}

macro_rules! plain_values {
    ($($method:ident: $ty:ty,)*) => {$(
        fn $method<E: de::Error>(self, value: $ty) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Tracked<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    plain_values! {
        visit_bool: bool,
        visit_i8: i8,
        visit_i16: i16,
        visit_i32: i32,
        visit_i64: i64,
        visit_i128: i128,
        visit_u8: u8,
        visit_u16: u16,
        visit_u32: u32,
        visit_u64: u64,
        visit_u128: u128,
        visit_f32: f32,
        visit_f64: f64,
        visit_char: char,
        visit_str: &str,
        visit_borrowed_str: &'de str,
        visit_string: String,
        visit_bytes: &[u8],
        visit_borrowed_bytes: &'de [u8],
        visit_byte_buf: Vec<u8>,
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inside: D) -> Result<V::Value, D::Error> {
        let inside = self.with(inside);
        self.inner.visit_some(inside)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inside: D) -> Result<V::Value, D::Error> {
        let inside = self.with(inside);
        self.inner.visit_newtype_struct(inside)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        let parts = self.parts(seq);
        self.inner.visit_seq(parts)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let parts = self.parts(map);
        self.inner.visit_map(parts)
    }

    fn visit_enum<A: de::EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        let parts = self.parts(variant);
        self.inner.visit_enum(parts)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Tracked<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = self.with(deserializer);
        self.inner.deserialize(deserializer)
    }
}

/// The items, the entries or the variant of a value.
struct Parts<'t, A> {
    inner: A,
    trail: &'t Trail,
    next: usize,
}

impl<A> Parts<'_, A> {
    /// The place of the next part.
    #[inline]
    fn step(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }
}

impl<'de, A: de::SeqAccess<'de>> de::SeqAccess<'de> for Parts<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let (place, Self { inner, trail, .. }) = (self.step(), self);
        trail.enter(place, || inner.next_element_seed(Tracked { inner: seed, trail }))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: de::MapAccess<'de>> de::MapAccess<'de> for Parts<'_, A> {
    type Error = A::Error;

    /// An error in a key is an error at its map.
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let trail = Trail::new(self.trail.is_for_people);
        self.inner.next_key_seed(Tracked { inner: seed, trail: &trail })
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let (place, Self { inner, trail, .. }) = (self.step(), self);
        trail.enter(place, || inner.next_value_seed(Tracked { inner: seed, trail }))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// A variant with content is a map of one entry.
impl<'de, 't, A: de::EnumAccess<'de>> de::EnumAccess<'de> for Parts<'t, A> {
    type Error = A::Error;
    type Variant = Parts<'t, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let Self { inner, trail, next } = self;
        let (value, inner) = inner.variant_seed(seed)?;
        Ok((value, Parts { inner, trail, next }))
    }
}

impl<'de, A: de::VariantAccess<'de>> de::VariantAccess<'de> for Parts<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let Self { inner, trail, next } = self;
        trail.enter(next, || inner.newtype_variant_seed(Tracked { inner: seed, trail }))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let Self { inner, trail, next } = self;
        trail.enter(next, || inner.tuple_variant(len, Tracked { inner: visitor, trail }))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let Self { inner, trail, next } = self;
        trail.enter(next, || inner.struct_variant(fields, Tracked { inner: visitor, trail }))
    }
}
