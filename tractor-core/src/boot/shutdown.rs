//! The end of a program by a signal: SIGINT, SIGTERM or SIGHUP.
//!
//! ```text
//! first signal --+-- a task has called `shutdown_signal` ----------> every call returns it; the program decides
//!                +-- a root lives, under `#[tractor::main]` -------> every root ends in order, then the default action
//!                +-- otherwise ------------------------------------> the default action
//! second signal ---------------------------------------------------> the default action
//! ```
//!
//! No signal is caught before that. A thread handles them, so that code that blocks the runtime does not keep the
//! program from being killed.

use std::future::pending;
use std::sync::LazyLock;

use tokio::sync::watch;

use super::{child, setup};
use crate::process::kill_children;

/// Which side handles the first signal, and whether it has come.
#[derive(Debug, Default)]
struct Shutdown {
    /// `#[tractor::main]` ends the tree.
    is_main: bool,
    /// A task has waited for a signal, so the program handles it.
    claimed: bool,
    /// Root actors that have not ended.
    roots: usize,
    asked: Option<Asked>,
}

/// The first signal, and whether the program handles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Program(i32),
    Tree(i32),
}

impl Shutdown {
    /// Records a signal. Returns whether it has its default action instead.
    fn take(&mut self, signal: i32) -> bool {
        self.asked = match self.asked {
            None if self.claimed => Some(Asked::Program(signal)),
            None if self.is_main && self.roots > 0 => Some(Asked::Tree(signal)),
            _ => return true,
        };
        false
    }

    fn tree_ends(&self) -> bool {
        matches!(self.asked, Some(Asked::Tree(_)))
    }
}

/// Signals belong to the process, and so does this state.
static SHUTDOWN: LazyLock<watch::Sender<Shutdown>> = LazyLock::new(watch::Sender::default);

/// Called on the thread that handles signals.
fn caught(signal: i32) {
    let mut dies = false;
    SHUTDOWN.send_modify(|shutdown| dies = shutdown.take(signal));
    if dies {
        // The kernel ends the actors with this process, but not the programs that they have started.
        kill_children();
        setup::die_of(signal);
    }
}

/// Waits until the function returns a value for the state.
async fn until<T>(said: impl Fn(&Shutdown) -> Option<T>) -> T {
    let mut shutdown = SHUTDOWN.subscribe();
    loop {
        if let Some(said) = said(&shutdown.borrow_and_update()) {
            return said;
        }
        if shutdown.changed().await.is_err() {
            pending::<()>().await;
        }
    }
}

/// Waits for a signal that asks the program to end, SIGINT (2), SIGTERM (15) or SIGHUP (1), and returns its number.
///
/// After the first call of this function the first signal no longer ends the process. Instead every call returns it,
/// now or later, in any number of tasks. The second signal has its default action. A signal that is ignored when this
/// is first called stays ignored: SIGHUP under `nohup`, and SIGINT of a program that a script has started with `&`.
///
/// If a program under `#[tractor::main]` has not called this, its tree ends in good order: every scope is dropped,
/// callbacks and shielded cleanups run within their limits, then the signal has its default action. If it has, its own
/// code has to end the tree.
///
/// In a child actor this never returns: the program's root handles signals, and children end with their parent.
///
/// ```no_run
/// # use tractor_core as tractor;
/// # async fn serve() {}
/// # async fn example() -> tractor::Result<()> {
/// tractor::open_nursery(async |an| {
///     let worker = an.start_actor("worker").await?;
///     tokio::select! {
///         () = serve() => {}
///         signal = tractor::shutdown_signal() => {
///             println!("ending, because of signal {signal}");
///         }
///     }
///     worker.cancel_actor().await?;
///     Ok(())
/// })
/// .await
/// # }
/// ```
///
/// # Cancel safety
/// No signal is lost: the next call returns it.
pub async fn shutdown_signal() -> i32 {
    if child::is_child_process() {
        return pending().await;
    }
    SHUTDOWN.send_modify(|shutdown| shutdown.claimed = true);
    setup::catch_signals(caught);
    until(|shutdown| match shutdown.asked {
        Some(Asked::Program(signal) | Asked::Tree(signal)) => Some(signal),
        None => None,
    })
    .await
}

/// Makes signals end the trees of this process in good order.
pub(super) fn end_trees_by_signal() {
    SHUTDOWN.send_modify(|shutdown| shutdown.is_main = true);
}

/// Waits until a signal has ended every tree of this process, and returns its number.
pub(super) async fn trees_ended() -> i32 {
    until(|shutdown| match shutdown.asked {
        Some(Asked::Tree(signal)) if shutdown.roots == 0 => Some(signal),
        _ => None,
    })
    .await
}

/// The signal that has ended the trees of this process, if one has.
pub(super) fn fatal_signal() -> Option<i32> {
    match SHUTDOWN.borrow().asked {
        Some(Asked::Tree(signal)) => Some(signal),
        _ => None,
    }
}

/// Counts a root actor that has not ended.
#[derive(Debug)]
pub(super) struct LiveRoot(());

impl LiveRoot {
    /// Counts a new root. In a process that a signal ends this never returns.
    pub(super) async fn begin() -> Self {
        let mut is_main = false;
        let mut ends = false;
        SHUTDOWN.send_modify(|shutdown| {
            is_main = shutdown.is_main;
            ends = shutdown.tree_ends();
            shutdown.roots += usize::from(!ends);
        });
        if ends {
            return pending().await;
        }
        if is_main {
            setup::catch_signals(caught);
        }
        Self(())
    }

    /// Waits until a signal ends it.
    pub(super) async fn is_asked_to_end(&self) {
        until(|shutdown| shutdown.tree_ends().then_some(())).await;
    }
}

impl Drop for LiveRoot {
    fn drop(&mut self) {
        SHUTDOWN.send_modify(|shutdown| shutdown.roots -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: i32 = 15;

    #[test]
    fn the_first_signal_goes_to_the_program_or_ends_the_tree_and_the_second_kills() {
        let (program, tree) = (Some(Asked::Program(TERM)), Some(Asked::Tree(TERM)));
        for (is_main, claimed, roots, asked) in [
            (false, false, 0, None),
            (false, false, 1, None),
            (true, false, 0, None),
            (true, false, 1, tree),
            (false, true, 0, program),
            (true, true, 0, program),
            (true, true, 1, program),
        ] {
            let mut shutdown = Shutdown { is_main, claimed, roots, asked: None };
            assert_eq!(shutdown.take(TERM), asked.is_none(), "{shutdown:?}");
            assert_eq!(shutdown.asked, asked, "{shutdown:?}");
            assert!(shutdown.take(TERM), "{shutdown:?}");
            assert_eq!(shutdown.asked, asked, "{shutdown:?}");
        }
    }
}
