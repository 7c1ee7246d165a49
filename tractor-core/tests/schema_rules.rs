//! The evolution rules: one row per rule, and properties of any two schemas.

use proptest::collection::vec;
use proptest::prelude::*;
use tractor_core::proto::limits::{SCHEMA_BYTES_MAX, SCHEMA_DEPTH_MAX};
use tractor_core::proto::schema::Schema;

/// An endpoint that takes `args` and returns nothing.
fn takes(args: &str) -> Schema {
    parsed(&format!("actor_fn\nargs {args}\nreturns nil"))
}

fn returns(shape: &str) -> Schema {
    parsed(&format!("actor_fn\nargs {{!,}}\nreturns {shape}"))
}

fn parsed(text: &str) -> Schema {
    let schema = Schema::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(schema.to_string(), text, "the text is canonical");
    schema
}

/// Whether the endpoint's version fits that of the caller, and what is said about it.
fn verdict(endpoint: &Schema, caller: &Schema) -> (bool, String) {
    let found = endpoint.compare(caller);
    let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
    (!found.iter().any(tractor_core::proto::schema::Difference::breaks), texts.join("; "))
}

#[test]
fn arguments() {
    let rows = [
        // What the caller sends, what the endpoint takes, whether it fits, what is said.
        ("{a:i64,b:str,!,}", "{b:str,a:i64,!,}", true, "the arguments: the arguments are in another order"),
        ("{a:i64,!,}", "{a:i64,b?:?str,!,}", true, "does not send the optional argument `b`"),
        (
            "{a:i64,!,}",
            "{a:i64,b:str,!,}",
            false,
            "argument `b` is required by the endpoint, the caller does not send it",
        ),
        (
            "{a:i64,b?:?str,!,}",
            "{a:i64,!,}",
            false,
            "the caller sends the argument `b`, which the endpoint does not know and refuses",
        ),
        (
            "{x:i64,!,}",
            "{x:str,!,}",
            false,
            "argument `x`: the caller sends `i64`, the endpoint expects `str`",
        ),
        (
            "{p:{x:i64,},!,}",
            "{p:{x:i64,z:u8,},!,}",
            false,
            "argument `p`: field `z` is required by the endpoint",
        ),
        (
            "{p:{x:[u8],},!,}",
            "{p:{x:[str],},!,}",
            false,
            "argument `p.x[]`: the caller sends `u8`, the endpoint expects `str`",
        ),
    ];
    for (caller, endpoint, fits, said) in rows {
        let (does, text) = verdict(&takes(endpoint), &takes(caller));
        assert!(does == fits && text.contains(said), "{caller} -> {endpoint}: {does}, {text}");
    }
}

#[test]
fn types() {
    let rows = [
        // What is written, what is read, whether it fits.
        ("{x:i64,}", "{x:i64,y?:?i64,}", true),
        ("{x:i64,}", "{x:i64,y?:i64,}", true),
        ("{x:i64,}", "{x:i64,y:i64,}", false),
        ("{x:i64,y:i64,}", "{x:i64,}", true),
        ("{x:i64,y:i64,}", "{x:i64,!,}", false),
        ("{x:i64,y:i64,}", "{y:i64,x:i64,}", true),
        ("{x:i64,}", "{z:i64,}", false),
        ("{x:i64,}", "(i64,)", false),
        ("<A|B(i64)>", "<A|B(i64)|C>", true),
        ("<A|B(i64)|C>", "<A|B(i64)>", false),
        ("<A|B(i64)>", "<B(i64)|A>", true),
        ("<A>", "<A(nil)>", false),
        ("<A(u8)>", "<A(u16)>", true),
        ("<A(u16)>", "<A(u8)>", false),
        ("i64", "?i64", true),
        ("?i64", "i64", false),
        ("nil", "?i64", true),
        ("?u8", "?u16", true),
        ("?u16", "?u8", false),
        ("u8", "i16", true),
        ("u8", "u64", true),
        ("i8", "u8", false),
        ("i64", "u64", false),
        ("u64", "i64", false),
        ("u32", "i64", true),
        ("i32", "f64", true),
        ("i64", "f64", false),
        ("u16", "f32", true),
        ("u32", "f32", false),
        ("f32", "f64", true),
        ("f64", "f32", false),
        ("char", "str", true),
        ("str", "char", false),
        ("bytes", "[u8]", false),
        ("str", "bytes", false),
        ("nil", "unit", false),
        ("[u8]", "[u16]", true),
        ("[u16]", "[u8]", false),
        ("map(u8,i8)", "map(u16,i16)", true),
        ("map(u16,i8)", "map(u8,i8)", false),
        ("map(u8,i16)", "map(u8,i8)", false),
        ("(u8,u8,)", "(u8,u16,)", true),
        ("(u8,u8,)", "(u8,)", false),
        ("(u8,u8,)", "[u8]", false),
        ("{x:i64,}", "any", true),
        ("any", "i64", false),
        ("[any]", "[any]", true),
        ("{head:u8,tail?:?^1,}", "{head:u16,tail?:?^1,}", true),
        ("{head:u16,tail?:?^1,}", "{head:u8,tail?:?^1,}", false),
        ("{head:u8,tail?:?^1,}", "{head:u8,tail?:?{head:u8,tail?:?^1,},}", true),
        ("{head:u8,tail?:?{head:u8,tail?:?^1,},}", "{head:u8,tail?:?{head:i8,tail?:?^1,},}", false),
    ];
    for (written, read, fits) in rows {
        // The endpoint writes its result, the caller writes arguments; the rules are the same.
        let (does, text) = verdict(&returns(written), &returns(read));
        assert_eq!(does, fits, "{written} -> {read}: {text}");
        let arg = |shape: &str| takes(&format!("{{v:{shape},!,}}"));
        let (does, text) = verdict(&arg(read), &arg(written));
        assert_eq!(does, fits, "argument {written} -> {read}: {text}");
    }
}

#[test]
fn each_direction_of_a_dialog_has_its_writer() {
    let context = |started: &str, sends: &str, receives: &str, returns: &str| {
        parsed(&format!(
            "context\nargs {{!,}}\nstarted {started}\nsends {sends}\nreceives {receives}\nreturns {returns}"
        ))
    };
    let old = context("u8", "u8", "u16", "u8");
    assert!(verdict(&old, &context("u16", "u16", "u8", "u16")).0);
    for (other, said) in [
        (
            context("i8", "u8", "u16", "u8"),
            "the started value: the endpoint sends `u8`, the caller expects `i8`",
        ),
        (context("u8", "i8", "u16", "u8"), "values streamed by the endpoint: the endpoint sends `u8`"),
        (context("u8", "u8", "u32", "u8"), "values streamed to the endpoint: the caller sends `u32`"),
        (context("u8", "u8", "u16", "i8"), "the result: the endpoint sends `u8`, the caller expects `i8`"),
        (takes("{!,}"), "the caller asks for a `actor_fn`, the endpoint is a `context`"),
    ] {
        let (fits, text) = verdict(&old, &other);
        assert!(!fits && text.contains(said), "{text}");
    }
}

#[test]
fn what_is_no_schema_is_refused_with_its_place() {
    let deep = format!("actor_fn\nargs {{}}\nreturns {}", "[".repeat(SCHEMA_BYTES_MAX / 2));
    for text in [
        "",
        "actor_fn",
        "actor_fn\nargs i64",
        "method\nargs {}",
        "actor_fn\nargs {}\nreturns",
        "actor_fn\nargs {a:i64}",
        "actor_fn\nargs {}\nreturns i65",
        "actor_fn\nargs {}\nreturns ^0",
        "actor_fn\nargs {}\nreturns [^1]",
        "actor_fn\nargs {}\nreturns [^99999999999999999999]",
        "actor_fn\nargs {}\nreturns [^18446744073709551615]",
        "actor_fn\nargs {}\nreturns nil\nsends nil",
        "actor_fn\nargs {\"a:i64,}",
        "actor_fn\nargs {}\nreturns (i64,",
        &deep,
    ] {
        let error = Schema::parse(text).expect_err("no schema").to_string();
        assert!(error.starts_with("no schema: ") && error.contains(" at byte "), "{error}");
    }
    let long = format!("actor_fn\nargs {{{}}}", "a:i64,".repeat(SCHEMA_BYTES_MAX / 6));
    assert!(Schema::parse(&deep).expect_err("too deep").to_string().contains("SCHEMA_DEPTH_MAX"));
    assert!(Schema::parse(&long).expect_err("too long").to_string().contains("SCHEMA_BYTES_MAX"));
}

#[test]
fn made_up_types_that_never_end_are_compared_in_bounded_time() {
    // References that lead through ever more pairs of places.
    let ring = |len: usize| {
        let mut text = String::from("actor_fn\nargs {}\nreturns ");
        text.push_str(&"[".repeat(len));
        text.push_str(&format!("^{}", len - 1));
        text.push_str(&"]".repeat(len));
        parsed(&text)
    };
    for (one, two) in [(29, 31), (SCHEMA_DEPTH_MAX - 1, SCHEMA_DEPTH_MAX - 2), (1, 2)] {
        assert!(!ring(one).compare(&ring(two)).is_empty());
    }
    let comb = |leaf: &str| {
        let all = "^0,".repeat(500);
        parsed(&format!("actor_fn\nargs {{}}\nreturns ({all}{leaf},)"))
    };
    assert!(!verdict(&comb("i64"), &comb("str")).0);
}

fn any_shape() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("any"),
        Just("nil"),
        Just("unit"),
        Just("bool"),
        Just("u8"),
        Just("i64"),
        Just("f64"),
        Just("str")
    ];
    let name = prop_oneof![Just("a"), Just("b"), Just("c"), Just("\"d e\""), Just("\"\\\"\"")];
    leaf.prop_map(str::to_owned).prop_recursive(4, 40, 4, move |inner| {
        let named = vec((name.clone(), any::<bool>(), inner.clone()), 0..4);
        let list = |items: Vec<String>| items.iter().map(|item| format!("{item},")).collect::<String>();
        prop_oneof![
            inner.clone().prop_map(|inner| format!("?{inner}")),
            inner.clone().prop_map(|inner| format!("[{inner}]")),
            Just("[^0]".to_owned()),
            (inner.clone(), inner.clone()).prop_map(|(key, value)| format!("map({key},{value})")),
            vec(inner.clone(), 0..3).prop_map(move |items| format!("({})", list(items))),
            (named.clone(), any::<bool>()).prop_map(|(fields, closed)| {
                let fields = distinct(fields);
                let fields: String = fields
                    .iter()
                    .map(|(name, optional, shape)| {
                        format!("{name}{}:{shape},", if *optional { "?" } else { "" })
                    })
                    .collect();
                format!("{{{fields}{}}}", if closed { "!," } else { "" })
            }),
            named.prop_map(|variants| {
                let variants = distinct(variants);
                let variants: Vec<_> = variants
                    .iter()
                    .map(
                        |(name, bare, shape)| {
                            if *bare { (*name).to_owned() } else { format!("{name}({shape})") }
                        },
                    )
                    .collect();
                format!("<{}>", variants.join("|"))
            }),
        ]
    })
}

fn distinct(mut named: Vec<(&'static str, bool, String)>) -> Vec<(&'static str, bool, String)> {
    let mut seen = Vec::new();
    named.retain(|(name, ..)| {
        !seen.contains(name) && {
            seen.push(*name);
            true
        }
    });
    named
}

proptest! {
    #[test]
    fn a_schema_fits_itself_and_its_text_is_canonical(shape in any_shape()) {
        let schema = returns(&shape);
        prop_assert!(schema.compare(&schema).is_empty());
        prop_assert_eq!(&Schema::parse(&schema.to_string()).expect("canonical"), &schema);
    }

    #[test]
    fn there_are_differences_exactly_when_fingerprints_differ(one in any_shape(), two in any_shape()) {
        for (one, two) in [(returns(&one), returns(&two)), (takes(&format!("{{v:{one},}}")), takes(&format!("{{v:{two},}}")))] {
            let same = one.fingerprint() == two.fingerprint();
            prop_assert_eq!(one.compare(&two).is_empty(), same);
            prop_assert_eq!(two.compare(&one).is_empty(), same);
        }
    }

    #[test]
    fn what_reads_anything_fits_everything(shape in any_shape()) {
        prop_assert!(verdict(&returns(&shape), &returns("any")).0);
        let optional = returns(&format!("?{shape}"));
        prop_assert!(verdict(&returns(&shape), &optional).0);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}", shape in any_shape(), at in any::<prop::sample::Index>()) {
        _ = Schema::parse(&text);
        let whole = format!("actor_fn\nargs {{}}\nreturns {shape}");
        let cut = at.index(whole.len());
        if whole.is_char_boundary(cut) {
            _ = Schema::parse(&whole[..cut]);
            if let Ok(schema) = Schema::parse(&format!("{}{}{}", &whole[..cut], &text, &whole[cut..])) {
                _ = schema.compare(&returns(&shape));
            }
        }
    }
}
