//! Error types of a user with the name of a library error: each arrives as what it is.

use serde::{Deserialize, Serialize};
use support::{in_root, with_process};
use tractor::error::RemoteKind;
use tractor::prelude::*;
use tractor::{ActorOptions, DynCall, Error, Result};

/// A module per name, with an error type of that name and endpoints that fail with it.
macro_rules! namesakes {
    ($($module:ident: $name:ident;)*) => {
        $(mod $module {
            use tractor::prelude::*;

            #[derive(Debug, Clone, PartialEq, thiserror::Error, serde::Serialize, serde::Deserialize)]
            #[error("it only sounds like one of theirs")]
            pub(super) struct $name {
                pub(super) left: u32,
            }

            #[tractor::actor_fn]
            pub(super) async fn fails() -> std::result::Result<(), $name> {
                Err($name { left: 3 })
            }

            #[tractor::context(pld_spec = u8, returns = ())]
            pub(super) async fn fails_open(ctx: Context<u8>) -> std::result::Result<(), $name> {
                let ctx = ctx.started(1).await.expect("it is sent");
                let _stream = ctx.open_stream();
                Err($name { left: 3 })
            }
        })*

        fn exposing() -> ActorOptions {
            ActorOptions::new()$(.enable_module(concat!(module_path!(), "::", stringify!($module))))*
        }

        async fn each_arrives_as_what_it_is(worker: &Portal) -> Result<()> {
            $(
                let called = worker.run($module::fails()).await.expect_err("it fails");
                let opened = worker.open_context($module::fails_open(), async |ctx, _| {
                    // The side that cancels absorbs an acknowledgement, and no other error.
                    ctx.handle().cancel().await?;
                    ctx.wait_for_result().await
                });
                let limited = worker.deadline(std::time::Duration::from_secs(60)).run($module::fails()).await;
                for error in [called, opened.await.expect_err("it fails"), limited.expect_err("it fails")] {
                    let remote = error.as_remote().unwrap_or_else(|| panic!("{}: {error:?}", stringify!($name)));
                    assert_eq!(remote.kind(), RemoteKind::Error, "{error}");
                    assert_eq!(remote.src_type(), concat!(stringify!($module), "::", stringify!($name)));
                    assert_eq!(error.downcast(), Some($module::$name { left: 3 }));
                    assert!(!error.is_cancelled());
                }
            )*
            Ok(())
        }
    };
}

namesakes! {
    actor_died: ActorDied;
    actor_failure: ActorFailure;
    actor_too_slow: ActorTooSlowError;
    attribute_error: AttributeError;
    context_cancelled: ContextCancelled;
    deadline_exceeded: DeadlineExceeded;
    exception_group: ExceptionGroup;
    lagged: Lagged;
    messaging_error: MessagingError;
    module_not_exposed: ModuleNotExposed;
    msg_type_error: MsgTypeError;
    no_runtime: NoRuntime;
    not_found: NotFound;
    panic: Panic;
    remote_actor_error: RemoteActorError;
    runtime_failure: RuntimeFailure;
    stream_overrun: StreamOverrun;
    supervisor_gave_up: SupervisorGaveUp;
    transport_closed: TransportClosed;
    type_error: TypeError;
    unreachable: Unreachable;
}

#[tractor::test]
async fn a_user_s_error_with_a_name_of_ours_arrives_as_the_user_s() -> Result<()> {
    in_root(async |_| {
        tractor::with_local_actor(exposing(), async |worker| each_arrives_as_what_it_is(worker).await).await
    })
    .await
}

/// Fails with the payload of a library error as its error type.
#[tractor::actor_fn]
async fn refuses() -> std::result::Result<(), tractor::error::RuntimeFailure> {
    Err(tractor::error::RuntimeFailure::new("not like this"))
}

/// As `refuses`, inside of a type that hides the error.
#[tractor::actor_fn]
async fn refuses_anyhow() -> anyhow::Result<()> {
    Ok(refuses().await?)
}

/// Fails with a library error inside of a type that hides it.
#[tractor::actor_fn]
async fn misuses_anyhow() -> anyhow::Result<()> {
    let _call: DynCall = "no endpoint".parse()?;
    Ok(())
}

#[tractor::actor_fn]
async fn misuses_boxed() -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let _call: DynCall = "no endpoint".parse()?;
    Ok(())
}

#[tractor::actor_fn]
async fn told_anyhow() -> anyhow::Result<()> {
    anyhow::bail!("nothing of ours")
}

#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
#[error("sold out")]
struct SoldOut;

#[tractor::actor_fn]
async fn sold_out_anyhow() -> anyhow::Result<()> {
    Err(SoldOut.into())
}

#[tractor::test]
async fn an_error_of_ours_keeps_its_kind_in_a_type_that_hides_it() -> Result<()> {
    with_process(module_path!(), async |worker| {
        let kind_of = |error: Error| {
            let remote = error.as_remote().unwrap_or_else(|| panic!("{error:?}"));
            (remote.kind(), remote.src_type().to_owned(), remote.message().to_owned())
        };
        let refused = || (RemoteKind::Runtime, "RuntimeFailure".to_owned(), "not like this".to_owned());
        assert_eq!(kind_of(worker.run(refuses()).await.unwrap_err()), refused());
        assert_eq!(kind_of(worker.run(refuses_anyhow()).await.unwrap_err()), refused());
        for error in [worker.run(misuses_anyhow()).await, worker.run(misuses_boxed()).await] {
            let (kind, src_type, _) = kind_of(error.unwrap_err());
            assert_eq!((kind, src_type.as_str()), (RemoteKind::Runtime, "RuntimeFailure"));
        }
        for error in [worker.run(told_anyhow()).await, worker.run(sold_out_anyhow()).await] {
            let (kind, src_type, _) = kind_of(error.unwrap_err());
            assert_eq!(kind, RemoteKind::Error);
            assert!(src_type.ends_with("Error"), "{src_type}");
        }
        Ok(())
    })
    .await
}
