//! The addresses of actors whose death this actor has seen: a later connection to such an address fails with the same
//! error.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::ActorDied;
use crate::proto::addr::Addr;
use crate::proto::limits::DEATHS_KEPT_MAX;

/// The last deaths, the oldest first. The lock is held for a lookup only.
#[derive(Debug, Default)]
pub(crate) struct Deaths(Mutex<VecDeque<(Addr, ActorDied)>>);

impl Deaths {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(Addr, ActorDied)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the actor that listened at this address has died.
    pub(crate) fn add(&self, addr: Addr, died: &ActorDied) {
        let mut deaths = self.lock();
        deaths.retain(|(known, _)| *known != addr);
        if deaths.len() >= DEATHS_KEPT_MAX {
            deaths.pop_front();
        }
        deaths.push_back((addr, died.clone()));
    }

    /// Forgets a death, because an actor listens at this address again.
    pub(crate) fn forget(&self, addr: &Addr) {
        self.lock().retain(|(known, _)| known != addr);
    }

    /// The death of the actor that listened at this address.
    pub(crate) fn at(&self, addr: &Addr) -> Option<ActorDied> {
        self.lock().iter().find(|(known, _)| known == addr).map(|(_, died)| died.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Because;

    fn addr(n: usize) -> Addr {
        Addr::Uds { dir: "/run".to_owned(), file: format!("{n}.sock") }
    }

    #[test]
    fn the_last_deaths_are_known() {
        let deaths = Deaths::default();
        for n in 0..=DEATHS_KEPT_MAX {
            deaths.add(addr(n), &ActorDied::new("w", n as u32, Because::Unknown, None));
        }
        assert!(deaths.at(&addr(0)).is_none(), "the oldest gives way");
        assert_eq!(deaths.at(&addr(1)).map(|died| died.pid()), Some(1));
        deaths.add(addr(1), &ActorDied::new("w", 70, Because::Unknown, None));
        assert_eq!(deaths.at(&addr(1)).map(|died| died.pid()), Some(70));
        assert_eq!(deaths.lock().len(), DEATHS_KEPT_MAX);
        deaths.forget(&addr(1));
        assert!(deaths.at(&addr(1)).is_none());
    }
}
