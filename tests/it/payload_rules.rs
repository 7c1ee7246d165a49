//! Rules about values are serde's own: `#[serde(try_from = "..")]` on the type.

use serde::{Deserialize, Serialize};
use support::with_local;
use tractor::error::{Blame, MsgTypeError, RemoteKind};
use tractor::prelude::*;
use tractor::{Error, Result};

/// Even numbers only. Code in this file can still make an odd one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
struct Even(i64);

impl TryFrom<i64> for Even {
    type Error = String;

    fn try_from(n: i64) -> Result<Self, String> {
        if n % 2 == 0 { Ok(Self(n)) } else { Err(format!("{n} is odd")) }
    }
}

impl From<Even> for i64 {
    fn from(even: Even) -> Self {
        even.0
    }
}

#[tractor::actor_fn]
async fn half(of: Even) -> i64 {
    of.0 / 2
}

/// Begins with `first`, adds up what it receives, and ends with `last`.
#[tractor::context(pld_spec = Even)]
async fn sum(ctx: Context<Even>, first: i64, last: i64) -> Result<Even> {
    let ctx = ctx.started(Even(first)).await?;
    let mut stream = ctx.open_stream();
    let mut sum = 0;
    while let Some(Even(n)) = stream.receive().await? {
        sum += n;
    }
    Ok(Even(sum + last))
}

#[track_caller]
fn odd(error: &Error) -> &MsgTypeError {
    let Error::MsgType(problem) = error else { panic!("not a type error: {error:?}") };
    assert!(problem.to_string().contains("is odd"), "{problem}");
    problem
}

#[tractor::test]
async fn an_argument_that_its_type_refuses() -> Result<()> {
    with_local(module_path!(), async |worker| {
        assert_eq!(worker.run(half(Even(4))).await?, 2);
        let Error::Remote(error) = worker.run(half(Even(3))).await.unwrap_err() else { panic!("not remote") };
        assert_eq!(error.kind(), RemoteKind::Arguments);
        assert!(error.to_string().contains("3 is odd"), "{error}");
        Ok(())
    })
    .await
}

#[tractor::test]
async fn values_of_a_context_that_their_type_refuses() -> Result<()> {
    with_local(module_path!(), async |worker| {
        let send = async |ctx: tractor::ParentContext<sum>, n| {
            let stream = ctx.open_stream();
            stream.send(Even(n)).await?;
            stream.wait_for_result().await
        };
        assert_eq!(worker.open_context(sum(0, 2), async |ctx, _| send(ctx, 4).await).await?, Even(6));

        // The first and the last value do not leave, and the endpoint gets the error.
        for (first, last) in [(1, 0), (0, 1)] {
            let opened: Result<Even> =
                worker.open_context(sum(first, last), async |ctx, _| send(ctx, 4).await).await;
            let error = opened.unwrap_err();
            assert!(error.to_string().contains("it was not sent"), "{error}");
            assert!(error.to_string().contains("is odd"), "{error}");
        }

        // The receiver refuses a streamed value, and its sender gets an error.
        let opened: Result<Even> = worker.open_context(sum(0, 0), async |ctx, _| send(ctx, 3).await).await;
        let error = opened.unwrap_err();
        let problem = odd(&error);
        assert_eq!((problem.message_type(), problem.blame()), ("Yield", Blame::Local));
        Ok(())
    })
    .await
}
