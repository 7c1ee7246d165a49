//! Every text says what is wrong and what to write instead, and no error hides another one.

use super::Attr::{self, ActorFn, Context, Main, Stream, Test};
use super::errors;

/// Checks that there is one error with the text `what`, that its help is `help`, and that it names the function.
#[track_caller]
fn check(attr: Attr, args: &str, item: &str, what: &str, help: &str) {
    let [error] = &errors(attr, args, item)[..] else { panic!("one error for `{item}`") };
    let noun = match attr {
        Main => "function",
        Test => "test",
        ActorFn | Context | Stream => "endpoint",
    };
    let (_, name) = item.split_once("fn ").expect("the item is a function");
    let (name, _) = name.split_once('(').expect("it has arguments");
    let note = format!("\n  = note: in the {noun} `{name}`");
    assert_eq!(error.replacen(&note, "", 1), format!("{what}\n  = help: {help}"));
    assert!(error.contains(&format!("`{name}`")) || error.contains(&format!("fn {name}(")), "{error}");
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
        let [error] = &errors(ActorFn, "", &format!("async fn f() -> {borrowed} {{}}"))[..] else {
            panic!("one error for `{borrowed}`")
        };
        assert!(error.starts_with("the returned value cannot be a reference (`&"), "{error}");
        assert!(error.ends_with(&format!("use `{owned}`")), "{error}");
    }
}

#[test]
fn references_that_an_endpoint_cannot_take() {
    for (ty, what, help) in [
        (
            "&mut Point",
            "an argument cannot be a `&mut` reference",
            "take `Point` and return the changed value",
        ),
        (
            "&mut [u8]",
            "an argument cannot be a `&mut` reference",
            "take `Vec<u8>` and return the changed value",
        ),
        ("&'static str", "an argument cannot borrow for `'static`", "write `&str`"),
        ("&&str", "an argument behind a reference cannot be a reference", "use `String`"),
        ("&[&str]", "an item of an argument cannot be a reference", "use `String`"),
        (
            "&dyn Copy",
            "an argument behind a reference cannot be a trait object",
            "use an enum of the possible types",
        ),
        (
            "&impl Copy",
            "an argument behind a reference cannot be of type `impl Copy`",
            "name a concrete type",
        ),
    ] {
        let [error] = &errors(ActorFn, "", &format!("async fn f(a: {ty}) {{}}"))[..] else {
            panic!("one error for `{ty}`")
        };
        assert!(error.starts_with(what) && error.ends_with(help), "{ty}: {error}");
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
    // The failure of a `Result` travels only as text.
    assert!(errors(ActorFn, "", "async fn f() -> Result<u8, &'static str> {}").is_empty());
}

#[test]
fn all_errors_of_a_function_at_once() {
    let item = "unsafe fn f<T>(&self, (a, b): (u8, u8), c: &mut str, #[cfg(unix)] d: u8) -> &str {}";
    let errors = errors(ActorFn, "name = 1, 5, nam = 3, module = \"\", error = E, extern = 1", item);
    assert_eq!(errors.len(), 14, "{errors:#?}");
    assert!(
        errors.iter().all(|error| error.contains("`f`") && error.contains("\n  = help: ")),
        "{errors:#?}"
    );
}

#[test]
fn keys() {
    let allowed = "allowed here: `name`, `module`, `extern`, `error`, `crate`";
    check(ActorFn, "nam = \"sum\"", ADD, "unknown key `nam`", allowed);
    check(ActorFn, "name = 1", ADD, "`1` is not a value for `name`", "write `name = \"resize\"`");
    check(
        ActorFn,
        "name = \"a:b\"",
        ADD,
        "`\"a:b\"` cannot be the name of an endpoint",
        "write `name = \"resize\"`",
    );
    let module = "write `module = \"images.service\"`";
    check(ActorFn, "module = \"\"", ADD, "`\"\"` cannot be the module of an endpoint", module);
    check(ActorFn, "extern = 1", ADD, "`extern` takes no value", "write `extern`");
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
        "allowed here: `flavor`, `worker_threads`, `setup`, `crate`",
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
    check(
        Main,
        "",
        "fn main() {}",
        "the function `main` has to be an `async fn`",
        "write `async fn main()`; if it is one, an attribute above has changed it: keep one of them",
    );
    check(
        Main,
        "",
        "#[tokio::main(flavor = \"current_thread\")] async fn main() {}",
        "this is a second attribute for `main`: there would be two runtimes",
        "keep only `#[tractor::main]`",
    );
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
        "flavor = \"multi_thread\", start_paused = true",
        "async fn works() {}",
        "a runtime of several threads has no clock that can be paused",
        "leave `flavor = \"multi_thread\"` out, or `start_paused`",
    );
    check(
        Main,
        "start_paused = true",
        MAIN,
        "unknown key `start_paused`",
        "allowed here: `flavor`, `worker_threads`, `setup`, `crate`",
    );
    check(
        Test,
        "",
        "#[test] async fn works() {}",
        "this is a second test attribute: the function would run twice",
        "keep only `#[tractor::test]`",
    );
}

#[test]
fn unions() {
    let scale = "async fn scale(ctx: Context<ScalePld>) -> ScalePld {}";
    check(Context, "pld_spec = u8 | Point | u8", scale, "`u8` is given twice", "keep one of them");
    check(Context, "pld_spec = () | Point | None", scale, "`None` is given twice", "keep one of them");
    check(
        Context,
        "pld_spec = a::Point | b::Point",
        scale,
        "`a::Point` and `b::Point` would both be the variant `Point`",
        "give one of them another name: `type Other = ..;`, or `use .. as Other;`",
    );
    check(
        Context,
        "pld_spec = u8 | [u8; 4]",
        scale,
        "`[u8; 4]` gives no name to a variant",
        "give it a name, `type Other = ..;`, and use that here",
    );
    check(
        Context,
        "pld_spec = u8 | &str",
        scale,
        "a message cannot be a reference (`&str`): the value is sent to another process",
        "use `String`",
    );
    check(
        Context,
        "send = u8 | Point",
        "async fn scale() {}",
        "the first argument of this endpoint has to be its context",
        "write `async fn scale(ctx: Context<(), ScaleSend, ()>, ..)`",
    );
}

#[test]
fn elsewhere() {
    check(
        ActorFn,
        "",
        "async fn ping();",
        "`ping` has no body",
        "write `async fn ping(..) { .. }`; or, if it lives in another program, \
         `#[tractor::actor_fn(extern, module = \"..\")]`",
    );
    check(
        ActorFn,
        "extern",
        "async fn ping();",
        "an `extern` endpoint has to say in which module it lives",
        "write `extern, module = \"images.service\"`",
    );
    check(
        ActorFn,
        "extern, module = \"m\"",
        "async fn ping() {}",
        "an `extern` endpoint has no body: it lives in another program",
        "end the declaration with `;`, or leave `extern` out",
    );
    check(
        ActorFn,
        "error = Broken",
        ADD,
        "`error = Broken` is the type of a failure, but the function returns none",
        "return a `Result<T, Broken>`, or leave `error` out",
    );
}

#[test]
fn arguments() {
    check(
        ActorFn,
        "",
        "async fn f(#[serde(default)] a: u8) {}",
        "`#[serde(..)]` is about fields of a type, not about arguments",
        "write `#[tractor(rename = \"id\")]` or `#[tractor(default = 1)]`; put any other serde attribute on the \
         argument's type",
    );
    let with = |attr: &str| format!("async fn f(a: u8, #[tractor{attr}] b: u8) {{}}");
    let nothing = "this attribute is empty";
    check(
        ActorFn,
        "",
        &with(""),
        nothing,
        "write `#[tractor(rename = \"id\")]` or `#[tractor(default = 1)]`",
    );
    check(ActorFn, "", &with("(renam = \"c\")"), "unknown key `renam`", "allowed here: `rename`, `default`");
    check(
        ActorFn,
        "",
        &with("(rename)"),
        "`rename` is not of the form `key = value`",
        "write `rename = \"id\"`",
    );
    let apart = "#[tractor(default = 2)] #[tractor(rename = \"b\")] #[tractor(default = 1)]";
    check(
        ActorFn,
        "",
        &format!("async fn f(a: u8, {apart} b: u8) {{}}"),
        "`default` is given twice",
        "keep one of them",
    );
    let twice = "two arguments would travel as `a`";
    check(ActorFn, "", &with("(rename = \"a\")"), twice, "give one of them another name");
    check(
        Stream,
        "",
        "async fn ticks(#[tractor(default)] out: StreamSender<u8>) {}",
        "this argument does not travel: it has no name to change and no default",
        "leave the `#[tractor(..)]` out",
    );
}
