//! Workers that come back: a supervisor restarts crashed workers, and gives up on one that crashes too often.
//!
//! Two workers square numbers. One of them is killed in the middle of its work, as the kernel does when memory runs
//! out. The supervisor starts it again; this program repeats the lost request, because it knows that repeating is
//! harmless. Then the worker dies too often.
//!
//! Here each worker has its own name and its own task. If any worker can run any task, use a pool, which also repeats
//! requests by itself: see `primes_pool`.
//!
//! Run it with `cargo run --example supervised_workers`.

#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tractor::{Backoff, Error, Supervised, Supervision, SupervisionEvent, SupervisionEvents};

#[tractor::actor_fn]
async fn square(n: u64) -> u64 {
    n * n
}

/// Squares a number, even if the worker dies meanwhile.
async fn square_at(worker: &Supervised, n: u64) -> tractor::Result<u64> {
    loop {
        // Gives the live process; if there is none, waits for the next one.
        let portal = worker.portal().await?;
        match portal.run(square(n)).await {
            Err(Error::Died(death)) => println!("    {death}; asking again"),
            result => return result,
        }
    }
}

async fn kill(worker: &Supervised) -> Result<(), Box<dyn std::error::Error>> {
    let portal = worker.portal().await?;
    let pid = portal.pid().and_then(|pid| Pid::from_raw(pid.try_into().ok()?)).ok_or("no pid")?;
    kill_process(pid, Signal::KILL)?;
    Ok(())
}

/// Prints the supervisor's events until a worker has been started this often.
async fn watch(events: &mut SupervisionEvents, lives: u64) -> tractor::Result<()> {
    while let Some(event) = events.next().await? {
        match event {
            SupervisionEvent::Up { child, incarnation } => {
                println!("    {child} is up, number {incarnation}");
                if incarnation == lives {
                    break;
                }
            }
            SupervisionEvent::Restarting { child, delay } => println!("    {child} restarts in {delay:?}"),
            _ => {}
        }
    }
    Ok(())
}

#[tractor::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let backoff = Backoff { first: Duration::from_millis(20), factor: 2, max: Duration::from_secs(1) };
    let how = Supervision::one_for_one().intensity(3, Duration::from_secs(60)).backoff(backoff);
    let left = tractor::open_nursery(async |an| -> Result<(), Box<dyn std::error::Error>> {
        let supervisor = an.supervise(how);
        let left = supervisor.child("left", |child| child.expose(square)).await?;
        let right = supervisor.child("right", |child| child.expose(square)).await?;
        println!("{}, {}", square_at(&left, 3).await?, square_at(&right, 4).await?);

        let mut events = supervisor.events();
        println!("the left one is killed:");
        kill(&left).await?;
        assert_eq!(square_at(&left, 5).await?, 25);
        watch(&mut events, 2).await?;
        assert_eq!((left.incarnation(), right.incarnation()), (2, 1));

        println!("it is killed again and again:");
        loop {
            let before = left.incarnation();
            kill(&left).await?;
            left.portal_after(before).await?;
            watch(&mut events, before + 1).await?;
        }
    })
    .await;

    let error = left.expect_err("it was killed too often");
    println!("{error}");
    let mut source = error.source();
    while let Some(cause) = source {
        println!("    because {cause}");
        source = cause.source();
    }
    match error.downcast_ref::<Error>() {
        Some(Error::GaveUp(gave_up)) => assert_eq!((gave_up.child(), gave_up.restarts()), ("left", 3)),
        other => panic!("the supervisor should have given up, not this: {other:?}"),
    }
    Ok(())
}
