//! Calls: arguments and results of every shape, through memory and between processes.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use support::{Spoiled, spoiled, with_local, with_process};
use tractor::Portal;
use tractor::error::RemoteKind;

const MIB: usize = 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: f64,
    label: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Dot(Point),
    Line(Point, Point),
    Circle { center: Point, radius: u32 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wrapper(Vec<Shape>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Marker;

/// An endpoint that returns its argument.
macro_rules! echoes {
    ($($name:ident: $ty:ty;)*) => {$(
        #[tractor::actor_fn]
        async fn $name(value: $ty) -> $ty {
            value
        }
    )*};
}

type Tuple = (i64, String, bool);
type Nested = HashMap<String, Vec<Option<BTreeMap<u32, (char, Shape)>>>>;

echoes! {
    point: Point;
    maybe: Option<Point>;
    list: Vec<i64>;
    shape: Shape;
    wrapper: Wrapper;
    marker: Marker;
    tuple: Tuple;
    nested: Nested;
    unit: ();
    bytes: ByteBuf;
    text: String;
    unsigned: u64;
    signed: i64;
    small: i8;
    float: f64;
    single: f32;
    letter: char;
    array: [u16; 4];
}

#[tractor::actor_fn]
#[allow(clippy::too_many_arguments, reason = "twelve is what is allowed")]
async fn twelve(
    a: i64,
    b: String,
    c: bool,
    d: Option<u8>,
    e: Vec<u8>,
    f: f64,
    g: char,
    h: (i8, i16),
    i: Point,
    j: Shape,
    k: u64,
    l: String,
) -> String {
    format!("{a} {b} {c} {d:?} {e:?} {f} {g} {h:?} {} {j:?} {k} {l}", i.x)
}

#[tractor::actor_fn]
async fn process_id() -> u32 {
    std::process::id()
}

#[tractor::actor_fn]
async fn repeated(byte: u8, count: usize) -> ByteBuf {
    ByteBuf::from(vec![byte; count])
}

#[tractor::actor_fn]
async fn length(bytes: ByteBuf) -> usize {
    bytes.len()
}

#[tractor::actor_fn]
async fn halved(n: i64) -> Result<i64, Spoiled> {
    if n % 2 == 0 { Ok(n / 2) } else { spoiled("an odd number") }
}

#[tractor::actor_fn]
async fn parsed(text: String) -> anyhow::Result<u16> {
    use anyhow::Context as _;

    text.parse().with_context(|| format!("cannot use {text:?}"))
}

fn a_point(x: i64) -> Point {
    Point { x, y: -0.5, label: (x > 0).then(|| "ünïcødé \u{1F980} \0".to_owned()) }
}

fn shapes() -> Vec<Shape> {
    vec![
        Shape::Nothing,
        Shape::Dot(a_point(1)),
        Shape::Line(a_point(0), a_point(2)),
        Shape::Circle { center: a_point(-3), radius: u32::MAX },
    ]
}

/// Sends values through endpoints that return them, and compares.
macro_rules! check_echo {
    ($portal:ident: $($name:ident <- $($value:expr),+;)*) => {$($(
        let value = $value;
        assert_eq!($portal.run($name(value.clone())).await?, value, stringify!($name));
    )+)*};
}

async fn check_shapes(portal: &Portal) -> tractor::Result<()> {
    let inner = BTreeMap::from([(0, ('a', Shape::Nothing)), (u32::MAX, ('\u{1F980}', shapes()[3].clone()))]);
    check_echo! { portal:
        point <- a_point(1), a_point(0);
        maybe <- None, Some(a_point(7));
        list <- vec![], vec![i64::MIN, -1, 0, 127, 128, i64::MAX], (0..70_000).collect::<Vec<i64>>();
        wrapper <- Wrapper(vec![]), Wrapper(shapes());
        marker <- Marker;
        tuple <- (i64::MIN, String::new(), true);
        nested <- HashMap::new(), HashMap::from([("k".to_owned(), vec![None, Some(inner)]), (String::new(), vec![])]);
        bytes <- ByteBuf::new(), ByteBuf::from((0..=255).collect::<Vec<u8>>());
        text <- String::new(), "a".repeat(31), "b".repeat(32), "c".repeat(256), "d".repeat(70_000);
        unsigned <- 0, u64::MAX;
        signed <- i64::MIN, -129, -33, -32, i64::MAX;
        small <- i8::MIN, i8::MAX;
        float <- 0.0, f64::MIN_POSITIVE, f64::INFINITY;
        single <- f32::MAX;
        letter <- '\0', '\u{10FFFF}';
        array <- [0, 1, 2, u16::MAX];
    }
    for value in shapes() {
        assert_eq!(portal.run(shape(value.clone())).await?, value);
    }
    portal.run(unit(())).await?;
    assert!(portal.run(float(f64::NAN)).await?.is_nan());
    Ok(())
}

#[tractor::test]
async fn every_shape_travels_through_memory() -> tractor::Result<()> {
    with_local(module_path!(), check_shapes).await
}

#[tractor::test]
async fn every_shape_travels_between_processes() -> tractor::Result<()> {
    with_process(module_path!(), check_shapes).await
}

#[tractor::test]
async fn twelve_arguments_keep_their_places() -> tractor::Result<()> {
    let call = || {
        let (words, shape) = (("b".to_owned(), "l".to_owned()), Shape::Dot(a_point(0)));
        twelve(-1, words.0, true, None, vec![5], 6.5, 'g', (-8, 9), a_point(10), shape, 11, words.1)
    };
    with_process(module_path!(), async |worker| {
        let there = worker.run(call()).await?;
        assert_eq!(there, call().await);
        assert!(there.starts_with("-1 b true None [5] 6.5 g (-8, 9) 10 Dot"), "{there}");
        assert!(there.ends_with(" 11 l"), "{there}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn five_mebibytes_travel_both_ways() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        assert_eq!(worker.run(length(ByteBuf::from(vec![7; 5 * MIB]))).await?, 5 * MIB);
        let back = worker.run(repeated(9, 5 * MIB)).await?;
        assert_eq!(back.len(), 5 * MIB);
        assert!(back.iter().all(|byte| *byte == 9));
        let long = "é".repeat(5 * MIB / 2);
        assert_eq!(worker.run(text(long.clone())).await?, long);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_awaited_call_runs_here_and_a_handed_over_one_there() -> tractor::Result<()> {
    with_process(module_path!(), async |worker| {
        let here = std::process::id();
        assert_eq!(process_id().await, here);
        let there = worker.run(process_id()).await?;
        assert_ne!(there, here);
        assert_eq!(worker.pid(), Some(there.into()));
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_failure_keeps_its_type_text_and_sources() -> tractor::Result<()> {
    with_local(module_path!(), async |worker| {
        assert_eq!(halved(4).await, Ok(2));
        assert_eq!(halved(5).await, spoiled("an odd number"));
        assert_eq!(worker.run(halved(4)).await?, 2);
        let error = worker.run(halved(5)).await.expect_err("five is odd");
        let remote = error.as_remote().expect("the endpoint failed");
        assert_eq!(remote.kind(), RemoteKind::Error);
        assert_eq!((remote.src_type(), remote.message()), ("Spoiled", "an odd number"));
        assert_eq!(remote.src_uid(), worker.uid());
        assert_eq!(remote.relay_path(), [worker.uid().clone()]);
        assert!(!remote.is_inception());

        let error = worker.run(parsed("70000".to_owned())).await.expect_err("larger than a u16");
        let remote = error.as_remote().expect("the endpoint failed");
        assert_eq!(remote.message(), "cannot use \"70000\"");
        assert_eq!(remote.causes(), ["number too large to fit in target type"]);
        assert!(error.to_string().contains("number too large"), "{error}");
        assert_eq!(worker.run(parsed("7".to_owned())).await?, 7, "the actor goes on");
        Ok(())
    })
    .await
}
