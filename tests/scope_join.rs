//! Futures side by side in one task: order, failure, drops, and who is polled when.

mod support;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::Poll;

use support::journal::{NoteOnDrop, note, seen};
use support::{Spoiled, forever, in_root, poll_once, spoiled, start, tree, with_local};
use tokio::sync::{Barrier, oneshot};
use tractor::prelude::*;
use tractor::{Error, Result, join_all};

#[tractor::actor_fn]
async fn double(n: u64) -> u64 {
    n * 2
}

#[tractor::actor_fn]
async fn waits() {
    let _note = NoteOnDrop("dropped");
    note("waits");
    forever().await;
}

#[tractor::actor_fn]
async fn fails_after_the_other_waits() -> Result<(), Spoiled> {
    seen("waits".to_owned()).await;
    spoiled("fell over")
}

#[tractor::context(pld_spec = u64)]
async fn adds(ctx: Context<u64>) -> tractor::Result<u64> {
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    let mut sum = 0;
    while let Some(value) = stream.receive().await? {
        sum += value;
    }
    Ok(sum)
}

#[tractor::test]
async fn no_futures_give_no_values() -> Result<()> {
    let none = join_all(Vec::<std::future::Ready<Result<u8>>>::new()).await?;
    assert!(none.is_empty());
    Ok(())
}

#[tractor::test]
async fn values_come_in_the_order_of_the_input_whoever_ends_first() -> Result<(), oneshot::error::RecvError> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..4).map(|_| oneshot::channel()).unzip();
    let mut all = join_all(receivers);
    assert!(poll_once(&mut all).await.is_pending());
    for (number, sender) in senders.into_iter().enumerate().rev() {
        assert!(poll_once(&mut all).await.is_pending());
        assert_eq!(sender.send(number), Ok(()));
    }
    assert_eq!(all.await?, [0, 1, 2, 3]);
    Ok(())
}

#[tractor::test]
async fn they_run_at_once() -> Result<()> {
    let barrier = Barrier::new(10);
    let leaders = join_all((0..10).map(async |_| Ok::<_, Error>(barrier.wait().await.is_leader()))).await?;
    assert_eq!(leaders.iter().filter(|leader| **leader).count(), 1);
    Ok(())
}

#[tractor::test]
async fn only_what_was_woken_is_polled() -> Result<()> {
    const COUNT: usize = 100;
    let polls = Cell::new(0);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..COUNT).map(|_| oneshot::channel::<()>()).unzip();
    let futures = receivers.into_iter().map(|mut receiver| {
        let polls = &polls;
        poll_fn(move |cx| {
            polls.set(polls.get() + 1);
            std::pin::Pin::new(&mut receiver).poll(cx)
        })
    });
    let mut all = join_all(futures);
    for sender in senders {
        assert!(poll_once(&mut all).await.is_pending());
        assert_eq!(sender.send(()), Ok(()));
    }
    assert!(poll_once(&mut all).await.is_ready());
    assert_eq!(polls.get(), 2 * COUNT, "once to begin with, and once when woken");
    Ok(())
}

#[tractor::test]
async fn one_that_wakes_itself_leaves_the_others_their_turn() -> Result<()> {
    let (done, mut is_done) = oneshot::channel();
    let done = RefCell::new(Some(done));
    let turns = Cell::new(0);
    let spins = poll_fn(|cx| {
        turns.set(turns.get() + 1);
        if let Poll::Ready(end) = std::pin::Pin::new(&mut is_done).poll(cx) {
            return Poll::Ready(end.map_err(|_| Error::NoRuntime));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    let ends_it = async {
        while turns.get() < 5 {
            tokio::task::yield_now().await;
        }
        let done = done.take().expect("runs once");
        done.send(()).map_err(|()| Error::NoRuntime)
    };
    let both: [std::pin::Pin<Box<dyn Future<Output = Result<()>>>>; 2] = [Box::pin(spins), Box::pin(ends_it)];
    join_all(both).await?;
    Ok(())
}

#[tractor::test]
async fn the_first_failure_drops_the_others_before_it_is_returned() -> Result<()> {
    struct Dropped<'a>(&'a RefCell<Vec<usize>>, usize);
    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            self.0.borrow_mut().push(self.1);
        }
    }
    let dropped = RefCell::default();
    let futures = (0..4).map(async |number| {
        let _dropped = Dropped(&dropped, number);
        tokio::task::yield_now().await;
        if number == 2 {
            return spoiled("the third");
        }
        forever().await;
        Ok(())
    });
    assert_eq!(join_all(futures).await, spoiled("the third"));
    assert_eq!(dropped.take(), [2, 0, 1, 3], "the failed one, then the others in order");
    Ok(())
}

#[tractor::test]
async fn calls_and_contexts_run_side_by_side() -> Result<()> {
    with_local(module_path!(), async |portal| {
        assert_eq!(join_all((0..50).map(|n| portal.run(double(n)))).await?[49], 98);
        let sums = (0..10).map(|number| {
            portal.open_context(adds(), async move |ctx, _| -> Result<u64> {
                let handle = ctx.handle();
                let stream = ctx.open_stream();
                for value in 0..=number {
                    stream.send(value).await?;
                }
                stream.finish();
                handle.wait_for_result().await
            })
        });
        assert_eq!(join_all(sums).await?, [0, 1, 3, 6, 10, 15, 21, 28, 36, 45]);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failed_call_cancels_its_neighbours_remote_task() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let calls: [std::pin::Pin<Box<dyn Future<Output = Result<()>>>>; 2] =
            [Box::pin(portal.run(waits())), Box::pin(portal.run(fails_after_the_other_waits()))];
        let error = join_all(calls).await.expect_err("one fails");
        assert_eq!(error.as_remote().map(|remote| remote.message()), Some("fell over"), "{error:?}");
        portal.run(seen("dropped".to_owned())).await // cancelled by this actor's drop
    })
    .await
}

#[tractor::test]
async fn nurseries_side_by_side_have_children_of_their_own() -> Result<()> {
    tree(async |tree| {
        in_root(async || {
            let pids = join_all((0..3).map(|number| {
                tractor::open_nursery(async move |an| -> Result<_> {
                    let worker = start(an, tree.name(&number.to_string()), module_path!()).await?;
                    assert_eq!(an.children().len(), 1);
                    worker.cancel_actor().await?;
                    Ok(worker.pid())
                })
            }))
            .await?;
            assert!(pids[0] != pids[1] && pids[1] != pids[2] && pids.iter().all(Option::is_some), "{pids:?}");
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn children_of_one_nursery_are_born_at_once() -> Result<()> {
    tree(async |tree| {
        tractor::open_nursery(async |an| {
            let names = ["a", "b", "c"].map(|name| tree.name(name));
            let births = names.iter().map(|name| an.start_actor(name.as_str()).expose(double));
            let portals = join_all(births).await?;
            assert!(portals.iter().map(|portal| portal.uid().name()).eq(&names));
            an.cancel().await;
            Ok(())
        })
        .await
    })
    .await
}
