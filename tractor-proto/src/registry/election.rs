//! The role of a root that has registry addresses: the registrar, or an actor that registers with one.
//!
//! Each address is probed by a handshake and gets one of three standings:
//!
//! ```text
//!  probing --- no actor listens, or none let us in before the time was over ------> Absent
//!     | ^  --- an actor answers, and says that it is not a registrar -------------> Occupied
//!     | |  --- any other actor answers -------------------------------------------> Registrar
//!     +-+  --- connected, but no handshake: again, at most PROBE_ATTEMPTS_MAX times -> Occupied
//! ```
//!
//! An address where an attempt has connected is never absent. If any registrar answers, the root registers with it. The
//! root becomes the registrar only if no address is occupied.
//!
//! # Not here
//! Clocks: the caller reports that a time is over. Binding: if another process binds first, the caller probes again.

use std::time::Duration;

use crate::addr::Addr;
use crate::limits::{PROBE_ATTEMPTS_MAX, PROBE_PAUSE};

/// The end of one attempt at a handshake with the listener at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// An actor has introduced itself.
    Met {
        /// Whether it says that it is a registrar.
        is_registrar: Option<bool>,
    },
    /// Nothing listens there.
    Refused,
    /// The time of the attempt, or of all of them, was over.
    TimedOut {
        /// Whether there was a connection.
        connected: bool,
    },
    /// Something listens, but there was no handshake.
    Failed,
}

/// The result for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A registrar listens there.
    Registrar,
    /// Something else listens there.
    Occupied,
    /// Nothing listens there.
    Absent,
}

/// The next step after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again, after a pause.
    Again {
        /// The pause.
        after: Duration,
    },
    /// The standing of the address is decided.
    Stands(Standing),
}

/// The attempts at one address.
#[derive(Debug, Clone, Copy, Default)]
pub struct Probe {
    attempts: u32,
    connected: bool,
}

impl Probe {
    /// Takes in the end of an attempt.
    pub fn handle(&mut self, attempt: Attempt) -> Next {
        self.attempts += 1;
        self.connected |= !matches!(attempt, Attempt::Refused | Attempt::TimedOut { connected: false });
        match attempt {
            Attempt::Met { is_registrar: Some(false) } => Next::Stands(Standing::Occupied),
            Attempt::Met { is_registrar: Some(true) | None } => Next::Stands(Standing::Registrar),
            Attempt::Refused | Attempt::TimedOut { connected: false } => Next::Stands(self.out_of_time()),
            Attempt::TimedOut { connected: true } | Attempt::Failed => match self.attempts {
                PROBE_ATTEMPTS_MAX.. => Next::Stands(Standing::Occupied),
                done => Next::Again { after: PROBE_PAUSE * done },
            },
        }
    }

    /// The address's standing when no time is left for another attempt.
    pub fn out_of_time(&self) -> Standing {
        if self.connected { Standing::Occupied } else { Standing::Absent }
    }
}

/// The role of a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// The registrar, at all of its registry addresses.
    Registrar,
    /// An actor that registers with these registrars.
    Plain {
        /// Those that have answered, in the order in which they were configured.
        registries: Vec<Addr>,
    },
}

/// Why a root cannot start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Something that is not a registrar listens at registry addresses.
    #[error("something that is not a registrar listens at {}", list(.0))]
    Occupied(Vec<Addr>),
    /// There is a registrar already, and this root had to become the registrar.
    #[error("there is a registrar at {} already (`ensure_registry`)", list(.0))]
    Answered(Vec<Addr>),
}

fn list(addrs: &[Addr]) -> String {
    addrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The role of a root, given the standings of its registry addresses. With `ensure` it must be the registrar.
///
/// # Errors
/// [`Refusal`], with the addresses that are in the way.
pub fn elect(standings: &[(Addr, Standing)], ensure: bool) -> Result<Role, Refusal> {
    let those = |wanted: Standing| -> Vec<Addr> {
        standings.iter().filter(|(_, standing)| *standing == wanted).map(|(addr, _)| addr.clone()).collect()
    };
    let (registries, occupied) = (those(Standing::Registrar), those(Standing::Occupied));
    match (registries.is_empty(), occupied.is_empty()) {
        (false, _) if ensure => Err(Refusal::Answered(registries)),
        (false, _) => Ok(Role::Plain { registries }),
        (true, false) => Err(Refusal::Occupied(occupied)),
        (true, true) => Ok(Role::Registrar),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTEMPTS: [Attempt; 8] = [
        Attempt::Met { is_registrar: None },
        Attempt::Met { is_registrar: Some(true) },
        Attempt::Met { is_registrar: Some(false) },
        Attempt::Refused,
        Attempt::TimedOut { connected: false },
        Attempt::TimedOut { connected: true },
        Attempt::Failed,
        Attempt::Failed,
    ];

    /// Every sequence of attempts, each to its end.
    fn each_probe(probe: Probe, history: &mut Vec<Attempt>, check: &mut impl FnMut(&[Attempt], Standing)) {
        for attempt in ATTEMPTS {
            let mut probe = probe;
            history.push(attempt);
            match probe.handle(attempt) {
                Next::Stands(standing) => check(history, standing),
                Next::Again { after } => {
                    assert_eq!(after, PROBE_PAUSE * u32::try_from(history.len()).unwrap());
                    assert_eq!(probe.out_of_time(), Standing::Occupied, "it has connected");
                    each_probe(probe, history, check);
                }
            }
            history.pop();
        }
    }

    #[test]
    fn every_probe_ends_within_its_attempts_and_stands_as_it_was_met() {
        let mut ends = 0;
        each_probe(Probe::default(), &mut Vec::new(), &mut |history, standing| {
            ends += 1;
            assert!(history.len() <= usize::try_from(PROBE_ATTEMPTS_MAX).unwrap(), "{history:?}");
            let connected = |attempt: &Attempt| {
                matches!(
                    attempt,
                    Attempt::Met { .. } | Attempt::TimedOut { connected: true } | Attempt::Failed
                )
            };
            let wanted = match history.last() {
                Some(Attempt::Met { is_registrar: Some(false) }) => Standing::Occupied,
                Some(Attempt::Met { .. }) => Standing::Registrar,
                _ if history.iter().any(connected) => Standing::Occupied,
                _ => Standing::Absent,
            };
            assert_eq!(standing, wanted, "{history:?}");
        });
        assert_eq!(ends, 5 + 3 * (5 + 3 * 8), "all of them were seen");
        assert_eq!(Probe::default().out_of_time(), Standing::Absent);
    }

    #[test]
    fn any_registrar_is_enough_and_any_occupied_address_is_in_the_way() {
        const STANDINGS: [Standing; 3] = [Standing::Registrar, Standing::Occupied, Standing::Absent];
        for code in 0..3_usize.pow(3) {
            let standings: Vec<_> = (0..3)
                .map(|at| {
                    let addr: Addr = format!("/ip4/127.0.0.1/tcp/{}", at + 1).parse().unwrap();
                    (addr, STANDINGS[code / 3_usize.pow(at) % 3])
                })
                .collect();
            let those = |wanted| -> Vec<Addr> {
                standings.iter().filter(|(_, is)| *is == wanted).map(|(addr, _)| addr.clone()).collect()
            };
            for ensure in [false, true] {
                match elect(&standings, ensure) {
                    Ok(Role::Registrar) => assert_eq!(those(Standing::Absent).len(), 3),
                    Ok(Role::Plain { registries }) => {
                        assert!(!ensure && !registries.is_empty());
                        assert_eq!(registries, those(Standing::Registrar));
                    }
                    Err(Refusal::Answered(registries)) => {
                        assert!(ensure && !registries.is_empty());
                        assert_eq!(registries, those(Standing::Registrar));
                    }
                    Err(refusal @ Refusal::Occupied(_)) => {
                        assert_eq!(those(Standing::Registrar), []);
                        let occupied = those(Standing::Occupied);
                        assert!(occupied.iter().all(|addr| refusal.to_string().contains(&addr.to_string())));
                        assert_eq!(refusal, Refusal::Occupied(occupied));
                    }
                }
            }
        }
    }
}
