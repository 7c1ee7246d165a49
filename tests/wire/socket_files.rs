//! Socket files and their directories: some are made, some are replaced, others are left alone.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use tractor::{ActorOptions, Addr, Timeouts};
use tractor_core::proto::id::Caps;

use crate::wire_support::endpoints::process;
use crate::wire_support::{Peer, STEP, alone, assert_alive, host, step};

/// A directory for one test, which removes it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("tractor-sf-{}-{name}", std::process::id()));
        std::fs::create_dir(&dir).expect("the temporary directory is writable");
        let scratch = Self(dir);
        scratch.set_mode(0o700);
        scratch
    }

    fn addr(&self) -> Addr {
        Addr::Uds { dir: self.0.to_str().expect("UTF-8").to_owned(), file: "fixed.sock".to_owned() }
    }

    fn file(&self) -> PathBuf {
        self.0.join("fixed.sock")
    }

    fn set_mode(&self, mode: u32) {
        std::fs::set_permissions(&self.0, std::fs::Permissions::from_mode(mode)).expect("the test owns it");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the test owns it");
    }
}

fn inode(path: &Path) -> u64 {
    std::fs::symlink_metadata(path).expect("it is there").ino()
}

/// The error of an actor that cannot listen at this address.
async fn refusal(addr: &Addr) -> String {
    let scope =
        tractor::open_root_actor(ActorOptions::new().bind(addr.clone()), async |_| -> tractor::Result<()> {
            panic!("bound")
        });
    step("the refusal", scope).await.expect_err("it may not listen there").to_string()
}

#[tokio::test]
async fn a_directory_that_others_may_use_is_refused_and_left_as_it_is() {
    let scratch = Scratch::new("open");
    for mode in [0o755, 0o1777] {
        scratch.set_mode(mode);
        let error = refusal(&scratch.addr()).await;
        let owner = std::fs::metadata(&scratch.0).expect("it is there").uid();
        let facts = [scratch.0.display().to_string(), format!("owner {owner}"), format!("mode {mode:04o}")];
        assert!(facts.iter().all(|fact| error.contains(fact)), "{error} does not say {facts:?}");
        let meta = std::fs::metadata(&scratch.0).expect("it is there");
        assert_eq!(meta.permissions().mode() & 0o7777, mode, "it was changed");
        assert!(!scratch.file().exists());
    }
}

// ---- Files of the dead -------------------------------------------------------------------------------------------

#[tokio::test]
async fn the_socket_of_a_dead_owner_is_replaced() {
    let scratch = Scratch::new("dead");
    for _ in 0..3 {
        drop(UnixListener::bind(scratch.file()).expect("the address is free"));
        assert!(scratch.file().exists(), "a dead process leaves the file");
        host("sf-dead", ActorOptions::new().bind(scratch.addr()), async |_, _| {
            assert_alive(&scratch.addr()).await;
        })
        .await;
        assert!(!scratch.file().exists());
    }
}

#[tokio::test]
async fn only_the_socket_of_a_dead_process_is_replaced() {
    let scratch = Scratch::new("alive");
    let file = scratch.file();
    let assert_left = async |what: &str| {
        let before = inode(&file);
        let error = refusal(&scratch.addr()).await;
        assert!(error.contains("in use"), "{what}: {error}");
        assert_eq!(inode(&file), before, "{what} was replaced");
        if file.is_dir() { std::fs::remove_dir(&file) } else { std::fs::remove_file(&file) }
            .expect("the test owns it");
    };
    std::fs::write(&file, "").expect("the test owns it");
    assert_left("a file").await;
    std::fs::create_dir(&file).expect("the test owns it");
    assert_left("a directory").await;
    let datagrams = UnixDatagram::bind(&file).expect("nobody is there");
    assert_left("a socket of another kind").await;
    let busy = Busy::bind(&file);
    assert_left("a listener whose queue is full").await;
    drop((datagrams, busy));
}

/// A listener that accepts no connection, with a full queue.
struct Busy {
    listener: UnixListener,
    queued: Vec<UnixStream>,
}

impl Busy {
    fn bind(file: &Path) -> Self {
        let listener = UnixListener::bind(file).expect("nobody is there");
        rustix::net::listen(&listener, 1).expect("it listens already");
        let mut queued = Vec::new();
        while let Some(stream) = queues(file) {
            queued.push(stream);
        }
        Self { listener, queued }
    }
}

/// Connects if there is room in the queue.
fn queues(file: &Path) -> Option<UnixStream> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .expect("a socket can be made");
    let to = SocketAddrUnix::new(file).expect("a short path");
    match rustix::net::connect(&socket, &to) {
        Ok(()) => Some(UnixStream::from(socket)),
        Err(rustix::io::Errno::AGAIN) => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn of_many_that_start_at_once_one_replaces_the_dead() {
    const STARTERS: usize = 8;
    let scratch = Scratch::new("race");
    for round in 0..20 {
        drop(UnixListener::bind(scratch.file()).expect("nobody is there"));
        let (start, tried) = (Arc::new(Barrier::new(STARTERS)), Arc::new(Barrier::new(STARTERS)));
        let starters: Vec<_> = (0..STARTERS)
            .map(|_| {
                let (start, tried, addr) = (start.clone(), tried.clone(), scratch.addr());
                std::thread::spawn(move || starts(&addr, &start, &tried))
            })
            .collect();
        let won: Vec<bool> = starters.into_iter().map(|one| one.join().expect("it ends well")).collect();
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "in round {round}");
        assert!(!scratch.file().exists(), "round {round} has left its file");
    }
}

/// Tries to get the address. Returns whether this process has got it, and still serves there when all have tried.
fn starts(addr: &Addr, start: &Barrier, tried: &Barrier) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let options =
        ActorOptions::new().bind(addr.clone()).enable_module(crate::wire_support::endpoints::MODULE);
    start.wait();
    let won = runtime.block_on(tractor::open_root_actor(options, async |_| -> tractor::Result<()> {
        tried.wait();
        assert_alive(addr).await;
        Ok(())
    }));
    if let Err(error) = &won {
        // This comes first, because the others wait for it.
        tried.wait();
        assert!(error.to_string().contains("in use"), "{error}");
    }
    won.is_ok()
}

// ---- Many at once ------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_connection_to_a_full_queue_waits_for_room() {
    let scratch = Scratch::new("queue");
    let mut busy = Busy::bind(&scratch.file());
    busy.listener.set_nonblocking(true).expect("it is open");
    let accepting = async {
        // The waiting connection cannot be observed. It is accepted when these have left.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let listener = tokio::net::UnixListener::from_std(busy.listener).expect("it is open");
        for _ in busy.queued.drain(..) {
            listener.accept().await.expect("it is in the queue");
        }
        let (io, _from) = step("the connection", listener.accept()).await.expect("it is accepted");
        let mut peer = Peer::on(io);
        peer.introduce(Caps::BASIC).await;
        peer
    };
    let addr = scratch.addr();
    alone(ActorOptions::new(), async |_| {
        let connecting = tractor::connect(&addr, async |_| -> tractor::Result<()> { Ok(()) });
        let (connected, _peer) = tokio::join!(connecting, accepting);
        connected.expect("there was room");
    })
    .await;
}

#[tokio::test]
async fn a_queue_that_stays_full_is_waited_for_as_long_as_for_a_handshake() {
    let scratch = Scratch::new("full");
    let _busy = Busy::bind(&scratch.file());
    let addr = scratch.addr();
    let timeouts = Timeouts::default().handshake(Duration::from_millis(50));
    alone(ActorOptions::new().timeouts(timeouts), async |_| {
        let connecting = tractor::connect(&addr, async |_| -> tractor::Result<()> { panic!("let in") });
        let error = step("the refusal", connecting).await.expect_err("nobody accepts").to_string();
        assert!(error.contains("Timeouts::handshake"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn two_thousand_connections_at_once_are_all_served() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).expect("a limit may be raised to its maximum");
    let room = files.maximum.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    let count = 2000.min(room.saturating_sub(500) / 2);
    let options = ActorOptions::new().timeouts(Timeouts::default().handshake(4 * STEP));
    host("sf-many", options, async |_, addr| {
        let all_in = tokio::sync::Barrier::new(count);
        let connections = (0..count).map(|_| {
            tractor::connect(addr, async |portal| -> tractor::Result<()> {
                portal.run(process()).await?;
                all_in.wait().await;
                Ok(())
            })
        });
        for served in futures_util::future::join_all(connections).await {
            served.expect("all are served");
        }
    })
    .await;
}
