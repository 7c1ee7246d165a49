//! Helpers of the wire tests: a live actor, a scripted peer, and endpoints.
//!
//! A test reads like a trace: `peer.send(..)`, `peer.expect_ack(..)`. Every step has a deadline, so a lost message
//! fails the test that waits for it.

pub(crate) mod endpoints;
pub(crate) mod peer;
pub(crate) mod registry;
pub(crate) mod script;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use tokio::net::UnixListener;
use tractor::{Actor, ActorOptions, Addr, Limits, Portal, Timeouts};
use tractor_core::proto::id::Caps;

pub(crate) use self::peer::Peer;

/// The time limit of a step of a script.
pub(crate) const STEP: Duration = Duration::from_secs(10);
/// The time limit of a test.
pub(crate) const WHOLE: Duration = Duration::from_secs(45);

/// Waits for one step. The panic after the time limit names it.
pub(crate) async fn step<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(STEP, future).await {
        Ok(value) => value,
        Err(_elapsed) => panic!("nothing came within {STEP:?} while waiting for {what}"),
    }
}

/// Runs a root actor that listens on a Unix socket and exposes the endpoints of this module.
///
/// `name` keeps the sockets of tests in one process apart.
pub(crate) async fn host(name: &str, options: ActorOptions, body: impl AsyncFnOnce(&Actor, &Addr)) {
    let addr = tractor::socket_addr(name).expect("a short name");
    let options = options.bind(addr.clone()).enable_module(endpoints::MODULE);
    alone_boxed(options, Box::new(async |actor: &Actor| body(actor, &addr).await)).await;
}

/// Runs a root actor that does not listen, for tests in which it connects to a script.
pub(crate) async fn alone(options: ActorOptions, body: impl AsyncFnOnce(&Actor)) {
    let scope = tractor::open_root_actor(options, async |actor| -> tractor::Result<()> {
        body(actor).await;
        Ok(())
    });
    tokio::time::timeout(WHOLE, scope).await.expect("the test is over in time").expect("the actor ends well");
}

async fn alone_boxed(options: ActorOptions, body: Box<dyn Body + '_>) {
    alone(options, async |actor| body.run(actor).await).await;
}

/// The body of a test, boxed: the actor around it is compiled once for all tests.
trait Body {
    fn run<'a>(self: Box<Self>, actor: &'a Actor) -> Pin<Box<dyn Future<Output = ()> + 'a>>
    where
        Self: 'a;
}

impl<F: AsyncFnOnce(&Actor)> Body for F {
    fn run<'a>(self: Box<Self>, actor: &'a Actor) -> Pin<Box<dyn Future<Output = ()> + 'a>>
    where
        Self: 'a,
    {
        Box::pin((*self)(actor))
    }
}

/// Connects an actor to a script. Both run concurrently, and the script may go on when the actor is done.
pub(crate) async fn meet(
    name: &str,
    options: ActorOptions,
    caps: Caps,
    script: impl AsyncFnOnce(&mut Peer),
    body: impl AsyncFnOnce(&Portal),
) {
    let greeting = async |peer: &mut Peer| peer.introduce(caps).await;
    meet_with(name, options, greeting, script, body).await;
}

/// As [`meet`], with a script that claims to run the actor's program image.
pub(crate) async fn meet_alike(
    name: &str,
    options: ActorOptions,
    script: impl AsyncFnOnce(&mut Peer),
    body: impl AsyncFnOnce(&Portal),
) {
    meet_with(name, options, async |peer: &mut Peer| peer.introduce_alike().await, script, body).await;
}

async fn meet_with(
    name: &str,
    options: ActorOptions,
    greeting: impl AsyncFnOnce(&mut Peer),
    script: impl AsyncFnOnce(&mut Peer),
    body: impl AsyncFnOnce(&Portal),
) {
    let server = Server::bind(name);
    let test = async |_: &Actor| {
        let dialing = tractor::connect(&server.addr, async |portal| -> tractor::Result<()> {
            body(portal).await;
            Ok(())
        });
        let scripting = async {
            let mut peer = server.next().await;
            greeting(&mut peer).await;
            script(&mut peer).await;
            peer
        };
        let (dialed, _peer) = step("both ends", async { tokio::join!(dialing, scripting) }).await;
        dialed.expect("the script accepts");
    };
    alone_boxed(options, Box::new(test)).await;
}

/// Options with changed limits.
pub(crate) fn limited(change: impl FnOnce(&mut Limits)) -> ActorOptions {
    let mut limits = Limits::default();
    change(&mut limits);
    ActorOptions::new().limits(limits)
}

/// Options with changed timeouts.
pub(crate) fn timed(change: impl FnOnce(&mut Timeouts)) -> ActorOptions {
    let mut timeouts = Timeouts::default();
    change(&mut timeouts);
    ActorOptions::new().timeouts(timeouts)
}

/// Fails unless the actor still serves a new peer.
pub(crate) async fn assert_alive(addr: &Addr) {
    let mut peer = Peer::base(addr).await;
    peer.assert_answered().await;
}

/// A listening socket for a script.
pub(crate) struct Server {
    listener: UnixListener,
    dir: PathBuf,
    pub(crate) addr: Addr,
}

impl Server {
    pub(crate) fn bind(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("tractor-script-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("the temporary directory is writable");
        let listener = UnixListener::bind(dir.join("s")).expect("a fresh path");
        let addr = Addr::Uds { dir: dir.to_str().expect("UTF-8").to_owned(), file: "s".to_owned() };
        Self { listener, dir, addr }
    }

    /// The next connection, after a handshake in which the script announces `caps`.
    pub(crate) async fn accept(&self, caps: Caps) -> Peer {
        let mut peer = self.next().await;
        peer.introduce(caps).await;
        peer
    }

    /// The next connection, before the handshake.
    pub(crate) async fn next(&self) -> Peer {
        let (io, _from) = step("a connection", self.listener.accept()).await.expect("the listener accepts");
        Peer::on(io)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).expect("the directory is ours");
    }
}
