//! Helpers of the registry tests: a directory, further roots, and peers that ask a registrar.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;
use tractor::{ActorOptions, Addr, Uid};
use tractor_core::proto::id::Caps;
use tractor_core::proto::msg::FuncType;
use tractor_core::proto::registry::WireAddr;

use super::endpoints::MODULE;
use super::script::{kwargs, pld};
use super::{Peer, alone, step};

/// A directory for one test, which removes it.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("tractor-reg-{}-{name}", std::process::id()));
        std::fs::create_dir(&dir).expect("the temporary directory is writable");
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700)).expect("the test owns it");
        Self(dir)
    }

    pub(crate) fn addr(&self, file: &str) -> Addr {
        Addr::Uds { dir: self.0.to_str().expect("UTF-8").to_owned(), file: file.to_owned() }
    }

    pub(crate) fn listener(&self, file: &str) -> UnixListener {
        UnixListener::bind(self.0.join(file)).expect("a fresh path")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the test owns it");
    }
}

/// The error of a root that does not start.
pub(crate) async fn refusal(options: ActorOptions) -> String {
    let scope =
        tractor::open_root_actor(options, async |_| -> tractor::Result<()> { panic!("it has started") });
    step("the refusal", scope).await.expect_err("it does not start").to_string()
}

/// A root in a task of its own, in place of another program, until the test ends it.
pub(crate) struct Other {
    task: JoinHandle<()>,
    go: tokio::sync::oneshot::Sender<()>,
}

impl Other {
    pub(crate) async fn start(options: ActorOptions) -> Self {
        let (go, gone) = tokio::sync::oneshot::channel();
        let (up, is_up) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(alone(options.enable_module(MODULE), async |_| {
            up.send(()).expect("the test waits");
            // Dropping the sender, as a failing test does, ends it as well.
            _ = gone.await;
        }));
        step("the other root", is_up).await.expect("it starts");
        Self { task, go }
    }

    pub(crate) async fn end(self) {
        self.go.send(()).expect("it waits");
        step("the end of the other root", self.task).await.expect("it ends well");
    }
}

// ---- Peers -------------------------------------------------------------------------------------------------------

/// An address as on the wire.
pub(crate) type Wire = (String, String);
pub(crate) type WireUid = (String, String);

pub(crate) fn wire(addr: &Addr) -> Wire {
    let Addr::Uds { dir, file } = addr else { panic!("{addr}") };
    (dir.clone(), file.clone())
}

pub(crate) fn wire_uid(uid: &Uid) -> WireUid {
    (uid.name().to_owned(), uid.uuid().to_owned())
}

#[derive(Serialize)]
struct Registration {
    uid: WireUid,
    addr: WireAddr,
}

pub(crate) fn registration(uid: &Uid, addr: &Addr) -> Bytes {
    pld(&Registration { uid: wire_uid(uid), addr: WireAddr(addr.clone()) })
}

pub(crate) async fn ask<T: DeserializeOwned>(peer: &mut Peer, func: &str, kwargs: Bytes) -> T {
    peer.start_self(func, func, kwargs).await;
    peer.expect_ack(func, FuncType::AsyncFunc).await;
    peer.expect_return(func).await
}

pub(crate) async fn register(peer: &mut Peer, addr: &Addr) {
    let kwargs = registration(&peer.uid.clone(), addr);
    ask::<()>(peer, "register_actor", kwargs).await;
}

pub(crate) async fn find(peer: &mut Peer, name: &str) -> Option<Vec<Wire>> {
    ask(peer, "find_actor", kwargs("name", name)).await
}

/// A scripted peer that is registered under a name.
pub(crate) async fn named(registry: &Addr, name: &str, caps: Caps) -> Peer {
    let mut peer = Peer::dial(registry).await;
    peer.uid = Uid::new(name, peer.uid.uuid().to_owned());
    peer.introduce(caps).await;
    peer
}
