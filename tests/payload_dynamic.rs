//! Payloads that are checked at run time: contexts known by name only, limits on a scope, strict streams.

mod support;

use serde::{Deserialize, Serialize, Serializer};
use support::{forever, in_root, tree, with_local, with_process};
use tractor::error::{Blame, MsgTypeError};
use tractor::prelude::*;
use tractor::{Check, DynCall, Error, PldSpec, Result, Value, limit_plds};

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

/// Sends back what it gets, times `by`; a zero comes back as text.
#[tractor::context(started = i64, send = Value, recv = i64, returns = i64)]
async fn scale(ctx: Context<i64, Value, i64>, by: i64) -> Result<i64> {
    let mut ctx = ctx.started(by).await?;
    let mut stream = ctx.open_stream().await?;
    let mut count = 0;
    while let Some(n) = stream.receive().await? {
        count += 1;
        let scaled = if n == 0 { Value::from("zero") } else { Value::Int(n * by) };
        stream.send(scaled).await?;
    }
    Ok(count)
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
    tree(async |tree| {
        with_process(tree, module_path!(), async |worker| {
            let call = || name_of("add").arg("a", 1).arg("b", 2);
            assert_eq!(worker.run_dyn(call()).await?, Value::Int(3));
            assert_eq!(worker.run_dyn(call().returns(PldSpec::Int)).await?, Value::Int(3));
            let parsed: DynCall = format!("{}:add", module_path!()).parse()?;
            assert_eq!(parsed.to_string(), format!("{}:add", module_path!()));
            assert_eq!(worker.run_dyn(parsed.arg("a", 3).arg("b", 4)).await?, Value::Int(7));

            let error = worker.run_dyn(call().returns(PldSpec::Str | PldSpec::Nil)).await.unwrap_err();
            let problem = type_error(&error);
            assert_eq!((problem.message_type(), problem.blame()), ("Return", Blame::Peer));
            assert_eq!((problem.value(), problem.found()), ("3", "int"));
            assert_eq!(problem.expected(), "str | nil");
            assert_eq!(problem.sender().as_ref(), Some(worker.uid()));
            let text = "invalid `Return` msg payload: 3 has type int, which does not match type-spec `Return.pld: \
                        str | nil`: expected str | nil";
            assert_eq!(error.to_string(), text);

            let point = Value::of(&Point { x: 1, y: 2 }).expect("encodable");
            let back = worker.run_dyn(name_of("mirrored").arg("point", point)).await?;
            assert_eq!(back.to::<Point>().expect("a point"), Point { x: 2, y: 1 });

            let again = name_of("add").arg("a", 7).arg("b", 2).arg("a", 1);
            assert_eq!(worker.run_dyn(again).await?, Value::Int(3), "the last of one name");
            let point = worker.run_dyn(name_of("mirrored").arg("point", Value::of(&Point { x: 1, y: 2 }).expect("encodable"))).await?;
            let fields = [(Value::from("x"), Value::Int(2)), (Value::from("y"), Value::Int(1))];
            assert_eq!(point, Value::Map(fields.into()), "fields have their names");

            for text in ["", "add", "a::b", "a:", ":b"] {
                assert!(matches!(text.parse::<DynCall>(), Err(Error::Runtime(_))), "{text}");
            }
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn an_endpoint_of_another_kind_says_how_it_is_opened() -> Result<()> {
    tree(async |tree| {
        with_process(tree, module_path!(), async |worker| {
            let error = worker.run_dyn(name_of("scale").arg("by", 3)).await.unwrap_err();
            assert!(error.to_string().contains("no function: open a context with `open_context`"), "{error}");
            let call = name_of("add").arg("a", 1).arg("b", 2);
            let opened = worker.open_context_dyn(call, async |_, first| -> Result<()> {
                panic!("the body ran with {first:?}")
            });
            let error = opened.await.unwrap_err();
            assert!(error.to_string().contains("no context: call a function with `run`"), "{error}");
            assert_eq!(worker.dialogs_open(), 0);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_context_known_by_name() -> Result<()> {
    tree(async |tree| {
        with_process(tree, module_path!(), async |worker| {
            let call = name_of("scale").arg("by", 3).pld_spec(PldSpec::Int);
            let count = worker
                .open_context_dyn(call, async |ctx, first| {
                    assert_eq!(first, Value::Int(3));
                    let mut stream = ctx.open_stream().await?;
                    stream.send(Value::Int(5)).await?;
                    assert_eq!(stream.receive().await?, Some(Value::Int(15)));

                    let error = stream.send(Value::from("five")).await.unwrap_err();
                    let problem = type_error(&error);
                    assert_eq!((problem.message_type(), problem.blame()), ("Yield", Blame::Local));
                    assert_eq!((problem.value(), problem.expected()), ("\"five\"", "int"));

                    stream.send(Value::Int(0)).await?;
                    let error = stream.receive().await.unwrap_err();
                    let problem = type_error(&error);
                    assert_eq!((problem.value(), problem.blame()), ("\"zero\"", Blame::Peer));
                    assert!(problem.bad_msg().is_some());
                    assert_eq!(problem.cid(), Some(ctx.cid()));
                    stream.close().await?;
                    ctx.wait_for_result().await
                })
                .await?;
            assert_eq!(count, Value::Int(2), "what did not fit was not sent");

            let call = name_of("scale").arg("by", 3).started(PldSpec::Str);
            let opened = worker.open_context_dyn(call, async |_, first| -> Result<()> {
                panic!("the body ran with {first:?}")
            });
            assert_eq!(type_error(&opened.await.unwrap_err()).message_type(), "Started");

            let call = name_of("scale").arg("by", 3).returns(PldSpec::Nil);
            let opened = worker.open_context_dyn(call, async |ctx, _| {
                ctx.open_stream().await?.close().await?;
                ctx.wait_for_result().await
            });
            assert_eq!(type_error(&opened.await.unwrap_err()).message_type(), "Return");
            assert_eq!(worker.dialogs_open(), 0);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::context(pld_spec = Option<i64>, returns = ())]
async fn echoes(ctx: Context<Option<i64>>) -> Result<()> {
    let mut ctx = ctx.started(None).await?;
    let mut stream = ctx.open_stream().await?;
    while let Some(value) = stream.receive().await? {
        stream.send(value).await?;
    }
    Ok(())
}

#[tractor::test]
async fn limits_nest_and_are_lifted() -> Result<()> {
    tree(async |_| {
        with_local(module_path!(), async |worker| {
            worker
                .open_context(echoes(), async |ctx, _| {
                    let mut stream = ctx.open_stream().await?;
                    for value in [Some(1), None, None, None, Some(2)] {
                        stream.send(value).await?;
                    }
                    limit_plds(PldSpec::Int | PldSpec::Nil, async || -> Result<()> {
                        assert_eq!(stream.receive().await?, Some(Some(1)));
                        let limited = limit_plds(PldSpec::Int, async || stream.receive().await).await;
                        let error = limited.unwrap_err();
                        let problem = type_error(&error);
                        assert_eq!((problem.expected(), problem.blame()), ("int", Blame::Peer));
                        assert_eq!((problem.value(), problem.found()), ("nil", "nil"));
                        assert_eq!(stream.receive().await?, Some(None), "the inner limit is lifted");
                        Ok(())
                    })
                    .await?;
                    assert_eq!(stream.receive().await?, Some(None));
                    {
                        // A limit whose body is dropped is lifted, too.
                        let limited = limit_plds(PldSpec::Nil, async || -> Result<()> {
                            forever().await;
                            Ok(())
                        });
                        let mut limited = Box::pin(limited);
                        assert!(support::poll_once(&mut limited).await.is_pending());
                    }
                    assert_eq!(stream.receive().await?, Some(Some(2)));
                    stream.close().await
                })
                .await
        })
        .await
    })
    .await
}

#[tractor::context(pld_spec = Option<i64>, returns = ())]
async fn limited_start(ctx: Context<Option<i64>>) -> Result<()> {
    limit_plds(PldSpec::Int, async || ctx.started(None).await).await.map(drop)
}

#[tractor::actor_fn]
async fn limited_function() -> Result<()> {
    limit_plds(PldSpec::Int, async || Ok(())).await
}

#[tractor::test]
async fn limits_hold_on_the_side_of_an_endpoint_and_nowhere_else() -> Result<()> {
    tree(async |tree| {
        with_process(tree, module_path!(), async |worker| {
            let opened: Result<()> = worker.open_context(limited_start(), async |_, _| Ok(())).await;
            let error = opened.unwrap_err();
            let problem = type_error(&error);
            assert_eq!((problem.message_type(), problem.expected()), ("Started", "int"));
            assert_eq!((problem.blame(), problem.value()), (Blame::Peer, "nil"));

            let error = worker.run(limited_function()).await.unwrap_err();
            assert!(error.to_string().contains("there is none"), "{error}");
            let error: Error = limit_plds(PldSpec::Any, async || Ok(())).await.unwrap_err();
            assert!(matches!(error, Error::Runtime(_)), "{error:?}");
            Ok(())
        })
        .await?;
        in_root(async || {
            let error: Error = limit_plds(PldSpec::Any, async || Ok(())).await.unwrap_err();
            assert!(matches!(error, Error::Runtime(_)), "{error:?}");
            Ok(())
        })
        .await
    })
    .await
}

/// Writes itself as text when negative, and one too much when odd; reads numbers.
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
    let mut ctx = started?;
    let mut stream = ctx.open_stream().await?;
    while stream.receive().await?.is_some() {}
    Ok(())
}

#[tractor::test]
async fn how_far_a_first_value_is_checked() -> Result<()> {
    tree(async |_| {
        with_local(module_path!(), async |worker| {
            let open = async |value, check| -> Result<Moody> {
                worker
                    .open_context(starts_moody(value, check), async |ctx, first| {
                        ctx.open_stream().await?.close().await?;
                        Ok(first)
                    })
                    .await
            };
            for check in 0..3 {
                assert_eq!(open(2, check).await?, Moody(2));
            }
            let reported = |error: &Error| error.to_string().starts_with("actor ");
            let error = open(-1, 0).await.unwrap_err();
            assert!(!reported(&error), "found here: {error}");
            assert_eq!(type_error(&error).blame(), Blame::Peer);
            for check in 1..3 {
                let error = open(-1, check).await.unwrap_err();
                assert!(reported(&error), "found there: {error}");
                assert_eq!(type_error(&error).blame(), Blame::Peer);
            }
            assert_eq!(open(3, 1).await?, Moody(4), "it decodes, to something else");
            let error = open(3, 2).await.unwrap_err();
            assert!(error.to_string().contains("decodes to another value"), "{error}");
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn a_strict_stream_finds_its_own_mistakes() -> Result<()> {
    tree(async |_| {
        with_local(module_path!(), async |worker| {
            let opened = worker.open_context(starts_moody(0, 1), async |ctx, _| {
                let stream = ctx.open_stream().await?.strict();
                let error = stream.send(Moody(-1)).await.unwrap_err();
                let problem = type_error(&error);
                assert_eq!((problem.message_type(), problem.blame()), ("Yield", Blame::Local));
                assert_eq!(problem.sender(), Some(tractor::current_actor().uid().clone()));
                stream.send(Moody(2)).await?;
                limit_plds(PldSpec::Nil, async || -> Result<()> {
                    let error = stream.send(Moody(2)).await.unwrap_err();
                    assert_eq!(type_error(&error).expected(), "nil");
                    Ok(())
                })
                .await
            });
            opened.await?;

            let opened: Result<()> = worker
                .open_context(starts_moody(0, 1), async |ctx, _| {
                    let stream = ctx.open_stream().await?;
                    stream.send(Moody(-1)).await?;
                    ctx.wait_for_result().await
                })
                .await;
            let error = opened.unwrap_err();
            assert_eq!(type_error(&error).blame(), Blame::Local, "the receiver blames this side: {error}");
            Ok(())
        })
        .await
    })
    .await
}
