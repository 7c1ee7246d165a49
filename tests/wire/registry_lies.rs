//! Wrong rows, registrars that give wrong answers, and other programs at the address of a registry: each call returns
//! a typed error, and silent addresses do not delay it.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;
use tractor::error::Absence;
use tractor::{ActorOptions, Addr, Error, Portal, Timeouts};
use tractor_core::proto::id::Caps;
use tractor_core::proto::limits::ADDRS_TRIED_MAX;
use tractor_core::proto::msg::{ErrorMsg, FuncType, Msg, Start};

use crate::wire_support::endpoints::process;
use crate::wire_support::registry::{Other, Scratch, Wire, named, refusal, register};
use crate::wire_support::script::{foreign, pld};
use crate::wire_support::{Peer, Server, alone, step};

/// A time limit for answers that never come.
const SHORT: Duration = Duration::from_millis(200);

/// An actor that waits only [`SHORT`] for handshakes and registrars.
fn impatient(name: &str, registry: &Addr) -> ActorOptions {
    let timeouts = Timeouts::default().handshake(SHORT).registry_answer(SHORT);
    ActorOptions::new().name(name).timeouts(timeouts).registry(registry.clone())
}

async fn process_of(name: &str) -> tractor::Result<u32> {
    let body = async |portal: &Portal| -> tractor::Result<u32> { portal.run(process()).await };
    step("a lookup", tractor::find_actor(name, body)).await
}

async fn waited_for(name: &str) -> tractor::Result<u32> {
    let body = async |portal: &Portal| -> tractor::Result<u32> { portal.run(process()).await };
    step("a lookup that waits", tractor::wait_for_actor(name, body)).await
}

fn absence(error: &Error) -> Option<Absence> {
    match error {
        Error::NotFound(error) => Some(error.why()),
        _ => None,
    }
}

/// Sends bytes to each peer that connects, and hangs up.
fn speaker(listener: UnixListener, says: &'static [u8]) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let (mut io, _) = listener.accept().await.expect("it listens");
            // Fails if the other end is gone.
            _ = io.write_all(says).await;
        }
    })
}

// ---- Rows --------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn silent_addresses_do_not_delay_a_lookup() {
    let scratch = Scratch::new("silent");
    let registry = scratch.addr("r");
    let honest = Other::start(ActorOptions::new().name("kv").bind(scratch.addr("honest"))).await;
    let silent: Vec<_> = (0..3).map(|n| scratch.listener(&format!("silent-{n}"))).collect();
    alone(ActorOptions::new().name("rl-silent").registry(registry.clone()), async |_| {
        let mut row = named(&registry, "kv", Caps::NONE).await;
        // The latest is tried first.
        register(&mut row, &scratch.addr("honest")).await;
        for n in 0..silent.len() {
            register(&mut row, &scratch.addr(&format!("silent-{n}"))).await;
        }
        // Another row of that name.
        let mut other = named(&registry, "kv", Caps::NONE).await;
        register(&mut other, &scratch.addr("silent-0")).await;
        // One handshake without an answer would take as long as this whole test may.
        assert_eq!(process_of("kv").await.expect("one address is honest"), std::process::id());
    })
    .await;
    honest.end().await;
}

#[tokio::test]
async fn a_lookup_without_an_honest_address_is_a_typed_error() {
    let scratch = Scratch::new("dishonest");
    let registry = scratch.addr("r");
    let other = Other::start(ActorOptions::new().name("rl-other").bind(scratch.addr("other"))).await;
    let _silent = scratch.listener("silent");
    let speakers = [
        speaker(scratch.listener("http"), b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        speaker(scratch.listener("closes"), b""),
    ];
    alone(impatient("rl-lied-to", &registry), async |_| {
        for (file, is_somebody) in
            [("silent", true), ("http", true), ("closes", true), ("other", false), ("dead", false)]
        {
            let mut row = named(&registry, file, Caps::NONE).await;
            register(&mut row, &scratch.addr(file)).await;
            let error = process_of(file).await.expect_err("no such actor listens there");
            if is_somebody {
                assert!(matches!(error, Error::Unreachable(_)), "{file}: {error:?}");
                assert!(error.to_string().contains(&scratch.addr(file).to_string()), "{file}: {error}");
                let error = waited_for(file).await.expect_err("no such actor listens there");
                assert!(matches!(error, Error::Unreachable(_)), "{file}: {error:?}");
            } else {
                assert_eq!(absence(&error), Some(Absence::Expired), "{file}: {error:?}");
                let error = process_of(file).await.expect_err("the row was deleted");
                assert_eq!(absence(&error), Some(Absence::NotRegistered), "{file}: {error:?}");
            }
            assert!(error.is_retryable() && !error.may_have_run(), "{file}: {error:?}");
        }
    })
    .await;
    speakers.into_iter().for_each(|speaker| speaker.abort());
    other.end().await;
}

// ---- Registrars --------------------------------------------------------------------------------------------------

/// The wrong answers of a registrar.
#[derive(Debug, Clone, Copy)]
enum Lie {
    AnotherType,
    HalfAnAddress,
    Refusal,
    NoMessage,
    HangsUp,
    ManyAddresses,
}

impl Lie {
    async fn tell(self, peer: &mut Peer, start: &Start) {
        let cid = start.cid;
        let returned = |pld| Msg::Return { cid, pld };
        peer.send(&Msg::StartAck { cid, functype: FuncType::AsyncFunc }).await;
        match self {
            Self::AnotherType => peer.send(&returned(pld(&7))).await,
            Self::HalfAnAddress => peer.send(&returned(pld(&[("/run", None::<String>)]))).await,
            Self::Refusal => {
                let mut error = ErrorMsg::new(peer.uid.clone(), "ValueError", "not today");
                error.cid = Some(cid);
                peer.send(&Msg::Error(Box::new(error))).await;
            }
            Self::NoMessage => peer.send_body(&foreign(&[("nonsense", pld(&1))])).await,
            Self::HangsUp => {}
            Self::ManyAddresses => {
                let addrs: Vec<Wire> = (0..50_000).map(|n| ("/nowhere".to_owned(), n.to_string())).collect();
                peer.send(&returned(pld(&addrs))).await;
            }
        }
    }
}

/// A registrar of the base protocol that gives only this wrong answer. Counts the requests to delete addresses.
async fn liar(server: &Server, lie: Lie, deleted: &mut usize) {
    loop {
        let mut peer = server.next().await;
        let mut aid = peer.aid(Caps::NONE);
        aid.is_registrar = Some(true);
        peer.send(&Msg::Aid(aid)).await;
        if peer.expect_aid().await.is_probe {
            continue;
        }
        let start = peer.expect_start().await;
        match start.func.as_str() {
            "register_actor" | "unregister_actor" | "delete_addr" => {
                *deleted += usize::from(start.func == "delete_addr");
                peer.send(&Msg::StartAck { cid: start.cid, functype: FuncType::AsyncFunc }).await;
                peer.send(&Msg::Return { cid: start.cid, pld: pld(&()) }).await;
                // The asking peer closes the connection.
                while peer.recv_or_end().await.is_some() {}
            }
            _ => {
                lie.tell(&mut peer, &start).await;
                if !matches!(lie, Lie::HangsUp) {
                    while peer.recv_or_end().await.is_some() {}
                }
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_answer_of_a_registrar_is_a_typed_error_of_each_call() {
    for lie in [Lie::AnotherType, Lie::HalfAnAddress, Lie::Refusal, Lie::NoMessage, Lie::HangsUp] {
        let server = Server::bind(&format!("rl-{lie:?}"));
        let mut deleted = 0;
        let body = alone(impatient("rl-nonsense", &server.addr), async |_| {
            let found = process_of("kv").await.expect_err("the answer is invalid");
            let asked = step("a query", tractor::query_actor("kv")).await.expect_err("the answer is invalid");
            let listed = step("a list", tractor::list_actors()).await.expect_err("the answer is invalid");
            for error in [found, asked, listed] {
                let is_typed = match lie {
                    Lie::AnotherType | Lie::HalfAnAddress => matches!(error, Error::MsgType(_)),
                    Lie::Refusal => matches!(error, Error::Remote(_)),
                    Lie::NoMessage | Lie::HangsUp => matches!(error, Error::Unreachable(_)),
                    Lie::ManyAddresses => unreachable!("another test has this case"),
                };
                assert!(is_typed, "{lie:?}: {error:?}");
            }
        });
        tokio::select! {
            () = liar(&server, lie, &mut deleted) => unreachable!("it serves for ever"),
            () = body => {}
        }
    }
}

#[tokio::test]
async fn of_many_addresses_the_last_few_are_tried() {
    let server = Server::bind("rl-many");
    let mut deleted = 0;
    let body = alone(ActorOptions::new().name("rl-many").registry(server.addr.clone()), async |_| {
        let error = process_of("kv").await.expect_err("nobody is there");
        assert_eq!(absence(&error), Some(Absence::Expired), "{error:?}");
        let last = step("a query", tractor::query_actor("kv")).await.expect("it answers");
        assert_eq!(last, Some("/unix/nowhere/49999".parse().expect("an address")));
    });
    tokio::select! {
        () = liar(&server, Lie::ManyAddresses, &mut deleted) => unreachable!("it serves for ever"),
        () = body => {}
    }
    assert_eq!(deleted, ADDRS_TRIED_MAX);
}

#[tokio::test]
async fn each_call_fails_where_another_program_has_replaced_the_registrar() {
    for says in [None, Some(&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..]), Some(&b""[..])] {
        let scratch = Scratch::new("replaced");
        let registry = scratch.addr("r");
        let registrar =
            Other::start(ActorOptions::new().name("rl-registrar").registry(registry.clone())).await;
        alone(impatient("rl-replaced", &registry), async |_| {
            // The socket of the other program replaces that of the registrar before another root can take the address.
            let listener = scratch.listener("other");
            std::fs::rename(scratch.0.join("other"), scratch.0.join("r")).expect("the test owns it");
            registrar.end().await;
            let _silent = match says {
                Some(says) => {
                    _ = speaker(listener, says);
                    None
                }
                None => Some(listener),
            };
            let nobody = async |_: &Portal| -> tractor::Result<()> { panic!("it is no registrar") };
            let errors = [
                process_of("kv").await.expect_err("it is no registrar"),
                waited_for("kv").await.expect_err("it is no registrar"),
                step("a query", tractor::query_actor("kv")).await.expect_err("it is no registrar"),
                step("a list", tractor::list_actors()).await.expect_err("it is no registrar"),
                step("the registry", tractor::get_registry(nobody)).await.expect_err("it is no registrar"),
            ];
            for error in errors {
                assert!(
                    matches!(error, Error::Unreachable(_)) && error.is_retryable(),
                    "{says:?}: {error:?}"
                );
                assert!(error.to_string().contains(&registry.to_string()), "{says:?}: {error}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_port_where_another_program_listens_is_refused_as_a_registry() {
    let listen = async || TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let registry = |listener: &TcpListener| Addr::Tcp(listener.local_addr().expect("it is bound"));
    let (http, silent) = (listen().await, listen().await);
    let http_addr = registry(&http);
    let speaker = tokio::spawn(async move {
        loop {
            let (mut io, _) = http.accept().await.expect("it listens");
            // Fails if the other end is gone.
            _ = io.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    for addr in [http_addr, registry(&silent)] {
        let error = refusal(ActorOptions::new().name("rl-port").registry(addr.clone())).await;
        assert!(error.contains("not a registrar") && error.contains(&addr.to_string()), "{error}");
    }
    speaker.abort();
}
