//! Every text says what is wrong and what to write instead, and no error hides another one.

use super::Attr::{self, ActorFn, Context, Main, Stream, Test};
use super::errors;

/// Checks that the only error says `what`, and that its help says `help`.
#[track_caller]
fn check(attr: Attr, args: &str, item: &str, what: &str, help: &str) {
    assert_eq!(errors(attr, args, item), [format!("{what}\n  = help: {help}")]);
}

const ADD: &str = "async fn add(a: i64, b: i64) -> i64 { a + b }";
const MAIN: &str = "async fn main() {}";

#[test]
fn borrowed_types_name_their_owned_twin() {
    for (borrowed, owned) in [
        ("&str", "String"),
        ("&'static str", "String"),
        ("&[u8]", "Vec<u8>"),
        ("&mut Point", "Point"),
        ("&Path", "PathBuf"),
    ] {
        let [error] = &errors(ActorFn, "", &format!("async fn f(a: {borrowed}) {{}}"))[..] else {
            panic!("one error for `{borrowed}`")
        };
        assert!(error.starts_with("an argument cannot be a reference (`&"), "{error}");
        assert!(error.ends_with(&format!("use `{owned}`")), "{error}");
    }
}

#[test]
fn other_types_that_cannot_travel() {
    for (ty, what) in [
        ("Vec<&str>", "an argument cannot borrow"),
        ("Cow<'a, str>", "an argument cannot borrow"),
        ("Option<impl Copy>", "an argument cannot borrow"),
        ("impl Copy", "an argument cannot be of type `impl Copy`"),
        ("[u8]", "an argument cannot be a slice"),
        ("str", "an argument cannot be a `str`"),
        ("dyn Copy", "an argument cannot be a trait object"),
        ("*const u8", "an argument cannot be a pointer"),
        ("fn(u8)", "an argument cannot be a pointer"),
        ("_", "the type of an argument has to be written out"),
        ("!", "an argument cannot be `!`"),
    ] {
        let errors = errors(ActorFn, "", &format!("async fn f(a: {ty}) {{}}"));
        assert!(errors.len() == 1 && errors[0].starts_with(what), "{ty}: {errors:?}");
    }
}

#[test]
fn types_that_can_travel() {
    for ty in
        ["String", "Cow<'static, str>", "Vec<(u8, [u8; 4])>", "std::net::IpAddr", "()", "HashMap<u8, u8>"]
    {
        assert!(errors(ActorFn, "", &format!("async fn f(a: {ty}) -> {ty} {{}}")).is_empty(), "{ty}");
    }
    // The failure of a `Result` only becomes text.
    assert!(errors(ActorFn, "", "async fn f() -> Result<u8, &'static str> {}").is_empty());
}

#[test]
fn all_errors_of_a_function_at_once() {
    let item = "unsafe fn f<T>(&self, (a, b): (u8, u8), c: &str, #[cfg(unix)] d: u8) -> &str {}";
    let errors = errors(ActorFn, "name = 1, 5", item);
    assert_eq!(errors.len(), 10, "{errors:#?}");
    assert!(errors.iter().all(|error| error.contains("\n  = help: ")), "{errors:#?}");
}

#[test]
fn keys() {
    check(ActorFn, "name = 1", ADD, "unknown key `name`", "allowed here: `crate`");
    check(ActorFn, "crate", ADD, "`crate` is not of the form `key = value`", "write `crate = ::tractor`");
    check(ActorFn, "crate = 5", ADD, "`5` is not a value for `crate`", "write `crate = ::tractor`");
    check(Main, "worker_threads =", MAIN, "`worker_threads` has no value", "write `worker_threads = 4`");
    let twice = "flavor = \"multi_thread\", flavor = \"multi_thread\"";
    check(Main, twice, MAIN, "`flavor` is given twice", "keep one of them");
    check(
        Main,
        "flavour = \"multi_thread\"",
        MAIN,
        "unknown key `flavour`",
        "allowed here: `flavor`, `worker_threads`, `crate`",
    );
}

#[test]
fn contexts() {
    let scale = "async fn scale(ctx: Context<Point>) -> Point {}";
    check(
        Context,
        "",
        scale,
        "a context has to say which types its messages have",
        "write `#[tractor::context(pld_spec = MyType)]`, or one type per direction: `started = A, send = B, \
         recv = C, returns = D`",
    );
    check(
        Context,
        "pld_spec = u8 | Point",
        scale,
        "unions of types are not supported yet: declare an enum",
        "write `#[derive(Serialize, Deserialize)] enum Message { .. }` with a variant per type, and name it here",
    );
    check(
        Context,
        "pld_spec = Point, send = Vec<u8, A>",
        "async fn scale(by: i64) -> Point {}",
        "the first argument of this endpoint has to be its context",
        "write `async fn scale(ctx: Context<Point, Vec<u8, A>, Point>, ..)`",
    );
    check(
        Context,
        "pld_spec = Point",
        "async fn scale(ctx: &mut Context<Point>) -> Point {}",
        "an endpoint owns its context, it does not borrow it",
        "write `ctx: Context<Point>`",
    );
    check(
        Context,
        "pld_spec = Point",
        "async fn scale(ctx: Context) -> Point {}",
        "the context has to name its types",
        "write `ctx: Context<Point>`",
    );
}

#[test]
fn streams() {
    check(
        Stream,
        "",
        "async fn ticks() {}",
        "the first argument of this endpoint has to be its sender",
        "write `async fn ticks(out: StreamSender<Item>, ..)`",
    );
    check(
        Stream,
        "",
        "async fn ticks(out: StreamSender<u8>) -> u8 {}",
        "a stream endpoint has no final value, but this one returns `u8`",
        "return nothing or a `Result<()>`; for a final value use `#[tractor::context(..)]`",
    );
}

#[test]
fn entry_points() {
    check(Main, "", "fn main() {}", "the main function has to be an `async fn`", "write `async fn main()`");
    check(
        Main,
        "flavor = \"threads\"",
        MAIN,
        "there is no runtime flavor `threads`",
        "write `flavor = \"multi_thread\"` or `flavor = \"current_thread\"`",
    );
    check(
        Test,
        "worker_threads = 2",
        "async fn works() {}",
        "`worker_threads` does nothing on the `current_thread` runtime",
        "add `flavor = \"multi_thread\"`, or leave `worker_threads` out",
    );
    check(
        Test,
        "",
        "#[test] async fn works() {}",
        "this is a second test attribute: the function would run twice",
        "keep only `#[tractor::test]`",
    );
}
