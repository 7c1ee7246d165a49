//! Children that do not boot, and programs that are no actors.

use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tractor::{ActorOptions, Error, Timeouts};

use crate::process_support::endpoints::process;
use crate::process_support::{bounded, role};

const CHILD_ENV: &str = "TRACTOR_CHILD";
/// The environment variable with the behaviour of the children of `odd_children`.
const ODD_ENV: &str = "TRACTOR_TEST_ODD";

fn spawn_error<T: std::fmt::Debug>(result: Result<T, Error>, words: &[&str]) {
    let error = result.expect_err("the child cannot boot");
    let Error::Spawn(failure) = &error else { panic!("{error:?}") };
    for word in words {
        assert!(failure.reason().contains(word), "{word:?} is not in {:?}", failure.reason());
    }
}

#[tractor::test]
async fn an_address_in_use_is_the_reason_that_start_actor_gives() {
    let addr = tractor::socket_addr("boot-taken").unwrap();
    let options = ActorOptions::new().bind(addr.clone());
    let scope = tractor::open_root_actor(options, async |_| {
        for _ in 0..10 {
            tractor::open_nursery(async |an| -> tractor::Result<()> {
                let failed = an.start_actor("squatter").expose(process).bind(addr.clone()).await;
                spawn_error(failed, &["in use", &addr.to_string()]);
                // The other children go on.
                let fine = an.start_actor("fine").expose(process).await?;
                fine.run(process()).await?;
                fine.cancel_actor().await?;
                Ok(())
            })
            .await?;
        }
        // The first listener keeps the address.
        tractor::connect(&addr, async |_portal| -> tractor::Result<()> { Ok(()) }).await
    });
    bounded(scope).await.unwrap();
}

#[tractor::test]
async fn a_child_that_panics_in_its_boot_is_an_error_of_start_actor() {
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        // No system has room for so many threads.
        let failed = an.start_actor("greedy").expose(process).worker_threads(usize::MAX).await;
        spawn_error(failed, &["during its boot", "exit status"]);
        Ok(())
    });
    bounded(scope).await.unwrap();
}

#[tractor::test]
async fn a_name_has_at_most_1024_bytes_and_no_nul() {
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        for name in ["n".repeat(1025), "n\0".to_owned()] {
            spawn_error(an.start_actor(name).expose(process).await, &["no NUL and at most 1024 bytes"]);
        }
        let longest = an.start_actor("n".repeat(1024)).expose(process).await?;
        longest.run(process()).await?;
        longest.cancel_actor().await?;
        Ok(())
    });
    bounded(scope).await.unwrap();
}

#[tractor::test]
async fn an_unregistered_module_is_refused_before_a_process_is_started() {
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        let failed = an.start_actor("empty").enable_module("no::such::module").await;
        let error = failed.expect_err("nothing is registered there");
        for words in ["no::such::module", "is not linked: write `use no as _;`"] {
            assert!(error.to_string().contains(words), "{words:?} is not in {error}");
        }
        let failed = an.start_actor("empty").enable_module("process::no_such_module").await;
        let error = failed.expect_err("nothing is registered there");
        assert!(!error.to_string().contains("not linked"), "{error}");
        assert_eq!(an.children().len(), 0);
        Ok(())
    });
    bounded(scope).await.unwrap();
}

#[tokio::test]
async fn a_child_that_exits_early_is_an_error_of_start_actor() {
    role::succeed(role::command("process_boot::odd_children").env(ODD_ENV, "exits")).await;
}

#[tokio::test]
async fn a_child_that_never_reports_is_killed_after_the_boot_timeout() {
    role::succeed(role::command("process_boot::odd_children").env(ODD_ENV, "hangs")).await;
}

#[tokio::test]
async fn a_child_that_is_cancelled_while_it_boots_is_not_waited_for() {
    role::succeed(role::command("process_boot::odd_children").env(ODD_ENV, "is cancelled")).await;
}

/// A program whose children misbehave before they are actors. Otherwise it does the same as `#[tractor::test]`.
#[test]
#[ignore = "a program that three tests above start"]
fn odd_children() {
    let odd = std::env::var(ODD_ENV).expect("started by a test");
    if std::env::var_os(CHILD_ENV).is_some() {
        match odd.as_str() {
            "exits" => std::process::exit(3),
            _ => loop {
                std::thread::park();
            },
        }
    }
    let options =
        tractor::__private::RuntimeOptions { setup: || {}, multi_thread: false, worker_threads: None };
    tractor::__private::run_test(options, concat!(module_path!(), "::odd_children"), async || {
        bounded(start_odd(&odd)).await;
    });
}

async fn start_odd(odd: &str) {
    let short = Duration::from_millis(100);
    let timeouts = Timeouts::default().child_boot(short).terminate(short);
    let patient = Timeouts::default();
    let options = ActorOptions::new().timeouts(if odd == "hangs" { timeouts } else { patient });
    let start = Instant::now();
    let scope = tractor::open_root_actor(options, async |_| {
        tractor::open_nursery(async |an| -> tractor::Result<()> {
            let birth = an.start_actor("odd").expose(process).into_future();
            let cancel = async {
                if odd == "is cancelled" {
                    an.cancel().await;
                }
            };
            let (failed, ()) = tokio::join!(birth, cancel);
            match odd {
                "is cancelled" => spawn_error(failed, &["cancelled while it booted"]),
                "exits" => spawn_error(failed, &["during its boot", "exit status: 3"]),
                _ => spawn_error(failed, &["Timeouts::child_boot", "100ms"]),
            }
            Ok(())
        })
        .await
    });
    scope.await.expect("the body has handled the failure");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

// ---- programs that are no actors ---------------------------------------------------------------------------------

#[tokio::test]
async fn a_program_without_an_entry_point_is_told_which_one_to_add() {
    role::succeed(&mut role::command("process_boot::not_entered")).await;
}

#[tokio::test]
#[ignore = "a program that the test above starts"]
async fn not_entered() {
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        let failed = an.start_actor("impossible").expose(process).await;
        spawn_error(failed, &["#[tractor::main]", "#[tractor::test]", "tractor::init()"]);
        Ok(())
    });
    bounded(scope).await.unwrap();
}

#[test]
fn an_inherited_variable_does_not_make_an_actor() {
    let pid = std::process::id();
    let stale = format!("2 4711 {pid} 0 00000000-0000-4000-8000-000000000000 ,,  stale");
    let run = |what: &str, value: &str, stdin: Stdio| {
        println!("with {what} as its standard input");
        let mut program =
            role::start(role::command("process_boot::says_hello").env(CHILD_ENV, value).stdin(stdin));
        assert_eq!(program.hear("hello"), [1]);
    };
    let (socket, _other_end) = UnixStream::pair().unwrap();
    run("no standard input", &stale, Stdio::null());
    run("a pipe", &stale, Stdio::piped());
    run("a socket of its own", &stale, Stdio::from(std::os::fd::OwnedFd::from(socket)));
    run("nonsense", "nonsense", Stdio::null());
}

#[tractor::test]
#[ignore = "a program that the test above starts"]
async fn says_hello() {
    role::say("hello", &[1]);
}
