//! A pool of workers: as many processes as there are processors, and one queue of work for all of them.
//!
//! Counting primes uses only the processor. The range is cut into many more pieces than there are workers, so that a
//! worker with hard pieces does not keep the others waiting.
//!
//! Run it with `cargo run --release --example primes_pool [LIMIT]`.

#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use std::ops::Range;
use std::time::Instant;

use tractor::PoolOptions;

/// Numbers in one piece of work: some milliseconds, so that a cancel request does not wait long.
const PIECE: u64 = 50_000;

/// How many primes are in the range. The function occupies its process's only thread; other workers are other
/// processes.
#[tractor::actor_fn]
async fn count_primes(range: Range<u64>) -> u64 {
    range.filter(|number| is_prime(*number)).count() as u64
}

fn is_prime(number: u64) -> bool {
    let divides = |divisor: u64| number.is_multiple_of(divisor);
    number >= 2 && !(2..).take_while(|divisor| divisor * divisor <= number).any(divides)
}

#[tractor::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limit: u64 = std::env::args().nth(1).map_or(Ok(3_000_000), |text| text.parse())?;
    let pieces = (0..limit).step_by(PIECE as usize).map(|start| start..limit.min(start + PIECE));
    let began = Instant::now();
    let primes = tractor::open_pool(
        PoolOptions::new(),
        |worker| worker.expose(count_primes),
        async |pool| -> tractor::Result<u64> {
            let (mut primes, mut counts) = (0, pool.map(pieces.map(count_primes)));
            while let Some((_, count)) = counts.next().await {
                primes += count?;
            }
            Ok(primes)
        },
    )
    .await?;
    println!("{primes} primes below {limit}, in {:.2?}", began.elapsed());
    if limit == 3_000_000 {
        assert_eq!(primes, 216_816);
    }
    Ok(())
}
