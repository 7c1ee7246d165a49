//! Half-typed code and faulty code: the function is always emitted, with its body as it was typed.

use super::{ALL, Attr, errors, expand, tokens};

/// Attribute arguments and function arguments that each macro accepts.
fn accepted(attr: Attr) -> (&'static str, &'static str) {
    match attr {
        Attr::ActorFn => ("", "a: u8"),
        Attr::Context => ("pld_spec = u8", "ctx: Context<u8>"),
        Attr::Stream => ("", "out: StreamSender<u8>"),
        Attr::Main | Attr::Test => ("", ""),
    }
}

#[test]
fn a_half_typed_body_expands() {
    let body = "{ let x = ; point . if x { } }";
    for attr in ALL {
        let (args, arguments) = accepted(attr);
        let expanded = expand(attr, args, &format!("async fn run({arguments}) {body}")).to_string();
        assert!(expanded.contains(&tokens(body).to_string()), "{expanded}");
        assert!(!expanded.contains("compile_error"), "{expanded}");
    }
}

#[test]
fn a_half_typed_function_is_filled_up() {
    for attr in ALL {
        for (item, completed) in [
            ("async fn run(a: ) { a . }", "async fn run(a: _) { a . }"),
            ("async fn run(a) { a . }", "async fn run(a: _) { a . }"),
            ("async fn run(mut a: , b: u8, : , c: Vec<) { b }", "async fn run(mut a: _, b: u8, c: _) { b }"),
            ("async fn run(a: u8) -> { a . }", "async fn run(a: u8) { a . }"),
            ("async fn run(a: u8) -> Result< { a }", "async fn run(a: u8) { a }"),
            ("#[inline] pub(crate) async fn run(a: u8)", "#[inline] pub(crate) async fn run(a: u8) { }"),
            ("async fn run", "async fn run() { }"),
        ] {
            let expanded = expand(attr, "", item).to_string();
            let allow = "#[allow(unused, reason = \"it has errors\")]";
            assert!(expanded.starts_with(&tokens(&format!("{allow} {completed}")).to_string()), "{expanded}");
            assert!(expanded.contains("compile_error"), "{expanded}");
        }
    }
}

#[test]
fn tokens_that_do_not_begin_a_function_are_emitted_unchanged() {
    for attr in ALL {
        for item in ["pub async", "async fn", "struct Point { x: i64 }", ""] {
            let expanded = expand(attr, "", item).to_string();
            assert!(expanded.starts_with(&tokens(item).to_string()), "{expanded}");
            assert!(expanded.contains("compile_error"), "{expanded}");
        }
    }
}

#[test]
fn a_function_without_body_gets_one_beside_the_error() {
    for attr in ALL {
        let (args, arguments) = accepted(attr);
        let found = expand(attr, args, &format!("async fn run({arguments});")).to_string();
        assert!(found.contains(&tokens("{ ::core::unreachable!() }").to_string()), "{found}");
        assert!(found.contains("write `async fn run(..) { .. }`"), "{found}");
        assert!(!found.contains("tractor::main(extern"), "{found}");
    }
}

#[test]
fn an_extern_endpoint_with_a_body_keeps_it() {
    let expanded = expand(Attr::ActorFn, "extern, module = \"m\"", "async fn run() { half . }").to_string();
    assert!(expanded.contains("{ half . }"), "{expanded}");
    assert!(expanded.contains("compile_error"), "{expanded}");
}

#[test]
fn a_faulty_function_is_emitted_beside_its_errors() {
    for attr in ALL {
        let item = "async fn run<T>(out: &str) { half . }";
        let expanded = expand(attr, "unknown = 1", item).to_string();
        assert!(expanded.contains(&tokens(item).to_string()), "{expanded}");
        assert!(expanded.contains("compile_error"), "{expanded}");
    }
}

#[test]
fn an_async_main_beside_an_error_is_hidden_from_rustc() {
    let expanded = expand(Attr::Main, "unknown = 1", "async fn main() {}").to_string();
    assert!(
        expanded.starts_with(
            &tokens("fn main() { #[allow(unused, reason = \"it has errors\")] async fn main() {} }")
                .to_string()
        ),
        "{expanded}"
    );
}

#[test]
fn a_missing_async_or_a_bad_key_does_not_take_the_endpoint_away() {
    for attr in [Attr::ActorFn, Attr::Stream] {
        let (_, arguments) = accepted(attr);
        for (args, header) in [("", "fn"), ("x = 1", "async fn")] {
            let item = format!("{header} run({arguments}) {{}}");
            assert_eq!(errors(attr, args, &item).len(), 1);
            let expanded = expand(attr, args, &item).to_string();
            assert!(expanded.contains("async fn __tractor_run"), "{expanded}");
        }
    }
}
