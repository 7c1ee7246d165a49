//! A directory for the registry of one test, the command run against it, and a program that serves there.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value as Json;
use tractor::Addr;

/// The environment variable with the directory of a program's registry.
const DIR: &str = "TRACTOR_TEST_PLACE";
/// Longest wait for an event.
const SOON: Duration = Duration::from_secs(30);

/// A directory of one test; it is removed with the test.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("tcli-{}-{name}", std::process::id()));
        std::fs::create_dir(&dir).expect("the temporary directory is writable");
        std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o700)).expect("the test owns it");
        Self(dir)
    }

    pub(crate) fn registry_of_this_program() -> Addr {
        registry_in(&PathBuf::from(std::env::var_os(DIR).expect("the test sets it")))
    }

    pub(crate) fn registry(&self) -> Addr {
        registry_in(&self.0)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.join("registry.sock")
    }

    /// The command, at the registry of this place unless it names another one.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tractor"));
        command.args(words).env("XDG_RUNTIME_DIR", &self.0).stdin(Stdio::null());
        if !words.contains(&"--registry") {
            command.args(["--registry", &self.registry().to_string()]);
        }
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let output = self.command(words).output().expect("it was built");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ran {
            code: output.status.code().expect("it was not killed"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A leftover does no harm: the next run has another number.
        _ = std::fs::remove_dir_all(&self.0);
    }
}

fn registry_in(dir: &std::path::Path) -> Addr {
    Addr::Uds { dir: dir.to_str().expect("UTF-8").to_owned(), file: "registry.sock".to_owned() }
}

/// How a command has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    #[track_caller]
    pub(crate) fn ok_json(self) -> Json {
        serde_json::from_str(&self.ok()).expect("one JSON value")
    }

    /// The last line that it printed.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> Json {
        assert_eq!(self.code, code, "{self:?}");
        let last = self.out.lines().last().unwrap_or_else(|| panic!("{self:?}"));
        serde_json::from_str(last).expect("a JSON value")
    }
}

/// A program that runs the tree of the tests; killed with the test.
pub(crate) struct Shop {
    process: Child,
    pub(crate) place: Place,
}

pub(crate) fn shop(name: &str) -> Shop {
    let place = Place::new(name);
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["shop_program", "--exact", "--ignored", "--nocapture", "--test-threads=1", "--quiet"]);
    command.env(DIR, &place.0).env("XDG_RUNTIME_DIR", &place.0);
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("this binary runs");
    let out = BufReader::new(process.stdout.take().expect("it is piped"));
    let (tx, lines) = mpsc::channel();
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| tx.send(line)));
    let shop = Shop { process, place };
    // The harness may have begun the line.
    while !lines.recv_timeout(SOON).expect("it starts").ends_with("up") {}
    shop
}

impl Shop {
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        self.place.run(words)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // It may have ended already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Prints a word for the test that has started this program.
#[expect(clippy::print_stdout, reason = "the test reads the program's standard output")]
pub(crate) fn say(word: &str) {
    println!("{word}");
}

/// Sends a signal to a process of this test.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a pid");
    rustix::process::kill_process(pid, signal).expect("the process lives");
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn eventually(holds: impl Fn() -> bool) {
    let end = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < end, "the condition does not hold after {SOON:?}");
    }
}
