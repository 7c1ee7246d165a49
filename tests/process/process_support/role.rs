//! Whole programs as children: this test binary runs again, with one ignored test as its program.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;

use rustix::process::Signal;

use super::{WHOLE, eventually, signal};

/// A running program. Dropping it kills the program.
pub struct Program {
    process: Child,
    lines: mpsc::Receiver<String>,
}

/// A command that runs the ignored test `name` as its program.
pub fn command(name: &str) -> Command {
    command_of(&std::env::current_exe().expect("this binary"), name)
}

/// As [`command`], for a copy of this binary.
pub fn command_of(binary: &Path, name: &str) -> Command {
    let mut command = Command::new(binary);
    command.args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1", "--quiet"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// Starts a program.
pub fn start(command: &mut Command) -> Program {
    let mut process = command.spawn().expect("this binary runs");
    let out = BufReader::new(process.stdout.take().expect("it is piped"));
    let (tx, lines) = mpsc::channel();
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| tx.send(line)));
    Program { process, lines }
}

/// Runs a program to its end, and fails unless it succeeds.
pub async fn succeed(command: &mut Command) {
    let mut program = start(command);
    let mut status = None;
    eventually("the end of the program", WHOLE, || {
        status = program.process.try_wait().expect("it is our child");
        status.is_some()
    })
    .await;
    let said: Vec<String> = program.lines.try_iter().collect();
    assert!(status.is_some_and(|status| status.success()), "{status:?}, output {said:#?}");
}

/// Prints a line for the test that has started this program.
#[expect(clippy::print_stdout, reason = "the test reads the program's standard output")]
pub fn say(word: &str, values: &[u32]) {
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    println!("{word}={}", values.join(","));
}

impl Program {
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The numbers of the next line with `word`.
    pub fn hear(&mut self, word: &str) -> Vec<u32> {
        loop {
            let line = self.lines.recv_timeout(WHOLE);
            let line = line.unwrap_or_else(|end| panic!("the program did not print `{word}`: {end}"));
            // Text of the harness may come before it on the line.
            if let Some((_, values)) = line.trim().split_once(&format!("{word}=")) {
                return values.split(',').filter_map(|value| value.parse().ok()).collect();
            }
        }
    }

    /// Its exit status, if it has ended.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().expect("it is our child")
    }

    /// Skips the lines that were printed up to now.
    pub fn forget_what_was_said(&self) {
        while self.lines.try_recv().is_ok() {}
    }

    pub fn kill(&self) {
        signal(self.pid(), Signal::KILL);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails if the program has ended by itself.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
