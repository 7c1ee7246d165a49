//! Finding a type's shape by asking its `Deserialize` implementation.
//!
//! One pass follows one path from the outermost type to one place, notes what is asked for there, and ends with an error of
//! our own. So hardly a value is ever made: a field is reached by offering a map with this one key. (The elements of a tuple
//! come in order; those before the wanted one are samples.) Every type passes the errors of what is
//! inside of it on; one that does not changes nothing, since what was found is noted outside of the error.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::{self, DeserializeOwned};

use super::walk::{Pass, TRIES, Walk};
use super::{Field, Leaf, Shape, Variant};
use crate::proto::limits::{SCHEMA_DEPTH_MAX, SCHEMA_NODES_MAX};

/// The form of `T` on the wire.
pub(crate) fn trace<T: DeserializeOwned>() -> Shape {
    let run = |walk: Walk<'_>| {
        // Nearly always our own error; what was found is in the notes.
        _ = T::deserialize(walk);
    };
    Explorer { run: &run, nodes: 0, path: Vec::new(), above: Vec::new() }.explore()
}

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

struct Explorer<'r> {
    run: &'r dyn Fn(Walk<'_>),
    nodes: usize,
    path: Vec<Step>,
    /// The types around the current place, outermost first, by their visitors. The parts tell types of one path apart: two
    /// versions of a crate have them.
    above: Vec<(Parts, &'static str)>,
}

impl Explorer<'_> {
    fn pass(&self) -> Option<Found> {
        for attempt in 0..TRIES {
            let pass = Pass::new(attempt);
            let walk = Walk::new(&self.path, &pass);
            // A type that panics is like one that refuses.
            _ = catch_unwind(AssertUnwindSafe(|| (self.run)(walk)));
            let found = pass.into_found();
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// The shape at the current path.
    fn explore(&mut self) -> Shape {
        self.variant_content().unwrap_or(Shape::Any)
    }

    fn variant_content(&mut self) -> Option<Shape> {
        self.nodes += 1;
        if self.nodes > SCHEMA_NODES_MAX {
            return Some(Shape::Any);
        }
        match self.pass() {
            Some(Found::Leaf(leaf)) => Some(Shape::Leaf(leaf)),
            Some(Found::NoContent) => None,
            Some(Found::Parts(parts, visitor)) => Some(self.parts(parts, visitor)),
            Some(Found::Any | Found::Answer(_)) | None => Some(Shape::Any),
        }
    }

    fn parts(&mut self, parts: Parts, visitor: &'static str) -> Shape {
        if let Some(at) = self.above.iter().rposition(|above| *above == (parts, visitor)) {
            return Shape::Back(self.above.len() - 1 - at);
        }
        if self.above.len() == SCHEMA_DEPTH_MAX {
            return Shape::Any;
        }
        self.above.push((parts, visitor));
        let shape = match parts {
            Parts::Option => Shape::Option(Box::new(self.at(Step::Some))),
            Parts::Seq => Shape::Seq(Box::new(self.at(Step::Item))),
            Parts::Map => self.map(),
            Parts::Tuple(len) if len > SCHEMA_NODES_MAX => Shape::Any,
            Parts::Tuple(len) => Shape::Tuple((0..len).map(|at| self.at(Step::Element(at))).collect()),
            Parts::Struct(names) => self.structure(names),
            Parts::Enum(names) => {
                Shape::Enum((0..names.len()).map(|at| self.variant(names[at], at)).collect())
            }
        };
        self.above.pop();
        shape
    }

    fn at(&mut self, step: Step) -> Shape {
        self.path.push(step);
        let shape = self.explore();
        self.path.pop();
        shape
    }

    fn map(&mut self) -> Shape {
        match self.at(Step::Key) {
            // Keys of no type: a struct with `flatten`, which asks for fields as it goes.
            Shape::Any => Shape::Any,
            key => Shape::Map(Box::new(key), Box::new(self.at(Step::Value))),
        }
    }

    fn structure(&mut self, names: &'static [&'static str]) -> Shape {
        let fields = names.iter().enumerate().map(|(at, name)| {
            let shape = self.at(Step::Field(at));
            let optional = self.ask(Step::Without(at)).unwrap_or(matches!(shape, Shape::Option(_)));
            Field { name: (*name).to_owned(), optional, shape }
        });
        let fields = fields.collect();
        Shape::Struct { fields, closed: self.ask(Step::Unknown).unwrap_or(false) }
    }

    fn variant(&mut self, name: &str, at: usize) -> Variant {
        self.path.push(Step::Variant(at));
        let content = self.variant_content();
        self.path.pop();
        Variant { name: name.to_owned(), content }
    }

    fn ask(&mut self, question: Step) -> Option<bool> {
        if self.nodes > SCHEMA_NODES_MAX {
            return None;
        }
        self.path.push(question);
        let found = self.pass();
        self.path.pop();
        match found {
            Some(Found::Answer(answer)) => Some(answer),
            _ => None,
        }
    }
}
