//! Another user cannot turn a program into a child, even by choosing its environment, descriptors and parent, and
//! cannot talk to an actor.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::XattrFlags;
use rustix::process::{getegid, geteuid, getgid, getuid};
use tractor::{ActorOptions, Addr};

use crate::process_support::endpoints::process;
use crate::process_support::{WHOLE, bounded, role};

const CHILD_ENV: &str = "TRACTOR_CHILD";
const PROGRAM: &str = "other_users::says_who_it_is";
const NOBODY: u32 = 65_534;
/// `cap_net_bind_service`, permitted and effective, in the kernel's format for files.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A copy of this program that every user may start, in a directory of its own.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("tractor-boot-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).expect("the temporary directory is writable");
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).expect("the test owns it");
        // Another process makes the copy. Otherwise programs of other tests could inherit the file while it is open for
        // writing, and it could not be run.
        let this = std::env::current_exe().expect("this program");
        let copied =
            Command::new("cp").arg(this).arg(dir.join("program")).status().expect("there is such a program");
        assert!(copied.success(), "{copied}");
        let copy = Self(dir);
        copy.allow(0o755);
        copy
    }

    fn program(&self) -> PathBuf {
        self.0.join("program")
    }

    fn allow(&self, mode: u32) {
        fs::set_permissions(self.program(), Permissions::from_mode(mode)).expect("the test owns it");
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the test owns it");
    }
}

/// Makes the channel of a would-be child. Returns our end, the program's standard input, and the boot data from
/// `parent`.
fn channel(parent: &str) -> (UnixStream, Stdio, String) {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    let inode = rustix::fs::fstat(&theirs).expect("it is open").st_ino;
    let claim = format!("2 {inode} {parent} 0 00000000-0000-4000-8000-000000000000 ,,  lured");
    (ours, Stdio::from(OwnedFd::from(theirs)), claim)
}

/// A program with the boot data of a child of this process, and our end of its channel.
fn lured(program: &Path) -> (Command, UnixStream) {
    let (ours, theirs, claim) = channel(&std::process::id().to_string());
    let mut command = role::command_of(program, PROGRAM);
    command.stdin(theirs).env(CHILD_ENV, claim).env("XDG_RUNTIME_DIR", "/tmp/of-a-stranger");
    (command, ours)
}

#[tractor::test]
#[ignore = "a program that the tests below start"]
async fn says_who_it_is() {
    let addr = tractor::socket_addr("any").expect("a short name").to_string();
    let refused =
        bounded(tractor::open_nursery(async |an| an.start_actor("kid").expose(process).await)).await;
    let refused = refused.expect_err("a copy would not be an actor").to_string();
    assert!(refused.contains("set-uid"), "{refused}");
    role::say("users", &[getuid().as_raw(), geteuid().as_raw(), getgid().as_raw(), getegid().as_raw()]);
    role::say("misled", &[u32::from(addr.contains("of-a-stranger"))]);
}

/// Tests that start programs as another user have to be root.
#[expect(clippy::print_stderr, reason = "a test that did nothing says so")]
fn is_root() -> bool {
    let root = geteuid().is_root();
    if !root {
        eprintln!("skipped: only root can start programs as somebody else");
    }
    root
}

/// Starts a privileged copy as `user`, and expects that it runs its `main`.
fn runs_its_main(copy: &Copy, user: u32) -> Vec<u32> {
    let (mut command, ours) = lured(&copy.program());
    let mut program = role::start(command.uid(user).gid(user));
    drop(command);
    drop(ours); // an actor would end
    let users = program.hear("users");
    assert_eq!(program.hear("misled"), [0], "its runtime directory is not the stranger's choice");
    users
}

#[test]
fn a_set_uid_program_is_nobody_s_child() {
    if !is_root() {
        return;
    }
    let copy = Copy::new("uid");
    copy.allow(0o4755);
    assert_eq!(
        runs_its_main(&copy, NOBODY)[..2],
        [NOBODY, 0],
        "is the directory for temporary files `nosuid`?"
    );
    copy.allow(0o2755);
    assert_eq!(
        runs_its_main(&copy, NOBODY)[2..],
        [NOBODY, 0],
        "is the directory for temporary files `nosuid`?"
    );
}

#[test]
fn a_set_capability_program_is_nobody_s_child() {
    if !is_root() {
        return;
    }
    let copy = Copy::new("cap");
    let set = rustix::fs::setxattr(copy.program(), "security.capability", &CAPABILITY, XattrFlags::empty());
    if let Err(error) = set {
        return eprintln!("skipped: the directory for temporary files takes no capabilities: {error}");
    }
    runs_its_main(&copy, NOBODY);
}

/// Expects that a program sends nothing over its channel.
fn says_nothing(mut command: Command, ours: UnixStream) {
    let mut program = command.stdout(Stdio::null()).spawn().expect("this program runs");
    drop(command); // drops the copy of the program's end
    ours.set_read_timeout(Some(WHOLE)).expect("it is open");
    let mut said = Vec::new();
    ours.take(256).read_to_end(&mut said).expect("the program ends");
    assert!(said.is_empty(), "unexpected output {:?}", String::from_utf8_lossy(&said));
    program.wait().expect("our child");
}

#[test]
#[ignore = "a program that the test below starts"]
fn lures_a_program_of_another_user() {
    let copy = Copy::new("user");
    let (mut command, ours) = lured(&copy.program());
    command.uid(NOBODY).gid(NOBODY);
    says_nothing(command, ours);
}

/// The lured program calls itself an actor before it looks who has started it. The process that starts it has no root,
/// whose reaper would take the program for an orphan.
#[tokio::test]
async fn a_program_is_no_child_of_another_user() {
    if is_root() {
        role::succeed(&mut role::command("other_users::lures_a_program_of_another_user")).await;
    }
}

#[test]
fn a_program_is_no_child_of_a_process_that_is_not_its_parent() {
    // The shell is the parent; this process has made the channel.
    let (ours, theirs, claim) = channel("$$");
    let program = role::command(PROGRAM);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{CHILD_ENV}=\"{claim}\" \"$0\" \"$@\"; true")]);
    shell.arg(program.get_program()).args(program.get_args()).stdin(theirs);
    says_nothing(shell, ours);
}

// ---- Sockets that others could reach -----------------------------------------------------------------------------

const SOCKET_ENV: &str = "TRACTOR_TEST_SOCKET";

/// Another user's end of a Unix socket: prints how many bytes it gets there.
#[test]
#[ignore = "a program that the test below starts"]
fn listens_or_connects() {
    let path = std::env::var(SOCKET_ENV).expect("started by a test");
    let mut stream = if Path::new(&path).exists() {
        UnixStream::connect(path).expect("the mode lets everybody in")
    } else {
        let listener = UnixListener::bind(path).expect("the mode lets everybody in");
        role::say("listens", &[1]);
        listener.accept().expect("it is connected").0
    };
    let mut said = Vec::new();
    stream.read_to_end(&mut said).expect("it is closed");
    role::say("heard", &[u32::try_from(said.len()).expect("a small number")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_user_at_the_other_end_of_a_unix_socket_is_told_nothing() {
    if !is_root() {
        return;
    }
    let copy = Copy::new("peer");
    let open =
        |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o777)).expect("the test owns it");
    let other = |dir: &Path| {
        let mut command = role::command_of(&copy.program(), "other_users::listens_or_connects");
        role::start(command.env(SOCKET_ENV, dir.join("s")).uid(NOBODY).gid(NOBODY))
    };
    let socket_in = |dir: &Path| Addr::Uds { dir: dir.to_str().expect("UTF-8").into(), file: "s".into() };
    let (ours, theirs) = (copy.0.join("ours"), copy.0.join("theirs"));
    let options = ActorOptions::new().bind(socket_in(&ours));
    let scope = tractor::open_root_actor(options, async |_| -> tractor::Result<()> {
        open(&ours);
        open(&ours.join("s"));
        assert_eq!(other(&ours).hear("heard"), [0]);
        fs::create_dir(&theirs).expect("the test owns it");
        open(&theirs);
        let mut listener = other(&theirs);
        listener.hear("listens");
        let refused =
            tractor::connect(&socket_in(&theirs), async |_| -> tractor::Result<()> { Ok(()) }).await;
        let refused = refused.expect_err("somebody else listens there").to_string();
        assert!(refused.contains("another user (uid 65534)"), "{refused}");
        assert_eq!(listener.hear("heard"), [0]);
        Ok(())
    });
    bounded(scope).await.expect("the scope ends well");
}
