//! Which bodies open a stream twice, as far as a macro can tell.

use super::Attr::{self, ActorFn, Context, Main};
use super::{errors, expand};

fn found(attr: Attr, body: &str) -> usize {
    let (args, item) = match attr {
        Context => ("pld_spec = u8", format!("async fn run(ctx: Context<u8>) -> u8 {{ {body} }}")),
        _ => ("", format!("async fn run() {{ {body} }}")),
    };
    let errors = errors(attr, args, &item);
    for error in &errors {
        assert!(error.starts_with("`ctx` opens its stream a second time: a context has one"), "{error}");
        assert!(error.contains("`run`"), "{error}");
    }
    errors.len()
}

#[test]
fn the_second_of_two_that_run_one_after_the_other_is_reported() {
    for body in [
        "let a = ctx.open_stream().await?; let b = ctx.open_stream().await?; 1",
        "let mut ctx = ctx.started(1).await?; let a = ctx.open_stream(); a.close(); ctx.open_stream_with(Overflow::Error); 1",
        "ctx.open_stream().await?; if late { ctx.open_stream().await?; } 1",
        "ctx.open_stream().await?; match x { A => 1, B => ctx.open_stream() }",
        "ctx.open_stream().await?; let again = async || ctx.open_stream();",
        "join!(ctx.open_stream(), ctx.open_stream())",
    ] {
        assert_eq!(found(Context, body), 1, "{body}");
    }
    assert_eq!(found(Context, "ctx.open_stream(); ctx.open_stream(); ctx.open_stream();"), 2);
}

#[test]
fn the_body_of_an_opened_context_is_looked_through() {
    let body = "portal.open_context(scale(3), async |ctx, first| { ctx.open_stream().await?; ctx.open_stream().await?; Ok(()) })";
    let inner = format!("open_nursery(async |an| {{ {body}.await }}).await");
    for attr in [Main, ActorFn, Context] {
        assert_eq!(found(attr, body), 1);
        assert_eq!(found(attr, &inner), 1);
    }
}

#[test]
fn what_may_be_sound_is_not_reported() {
    for body in [
        "let a = ctx.open_stream().await?; 1",
        "if early { ctx.open_stream().await? } else { ctx.open_stream().await? }; 1",
        "if early { ctx.open_stream().await?; return 1; } ctx.open_stream().await?; 1",
        "match x { A => ctx.open_stream(), B | C if d && e => ctx.open_stream_with(f), }",
        "select! { a = ctx.open_stream() => a, b = ctx.open_stream() => b }",
        "let open = || ctx.open_stream(); let a = ctx.open_stream();",
        "let a = early && ctx.open_stream().is_ok(); ctx.open_stream();",
        "#[cfg(a)] let x = ctx.open_stream(); #[cfg(not(a))] let x = ctx.open_stream_with(y);",
        "let a = ctx.open_stream(); let ctx = other(); let b = ctx.open_stream();",
        "let a = ctx.open_stream(); if let Some(ctx) = other() { ctx.open_stream(); }",
        "let a = ctx.open_stream(); for ctx in others { ctx.open_stream(); }",
        "let a = ctx.open_stream(); async fn inner(ctx: Context<u8>) { ctx.open_stream(); }",
        "let a = ctx.open_stream(); portal.open_context(scale(), async |ctx, _| { ctx.open_stream(); })",
        "let a = ctx.open_stream(); self.ctx.open_stream(); other.open_stream(); ctx.state(); ctx.open_streams();",
    ] {
        assert_eq!(found(Context, body), 0, "{body}");
    }
    for body in
        ["let a = ctx.open_stream(); let b = ctx.open_stream();", "portal.open_context(scale(), body);"]
    {
        assert_eq!(found(Main, body), 0, "{body}");
    }
}

#[test]
fn the_endpoint_is_emitted_all_the_same() {
    let item = "async fn run(ctx: Context<u8>) -> u8 { ctx.open_stream(); ctx.open_stream(); 1 }";
    assert!(expand(Context, "pld_spec = u8", item).to_string().contains("async fn __tractor_run"));
}
