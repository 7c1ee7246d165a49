//! Programs that were started apart find each other by name.
//!
//! Each program is this test binary again, with its registry in the environment.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use tractor::error::Absence;
use tractor::{Actor, ActorOptions, ActorRef, Addr, Error};

use crate::process_support::endpoints::{ends, process};
use crate::process_support::role::{self, Program};
use crate::process_support::{WHOLE, bounded, eventually, is_gone, signal};

pub(crate) const ENDPOINTS: &str = "process::process_support::endpoints";
/// The environment variable with the directory of a program's registry.
const DIR: &str = "TRACTOR_TEST_REGISTRY";

/// The number of programs in an election.
const CANDIDATES: usize = 10;
/// The number of elections, unless `TRACTOR_TEST_ELECTIONS` is set.
const ELECTIONS: usize = 5;

/// A registry for one test, which removes its files.
pub(crate) struct Registry(PathBuf);

impl Registry {
    pub(crate) fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("tractor-np-{}-{name}", std::process::id()));
        std::fs::create_dir(&dir).expect("the temporary directory is writable");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&dir, mode).expect("the test owns it");
        Self(dir)
    }

    pub(crate) fn of_this_program() -> Self {
        Self(std::env::var_os(DIR).expect("the test has set it").into())
    }

    pub(crate) fn addr(&self) -> Addr {
        Addr::Uds { dir: self.0.to_str().expect("UTF-8").to_owned(), file: "registry.sock".to_owned() }
    }

    /// Whether an actor is the registrar.
    pub(crate) fn is_at(&self, actor: &Actor) -> bool {
        actor.addrs().contains(&self.addr())
    }

    /// A program that runs the ignored test with this name.
    pub(crate) fn program(&self, test: &str) -> Program {
        self.program_of("names_programs", test)
    }

    pub(crate) fn program_of(&self, module: &str, test: &str) -> Program {
        let mut command = role::command(&format!("{module}::{test}"));
        role::start(command.env(DIR, &self.0))
    }

    pub(crate) fn options(&self) -> ActorOptions {
        ActorOptions::new().registry(self.addr())
    }

    pub(crate) fn remove(self) {
        std::fs::remove_dir_all(self.0).expect("the test owns it");
    }
}

pub(crate) async fn in_root(options: ActorOptions, body: impl AsyncFnOnce() -> tractor::Result<()>) {
    bounded(tractor::open_root_actor(options, async |_| body().await)).await.expect("it ends well");
}

/// Serves until it is killed; prints whether it is the registrar.
async fn serves(options: ActorOptions) {
    let scope = tractor::open_root_actor(options, async |actor| -> tractor::Result<()> {
        role::say("up", &[u32::from(Registry::of_this_program().is_at(actor))]);
        std::future::pending().await
    });
    scope.await.expect("it is killed");
}

#[tractor::test]
#[ignore = "a program of the tests below"]
async fn registrar() {
    serves(Registry::of_this_program().options().name("registrar").enable_module(ENDPOINTS)).await;
}

#[tractor::test]
#[ignore = "a program of the tests below"]
async fn candidate() {
    let name = format!("candidate-{}", std::process::id());
    serves(Registry::of_this_program().options().name(name).enable_module(ENDPOINTS)).await;
}

/// A program that listens at a registry's address, but is no registrar.
#[tractor::test]
#[ignore = "a program of the tests below"]
async fn squatter() {
    serves(ActorOptions::new().name("squatter").bind(Registry::of_this_program().addr())).await;
}

/// A program with a child that serves, `np-child`.
#[tractor::test]
#[ignore = "a program of the tests below"]
async fn parent() {
    let options = Registry::of_this_program().options().name("np-parent");
    let scope = tractor::open_root_actor(options, async |_| {
        tractor::open_nursery(async |an| -> tractor::Result<()> {
            let child = an.start_actor("np-child").enable_module(ENDPOINTS).await?;
            role::say("child", &[child.pid().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0)]);
            std::future::pending().await
        })
        .await
    });
    scope.await.expect("it is killed");
}

/// A program that only serves, until another actor ends it.
#[tractor::test]
#[ignore = "a program of the tests below"]
async fn daemon() {
    let options = Registry::of_this_program().options().name("np-daemon").enable_module(module_path!());
    let scope = tractor::open_root_actor(options, async |actor| -> tractor::Result<()> {
        role::say("up", &[]);
        actor.cancelled().await;
        Ok(())
    });
    scope.await.expect("it ends in order");
}

/// A program that joins a tree: it calls the daemon, which calls it back, and leaves.
#[tractor::test]
#[ignore = "a program of the tests below"]
async fn joins() {
    let options = Registry::of_this_program().options().name("np-joins").enable_module(ENDPOINTS);
    let scope = tractor::open_root_actor(options, async |actor| -> tractor::Result<()> {
        let daemon = ActorRef::named("np-daemon").portal().await?;
        let met = daemon.run(calls_back(actor.actor_ref().await?)).await?;
        role::say("met", &[met, process_of("np-joins").await?]);
        Ok(())
    });
    scope.await.expect("it leaves in order");
}

#[tractor::actor_fn]
async fn calls_back(whom: ActorRef) -> tractor::Result<u32> {
    whom.portal().await?.run(process()).await
}

/// The process id of the actor that has a name, as it reports it.
pub(crate) async fn process_of(name: &str) -> tractor::Result<u32> {
    tractor::find_actor(name, async |portal| portal.run(process()).await).await
}

pub(crate) fn kill(mut program: Program) {
    signal(program.pid(), Signal::KILL);
    while program.has_ended().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub(crate) fn absence(error: &Error) -> Option<Absence> {
    match error {
        Error::NotFound(error) => Some(error.why()),
        _ => None,
    }
}

// ---- The election ------------------------------------------------------------------------------------------------

#[test]
fn of_many_programs_that_start_at_once_one_is_the_registrar_whatever_lies_there() {
    let elections = std::env::var("TRACTOR_TEST_ELECTIONS").ok().and_then(|count| count.parse().ok());
    for round in 0..elections.unwrap_or(ELECTIONS) {
        let registry = Registry::new(&format!("elects-{round}"));
        // A dead program has left its file here.
        drop(UnixListener::bind(registry.0.join("registry.sock")).expect("a fresh path"));
        let mut candidates: Vec<_> = (0..CANDIDATES).map(|_| registry.program("candidate")).collect();
        let elected: u32 = candidates.iter_mut().map(|candidate| candidate.hear("up")[0]).sum();
        assert_eq!(elected, 1, "in round {round}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(in_root(registry.options().name("counts"), async || {
            let all = tractor::list_actors().await?;
            let found = all.iter().filter(|actor| actor.uid.name().starts_with("candidate-")).count();
            assert_eq!(found, CANDIDATES, "in round {round}: {all:?}");
            Ok(())
        }));
        candidates.into_iter().for_each(kill);
        registry.remove();
    }
}

#[tractor::test]
async fn a_root_that_must_be_the_registrar_does_not_start_beside_another_one() {
    let registry = Registry::new("ensure");
    let mut other = registry.program("registrar");
    assert_eq!(other.hear("up"), [1]);
    let scope =
        tractor::open_root_actor(registry.options().ensure_registry(), async |_| -> tractor::Result<()> {
            panic!("it has started")
        });
    let error = bounded(scope).await.expect_err("there is a registrar").to_string();
    assert!(error.contains("ensure_registry") && error.contains("registry.sock"), "{error}");
    kill(other);
    in_root(registry.options().ensure_registry(), async || Ok(())).await;
    registry.remove();
}

#[tractor::test]
async fn a_program_that_is_no_registrar_is_in_the_way_and_keeps_its_address() {
    let registry = Registry::new("squats");
    let mut squatter = registry.program("squatter");
    squatter.hear("up");
    for options in [registry.options(), registry.options().ensure_registry()] {
        let scope =
            tractor::open_root_actor(options, async |_| -> tractor::Result<()> { panic!("it has started") });
        let error = bounded(scope).await.expect_err("another program has the address").to_string();
        assert!(error.contains("not a registrar") && error.contains("registry.sock"), "{error}");
    }
    let greeted = async |portal: &tractor::Portal| -> tractor::Result<_> { Ok(portal.pid()) };
    in_root(ActorOptions::new(), async || {
        let pid = tractor::connect(&registry.addr(), greeted).await?;
        assert_eq!(pid, Some(i64::from(squatter.pid())));
        Ok(())
    })
    .await;
    kill(squatter);
    registry.remove();
}

// ---- Finding -----------------------------------------------------------------------------------------------------

#[tractor::test]
async fn programs_that_never_heard_of_each_other_meet_by_name() {
    let registry = Registry::new("meet");
    let mut registrar = registry.program("registrar");
    registrar.hear("up");
    let mut parent = registry.program("parent");
    let child = parent.hear("child")[0];
    in_root(registry.options().name("np-meets"), async || {
        assert_eq!(process_of("registrar").await?, registrar.pid());
        assert_eq!(process_of("np-child").await?, child);
        let uuid = async |portal: &tractor::Portal| -> tractor::Result<String> {
            Ok(portal.uid().uuid().to_owned())
        };
        let uuid = tractor::find_actor("np-child", uuid).await?;
        assert_eq!(process_of(&uuid).await?, child);
        let addr = tractor::query_actor("np-child").await?.expect("it is registered");
        assert!(matches!(addr, Addr::Uds { .. }), "{addr}");
        assert_eq!(tractor::query_actor("nobody").await?, None);
        let missing = process_of("nobody").await.expect_err("nobody has this name");
        assert_eq!(absence(&missing), Some(Absence::NotRegistered));
        assert!(missing.is_retryable() && !missing.may_have_run(), "{missing}");
        let names: Vec<_> = tractor::list_actors().await?;
        for name in ["registrar", "np-parent", "np-child", "np-meets"] {
            assert!(names.iter().any(|actor| actor.uid.name() == name), "{name} in {names:?}");
        }
        let pid = async |portal: &tractor::Portal| -> tractor::Result<_> { Ok(portal.pid()) };
        assert_eq!(tractor::get_registry(pid).await?, Some(i64::from(registrar.pid())));
        for bad in ["", "a\nb", &"n".repeat(2000)] {
            let error = process_of(bad).await.expect_err("no such name");
            assert!(matches!(absence(&error), Some(Absence::BadName(_))), "{error}");
            assert!(!error.is_retryable());
        }
        Ok(())
    })
    .await;
    kill(parent);
    kill(registrar);
    eventually("the end of the child", WHOLE, || is_gone(child)).await;
    registry.remove();
}

#[tractor::test]
async fn without_a_registry_nobody_is_found_and_nothing_listens() {
    in_root(ActorOptions::new(), async || {
        assert_eq!(tractor::current_actor().addrs(), []);
        let missing = process_of("kv").await.expect_err("there is no registrar");
        assert_eq!(absence(&missing), Some(Absence::NoRegistry));
        assert!(!missing.is_retryable());
        tractor::open_nursery(async |an| {
            let child = an.start_actor("np-quiet").enable_module(ENDPOINTS).await?;
            // A child is found nevertheless, over its connection.
            let found = process_of("np-quiet").await?;
            assert_eq!(Some(i64::from(found)), child.pid());
            let pid = u32::try_from(child.pid().expect("a child has a process id")).expect("a pid");
            assert!(crate::process_support::sockets_of(pid).is_empty(), "it listens");
            child.cancel_actor().await?;
            tractor::Result::Ok(())
        })
        .await
    })
    .await;
}

#[tractor::test]
async fn actors_of_one_tree_find_each_other_and_their_root() {
    let registry = Registry::new("tree");
    in_root(registry.options().name("np-root").enable_module(ENDPOINTS), async || {
        tractor::open_nursery(async |an| {
            let one = an.start_actor("np-one").enable_module(module_path!()).await?;
            let two = an.start_actor("np-two").enable_module(ENDPOINTS).await?;
            let found = one.run(finds("np-two".to_owned())).await?;
            assert_eq!(Some(i64::from(found)), two.pid());
            assert_eq!(one.run(finds("np-root".to_owned())).await?, std::process::id());
            assert_eq!(one.run(finds_root()).await?, std::process::id());
            two.cancel_actor().await?;
            let gone = one.run(finds("np-two".to_owned())).await.expect_err("it has ended");
            // The lookup fails, or the call, if `one` has not yet seen that its connection has ended.
            let kind = gone.as_remote().expect("it comes from there").src_type();
            assert!(["NotFound", "TransportClosed"].contains(&kind), "{gone}");
            // The next actor of that name is found as soon as it is registered.
            let (found, three) = tokio::join!(
                one.run(waits("np-two".to_owned())),
                an.start_actor("np-two").enable_module(ENDPOINTS),
            );
            assert_eq!(Some(i64::from(found?)), three?.pid());
            an.cancel().await;
            tractor::Result::Ok(())
        })
        .await
    })
    .await;
    registry.remove();
}

#[tractor::test]
async fn of_several_with_one_name_all_calls_choose_the_first() {
    let registry = Registry::new("several");
    in_root(registry.options().name("np-root-2"), async || {
        tractor::open_nursery(async |an| {
            let first = an.start_actor("np-same").enable_module(ENDPOINTS).await?;
            let _second = an.start_actor("np-same").enable_module(ENDPOINTS).await?;
            let asks = an.start_actor("np-asks").enable_module(module_path!()).await?;
            let name = || "np-same".to_owned();
            let found = [
                finds(name()).await?,
                waits(name()).await?,
                asks.run(finds(name())).await?,
                asks.run(waits(name())).await?,
            ];
            assert_eq!(found.map(|pid| Some(i64::from(pid))), [first.pid(); 4]);
            an.cancel().await;
            tractor::Result::Ok(())
        })
        .await
    })
    .await;
    registry.remove();
}

#[tractor::actor_fn]
async fn finds(name: String) -> tractor::Result<u32> {
    process_of(&name).await
}

#[tractor::actor_fn]
async fn waits(name: String) -> tractor::Result<u32> {
    tractor::wait_for_actor(&name, async |portal| portal.run(process()).await).await
}

#[tractor::actor_fn]
async fn finds_root() -> tractor::Result<u32> {
    tractor::get_root(async |root| root.run(process()).await).await
}

#[tractor::test]
async fn a_program_joins_a_running_tree_serves_calls_and_leaves() {
    let registry = Registry::new("join");
    let mut daemon = registry.program("daemon");
    daemon.hear("up");
    in_root(registry.options().name("np-client-2"), async || {
        let names = async || -> tractor::Result<Vec<String>> {
            Ok(tractor::list_actors().await?.iter().map(|actor| actor.uid.name().to_owned()).collect())
        };
        let before = names().await?;
        for _ in 0..2 {
            let mut joins = registry.program("joins");
            let pid = joins.pid();
            assert_eq!(joins.hear("met"), [pid, pid], "the daemon has called it back");
            let mut status = None;
            eventually("its end", WHOLE, || {
                status = joins.has_ended();
                status.is_some()
            })
            .await;
            assert!(status.is_some_and(|status| status.success()), "{status:?}");
            // It has left nothing, once the registrar has seen its end.
            while names().await? != before {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        // A program that only serves is ended like any other actor.
        tractor::find_actor("np-daemon", async |portal| portal.cancel_actor().await).await?;
        let mut status = None;
        eventually("its end", WHOLE, || {
            status = daemon.has_ended();
            status.is_some()
        })
        .await;
        assert!(status.is_some_and(|status| status.success()), "{status:?}");
        Ok(())
    })
    .await;
    registry.remove();
}

// ---- Ends --------------------------------------------------------------------------------------------------------

#[tractor::test]
async fn the_rows_of_killed_programs_expire() {
    let registry = Registry::new("expire");
    let mut registrar = registry.program("registrar");
    registrar.hear("up");
    let mut parent = registry.program("parent");
    let child = parent.hear("child")[0];
    in_root(registry.options().name("np-client-3"), async || {
        assert_eq!(process_of("np-child").await?, child);
        kill(parent);
        let gone = loop {
            match process_of("np-child").await {
                Err(error @ Error::NotFound(_)) => break error,
                // The child is about to end, with its parent.
                _ => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        };
        assert!(gone.is_retryable(), "{gone}");
        while tractor::list_actors().await?.iter().any(|actor| actor.uid.name().starts_with("np-p")) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    })
    .await;
    kill(registrar);
    registry.remove();
}

#[tractor::test]
async fn a_row_goes_however_its_actor_ends() {
    let registry = Registry::new("ends");
    in_root(registry.options().name("np-ended"), async || {
        let is_listed = async || -> tractor::Result<bool> {
            Ok(tractor::list_actors().await?.iter().any(|actor| actor.uid.name() == "np-ends"))
        };
        for how in ["in good order", "fails", "exits", "aborts", "is killed", "is terminated"] {
            let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
                let child = an.start_actor("np-ends").enable_module(ENDPOINTS).await?;
                assert!(is_listed().await?, "{how}");
                match how {
                    "in good order" => child.cancel_actor().await.map(drop),
                    // The scope ends its children.
                    "fails" => Err(Error::NoRuntime),
                    how => child.run(ends(how.to_owned())).await,
                }
            });
            assert_eq!(scope.await.is_ok(), how == "in good order", "{how}");
            while is_listed().await? {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    })
    .await;
    registry.remove();
}

#[tractor::test]
async fn a_registrar_that_is_killed_has_a_successor_which_gets_all_its_rows() {
    let registry = Registry::new("again");
    let mut registrar = registry.program("registrar");
    registrar.hear("up");
    let mut parent = registry.program("parent");
    let child = parent.hear("child")[0];
    in_root(registry.options().name("np-client-4"), async || {
        kill(registrar);
        let nobody = process_of("np-child").await.expect_err("there is no registrar");
        assert!(matches!(nobody, Error::Unreachable(_)), "{nobody:?}");
        // A waiting lookup goes on with the next registrar: one of the programs that run.
        let waiting = tractor::wait_for_actor("np-child", async |portal| portal.run(process()).await);
        assert_eq!(waiting.await?, child);
        while tractor::list_actors().await.map_or(0, |all| all.len()) < 3 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // If the program is started again, it joins them.
        let mut registrar = registry.program("registrar");
        // On another thread: this one may run the registrar.
        let joined = tokio::task::spawn_blocking(move || (registrar.hear("up"), registrar));
        let (heard, registrar) = joined.await.expect("the thread does not panic");
        assert_eq!(heard, [0]);
        assert_eq!(process_of("registrar").await?, registrar.pid());
        kill(registrar);
        Ok(())
    })
    .await;
    kill(parent);
    eventually("the end of the child", WHOLE, || is_gone(child)).await;
    registry.remove();
}
