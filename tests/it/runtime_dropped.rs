//! A runtime that is dropped while a request runs: the fate of the endpoint, and of a stream that it has given away.

use std::pin::pin;
use std::sync::Mutex;
use std::thread;

use support::{forever, poll_once, tree, with_deadline};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tractor::prelude::*;
use tractor::{ActorOptions, Error, MsgStream, Result};

static TELL: Mutex<Option<UnboundedSender<Told>>> = Mutex::new(None);

/// The events of the test's endpoint.
#[expect(clippy::large_enum_variant, reason = "there are two values of it")]
enum Told {
    /// It runs; here is its stream.
    Streams(MsgStream<u8>),
    /// It is dropped, in this actor.
    Dropped(String),
}

fn tell(told: Told) {
    let sender = TELL
        .lock()
        .expect("the lock is not poisoned")
        .clone()
        .expect("the test sets it before the actor runs");
    assert!(sender.send(told).is_ok(), "the test listens");
}

struct TellOnDrop;

impl Drop for TellOnDrop {
    fn drop(&mut self) {
        let actor = tractor::try_current_actor().map_or("none".to_owned(), |actor| actor.name().to_owned());
        tell(Told::Dropped(actor));
    }
}

#[tractor::context(pld_spec = u8)]
async fn gives_its_stream_away(ctx: Context<u8>) -> Result<u8> {
    let _tell = TellOnDrop;
    let ctx = ctx.started(0).await?;
    tell(Told::Streams(ctx.open_stream()));
    forever().await;
    Ok(0)
}

#[tractor::test]
async fn an_endpoint_is_dropped_in_its_actor_and_a_stream_that_has_left_it_ends() -> Result<()> {
    let (sender, mut told) = unbounded_channel();
    *TELL.lock().expect("the lock is not poisoned") = Some(sender);
    tree(async |_| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let options = ActorOptions::new().name("short").enable_module(module_path!());
        let scope = tractor::open_root_actor(ActorOptions::new(), async |_| {
            tractor::with_local_actor(options, async |short| -> Result<u8> {
                short
                    .open_context(gives_its_stream_away(), async |ctx, _| {
                        ctx.handle().wait_for_result().await
                    })
                    .await
            })
            .await
        });
        let (run, stop) = tokio::sync::oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            runtime.spawn(scope);
            runtime.block_on(stop).expect_err("nothing is sent");
        });
        let Some(Told::Streams(mut stream)) = told.recv().await else { panic!("it runs first") };
        let mut receive = pin!(stream.receive());
        assert!(poll_once(&mut receive).await.is_pending());
        drop(run);
        thread.join().expect("a runtime can be dropped");
        let Some(Told::Dropped(actor)) = told.recv().await else { panic!("it is dropped") };
        assert_eq!(actor, "short");
        let end = with_deadline(10, receive).await;
        assert!(matches!(end, Err(Error::Messaging(_))), "{end:?}");
        Ok(())
    })
    .await
}
