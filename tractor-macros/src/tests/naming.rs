//! Which calls in a body are told the endpoint's name.

use super::Attr::{self, Context, Stream};
use super::expand;

/// The methods that are told it, in the order of the body.
fn named(attr: Attr, body: &str) -> Vec<String> {
    let (args, item) = match attr {
        Context => ("pld_spec = u8", format!("async fn run(mut ctx: Context<u8>) -> u8 {{ {body} }}")),
        _ => ("", format!("async fn run(out: StreamSender<u8>) {{ {body} }}")),
    };
    let expanded = expand(attr, args, &item).to_string();
    let (_, body) = expanded.split_once("async fn __tractor_run").expect("the function is emitted");
    let names = body.match_indices("_in :: < run ").map(|(at, _)| {
        let start = body[..at].rfind(' ').map_or(0, |space| space + 1);
        body[start..at].to_owned()
    });
    names.collect()
}

#[test]
fn the_calls_on_handles_are_told() {
    for (body, expected) in [
        ("ctx.started(1).await; 1", "started"),
        (
            "let mut ctx = ctx.started_with(1, check).await?; ctx.open_stream_with(how).await; 1",
            "started_with open_stream_with",
        ),
        (
            "let ctx = ctx.started(1).await.unwrap(); let s = ctx.open_stream().await?; s.send(1).await",
            "started open_stream send",
        ),
        ("let s: MsgStream<u8> = ctx.open_stream().await?.strict(); s.send(1)", "open_stream send"),
        (
            "let s = ctx.open_stream().await.map_err(|e| { e })?; if a { loop { s.send(1).await? } }",
            "open_stream send",
        ),
        (
            "let s = ctx.open_stream().await?; let (mut tx, rx) = s.split(); tx.send(1); rx.receive(); 1",
            "open_stream send",
        ),
        (
            "let s = ctx.open_stream().await?; let other = s.subscribe(); spawn(async move { other.send(1).await })",
            "open_stream send",
        ),
        ("let mut r#ctx = ctx.started(1).await?; r#ctx.open_stream().await", "started open_stream"),
        // A field of the same name is something else.
        ("x.ctx.started(1); ctx.started(1).await; 1", "started"),
        ("for i in 0..ctx.len() { ctx.started(i) }", "started"),
    ] {
        assert_eq!(named(Context, body).join(" "), expected, "{body}");
    }
    assert_eq!(named(Stream, "let out = out.strict(); out.send(1).await"), ["send"]);
}

#[test]
fn what_may_be_something_else_is_left_alone() {
    for body in [
        // The name may be bound anew.
        "let ctx = other; ctx.started(1)",
        "with(|ctx| ctx.started(1)); 1",
        "if let Some(ctx) = ctx.next() { ctx.started(1) }",
        "let Held { ctx } = held; ctx.started(1)",
        "fn inner(ctx: Other) { ctx.started(1) } 1",
        "for ctx in all { ctx.started(1) }",
        "bind!(ctx); ctx.started(1)",
        "let later; later = ctx; ctx.started(1)",
        "let ctx = if a { ctx.started(1) } else { other }; ctx.started(1)",
        // The call is not one of ours.
        "ctx.started(); ctx.started(1, 2); ctx.open_stream(1); ctx.send(1); ctx.started::<u8>(1); ctx.started",
        "ctx::started(1); ctx().started(1)",
        // A macro may look at its tokens.
        "assert!(ctx.started(1).await.is_ok()); 1",
        "select! { sent = ctx.started(1) => sent }",
    ] {
        assert!(named(Context, body).is_empty(), "{body}");
    }
    for body in [
        // What is bound is no stream.
        "let s = ctx.open_stream().await?.receive().await?; s.send(1)",
        "let s = ctx.open_stream().await?.cid(); s.send(1)",
        "let Ok(s) = ctx.open_stream().await else { return 1 }; s.send(1)",
        "let s; s = ctx.open_stream().await?; s.send(1)",
        "let s = ctx.open_stream().await?; let s = Channel::new(); s.send(1)",
        "let s = ctx.open_stream().await?; pass(s, |s| s.send(1))",
        // One name for a context and for a stream.
        "let ctx = ctx.open_stream().await?; ctx.send(1)",
    ] {
        let named = named(Context, body);
        assert!(!named.contains(&"send".to_owned()), "{named:?} {body}");
    }
    assert!(named(Stream, "let out = channel(); out.send(1).await").is_empty());
}

#[test]
fn the_rest_of_the_body_stays_as_it_is() {
    let body = "let ctx = ctx . started_in :: < run , _ > (1) . await ? ; #[allow(x)] { f(ctx) [0] }";
    let plain = body.replace(" . started_in :: < run , _ > ", ".started");
    // The name is handed on, so nothing is touched; and a call that is touched is all that changes.
    for (typed, expected) in [
        (plain.clone(), plain),
        (
            body.replace("f(ctx)", "f()").replace("started_in :: < run , _ >", "started"),
            body.replace("f(ctx)", "f()"),
        ),
    ] {
        let item = format!("async fn run(ctx: Context<u8>) -> u8 {{ {typed} }}");
        let expanded = expand(Context, "pld_spec = u8", &item).to_string();
        let expected: proc_macro2::TokenStream = expected.parse().expect("balanced");
        assert!(expanded.contains(&expected.to_string()), "{expanded}");
    }
}
