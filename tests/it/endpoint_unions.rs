//! Dialogs whose messages have one of several types: `pld_spec = A | B`.

use serde::{Deserialize, Serialize};
use support::{with_local, with_process};
use tractor::{Context, DynCall, Portal, Value};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: i64,
}

/// Looks like a `Point` on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Size {
    x: i64,
    y: i64,
}

/// Neither printable nor comparable.
#[derive(Serialize, Deserialize)]
struct Opaque(u8);

#[tractor::context(pld_spec = Point | Size | String | Vec<u8> | None)]
async fn echoes(ctx: Context<EchoesPld>) -> tractor::Result<EchoesPld> {
    let ctx = ctx.started("ready".to_owned()).await?;
    let mut stream = ctx.open_stream();
    let mut count = 0;
    while let Some(value) = stream.receive().await? {
        count += 1;
        match value {
            EchoesPld::Point(Point { x, y }) => stream.send(Size { x, y }).await?,
            EchoesPld::Size(Size { x, y }) => stream.send(Point { x, y }).await?,
            EchoesPld::String(text) => stream.send(text.into_bytes()).await?,
            EchoesPld::VecU8(bytes) => stream.send(&EchoesPld::VecU8(bytes)).await?,
            EchoesPld::None => stream.send(None).await?,
        }
    }
    Ok(format!("{count} values").into())
}

async fn check(portal: &Portal) -> tractor::Result<()> {
    let last = portal
        .open_context(echoes(), async |ctx, first| -> tractor::Result<EchoesPld> {
            assert_eq!(first, EchoesPld::String("ready".to_owned()));
            let handle = ctx.handle();
            let mut stream = ctx.open_stream();
            stream.send(Point { x: 1, y: 2 }).await?;
            assert_eq!(stream.receive().await?, Some(EchoesPld::Size(Size { x: 1, y: 2 })));
            stream.send(Size { x: 3, y: 4 }).await?;
            assert_eq!(stream.receive().await?, Some(EchoesPld::Point(Point { x: 3, y: 4 })));
            stream.send("two".to_owned()).await?;
            assert_eq!(stream.receive().await?, Some(EchoesPld::VecU8(b"two".to_vec())));
            let (half, _) = stream.split();
            half.send(EchoesPld::from(vec![0, 255])).await?;
            assert_eq!(stream.receive().await?, Some(EchoesPld::VecU8(vec![0, 255])));
            let mut readers = stream.subscribe();
            readers.send(()).await?;
            assert_eq!(readers.receive().await?, Some(EchoesPld::None));
            stream.close();
            handle.wait_for_result().await
        })
        .await?;
    assert_eq!(last.clone(), EchoesPld::String("5 values".to_owned()));
    assert_eq!(format!("{last:?}"), r#"String("5 values")"#);
    Ok(())
}

#[tractor::test]
async fn every_type_keeps_its_variant_between_processes() -> tractor::Result<()> {
    with_process(module_path!(), check).await
}

#[tractor::test]
async fn every_type_keeps_its_variant_in_memory() -> tractor::Result<()> {
    with_local(module_path!(), check).await
}

/// Each direction has a union of its own.
#[tractor::context(started = u8 | None, send = i64 | bool, recv = Opaque | char, returns = f64 | String)]
async fn directions(
    ctx: Context<DirectionsStarted, DirectionsSend, DirectionsRecv>,
) -> Result<DirectionsReturns, String> {
    let run = async || -> tractor::Result<DirectionsReturns> {
        let ctx = ctx.started(None).await?;
        let mut stream = ctx.open_stream();
        while let Some(value) = stream.receive().await? {
            match value {
                DirectionsRecv::Opaque(Opaque(byte)) => stream.send(i64::from(byte)).await?,
                DirectionsRecv::Char(letter) => stream.send(letter.is_alphabetic()).await?,
            }
        }
        Ok(0.5.into())
    };
    run().await.map_err(|error| error.to_string())
}

#[tractor::context(started = u8 | None, send = i64 | None, recv = String | None, returns = Point | None)]
async fn parses(ctx: Context<ParsesStarted, ParsesSend, ParsesRecv>) -> tractor::Result<ParsesReturns> {
    let ctx = ctx.started(Some(7)).await?;
    let mut stream = ctx.open_stream();
    while let Some(value) = stream.receive().await? {
        match value {
            ParsesRecv::String(text) => stream.send(text.parse().ok()).await?,
            ParsesRecv::None => stream.send(-1).await?,
        }
    }
    Ok(Some(Point { x: 1, y: 2 }).into())
}

#[tractor::test]
async fn an_option_is_a_value_of_one_type_or_none() -> tractor::Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(parses(), async |ctx, first| {
                assert_eq!(first, ParsesStarted::U8(7));
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                stream.send(Some("5".to_owned())).await?;
                stream.send("five".to_owned()).await?;
                stream.send(None).await?;
                for value in [ParsesSend::I64(5), ParsesSend::None, ParsesSend::I64(-1)] {
                    assert_eq!(stream.receive().await?, Some(value));
                }
                stream.close();
                assert_eq!(handle.wait_for_result().await?, ParsesReturns::Point(Point { x: 1, y: 2 }));
                Ok(())
            })
            .await
    })
    .await
}

#[tractor::test]
async fn a_value_of_none_of_the_types_is_told_which_there_are() -> tractor::Result<()> {
    with_local(module_path!(), async |portal| {
        let call = DynCall::new(module_path!(), "parses");
        let opened = portal.open_context_dyn(call, async |ctx, _| -> tractor::Result<()> {
            let handle = ctx.handle();
            let stream = ctx.open_stream();
            stream.send(Value::from(true)).await?;
            handle.wait_for_result().await.map(drop)
        });
        let error = opened.await.expect_err("it is no text");
        let text = "true has type bool, which does not match type-spec `Yield.pld: String | None`";
        assert!(error.to_string().contains(text), "{error}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn each_direction_has_its_own_union() -> tractor::Result<()> {
    with_local(module_path!(), async |portal| {
        let body = async |ctx: tractor::ParentContext<directions>, first| {
            assert_eq!(first, DirectionsStarted::None);
            let mut stream = ctx.open_stream();
            stream.send(Opaque(7)).await?;
            assert_eq!(stream.receive().await?, Some(DirectionsSend::I64(7)));
            stream.send('x').await?;
            assert_eq!(stream.receive().await?, Some(DirectionsSend::Bool(true)));
            stream.wait_for_result().await
        };
        assert_eq!(portal.open_context(directions(), body).await?, DirectionsReturns::F64(0.5));
        Ok(())
    })
    .await
}
