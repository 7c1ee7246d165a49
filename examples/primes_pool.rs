//! A pool of workers: as many processes as there are processors, and one queue of work for all of them.
//!
//! Counts primes, which costs a processor and nothing else. The range is cut into many more pieces than there are
//! workers, so that the one which got the hard pieces does not keep the others waiting.
//!
//! Run it with `cargo run --release --example primes_pool [LIMIT]`.

#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::time::Instant;

use futures_util::future::try_join_all;
use tractor::ClusterOptions;
use tractor::prelude::*;

/// Numbers in one piece of work: some milliseconds, lest a cancel request wait for long.
const PIECE: u64 = 50_000;

/// How many primes are in the range. It occupies its process's only thread; another process is another worker.
#[tractor::actor_fn]
async fn count_primes(range: Range<u64>) -> u64 {
    range.filter(|number| is_prime(*number)).count() as u64
}

fn is_prime(number: u64) -> bool {
    let divides = |divisor: u64| number.is_multiple_of(divisor);
    number >= 2 && !(2..).take_while(|divisor| divisor * divisor <= number).any(divides)
}

/// Keeps one worker at work until the queue is empty. Returns how many pieces it has done.
async fn drive(
    worker: &Portal,
    queue: &RefCell<impl Iterator<Item = Range<u64>>>,
    sum: &Cell<u64>,
) -> tractor::Result<u32> {
    let mut pieces = 0;
    loop {
        // A statement of its own: the queue is not borrowed while the worker counts.
        let next = queue.borrow_mut().next();
        let Some(range) = next else { return Ok(pieces) };
        let primes = worker.run(count_primes(range)).await?;
        sum.set(sum.get() + primes); // after the `await`: the others count meanwhile
        pieces += 1;
    }
}

#[tractor::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limit: u64 = std::env::args().nth(1).map_or(Ok(3_000_000), |text| text.parse())?;
    let pieces = (0..limit).step_by(PIECE as usize).map(|start| start..limit.min(start + PIECE));
    let (queue, sum) = (RefCell::new(pieces), Cell::new(0));
    let began = Instant::now();
    tractor::open_actor_cluster(
        ClusterOptions::new(),
        |worker| worker.expose(count_primes),
        async |portals| -> tractor::Result<()> {
            let shares = try_join_all(portals.iter().map(|worker| drive(worker, &queue, &sum))).await?;
            for (worker, share) in portals.iter().zip(shares) {
                println!("{:<16} did {share} pieces", worker.uid().name());
            }
            Ok(())
        },
    )
    .await?;
    println!("{} primes below {limit}, in {:.2?}", sum.get(), began.elapsed());
    if limit == 3_000_000 {
        assert_eq!(sum.get(), 216_816);
    }
    Ok(())
}
