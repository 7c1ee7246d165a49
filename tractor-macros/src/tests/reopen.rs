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
        let error = error.replace("r#ctx", "ctx");
        assert!(error.starts_with("`ctx` opens its stream a second time: a context has one"), "{error}");
        assert!(error.contains("`run`"), "{error}");
    }
    errors.len()
}

#[test]
fn the_second_of_two_that_run_one_after_the_other_is_reported() {
    for body in [
        "let a = ctx.open_stream().await?; let b = ctx.open_stream().await?; 1",
        "let mut ctx = ctx.started(1).await?; let a = ctx.open_stream().await; a.close(); \
         ctx.open_stream_with(Overflow::Error).await; 1",
        "ctx.open_stream().await?; if late { ctx.open_stream().await?; } 1",
        "ctx.open_stream().await?; match x { A => 1, B => ctx.open_stream().await }",
        "if a { ctx.open_stream().await?; ctx.open_stream().await?; } 1",
        "if a { 1 } else { ctx.open_stream().await?; ctx.open_stream().await?; }",
        "let r#ctx = r#ctx.started(1).await?; ctx.open_stream().await?; r#ctx.open_stream().await?;",
    ] {
        assert_eq!(found(Context, body), 1, "{body}");
    }
    let thrice = "ctx.open_stream().await; ctx.open_stream().await; ctx.open_stream().await;";
    assert_eq!(found(Context, thrice), 2);
}

#[test]
fn the_body_of_an_opened_context_is_looked_through() {
    let twice = "ctx.open_stream().await?; ctx.open_stream().await?; Ok(())";
    let body = format!("portal.open_context(scale(3), async |ctx, first: Point| {{ {twice} }})");
    let typed = body
        .replace("first: Point|", "first: Point| -> tractor::Result<()>")
        .replace("async |ctx", "async move |ctx");
    let inner = format!("open_nursery(async |an| {{ {body}.await }}).await");
    let around =
        format!("portal.open_context(scale(3), async |ctx, _| {{ ctx.state(); {body}.await }}).await");
    for attr in [Main, ActorFn, Context] {
        for body in [&body, &typed, &inner, &around] {
            assert_eq!(found(attr, body), 1, "{body}");
        }
    }
}

#[test]
fn what_may_be_sound_is_not_reported() {
    let first = "let a = ctx.open_stream().await?;";
    for body in [
        "1",
        "if early { ctx.open_stream().await? } else { ctx.open_stream().await? }; 1",
        "if early { ctx.open_stream().await?; return 1; } ctx.open_stream().await?; 1",
        "if a { 1 } else if let Ok(s) = ctx.open_stream().await { return 1; } ctx.open_stream().await?; 1",
        "let a = if b { None } else if let Ok(s) = ctx.open_stream().await { Some(s) } else { return 1 }; \
         match a { Some(a) => a, None => ctx.open_stream().await? };",
        "match x { A => ctx.open_stream().await, B | C if d && e => ctx.open_stream_with(f).await, }",
        "select! { a = ctx.open_stream().await => a, b = ctx.open_stream().await => b }",
        "pick!(lossy, ctx.open_stream_with(o).await?, ctx.open_stream().await?)",
        "let open = async || ctx.open_stream().await; let a = ctx.open_stream().await;",
        "let a = early && ctx.open_stream().await.is_ok(); ctx.open_stream().await;",
        "#[cfg(a)] let x = ctx.open_stream().await; #[cfg(not(a))] let x = ctx.open_stream_with(y).await;",
        "let never_polled = ctx.open_stream(); drop(never_polled); ctx.open_stream().await?; 1",
        "let mut ctx = Session::new(ctx); ctx.open_stream().await?; ctx.open_stream().await?; 1",
        "let mut ctx = ctx.into_session(); ctx.open_stream().await?; ctx.open_stream().await?; 1",
        "mux.run(async |ctx| { ctx.open_stream().await?; ctx.open_stream().await })",
        "async fn both(ctx: &mut Control) { ctx.open_stream().await; ctx.open_stream().await; } both(ctx).await",
    ] {
        assert_eq!(found(Context, body), 0, "{body}");
    }
    for then in [
        "let ctx = other(); let b = ctx.open_stream().await;",
        "let mut r#ctx = other(); let b = ctx.open_stream().await;",
        "if let Some(ctx) = other() { ctx.open_stream().await; }",
        "for ctx in others { ctx.open_stream().await; }",
        "async fn inner(ctx: Context<u8>) { ctx.open_stream().await; }",
        "portal.open_context(scale(), async |ctx, _| { ctx.open_stream().await; })",
        "self.ctx.open_stream().await; other.open_stream().await; ctx.state(); ctx.open_streams().await;",
        "ctx.open_stream(peer, protocol).await; ctx.open_stream_with().await;",
        "#[cfg(never)] ctx.open_stream().await?;",
        "let again = async || ctx.open_stream().await;",
        "let never_polled = async { ctx.open_stream().await };",
        "match x { #[cfg(never)] A => ctx.open_stream().await?, B => 1 };",
        "info!(\"{}\", stringify!(ctx.open_stream().await));",
        "assert!(ctx.open_stream().await.is_err());",
    ] {
        assert_eq!(found(Context, &format!("{first} {then}")), 0, "{then}");
    }
    for body in [
        "let a = ctx.open_stream().await; let b = ctx.open_stream().await;",
        "portal.open_context(scale(), body);",
        "audio.open_context(|ctx| { ctx.open_stream().await; ctx.open_stream().await; })",
        "audio.open_context(async |ctx| { ctx.open_stream().await; ctx.open_stream().await; })",
    ] {
        assert_eq!(found(Main, body), 0, "{body}");
    }
}

#[test]
fn the_endpoint_is_emitted_all_the_same() {
    let item = "async fn run(ctx: Context<u8>) -> u8 { ctx.open_stream().await; ctx.open_stream().await; 1 }";
    assert!(expand(Context, "pld_spec = u8", item).to_string().contains("async fn __tractor_run"));
}
