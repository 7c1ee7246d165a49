//! Unix sockets: their directory, and the check of their peers.
//!
//! Only the user has rights on the directory, and no other user can replace it. Both ends of every connection check
//! that the process at the other end runs as the same effective user: the real user of a set-uid program is the one who
//! started it.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::sleep;

use super::privilege::env;

/// The user whose rights this process has.
pub(crate) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The default directory of sockets, the same as the Python library's: `$XDG_RUNTIME_DIR/tractor`. Without that
/// variable it is `tractor` in `/run/user/<uid>`, if that is ours alone, else in `runtime-<uid>` in the directory for
/// temporary files. On other systems than Linux it is `/tmp/tractor-<uid>`, because socket paths must be shorter there.
pub(crate) fn runtime_dir() -> PathBuf {
    let uid = user();
    if cfg!(not(target_os = "linux")) {
        return PathBuf::from(format!("/tmp/tractor-{uid}"));
    }
    let stated = |name: &str| env(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let usual = PathBuf::from(format!("/run/user/{uid}"));
    default_dir(stated("XDG_RUNTIME_DIR"), usual, stated("TMPDIR"))
}

fn default_dir(stated: Option<PathBuf>, usual: PathBuf, temporary: Option<PathBuf>) -> PathBuf {
    let is_ours = |meta: &Metadata| meta.is_dir() && meta.uid() == user() && meta.mode() & 0o777 == 0o700;
    let base = stated.unwrap_or_else(|| match fs::symlink_metadata(&usual) {
        Ok(meta) if is_ours(&meta) => usual,
        Ok(_) | Err(_) => {
            temporary.unwrap_or_else(|| PathBuf::from("/tmp")).join(format!("runtime-{}", user()))
        }
    });
    base.join("tractor")
}

/// First wait for room in the queue of a listener; each further wait is twice as long.
const QUEUE_PAUSE_MIN: Duration = Duration::from_millis(1);
/// Longest wait between two attempts.
const QUEUE_PAUSE_MAX: Duration = Duration::from_millis(50);
/// Links followed on the path to a directory, as many as the kernel follows.
const LINKS_MAX: usize = 40;

/// Makes sure that a directory is ours alone, and that no other user can replace it. Creates a missing directory and
/// its missing parents.
///
/// An existing directory keeps its mode and owner.
pub(crate) fn prepare_dir(dir: &Path) -> io::Result<()> {
    if dir.components().any(|part| matches!(part, Component::ParentDir)) {
        let text = format!("the socket directory {} may not contain `..`", dir.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    let dir = std::path::absolute(dir)?;
    check_way(&dir)?;
    match DirBuilder::new().recursive(true).mode(0o700).create(&dir) {
        // The path exists but is not a directory, or is a link that leads nowhere.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(|error| {
            let text = format!(
                "cannot make the socket directory {} (by default it is below XDG_RUNTIME_DIR): {error}",
                dir.display()
            );
            io::Error::new(error.kind(), text)
        })?,
    }
    // Another process may have created the directory meanwhile.
    check_way(&dir)?;
    let meta = fs::symlink_metadata(&dir)?;
    if !meta.is_dir() {
        Err(refused(&dir, &dir, &meta, "is not a directory"))
    } else if meta.uid() != user() {
        Err(refused(&dir, &dir, &meta, "belongs to another user"))
    } else if meta.mode() & 0o077 != 0 {
        Err(refused(&dir, &dir, &meta, "is open to others"))
    } else {
        Ok(())
    }
}

/// Walks to a directory, through links, and checks that only our user and root can change the path. The walk ends at
/// the first missing part.
fn check_way(dir: &Path) -> io::Result<()> {
    let root = fs::metadata("/")?.uid();
    let mut reached = PathBuf::from("/");
    let mut ahead = steps(dir);
    let mut links = 0;
    while let Some(step) = ahead.pop() {
        if step == ".." {
            reached.pop();
            continue;
        }
        let next = reached.join(step);
        let meta = match fs::symlink_metadata(&next) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        // In a user namespace, root is the owner of `/` and may have another id.
        if ![user(), 0, root].contains(&meta.uid()) {
            return Err(refused(dir, &next, &meta, "belongs to another user"));
        }
        if !meta.is_symlink() {
            // In a sticky directory only the owner of an entry can move it.
            if meta.is_dir() && meta.mode() & 0o022 != 0 && meta.mode() & 0o1000 == 0 {
                return Err(refused(dir, &next, &meta, "can be changed by others"));
            }
            reached = next;
            continue;
        }
        links += 1;
        if links > LINKS_MAX {
            return Err(refused(dir, &next, &meta, "leads through too many links"));
        }
        ahead.extend(steps(&reached.join(fs::read_link(&next)?)));
        reached = PathBuf::from("/");
    }
    Ok(())
}

/// The names in an absolute path, the last one first.
fn steps(path: &Path) -> Vec<OsString> {
    let parts = path.components().skip(1).map(|part| part.as_os_str().to_owned());
    parts.collect::<Vec<_>>().into_iter().rev().collect()
}

fn refused(dir: &Path, at: &Path, meta: &Metadata, why: &str) -> io::Error {
    let (dir, at, owner, mode) = (dir.display(), at.display(), meta.uid(), meta.mode() & 0o7777);
    let text = format!(
        "the socket directory {dir} is not ours alone: {at} {why} (owner {owner}, mode {mode:04o}); choose a directory \
         of user {} with mode 0700, or one that does not exist yet (by default it is below XDG_RUNTIME_DIR)",
        user()
    );
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

/// Connects to a socket of our own user, as soon as its queue has room.
pub(super) async fn connect(path: &str) -> io::Result<UnixStream> {
    let mut pause = QUEUE_PAUSE_MIN;
    loop {
        match UnixStream::connect(path).await {
            // No event tells when the queue has room.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(pause).await,
            connected => {
                let stream = connected?;
                check_peer(&stream)?;
                return Ok(stream);
            }
        }
        pause = QUEUE_PAUSE_MAX.min(pause * 2);
    }
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

/// Refuses an inherited socket pair that was not made by our parent, or whose maker is of another user.
///
/// Other systems than Linux do not tell which process made a pair.
pub(crate) fn check_parent(stream: &UnixStream, parent_pid: u32) -> io::Result<()> {
    if cfg!(not(target_os = "linux")) {
        return Ok(());
    }
    check_peer(stream)?;
    let maker = stream.peer_cred()?.pid().and_then(|pid| u32::try_from(pid).ok());
    if maker == Some(parent_pid) {
        return Ok(());
    }
    let maker =
        maker.map_or_else(|| "a process that is not visible here".to_owned(), |pid| format!("process {pid}"));
    let text =
        format!("the connection to the parent was made by {maker}, and the parent is process {parent_pid}");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

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
    fn the_default_directory_is_where_the_python_library_looks() {
        let scratch = Scratch::new("default");
        let (usual, temporary) = (scratch.0.join("usual"), scratch.0.join("tmp"));
        let chosen = |stated: Option<&Path>| {
            default_dir(stated.map(Path::to_owned), usual.clone(), Some(temporary.clone()))
        };
        let fallback = temporary.join(format!("runtime-{}/tractor", user()));
        assert_eq!(chosen(None), fallback, "there is no other one");
        prepare_dir(&usual).expect("a new directory");
        assert_eq!(chosen(None), usual.join("tractor"));
        assert_eq!(chosen(Some(Path::new("/run/stated"))), Path::new("/run/stated/tractor"));
        set_mode(&usual, 0o755);
        assert_eq!(chosen(None), fallback, "it is open to others");
        let nowhere = default_dir(None, scratch.0.join("missing"), None);
        assert_eq!(nowhere, Path::new(&format!("/tmp/runtime-{}/tractor", user())));
    }

    #[test]
    fn a_missing_directory_is_made_private() {
        let scratch = Scratch::new("made");
        let dir = scratch.0.join("a/b");
        prepare_dir(&dir).expect("a new directory");
        assert_eq!(fs::metadata(&dir).expect("it exists").permissions().mode() & 0o777, 0o700);
    }

    fn set_mode(dir: &Path, mode: u32) {
        fs::set_permissions(dir, Permissions::from_mode(mode)).expect("the test owns it");
    }

    fn mode(dir: &Path) -> u32 {
        fs::symlink_metadata(dir).expect("it exists").mode() & 0o7777
    }

    /// Expects that a directory is refused because of `culprit`, with an error that names the owner and mode of
    /// `culprit`.
    fn assert_refused(dir: &Path, culprit: &Path, why: &str) {
        let error = prepare_dir(dir).expect_err("other users have access");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
        let meta = fs::symlink_metadata(culprit).expect("it exists");
        let facts = format!("{} {why} (owner {}, mode {:04o})", culprit.display(), meta.uid(), mode(culprit));
        assert!(error.to_string().contains(&facts), "{error} does not say {facts}");
    }

    #[test]
    fn an_open_directory_is_refused_and_stays_as_it_is() {
        let scratch = Scratch::new("open");
        for open in [0o755, 0o750, 0o701, 0o1777, 0o2750] {
            set_mode(&scratch.0, open);
            assert_refused(&scratch.0, &scratch.0, "is open to others");
            assert_eq!(mode(&scratch.0), open);
        }
        set_mode(&scratch.0, 0o700);
        prepare_dir(&scratch.0).expect("only this user has access");
    }

    #[test]
    fn nobody_else_may_change_the_way_to_the_directory() {
        let scratch = Scratch::new("way");
        let (above, dir) = (scratch.0.join("above"), scratch.0.join("above/dir"));
        prepare_dir(&dir).expect("new directories");
        for (open, refused) in [(0o777, true), (0o770, true), (0o702, true), (0o1777, false), (0o755, false)]
        {
            set_mode(&above, open);
            match refused {
                true => assert_refused(&dir, &above, "can be changed by others"),
                false => prepare_dir(&dir).expect("only this user can change the directory"),
            }
            assert_eq!((mode(&above), mode(&dir)), (open, 0o700));
        }
        set_mode(&above, 0o777);
        assert_refused(&above.join("missing"), &above, "can be changed by others");
        assert!(!above.join("missing").exists(), "nothing is made where it will not be used");
        let link = scratch.0.join("link");
        std::os::unix::fs::symlink("above/../above", &link).expect("a link");
        assert_refused(&link.join("dir"), &above, "can be changed by others");
        set_mode(&above, 0o755);
        prepare_dir(&link.join("dir")).expect("a link of ours on the way");
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        let scratch = Scratch::new("foreign");
        if user() != 0 {
            return assert_refused(Path::new("/"), Path::new("/"), "belongs to another user");
        }
        let (above, dir, link) =
            (scratch.0.join("above"), scratch.0.join("above/dir"), scratch.0.join("link"));
        prepare_dir(&dir).expect("new directories");
        std::os::unix::fs::symlink("above", &link).expect("a link");
        for foreign in [&dir, &above, &link] {
            std::os::unix::fs::lchown(foreign, Some(65_534), None).expect("root may do that");
            assert_refused(&link.join("dir"), foreign, "belongs to another user");
            std::os::unix::fs::lchown(foreign, Some(0), None).expect("root may do that");
        }
        prepare_dir(&link.join("dir")).expect("the test owns it");
    }

    #[test]
    fn links_files_and_parent_steps_are_refused() {
        let scratch = Scratch::new("refused");
        let link = scratch.0.join("link");
        std::os::unix::fs::symlink("/tmp", &link).expect("a link");
        let circle = scratch.0.join("circle");
        std::os::unix::fs::symlink("circle", &circle).expect("a link");
        let nowhere = scratch.0.join("nowhere");
        std::os::unix::fs::symlink("missing", &nowhere).expect("a link");
        let file = scratch.0.join("file");
        fs::write(&file, "").expect("a file");
        for path in [link, circle, nowhere, file, scratch.0.join("../x")] {
            let error = prepare_dir(&path).expect_err("not a private directory");
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{}", path.display());
        }
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        // Nobody may make anything there.
        let error = prepare_dir(Path::new("/proc/tractor")).expect_err("it cannot be made").to_string();
        let text =
            "cannot make the socket directory /proc/tractor (by default it is below XDG_RUNTIME_DIR): ";
        assert!(error.starts_with(text), "{error}");
    }

    #[tokio::test]
    async fn our_own_process_passes_the_peer_check() {
        let (a, b) = UnixStream::pair().expect("a socket pair");
        check_peer(&a).expect("both ends have the same user");
        check_peer(&b).expect("both ends have the same user");
    }

    #[tokio::test]
    async fn the_parent_is_the_process_that_made_the_socket_pair() {
        let (a, _b) = UnixStream::pair().expect("a socket pair");
        check_parent(&a, std::process::id()).expect("this process made the pair");
        if cfg!(target_os = "linux") {
            let error = check_parent(&a, std::os::unix::process::parent_id())
                .expect_err("this process made the pair");
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
    }
}
