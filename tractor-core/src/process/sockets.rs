//! Removes socket files that killed actors have left. The actor that reaps a process removes the files of that process;
//! the next root removes those of trees that died with their root.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::net::{remove_dead, runtime_dir, user};

/// The file of the default registry. The number in its name is no pid; the next registrar replaces the file.
const REGISTRY_FILE: &str = "registry@1616.sock";

/// Removes the socket files in the runtime directory whose processes are gone.
pub(crate) async fn sweep_sockets() {
    let dir = runtime_dir();
    let stale = stale_sockets(&dir);
    remove_sockets(stale).await;
}

/// Sockets of this user in a directory of this user, named `<name>@<pid>.sock` after a process that does not exist.
fn stale_sockets(dir: &Path) -> Vec<String> {
    let user = user();
    let is_ours = std::fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_dir() && meta.uid() == user);
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| is_ours && entry.file_name().to_str().is_some_and(is_of_the_dead))
        .filter(|entry| entry.metadata().is_ok_and(|meta| meta.file_type().is_socket() && meta.uid() == user))
        .filter_map(|entry| entry.path().into_os_string().into_string().ok())
        .collect()
}

fn is_of_the_dead(file: &str) -> bool {
    let pid = file.strip_suffix(".sock").and_then(|stem| stem.rsplit_once('@')).map(|(_, pid)| pid);
    let pid = pid.and_then(|pid| pid.parse::<u32>().ok()).and_then(|pid| i32::try_from(pid).ok());
    let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) else { return false };
    file != REGISTRY_FILE && rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH)
}

/// Removes socket files without a listener. A file with a listener belongs to another process, and stays.
pub(super) async fn remove_sockets(paths: Vec<String>) {
    for path in paths {
        match remove_dead(Path::new(&path)).await {
            Ok(true) => tracing::debug!("removed the socket file {path}"),
            Ok(false) => {}
            Err(error) => tracing::warn!("socket file {path} was not removed: {error}"),
        }
    }
}
