//! The layout of a type: whether its structs may travel without the names of their fields, and how many fields they
//! read.
//!
//! The layout is found by running the type's own `Deserialize` and noting what it reads. A type travels with names if
//! it chooses its form while it reads (`untagged`, `tag`, `flatten`). So does one that returns an error or panics
//! during the examination, or is too large to be examined.
//!
//! # Not here
//! What a type *writes* cannot be examined in advance. So [`encode()`](super::encode()) compares each value with the
//! field counts found here. A serializer sees only the names of types: if two types of one payload share a name, the
//! field count of either is accepted.

mod ask;
mod walk;

use std::any::TypeId;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use serde::de::DeserializeOwned;

/// The known layout of one type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Whether structs may be arrays.
    pub(super) is_positional: bool,
    /// The structs, tuple structs and variants with fields that were found inside of the type.
    pub(super) fields: Vec<Fields>,
}

/// The number of fields that a struct, or a variant of an enum, reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) name: &'static str,
    /// Empty for a struct.
    pub(super) variant: &'static str,
    pub(super) count: usize,
}

impl Layout {
    /// Whether this struct or variant reads `count` fields; `None` if it was not found.
    pub(super) fn reads(&self, name: &str, variant: &str, count: usize) -> Option<bool> {
        let mut found = None;
        for fields in &self.fields {
            if fields.name == name && fields.variant == variant {
                if fields.count == count {
                    return Some(true);
                }
                found = Some(false);
            }
        }
        found
    }

    /// The layout of a type that is not examined.
    pub(super) fn unknown() -> &'static Self {
        static UNKNOWN: Layout = Layout { is_positional: false, fields: Vec::new() };
        &UNKNOWN
    }

    /// The layout of `T`, which is examined once per process.
    #[inline]
    pub(super) fn of<T: DeserializeOwned + 'static>() -> &'static Self {
        let id = TypeId::of::<T>();
        match LAST.get() {
            // A stream has one type, so the last layout is usually the right one.
            Some((last, layout)) if last == id => layout,
            _ => Self::known(id, ask::ask::<T>),
        }
    }

    fn known(id: TypeId, ask: fn() -> Self) -> &'static Self {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&id).copied();
        let layout = known.unwrap_or_else(|| {
            // `ask` runs user code, so the lock is not held.
            let layout = ask();
            let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
            known.entry(id).or_insert_with(|| Box::leak(Box::new(layout)))
        });
        LAST.set(Some((id, layout)));
        layout
    }
}

// A cache: one entry per type, and every computation gives the same result.

static KNOWN: LazyLock<RwLock<HashMap<TypeId, &'static Layout>>> = LazyLock::new(RwLock::default);

thread_local! {
    /// The layout that was used last.
    static LAST: Cell<Option<(TypeId, &'static Layout)>> = const { Cell::new(None) };
}
