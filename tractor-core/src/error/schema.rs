//! Two versions of an endpoint that do not fit together.

use std::fmt;
use std::sync::Arc;

use crate::proto::id::Uid;
use crate::proto::schema::{Difference, Fingerprint};

/// Differences shown in a text.
const SHOWN_MAX: usize = 8;

/// The actor has another version of the endpoint, whose types do not fit those of the caller. Nothing has run there.
///
/// The rules by which two versions fit are those of [`schema`](crate::proto::schema).
#[derive(Debug, Clone)]
pub struct SchemaMismatch {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    endpoint: Arc<str>,
    peer: Uid,
    caller: Option<Fingerprint>,
    callee: Option<Fingerprint>,
    /// Or why there are none to show.
    differences: Result<Vec<Difference>, String>,
}

impl SchemaMismatch {
    pub(crate) fn new(
        endpoint: Arc<str>,
        peer: Uid,
        caller: Option<Fingerprint>,
        callee: Option<Fingerprint>,
        differences: Result<Vec<Difference>, String>,
    ) -> Self {
        Self { inner: Arc::new(Inner { endpoint, peer, caller, callee, differences }) }
    }

    /// The endpoint, as `module:name`.
    pub fn endpoint(&self) -> &str {
        &self.inner.endpoint
    }

    /// The actor that has the other version.
    pub fn peer(&self) -> &Uid {
        &self.inner.peer
    }

    /// What the two versions differ in, harmless differences included. Empty when the peer has not told its types in a way
    /// that could be read.
    pub fn differences(&self) -> &[Difference] {
        self.inner.differences.as_deref().unwrap_or_default()
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl fmt::Display for SchemaMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { endpoint, peer, caller, callee, differences } = &*self.inner;
        write!(f, "actor {peer} has a version of `{endpoint}` that does not fit")?;
        if let (Some(caller), Some(callee)) = (caller, callee) {
            write!(f, " (fingerprint {caller} here, {callee} there)")?;
        }
        match differences {
            Err(why) => write!(f, ": {why}")?,
            Ok(differences) => {
                let breaking: Vec<_> = differences.iter().filter(|difference| difference.breaks()).collect();
                for (at, difference) in breaking.iter().take(SHOWN_MAX).enumerate() {
                    write!(f, "{} {difference}", if at == 0 { ":" } else { ";" })?;
                }
                if breaking.len() > SHOWN_MAX {
                    write!(f, "; and {} more", breaking.len() - SHOWN_MAX)?;
                }
            }
        }
        f.write_str(
            "; build both programs from one version, or change types only as the evolution rules allow",
        )
    }
}

impl std::error::Error for SchemaMismatch {}
