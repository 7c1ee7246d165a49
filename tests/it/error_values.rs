//! Errors of endpoints: some types come back as values, others only by name and text.

#![allow(clippy::unwrap_used, reason = "tests unwrap, and so do their helpers")]

use serde::{Deserialize, Serialize, Serializer};
use support::{in_nursery, start, tree, with_local, with_process};
use tractor::error::RemoteKind;
use tractor::prelude::*;
use tractor::{Error, Result};

#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize, Deserialize)]
enum Shop {
    #[error("only {left} left")]
    SoldOut { left: u32 },
    #[error("closed: {0:?}")]
    Closed(Vec<String>),
}

/// Another type with the name and the fields of `Shop`.
mod other {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(crate) enum Shop {
        SoldOut { left: u32 },
        Closed(Vec<String>),
    }
}

/// An error that names only its own type, as most crates do.
type Sold<T> = std::result::Result<T, Shop>;

#[tractor::actor_fn]
async fn buy(count: u32) -> std::result::Result<u32, Shop> {
    if count > 3 { Err(Shop::SoldOut { left: 3 }) } else { Ok(count) }
}

mod alias {
    pub(crate) type Result<T> = super::Sold<T>;
}

#[tractor::actor_fn]
async fn enter() -> alias::Result<()> {
    Err(Shop::Closed(vec!["monday".into(), "tuesday".into()]))
}

#[tractor::context(started = (), returns = u32)]
async fn counter(ctx: Context<(), (), ()>) -> std::result::Result<u32, Shop> {
    ctx.started(()).await.map_err(|_| Shop::Closed(vec![]))?;
    Err(Shop::SoldOut { left: 0 })
}

#[tractor::stream]
async fn till(out: StreamSender<u32>) -> std::result::Result<(), Shop> {
    out.send(1).await.map_err(|_| Shop::Closed(vec![]))?;
    Err(Shop::SoldOut { left: 1 })
}

/// An error that cannot be serialized.
#[derive(Debug, thiserror::Error)]
#[error("no serde here")]
struct Plain(#[source] std::num::ParseIntError);

#[tractor::actor_fn]
async fn plain() -> std::result::Result<(), Plain> {
    "x".parse::<u8>().map(drop).map_err(Plain)
}

#[tractor::actor_fn]
async fn text() -> std::result::Result<(), String> {
    Err("a text is an error, too".into())
}

#[tractor::actor_fn]
async fn boxed() -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
    Err(Box::new(Shop::Closed(vec![])))
}

#[tractor::actor_fn]
async fn loose() -> anyhow::Result<()> {
    Err(Shop::Closed(vec![]).into())
}

/// Can be decoded. Its encoding fails, or cannot be decoded.
#[derive(Debug, thiserror::Error, Deserialize)]
#[error("odd: {how}")]
struct Odd {
    how: String,
}

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match &*self.how {
            "fails" => Err(serde::ser::Error::custom("not today")),
            "panics" => panic!("a serializer that panics"),
            "large" => serializer.serialize_str(&"x".repeat(100_000)),
            "deep" => (0..100).fold(Deep(vec![]), |inner, _| Deep(vec![inner])).serialize(serializer),
            other => serializer.serialize_u8(u8::try_from(other.len()).unwrap_or(0)),
        }
    }
}

/// A hundred nested arrays.
#[derive(Serialize)]
struct Deep(Vec<Self>);

#[tractor::actor_fn]
async fn odd(how: String) -> std::result::Result<(), Odd> {
    Err(Odd { how })
}

/// Passes the failure on, twice.
#[tractor::actor_fn]
async fn further(name: String, hops: u32) -> Result<u32> {
    tractor::open_nursery(async |an| {
        let below = start(an, format!("{name}{hops}"), module_path!()).await?;
        let bought =
            if hops > 1 { below.run(further(name, hops - 1)).await } else { below.run(buy(9)).await };
        below.cancel_actor().await?;
        bought
    })
    .await
}

#[track_caller]
fn assert_texts(error: &Error, src_type: &str, message: &str) {
    let remote = error.as_remote().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!((remote.kind(), remote.src_type(), remote.message()), (RemoteKind::Error, src_type, message));
}

async fn check_values(portal: &Portal) -> Result<()> {
    assert_eq!(portal.run(buy(2)).await?, 2);
    let error = portal.run(buy(9)).await.unwrap_err();
    assert_texts(&error, "Shop", "only 3 left");
    assert_eq!(error.downcast::<Shop>(), Some(Shop::SoldOut { left: 3 }));
    assert_eq!(error.downcast::<other::Shop>(), None, "a type of the same name");
    let remote = error.as_remote().expect("the error is remote");
    let value_type = remote.value_type().expect("the error carries a value");
    assert!(value_type.ends_with("error_values::Shop"), "{value_type}");
    assert_eq!(
        remote.downcast_as(value_type),
        Some(other::Shop::SoldOut { left: 3 }),
        "by the name of its own type"
    );
    assert_eq!(remote.downcast_as::<Shop>("error_values::other::Shop"), None, "by the name of another type");
    assert_eq!(error.downcast::<String>(), None);
    assert_eq!(error.downcast::<()>(), None);

    let error = portal.run(enter()).await.unwrap_err();
    let days = vec!["monday".to_owned(), "tuesday".to_owned()];
    assert_eq!(error.downcast::<Shop>(), Some(Shop::Closed(days)));

    let error =
        portal.open_context(counter(), async |ctx, ()| ctx.wait_for_result().await).await.unwrap_err();
    assert_eq!(error.downcast::<Shop>(), Some(Shop::SoldOut { left: 0 }));

    let read = portal.open_stream_from(till(), async |mut stream| {
        while stream.receive().await?.is_some() {}
        Ok(())
    });
    let error: Error = read.await.unwrap_err();
    assert_eq!(error.downcast::<Shop>(), Some(Shop::SoldOut { left: 1 }));

    let error = portal.run(text()).await.unwrap_err();
    assert_texts(&error, "String", "a text is an error, too");
    assert_eq!(error.downcast::<String>().as_deref(), Some("a text is an error, too"));
    Ok(())
}

#[tractor::test]
async fn a_serde_error_comes_back_as_what_it_was() -> Result<()> {
    tree(async |_| {
        with_local(module_path!(), check_values).await?;
        with_process(module_path!(), check_values).await
    })
    .await
}

#[tractor::test]
async fn other_errors_come_back_by_name_text_and_sources() -> Result<()> {
    with_local(module_path!(), async |portal| {
        let error = portal.run(plain()).await.unwrap_err();
        assert_texts(&error, "Plain", "no serde here");
        assert_eq!(error.as_remote().unwrap().causes(), ["invalid digit found in string"]);
        for error in [portal.run(boxed()).await.unwrap_err(), portal.run(loose()).await.unwrap_err()] {
            assert_eq!(error.as_remote().unwrap().message(), "closed: []");
            assert_eq!(error.downcast::<Shop>(), None, "its type was lost in the conversion");
        }
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_value_that_cannot_travel_does_not_keep_the_error_from_arriving() -> Result<()> {
    with_process(module_path!(), async |portal| {
        for how in ["fails", "panics", "large", "deep"] {
            let error = portal.run(odd(how.to_owned())).await.unwrap_err();
            assert_texts(&error, "Odd", &format!("odd: {how}"));
            assert!(error.downcast::<Odd>().is_none(), "{how}");
        }
        let error = portal.run(odd("asymmetric".to_owned())).await.unwrap_err();
        assert_texts(&error, "Odd", "odd: asymmetric");
        assert!(error.downcast::<Odd>().is_none(), "it cannot read its own encoding");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn relays_keep_the_value() -> Result<()> {
    in_nursery(async |tree, an| {
        let portal = start(an, tree.name("worker"), module_path!()).await?;
        let error = portal.run(further(tree.name("hop"), 2)).await.unwrap_err();
        let remote = error.as_remote().unwrap_or_else(|| panic!("{error:?}"));
        assert_eq!((remote.src_type(), remote.boxed_type()), ("Shop", "RemoteActorError"));
        assert_eq!(remote.relay_path().len(), 3, "{remote:?}");
        assert_eq!(error.downcast::<Shop>(), Some(Shop::SoldOut { left: 3 }));
        portal.cancel_actor().await?;
        Ok(())
    })
    .await
}
