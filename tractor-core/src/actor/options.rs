//! How an actor is set up.

use super::exposed::Allow;
use crate::proto::addr::Addr;
use crate::proto::limits::{Limits, Timeouts};

/// Settings of a root actor. The defaults suit a program whose processes all run on one host.
#[derive(Debug, Clone, Default)]
pub struct ActorOptions {
    pub(crate) name: Option<String>,
    pub(crate) bind: Vec<Addr>,
    pub(crate) allow: Allow,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
}

impl ActorOptions {
    /// The defaults: named `root`, listening nowhere, exposing nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the actor.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Listens on an address, for actors that are not children of this one.
    ///
    /// The directory of a Unix socket is our own user's with mode `0700`, and nobody but root can put another one in
    /// its place; one that is missing is made. The file of a process that has died is replaced.
    #[must_use]
    pub fn bind(mut self, addr: Addr) -> Self {
        self.bind.push(addr);
        self
    }

    /// Lets peers call the endpoints of a module.
    #[must_use]
    pub fn enable_module(mut self, module: impl Into<String>) -> Self {
        self.allow.modules.push(module.into());
        self
    }

    /// Bounds on what a peer may cost this actor.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long the runtime waits before it goes on without an answer.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }
}
