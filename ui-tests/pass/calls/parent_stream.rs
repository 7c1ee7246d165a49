//! The stream of the parent side goes wherever a `MsgStream` goes, and names its endpoint where that is wanted.

use std::sync::Arc;

use tractor::prelude::*;
use tractor::{
    ContextTypes, Dynamic, Overflow, ParentContext, ParentStream, ParentSubscriber, ParentTx, Result,
    StreamRx, StreamSubscriber, StreamTx, Value,
};

#[tractor::context(send = u8, recv = String, returns = ())]
async fn scale(_ctx: Context<(), u8, String>) {}

#[tractor::context(started = (), send = u8, recv = u64 | String, returns = ())]
async fn either(_ctx: Context<(), u8, EitherRecv>) {}

struct Client {
    stream: ParentStream<scale>,
}

impl Client {
    async fn say(&self, text: &str) -> Result<()> {
        self.stream.send(text.to_owned()).await
    }
}

struct AnyClient<Tx, Rx> {
    stream: MsgStream<Tx, Rx>,
}

trait Named {
    fn name(&self) -> &'static str;
}

impl<Tx, Rx> Named for MsgStream<Tx, Rx> {
    fn name(&self) -> &'static str {
        std::any::type_name::<(Tx, Rx)>()
    }
}

async fn reads<Rx: tractor::Payload>(stream: &mut MsgStream<String, Rx>) -> Result<Option<Rx>> {
    stream.receive().await
}

async fn looks<T>(stream: &MsgStream<String, T>) -> &'static str {
    stream.name()
}

async fn keeps(stream: MsgStream<String, u8>) -> AnyClient<String, u8> {
    AnyClient { stream }
}

async fn tells(half: &StreamTx<'_, String, u8>) -> Result<()> {
    half.send(String::new()).await
}

async fn tells_scale(half: &ParentTx<'_, scale>, text: &String) -> Result<()> {
    half.send(text).await?;
    half.finish()
}

async fn hears(half: &mut StreamRx<'_, String, u8>) -> Result<Option<u8>> {
    half.receive().await
}

async fn follows(reader: &mut StreamSubscriber<String, u8>) -> Result<Option<u8>> {
    reader.receive().await
}

async fn follows_scale(mut reader: ParentSubscriber<scale>) -> Result<()> {
    reader.send("more".to_owned()).await?;
    reader.receive().await?;
    assert_eq!(reader.statistics().waiting, 0);
    Ok(())
}

async fn forwards<E: ContextTypes>(ctx: &mut ParentContext<E>, value: E::Recv) -> Result<Option<E::Send>> {
    let mut stream = ctx.open_stream().await?.strict();
    stream.send(&value).await?;
    stream.send(value).await?;
    stream.receive().await
}

async fn opens<E: ContextTypes>(ctx: &mut ParentContext<E>) -> Result<MsgStream<E::Recv, E::Send>> {
    Ok(ctx.open_stream_with(Overflow::Buffer).await?.into())
}

/// Asks of a future what runtimes ask.
fn spawn<F: Future<Output: Send> + Send + 'static>(_: F) {}

fn is_send<T: Send + Sync + Unpin + 'static>(_: &T) {}

async fn body(ctx: &mut ParentContext<scale>) -> Result<()> {
    let mut stream = ctx.open_stream().await?;
    is_send(&stream);
    reads(&mut stream).await?;
    looks(&stream).await;
    let (half, mut other) = stream.split();
    tells(&half).await?;
    hears(&mut other).await?;
    tells_scale(&half, &"text".to_owned()).await?;
    let mut reader = stream.subscribe();
    is_send(&reader);
    follows(&mut reader).await?;
    let all: StreamSubscriber<String, u8> = reader.subscribe().lag_logged().into();
    drop(all);
    spawn(follows_scale(reader));
    let send_all = async |stream: &MsgStream<String, u8>| stream.send(String::new()).await;
    send_all(&stream).await?;
    println!("{stream:?} of {}", stream.cid());
    stream.finish()?;
    stream.close().await
}

async fn kept(ctx: &mut ParentContext<scale>) -> Result<()> {
    let client = Client { stream: ctx.open_stream().await? };
    client.say("hello").await?;
    let shared = Arc::new(client.stream);
    let task = shared.clone();
    spawn(async move { task.send("from a task".to_owned()).await });
    if let Ok(stream) = Arc::try_unwrap(shared) {
        keeps(stream.into()).await.stream.close().await?;
    }
    Ok(())
}

async fn several(ctx: &mut ParentContext<either>) -> Result<()> {
    let stream = ctx.open_stream().await?;
    stream.send(1_u64).await?;
    stream.send(String::new()).await?;
    stream.send(EitherRecv::U64(2)).await
}

async fn dynamic(ctx: &mut ParentContext<Dynamic>) -> Result<()> {
    let stream = ctx.open_stream().await?;
    stream.send(Value::from(1)).await
}

fn main() {
    let _ = (body, kept, several, dynamic, forwards::<scale>, opens::<scale>, scale, either);
}
