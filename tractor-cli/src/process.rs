//! The system's facts about a process, and killing one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::time::{sleep, timeout};

/// Ticks per second in `/proc`: the same on all common machines.
const USER_HZ: u64 = 100;
/// How long a killed process may take to go.
const GONE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Facts from `/proc` about a process of our own user.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    pub(crate) parent: Option<i32>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) uptime: Option<Duration>,
}

/// Looks at a live process; `None` if there is none, or it belongs to another user.
pub(crate) fn facts(pid: i32) -> Option<Facts> {
    let folder = format!("/proc/{pid}");
    let is_ours = fs::metadata(&folder).ok()?.uid() == rustix::process::geteuid().as_raw();
    let status = fs::read_to_string(format!("{folder}/status")).ok().filter(|_| is_ours)?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if field("State:").is_some_and(|state| state.starts_with('Z')) {
        return None;
    }
    let kib = field("VmRSS:").and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    Some(Facts {
        parent: field("PPid:").and_then(|parent| parent.parse().ok()),
        memory_bytes: kib.map(|kib| kib * 1024),
        uptime: uptime(&folder),
    })
}

fn uptime(folder: &str) -> Option<Duration> {
    let stat = fs::read_to_string(format!("{folder}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let began: u64 = rest.split_whitespace().nth(19)?.parse().ok()?;
    let now = fs::read_to_string("/proc/uptime").ok()?;
    let now: f64 = now.split_whitespace().next()?.parse().ok()?;
    let began = Duration::from_millis(began * 1000 / USER_HZ);
    Duration::try_from_secs_f64(now).ok()?.checked_sub(began)
}

/// Kills a process, if `is_still_it` confirms that it is still the same one, and waits until it is gone.
pub(crate) async fn kill(pid: i32, is_still_it: impl AsyncFnOnce() -> bool) -> Result<(), String> {
    let number = Pid::from_raw(pid).filter(|_| pid > 1).ok_or("this process id must not be killed")?;
    let send = killer(number).map_err(|error| error.to_string())?;
    if !is_still_it().await {
        return Err("another process listens at its socket now".to_owned());
    }
    send().map_err(|error| error.to_string())?;
    let gone = async {
        while facts(pid).is_some() {
            sleep(LOOK_AGAIN).await;
        }
    };
    let late = |_elapsed| format!("it is still there {GONE:?} after SIGKILL");
    timeout(GONE, gone).await.map_err(late)
}

/// A handle on the process that has this number now. It never signals a later process with the same number.
#[cfg(target_os = "linux")]
fn killer(pid: Pid) -> rustix::io::Result<impl FnOnce() -> rustix::io::Result<()>> {
    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

    let handle = pidfd_open(pid, PidfdFlags::empty())?;
    Ok(move || pidfd_send_signal(&handle, Signal::KILL))
}

#[cfg(not(target_os = "linux"))]
fn killer(pid: Pid) -> rustix::io::Result<impl FnOnce() -> rustix::io::Result<()>> {
    Ok(move || rustix::process::kill_process(pid, Signal::KILL))
}
