//! Finding a type's layout by asking its `Deserialize` implementation.
//!
//! One pass follows one path from the outermost type to one type inside of it, notes what that type asks for, and ends
//! with an error of our own. So almost no values are built: the pass reaches a field by offering a map with only this
//! key. The elements of a tuple come in order, so those before the wanted one are samples.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::{self, DeserializeOwned};

use super::walk::{Pass, TRIES, Walk};
use super::{Fields, Layout};
use crate::limits::{LAYOUT_DEPTH_MAX, LAYOUT_TYPES_MAX};

/// The layout of `T`.
pub(super) fn ask<T: DeserializeOwned>() -> Layout {
    let run = |walk: Walk<'_>| {
        // The result is nearly always our own error; the findings are in the notes.
        _ = T::deserialize(walk);
    };
    let layout = Layout { is_positional: true, fields: Vec::new() };
    let mut explorer = Explorer { run: &run, types: 0, path: Vec::new(), above: Vec::new(), layout };
    explorer.explore(None);
    explorer.layout
}

/// One step from a type to a type inside of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Some,
    Item,
    Key,
    Value,
    Element(usize),
    Field(usize),
    Variant(usize),
}

/// The finding of a pass.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    /// A type without parts.
    Plain,
    /// A type that chooses its form while it reads.
    Any,
    /// A type with parts, and the name of its visitor, which identifies the type.
    Parts(Parts, &'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parts {
    Option,
    Seq,
    Map,
    Tuple(usize),
    TupleStruct(&'static str, usize),
    Struct(&'static str, &'static [&'static str]),
    Enum(&'static str, &'static [&'static str]),
    TupleVariant(usize),
    StructVariant(&'static [&'static str]),
}

/// The error that ends a pass, in most cases because the pass has found its answer.
#[derive(Debug)]
pub(super) struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no value: the type is being looked at")
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The enum and the name of a variant.
type VariantName = (&'static str, &'static str);

struct Explorer<'r> {
    run: &'r dyn Fn(Walk<'_>),
    types: usize,
    path: Vec<Step>,
    /// The types around the current place, outermost first, by their visitors. Two versions of a crate have types of
    /// the same path; their parts tell them apart.
    above: Vec<(Parts, &'static str)>,
    layout: Layout,
}

impl Explorer<'_> {
    /// Looks at the type at the current path, which may be the content of a variant.
    fn explore(&mut self, variant: Option<VariantName>) {
        self.types += 1;
        let found = if self.types > LAYOUT_TYPES_MAX { None } else { self.pass() };
        match found {
            Some(Found::Plain) => {}
            Some(Found::Parts(parts, visitor)) => self.parts(parts, visitor, variant),
            Some(Found::Any) | None => self.layout.is_positional = false,
        }
    }

    fn pass(&self) -> Option<Found> {
        (0..TRIES).find_map(|attempt| {
            let pass = Pass::new(attempt);
            let walk = Walk::new(&self.path, &pass);
            // A panic counts as an error of the type.
            _ = catch_unwind(AssertUnwindSafe(|| (self.run)(walk)));
            pass.into_found()
        })
    }

    fn parts(&mut self, parts: Parts, visitor: &'static str, variant: Option<VariantName>) {
        if self.above.contains(&(parts, visitor)) {
            return;
        }
        if self.above.len() == LAYOUT_DEPTH_MAX {
            self.layout.is_positional = false;
            return;
        }
        let (of_enum, of_variant) = variant.unwrap_or_default();
        self.above.push((parts, visitor));
        match parts {
            Parts::Option => self.at(Step::Some),
            Parts::Seq => self.at(Step::Item),
            Parts::Map => {
                // A map whose key has no type is a struct with `flatten`, which chooses its fields while it reads.
                self.at(Step::Key);
                self.at(Step::Value);
            }
            Parts::Tuple(len) => self.elements(len),
            Parts::TupleStruct(name, len) => {
                self.fields(name, "", len);
                self.elements(len);
            }
            Parts::TupleVariant(len) => {
                self.fields(of_enum, of_variant, len);
                self.elements(len);
            }
            Parts::Struct(name, fields) => {
                self.fields(name, "", fields.len());
                (0..fields.len()).for_each(|at| self.at(Step::Field(at)));
            }
            Parts::StructVariant(fields) => {
                self.fields(of_enum, of_variant, fields.len());
                (0..fields.len()).for_each(|at| self.at(Step::Field(at)));
            }
            Parts::Enum(name, variants) => {
                for (at, variant) in variants.iter().enumerate() {
                    self.path.push(Step::Variant(at));
                    self.explore(Some((name, variant)));
                    self.path.pop();
                }
            }
        }
        self.above.pop();
    }

    fn at(&mut self, step: Step) {
        self.path.push(step);
        self.explore(None);
        self.path.pop();
    }

    fn elements(&mut self, len: usize) {
        // A tuple with more elements than the limit is not examined at all.
        match len <= LAYOUT_TYPES_MAX {
            true => (0..len).for_each(|at| self.at(Step::Element(at))),
            false => self.layout.is_positional = false,
        }
    }

    /// Notes the number of fields. Types of the same name cannot be told apart while values are written.
    fn fields(&mut self, name: &'static str, variant: &'static str, count: usize) {
        let fields = Fields { name, variant, count };
        let others = self
            .layout
            .fields
            .iter()
            .any(|other| (other.name, other.variant) == (name, variant) && other.count != count);
        if others {
            self.layout.is_positional = false;
        }
        if !self.layout.fields.contains(&fields) {
            self.layout.fields.push(fields);
        }
    }
}
