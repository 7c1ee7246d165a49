//! `validate = path`: values of the right type which the dialog does not allow, and who is to blame for them.

mod support;

use support::{tree, with_local, with_process};
use tractor::error::{Blame, RemoteKind};
use tractor::{Context, DynCall, Error, Portal, StreamSender};

fn even(n: &i64) -> Result<(), String> {
    if n % 2 == 0 { Ok(()) } else { Err(format!("{n} is odd")) }
}

fn small(n: &u8) -> Result<(), &'static str> {
    if *n < 100 { Ok(()) } else { Err("too large") }
}

/// Returns what it is told, first and last, and streams the rest.
#[tractor::context(pld_spec = i64, validate = even)]
async fn tells(ctx: Context<i64>, first: i64, then: i64, last: i64) -> tractor::Result<i64> {
    let mut ctx = ctx.started(first).await?;
    let mut stream = ctx.open_stream().await?;
    stream.send(then).await?;
    while stream.receive().await?.is_some() {}
    Ok(last)
}

async fn hear(portal: &Portal, first: i64, then: i64, last: i64, sent: i64) -> tractor::Result<i64> {
    portal
        .open_context(tells(first, then, last), async |ctx, _first| -> tractor::Result<i64> {
            let mut stream = ctx.open_stream().await?;
            stream.receive().await?;
            stream.send(sent).await?;
            stream.finish()?;
            ctx.wait_for_result().await
        })
        .await
}

/// The failure is about a value that `even` refuses; says where it was found.
fn verdict(error: &Error) -> (&str, Option<Blame>) {
    assert!(error.to_string().contains("is odd"), "{error}");
    assert!(error.to_string().contains("endpoint_rules:tells"), "{error}");
    match error {
        Error::MsgType(error) => (error.message_type(), Some(error.blame())),
        other => panic!("no `MsgTypeError`: {other:?}"),
    }
}

#[tractor::test]
async fn values_that_keep_to_the_rule_pass() -> tractor::Result<()> {
    tree(async |tree| {
        with_process(tree, module_path!(), async |portal| {
            assert_eq!(hear(portal, 2, 4, 6, 8).await?, 6);
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn first_and_last_values_are_checked_by_who_sends_them() -> tractor::Result<()> {
    tree(async |tree| {
        with_process(tree, module_path!(), async |portal| {
            for (result, message) in
                [(hear(portal, 1, 2, 2, 2).await, "Started"), (hear(portal, 2, 2, 1, 2).await, "Return")]
            {
                let error = result.expect_err("a value is odd");
                // It was found there and arrives as a report: no value that breaks the rule has travelled.
                assert_eq!(verdict(&error), (message, Some(Blame::Peer)));
                assert!(error.to_string().contains("reports"), "{error}");
            }
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn streamed_values_are_checked_by_who_receives_them() -> tractor::Result<()> {
    tree(async |tree| {
        with_process(tree, module_path!(), async |portal| {
            let error = hear(portal, 2, 1, 2, 2).await.expect_err("the child side sent an odd value");
            assert_eq!(verdict(&error), ("Yield", Some(Blame::Peer)));
            let error = hear(portal, 2, 2, 2, 1).await.expect_err("this side sent an odd value");
            assert_eq!(verdict(&error), ("Yield", Some(Blame::Local)));
            assert!(error.to_string().contains("reports"), "{error}");
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn on_a_strict_stream_they_are_checked_by_who_sends_them() -> tractor::Result<()> {
    with_local(module_path!(), async |portal| {
        portal
            .open_context(tells(2, 2, 2), async |ctx, _first| -> tractor::Result<()> {
                let stream = ctx.open_stream().await?.strict();
                let error = stream.send(1).await.expect_err("1 is odd");
                assert_eq!(verdict(&error), ("Yield", Some(Blame::Local)));
                assert!(!error.to_string().contains("reports"), "{error}");
                // Nothing was sent, and the stream goes on.
                stream.send(2).await?;
                stream.close().await?;
                assert_eq!(ctx.wait_for_result().await?, 2);
                Ok(())
            })
            .await
    })
    .await
}

/// One direction has a rule, the other has none; the endpoint sees what it receives.
#[tractor::context(send = i64, recv = i64, validate_send = even)]
async fn one_way(ctx: Context<(), i64>) -> tractor::Result<()> {
    let mut ctx = ctx.started(()).await?;
    let mut stream = ctx.open_stream().await?;
    while let Some(n) = stream.receive().await? {
        stream.send(n).await?;
    }
    Ok(())
}

#[tractor::test]
async fn a_rule_of_one_direction_is_about_that_direction_only() -> tractor::Result<()> {
    with_local(module_path!(), async |portal| {
        let error = portal
            .open_context(one_way(), async |ctx, ()| -> tractor::Result<()> {
                let mut stream = ctx.open_stream().await?;
                let mut reader = stream.subscribe();
                stream.send(2).await?;
                assert_eq!(reader.receive().await?, Some(2));
                stream.send(1).await?;
                reader.receive().await.map(|_| ())
            })
            .await
            .expect_err("an odd value came back");
        assert!(matches!(&error, Error::MsgType(error) if error.blame() == Blame::Peer), "{error:?}");
        Ok(())
    })
    .await
}

#[tractor::actor_fn(validate = small)]
async fn sums(a: u8, b: u8) -> u8 {
    a + b
}

#[tractor::stream(validate = small)]
async fn counts(out: StreamSender<u8>, from: u8) -> tractor::Result<()> {
    for n in from..from + 2 {
        out.send(n).await?;
    }
    Ok(())
}

#[tractor::test]
async fn results_of_functions_and_items_of_streams() -> tractor::Result<()> {
    with_local(module_path!(), async |portal| {
        assert_eq!(portal.run(sums(1, 2)).await?, 3);
        let error = portal.run(sums(99, 1)).await.expect_err("too large");
        assert!(error.to_string().contains("too large"), "{error}");
        assert_eq!(sums(99, 1).await, 100, "a call that runs here is a call");

        let read = async |stream: &mut tractor::ReceiveStream<u8>| -> tractor::Result<u8> {
            let mut last = 0;
            while let Some(n) = stream.receive().await? {
                last = n;
            }
            Ok(last)
        };
        assert_eq!(portal.open_stream_from(counts(7), read).await?, 8);
        let error = portal.open_stream_from(counts(99), read).await.expect_err("too large");
        assert!(
            matches!(&error, Error::MsgType(error) if error.message_type() == "Yield"),
            "the item is refused: {error:?}"
        );
        Ok(())
    })
    .await
}

fn word(text: &str) -> Result<(), &'static str> {
    if text.contains(' ') { Err("more than one word") } else { Ok(()) }
}

#[tractor::actor_fn]
async fn repeats(
    #[tractor(rename = "word", validate = word)] text: &str,
    #[tractor(validate = small, default = 100)] times: u8,
) -> String {
    text.repeat(times.into())
}

#[tractor::context(started = ())]
async fn waits_for(ctx: Context<(), (), ()>, #[tractor(validate = even)] n: i64) -> tractor::Result<()> {
    assert_eq!(n % 2, 0);
    ctx.started(()).await?;
    Ok(())
}

#[tractor::stream]
async fn counts_to(out: StreamSender<i64>, #[tractor(validate = even)] n: i64) -> tractor::Result<()> {
    out.send(n).await
}

/// The request was refused before it left, because of the rule of this argument.
#[track_caller]
fn refused_here<T: std::fmt::Debug>(result: tractor::Result<T>, endpoint: &str, argument: &str, value: &str) {
    let error = result.expect_err("the rule refuses it");
    let text = error.to_string();
    let whose = format!("argument `{argument}` of `endpoint_rules:{endpoint}`: `validate` says: ");
    assert!(text.contains(&whose), "{text}");
    let Error::MsgType(error) = error else { panic!("{error:?}") };
    assert_eq!((error.message_type(), error.blame(), error.cid()), ("Start", Blame::Local, None));
    assert_eq!(error.value(), value);
    assert!(text.contains(&format!("{value} has type {}, which does not match", error.found())), "{text}");
    assert_ne!(error.found(), error.expected());
}

#[tractor::test]
async fn arguments_are_checked_before_the_request_leaves() -> tractor::Result<()> {
    tree(async |tree| {
        with_process(tree, module_path!(), async |portal| {
            assert_eq!(portal.run(repeats("a", 2)).await?, "aa");
            refused_here(portal.run(repeats("a b", 2)).await, "repeats", "word", "\"a b\"");
            refused_here(portal.run(repeats("a", 100)).await, "repeats", "times", "100");
            let opened = portal.open_context(waits_for(1), async |_, ()| tractor::Result::Ok(())).await;
            refused_here(opened, "waits_for", "n", "1");
            let opened = portal.open_stream_from(counts_to(1), async |_| tractor::Result::Ok(())).await;
            refused_here(opened, "counts_to", "n", "1");
            assert_eq!(portal.dialogs_open(), 0);
            let opened: tractor::Result<()> = portal.open_context(waits_for(2), async |_, ()| Ok(())).await;
            assert!(opened.is_ok(), "{opened:?}");
            assert_eq!(repeats("a b", 2).await, "a ba b", "a call that runs here is a call");
            Ok(())
        })
        .await
    })
    .await
}

#[tractor::test]
async fn arguments_of_other_sources_are_checked_where_they_arrive() -> tractor::Result<()> {
    tree(async |tree| {
        with_process(tree, module_path!(), async |portal| {
            let run = async |word: &str, times: Option<u8>| -> tractor::Result<String> {
                let call = DynCall::new(module_path!(), "repeats").arg("word", word.to_owned());
                portal.run_dyn(times.into_iter().fold(call, |call, times| call.arg("times", times))).await
            };
            assert_eq!(run("a", Some(2)).await?, "aa");
            for (word, times, text) in [
                ("a b", Some(1), "argument `word`: \"a b\" is refused: `validate` says: more than one word"),
                ("a", Some(100), "argument `times`: 100 is refused: `validate` says: too large"),
                // The default is no exception.
                ("a", None, "argument `times`: its value is refused: `validate` says: too large"),
            ] {
                let error = run(word, times).await.expect_err("the rule refuses it");
                let remote = error.as_remote().expect("the callee says so");
                assert_eq!(remote.kind(), RemoteKind::Arguments, "{error}");
                assert!(remote.message().contains(text), "{error}");
            }
            Ok(())
        })
        .await
    })
    .await
}

/// The rule of a declaration is its caller's.
#[tractor::test]
async fn a_declaration_has_rules_of_its_own() -> tractor::Result<()> {
    #[tractor::actor_fn(module = "rules.service")]
    async fn doubles(n: i64) -> i64 {
        2 * n
    }
    mod declared {
        #[tractor::actor_fn(extern, module = "rules.service")]
        pub(super) async fn doubles(#[tractor(validate = super::even)] n: i64) -> i64;
    }
    tree(async |tree| {
        with_process(tree, "rules.service", async |portal| {
            assert_eq!(portal.run(doubles(1)).await?, 2);
            assert_eq!(portal.run(declared::doubles(2)).await?, 4);
            let error = portal.run(declared::doubles(1)).await.expect_err("1 is odd");
            assert!(error.to_string().contains("argument `n` of `rules.service:doubles`"), "{error}");
            Ok(())
        })
        .await
    })
    .await
}
