//! Children of programs that were started in unusual ways, or whose file has changed: they run the same program, or the
//! start fails with the reason.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::process_support::{bounded, eventually, role};

/// The environment variable with a file. The program below waits until it exists, and writes its error beside it.
const GO_ENV: &str = "TRACTOR_TEST_GO";
const PROGRAM: &[&str] = &[
    "process_started::starts_an_actor_later",
    "--exact",
    "--ignored",
    "--nocapture",
    "--test-threads=1",
    "--quiet",
];
const LOADERS: &[&str] =
    &["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-x86_64.so.1"];

/// A folder with a link to this test's program, which a test may change.
struct Place {
    dir: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        let dir =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("started-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder for tests");
        let place = Self { dir };
        if std::fs::hard_link(this_binary(), place.program()).is_err() {
            place.copy();
        }
        place
    }

    fn program(&self) -> PathBuf {
        self.dir.join("a program")
    }

    /// Replaces the link by a copy, for tests about the file and not its name. Another process makes the copy.
    /// Otherwise children of other tests could inherit the file while it is open for writing, and it could not be run.
    fn copy(&self) {
        let copied =
            Command::new("cp").arg("--remove-destination").arg(this_binary()).arg(self.program()).status();
        assert!(copied.is_ok_and(|status| status.success()), "room for a copy");
    }

    /// Runs the program, and lets it start an actor after `meanwhile`. Returns what it reports about the actor.
    fn run(&self, mut command: Command, meanwhile: impl FnOnce(&Self)) -> Result<Vec<u32>, String> {
        let go = self.dir.join("go");
        command.env(GO_ENV, &go).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut program = role::start(&mut command);
        program.hear("ready");
        meanwhile(self);
        std::fs::write(&go, "").expect("the folder is ours");
        let said = program.hear("started");
        match std::fs::read_to_string(go.with_extension("error")) {
            Ok(error) => Err(error),
            Err(_none) => Ok(said),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program());
        command.args(PROGRAM);
        command
    }
}

fn this_binary() -> PathBuf {
    std::env::current_exe().expect("the path is known")
}

impl Drop for Place {
    fn drop(&mut self) {
        // A failure to remove leftovers must not hide the failure of the test.
        _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A value that records its layout: without field names only between actors of one image.
#[derive(Serialize)]
struct Told {
    field: u8,
}

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Look;
        impl<'de> Visitor<'de> for Look {
            type Value = Told;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a struct")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Told, A::Error> {
                while seq.next_element::<u8>()?.is_some() {}
                Ok(Told { field: 1 })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Told, A::Error> {
                while map.next_entry::<String, u8>()?.is_some() {}
                Ok(Told { field: 0 })
            }
        }
        deserializer.deserialize_struct("Told", &["field"], Look)
    }
}

#[tractor::actor_fn]
async fn looks(at: Told) -> u8 {
    at.field
}

#[tractor::test]
#[ignore = "a program that the tests here start"]
async fn starts_an_actor_later() {
    let Some(go) = std::env::var_os(GO_ENV).map(PathBuf::from) else { return };
    role::say("ready", &[std::process::id()]);
    eventually("the word to go on", Duration::from_secs(30), || go.exists()).await;
    let started = bounded(tractor::open_nursery(async |an| -> tractor::Result<u8> {
        let child = an.start_actor("child").expose(looks).await?;
        let by_position = child.run(looks(Told { field: 2 })).await?;
        child.cancel_actor().await?;
        Ok(by_position)
    }))
    .await;
    if let Err(error) = &started {
        std::fs::write(go.with_extension("error"), error.to_string()).expect("the folder is the test's");
    }
    role::say("started", &[started.unwrap_or(u8::MAX).into()]);
}

/// The report that the actor is of the same image.
const SAME_IMAGE: &[u32] = &[1];

#[track_caller]
fn is_the_same_program(said: Result<Vec<u32>, String>) {
    assert_eq!(said.as_deref(), Ok(SAME_IMAGE));
}

#[test]
fn a_program_whose_file_is_renamed() {
    let place = Place::new("renamed");
    is_the_same_program(place.run(place.command(), |place| {
        std::fs::rename(place.program(), place.dir.join("another name")).expect("the test owns it");
    }));
}

#[test]
fn a_program_whose_file_is_removed() {
    let place = Place::new("removed");
    is_the_same_program(place.run(place.command(), |place| {
        std::fs::remove_file(place.program()).expect("the test owns it");
    }));
}

#[test]
fn a_program_whose_file_is_replaced() {
    let place = Place::new("replaced");
    is_the_same_program(place.run(place.command(), |place| {
        let new = place.dir.join("new");
        std::fs::write(&new, "#!/bin/sh\nexit 9\n").expect("the folder is ours");
        std::fs::set_permissions(&new, PermissionsExt::from_mode(0o755)).expect("the test owns it");
        std::fs::rename(new, place.program()).expect("the test owns it");
    }));
}

#[test]
fn a_program_in_a_folder_that_is_gone() {
    let place = Place::new("gone");
    let cwd = place.dir.join("cwd");
    std::fs::create_dir(&cwd).expect("the folder is ours");
    let mut command = place.command();
    command.current_dir(&cwd);
    is_the_same_program(place.run(command, |_| std::fs::remove_dir(&cwd).expect("it is empty")));
}

#[test]
fn a_program_behind_a_link_or_a_wrapper() {
    let place = Place::new("wrapped");
    let link = place.dir.join("link");
    symlink("a program", &link).expect("the folder is ours");
    let mut linked = Command::new(&link);
    linked.args(PROGRAM);
    is_the_same_program(place.run(linked, |_| std::fs::remove_file(&link).expect("the test owns it")));
    std::fs::remove_file(place.dir.join("go")).expect("it was made");
    let mut wrapped = Command::new("sh");
    wrapped.args(["-c", "exec -a 'some name' \"$0\" \"$@\""]).arg(place.program()).args(PROGRAM);
    let mut bash = Command::new("bash");
    bash.args(wrapped.get_args());
    is_the_same_program(place.run(bash, |_| {}));
}

fn through_a_loader(place: &Place) -> Option<Command> {
    let loader = LOADERS.iter().find(|path| Path::new(path).exists())?;
    let mut command = Command::new(loader);
    command.args(["--library-path", "/nowhere"]).arg(place.program()).args(PROGRAM);
    Some(command)
}

#[test]
fn a_program_that_a_loader_was_started_with() {
    let place = Place::new("loaded");
    let Some(command) = through_a_loader(&place) else { return };
    // The executable is the loader, which may load any program, so values have field names.
    assert_eq!(place.run(command, |_| {}), Ok(vec![0]));
}

#[test]
fn a_loaded_program_that_is_gone_is_named_with_its_loader() {
    let place = Place::new("unloadable");
    let Some(command) = through_a_loader(&place) else { return };
    let error = place
        .run(command, |place| std::fs::remove_file(place.program()).expect("the test owns it"))
        .unwrap_err();
    for word in ["ld-", "a program", "where it no longer is"] {
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_file_that_must_not_be_run_any_more_is_named() {
    let place = Place::new("forbidden");
    place.copy();
    let error = place
        .run(place.command(), |place| {
            std::fs::set_permissions(place.program(), PermissionsExt::from_mode(0o600))
                .expect("the test owns it");
        })
        .unwrap_err();
    for word in ["a program", "could not be run again", "ermission denied"] {
        assert!(error.contains(word), "{error}");
    }
}
