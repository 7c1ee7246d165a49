//! A waker may run any code, so no lock of a context is held while a waker is woken or dropped.

use std::pin::{Pin, pin};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Wake, Waker};
use std::thread::spawn;
use std::time::Duration;

use support::{poll_once, with_local};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tractor::prelude::*;
use tractor::{ContextHandle, Result, StreamSubscriber};

#[tractor::context(started = (), send = (), recv = ())]
async fn ends_with_its_stream(ctx: Context<(), (), ()>) -> Result<()> {
    let mut stream = ctx.started(()).await?.open_stream();
    while stream.receive().await?.is_some() {}
    Ok(())
}

/// A waker that looks at the context when it is woken or dropped. It does so on another thread, because this thread may
/// hold a lock.
struct Looks {
    handle: ContextHandle<()>,
    found: UnboundedSender<bool>,
}

impl Looks {
    fn look(&self) {
        let (done, looked) = channel();
        let handle = self.handle.clone();
        spawn(move || done.send(handle.state()));
        // Fails if the test has ended.
        _ = self.found.send(looked.recv_timeout(Duration::from_secs(5)).is_ok());
    }
}

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        self.look();
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        self.look();
    }
}

#[tractor::test]
async fn a_waker_may_use_the_context_that_wakes_or_drops_it() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let (found, mut looks) = unbounded_channel();
        portal
            .open_context(ends_with_its_stream(), async |ctx, ()| {
                let handle = ctx.handle();
                let waker = || Waker::from(Arc::new(Looks { handle: handle.clone(), found: found.clone() }));
                let stream = ctx.open_stream();
                let mut result = pin!(handle.wait_for_result());
                // The second waker replaces the first, which is dropped.
                assert!(result.as_mut().poll(&mut TaskContext::from_waker(&waker())).is_pending());
                assert!(result.as_mut().poll(&mut TaskContext::from_waker(&waker())).is_pending());
                assert_eq!(looks.recv().await, Some(true), "dropped");
                stream.close();
                assert_eq!(looks.recv().await, Some(true), "woken");
                result.await
            })
            .await
    })
    .await
}

/// A task of a simple executor: it lives as long as a waker for it exists.
#[derive(Default)]
struct Task(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

#[tractor::test]
async fn the_waker_of_a_task_may_be_the_last_that_holds_a_reader_of_the_same_stream() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(ends_with_its_stream(), async |ctx, ()| {
                let mut stream = ctx.open_stream();
                let (give, mut given) = unbounded_channel();
                let task = Arc::new(Task::default());
                let mut run = Box::pin(async move {
                    assert!(poll_once(&mut pin!(stream.receive())).await.is_pending());
                    _ = give.send(stream.subscribe());
                    std::future::pending::<()>().await;
                    drop(stream);
                });
                let waker = Waker::from(task.clone());
                assert!(run.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
                *task.0.lock().expect("the lock is not poisoned") = Some(run);
                drop((task, waker));
                let mut reader: StreamSubscriber<()> = given.recv().await.expect("a second reader");
                // This runs on another thread, because it may never return.
                let (done, polled) = channel();
                spawn(move || {
                    let pending = pin!(reader.receive()).poll(&mut TaskContext::from_waker(Waker::noop()));
                    assert!(pending.is_pending());
                    _ = done.send(reader);
                });
                let mut reader = polled.recv_timeout(Duration::from_secs(5)).expect("the poll does not hang");
                assert_eq!(reader.receive().await?, None, "the stream is closed with the task");
                Ok(())
            })
            .await
    })
    .await
}
