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
    pub(crate) registries: Vec<Addr>,
    pub(crate) ensure_registry: bool,
    pub(crate) allow_unauthenticated_peers: bool,
    pub(crate) is_unproved: bool,
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

    /// Names an address of a registry, where the actors of the tree are registered and others are found by name. There
    /// may be several.
    ///
    /// The root asks who listens there. If a registrar does, all actors of the tree register with it; if nobody does,
    /// the root becomes the registrar itself, at all of these addresses. If something else does, it does not start. Of
    /// many programs that start at once one becomes the registrar.
    ///
    /// Every actor of the tree then listens: where it was told, else at an address of its own of the registry's
    /// transport. Without a registry none of this happens.
    ///
    /// Programs that are started apart meet over a Unix socket, which all of a user's programs may use. Over TCP only
    /// the actors of one tree meet: each root draws a secret, and no two roots can share one. The second program that
    /// names a TCP port does not start, also where both say
    /// [`allow_unauthenticated_peers`](Self::allow_unauthenticated_peers).
    ///
    /// ```
    /// # use tractor_core as tractor;
    /// # async fn example() -> tractor::Result<()> {
    /// let registry = tractor::default_registry()?;
    /// let options = tractor::ActorOptions::new().name("shop").registry(registry);
    /// tractor::open_root_actor(options, async |_| {
    ///     tractor::wait_for_actor("kv", async |kv| {
    ///         println!("found {}", kv.uid());
    ///         Ok(())
    ///     })
    ///     .await
    /// })
    /// .await
    /// # }
    /// ```
    #[must_use]
    pub fn registry(mut self, addr: Addr) -> Self {
        if !self.registries.contains(&addr) {
            self.registries.push(addr);
        }
        self
    }

    /// The root becomes the registrar, or does not start.
    #[must_use]
    pub fn ensure_registry(mut self) -> Self {
        self.ensure_registry = true;
        self
    }

    /// Lets the actors of the tree talk over TCP to peers that cannot prove anything: those of the Python library, of
    /// any user of this host.
    ///
    /// Such a peer may call what is exposed, and what a registrar offers; it can end no actor. At most half of an
    /// actor's connections ([`Limits::connections_max`]) are such ones. A Rust peer still has to know the tree's
    /// secret, so that two trees of Rust actors do not meet this way. Only for addresses that lead to this host:
    /// beyond loopback nothing is bound, and nobody connected to, this way.
    #[must_use]
    pub fn allow_unauthenticated_peers(mut self) -> Self {
        self.allow_unauthenticated_peers = true;
        self
    }

    /// For a program that belongs to no tree and looks at those of others: where it connects over TCP on this host, it
    /// proves nothing, and asks for no proof. So trees with
    /// [`allow_unauthenticated_peers`](Self::allow_unauthenticated_peers) let it in, as they let in peers of the Python
    /// library. Without this it offers a proof, which only its own tree accepts.
    ///
    /// Who listens at that address is then not known for certain. It changes nothing about who may connect to this
    /// actor.
    #[must_use]
    pub fn unproved(mut self) -> Self {
        self.is_unproved = true;
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
