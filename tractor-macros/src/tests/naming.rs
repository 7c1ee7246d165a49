//! Which calls in a body are told the endpoint's name.

use super::Attr::{self, ActorFn, Context, Main, Stream, Test};
use super::expand;

/// What a call looks like that names the endpoint `run`.
const NAMED: &[(&str, &str)] = &[
    ("started", "__tractor_started::<__tractor_run,_>("),
    ("started_with", "__tractor_started_with::<__tractor_run,_>("),
    ("open_stream", "__tractor_open_stream::<__tractor_run>("),
    ("open_stream_with", "__tractor_open_stream_with::<__tractor_run>("),
    ("send", "send(__tractor_run::tell("),
];

/// The methods that are told it, in the order of the body.
fn named(attr: Attr, body: &str) -> Vec<&'static str> {
    let (args, item) = match attr {
        Context => ("pld_spec = u8", format!("async fn run(mut ctx: Context<u8>) -> u8 {{ {body} }}")),
        Stream => ("", format!("async fn run(out: StreamSender<u8>) {{ {body} }}")),
        _ => ("", format!("async fn run() {{ {body} }}")),
    };
    let expanded: String = expand(attr, args, &item).to_string().split_whitespace().collect();
    let mut found: Vec<_> = NAMED
        .iter()
        .flat_map(|(name, call)| expanded.match_indices(call).map(move |(at, _)| (at, *name)))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, name)| name).collect()
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
        // It is not complete.
        "ctx.started(1).await?; ctx.",
        "let x = ; ctx.started(1)",
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
        "let s = ctx.open_stream().await?.strict().with_context(1); s.send(1)",
        "let s = ctx.open_stream().await.context(1)?; s.send(1)",
        "let s = ctx.open_stream().await; s.send(1)",
        "let s = ctx.open_stream(); s.send(1)",
        "with! { let s = ctx.open_stream().await?; } s.send(1)",
        "let s = ctx.open_stream().await?; other::s.send(1)",
        // One name for a context and for a stream.
        "let ctx = ctx.open_stream().await?; ctx.send(1)",
    ] {
        let named = named(Context, body);
        assert!(!named.contains(&"send"), "{named:?} {body}");
    }
    assert!(named(Stream, "let out = channel(); out.send(1).await").is_empty());
    assert_eq!(
        named(Stream, "let s = out.subscribe(); s.send(1); let (s, r) = out.split(); s.send(1); out.send(2)"),
        ["send"]
    );
    let item = "async fn run(ctx: Context<u8>, s: Other) -> u8 { s.send(1); let s = ctx.open_stream().await?; s.send(2); 1 }";
    assert!(!expand(Context, "pld_spec = u8", item).to_string().contains("tell"));
}

#[test]
fn the_parent_side_stays_as_it_is() {
    let sends =
        "let mut s = ctx.open_stream().await?; s.send(1).await?; let (tx, _) = s.split(); tx.send(2).await";
    let opened = format!("portal.open_context(scale(3), async |ctx, _| {{ {sends} }}).await");
    for attr in [Main, Test, ActorFn, Context] {
        assert!(named(attr, &opened).is_empty());
    }
    // The endpoint's own stream is its own there too.
    let relay = "let ctx = ctx.started(1).await?; let out = ctx.open_stream().await?; \
                 portal.open_context(scale(3), async |other, _| { let s = other.open_stream().await?; \
                 while let Some(n) = s.receive().await? { out.send(n).await?; s.send(n).await?; } }).await";
    assert_eq!(named(Context, relay), ["started", "open_stream", "send"]);
}

#[test]
fn values_of_a_union_tell_anyway() {
    let item = "async fn run(ctx: Context<(), RunSend, ()>) { let ctx = ctx.started(()).await?; let s = ctx.open_stream().await?; s.send(1); }";
    let expanded: String =
        expand(Context, "send = u8 | String", item).to_string().split_whitespace().collect();
    assert!(expanded.contains("__tractor_open_stream::<") && expanded.contains("s.send(1)"), "{expanded}");
}

#[test]
fn what_is_nested_deep_is_left_alone() {
    let nested = |depth| format!("{} ctx.started(1).await {}", "{".repeat(depth), "}".repeat(depth));
    assert_eq!(named(Context, &nested(50)), ["started"]);
    assert!(named(Context, &nested(200)).is_empty());
    let mut chain = "let ctx = ctx.started(1).await?; let s0 = ctx.open_stream().await?;".to_owned();
    for n in 0..200 {
        chain += &format!("let s{} = s{n}.strict();", n + 1);
    }
    assert!(named(Context, &chain).is_empty());
}

#[test]
fn the_rest_of_the_body_stays_as_it_is() {
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    // A name that is handed on may come back as anything.
    for (last, call) in
        [("", "__tractor_started::<__tractor_run, _>(g(1, [2]))"), ("ctx", "started(g(1, [2]))")]
    {
        let body = |call: &str| format!("let ctx = ctx.{call}.await?; #[allow(x)] {{ f({last})[0] }}");
        let item = format!("async fn run(ctx: Context<u8>) -> u8 {{ {} }}", body("started(g(1, [2]))"));
        let expanded = expand(Context, "pld_spec = u8", &item).to_string();
        assert!(plain(&expanded).contains(&plain(&body(call))), "{expanded}");
    }
}
