//! The tokens emitted for correct input.

use syn::{Attribute, Item};

use super::Attr::{self, ActorFn, Context, Main, Stream, Test};
use super::{expand, items, tokens};

const CONTEXT: &str =
    "#[doc = \"Scales.\"] pub async fn scale(ctx: Context<Point>, mut by: i64) -> Result<Point> { by }";

/// Compares the expansion with the file `expected/{file}.rs`. Below its first line, the file has the expansion as
/// `cargo expand` prints it (without expanding inner macros), in fewer than `lines` lines. `EXPECTED=overwrite` writes
/// the file.
#[track_caller]
fn check(attr: Attr, args: &str, item: &str, file: &str, lines: usize) {
    let expanded = syn::parse2(expand(attr, args, item)).expect("the expansion is items");
    let expanded = prettyplease::unparse(&expanded);
    let path = format!("{}/src/tests/expected/{file}.rs", env!("CARGO_MANIFEST_DIR"));
    let expected = std::fs::read_to_string(&path).expect("the file can be read");
    let (about, expected) = expected.split_once("\n\n").expect("an empty line follows the first one");
    if std::env::var_os("EXPECTED").is_some_and(|what| what == "overwrite") {
        std::fs::write(&path, format!("{about}\n\n{expanded}")).expect("the file can be written");
    }
    assert_eq!(expanded, expected);
    assert!(expanded.lines().count() < lines, "{} lines", expanded.lines().count());
}

#[test]
fn an_actor_fn() {
    let item = "pub async fn add(a: i64, b: i64) -> i64 { a + b }";
    check(ActorFn, "", item, "actor_fn", 40);
}

#[test]
fn a_context() {
    check(Context, "pld_spec = Point", CONTEXT, "context", 50);
}

#[test]
fn a_context_with_a_union() {
    let item = "async fn scale(ctx: Context<ScalePld>) -> ScalePld { ctx }";
    check(Context, "pld_spec = Point | None", item, "union", 210);
}

#[test]
fn a_stream() {
    let item = "async fn ticks(out: StreamSender<u64>) {}";
    check(Stream, "crate = crate::lib", item, "stream", 40);
}

#[test]
fn a_test() {
    let item = "#[ignore = \"slow\"] async fn works() -> Result<()> { Ok(()) }";
    check(Test, "flavor = \"multi_thread\", worker_threads = 2", item, "test", 20);
}

#[test]
fn a_main() {
    check(Main, "", "async fn main() { run().await }", "main", 15);
}

#[test]
fn cfg_gates_every_item() {
    for gate in ["cfg(unix)", "cfg_attr(unix, cfg(debug_assertions))"] {
        let items = items(ActorFn, "", &format!("#[{gate}] async fn add(a: i64) -> i64 {{ a }}"));
        assert_eq!(items.len(), 7);
        for item in &items {
            assert!(has(attributes(item), gate), "{gate}");
        }
    }
}

#[test]
fn attributes_go_where_they_belong() {
    let item = "#[deprecated] #[inline] #[must_use = \"why\"] #[must_use] #[allow(x)]
                #[expect(y, missing_docs, reason = \"r\")]
                #[cfg_attr(unix, doc = \"d\", cold)] #[tracing::instrument(skip(a))] async fn add(a: i64) {}";
    let items = items(ActorFn, "", item);
    let named = |wanted: &str| {
        let found = items.iter().find(|item| matches!(item, Item::Fn(item) if item.sig.ident == wanted));
        attributes(found.expect("the function is emitted"))
    };
    let (handle, body) = (named("add"), named("__tractor_add"));
    let ty = items
        .iter()
        .find(|item| matches!(item, Item::Struct(_)))
        .map(attributes)
        .expect("the type is emitted");
    for (attr, on_type, on_handle, on_body) in [
        ("deprecated", false, true, false),
        ("must_use = \"why\"", false, true, false),
        ("must_use", false, false, false),
        ("allow(x)", true, true, true),
        ("expect(y, reason = \"r\")", false, false, true),
        ("allow(y, reason = \"r\")", true, true, false),
        ("expect(missing_docs, reason = \"r\")", false, true, false),
        ("allow(missing_docs, reason = \"r\")", true, false, true),
        ("inline", false, false, true),
        ("cfg_attr(unix, doc = \"d\")", true, true, false),
        ("cfg_attr(unix, cold)", false, false, true),
        ("tracing::instrument(skip(a))", false, false, true),
    ] {
        let found = (has(ty, attr), has(handle, attr), has(body, attr));
        assert_eq!(found, (on_type, on_handle, on_body), "{attr}");
    }
}

#[test]
fn a_test_with_a_paused_clock_is_run_on_one() {
    let expanded = |args| expand(Test, args, "async fn works() {}").to_string();
    assert!(expanded("start_paused = true").contains("run_paused_test"));
    assert!(!expanded("start_paused = false").contains("run_paused_test"));
}

#[test]
fn raw_names_travel_without_their_prefix() {
    let expanded = expand(ActorFn, "", "async fn r#match(r#type: u8) {}").to_string();
    assert!(expanded.contains("\"match\"") && expanded.contains("\"type\""), "{expanded}");
    assert!(expanded.contains("__tractor_match"), "{expanded}");
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        _ => &[],
    }
}

fn has(attrs: &[Attribute], wanted: &str) -> bool {
    let wanted = tokens(wanted).to_string();
    attrs.iter().any(|attr| {
        let meta = &attr.meta;
        quote::quote!(#meta).to_string() == wanted
    })
}
