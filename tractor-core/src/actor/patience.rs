//! Warnings of a scope that waits long at its exit.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::notice::notice;
use crate::proto::supervision::Backoff;

/// The shortest pause before a log line.
const PAUSE_LEAST: Duration = Duration::from_millis(1);

/// Waits for a future. After `first`, and then at intervals that double, it logs the targets of the wait.
///
/// # Cancel safety
/// As cancel safe as the wait itself.
pub(crate) async fn saying_for_whom<F: Future>(
    first: Duration,
    whom: impl Fn() -> String,
    wait: F,
) -> F::Output {
    let pauses = Backoff { first: first.max(PAUSE_LEAST), factor: 2, max: Duration::MAX };
    let (mut wait, begun, mut said) = (pin!(wait), Instant::now(), 0);
    loop {
        if let Ok(output) = timeout(pauses.delay(said), wait.as_mut()).await {
            return output;
        }
        notice!(WARN, "{} ({:.1?} by now, `Timeouts::scope_warning`)", whom(), begun.elapsed());
        said = said.saturating_add(1);
    }
}
