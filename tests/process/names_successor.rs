//! A running program takes the place of a registrar that has ended.

use std::collections::BTreeMap;
use std::time::Duration;

use tractor::{DynCall, Error, Portal, Registered};

use crate::names_programs::{ENDPOINTS, Registry, in_root, kill, process_of};
use crate::process_support::role::{self, Program};
use crate::process_support::{WHOLE, eventually};

/// Programs of which one after the other is the registrar.
const PROGRAMS: usize = 6;

/// A registrar's table: addresses by `name.uuid`.
type Rows = BTreeMap<String, Vec<(String, String)>>;

/// A client that is the first program, and ends when the server has taken its place.
#[tractor::test]
#[ignore = "a program of the tests below"]
async fn short_client() {
    let options = Registry::of_this_program().options().name("ns-short");
    let scope = tractor::open_root_actor(options, async |actor| -> tractor::Result<()> {
        role::say("up", &[u32::from(Registry::of_this_program().is_at(actor))]);
        tractor::wait_for_actor("ns-server", async |_| Ok::<_, Error>(())).await?;
        // It no longer listens, and its own end takes its time: the server does not wait for that.
        actor.cancel().await;
        let is_listed = |all: Vec<Registered>| all.iter().any(|actor| actor.uid.name() == "ns-server");
        while !tractor::list_actors().await.is_ok_and(is_listed) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    });
    scope.await.expect("it ends in order");
}

/// Says when it is the registrar.
#[tractor::test]
#[ignore = "a program of the tests below"]
async fn server() {
    let registry = Registry::of_this_program();
    let options = registry.options().name("ns-server").enable_module(ENDPOINTS);
    let scope = tractor::open_root_actor(options, async |actor| -> tractor::Result<()> {
        role::say("up", &[u32::from(registry.is_at(actor))]);
        while !registry.is_at(actor) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        role::say("registrar", &[]);
        std::future::pending().await
    });
    scope.await.expect("it is killed");
}

async fn ended_well(mut program: Program) {
    let mut status = None;
    eventually("its end", WHOLE, || {
        status = program.has_ended();
        status.is_some()
    })
    .await;
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
}

#[tractor::test]
async fn a_server_is_found_though_a_client_was_first_and_has_ended() {
    for is_killed in [false, true] {
        let registry = Registry::new(if is_killed { "short-killed" } else { "short" });
        let mut short =
            registry.program_of("names_successor", if is_killed { "server" } else { "short_client" });
        assert_eq!(short.hear("up"), [1]);
        let mut server = registry.program_of("names_successor", "server");
        assert_eq!(server.hear("up"), [0]);
        if is_killed {
            kill(short)
        } else {
            ended_well(short).await
        }
        server.hear("registrar");
        in_root(registry.options().name("ns-second"), async || {
            assert_eq!(process_of("ns-server").await?, server.pid());
            assert!(!registry.is_at(&tractor::current_actor()));
            Ok(())
        })
        .await;
        kill(server);
        registry.remove();
    }
}

#[tractor::test]
async fn of_many_running_programs_one_takes_over_and_gets_all_names_each_time() {
    let registry = Registry::new("successors");
    let mut programs: Vec<Program> = Vec::new();
    for _ in 0..PROGRAMS {
        let mut program = registry.program_of("names_successor", "server");
        program.hear("up");
        programs.push(program);
    }
    // An actor without registries never becomes the registrar.
    in_root(tractor::ActorOptions::new(), async || {
        while !programs.is_empty() {
            let rows = async |registrar: &Portal| -> tractor::Result<(Option<i64>, usize)> {
                let rows: Rows = registrar.run_dyn(DynCall::new("self", "get_registry")).await?;
                Ok((registrar.pid(), rows.len()))
            };
            let pid = match tractor::connect(&registry.addr(), rows).await {
                Ok((pid, rows)) if rows == programs.len() => pid,
                Ok(_) | Err(Error::Unreachable(_) | Error::Closed(_) | Error::Died(_) | Error::Remote(_)) => {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let is_it = |program: &Program| Some(i64::from(program.pid())) == pid;
            let at = programs.iter().position(is_it).expect("one of those that run");
            let mut registrar = programs.swap_remove(at);
            registrar.hear("registrar");
            kill(registrar);
        }
        Ok(())
    })
    .await;
    registry.remove();
}
