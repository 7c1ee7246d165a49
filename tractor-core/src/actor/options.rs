//! The options of a root actor.

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
    /// The directory of a Unix socket must belong to this user with mode `0700`, and only root may be able to replace
    /// it; a missing directory is made. The socket file of a process that has died is replaced.
    #[must_use]
    pub fn bind(mut self, addr: Addr) -> Self {
        self.bind.push(addr);
        self
    }

    /// Adds the address of a registry. The actors of the tree register there, and find others there by name. A tree may
    /// have several registries.
    ///
    /// If a registrar listens there, all actors of the tree register with it. If no program listens, the root becomes
    /// the registrar itself, at all of these addresses. If another program listens, the root does not start. Of many
    /// programs that start at once exactly one becomes the registrar. When it ends, another running root takes its
    /// place, with all names.
    ///
    /// With a registry every actor of the tree listens: at its `bind` addresses, or else at an address of its own with
    /// the registry's transport.
    ///
    /// Programs that were started apart connect over a Unix socket, which all of a user's programs may use. Over TCP
    /// only the actors of one tree can connect: each root draws a secret, and two roots cannot share one. So a second
    /// program with the same TCP port does not start, even if both set
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

    /// Requires that the root is the registrar from its start; otherwise it does not start. When such a program ends
    /// while others run, one of them is the registrar, and the program cannot start again beside it.
    #[must_use]
    pub fn ensure_registry(mut self) -> Self {
        self.ensure_registry = true;
        self
    }

    /// Lets peers without a proof connect to the actors of the tree over TCP: actors of the Python library, of any user
    /// of this host.
    ///
    /// Such a peer may call exposed endpoints, and the methods of a registrar; it cannot end an actor. Such peers get
    /// at most half of an actor's connections ([`Limits::connections_max`]). A Rust peer still has to know the tree's
    /// secret, so two trees of Rust actors cannot connect this way. With this option actors use only addresses on this
    /// host: they neither bind an address beyond loopback nor connect to one.
    #[must_use]
    pub fn allow_unauthenticated_peers(mut self) -> Self {
        self.allow_unauthenticated_peers = true;
        self
    }

    /// Connects over TCP on this host without a proof, and without asking for one: for a program that belongs to no
    /// tree and inspects other trees. Trees with [`allow_unauthenticated_peers`](Self::allow_unauthenticated_peers) let
    /// it in, as they let in peers of the Python library. Without this option the program offers a proof, which only
    /// its own tree accepts.
    ///
    /// The identity of the listener at that address is then not proved. The option does not change who may connect to
    /// this actor.
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

    /// Limits on the resources that a peer may use in this actor.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long the runtime waits for other actors and processes.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }
}
