//! Whether an actor is a registrar. That follows from where it listens, and changes when it takes the place of another
//! registrar, and when it ends.

use super::core::Actor;
use super::exposed::EndpointEntry;
use crate::proto::addr::Addr;
use crate::proto::id::Aid;

impl Actor {
    /// How it introduces itself now.
    pub(crate) fn aid(&self) -> Aid {
        Aid { is_registrar: Some(self.is_registrar()), ..self.inner.identity.aid.clone() }
    }

    /// Whether it is the registrar at any registry of its tree.
    pub(crate) fn is_registrar(&self) -> bool {
        self.registries().iter().any(|registry| self.is_registrar_at(registry))
    }

    /// Whether it is the registrar there.
    pub(crate) fn is_registrar_at(&self, registry: &Addr) -> bool {
        self.is_root() && !self.inner.stop.is_cancelled() && self.addrs().contains(registry)
    }

    /// A method of the runtime that may wait.
    pub(super) fn method(&self, name: &str) -> Option<&'static EndpointEntry> {
        let identity = &self.inner.identity;
        let find = |methods: &'static [EndpointEntry]| methods.iter().find(|method| method.name == name);
        find(identity.methods)
            .or_else(|| find(identity.methods_of_registrars).filter(|_| self.is_registrar()))
    }
}
