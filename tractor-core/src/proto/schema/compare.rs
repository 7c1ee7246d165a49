//! The evolution rules, applied to two schemas.

use std::collections::HashSet;
use std::fmt;

use super::text::kind_name;
use super::{Field, Leaf, Part, Schema, Shape, Variant};

/// Types compared before two schemas count as too different to tell; types that contain themselves may be unrolled in
/// different ways.
const PAIRS_MAX: usize = 16 * 1024;
/// Nesting of types compared.
const DEPTH_MAX: usize = 256;
/// Differences told; there is no end to what a peer may make up.
const DIFFERENCES_MAX: usize = 64;
/// Characters of a type shown in a difference.
const SHOWN_CHARS_MAX: usize = 60;

/// One difference of two schemas: what and where, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    text: String,
    breaks: bool,
}

impl Difference {
    /// Whether the two do not fit together because of it.
    pub fn breaks(&self) -> bool {
        self.breaks
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

pub(super) fn compare(endpoint: &Schema, caller: &Schema) -> Vec<Difference> {
    if endpoint == caller {
        return Vec::new();
    }
    let mut found = Findings { list: Vec::new(), pairs: 0 };
    if endpoint.kind != caller.kind {
        let (asked, is) = (kind_name(caller.kind), kind_name(endpoint.kind));
        found.add(true, format!("the caller asks for a `{asked}`, the endpoint is a `{is}`"));
        return found.list;
    }
    Pair::new(Who::ENDPOINT_READS, "argument").types(&caller.args, &endpoint.args, &mut found);
    for part in Part::ALL {
        match (endpoint.part(part), caller.part(part)) {
            (Some(ours), Some(theirs)) => {
                let (who, writer, reader) = match part {
                    Part::Receives => (Who::ENDPOINT_READS, theirs, ours),
                    Part::Started | Part::Sends | Part::Returns => (Who::CALLER_READS, ours, theirs),
                };
                Pair::new(who, part.described()).types(writer, reader, &mut found);
            }
            (None, None) => {}
            _ => found.add(true, format!("{}: only one of the two has a type for it", part.described())),
        }
    }
    if found.list.is_empty() {
        found.add(false, "the types are put together in another way".to_owned());
    }
    found.list
}

struct Findings {
    list: Vec<Difference>,
    pairs: usize,
}

impl Findings {
    /// Those that break are told in any case.
    fn add(&mut self, breaks: bool, text: String) {
        if self.list.len() < DIFFERENCES_MAX {
            self.list.push(Difference { text, breaks });
        } else if breaks && let Some(last) = self.list.last_mut() {
            *last = Difference { text, breaks };
        }
    }
}

/// The names of the two sides of one value.
#[derive(Clone, Copy)]
struct Who {
    writer: &'static str,
    reader: &'static str,
}

impl Who {
    const ENDPOINT_READS: Self = Self { writer: "the caller", reader: "the endpoint" };
    const CALLER_READS: Self = Self { writer: "the endpoint", reader: "the caller" };
}

/// The place at which the two types of one value are compared.
struct Pair<'s> {
    who: Who,
    part: &'static str,
    /// Names on the way from the part to here.
    place: String,
    /// The types around this place, outermost first.
    writers: Vec<&'s Shape>,
    readers: Vec<&'s Shape>,
    /// Compared before, or being compared: by the addresses of both.
    seen: HashSet<(usize, usize)>,
    depth: usize,
}

impl<'s> Pair<'s> {
    fn new(who: Who, part: &'static str) -> Self {
        Self {
            who,
            part,
            place: String::new(),
            writers: Vec::new(),
            readers: Vec::new(),
            seen: HashSet::new(),
            depth: 0,
        }
    }

    fn differs(&self, breaks: bool, what: &str, found: &mut Findings) {
        let Self { part, place, .. } = self;
        let at = match (*part, place.as_str()) {
            ("argument", "") => "the arguments".to_owned(),
            (part, "") => part.to_owned(),
            ("argument", place) => format!("argument `{place}`"),
            (part, place) => format!("{part}, `{place}`"),
        };
        found.add(breaks, format!("{at}: {what}"));
    }

    fn wrong_type(&self, writer: &Shape, reader: &Shape, found: &mut Findings) {
        let Who { writer: from, reader: to } = self.who;
        let what = format!("{from} sends `{}`, {to} expects `{}`", shown(writer), shown(reader));
        self.differs(true, &what, found);
    }

    fn types(&mut self, writer: &'s Shape, reader: &'s Shape, found: &mut Findings) {
        let mut left = (Vec::new(), Vec::new());
        let writer = climbed(writer, &mut self.writers, &mut left.0);
        let reader = climbed(reader, &mut self.readers, &mut left.1);
        let fresh =
            self.seen.insert((std::ptr::from_ref(writer) as usize, std::ptr::from_ref(reader) as usize));
        if fresh {
            found.pairs += 1;
            self.depth += 1;
            if found.pairs > PAIRS_MAX || self.depth > DEPTH_MAX {
                self.differs(true, "too many types to compare", found);
            } else {
                self.parts(writer, reader, found);
            }
            self.depth -= 1;
        }
        self.writers.append(&mut left.0);
        self.readers.append(&mut left.1);
    }

    /// Goes into parts of both.
    fn inside(
        &mut self,
        outer: (&'s Shape, &'s Shape),
        inner: (&'s Shape, &'s Shape),
        name: &str,
        found: &mut Findings,
    ) {
        let len = self.place.len();
        if !self.place.is_empty() && !name.is_empty() && !name.starts_with(['[', '(']) {
            self.place.push('.');
        }
        self.place.push_str(name);
        self.writers.push(outer.0);
        self.readers.push(outer.1);
        self.types(inner.0, inner.1, found);
        self.writers.pop();
        self.readers.pop();
        self.place.truncate(len);
    }

    fn parts(&mut self, writer: &'s Shape, reader: &'s Shape, found: &mut Findings) {
        let outer = (writer, reader);
        match (writer, reader) {
            (Shape::Any, Shape::Any) => {}
            (_, Shape::Any) => self.differs(false, &format!("{} takes anything", self.who.reader), found),
            (Shape::Leaf(from), Shape::Leaf(to)) if from == to => {}
            (Shape::Leaf(from), Shape::Leaf(to)) if widens(*from, *to) => {
                let what = format!("`{}` is read as `{}`", from.name(), to.name());
                self.differs(false, &what, found);
            }
            (Shape::Option(from), Shape::Option(to)) => self.inside(outer, (from, to), "", found),
            (Shape::Leaf(Leaf::Nil), Shape::Option(_)) => {
                self.differs(false, &format!("{} sends nothing", self.who.writer), found);
            }
            (from, Shape::Option(to)) => {
                self.differs(false, &format!("{} always sends a value", self.who.writer), found);
                // Only the reader is one level further in.
                self.readers.push(reader);
                self.types(from, to, found);
                self.readers.pop();
            }
            (Shape::Seq(from), Shape::Seq(to)) => self.inside(outer, (from, to), "[]", found),
            (Shape::Map(from_key, from), Shape::Map(to_key, to)) => {
                self.inside(outer, (from_key, to_key), "(key)", found);
                self.inside(outer, (from, to), "[]", found);
            }
            (Shape::Tuple(from), Shape::Tuple(to)) if from.len() == to.len() => {
                for (at, inner) in from.iter().zip(to).enumerate() {
                    self.inside(outer, inner, &at.to_string(), found);
                }
            }
            (Shape::Struct { fields: from, .. }, Shape::Struct { fields: to, closed }) => {
                self.fields(outer, (from, to), *closed, found);
            }
            (Shape::Enum(from), Shape::Enum(to)) => self.variants(outer, from, to, found),
            _ => self.wrong_type(writer, reader, found),
        }
    }

    fn fields(
        &mut self,
        outer: (&'s Shape, &'s Shape),
        (from, to): (&'s [Field], &'s [Field]),
        closed: bool,
        found: &mut Findings,
    ) {
        let Who { writer, reader } = self.who;
        let noun = if self.writers.is_empty() && self.part == "argument" { "argument" } else { "field" };
        for field in to {
            match from.iter().find(|other| other.name == field.name) {
                Some(other) => {
                    self.inside(outer, (&other.shape, &field.shape), &field.name, found);
                    if other.optional != field.optional {
                        let what = format!("{noun} `{}` may be missing on one side only", field.name);
                        self.differs(false, &what, found);
                    }
                }
                None if field.optional => {
                    let what = format!("{writer} does not send the optional {noun} `{}`", field.name);
                    self.differs(false, &what, found);
                }
                None => {
                    let what =
                        format!("{noun} `{}` is required by {reader}, {writer} does not send it", field.name);
                    self.differs(true, &what, found);
                }
            }
        }
        for field in from.iter().filter(|field| !to.iter().any(|other| other.name == field.name)) {
            let does = if closed { "refuses" } else { "skips" };
            let what = format!(
                "{writer} sends the {noun} `{}`, which {reader} does not know and {does}",
                field.name
            );
            self.differs(closed, &what, found);
        }
        let order = |one: &[Field], two: &[Field]| -> Vec<String> {
            let shared = one.iter().filter(|field| two.iter().any(|other| other.name == field.name));
            shared.map(|field| field.name.clone()).collect()
        };
        if order(from, to) != order(to, from) {
            self.differs(false, &format!("the {noun}s are in another order"), found);
        }
    }

    fn variants(
        &mut self,
        outer: (&'s Shape, &'s Shape),
        from: &'s [Variant],
        to: &'s [Variant],
        found: &mut Findings,
    ) {
        let Who { writer, reader } = self.who;
        for variant in from {
            let name = &variant.name;
            match to.iter().find(|other| other.name == *name) {
                None => {
                    let what =
                        format!("{writer} may send the variant `{name}`, which {reader} does not know");
                    self.differs(true, &what, found);
                }
                Some(other) => match (&variant.content, &other.content) {
                    (Some(from), Some(to)) => self.inside(outer, (from, to), name, found),
                    (None, None) => {}
                    _ => {
                        let what = format!("the variant `{name}` has a value on one side only");
                        self.differs(true, &what, found);
                    }
                },
            }
        }
        for variant in to.iter().filter(|variant| !from.iter().any(|other| other.name == variant.name)) {
            let what = format!("{reader} knows the variant `{}`, {writer} does not", variant.name);
            self.differs(false, &what, found);
        }
    }
}

/// Follows a reference to a type further out; what is left on the way is to be put back on the stack.
fn climbed<'s>(shape: &'s Shape, stack: &mut Vec<&'s Shape>, left: &mut Vec<&'s Shape>) -> &'s Shape {
    let Shape::Back(levels) = shape else { return shape };
    let Some(at) = stack.len().checked_sub(levels + 1) else { return &Shape::Any };
    *left = stack.split_off(at);
    left.first().copied().unwrap_or(&Shape::Any)
}

/// Whether every value of one type is read as the same value of the other.
fn widens(from: Leaf, to: Leaf) -> bool {
    use Leaf::{Char, F32, F64, I8, I16, I32, I64, Str, U8, U16, U32, U64};

    let wider: &[Leaf] = match from {
        U8 => &[U16, U32, U64, I16, I32, I64, F32, F64],
        U16 => &[U32, U64, I32, I64, F32, F64],
        U32 => &[U64, I64, F64],
        I8 => &[I16, I32, I64, F32, F64],
        I16 => &[I32, I64, F32, F64],
        I32 => &[I64, F64],
        F32 => &[F64],
        Char => &[Str],
        _ => &[],
    };
    wider.contains(&to)
}

fn shown(shape: &Shape) -> String {
    let text = shape.to_string();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
