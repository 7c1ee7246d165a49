//! Whether a failed request has run, and whether asking again may help.

use super::{Blame, Error, RemoteKind};

impl Error {
    /// Whether the request has certainly not run, and may be sent again unchanged: it never left this actor, or the
    /// other actor refused it because it has no room or is ending.
    ///
    /// The actor may be gone for good; its successor, or another actor, may answer. A request that will fail again,
    /// such as a call of an endpoint that is not exposed, is not retryable, although it has not run: see
    /// [`may_have_run`](Self::may_have_run).
    ///
    /// ```
    /// # use tractor_core::{self as tractor, DynCall, Supervised};
    /// # async fn example(oracle: &Supervised) -> tractor::Result<u64> {
    /// loop {
    ///     // Waits while the actor is being restarted.
    ///     let portal = oracle.portal().await?;
    ///     match portal.run_dyn(DynCall::new("oracle", "answer")).await {
    ///         Err(error) if error.is_retryable() => continue,
    ///         outcome => return outcome,
    ///     }
    /// }
    /// # }
    /// ```
    pub fn is_retryable(&self) -> bool {
        if self.may_have_run() {
            return false;
        }
        match self {
            Self::Died(_) | Self::Closed(_) | Self::Unreachable(_) | Self::Cancelled(_) => true,
            Self::Remote(error) => error.kind() == RemoteKind::Runtime,
            Self::NotFound(error) => error.may_appear(),
            Self::Group(group) => group.members().iter().all(Self::is_retryable),
            Self::DeadlineExceeded(_)
            | Self::GaveUp(_)
            | Self::Lagged(_)
            | Self::Messaging(_)
            | Self::MsgType(_)
            | Self::NoRuntime
            | Self::Runtime(_)
            | Self::Spawn(_)
            | Self::TooSlow(_)
            | Self::Unread(_) => false,
        }
    }

    /// Whether the request may have run, or begun to: false only if it certainly has not.
    ///
    /// After a lost connection this is unknown. Repeat such a request only if running it twice does no harm.
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Remote(error) => !error.route().was_refused(),
            Self::Cancelled(error) => !error.route().was_refused(),
            Self::MsgType(error) => match error.route() {
                Some(route) => !route.was_refused(),
                // Arguments that did not leave.
                None => !(error.blame() == Blame::Local && error.cid().is_none()),
            },
            Self::Died(error) => !error.is_unsent(),
            Self::Closed(error) => !error.is_unsent(),
            Self::Messaging(error) => !error.unsent,
            Self::DeadlineExceeded(error) => !error.is_before_start(),
            Self::NoRuntime | Self::NotFound(_) | Self::Spawn(_) | Self::Unreachable(_) => false,
            Self::GaveUp(_) | Self::Lagged(_) | Self::Runtime(_) | Self::TooSlow(_) | Self::Unread(_) => true,
            Self::Group(group) => group.members().iter().any(Self::may_have_run),
        }
    }

    /// Marks this as the failure of a request that never left.
    #[must_use]
    pub(crate) fn unsent(self) -> Self {
        match self {
            Self::Died(error) => Self::Died(error.unsent()),
            Self::Closed(error) => Self::Closed(error.unsent()),
            Self::Messaging(error) => Self::Messaging(error.unsent()),
            other => other,
        }
    }
}
