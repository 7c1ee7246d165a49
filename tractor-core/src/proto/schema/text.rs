//! The canonical text of shapes and schemas, and how it is read back.
//!
//! ```text
//! schema  = kind "\n" "args " struct ("\n" part " " type)*
//! kind    = "actor_fn" | "context" | "stream"
//! part    = "started" | "sends" | "receives" | "returns"          in this order, each at most once
//! type    = "any" | leaf | "?" type | "[" type "]" | "map(" type "," type ")" | "(" list(type) ")"
//!         | struct | "<" variant ("|" variant)* ">" | "^" digits
//! struct  = "{" (name ["?"] ":" type ",")* ["!,"] "}"             "?": may be missing; "!": nothing else may be there
//! variant = name ["(" type ")"]
//! name    = letters, digits, "_", "-", "."  |  '"' any text, with "\" before '"' and "\" '"'
//! ```
//!
//! The text is what the fingerprint is a hash of and what travels, so it never changes for a given type.

use std::fmt::{self, Write};

use super::{Field, Leaf, Part, Schema, Shape, TypeShape, Variant};
use crate::proto::limits::{SCHEMA_BYTES_MAX, SCHEMA_DEPTH_MAX, SCHEMA_NODES_MAX};
use crate::proto::msg::FuncType;

/// A text that is no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no schema: {problem} at byte {at}")]
pub struct SchemaTextError {
    problem: &'static str,
    at: usize,
}

pub(super) fn kind_name(kind: FuncType) -> &'static str {
    match kind {
        FuncType::AsyncFunc => "actor_fn",
        FuncType::AsyncGen => "stream",
        FuncType::Context => "context",
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nargs {}", kind_name(self.kind), self.args)?;
        self.parts.iter().try_for_each(|(part, shape)| write!(f, "\n{} {shape}", part.name()))
    }
}

impl fmt::Display for TypeShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Leaf(leaf) => f.write_str(leaf.name()),
            Self::Option(inner) => write!(f, "?{inner}"),
            Self::Seq(item) => write!(f, "[{item}]"),
            Self::Map(key, value) => write!(f, "map({key},{value})"),
            Self::Tuple(items) => {
                f.write_char('(')?;
                items.iter().try_for_each(|item| write!(f, "{item},"))?;
                f.write_char(')')
            }
            Self::Struct { fields, closed } => {
                f.write_char('{')?;
                for Field { name, optional, shape } in fields {
                    write_name(name, f)?;
                    write!(f, "{}:{shape},", if *optional { "?" } else { "" })?;
                }
                f.write_str(if *closed { "!,}" } else { "}" })
            }
            Self::Enum(variants) => {
                f.write_char('<')?;
                for (at, Variant { name, content }) in variants.iter().enumerate() {
                    if at > 0 {
                        f.write_char('|')?;
                    }
                    write_name(name, f)?;
                    if let Some(content) = content {
                        write!(f, "({content})")?;
                    }
                }
                f.write_char('>')
            }
            Self::Back(levels) => write!(f, "^{levels}"),
        }
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn write_name(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !name.is_empty() && name.chars().all(is_plain) {
        return f.write_str(name);
    }
    f.write_char('"')?;
    for c in name.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

impl Schema {
    /// Reads the canonical text, as a peer has sent it.
    ///
    /// # Errors
    /// It is no such text, longer than `SCHEMA_BYTES_MAX`, nested deeper than `SCHEMA_DEPTH_MAX`, or has more types than
    /// `SCHEMA_NODES_MAX` in one of its parts.
    pub fn parse(text: &str) -> Result<Self, SchemaTextError> {
        let mut reader = Reader { text, at: 0, depth: 0, nodes: 0 };
        if text.len() > SCHEMA_BYTES_MAX {
            return Err(reader.error("more than SCHEMA_BYTES_MAX bytes"));
        }
        let kinds = [FuncType::AsyncFunc, FuncType::AsyncGen, FuncType::Context];
        let kind = kinds.into_iter().find(|kind| reader.eat(kind_name(*kind)));
        let kind = kind.ok_or_else(|| reader.error("an unknown kind of endpoint"))?;
        reader.expect("\nargs ")?;
        let args = reader.shape()?;
        if !matches!(args, Shape::Struct { .. }) {
            return Err(reader.error("arguments without names"));
        }
        let mut parts = Vec::new();
        for part in Part::ALL {
            if reader.eat("\n") {
                if reader.eat(part.name()) {
                    reader.expect(" ")?;
                    reader.nodes = 0;
                    parts.push((part, reader.shape()?));
                } else {
                    reader.at -= 1;
                }
            }
        }
        if reader.at != text.len() {
            return Err(reader.error("more text"));
        }
        Ok(Self::fingerprinted(kind, args, parts))
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// Types around the current place.
    depth: usize,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn error(&self, problem: &'static str) -> SchemaTextError {
        SchemaTextError { problem, at: self.at }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect(&mut self, word: &'static str) -> Result<(), SchemaTextError> {
        if self.eat(word) { Ok(()) } else { Err(self.error("something else than the grammar says")) }
    }

    fn plain(&mut self) -> &'t str {
        let rest = self.rest();
        let word = &rest[..rest.find(|c| !is_plain(c)).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn name(&mut self) -> Result<String, SchemaTextError> {
        if !self.eat("\"") {
            let word = self.plain();
            return if word.is_empty() { Err(self.error("no name")) } else { Ok(word.to_owned()) };
        }
        let mut name = String::new();
        let mut escaped = false;
        for c in self.rest().chars() {
            self.at += c.len_utf8();
            match c {
                '"' if !escaped => return Ok(name),
                '\\' if !escaped => escaped = true,
                c => {
                    escaped = false;
                    name.push(c);
                }
            }
        }
        Err(self.error("a name without end"))
    }

    fn shape(&mut self) -> Result<Shape, SchemaTextError> {
        self.nodes += 1;
        if self.nodes > 2 * SCHEMA_NODES_MAX {
            return Err(self.error("more than SCHEMA_NODES_MAX types"));
        }
        if self.depth > SCHEMA_DEPTH_MAX {
            return Err(self.error("types nested deeper than SCHEMA_DEPTH_MAX"));
        }
        self.depth += 1;
        let shape = self.inner();
        self.depth -= 1;
        shape
    }

    fn inner(&mut self) -> Result<Shape, SchemaTextError> {
        if self.eat("?") {
            return Ok(Shape::Option(Box::new(self.shape()?)));
        }
        if self.eat("[") {
            let item = Box::new(self.shape()?);
            return self.expect("]").map(|()| Shape::Seq(item));
        }
        if self.eat("(") {
            let mut items = Vec::new();
            while !self.eat(")") {
                items.push(self.shape()?);
                self.expect(",")?;
            }
            return Ok(Shape::Tuple(items));
        }
        if self.eat("{") {
            return self.fields();
        }
        if self.eat("<") {
            return self.variants();
        }
        if self.eat("^") {
            let levels: usize = self.plain().parse().map_err(|_| self.error("no number"))?;
            // The levels around this place are one less than the types, which count this one.
            return if levels < self.depth - 1 {
                Ok(Shape::Back(levels))
            } else {
                Err(self.error("no such level"))
            };
        }
        let word = self.plain();
        if word == "map" {
            self.expect("(")?;
            let key = Box::new(self.shape()?);
            self.expect(",")?;
            let value = Box::new(self.shape()?);
            return self.expect(")").map(|()| Shape::Map(key, value));
        }
        if word == "any" {
            return Ok(Shape::Any);
        }
        let leaf = Leaf::NAMES.iter().find(|(_, name)| *name == word);
        leaf.map(|(leaf, _)| Shape::Leaf(*leaf)).ok_or_else(|| self.error("an unknown type"))
    }

    fn fields(&mut self) -> Result<Shape, SchemaTextError> {
        let mut fields = Vec::new();
        while !self.eat("}") {
            if self.eat("!,") {
                return self.expect("}").map(|()| Shape::Struct { fields, closed: true });
            }
            let name = self.name()?;
            let optional = self.eat("?");
            self.expect(":")?;
            let shape = self.shape()?;
            self.expect(",")?;
            fields.push(Field { name, optional, shape });
        }
        Ok(Shape::Struct { fields, closed: false })
    }

    fn variants(&mut self) -> Result<Shape, SchemaTextError> {
        let mut variants = Vec::new();
        if self.eat(">") {
            return Ok(Shape::Enum(variants));
        }
        loop {
            let name = self.name()?;
            let content = if self.eat("(") {
                let content = self.shape()?;
                self.expect(")")?;
                Some(content)
            } else {
                None
            };
            variants.push(Variant { name, content });
            if self.eat(">") {
                return Ok(Shape::Enum(variants));
            }
            self.expect("|")?;
        }
    }
}
