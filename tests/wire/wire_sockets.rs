//! Listening sockets: the peers that may connect over TCP, and the files of Unix sockets.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::PathBuf;

use tractor::{ActorNursery, ActorOptions, Addr, Error, Portal};
use tractor_core::proto::id::Caps;
use tractor_core::proto::msg::Msg;

use crate::wire_support::endpoints::{MODULE, addresses, asks, process};
use crate::wire_support::script::{frame_of, kwargs};
use crate::wire_support::{Peer, alone, host, step};

use crate::wire_support;

const ANY_PORT: &str = "/ip4/127.0.0.1/tcp/0";

fn any_port() -> Addr {
    ANY_PORT.parse().expect("an address")
}

async fn listener(an: &ActorNursery, name: &str, addr: Addr) -> Portal {
    an.start_actor(name).enable_module(MODULE).bind(addr).await.expect("it starts")
}

async fn only_address(portal: &Portal) -> Addr {
    let addrs = portal.run(addresses()).await.expect("it answers");
    assert_eq!(addrs.len(), 1, "{addrs:?}");
    addrs[0].parse().expect("an address")
}

fn pid_of(portal: &Portal) -> rustix::process::Pid {
    let pid = portal.pid().and_then(|pid| i32::try_from(pid).ok()).expect("children report their pid");
    rustix::process::Pid::from_raw(pid).expect("a pid is not zero")
}

// ---- TCP ---------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_stranger_on_tcp_is_refused_before_it_can_name_a_function() {
    host("so-stranger", ActorOptions::new().bind(any_port()), async |actor, uds| {
        let tcp = actor.addrs().into_iter().find(|addr| matches!(addr, Addr::Tcp(_))).unwrap();
        let Addr::Tcp(bound) = &tcp else { unreachable!() };
        assert!(bound.port() != 0, "the address has the port that the system chose");
        for caps in [Caps::NONE, Caps::BASIC, Caps::ALL] {
            let mut peer = Peer::dial(&tcp).await;
            let ours = peer.expect_aid().await;
            assert!(ours.nonce.is_some() && ours.caps.contains(Caps::AUTH), "{ours:?}");
            // Identity and request come in one write.
            let mut bytes = frame_of(&Msg::Aid(peer.aid(caps)));
            let start = peer.start_msg("c", "echo", kwargs("value", 1));
            bytes.extend(frame_of(&Msg::Start(Box::new(start))));
            peer.send_bytes(&bytes).await;
            peer.expect_closed().await;
        }
        wire_support::assert_alive(uds).await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_proof_is_refused() {
    host("so-proof", ActorOptions::new().bind(any_port()), async |actor, _| {
        let tcp = actor.addrs().into_iter().find(|addr| matches!(addr, Addr::Tcp(_))).unwrap();
        for reflected in [false, true] {
            let mut peer = Peer::dial(&tcp).await;
            let ours = peer.expect_aid().await;
            let mut aid = peer.aid(Caps::ALL);
            aid.nonce = ours.nonce; // a stranger that reflects the challenge
            peer.send(&Msg::Aid(aid)).await;
            let Msg::Auth { proof } = peer.recv().await else { panic!("a challenge is answered") };
            peer.send(&Msg::Auth { proof: if reflected { proof } else { [0; 32] } }).await;
            peer.expect_closed().await;
        }
    })
    .await;
}

#[tokio::test]
async fn another_tree_is_refused_on_tcp() {
    host("so-tree", ActorOptions::new().bind(any_port()).name("one"), async |actor, _| {
        let tcp = actor.addrs().into_iter().find(|addr| matches!(addr, Addr::Tcp(_))).unwrap();
        let other_tree = tokio::spawn(alone_connects(tcp));
        step("the other tree", other_tree).await.unwrap();
    })
    .await;
}

/// A second tree, which a task without an actor starts.
async fn alone_connects(tcp: Addr) {
    alone(ActorOptions::new().name("other"), async |_| {
        let refused = tractor::connect(&tcp, async |_| -> tractor::Result<()> { panic!("let in") }).await;
        assert!(matches!(refused, Err(Error::Unreachable(_))), "{refused:?}");
    })
    .await;
}

#[tractor::test]
async fn actors_of_one_tree_reach_each_other_over_tcp() {
    let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
        let server = listener(an, "server", any_port()).await;
        let client = an.start_actor("client").enable_module(MODULE).await?;
        let addr = only_address(&server).await;
        assert!(matches!(addr, Addr::Tcp(_)), "{addr}");
        let served_by = client.run(asks(addr.to_string())).await?;
        assert_eq!(Some(i64::from(served_by)), server.pid());
        // The root knows the secret as well.
        let served_by = tractor::connect(&addr, async |portal| portal.run(process()).await).await?;
        assert_eq!(Some(i64::from(served_by)), server.pid());
        an.cancel().await;
        Ok(())
    });
    step("the tree", scope).await.unwrap();
}

// ---- Unix sockets ------------------------------------------------------------------------------------------------

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tractor-so-{}-{name}", std::process::id()))
}

fn uds(dir: &std::path::Path, file: &str) -> Addr {
    Addr::Uds { dir: dir.to_str().expect("UTF-8").to_owned(), file: file.to_owned() }
}

#[tokio::test]
async fn a_socket_lives_in_a_directory_of_its_owner_and_goes_with_its_actor() {
    let dir = scratch("modes");
    let addr = uds(&dir, "a.sock");
    let options = ActorOptions::new().bind(addr.clone()).enable_module(MODULE);
    let scope = tractor::open_root_actor(options, async |_| -> tractor::Result<()> {
        let meta = std::fs::metadata(&dir).unwrap();
        assert_eq!(meta.permissions().mode() & 0o7777, 0o700);
        assert!(std::fs::metadata(dir.join("a.sock")).unwrap().file_type().is_socket());
        wire_support::assert_alive(&addr).await;
        Ok(())
    });
    step("the actor", scope).await.unwrap();
    assert!(!dir.join("a.sock").exists(), "the socket file has outlived its actor");
    std::fs::remove_dir(dir).unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_refused_and_its_owner_keeps_it() {
    host("so-used", ActorOptions::new(), async |_, addr| {
        let taken = tokio::spawn({
            let addr = addr.clone();
            async move {
                tractor::open_root_actor(ActorOptions::new().bind(addr), async |_| -> tractor::Result<()> {
                    panic!("bound twice")
                })
                .await
            }
        });
        let error = step("the refusal", taken).await.unwrap().expect_err("the address is taken");
        assert!(error.to_string().contains("in use"), "{error}");
        wire_support::assert_alive(addr).await;
    })
    .await;
}

#[tractor::test]
async fn a_child_leaves_no_socket_file_however_it_ends() {
    let dir = scratch("children");
    for killed in [false, true] {
        let scope = tractor::open_nursery(async |an| -> tractor::Result<()> {
            let chosen = listener(an, "chosen", uds(&dir, "chosen.sock")).await;
            let own = an.start_actor("own-choice").enable_module(MODULE).listen().await?;
            let mut files = Vec::new();
            for portal in [&chosen, &own] {
                let addr = only_address(portal).await;
                let there = tractor::connect(&addr, async |portal| portal.run(process()).await).await?;
                assert_eq!(Some(i64::from(there)), portal.pid());
                files.push(PathBuf::from(addr.uds_path().unwrap()));
            }
            assert!(files.iter().all(|file| file.exists()), "{files:?}");
            if killed {
                for portal in [&chosen, &own] {
                    rustix::process::kill_process(pid_of(portal), rustix::process::Signal::KILL).unwrap();
                }
            }
            an.cancel().await;
            assert!(!files.iter().any(|file| file.exists()), "{files:?}");
            Ok(())
        });
        let result = step("the tree", scope).await;
        assert!(killed || result.is_ok(), "{result:?}");
    }
    std::fs::remove_dir(dir).unwrap();
}

#[tokio::test]
async fn a_new_root_removes_the_files_of_the_dead_and_no_others() {
    use std::os::unix::net::UnixListener;

    let addr = tractor::socket_addr("so-sweep").expect("a short name");
    let dir =
        PathBuf::from(addr.uds_path().expect("a Unix socket")).parent().expect("a file in it").to_path_buf();
    alone(ActorOptions::new().bind(addr), async |_| {}).await; // makes the directory
    let mut gone = std::process::Command::new("true").spawn().expect("there is such a program");
    let dead = gone.id();
    gone.wait().expect("it ends");
    let own = std::process::id();
    let left = [
        dir.join(format!("so-sweep-left@{own}.sock")), // its process lives
        dir.join(format!("so-sweep-file-{own}@{dead}.sock")), // no socket
        dir.join(format!("so-sweep-served-{own}@{dead}.sock")), // another process listens there
        dir.join(format!("so-sweep-named-{own}.sock")), // not named after a process
    ];
    let stale = dir.join(format!("so-sweep-stale-{own}@{dead}.sock"));
    for path in [&left[0], &left[3], &stale] {
        drop(UnixListener::bind(path).expect("a fresh path"));
    }
    std::fs::write(&left[1], "").expect("a fresh path");
    // The socket is renamed after it listens, because other roots that start meanwhile examine it, too.
    let unnamed = dir.join(format!("so-sweep-unnamed-{own}"));
    let served = UnixListener::bind(&unnamed).expect("a fresh path");
    std::fs::rename(&unnamed, &left[2]).expect("the same directory");
    alone(ActorOptions::new(), async |_| {
        while stale.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for path in left {
        std::fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    drop(served);
}
