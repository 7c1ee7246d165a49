//! A streamed value costs its own allocations, and none of either end.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use serde::{Deserialize, Serialize};
use support::with_local;
use tractor::prelude::*;
use tractor::{Portal, Result};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with a count per thread, because tests run in parallel.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count() {
    COUNT.with(|count| count.set(count.get() + 1));
}

// SAFETY: each method is that of the system; the count needs no memory and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps to the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tick {
    number: u64,
    price: f64,
    name: String,
}

fn tick(number: u64) -> Tick {
    Tick { number, price: 0.25, name: "BTC-USDT".to_owned() }
}

/// As `Tick`, of a type whose values travel with the names of their fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct NamedTick {
    number: u64,
    price: f64,
    name: String,
    #[serde(skip)]
    is_shown: bool,
}

#[tractor::stream]
async fn named_ticks(out: StreamSender<NamedTick>, count: u64) -> Result<()> {
    for number in 0..count {
        out.send(NamedTick { number, price: 0.25, name: "BTC-USDT".to_owned(), is_shown: false }).await?;
    }
    Ok(())
}

/// Allocations of one value: one where it is made, and one where it is read.
const ALLOCATIONS_OF_TICK: u64 = 2;

#[tractor::stream]
async fn ticks(out: StreamSender<Tick>, count: u64) -> Result<()> {
    for number in 0..count {
        out.send(tick(number)).await?;
    }
    Ok(())
}

#[tractor::context(started = (), send = (), recv = Tick, returns = u64)]
async fn takes_ticks(ctx: Context<(), (), Tick>) -> Result<u64> {
    let mut stream = ctx.started(()).await?.open_stream();
    let mut count = 0;
    while let Some(tick) = stream.receive().await? {
        assert_eq!(tick.number, count);
        count += 1;
    }
    Ok(count)
}

/// Streams ticks, and checks the allocations of further ticks after a few.
async fn assert_costs_nothing(stream: impl AsyncFn(u64) -> Result<()>) -> Result<()> {
    const FEW: u64 = 20_000;
    const MANY: u64 = 60_000;
    let mut costs = [0; 3];
    for (cost, count) in costs.iter_mut().zip([FEW, FEW, MANY]) {
        let before = COUNT.get();
        stream(count).await?;
        *cost = COUNT.get() - before;
    }
    let [_first, few, many] = costs;
    let of_ticks = ALLOCATIONS_OF_TICK * (MANY - FEW);
    let ours = (many - few).checked_sub(of_ticks).expect("the whole dialog runs on this thread");
    // A read costs some allocations, and brings many values.
    assert!(ours < (MANY - FEW) / 20, "{ours} allocations for {} values", MANY - FEW);
    Ok(())
}

#[tractor::test]
async fn a_value_of_a_one_way_stream_costs_no_memory_of_either_end() -> Result<()> {
    with_local(module_path!(), async |portal: &Portal| {
        assert_costs_nothing(async |count| {
            portal
                .open_stream_from(ticks(count), async |mut stream| {
                    while stream.receive().await?.is_some() {}
                    Ok(())
                })
                .await
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_value_with_names_costs_no_memory_of_either_end() -> Result<()> {
    with_local(module_path!(), async |portal: &Portal| {
        assert_costs_nothing(async |count| {
            portal
                .open_stream_from(named_ticks(count), async |mut stream| {
                    while stream.receive().await?.is_some() {}
                    Ok(())
                })
                .await
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_value_of_a_contexts_stream_costs_no_memory_of_either_end() -> Result<()> {
    with_local(module_path!(), async |portal: &Portal| {
        assert_costs_nothing(async |count| {
            portal
                .open_context(takes_ticks(), async |ctx, ()| -> Result<()> {
                    let stream = ctx.open_stream();
                    for number in 0..count {
                        stream.send(tick(number)).await?;
                    }
                    assert_eq!(stream.wait_for_result().await?, count);
                    Ok(())
                })
                .await
        })
        .await
    })
    .await
}
