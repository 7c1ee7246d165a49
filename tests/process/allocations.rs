//! The allocations of a call, counted at both ends together. This is the only test of its process, because it counts
//! the allocations of the whole process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Allocations of a call that is ready at its first poll: at the parent side the boxed request and the session end, at
/// the child side the session end and the endpoint's future.
const CALL: usize = 4;
/// Allocations of a read: the shared buffer that frames are slices of. Here each end reads once for a call.
const READS: usize = 2;
const CALLS: usize = 1000;
/// Calls until tables and buffers have their final size.
const WARM_UP: usize = 200;

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(unsafe_code, reason = "an allocator")]
// SAFETY: the system's allocator does everything; this only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller has promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller has promised.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[tractor::actor_fn]
async fn inc(x: u64) -> u64 {
    x + 1
}

#[tractor::test]
async fn a_call_that_is_ready_at_once_costs_so_many_allocations_at_both_ends_together() -> tractor::Result<()>
{
    support::with_local(module_path!(), async |portal| {
        let mut before = 0;
        for call in 0..WARM_UP + CALLS {
            if call == WARM_UP {
                before = ALLOCATIONS.load(Ordering::Relaxed);
            }
            assert_eq!(portal.run(inc(call as u64)).await?, call as u64 + 1);
        }
        let each = (ALLOCATIONS.load(Ordering::Relaxed) - before) as f64 / CALLS as f64;
        // Allows for a new read buffer now and then.
        assert!(each < (CALL + READS) as f64 + 0.1, "{each} allocations a call");
        Ok(())
    })
    .await
}
