//! Payloads that are checked at run time: calls and contexts by name, first values, strict streams.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize, Serializer};
use support::{with_local, with_process};
use tractor::error::{Blame, MsgTypeError};
use tractor::prelude::*;
use tractor::{Check, DynCall, Error, Result, Value};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: i64,
}

#[tractor::actor_fn]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tractor::actor_fn]
async fn mirrored(point: Point) -> Point {
    Point { x: point.y, y: point.x }
}

/// serde encodes an `Ipv4Addr` as text in readable formats, and so here in the layout with names.
#[tractor::actor_fn]
async fn octets(of: Ipv4Addr) -> [u8; 4] {
    of.octets()
}

/// Sends back each number, times `by`; a zero comes back as text.
#[tractor::context(started = i64, send = Value, recv = i64, returns = i64)]
async fn scale(ctx: Context<i64, Value, i64>, by: i64) -> Result<i64> {
    let ctx = ctx.started(by).await?;
    let mut stream = ctx.open_stream();
    let mut count = 0;
    while let Some(n) = stream.receive().await? {
        count += 1;
        let scaled = if n == 0 { Value::from("zero") } else { Value::from(n * by) };
        stream.send(scaled).await?;
    }
    Ok(count)
}

#[tractor::stream]
async fn counts(stream: StreamSender<i64>, to: i64) -> Result<()> {
    for n in 0..to {
        stream.send(n).await?;
    }
    Ok(())
}

fn name_of(name: &str) -> DynCall {
    DynCall::new(module_path!(), name)
}

#[track_caller]
fn type_error(error: &Error) -> &MsgTypeError {
    match error {
        Error::MsgType(problem) => problem,
        other => panic!("not a type error: {other:?}"),
    }
}

#[tractor::test]
async fn a_function_known_by_name() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let call = || name_of("add").arg("a", 1).arg("b", 2);
        assert_eq!(worker.run_dyn::<Value>(call()).await?, Value::from(3));
        assert_eq!(worker.run_dyn::<i64>(call()).await?, 3);
        let parsed: DynCall = format!("{}:add", module_path!()).parse()?;
        assert_eq!(parsed.to_string(), format!("{}:add", module_path!()));
        let parsed = parsed.arg("a", 3).arg("b", Value::from(4));
        assert_eq!(worker.run_dyn::<Value>(parsed).await?, Value::from(7));

        let error = worker.run_dyn::<Option<String>>(call()).await.unwrap_err();
        let problem = type_error(&error);
        assert_eq!((problem.message_type(), problem.blame()), ("Return", Blame::Peer));
        assert_eq!((problem.value(), problem.found()), ("3", "int"));
        let text =
            "invalid `Return` msg payload: 3 has type int, which does not match type-spec `Return.pld: ";
        assert!(error.to_string().contains(text), "{error}");
        assert!(problem.expected().ends_with("Option<alloc::string::String>"), "{}", problem.expected());
        assert_eq!(problem.sender().as_ref(), Some(worker.uid()));

        let mirrored = || name_of("mirrored").arg("point", Point { x: 1, y: 2 });
        assert_eq!(worker.run_dyn::<Point>(mirrored()).await?, Point { x: 2, y: 1 });
        let point = worker.run_dyn::<Value>(mirrored()).await?;
        let fields = [(Value::from("x"), Value::from(2)), (Value::from("y"), Value::from(1))];
        assert_eq!(point, Value::Map(fields.into()), "fields travel with their names");
        assert_eq!(
            worker.run_dyn::<Point>(name_of("mirrored").arg("point", point)).await?,
            Point { x: 1, y: 2 }
        );

        let octets = name_of("octets").arg("of", Ipv4Addr::LOCALHOST);
        assert_eq!(worker.run_dyn::<[u8; 4]>(octets).await?, [127, 0, 0, 1]);

        for text in ["", "add", "a::b", "a:", ":b"] {
            assert!(matches!(text.parse::<DynCall>(), Err(Error::Runtime(_))), "{text}");
        }
        Ok(())
    })
    .await
}

/// Nested arrays, too deep for a recursive encoder, but not for a recursive drop.
fn deep() -> Value {
    (0..4000).fold(Value::Nil, |inner, _| Value::Array(vec![inner]))
}

#[derive(Serialize)]
enum Unencodable {
    #[serde(skip)]
    Skipped,
}

#[tractor::test]
async fn a_bad_argument_is_an_error_of_the_call_which_is_not_sent() -> Result<()> {
    with_local(module_path!(), async |worker| {
        for (call, text) in [
            (name_of("add").arg("a", 1).arg("b", 2).arg("a", 1), "argument `a` is given twice"),
            (
                name_of("add").arg("a", Unencodable::Skipped).arg("b", 2),
                "argument `a`: the value cannot be encoded",
            ),
            (
                name_of("add").arg("a", deep()).arg("b", 2),
                "argument `a`: the value cannot be encoded: it is nested deeper than `nesting_depth_max` allows",
            ),
        ] {
            let errors = [
                worker.run_dyn::<Value>(call.clone()).await.unwrap_err(),
                worker.open_context_dyn(call, async |_, _| Ok::<_, Error>(())).await.unwrap_err(),
            ];
            for error in errors {
                let problem = type_error(&error);
                assert_eq!((problem.message_type(), problem.blame()), ("Start", Blame::Local));
                assert!(error.to_string().contains(text), "{error}");
            }
        }
        assert_eq!(worker.dialogs_open(), 0);
        Ok(())
    })
    .await
}

#[tractor::context(started = (), send = Value, recv = Value, returns = Value)]
async fn repeats(ctx: Context<(), Value, Value>) -> Result<Value> {
    let ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream();
    while let Some(value) = stream.receive().await? {
        stream.send(&value).await?;
    }
    Ok(deep())
}

#[tractor::test]
async fn a_value_that_is_too_deep_is_refused_where_it_is_sent() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let opened = worker.open_context_dyn(name_of("repeats"), async |ctx, first| {
            assert_eq!(first, Value::Nil);
            let handle = ctx.handle();
            let mut stream = ctx.open_stream();
            let error = stream.send(deep()).await.unwrap_err();
            let problem = type_error(&error);
            assert_eq!((problem.message_type(), problem.blame()), ("Yield", Blame::Local));
            assert!(error.to_string().contains("nested deeper than `nesting_depth_max` allows"), "{error}");
            let extension = Value::Ext(7, vec![1, 2, 3]);
            stream.send(&extension).await?;
            assert_eq!(stream.receive().await?, Some(extension), "the stream goes on");
            stream.close();
            handle.wait_for_result().await
        });
        let error = opened.await.unwrap_err();
        assert!(
            error.to_string().contains("nested deeper than `nesting_depth_max` allows"),
            "the result is checked too: {error}"
        );
        assert_eq!(worker.run(add(1, 1)).await?, 2, "the actor goes on");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_endpoint_of_another_kind_says_how_it_is_opened() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let error = worker.run_dyn::<Value>(name_of("scale").arg("by", 3)).await.unwrap_err();
        assert!(error.to_string().contains("not a function: open a context with `open_context`"), "{error}");
        let call = name_of("add").arg("a", 1).arg("b", 2);
        let opened = worker
            .open_context_dyn(call, async |_, first| -> Result<()> { panic!("the body ran with {first:?}") });
        let error = opened.await.unwrap_err();
        assert!(error.to_string().contains("not a context: call a function with `run`"), "{error}");
        assert_eq!(worker.dialogs_open(), 0);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_context_known_by_name() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let count = worker
            .open_context_dyn(name_of("scale").arg("by", 3), async |ctx, first| {
                assert_eq!(first, Value::from(3));
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                stream.send(Value::from(5)).await?;
                assert_eq!(stream.receive().await?, Some(Value::from(15)));
                stream.send(Value::from(0)).await?;
                assert_eq!(stream.receive().await?, Some(Value::from("zero")));
                stream.close();
                handle.wait_for_result().await
            })
            .await?;
        assert_eq!(count, Value::from(2));

        let opened: Result<()> = worker
            .open_context_dyn(name_of("scale").arg("by", 3), async |ctx, _| {
                let mut stream = ctx.open_stream();
                stream.send(Value::from("five")).await?;
                stream.receive().await.map(drop)
            })
            .await;
        let error = opened.unwrap_err();
        let problem = type_error(&error);
        assert_eq!(
            (problem.message_type(), problem.blame()),
            ("Yield", Blame::Local),
            "the receiver reports it"
        );
        assert_eq!((problem.value(), problem.expected()), ("\"five\"", "i64"));
        assert_eq!(worker.dialogs_open(), 0);
        Ok(())
    })
    .await
}

/// Serializes as text if negative, and as its successor if odd. Deserializes from numbers.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct Moody(i64);

impl Serialize for Moody {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0 {
            n if n < 0 => serializer.serialize_str("negative"),
            n => serializer.serialize_i64(n + n % 2),
        }
    }
}

#[tractor::context(pld_spec = Moody, returns = ())]
async fn starts_moody(ctx: Context<Moody>, value: i64, check: u8) -> Result<()> {
    let check = [Check::OFF, Check::DECODES, Check::same()].into_iter().nth(check.into());
    let started = ctx.started_with(Moody(value), check.expect("one of three")).await;
    let ctx = started?;
    let mut stream = ctx.open_stream();
    while stream.receive().await?.is_some() {}
    Ok(())
}

#[tractor::test]
async fn how_far_a_first_value_is_checked() -> Result<()> {
    with_local(module_path!(), async |worker| {
        let open = async |value, check| -> Result<Moody> {
            worker
                .open_context(starts_moody(value, check), async |ctx, first| {
                    ctx.open_stream().close();
                    Ok(first)
                })
                .await
        };
        for check in 0..3 {
            assert_eq!(open(2, check).await?, Moody(2));
        }
        let reported = |error: &Error| error.to_string().starts_with("actor ");
        let error = open(-1, 0).await.unwrap_err();
        assert!(!reported(&error), "this side finds it: {error}");
        assert_eq!(type_error(&error).blame(), Blame::Peer);
        for check in 1..3 {
            let error = open(-1, check).await.unwrap_err();
            assert!(reported(&error), "the peer finds it: {error}");
            assert_eq!(type_error(&error).blame(), Blame::Peer);
        }
        assert_eq!(open(3, 1).await?, Moody(4), "it decodes to another value");
        let error = open(3, 2).await.unwrap_err();
        assert!(error.to_string().contains("decodes to another value"), "{error}");
        Ok(())
    })
    .await
}

/// As [`starts_moody`], but the sender checks streamed values.
#[tractor::context(pld_spec = Moody, returns = (), strict)]
async fn starts_strictly(ctx: Context<Moody>) -> Result<()> {
    let mut stream = ctx.started(Moody(0)).await?.open_stream();
    while stream.receive().await?.is_some() {}
    Ok(())
}

#[tractor::test]
async fn a_strict_stream_finds_its_own_mistakes() -> Result<()> {
    with_local(module_path!(), async |worker| {
        let opened = worker.open_context(starts_strictly(), async |ctx, _| {
            let stream = ctx.open_stream();
            let error = stream.send(Moody(-1)).await.unwrap_err();
            let problem = type_error(&error);
            assert_eq!((problem.message_type(), problem.blame()), ("Yield", Blame::Local));
            assert_eq!(problem.sender(), Some(tractor::current_actor().uid().clone()));
            stream.send(Moody(2)).await
        });
        opened.await?;

        let opened: Result<()> = worker
            .open_context(starts_moody(0, 1), async |ctx, _| {
                let handle = ctx.handle();
                let stream = ctx.open_stream();
                stream.send(Moody(-1)).await?;
                handle.wait_for_result().await
            })
            .await;
        let error = opened.unwrap_err();
        assert_eq!(type_error(&error).blame(), Blame::Local, "the receiver blames this side: {error}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_one_way_stream_known_by_name() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let all = worker.open_stream_from_dyn(name_of("counts").arg("to", 3), async |mut stream| {
            let mut all = Vec::new();
            while let Some(value) = stream.receive().await? {
                all.push(value);
            }
            Ok::<_, Error>(all)
        });
        assert_eq!(all.await?, [0, 1, 2].map(Value::from));
        let left = worker.open_stream_from_dyn(name_of("counts").arg("to", i64::MAX), async |mut stream| {
            stream.receive().await
        });
        assert_eq!(left.await?, Some(Value::from(0)), "leaving early is no error");
        let wrong = worker
            .open_stream_from_dyn(name_of("add").arg("a", 1).arg("b", 2), async |mut stream| {
                stream.receive().await
            });
        let error = wrong.await.expect_err("it is a function");
        assert!(matches!(error, Error::Messaging(_)), "{error:?}");
        Ok(())
    })
    .await
}
