//! Bytes in calls, contexts and streams: the types that travel as MessagePack binary, and the forms that they read.

use serde::{Deserialize, Serialize};
use support::{in_nursery, with_local, with_process};
use tractor::prelude::*;
use tractor::{ByteBuf, Bytes, BytesMut, DynCall, Result, Value};

const MODULE: &str = module_path!();

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Parcel {
    fixed: Bytes,
    grows: BytesMut,
    owned: ByteBuf,
    numbers: Vec<u8>,
}

fn parcel() -> Parcel {
    let (fixed, owned) = (Bytes::from_static(b"fixed"), ByteBuf::from(vec![0, 255]));
    Parcel { fixed, grows: BytesMut::from(&b"grows"[..]), owned, numbers: vec![1, 2] }
}

#[tractor::actor_fn]
async fn reversed(bytes: Bytes) -> Bytes {
    bytes.iter().rev().copied().collect()
}

#[tractor::actor_fn]
async fn doubled(bytes: BytesMut) -> BytesMut {
    BytesMut::from(&bytes.repeat(2)[..])
}

#[tractor::actor_fn]
async fn joined(one: Vec<u8>, two: ByteBuf, three: &[u8]) -> Vec<u8> {
    [&one, &**two, three].concat()
}

#[tractor::actor_fn]
async fn unpacked(parcel: Parcel) -> Result<Parcel> {
    Ok(parcel)
}

mod declared {
    use super::{ByteBuf, Bytes, Parcel};

    #[tractor::actor_fn(extern, module = "it::calls_bytes")]
    pub(super) async fn reversed(bytes: Bytes) -> Bytes;

    #[tractor::actor_fn(extern, module = "it::calls_bytes")]
    pub(super) async fn joined(one: Vec<u8>, two: ByteBuf, three: &[u8]) -> Vec<u8>;

    #[tractor::actor_fn(extern, module = "it::calls_bytes")]
    pub(super) async fn unpacked(parcel: Parcel) -> Result<Parcel, String>;
}

/// A first value, a last one, and a stream that answers text with bytes.
#[tractor::context(started = Bytes, send = Vec<u8>, recv = String | Bytes, returns = Vec<u8>)]
async fn answers(ctx: Context<Bytes, Vec<u8>, AnswersRecv>) -> Result<Vec<u8>> {
    let mut stream = ctx.started(Bytes::from_static(b"first")).await?.open_stream();
    while let Some(value) = stream.receive().await? {
        let answer = match value {
            AnswersRecv::String(text) => format!("text {text}").into_bytes(),
            AnswersRecv::Bytes(bytes) => [b"bytes ", &bytes[..]].concat(),
        };
        stream.send(answer).await?;
    }
    Ok(b"last".to_vec())
}

async fn check(portal: &Portal) -> Result<()> {
    assert_eq!(portal.run(reversed(Bytes::from_static(b"abc"))).await?, "cba");
    assert_eq!(portal.run(declared::reversed(Bytes::new())).await?, "");
    assert_eq!(portal.run(doubled(BytesMut::from(&b"ab"[..]))).await?, "abab");
    let parts = || (vec![1], ByteBuf::from(vec![2, 3]), [4]);
    let (one, two, three) = parts();
    assert_eq!(portal.run(joined(one, two, &three)).await?, [1, 2, 3, 4]);
    let (one, two, three) = parts();
    assert_eq!(portal.run(declared::joined(one, two, &three)).await?, [1, 2, 3, 4], "by name");
    assert_eq!(portal.run(unpacked(parcel())).await?, parcel());
    assert_eq!(portal.run(declared::unpacked(parcel())).await?, parcel(), "by name");
    let last = portal.open_context(answers(), async |ctx, first| -> Result<Vec<u8>> {
        assert_eq!(first, "first");
        let mut stream = ctx.open_stream();
        stream.send("ab".to_owned()).await?;
        assert_eq!(stream.receive().await?, Some(b"text ab".to_vec()));
        stream.send(Bytes::from_static(b"ab")).await?;
        assert_eq!(stream.receive().await?, Some(b"bytes ab".to_vec()));
        stream.wait_for_result().await
    });
    assert_eq!(last.await?, b"last");
    Ok(())
}

#[tractor::test]
async fn bytes_travel_in_memory() -> Result<()> {
    with_local(MODULE, check).await
}

#[tractor::test]
async fn bytes_travel_between_processes() -> Result<()> {
    with_process(MODULE, check).await
}

/// `Value` shows binary as it is on the wire, and so as a peer in another language reads it.
#[tractor::test]
async fn a_whole_list_of_bytes_is_binary_and_read_from_both_forms() -> Result<()> {
    with_local(MODULE, async |portal| {
        let list = |bytes: &[u8]| Value::Array(bytes.iter().map(|byte| Value::from(*byte)).collect());
        let call = || DynCall::new(MODULE, "joined");
        let binary = |bytes: &[u8]| Value::Binary(bytes.to_vec());
        for one in [binary(&[1]), list(&[1])] {
            let call = call().arg("one", one).arg("two", list(&[2])).arg("three", binary(&[3]));
            assert_eq!(portal.run_dyn::<Value>(call).await?, binary(&[1, 2, 3]));
        }
        let typed = call().arg("one", vec![1u8]).arg("two", vec![2u8]).arg("three", vec![3u8]);
        assert_eq!(portal.run_dyn::<Vec<u8>>(typed).await?, [1, 2, 3]);

        let seen: Value = portal.run_dyn(DynCall::new(MODULE, "unpacked").arg("parcel", parcel())).await?;
        assert_eq!(seen["fixed"], binary(b"fixed"));
        assert_eq!(seen["grows"], binary(b"grows"));
        assert_eq!(seen["owned"], binary(&[0, 255]));
        assert_eq!(seen["numbers"], list(&[1, 2]), "inside of another type it is serde's list");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn text_does_not_pass_for_bytes() -> Result<()> {
    with_local(MODULE, async |portal| {
        let call = DynCall::new(MODULE, "reversed").arg("bytes", "text");
        let error = portal.run_dyn::<Value>(call).await.expect_err("it takes bytes");
        assert!(error.to_string().contains("invalid type: str, expected bytes"), "{error}");
        let call = DynCall::new(MODULE, "reversed").arg("bytes", Bytes::from_static(b"ab"));
        let error = portal.run_dyn::<String>(call).await.expect_err("it gives bytes");
        assert!(error.to_string().contains("invalid type: bytes, expected str"), "{error}");
        Ok(())
    })
    .await
}

/// In both layouts: without field names in one image, and with them.
#[tractor::test]
async fn fifteen_mebibytes_are_one_copy_each_way() -> Result<()> {
    in_nursery(async |tree, an| {
        let worker = an.start_actor(tree.name("worker")).expose(joined).await?;
        let big = vec![7; 15 << 20];
        for by_name in [false, true] {
            let (one, two) = (big.clone(), ByteBuf::new());
            let begin = std::time::Instant::now();
            let back = match by_name {
                false => worker.run(joined(one, two, &[])).await?,
                true => worker.run(declared::joined(one, two, &[])).await?,
            };
            println!("15 MiB there and back, by name: {by_name}: {:?}", begin.elapsed());
            assert!(back == big, "they are the same bytes");
        }
        worker.cancel_actor().await?;
        Ok(())
    })
    .await
}
