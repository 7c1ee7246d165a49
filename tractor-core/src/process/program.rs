//! Runs this program again, even if its file was renamed, replaced or removed since it was started.
//!
//! `/proc/self/exe` is the running file itself, not its path. If that is a loader with the program as its argument
//! (`ld.so prog`), the child is started through the loader, too.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

const EXECUTABLE: &str = "/proc/self/exe";

/// The command that runs this program again, without arguments of its own.
pub(super) fn run_again() -> io::Result<Command> {
    if !cfg!(target_os = "linux") {
        return Ok(Command::new(std::env::current_exe()?));
    }
    // Set once our code was found in the executable, where it stays.
    static IS_OURS: AtomicBool = AtomicBool::new(false);
    let mut command = Command::new(EXECUTABLE);
    if IS_OURS.load(Ordering::Relaxed) {
        return Ok(command);
    }
    let executable = std::fs::metadata(EXECUTABLE)
        .map_err(|error| because(&error, "the file of this program is not known without /proc"))?;
    // If the system does not know, the usual case is assumed.
    let Some(code) = Mapping::of_our_code() else { return Ok(command) };
    if code.inode == executable.ino() {
        IS_OURS.store(true, Ordering::Relaxed);
        return Ok(command);
    }
    let path = std::fs::read_link(EXECUTABLE)?;
    if path != code.path {
        command.args(through_loader(&path, &code)?);
    }
    Ok(command)
}

/// Why the program could not be run again, in the given directory if there is one.
pub(super) fn not_run(error: &io::Error, dir: Option<&Path>) -> io::Error {
    let path = std::fs::read_link(EXECUTABLE).or_else(|_unknown| std::env::current_exe());
    let path = path.unwrap_or_else(|_unknown| PathBuf::from("this program"));
    let place = dir.map_or_else(String::new, |dir| format!(" in the directory {}", dir.display()));
    because(error, &format!("{} could not be run again{place}", path.display()))
}

fn because(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// The arguments with which the executable, a loader, runs this program again.
fn through_loader(loader: &Path, program: &Mapping) -> io::Result<Vec<OsString>> {
    let (loader, path) = (loader.display(), program.path.display());
    let line = std::fs::read("/proc/self/cmdline")?;
    let line: Vec<&[u8]> = line.strip_suffix(b"\0").unwrap_or(&line).split(|byte| *byte == 0).collect();
    // A loader removes itself and its own arguments from the list.
    let own = line.len().saturating_sub(std::env::args_os().len());
    if own == 0 {
        return Err(io::Error::other(format!(
            "{loader} would be run again, which has loaded the actors' code from {path}: actors need a program of \
             their own"
        )));
    }
    if !std::fs::metadata(&program.path).is_ok_and(|file| file.ino() == program.inode) {
        return Err(io::Error::other(format!(
            "{loader}, which has loaded this program, would look for it at {path}, where it no longer is"
        )));
    }
    let own = line[1..own].iter().map(|argument| OsStr::from_bytes(argument).to_owned());
    Ok(own.chain([program.path.clone().into()]).collect())
}

/// A file in memory.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    inode: u64,
    path: PathBuf,
}

impl Mapping {
    fn of_our_code() -> Option<Self> {
        let maps = BufReader::new(File::open("/proc/self/maps").ok()?);
        Self::at((run_again as *const ()).addr(), maps)
    }

    /// The mapping of an address. The mappings of the executable usually come first; the rest is not read.
    fn at(address: usize, maps: impl BufRead) -> Option<Self> {
        maps.split(b'\n').map_while(Result::ok).find_map(|line| {
            // Each line: range, permissions, offset, device, inode, path.
            let mut fields = line.splitn(6, |byte| *byte == b' ');
            let mut text = || std::str::from_utf8(fields.next()?).ok();
            let (start, end) = text()?.split_once('-')?;
            let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
            if !range.contains(&address) {
                return None;
            }
            let inode = [text(), text(), text(), text()][3]?.parse().ok()?;
            let path = fields.next()?.trim_ascii_start();
            Some(Self { inode, path: OsStr::from_bytes(path).into() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_an_address_says_which_file_it_is() {
        let maps = b"1000-2000 r--p 00000000 fd:01 77                         /a b\n\
            2000-3000 r-xp 00001000 fd:01 77                         /a b (deleted)\n\
            3000-4000 rw-p 00000000 00:00 0 \n";
        let file = |path: &str| Some(Mapping { inode: 77, path: path.into() });
        for (address, found) in [(0x1000, file("/a b")), (0x2fff, file("/a b (deleted)")), (0x4000, None)] {
            assert_eq!(Mapping::at(address, &maps[..]), found, "{address:x}");
        }
        assert_eq!(Mapping::at(0x3000, &maps[..]), Some(Mapping { inode: 0, path: "".into() }));
    }

    #[test]
    fn our_code_is_in_the_executable() {
        let code = Mapping::of_our_code().expect("the mapping is known");
        assert_eq!(Some(code.path), std::fs::read_link(EXECUTABLE).ok());
        assert_eq!(run_again().expect("the program exists").get_args().count(), 0);
    }
}
