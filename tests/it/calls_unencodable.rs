//! A value that cannot be encoded, wherever a value may be sent: the sender gets an error, no part of the value
//! travels, and both actors go on.

use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use support::with_process;
use tractor::prelude::*;
use tractor::{Error, Result};

/// Can be encoded unless it is `Never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "u8")]
enum Shy {
    Fine,
    Never,
}

impl From<u8> for Shy {
    fn from(_: u8) -> Self {
        Self::Fine
    }
}

impl Serialize for Shy {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Fine => serializer.serialize_u8(1),
            Self::Never => Err(S::Error::custom("too shy")),
        }
    }
}

#[tractor::actor_fn]
async fn mirrors(_shy: Shy, back: bool) -> Shy {
    if back { Shy::Fine } else { Shy::Never }
}

/// Sends a value that cannot be encoded in one of three steps. With step 4 it first waits for a value.
#[tractor::context(pld_spec = Shy, returns = Shy)]
async fn shies(ctx: Context<Shy>, step: u8) -> tractor::Result<Shy> {
    let shy_at = |at| if step == at { Shy::Never } else { Shy::Fine };
    let ctx = ctx.started(shy_at(0)).await?;
    let mut stream = ctx.open_stream();
    if step == 4 {
        stream.receive().await?;
    }
    stream.send(shy_at(1)).await?;
    stream.close();
    Ok(shy_at(2))
}

/// The error's text names the value, the message, the side and the reason.
fn assert_shy(error: &Error, msg: &str) {
    let text = error.to_string();
    for word in [msg, "Shy", "too shy"] {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

#[tractor::test]
async fn a_result_that_cannot_be_encoded_is_the_caller_s_error() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let error = worker.run(mirrors(Shy::Fine, false)).await.unwrap_err();
        assert_shy(&error, "Return");
        assert_eq!(worker.run(mirrors(Shy::Fine, true)).await?, Shy::Fine, "the actor goes on");
        assert_eq!(worker.dialogs_open(), 0);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn an_argument_that_cannot_be_encoded_is_an_error_here() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let error = worker.run(mirrors(Shy::Never, true)).await.unwrap_err();
        let text = format!(
            "invalid `Start` msg payload: it cannot be sent: `{}:mirrors`: argument `_shy`: the value cannot be \
             encoded: too shy",
            module_path!()
        );
        assert_eq!(error.to_string(), text);
        assert_eq!(worker.dialogs_open(), 0);
        assert_eq!(worker.run(mirrors(Shy::Fine, true)).await?, Shy::Fine);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn each_value_of_a_context_that_cannot_be_encoded_fails_its_endpoint() -> Result<()> {
    with_process(module_path!(), async |worker| {
        for (step, msg) in [(0, "Started"), (1, "Yield"), (2, "Return")] {
            let opened = worker.open_context(shies(step), async |ctx, first| {
                assert_eq!(first, Shy::Fine);
                let handle = ctx.handle();
                let mut stream = ctx.open_stream();
                while stream.receive().await?.is_some() {}
                handle.wait_for_result().await
            });
            assert_shy(&opened.await.unwrap_err(), msg);
            assert_eq!(worker.dialogs_open(), 0);
        }
        let opened = worker.open_context(shies(3), async |ctx, _| ctx.wait_for_result().await);
        assert_eq!(opened.await?, Shy::Fine);
        Ok(())
    })
    .await
}

#[tractor::test]
async fn a_streamed_value_that_cannot_be_encoded_is_an_error_here_and_the_stream_goes_on() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let opened = worker.open_context(shies(4), async |ctx, _| {
            let handle = ctx.handle();
            let mut stream = ctx.open_stream();
            assert_shy(&stream.send(Shy::Never).await.unwrap_err(), "Yield");
            stream.send(Shy::Fine).await?;
            assert_eq!(stream.receive().await?, Some(Shy::Fine));
            handle.wait_for_result().await
        });
        assert_eq!(opened.await?, Shy::Fine);
        Ok(())
    })
    .await
}
