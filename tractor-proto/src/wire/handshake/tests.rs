//! The transition table, and both ends against each other.

use bytes::Bytes;

use super::*;
use crate::codec::{decode, encode};
use crate::id::Cid;

const SECRET: Secret = Secret::new([7; 32]);
const PROVE: Policy = Policy::Prove { secret: SECRET };
const REQUIRE: Policy = Policy::RequireProof { secret: SECRET };

fn aid(name: &str) -> Aid {
    Aid { caps: Caps::ALL, ..Aid::new(Uid::new(name, format!("uuid-of-{name}"))) }
}

fn start(role: Role, policy: Policy) -> (Handshake, Msg) {
    let name = if role == Role::Connector { "con" } else { "acc" };
    let nonce = if role == Role::Connector { [1; 32] } else { [2; 32] };
    Handshake::start(role, policy, aid(name), nonce)
}

/// The message as the other end reads it.
fn over_the_wire(msg: &Msg) -> Input {
    let mut bytes = Vec::new();
    encode(msg, &mut bytes);
    Input::Message(decode(&Bytes::from(bytes)).unwrap())
}

/// Runs both ends to their last output.
fn meet(connector: (Handshake, Msg), acceptor: (Handshake, Msg)) -> (Output, Output) {
    let ((mut con, con_hello), (mut acc, acc_hello)) = (connector, acceptor);
    let con_out = con.handle(over_the_wire(&acc_hello));
    let acc_out = acc.handle(over_the_wire(&con_hello));
    let con_end = match &acc_out {
        Output::Send(msg) => con.handle(over_the_wire(msg)),
        _ => con_out.clone(),
    };
    let acc_end = match &con_out {
        Output::Send(msg) => acc.handle(over_the_wire(msg)),
        _ => acc_out,
    };
    (con_end, acc_end)
}

fn meet_with(connector: Policy, acceptor: Policy) -> (Output, Output) {
    meet(start(Role::Connector, connector), start(Role::Acceptor, acceptor))
}

fn done_caps(output: &Output) -> Caps {
    match output {
        Output::Done { caps, .. } => *caps,
        other => panic!("{other:?}"),
    }
}

#[test]
fn ends_that_share_the_secret_prove_it() {
    for policies in [(PROVE, PROVE), (PROVE, REQUIRE), (REQUIRE, PROVE), (REQUIRE, REQUIRE)] {
        let (con, acc) = meet_with(policies.0, policies.1);
        assert_eq!((done_caps(&con), done_caps(&acc)), (Caps::ALL, Caps::ALL));
    }
}

#[test]
fn without_a_required_proof_anybody_gets_in_but_unproven() {
    for policies in [(Policy::Open, Policy::Open), (PROVE, Policy::Open), (Policy::Open, PROVE)] {
        let (con, acc) = meet_with(policies.0, policies.1);
        assert_eq!((done_caps(&con), done_caps(&acc)), (WITHOUT_AUTH, WITHOUT_AUTH));
    }
}

#[test]
fn a_required_proof_keeps_others_out() {
    let (_, acc) = meet_with(Policy::Open, REQUIRE);
    assert_eq!(acc, Output::Refused(Refusal::NoProof { peer: aid("con").uid }));
    let (con, _) = meet_with(REQUIRE, Policy::Open);
    assert_eq!(con, Output::Refused(Refusal::NoProof { peer: aid("acc").uid }));
}

#[test]
fn another_secret_is_refused_by_both_ends() {
    let (con, acc) = meet_with(REQUIRE, Policy::RequireProof { secret: Secret::new([8; 32]) });
    assert_eq!(con, Output::Refused(Refusal::WrongProof { peer: aid("acc").uid }));
    assert_eq!(acc, Output::Refused(Refusal::WrongProof { peer: aid("con").uid }));
}

#[test]
fn our_own_proof_sent_back_is_wrong() {
    // The peer mirrors everything: our uuid, our nonce, our proof.
    let (mut handshake, hello) = start(Role::Acceptor, REQUIRE);
    let Output::Send(proof) = handshake.handle(Input::Message(hello)) else { panic!("no proof sent") };
    let answer = handshake.handle(Input::Message(proof));
    assert!(matches!(answer, Output::Refused(Refusal::WrongProof { .. })), "{answer:?}");
}

#[test]
fn probes_end_after_the_exchange_and_need_no_proof() {
    let probe = Aid { is_probe: true, ..aid("con") };
    let (con, acc) =
        meet(Handshake::start(Role::Connector, Policy::Open, probe, [0; 32]), start(Role::Acceptor, REQUIRE));
    assert_eq!(con, Output::Probed { peer: aid("acc") });
    assert_eq!(acc, Output::Probed { peer: aid("con") });
}

#[test]
fn a_peer_of_the_base_protocol_gets_no_extension() {
    let (mut handshake, _) = start(Role::Acceptor, PROVE);
    let output = handshake.handle(Input::Message(Msg::Aid(Aid::new(Uid::new("py", "u")))));
    assert_eq!(done_caps(&output), Caps::NONE);
}

#[test]
fn auth_is_announced_exactly_with_a_secret() {
    for (policy, announced) in [(Policy::Open, false), (PROVE, true), (REQUIRE, true)] {
        for caps in [Caps::NONE, Caps::ALL] {
            let ours = Aid { caps, nonce: Some([9; 32]), ..aid("a") };
            let (_, Msg::Aid(hello)) = Handshake::start(Role::Connector, policy, ours, [3; 32]) else {
                panic!("the first message is an Aid")
            };
            assert_eq!(hello.caps.contains(Caps::AUTH), announced);
            assert_eq!(hello.nonce, announced.then_some([3; 32]));
        }
    }
}

#[test]
fn a_proof_without_a_challenge_is_refused() {
    let (mut handshake, _) = start(Role::Acceptor, PROVE);
    let output = handshake.handle(Input::Message(Msg::Aid(aid("con"))));
    assert_eq!(output, Output::Refused(Refusal::NoNonce { peer: aid("con").uid }));
}

/// Every input in every state. The tests above cover some of them in depth.
#[test]
fn transition_table() {
    let cid = Cid::short(b'c', 1);
    let decode_error = decode(&Bytes::new()).unwrap_err();
    let inputs = || {
        let peer = Aid { nonce: Some([5; 32]), ..aid("peer") };
        [
            Input::Message(Msg::Aid(peer)),
            Input::Message(Msg::Auth { proof: [0; 32] }),
            Input::Message(Msg::Stop { cid }),
            Input::Undecodable(decode_error.clone()),
            Input::TimedOut,
            Input::Ended(Eof::InHeader { have: 2 }),
        ]
    };
    let rows = [
        ("AidSent", ["Send", "Unexpected", "Unexpected", "Undecodable", "TimedOut", "Ended"]),
        ("AuthSent", ["Unexpected", "WrongProof", "Unexpected", "Undecodable", "TimedOut", "Ended"]),
        ("Over", ["Over"; 6]),
    ];
    for (state, row) in rows {
        for (input, want) in inputs().into_iter().zip(row) {
            let (mut handshake, _) = start(Role::Acceptor, REQUIRE);
            if state == "AuthSent" {
                handshake.handle(inputs()[0].clone());
            } else if state == "Over" {
                handshake.handle(Input::TimedOut);
            }
            let got = match handshake.handle(input.clone()) {
                Output::Refused(refusal) => format!("{refusal:?}"),
                other => format!("{other:?}"),
            };
            assert!(got.starts_with(want), "{state} + {input:?}: {got}, want {want}");
        }
    }
}

#[test]
fn secrets_and_proofs_are_not_printed() {
    let secret = Policy::RequireProof { secret: Secret::new([123; 32]) };
    let (mut handshake, _) = start(Role::Acceptor, secret);
    handshake.handle(Input::Message(Msg::Aid(Aid { nonce: Some([5; 32]), ..aid("peer") })));
    assert!(!format!("{handshake:?}").contains("123"), "{handshake:?}");
    assert!(format!("{handshake:?}").contains("Proof(..)"));
}
