//! Whether a process that this process has not started has ended.

use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use tokio::time::{sleep, timeout};

use super::handle::end_of;

/// The pause between two checks of a process whose end the system does not announce.
const TICK: Duration = Duration::from_millis(10);

/// Waits at most `limit` for the end of a process that another process has started. Returns whether it has ended; a
/// zombie has.
pub(crate) async fn has_ended(pid: Pid, limit: Duration) -> bool {
    timeout(limit, ended(pid)).await.is_ok()
}

async fn ended(pid: Pid) {
    if let Some(end) = end_of(pid)
        && end.readable().await.is_ok()
    {
        return;
    }
    while test_kill_process(pid) != Err(Errno::SRCH) {
        sleep(TICK).await;
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[tokio::test]
    async fn a_process_that_has_ended_is_told_from_one_that_lives() {
        let mut child = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().expect("a program");
        let pid = Pid::from_child(&child);
        assert!(!has_ended(pid, Duration::from_millis(50)).await);
        child.kill().expect("the child was not reaped");
        assert!(has_ended(pid, Duration::from_secs(30)).await, "a zombie has ended");
        child.wait().expect("the child was not reaped");
        assert!(has_ended(pid, Duration::from_secs(30)).await);
    }
}
