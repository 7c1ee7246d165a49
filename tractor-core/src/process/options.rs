//! The options of a child's process: its environment, arguments, directory, output and limits.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::proto::supervision::ProcessBounds;

/// Where the standard output or standard error of a child goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stdio {
    /// As in this process.
    #[default]
    Inherit,
    /// The output is discarded.
    Null,
    /// To this process, which keeps only its end: the last
    /// [`CAPTURED_LINES_MAX`](crate::proto::limits::CAPTURED_LINES_MAX) lines (80) and
    /// [`CAPTURED_BYTES_MAX`](crate::proto::limits::CAPTURED_BYTES_MAX) bytes (64 KiB), which
    /// [`ActorDied::last_lines`](crate::error::ActorDied::last_lines) and the text of that error show.
    Captured,
    /// To this process, which passes each line on to its own, with the actor's name and process id in front:
    /// `worker@4711: text`.
    Labelled,
}

/// The options of a child's process. Everything else is as in this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProcessOptions {
    /// Whether the environment of this process is left out.
    env_clear: bool,
    /// Variables that are set or removed. The last entry of a key counts.
    env: Vec<(OsString, Option<OsString>)>,
    /// `None`: the arguments of this process.
    args: Option<Vec<OsString>>,
    pub(super) dir: Option<PathBuf>,
    pub(super) stdout: Stdio,
    pub(super) stderr: Stdio,
    bounds: ProcessBounds,
}

impl ProcessOptions {
    pub(crate) fn env(&mut self, key: &OsStr, value: Option<&OsStr>) {
        self.env.push((key.to_owned(), value.map(ToOwned::to_owned)));
    }

    pub(crate) fn env_clear(&mut self) {
        self.env_clear = true;
        self.env.clear();
    }

    pub(crate) fn arg(&mut self, arg: &OsStr) {
        self.args.get_or_insert_default().push(arg.to_owned());
    }

    pub(crate) fn no_args(&mut self) {
        self.args.get_or_insert_default();
    }

    pub(crate) fn current_dir(&mut self, dir: PathBuf) {
        self.dir = Some(dir);
    }

    pub(crate) fn stdout(&mut self, how: Stdio) {
        self.stdout = how;
    }

    pub(crate) fn stderr(&mut self, how: Stdio) {
        self.stderr = how;
    }

    pub(crate) fn memory_max(&mut self, bytes: u64) {
        self.bounds.memory_bytes = Some(bytes);
    }

    /// The kernel counts whole seconds, and treats zero as one.
    pub(crate) fn cpu_time_max(&mut self, time: Duration) {
        let secs = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
        self.bounds.cpu_secs = Some(secs.max(1));
    }

    pub(crate) fn open_files_max(&mut self, files: u64) {
        self.bounds.open_files = Some(files);
    }

    pub(crate) fn bounds(&self) -> ProcessBounds {
        self.bounds
    }

    /// Refuses impossible options before the system does.
    pub(crate) fn check(&self) -> Result<(), String> {
        let nul = |text: &OsStr| text.as_bytes().contains(&0);
        for (key, value) in &self.env {
            if key.is_empty() || nul(key) || key.as_bytes().contains(&b'=') {
                return Err(format!("{key:?} cannot be the name of a variable of its environment"));
            }
            if let Some(value) = value.as_deref().filter(|value| nul(value)) {
                return Err(format!("the value {value:?} of {key:?} in its environment holds a NUL"));
            }
        }
        if let Some(arg) = self.args.iter().flatten().find(|arg| nul(arg)) {
            return Err(format!("its argument {arg:?} holds a NUL"));
        }
        match &self.dir {
            Some(dir) if nul(dir.as_os_str()) => Err(format!("its directory {dir:?} holds a NUL")),
            Some(_) | None => Ok(()),
        }
    }

    /// The child's arguments, if it has any of its own.
    pub(super) fn own_args(&self) -> Option<&[OsString]> {
        self.args.as_deref()
    }

    /// Sets environment and directory; the rest depends on how the program is run.
    pub(super) fn apply(&self, command: &mut Command) {
        if self.env_clear {
            command.env_clear();
        }
        for (key, value) in &self.env {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
    }
}

impl Stdio {
    /// The setting for the command.
    pub(super) fn of_process(self) -> std::process::Stdio {
        match self {
            Self::Inherit => std::process::Stdio::inherit(),
            Self::Null => std::process::Stdio::null(),
            Self::Captured | Self::Labelled => std::process::Stdio::piped(),
        }
    }
}
