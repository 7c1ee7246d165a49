//! The state that a child process inherits, and the state that it does not.

use std::fs::File;
use std::net::{TcpListener, UdpSocket};

use crate::process_support::endpoints::process;
use crate::process_support::{bounded, fds, parent, process_group, role};

use crate::process_support;

fn read(pid: u32, what: &str) -> String {
    String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/{what}")).expect("the process lives"))
        .into_owned()
}

#[tractor::test]
async fn a_child_is_a_named_process_with_a_group_of_its_own_and_no_input() {
    bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let one = an.start_actor("tidy").expose(process).await?;
        let two = an.start_actor("a rather long name, with spaces").expose(process).await?;
        for portal in [&one, &two] {
            let pid = portal.run(process()).await?;
            assert_eq!(parent(pid), Some(std::process::id()));
            assert_eq!(process_group(pid), Some(pid));
            let stdin = std::fs::read_link(format!("/proc/{pid}/fd/0")).unwrap();
            assert_eq!(stdin.to_str(), Some("/dev/null"));
        }
        let pid = process_support::pid_of(&one);
        assert_eq!(read(pid, "comm").trim(), "_subactor[tidy]");
        assert!(read(pid, "cmdline").starts_with("_subactor[tidy]\0"), "{:?}", read(pid, "cmdline"));
        let pid = process_support::pid_of(&two);
        assert!(read(pid, "comm").starts_with("_subactor[a rat"), "the kernel cuts long names");
        an.cancel().await;
        Ok(())
    }))
    .await
    .unwrap();
}

#[tractor::test]
async fn the_public_data_of_a_child_process_has_no_secret() {
    bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let kid = an.start_actor("kid").expose(process).await?;
        let pid = kid.run(process()).await?;
        let environ = read(pid, "environ");
        let value = environ.split('\0').find_map(|entry| entry.strip_prefix("TRACTOR_CHILD=")).unwrap();
        let fields: Vec<&str> = value.split(' ').collect();
        assert_eq!(fields[0], "2");
        assert_eq!(fields[2], std::process::id().to_string());
        assert!(fields.contains(&kid.uid().uuid()) && fields.contains(&"kid"), "{fields:?}");
        // The secret has 32 bytes: as text it is longer than any word there.
        let longest = value.split(' ').map(str::len).max();
        assert_eq!(longest, Some(kid.uid().uuid().len()), "{value}");
        assert!(!read(pid, "cmdline").contains(kid.uid().uuid()), "no identity in the arguments");
        an.cancel().await;
        Ok(())
    }))
    .await
    .unwrap();
}

#[tokio::test]
async fn children_inherit_no_descriptors() {
    role::succeed(&mut role::command("process_hygiene::full_hands")).await;
}

#[tractor::test]
#[ignore = "a program that the test above starts"]
async fn full_hands() {
    bounded(tractor::open_nursery(async |an| -> tractor::Result<()> {
        let early = an.start_actor("early").expose(process).listen().await?;
        let early = fds(early.run(process()).await?);
        let held: Vec<_> = (0..20)
            .map(|_| {
                let file = File::open("/proc/self/status").expect("a file");
                let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
                (file, udp, TcpListener::bind("127.0.0.1:0").expect("a port"))
            })
            .collect();
        let mut portals = Vec::new();
        for n in 0..5 {
            portals.push(an.start_actor(format!("kid-{n}")).expose(process).listen().await?);
        }
        for portal in &portals {
            let late = fds(portal.run(process()).await?);
            assert_eq!(late.len(), early.len(), "{late:#?} instead of {early:#?}");
            assert!(late.iter().all(|fd| !fd.ends_with("/status")), "{late:#?}");
        }
        drop(held);
        an.cancel().await;
        Ok(())
    }))
    .await
    .unwrap();
}

const ALONE_ENV: &str = "TRACTOR_TEST_HYGIENE_ALONE";

/// Runs in a process of its own, which no other test changes.
#[test]
fn changes_program() {
    if std::env::var_os(ALONE_ENV).is_none() {
        return;
    }
    fn takes_orphans() -> bool {
        rustix::process::child_subreaper().expect("Linux reports it").is_some()
    }
    tractor::init();
    assert!(!takes_orphans(), "`init` leaves the process as it is");
    let noticed = std::sync::Arc::new(std::sync::Mutex::new(0));
    let counts = noticed.clone();
    std::panic::set_hook(Box::new(move |_| *counts.lock().expect("the lock is not poisoned") += 1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let options = tractor::ActorOptions::new().enable_module(module_path!());
    // The first actor sets the panic hook; the first child makes the process a subreaper.
    let told = runtime.block_on(tractor::open_nursery(async |_| {
        tractor::with_local_actor(options, async |portal| portal.run(stumbles()).await).await
    }));
    let place = told.expect_err("it panics").as_remote().expect("the error is remote").trace().to_owned();
    assert!(place.contains(file!()), "{place}");
    assert_eq!(*noticed.lock().expect("the lock is not poisoned"), 1, "the hook of the program is called");
    assert!(!takes_orphans(), "there are no children");
}

#[tractor::actor_fn]
async fn stumbles() {
    panic!("on purpose");
}

#[test]
fn an_actor_changes_its_process_only_when_it_starts() {
    let mut alone = std::process::Command::new(std::env::current_exe().expect("this binary"));
    alone.args(["process_hygiene::changes_program", "--exact", "--test-threads=1"]).env(ALONE_ENV, "1");
    let output = alone.output().expect("this binary runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{output:?}");
}
