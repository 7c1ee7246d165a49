//! Streams and handles in helpers, fields and tasks, on either side of a context.

use std::sync::Arc;

use support::journal::{note, seen};
use support::{poll_once, with_local};
use tractor::error::Lagged;
use tractor::prelude::*;
use tractor::{
    ContextHandle, ContextTypes, Error, MsgStream, Overflow, ParentContext, Payload, Result, Started,
    StreamRx, StreamSubscriber, StreamTx,
};

/// Streams back the length of each text, and returns their sum.
#[tractor::context(started = (), send = u64, recv = String, returns = u64)]
async fn measures(ctx: Context<(), u64, String>) -> Result<u64> {
    answer_lengths(ctx.started(()).await?).await
}

/// A helper for a context that has started.
async fn answer_lengths(ctx: Context<(), u64, String, Started>) -> Result<u64> {
    let mut stream = ctx.open_stream();
    let mut sum = 0;
    while let Some(text) = stream.receive().await? {
        let length = text.len() as u64;
        sum += length;
        stream.send(length).await?;
    }
    Ok(sum)
}

/// Streams this many values, and waits for the end of the stream.
#[tractor::context(started = (), send = u64, recv = String, returns = u64)]
async fn floods(ctx: Context<(), u64, String>, count: u64) -> Result<u64> {
    let mut stream = ctx.started(()).await?.open_stream();
    for value in 0..count {
        stream.send(value).await?;
    }
    note("flooded");
    while stream.receive().await?.is_some() {}
    Ok(count)
}

#[tractor::context(started = (), send = String, recv = u64 | String, returns = ())]
async fn names(ctx: Context<(), String, NamesRecv>) -> Result<()> {
    let mut stream = ctx.started(()).await?.open_stream();
    while let Some(value) = stream.receive().await? {
        stream.send(format!("{value:?}")).await?;
    }
    Ok(())
}

/// Opens a context with [`measures`] for the body, and returns the result of `measures`.
async fn with_measures<F>(body: F) -> Result<u64>
where
    F: AsyncFnOnce(ParentContext<measures>) -> Result<()>,
{
    with_local(module_path!(), async |portal| {
        portal
            .open_context(measures(), async |ctx, ()| {
                let handle = ctx.handle();
                body(ctx).await?;
                handle.wait_for_result().await
            })
            .await
    })
    .await
}

async fn asks<Rx: Payload, R>(stream: &mut MsgStream<String, Rx, R>, text: &str) -> Result<Option<Rx>> {
    stream.send(text.to_owned()).await?;
    stream.receive().await
}

async fn drains<R>(mut stream: MsgStream<String, u64, R>) -> Result<Vec<u64>> {
    stream.finish();
    let mut lengths = Vec::new();
    while let Some(length) = stream.receive().await? {
        lengths.push(length);
    }
    Ok(lengths)
}

async fn tells(half: &StreamTx<'_, String>, text: &str) -> Result<()> {
    half.send(text.to_owned()).await
}

async fn hears(half: &mut StreamRx<'_, u64>) -> Result<Option<u64>> {
    half.receive().await
}

async fn follows(mut reader: StreamSubscriber<String, u64>) -> Result<Option<u64>> {
    reader.receive().await
}

struct Client {
    stream: MsgStream<String, u64, u64>,
}

impl Client {
    async fn length(&mut self, text: &str) -> Result<u64> {
        self.stream.send(text.to_owned()).await?;
        Ok(self.stream.receive().await?.expect("the stream goes on"))
    }
}

#[tractor::test]
async fn helpers_take_a_stream_by_reference_and_by_value() -> Result<()> {
    let sum = with_measures(async |ctx| {
        let mut stream = ctx.open_stream();
        assert_eq!(asks(&mut stream, "to be").await?, Some(5));
        stream.send("not".to_owned()).await?;
        assert_eq!(drains(stream).await?, [3]);
        Ok(())
    });
    assert_eq!(sum.await?, 8);
    Ok(())
}

#[tractor::test]
async fn a_stream_lives_in_a_field_and_in_a_task() -> Result<()> {
    let sum = with_measures(async |ctx| {
        let mut client = Client { stream: ctx.open_stream() };
        assert_eq!(client.length("that is").await?, 7);
        let shared = Arc::new(client.stream);
        let task = shared.clone();
        let sent = tokio::spawn(async move { task.send("from a task".to_owned()).await });
        sent.await.expect("the task does not panic")?;
        let mut stream = Arc::into_inner(shared).expect("the task is done");
        assert_eq!(stream.receive().await?, Some(11));
        assert_eq!(stream.wait_for_result().await?, 18);
        Ok(())
    });
    assert_eq!(sum.await?, 18);
    Ok(())
}

#[tractor::test]
async fn halves_and_subscribers_go_into_helpers() -> Result<()> {
    let sum = with_measures(async |ctx| {
        let mut stream = ctx.open_stream();
        let (half, mut other) = stream.split();
        tells(&half, "the").await?;
        assert_eq!(hears(&mut other).await?, Some(3));
        let mut reader = stream.subscribe();
        let (second, third) = (reader.subscribe(), reader.subscribe());
        reader.send("whether".to_owned()).await?;
        assert_eq!(reader.receive().await?, Some(7));
        assert_eq!(follows(second).await?, Some(7));
        assert_eq!(tokio::spawn(follows(third)).await.expect("the task does not panic")?, Some(7));
        assert_eq!(reader.statistics().backlogs, [1, 0], "the stream's own handle has not read it");
        let (half, mut other) = stream.split();
        half.finish();
        assert_eq!(hears(&mut other).await?, Some(7));
        assert_eq!(hears(&mut other).await?, None);
        Ok(())
    });
    assert_eq!(sum.await?, 10);
    Ok(())
}

#[tractor::test]
async fn a_subscriber_raises_its_lag_or_logs_it() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(floods(100), async |ctx, ()| {
                let mut stream = ctx.open_stream_with(Overflow::Buffer);
                let (mut fast, mut slow) = (stream.subscribe(), stream.subscribe());
                let mut slow_too = slow.subscribe().lag_logged();
                portal.run(seen("flooded".to_owned())).await?;
                for value in 0..100 {
                    assert_eq!(fast.receive().await?, Some(value));
                }
                let lag: Lagged = match slow.receive().await {
                    Err(Error::Lagged(lag)) => lag,
                    other => panic!("expected a lag, got {other:?}"),
                };
                assert_eq!(slow_too.receive().await?, Some(lag.dropped()));
                drop((fast, slow, slow_too));
                stream.wait_for_result().await
            })
            .await
    })
    .await
    .map(|count| assert_eq!(count, 100))
}

/// A helper for every endpoint with such a stream.
async fn exchanges<E: ContextTypes>(ctx: ParentContext<E>, values: Vec<E::Recv>) -> Result<Vec<E::Send>> {
    let mut stream = ctx.open_stream();
    let mut answers = Vec::new();
    for value in values {
        stream.send(&value).await?;
        answers.extend(stream.receive().await?);
    }
    Ok(answers)
}

#[tractor::test]
async fn a_function_may_be_for_the_contexts_of_all_endpoints() -> Result<()> {
    let sum = with_measures(async |ctx| {
        let texts = ["nobler", "in"].map(str::to_owned);
        assert_eq!(exchanges(ctx, texts.into()).await?, [6, 2]);
        Ok(())
    });
    assert_eq!(sum.await?, 8);
    Ok(())
}

#[tractor::test]
async fn a_stream_sends_each_type_of_a_union() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(names(), async |ctx, ()| {
                let mut stream = ctx.open_stream();
                stream.send(1_u64).await?;
                stream.send("one".to_owned()).await?;
                stream.send(NamesRecv::U64(2)).await?;
                for name in ["U64(1)", "String(\"one\")", "U64(2)"] {
                    assert_eq!(stream.receive().await?.as_deref(), Some(name));
                }
                stream.wait_for_result().await
            })
            .await
    })
    .await
}

#[tractor::test]
async fn waiting_for_the_result_leaves_the_values_to_the_streams_reader() -> Result<()> {
    const COUNT: u64 = 500;
    with_local(module_path!(), async |portal| {
        portal
            .open_context(floods(COUNT), async |ctx, ()| {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                let reads = async {
                    let mut read = Vec::new();
                    for _ in 0..COUNT {
                        read.extend(stream.receive().await?);
                    }
                    drop(stream);
                    Ok::<_, Error>(read)
                };
                let (result, read) = tokio::join!(handle.wait_for_result(), reads);
                assert_eq!((result?, read?), (COUNT, Vec::from_iter(0..COUNT)));
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn waiting_for_the_result_discards_what_nobody_can_read() -> Result<()> {
    // Many times the sender's window.
    const COUNT: u64 = 200_000;
    with_local(module_path!(), async |portal| {
        portal
            .open_context(floods(COUNT), async |ctx, ()| {
                let handle = ctx.handle();
                let stream = ctx.open_stream();
                let mut waiting = Box::pin(handle.wait_for_result());
                assert!(poll_once(&mut waiting).await.is_pending());
                stream.close();
                assert_eq!(waiting.await?, COUNT);
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn any_number_of_tasks_wait_for_one_result() -> Result<()> {
    let sum = with_measures(async |ctx| {
        let waits = |handle: ContextHandle<u64>| tokio::spawn(async move { handle.wait_for_result().await });
        let waiting: Vec<_> = std::iter::repeat_with(|| waits(ctx.handle())).take(5).collect();
        let watches: Vec<_> = std::iter::repeat_with(|| tokio::spawn(ctx.cancelled())).take(5).collect();
        let mut stream = ctx.open_stream();
        assert_eq!(asks(&mut stream, "question").await?, Some(8));
        let handle = stream.handle();
        stream.close();
        for task in waiting {
            assert_eq!(task.await.expect("the task does not panic")?, 8);
        }
        for task in watches {
            task.await.expect("the task does not panic");
        }
        assert_eq!(handle.wait_for_result().await?, 8, "again");
        Ok(())
    });
    assert_eq!(sum.await?, 8);
    Ok(())
}

#[tractor::test]
async fn a_handle_outlives_its_scope_and_tells_how_it_ended() -> Result<()> {
    let mut kept = None;
    let sum = with_measures(async |ctx| {
        kept = Some(ctx.handle());
        drop(ctx.open_stream());
        Ok(())
    });
    assert_eq!(sum.await?, 0);
    let kept = kept.expect("the body has run");
    assert_eq!(kept.wait_for_result().await?, 0);
    assert_eq!(kept.state(), tractor::ContextState::ResultReturned);
    kept.cancelled().await;
    Ok(())
}

#[tractor::test]
async fn a_handle_in_a_task_cancels_the_context_and_the_scope_is_quiet() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(measures(), async |ctx, ()| -> Result<()> {
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                tokio::spawn(async move { handle.cancel().await.map(|acked| assert!(acked)) });
                // The acknowledgement ends the wait with an error, as every wait on this context.
                assert!(matches!(stream.receive().await, Err(Error::Cancelled(_))));
                Ok(())
            })
            .await
    })
    .await
}
