//! A store is killed again and again under load. The outcomes of its callers are compared with its journal.
//!
//! * An acknowledged call was done once.
//! * A call that failed as retryable was not done.
//! * Any other call was done once or not at all.
//! * The callers go on with the handle that they have.
//!
//! A longer run: `TRACTOR_KV_KILLS=1000 cargo test --test process kv_kills -- --nocapture`. `TRACTOR_KV_SEED=random`
//! chooses other moments, and a number instead of `random` repeats them.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::dice::{Dice, number, seed};
use support::processes::{pid_of, signal};
use support::{tree_within, until};
use tractor::prelude::*;
use tractor::{ActorRef, Backoff, Error, Result, Supervised, Supervision};

const SEED: u64 = 0x6b76_6b69_6c6c;
/// How often the store is killed by default.
const KILLS: u64 = 12;
const CLIENTS: u64 = 3;
/// Calls of one client at a time.
const CALLS: u64 = 8;
/// Calls that the store does in each life before it is ended.
const CALLS_LEAST: u64 = 40;
/// The environment variable with the path of the store's journal.
const JOURNAL: &str = "TRACTOR_TEST_JOURNAL";

tractor::actor_local! {
    static STORE: std::fs::File = OpenOptions::new()
        .create(true)
        .append(true)
        .open(std::env::var_os(JOURNAL).expect("the test sets it"))
        .expect("its folder is writable");
}

/// Writes a line into the journal, and acknowledges it a little later.
#[tractor::actor_fn]
async fn put(id: u64) -> std::io::Result<()> {
    (&*STORE.get()).write_all(format!("{id}\n").as_bytes())?;
    tokio::task::yield_now().await;
    Ok(())
}

/// The calls of one client by their outcomes.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Told {
    done: Vec<u64>,
    retryable: Vec<u64>,
    unknown: Vec<u64>,
    /// Portals that it has got after a failure.
    portals: u64,
}

impl Told {
    fn add(&mut self, other: Self) {
        self.done.extend(other.done);
        self.retryable.extend(other.retryable);
        self.unknown.extend(other.unknown);
        self.portals += other.portals;
    }
}

/// Makes one call of the store after the other, until `is_over`. No id is used again.
async fn calls(kv: &ActorRef, ids: impl Iterator<Item = u64>, is_over: impl Fn() -> bool) -> Result<Told> {
    let (mut told, mut portal) = (Told::default(), kv.portal().await?);
    for id in ids {
        match portal.run(put(id)).await {
            Ok(()) if is_over() => {
                told.done.push(id);
                break;
            }
            Ok(()) => told.done.push(id),
            Err(error) if error.is_retryable() => {
                told.retryable.push(id);
                told.portals += 1;
                portal = kv.portal().await?;
            }
            // The next call on the same portal must not run.
            Err(Error::Died(_) | Error::Closed(_) | Error::Cancelled(_)) => told.unknown.push(id),
            Err(error) => return Err(error),
        }
    }
    Ok(told)
}

/// Calls the store, with many calls in flight, until the other side stops.
#[tractor::context(started = (), returns = Told)]
async fn client(ctx: Context<(), (), ()>, kv: ActorRef, number: u64) -> Result<Told> {
    let mut stream = ctx.started(()).await?.open_stream();
    let is_over = AtomicBool::new(false);
    let calls = (0..CALLS).map(|call| {
        let ids = (0..).map(move |n| (n * CALLS + call) * CLIENTS + number);
        calls(&kv, ids, || is_over.load(Ordering::Relaxed))
    });
    let stop = async {
        let stopped = stream.receive().await;
        is_over.store(true, Ordering::Relaxed);
        stopped
    };
    let (all, stopped) = tokio::join!(futures_util::future::try_join_all(calls), stop);
    stopped?;
    let mut told = Told::default();
    all?.into_iter().for_each(|one| told.add(one));
    Ok(told)
}

struct Journal(PathBuf);

impl Journal {
    fn bytes(&self) -> u64 {
        std::fs::metadata(&self.0).map_or(0, |meta| meta.len())
    }

    /// How often each call was done.
    fn done(&self) -> HashMap<u64, u32> {
        let text = std::fs::read_to_string(&self.0).expect("it was written");
        assert!(text.ends_with('\n'), "the last line is complete");
        let mut done = HashMap::new();
        text.lines().for_each(|line| *done.entry(line.parse().expect("an id")).or_default() += 1);
        done
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Fails if the journal was never written.
        _ = std::fs::remove_file(&self.0);
    }
}

/// How the lives of the store were ended.
#[derive(Debug, Default)]
struct Ends {
    kills: u64,
    restarts: u64,
}

/// Ends the store, each time in the middle of its work, until it was killed `kills` times. A few ends are in order.
async fn end_again_and_again(
    kv: &Supervised,
    journal: &Journal,
    dice: &mut Dice,
    kills: u64,
) -> Result<Ends> {
    let mut ends = Ends::default();
    while ends.kills < kills {
        let portal = kv.portal_after(ends.kills + ends.restarts).await?;
        let before = journal.bytes();
        until(|| journal.bytes() > before + CALLS_LEAST * 2).await;
        tokio::time::sleep(Duration::from_micros(dice.below(5000).into())).await;
        if (ends.kills + ends.restarts) % 8 == 7 {
            ends.restarts += 1;
            kv.restart().await?;
        } else {
            ends.kills += 1;
            signal(pid_of(&portal), Signal::KILL);
        }
    }
    // The store works after the last end.
    kv.portal_after(ends.kills + ends.restarts).await?;
    let before = journal.bytes();
    until(|| journal.bytes() > before + CALLS_LEAST * 2).await;
    Ok(ends)
}

/// Compares outcomes with the journal.
fn compare(told: &Told, done: &HashMap<u64, u32>, seed: u64) {
    let times = |id: &u64| done.get(id).copied().unwrap_or(0);
    let lost: Vec<_> = told.done.iter().filter(|id| times(id) != 1).collect();
    assert!(lost.is_empty(), "TRACTOR_KV_SEED={seed}: acknowledged, but not done exactly once: {lost:?}");
    let ran: Vec<_> = told.retryable.iter().filter(|id| times(id) != 0).collect();
    assert!(ran.is_empty(), "TRACTOR_KV_SEED={seed}: retryable, but done: {ran:?}");
    let twice: Vec<_> = done.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "TRACTOR_KV_SEED={seed}: done more than once: {twice:?}");
}

#[tractor::test]
async fn acknowledged_writes_are_kept_and_retryable_ones_were_not_done() -> Result<()> {
    let kills = number("TRACTOR_KV_KILLS").unwrap_or(KILLS);
    let seed = seed("TRACTOR_KV_SEED", SEED);
    let journal = Journal(std::env::temp_dir().join(format!("tractor-kv-{}.journal", std::process::id())));
    tree_within(60 + kills, async |tree| {
        tractor::open_nursery(async |an| {
            let begun = Instant::now();
            let how = Supervision::one_for_one().intensity(u16::MAX, Duration::from_secs(60)).backoff(Backoff::NONE);
            let stores = an.supervise(how);
            let kv = stores.child(tree.name("kv"), |store| store.expose(put).env(JOURNAL, &journal.0)).await?;
            let handle = kv.actor_ref().await?;
            let mut clients = Vec::new();
            for n in 0..CLIENTS {
                clients.push(an.start_actor(tree.name(&format!("client{n}"))).expose(client).await?);
            }
            let (told, ends) = under_load(&clients, &handle, async || {
                end_again_and_again(&kv, &journal, &mut Dice::new(seed), kills).await
            })
            .await?;
            let done = journal.done();
            say(&format!(
                "TRACTOR_KV_SEED={seed}: {ends:?} in {:?}; {} acknowledged, {} retryable, {} unknown, of which {} were \
                 done; {} portals asked for again",
                begun.elapsed(),
                told.done.len(),
                told.retryable.len(),
                told.unknown.len(),
                told.unknown.iter().filter(|id| done.contains_key(id)).count(),
                told.portals,
            ));
            compare(&told, &done, seed);
            assert!(told.portals >= ends.kills, "callers have noticed each end");
            an.cancel().await;
            Ok(())
        })
        .await
    })
    .await
}

/// Runs the body while all clients call the store; returns their outcomes.
async fn under_load<T>(
    clients: &[Portal],
    kv: &ActorRef,
    body: impl AsyncFnOnce() -> Result<T>,
) -> Result<(Told, T)> {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let all = clients.iter().zip(0..).map(|(portal, number)| {
        let mut stopped = stopped.clone();
        portal.open_context(client(kv.clone(), number), async move |ctx, ()| {
            stopped.wait_for(|stopped| *stopped).await.expect("the sender lives");
            ctx.open_stream().wait_for_result().await
        })
    });
    let body = async {
        let done = body().await;
        stop.send_replace(true);
        done
    };
    let (all, done) = tokio::join!(futures_util::future::try_join_all(all), body);
    let done = done?;
    let mut told = Told::default();
    all?.into_iter().for_each(|one: Told| told.add(one));
    Ok((told, done))
}

#[expect(clippy::print_stdout, reason = "the numbers of the long run, shown with --nocapture")]
fn say(text: &str) {
    println!("{text}");
}
