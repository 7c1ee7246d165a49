//! The loops in which every candidate runs its operations, and their measurements.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::cpu::CpuTime;

/// Concurrent callers that share one connection.
pub(crate) const IN_FLIGHT: usize = 64;
/// Operations between two readings of the clock.
const BETWEEN_LOOKS: u64 = 16;

/// The interval in which both processes must use almost no CPU time to count as idle.
const LOOK: Duration = Duration::from_millis(20);

/// The numbers of a sample: names and values. `cpu` and `clock` are nanoseconds per operation.
pub(crate) type Numbers = Vec<(&'static str, f64)>;

/// The settings of a sample: its duration, and the other process at work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    pub(crate) seconds: f64,
    pub(crate) other: u32,
}

/// The start of the measurement.
struct Since(CpuTime, Instant);

impl Since {
    fn numbers(&self, count: u64) -> Numbers {
        let clock = self.1.elapsed().as_nanos() as f64;
        vec![("cpu", self.0.elapsed() / count as f64), ("clock", clock / count as f64)]
    }
}

impl Meter {
    fn begin(self) -> Since {
        Since(CpuTime::now(self.other), Instant::now())
    }

    fn span(self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// Waits until both processes are idle.
    pub(crate) async fn idle(self) {
        loop {
            let cpu = CpuTime::now(self.other);
            tokio::time::sleep(LOOK).await;
            if cpu.elapsed() < LOOK.as_nanos() as f64 / 10.0 {
                return;
            }
        }
    }

    /// Measures one operation after the other; `clock` is the time of the median operation.
    pub(crate) async fn one_by_one(self, mut op: impl AsyncFnMut(u64)) -> Numbers {
        let warm = Instant::now();
        let mut seq = 0;
        while warm.elapsed() < self.span() / 4 {
            op(seq).await;
            seq += 1;
        }
        let mut laps = Vec::new();
        let since = self.begin();
        while since.1.elapsed() < self.span() {
            for _ in 0..BETWEEN_LOOKS {
                let start = Instant::now();
                op(seq).await;
                laps.push(start.elapsed().as_nanos() as f64);
                seq += 1;
            }
        }
        let mut numbers = since.numbers(laps.len() as u64);
        numbers.retain(|(name, _)| *name == "cpu");
        numbers.push(("clock", median(&mut laps)));
        numbers
    }

    /// Measures concurrent callers, tasks that make one call after the other. `call` gets the caller's number and an
    /// argument.
    pub(crate) async fn at_once<F>(
        self,
        callers: usize,
        call: impl Fn(usize, u64) -> F + Clone + Send + 'static,
    ) -> Numbers
    where
        F: Future<Output = anyhow::Result<()>> + Send,
    {
        self.callers(callers, self.span() / 4, call.clone()).await;
        let since = self.begin();
        let count = self.callers(callers, self.span(), call).await;
        since.numbers(count)
    }

    async fn callers<F>(
        self,
        callers: usize,
        span: Duration,
        call: impl Fn(usize, u64) -> F + Clone + Send + 'static,
    ) -> u64
    where
        F: Future<Output = anyhow::Result<()>> + Send,
    {
        let (start, total) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        for caller in 0..callers {
            let (call, total) = (call.clone(), Arc::clone(&total));
            tasks.spawn(async move {
                let mut count = 0;
                while start.elapsed() < span {
                    for _ in 0..BETWEEN_LOOKS {
                        call(caller, count).await.expect("calls succeed");
                        count += 1;
                    }
                }
                total.fetch_add(count, Ordering::Relaxed);
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.expect("callers do not panic");
        }
        total.load(Ordering::Relaxed)
    }

    /// Measures `run(n)`, which moves `n` messages; `n` is chosen so that the run takes the sample's time.
    pub(crate) async fn messages(
        self,
        mut run: impl AsyncFnMut(u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<Numbers> {
        let (mut count, mut took) = (4, Duration::ZERO);
        while took < self.span() / 8 {
            count *= 4;
            let start = Instant::now();
            run(count).await?;
            took = start.elapsed();
        }
        let count = ((self.span().as_secs_f64() / took.as_secs_f64() * count as f64) as u64).max(16);
        let since = self.begin();
        run(count).await?;
        Ok(since.numbers(count))
    }
}

/// The median. Sorts the values.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    assert!(!values.is_empty(), "there are samples");
    values.sort_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_is_between_the_middle_two() {
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&mut [9.0, 1.0, 3.0]), 3.0);
        assert_eq!(median(&mut [9.0]), 9.0);
    }
}
