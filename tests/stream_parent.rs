//! The stream of the parent side: it knows its endpoint, and goes wherever a `MsgStream` goes.

mod support;

use std::sync::Arc;

use support::journal::{note, seen};
use support::with_local;
use tractor::error::Lagged;
use tractor::prelude::*;
use tractor::{
    ActorOptions, ContextTypes, DynCall, Error, Overflow, ParentContext, ParentStream, ParentSubscriber,
    ParentTx, Payload, Result, StreamRx, StreamSubscriber, StreamTx, Value,
};

/// Streams back the length of each text, and returns their sum.
#[tractor::context(started = (), send = u64, recv = String, returns = u64)]
async fn measures(ctx: Context<(), u64, String>) -> tractor::Result<u64> {
    let mut ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream().await?;
    let mut sum = 0;
    while let Some(text) = stream.receive().await? {
        let length = text.len() as u64;
        sum += length;
        stream.send(length).await?;
    }
    Ok(sum)
}

/// Streams so many values, and waits for the end of the stream.
#[tractor::context(started = (), send = u64, recv = String, returns = ())]
async fn floods(ctx: Context<(), u64, String>, count: u64) -> tractor::Result<()> {
    let mut ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream().await?;
    for value in 0..count {
        stream.send(value).await?;
    }
    note("flooded");
    while stream.receive().await?.is_some() {}
    Ok(())
}

#[tractor::context(started = (), send = String, recv = u64 | String, returns = ())]
async fn names(ctx: Context<(), String, NamesRecv>) -> tractor::Result<()> {
    let mut ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream().await?;
    while let Some(value) = stream.receive().await? {
        stream.send(format!("{value:?}")).await?;
    }
    Ok(())
}

#[tractor::context(started = (), send = Value, recv = Value, returns = ())]
async fn echoes(ctx: Context<(), Value, Value>) -> tractor::Result<()> {
    let mut ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream().await?;
    while let Some(value) = stream.receive().await? {
        stream.send(value).await?;
    }
    Ok(())
}

/// Opens the body's context with [`measures`], and returns what that returned.
async fn with_measures<F>(body: F) -> Result<u64>
where
    F: AsyncFnOnce(&mut ParentContext<measures>) -> Result<()>,
{
    with_local(module_path!(), async |portal| {
        portal
            .open_context(measures(), async |ctx, ()| {
                body(ctx).await?;
                ctx.wait_for_result().await
            })
            .await
    })
    .await
}

// Helpers for the streams of any endpoint, and for those of one.

type AnyStream = MsgStream<String, u64>;

async fn asks<Rx: Payload>(stream: &mut MsgStream<String, Rx>, text: &str) -> Result<Option<Rx>> {
    stream.send(text.to_owned()).await?;
    stream.receive().await
}

async fn drains(mut stream: AnyStream) -> Result<Vec<u64>> {
    stream.finish()?;
    let mut lengths = Vec::new();
    while let Some(length) = stream.receive().await? {
        lengths.push(length);
    }
    Ok(lengths)
}

async fn tells(half: StreamTx<'_, String, u64>, text: &str) -> Result<()> {
    half.send(text.to_owned()).await
}

async fn tells_measures(half: &ParentTx<'_, measures>, text: &String) -> Result<()> {
    half.send(text).await
}

async fn hears(half: &mut StreamRx<'_, String, u64>) -> Result<Option<u64>> {
    half.receive().await
}

async fn follows(mut reader: StreamSubscriber<String, u64>) -> Result<Option<u64>> {
    reader.receive().await
}

/// What users add to streams.
trait Ask {
    async fn ask(&mut self, text: &str) -> Result<Option<u64>>;
    async fn drained(self) -> Result<Vec<u64>>;
}

impl Ask for AnyStream {
    async fn ask(&mut self, text: &str) -> Result<Option<u64>> {
        asks(self, text).await
    }

    async fn drained(self) -> Result<Vec<u64>> {
        drains(self).await
    }
}

async fn asks_whom(whom: &mut impl Ask) -> Result<Option<u64>> {
    whom.ask("whom").await
}

struct Client {
    stream: ParentStream<measures>,
}

impl Client {
    async fn length(&mut self, text: &str) -> Result<u64> {
        self.stream.send(text.to_owned()).await?;
        Ok(self.stream.receive().await?.expect("the stream goes on"))
    }
}

#[tractor::test]
async fn it_is_passed_by_reference_as_a_stream_of_any_endpoint() -> Result<()> {
    let sum = with_measures(async |ctx| {
        let mut stream = ctx.open_stream().await?;
        assert_eq!(asks(&mut stream, "to be").await?, Some(5));
        assert_eq!(stream.ask("or").await?, Some(2));
        assert_eq!(asks_whom(&mut *stream).await?, Some(4));
        stream.close().await
    });
    assert_eq!(sum.await?, 11);
    Ok(())
}

#[tractor::test]
async fn it_is_made_into_a_stream_of_any_endpoint_and_stays_open() -> Result<()> {
    let sum = with_measures(async |ctx| {
        let stream = ctx.open_stream().await?;
        stream.send("not".to_owned()).await?;
        assert_eq!(drains(stream.into()).await?, [3]);
        Ok(())
    });
    assert_eq!(sum.await?, 3);
    let sum = with_measures(async |ctx| {
        let stream = ctx.open_stream().await?;
        stream.send("to be".to_owned()).await?;
        assert_eq!(stream.into_inner().drained().await?, [5]);
        Ok(())
    });
    assert_eq!(sum.await?, 5);
    Ok(())
}

#[tractor::test]
async fn a_field_is_typed_by_the_functions_name() -> Result<()> {
    let sum = with_measures(async |ctx| {
        let mut client = Client { stream: ctx.open_stream().await?.strict() };
        assert_eq!(client.length("that is").await?, 7);
        let shared = Arc::new(client.stream);
        let task = shared.clone();
        let sent = tokio::spawn(async move { task.send("from a task".to_owned()).await });
        sent.await.expect("no panic")?;
        let mut stream = Arc::into_inner(shared).expect("the task is done");
        assert_eq!(stream.receive().await?, Some(11));
        stream.close().await
    });
    assert_eq!(sum.await?, 18);
    Ok(())
}

#[tractor::test]
async fn its_halves_are_those_of_any_stream() -> Result<()> {
    let sum = with_measures(async |ctx| {
        let mut stream = ctx.open_stream().await?;
        let (half, mut other) = stream.split();
        tells_measures(&half, &"the".to_owned()).await?;
        assert_eq!(hears(&mut other).await?, Some(3));
        assert_eq!(format!("{half:?}").split_once(' ').map(|(name, _)| name), Some("ParentTx(StreamTx"));
        tells(half.into(), "question").await?;
        assert_eq!(hears(&mut other).await?, Some(8));
        let (half, mut other) = stream.split();
        half.finish()?;
        assert_eq!(hears(&mut other).await?, None);
        Ok(())
    });
    assert_eq!(sum.await?, 11);
    Ok(())
}

#[tractor::test]
async fn its_subscribers_are_those_of_any_stream() -> Result<()> {
    let sum = with_measures(async |ctx| {
        let mut stream = ctx.open_stream().await?;
        let mut reader: ParentSubscriber<measures> = stream.subscribe();
        let (second, third) = (reader.subscribe(), reader.subscribe());
        reader.send("whether".to_owned()).await?;
        assert_eq!(reader.receive().await?, Some(7));
        assert_eq!(follows(second.into()).await?, Some(7));
        let task = tokio::spawn(async move {
            let mut third = third;
            third.receive().await
        });
        assert_eq!(task.await.expect("no panic")?, Some(7));
        assert_eq!(reader.statistics().backlogs, [1, 0], "the stream's own handle has not read it");
        assert!(format!("{reader:?}").starts_with("ParentSubscriber(StreamSubscriber "));
        stream.close().await
    });
    assert_eq!(sum.await?, 7);
    Ok(())
}

#[tractor::test]
async fn a_subscriber_raises_its_lag_or_logs_it() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(floods(100), async |ctx, ()| {
                let mut stream = ctx.open_stream_with(Overflow::Buffer).await?;
                let (mut fast, mut slow) = (stream.subscribe(), stream.subscribe());
                let mut slow_too = slow.subscribe().lag_logged();
                portal.run(seen("flooded".to_owned())).await?;
                for value in 0..100 {
                    assert_eq!(fast.receive().await?, Some(value));
                }
                let lag: Lagged = match slow.receive().await {
                    Err(Error::Lagged(lag)) => lag,
                    other => panic!("no lag: {other:?}"),
                };
                assert_eq!(slow_too.receive().await?, Some(lag.dropped()));
                stream.close().await?;
                ctx.wait_for_result().await
            })
            .await
    })
    .await
}

#[tractor::test]
async fn dropping_it_closes_the_stream() -> Result<()> {
    let sum = with_measures(async |ctx| {
        let stream = ctx.open_stream().await?;
        assert!(format!("{stream:?}").starts_with("ParentStream(MsgStream { endpoint: "), "{stream:?}");
        drop(stream);
        Ok(())
    });
    assert_eq!(sum.await?, 0);
    Ok(())
}

/// For any endpoint with such a stream.
async fn exchanges<E: ContextTypes>(
    ctx: &mut ParentContext<E>,
    values: Vec<E::Recv>,
) -> Result<Vec<E::Send>> {
    let mut stream = ctx.open_stream().await?.strict();
    let mut answers = Vec::new();
    for value in values {
        stream.send(&value).await?;
        answers.extend(stream.receive().await?);
    }
    Ok(answers)
}

async fn opens<E: ContextTypes>(ctx: &mut ParentContext<E>) -> Result<MsgStream<E::Recv, E::Send>> {
    ctx.open_stream().await.map(Into::into)
}

#[tractor::test]
async fn a_function_may_be_for_the_contexts_of_all_endpoints() -> Result<()> {
    let sum = with_measures(async |ctx| {
        let texts = ["nobler", "in"].map(str::to_owned);
        assert_eq!(exchanges(ctx, texts.into()).await?, [6, 2]);
        Ok(())
    });
    assert_eq!(sum.await?, 8);
    let sum = with_measures(async |ctx| {
        let mut stream = opens(ctx).await?;
        assert_eq!(asks(&mut stream, "mind").await?, Some(4));
        Ok(())
    });
    assert_eq!(sum.await?, 4);
    Ok(())
}

#[tractor::test]
async fn it_sends_each_type_of_a_union() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(names(), async |ctx, ()| {
                let mut stream = ctx.open_stream().await?;
                stream.send(1_u64).await?;
                stream.send("one".to_owned()).await?;
                stream.send(NamesRecv::U64(2)).await?;
                for name in ["U64(1)", "String(\"one\")", "U64(2)"] {
                    assert_eq!(stream.receive().await?.as_deref(), Some(name));
                }
                stream.close().await?;
                ctx.wait_for_result().await
            })
            .await
    })
    .await
}

#[tractor::test]
async fn that_of_a_dynamic_context_sends_values() -> Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context_dyn(DynCall::new(module_path!(), "echoes"), async |ctx, _| -> Result<()> {
                let mut stream = ctx.open_stream().await?;
                for value in [Value::from(1), Value::from("text"), Value::from(true), Value::Nil] {
                    stream.send(&value).await?;
                    assert_eq!(stream.receive().await?, Some(value));
                }
                stream.close().await
            })
            .await
    })
    .await
}

/// Opens a stream under the name of another one, unseen by the attribute.
macro_rules! opened {
    ($stream:ident . $ctx:ident) => {
        let mut $stream = $ctx.open_stream().await?;
    };
}

#[tractor::context(started = (), send = String, recv = String, returns = u64)]
async fn relays(ctx: Context<(), String>) -> tractor::Result<u64> {
    let mut ctx = ctx.started(()).await?;
    let stream = ctx.open_stream().await?;
    stream.send("ready".to_owned()).await?;
    ctx.portal()
        .open_context(measures(), async |inner, ()| {
            opened!(stream.inner);
            stream.send("tis".to_owned()).await?;
            let length = stream.receive().await?;
            Ok(length.expect("the stream goes on"))
        })
        .await
}

#[tractor::test]
async fn an_endpoints_body_may_have_one_under_the_name_of_its_own_stream() -> Result<()> {
    let exposed = || ActorOptions::new().enable_module(module_path!());
    let opened = tractor::open_root_actor(exposed(), async |_| {
        tractor::with_local_actor(exposed(), async |portal| {
            portal
                .open_context(relays(), async |ctx, ()| {
                    let mut stream = ctx.open_stream().await?;
                    assert_eq!(stream.receive().await?.as_deref(), Some("ready"));
                    ctx.wait_for_result().await
                })
                .await
        })
        .await
    });
    assert_eq!(opened.await?, 3);
    Ok(())
}
