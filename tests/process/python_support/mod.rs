//! Actors of the Python library, as processes, and the table of cases.

pub(crate) mod rust_side;
pub(crate) mod they_call;
pub(crate) mod we_call;

use std::panic::AssertUnwindSafe;
use std::process::Stdio;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tractor::{ActorOptions, Addr};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/process/python_support/");
/// The Python that has the library; by default `python3`.
const PYTHON_ENV: &str = "TRACTOR_PYTHON";
/// An import that works only in a version of the library with this protocol.
const IMPORT: &str = "from tractor.msg.types import Aid";
/// The time limit of a case.
const CASE: Duration = Duration::from_secs(20);

fn python() -> Command {
    let mut python = Command::new(std::env::var_os(PYTHON_ENV).unwrap_or_else(|| "python3".into()));
    // The library warns of a missing `XDG_RUNTIME_DIR`.
    python.env("PYTHONDONTWRITEBYTECODE", "1").args(["-W", "ignore"]).stdin(Stdio::null()).kill_on_drop(true);
    python
}

/// The reason why the Python library cannot be used, if there is one.
pub(crate) async fn missing() -> Option<String> {
    match python().args(["-c", IMPORT]).output().await {
        Err(error) => Some(format!("no python: {error}")),
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            let last = errors.lines().last().unwrap_or_default();
            Some(format!("{last} ({PYTHON_ENV} can name another Python)"))
        }
    }
}

/// Runs a script with an address as its argument.
pub(crate) async fn script(name: &str, addr: &Addr) -> Child {
    let mut script = python();
    script.arg(format!("{FOLDER}{name}")).arg(as_json(addr)).stdout(Stdio::piped());
    script.spawn().expect("there is a python")
}

/// Waits for the script's next line.
pub(crate) async fn next_line(child: &mut Child) -> Option<String> {
    // The small buffer reads no further than the line.
    let mut out = BufReader::with_capacity(1, child.stdout.as_mut().expect("it is piped"));
    let mut line = String::new();
    timeout(CASE, out.read_line(&mut line)).await.expect("a line in time").expect("UTF-8");
    (!line.is_empty()).then(|| line.trim_end().to_owned())
}

fn as_json(addr: &Addr) -> String {
    match addr {
        Addr::Tcp(addr) => format!("[\"{}\", {}]", addr.ip(), addr.port()),
        Addr::Uds { dir, file } => format!("[\"{dir}\", \"{file}\"]"),
    }
}

/// A free address of each transport.
pub(crate) fn addrs(name: &str) -> [Addr; 2] {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    [tractor::socket_addr(name).expect("a short name"), Addr::Tcp(port.expect("a free port"))]
}

/// The options of a root of this process with this registry.
pub(crate) fn options(name: &str, registry: &Addr) -> ActorOptions {
    ActorOptions::new()
        .name(name)
        .registry(registry.clone())
        .allow_unauthenticated_peers()
        .enable_module(rust_side::MODULE)
}

/// The cases, and their results.
pub(crate) struct Table {
    direction: &'static str,
    transport: &'static str,
    failed: usize,
}

impl Table {
    pub(crate) fn new(direction: &'static str, addr: &Addr) -> Self {
        let transport = match addr {
            Addr::Tcp(_) => "tcp",
            Addr::Uds { .. } => "unix",
        };
        Self { direction, transport, failed: 0 }
    }

    pub(crate) async fn case(&mut self, name: &str, case: impl Future<Output = tractor::Result<()>>) {
        let ran = AssertUnwindSafe(timeout(CASE, case)).catch_unwind().await;
        self.row(
            name,
            match ran {
                Ok(Ok(Ok(()))) => "ok".to_owned(),
                Ok(Ok(Err(error))) => format!("FAILED: {error}"),
                Ok(Err(_elapsed)) => "FAILED: it hangs".to_owned(),
                Err(_panic) => "FAILED".to_owned(),
            },
        );
    }

    #[expect(clippy::print_stdout, reason = "the table is there to be read")]
    pub(crate) fn row(&mut self, name: &str, verdict: String) {
        println!("{:<10} {:<4} {name:<60} {verdict}", self.direction, self.transport);
        self.failed += usize::from(verdict != "ok");
    }

    pub(crate) fn check(self) {
        assert_eq!(self.failed, 0, "cases with {} over {} failed", self.direction, self.transport);
    }
}
