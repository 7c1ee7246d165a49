//! Unix sockets: the directory they live in, and who may talk over them.
//!
//! The runtime directory belongs to the user alone (mode `0700`), and both ends of every connection check that the
//! process at the other end runs as the same user. A connection needs no further proof. The user is the effective one: the
//! real user of a set-uid program is whoever started it.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use tokio::net::UnixStream;

use super::privilege::env;

/// The user whose rights this process has.
pub(crate) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The directory sockets live in by default: `$XDG_RUNTIME_DIR/tractor`, or a directory per user under `/tmp`.
pub(crate) fn runtime_dir() -> PathBuf {
    let uid = user();
    match env("XDG_RUNTIME_DIR") {
        Some(dir) if cfg!(target_os = "linux") && Path::new(&dir).is_absolute() => {
            Path::new(&dir).join("tractor")
        }
        _ => PathBuf::from(format!("/tmp/tractor-{uid}")),
    }
}

/// Makes sure that a directory exists, is a real directory, is ours, and is closed to everybody else.
///
/// The mode of a foreign directory is never touched.
pub(crate) fn prepare_dir(dir: &Path) -> io::Result<()> {
    if dir.components().any(|part| matches!(part, Component::ParentDir)) {
        return Err(refused(dir, "may not contain `..`"));
    }
    match fs::symlink_metadata(dir) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        Err(error) => return Err(error),
    }
    let meta = fs::symlink_metadata(dir)?;
    if !meta.is_dir() {
        return Err(refused(dir, "is no directory"));
    }
    if meta.uid() != user() {
        return Err(refused(dir, "belongs to another user"));
    }
    if meta.permissions().mode() & 0o777 != 0o700 {
        fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn refused(dir: &Path, why: &str) -> io::Error {
    let text =
        format!("the socket directory {} {why}; choose another one or set XDG_RUNTIME_DIR", dir.display());
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

/// Refuses a peer process of another user.
pub(crate) fn check_peer(stream: &UnixStream) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer == user() {
        return Ok(());
    }
    let text = format!("the process at the other end of the Unix socket runs as another user (uid {peer})");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

/// Refuses an inherited socket pair that another process than our parent has made, or a parent of another user.
///
/// Other systems than Linux do not tell who has made a pair.
pub(crate) fn check_parent(stream: &UnixStream, parent_pid: u32) -> io::Result<()> {
    if cfg!(not(target_os = "linux")) {
        return Ok(());
    }
    check_peer(stream)?;
    let maker = stream.peer_cred()?.pid().and_then(|pid| u32::try_from(pid).ok());
    if maker == Some(parent_pid) {
        return Ok(());
    }
    let maker = maker.map_or_else(|| "a process out of sight".to_owned(), |pid| format!("process {pid}"));
    let text =
        format!("the connection to the parent was made by {maker}, and the parent is process {parent_pid}");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("tractor-uds-{name}-{}", std::process::id()));
            fs::create_dir_all(&dir).expect("the temporary directory is writable");
            Self(dir)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).expect("the scratch directory is ours");
        }
    }

    #[test]
    fn a_missing_directory_is_made_private() {
        let scratch = Scratch::new("made");
        let dir = scratch.0.join("a/b");
        prepare_dir(&dir).expect("a new directory");
        assert_eq!(fs::metadata(&dir).expect("it exists").permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn an_open_directory_of_ours_is_closed() {
        let scratch = Scratch::new("closed");
        fs::set_permissions(&scratch.0, Permissions::from_mode(0o755)).expect("ours");
        prepare_dir(&scratch.0).expect("ours");
        assert_eq!(fs::metadata(&scratch.0).expect("it exists").permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn links_files_and_parent_steps_are_refused() {
        let scratch = Scratch::new("refused");
        let link = scratch.0.join("link");
        std::os::unix::fs::symlink("/tmp", &link).expect("a link");
        let file = scratch.0.join("file");
        fs::write(&file, "").expect("a file");
        for path in [link, file, scratch.0.join("../x")] {
            let error = prepare_dir(&path).expect_err("not a private directory");
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{}", path.display());
        }
    }

    #[tokio::test]
    async fn our_own_process_passes_the_peer_check() {
        let (a, b) = UnixStream::pair().expect("a socket pair");
        check_peer(&a).expect("same user");
        check_peer(&b).expect("same user");
    }

    #[tokio::test]
    async fn a_parent_is_who_has_made_the_pair() {
        let (a, _b) = UnixStream::pair().expect("a socket pair");
        check_parent(&a, std::process::id()).expect("made here");
        if cfg!(target_os = "linux") {
            let error = check_parent(&a, std::os::unix::process::parent_id()).expect_err("made here");
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
    }
}
