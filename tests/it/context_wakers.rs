//! A waker is anybody's code: no lock of a context is held while one is woken or dropped.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context as TaskContext, Wake, Waker};
use std::thread::spawn;
use std::time::Duration;

use support::with_local;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tractor::prelude::*;
use tractor::{ContextHandle, Result};

#[tractor::context(started = (), send = (), recv = ())]
async fn ends_with_its_stream(ctx: Context<(), (), ()>) -> Result<()> {
    let mut stream = ctx.started(()).await?.open_stream();
    while stream.receive().await?.is_some() {}
    Ok(())
}

/// Looks at the context, from another thread as a lock may belong to this one, whenever it is woken or dropped.
struct Looks {
    handle: ContextHandle<()>,
    found: UnboundedSender<bool>,
}

impl Looks {
    fn look(&self) {
        let (done, looked) = channel();
        let handle = self.handle.clone();
        spawn(move || done.send(handle.state()));
        // The test may be over.
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
                // The second one takes the place of the first, which is dropped.
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
