//! How a supervisor restarts its children, as plain data.

use std::fmt;
use std::time::Duration;

/// How a supervisor restarts its children: which of them, how often, how soon.
///
/// The default is at most 3 restarts in 5 seconds, after delays of 100 ms, 200 ms, and so on up to 10 s.
///
/// ```
/// # use tractor_proto::supervision::{Backoff, Supervision};
/// use std::time::Duration;
///
/// let first = Duration::from_millis(50);
/// let how = Supervision::one_for_all()
///     .intensity(5, Duration::from_secs(60))
///     .backoff(Backoff { first, factor: 2, max: Duration::from_secs(1) });
/// assert_eq!(how.backoff.delay(0), first);
/// assert_eq!(how.backoff.delay(3), first * 8);
/// assert_eq!(how.backoff.delay(9), Duration::from_secs(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supervision {
    /// Which children a restart concerns.
    pub strategy: Strategy,
    /// How many restarts there may be.
    pub intensity: Intensity,
    /// How long a restart waits.
    pub backoff: Backoff,
}

impl Supervision {
    fn new(strategy: Strategy) -> Self {
        Self { strategy, intensity: Intensity::default(), backoff: Backoff::default() }
    }

    /// Restarts the child that has ended, and no other.
    pub fn one_for_one() -> Self {
        Self::new(Strategy::OneForOne)
    }

    /// Restarts all children when one has ended: for children that all depend on each other.
    pub fn one_for_all() -> Self {
        Self::new(Strategy::OneForAll)
    }

    /// Restarts the child that has ended and those declared after it: for children that depend on the ones declared
    /// before them.
    pub fn rest_for_one() -> Self {
        Self::new(Strategy::RestForOne)
    }

    /// Allows `restarts` restarts within any `window`, over all children of the supervisor. A child's end that would
    /// need one more makes the supervisor give up.
    pub fn intensity(mut self, restarts: u16, window: Duration) -> Self {
        self.intensity = Intensity { restarts, window };
        self
    }

    /// Sets the delays before restarts.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}

/// Which children a restart concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// The one that has ended.
    OneForOne,
    /// All of them.
    OneForAll,
    /// The one that has ended and those declared after it.
    RestForOne,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneForOne => "one-for-one",
            Self::OneForAll => "one-for-all",
            Self::RestForOne => "rest-for-one",
        })
    }
}

/// How many restarts a supervisor makes before it gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intensity {
    /// Restarts within the window; with 0 the first failure makes the supervisor give up.
    pub restarts: u16,
    /// The time over which restarts are counted. A child that was up this long starts again from the shortest delay.
    pub window: Duration,
}

impl Default for Intensity {
    fn default() -> Self {
        Self { restarts: 3, window: Duration::from_secs(5) }
    }
}

/// Delays before restarts: exponential, capped, and the same every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Before the first restart of a child.
    pub first: Duration,
    /// How many times longer each further delay is; 1 for equal ones.
    pub factor: u32,
    /// The longest delay.
    pub max: Duration,
}

impl Backoff {
    /// No delay. A child that fails at once uses up the intensity within milliseconds.
    pub const NONE: Self = Self { first: Duration::ZERO, factor: 1, max: Duration::ZERO };

    /// The delay before a child's restart that follows `before` others in a row.
    pub fn delay(&self, before: u32) -> Duration {
        // A factor of zero must not shrink delays.
        let factor = self.factor.max(1);
        factor.checked_pow(before).and_then(|times| self.first.checked_mul(times)).map_or_else(
            || if self.first.is_zero() { Duration::ZERO } else { self.max },
            |delay| delay.min(self.max),
        )
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), factor: 2, max: Duration::from_secs(10) }
    }
}

/// Whether a child is started again after it has ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// Unless it ended in order.
    Transient,
    /// Never.
    Temporary,
}
