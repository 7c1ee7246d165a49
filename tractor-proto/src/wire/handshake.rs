//! The exchange of identities that opens every connection, as a machine without I/O.
//!
//! Both ends send their [`Aid`] at once and then read one frame. When both ends announced [`Caps::AUTH`], each sends
//! one more `Auth` message, and reads one.
//!
//! ```text
//!  start ──> Aid sent ── peer's Aid ─┬─ either end is a probe ────────────────> Probed (close)
//!                │                   ├─ no proof wanted, or peer knows none ──> Done
//!                │                   ├─ proof required, peer knows none ──────> Refused
//!                │                   └─ both announced AUTH: send Auth ─┐
//!                │                                                      v
//!                │                             Auth sent ── right proof ──────> Done
//!                │                                 └─────── wrong proof ──────> Refused
//!                └ anything else, deadline, end of connection, in either state: Refused
//! ```
//!
//! # The proof
//! `blake2s(key = secret, role ‖ peer nonce ‖ own nonce ‖ own uuid ‖ peer uuid)`, 32 bytes. `role` is one byte, `c`
//! when the prover opened the connection and `a` when it accepted it; each uuid is preceded by its length as one byte.
//! The role keeps a peer from sending our own proof back to us. Nothing ties later frames to the proof: it keeps
//! strangers out, but it does not protect against an attacker who can rewrite the connection's bytes.
//!
//! # Invariants
//! 1. We announce `AUTH`, with a nonce, exactly when the policy has a secret.
//! 2. [`Output::Done`] has `AUTH` among its capabilities exactly when the peer's proof was checked and right.
//! 3. After `Done`, `Probed` or `Refused` the handshake is over and the machine refuses every input.
//!
//! # Not here
//! The nonce is drawn by the caller, fresh for every connection. The deadline (`Timeouts::handshake`) is the driver's.

use std::fmt;

use super::codec::DecodeError;
use super::frame::Eof;
use super::id::{Aid, Caps, Secret, Uid};
use super::limits::UUID_BYTES_MAX;
use super::msg::Msg;

// Uuids are preceded by their length as one byte in the proof.
const _: () = assert!(UUID_BYTES_MAX <= u8::MAX as usize);

/// Our end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We opened the connection.
    Connector,
    /// We accepted it.
    Acceptor,
}

impl Role {
    const fn other(self) -> Self {
        match self {
            Self::Connector => Self::Acceptor,
            Self::Acceptor => Self::Connector,
        }
    }

    const fn proof_byte(self) -> u8 {
        match self {
            Self::Connector => b'c',
            Self::Acceptor => b'a',
        }
    }
}

/// The rule for which peers are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Every peer; we prove nothing.
    Open,
    /// Every peer, but one that announces the extension must prove the secret, and we prove it to such a peer.
    Prove {
        /// The tree's secret.
        secret: Secret,
    },
    /// Only peers that prove the secret.
    RequireProof {
        /// The tree's secret.
        secret: Secret,
    },
}

impl Policy {
    fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Open => None,
            Self::Prove { secret } | Self::RequireProof { secret } => Some(secret),
        }
    }
}

/// An event on the connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A frame arrived and is a message.
    Message(Msg),
    /// A frame arrived and is not a message.
    Undecodable(DecodeError),
    /// The deadline passed.
    TimedOut,
    /// The connection ended.
    Ended(Eof),
}

/// The next step. Every input has exactly one output.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this and read on.
    Send(Msg),
    /// The connection is established; message loops may start.
    Done {
        /// The identity that the peer claims.
        peer: Aid,
        /// Extensions in use on this connection.
        caps: Caps,
    },
    /// One end was only a probe: close the connection.
    Probed {
        /// The identity that the peer claims.
        peer: Aid,
    },
    /// Close the connection; nothing else is affected.
    Refused(Refusal),
}

/// Why a connection is not established.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Another message than the expected one arrived.
    #[error("peer sent {got} where the handshake expects {expected}")]
    Unexpected {
        /// The message's name.
        got: &'static str,
        /// The name of the expected one.
        expected: &'static str,
    },
    /// The frame that arrived is not a message.
    #[error("peer sent no valid handshake message")]
    Undecodable(#[source] DecodeError),
    /// The peer was too slow.
    #[error("peer did not complete the handshake within Timeouts::handshake")]
    TimedOut,
    /// The peer closed the connection.
    #[error("peer left during the handshake: {0}")]
    Ended(Eof),
    /// The policy requires a proof and the peer announced none.
    #[error("peer {peer} does not offer to prove the secret of our actor tree")]
    NoProof {
        /// The peer.
        peer: Uid,
    },
    /// The peer announced the proof but set no challenge.
    #[error("peer {peer} offers to prove the secret but sent no nonce")]
    NoNonce {
        /// The peer.
        peer: Uid,
    },
    /// The peer's proof is wrong.
    #[error("peer {peer} does not know the secret of our actor tree: over TCP only actors of one tree meet")]
    WrongProof {
        /// The peer.
        peer: Uid,
    },
    /// The handshake was over already.
    #[error("the handshake is over")]
    Over,
}

/// One end of a handshake.
#[derive(Debug)]
pub struct Handshake {
    role: Role,
    policy: Policy,
    ours: Aid,
    state: State,
}

/// See the diagram in the module's docs.
#[derive(Debug)]
enum State {
    AidSent,
    AuthSent { peer: Aid, expected: Proof },
    Over,
}

impl Handshake {
    /// A handshake, and the `Aid` message to send at once.
    ///
    /// `ours.caps` are the extensions that we want to use; `policy` decides about `AUTH` and the nonce in `ours`.
    /// `nonce` must be fresh.
    pub fn start(role: Role, policy: Policy, mut ours: Aid, nonce: [u8; 32]) -> (Self, Msg) {
        let prove = policy.secret().is_some();
        ours.caps = if prove { ours.caps.or(Caps::AUTH) } else { ours.caps.and(WITHOUT_AUTH) };
        ours.nonce = prove.then_some(nonce);
        let hello = Msg::Aid(ours.clone());
        (Self { role, policy, ours, state: State::AidSent }, hello)
    }

    /// Takes in an event and says what to do.
    pub fn handle(&mut self, input: Input) -> Output {
        let state = std::mem::replace(&mut self.state, State::Over);
        let outcome = match (state, input) {
            (State::Over, _) => Err(Refusal::Over),
            (_, Input::Undecodable(error)) => Err(Refusal::Undecodable(error)),
            (_, Input::TimedOut) => Err(Refusal::TimedOut),
            (_, Input::Ended(eof)) => Err(Refusal::Ended(eof)),
            (State::AidSent, Input::Message(Msg::Aid(peer))) => self.handle_aid(peer),
            (State::AidSent, Input::Message(other)) => {
                Err(Refusal::Unexpected { got: other.name(), expected: "Aid" })
            }
            (State::AuthSent { peer, expected }, Input::Message(Msg::Auth { proof })) => {
                self.handle_auth(peer, &expected, proof)
            }
            (State::AuthSent { .. }, Input::Message(other)) => {
                Err(Refusal::Unexpected { got: other.name(), expected: "Auth" })
            }
        };
        outcome.unwrap_or_else(Output::Refused)
    }

    fn handle_aid(&mut self, peer: Aid) -> Result<Output, Refusal> {
        let probed = match self.role {
            Role::Connector => self.ours.is_probe,
            Role::Acceptor => peer.is_probe,
        };
        if probed {
            return Ok(Output::Probed { peer });
        }
        let caps = self.ours.caps.and(peer.caps);
        let (Some(secret), true) = (self.policy.secret(), caps.contains(Caps::AUTH)) else {
            return match self.policy {
                Policy::RequireProof { .. } => Err(Refusal::NoProof { peer: peer.uid }),
                Policy::Open | Policy::Prove { .. } => Ok(Output::Done { peer, caps }),
            };
        };
        let (Some(our_nonce), Some(peer_nonce)) = (&self.ours.nonce, &peer.nonce) else {
            return Err(Refusal::NoNonce { peer: peer.uid });
        };
        let proof = Proof::new(secret, self.role, peer_nonce, our_nonce, &self.ours.uid, &peer.uid);
        let expected =
            Proof::new(secret, self.role.other(), our_nonce, peer_nonce, &peer.uid, &self.ours.uid);
        self.state = State::AuthSent { peer, expected };
        Ok(Output::Send(Msg::Auth { proof: proof.bytes() }))
    }

    fn handle_auth(&self, peer: Aid, expected: &Proof, proof: [u8; 32]) -> Result<Output, Refusal> {
        if expected.matches(&proof) {
            let caps = self.ours.caps.and(peer.caps);
            Ok(Output::Done { peer, caps })
        } else {
            Err(Refusal::WrongProof { peer: peer.uid })
        }
    }
}

const WITHOUT_AUTH: Caps = Caps::ANNOUNCED;

/// A keyed hash that is compared in constant time.
struct Proof(blake2s_simd::Hash);

impl Proof {
    /// The answer of the actor `prover`, in `role`, to the challenge `peer_nonce` of `peer`.
    fn new(
        secret: &Secret,
        role: Role,
        peer_nonce: &[u8; 32],
        own_nonce: &[u8; 32],
        prover: &Uid,
        peer: &Uid,
    ) -> Self {
        let mut hash = blake2s_simd::Params::new().key(secret.as_bytes()).to_state();
        hash.update(&[role.proof_byte()]).update(peer_nonce).update(own_nonce);
        for uid in [prover, peer] {
            let uuid = uid.uuid().as_bytes();
            hash.update(&[uuid.len() as u8]).update(uuid);
        }
        Self(hash.finalize())
    }

    fn bytes(&self) -> [u8; 32] {
        *self.0.as_array()
    }

    fn matches(&self, proof: &[u8; 32]) -> bool {
        self.0 == proof[..]
    }
}

/// Without the hash, because a reader of a log could answer a challenge with it.
impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(..)")
    }
}

#[cfg(test)]
mod tests;
