//! Arguments have names of their own on the wire, defaults, and may be references.

#![deny(warnings)]
#![allow(dead_code, reason = "compiling is the test")]

use std::borrow::Cow;
use std::path::Path;

use tractor::prelude::*;

#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Point { x: i64 }

const TWO: u8 = 2;

#[tractor::actor_fn]
#[allow(clippy::too_many_arguments, reason = "one of each")]
async fn all(
    #[tractor(rename = "type", default)] kind: String,
    #[tractor(default = TWO)] mut position: u8,
    #[tractor(default = "a", rename = "value")] text: &str,
    #[tractor(default = &[1])] bytes: &[u8],
    #[tractor(default = Point { x: 1 })] owned: Point,
    #[tractor(default = &Point { x: 1 })] point: &Point,
    points: &[Point],
    path: &Path,
    maybe: &Option<Cow<'static, str>>,
) -> usize {
    position += 1;
    tokio_free().await;
    kind.len() + usize::from(position) + text.len() + bytes.len() + points.len() + path.components().count()
        + maybe.iter().count() + owned.x as usize + point.x as usize
}

async fn tokio_free() {}

#[tractor::context(pld_spec = u8)]
async fn dialog(_ctx: Context<u8>, mut text: &str) -> Result<u8, String> {
    text = &text[1..];
    text.parse().map_err(|_| text.to_owned())
}

#[tractor::stream]
async fn stream(_out: StreamSender<u8>, _text: &str) {}

async fn start(an: &ActorNursery) -> tractor::Result<Portal> {
    an.start_actor("worker").expose(all).expose(dialog).expose(stream).await
}

#[tractor::test]
async fn works() {
    let (text, point) = ("b".to_owned(), Point { x: 3 });
    let call = {
        let local = [point.clone()];
        all("a".into(), 1, &text, b"cd", point.clone(), &point, &local, Path::new("/a"), &None)
    };
    drop((text, point));
    assert_eq!(call.await, 15);
}
