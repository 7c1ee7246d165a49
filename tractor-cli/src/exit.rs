//! Failures of the command, and their exit codes.

use serde_json::{Value as Json, json};
use tractor_core::Error;
use tractor_core::error::RemoteActorError;

/// The kinds of failure; `exit_codes.txt` explains them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Failed = 1,
    Usage = 2,
    RegistryAbsent = 3,
    RegistryDead = 4,
    RegistryForeign = 5,
    NoSuchActor = 6,
    ActorLost = 7,
    NotAllowed = 8,
    Interrupted = 130,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::RegistryAbsent => "registry-absent",
            Self::RegistryDead => "registry-dead",
            Self::RegistryForeign => "registry-foreign",
            Self::NoSuchActor => "no-such-actor",
            Self::ActorLost => "actor-lost",
            Self::NotAllowed => "not-allowed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// The failure of a command.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// For an error of the endpoint: its type, the actor where it happened, and its sources.
    detail: Option<Json>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), detail: None }
    }

    pub(crate) fn to_json(&self) -> Json {
        let mut error = json!({ "kind": self.kind.name(), "exit": self.kind as u8, "message": self.text });
        if let (Some(fields), Some(Json::Object(detail))) = (error.as_object_mut(), self.detail.clone()) {
            fields.extend(detail);
        }
        json!({ "error": error })
    }
}

/// A failure of a request to an actor.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Remote(remote) if is_refusal_to_end(remote) => Kind::NotAllowed,
            Error::Died(_)
            | Error::Closed(_)
            | Error::Unreachable(_)
            | Error::TooSlow(_)
            | Error::DeadlineExceeded(_) => Kind::ActorLost,
            _ => Kind::Failed,
        };
        let detail = error.as_remote().map(|remote| {
            json!({
                "type": remote.src_type(),
                "text": remote.message(),
                "causes": remote.causes(),
                "actor": remote.src_uid().name(),
                "uuid": remote.src_uid().uuid(),
                "trace": remote.trace(),
            })
        });
        Self { kind, text: error.to_string(), detail }
    }
}

/// Whether the actor refuses to end because the command does not know the secret of its tree.
fn is_refusal_to_end(remote: &RemoteActorError) -> bool {
    remote.src_type() == "RuntimeFailure" && remote.message().contains("secret of its tree")
}
