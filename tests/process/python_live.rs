//! Live actors of the Python library: each kind of dialog, both ways, over both transports.
//!
//! Without an installed library the tests print that, and test nothing; `wire_base` has scripts of its messages. `cargo
//! test --test process python_live -- --nocapture` prints the table of cases.

use tractor::prelude::*;
use tractor::{Addr, Error};

use crate::python_support::{
    Table, addrs, missing, next_line, options, rust_side, script, they_call, we_call,
};

const SECS: u64 = 300;

/// Prints the reason why nothing is tested.
#[expect(clippy::print_stderr, reason = "a test that was skipped looks like one that has passed")]
async fn is_skipped() -> bool {
    let missing = missing().await;
    if let Some(why) = &missing {
        eprintln!("nothing was tested with Python actors: {why}");
    }
    missing.is_some()
}

async fn with_a_python_root(addr: &Addr) {
    let mut python = script("py_side.py", addr).await;
    assert_eq!(next_line(&mut python).await.as_deref(), Some("ready"));
    let mut table = Table::new("we call", addr);
    let scope = tractor::open_root_actor(options("ruster", addr), async |us| -> tractor::Result<()> {
        tractor::find_actor("pyside", async |py: &Portal| -> tractor::Result<()> {
            we_call::calls(&mut table, py).await;
            we_call::streams(&mut table, py).await;
            we_call::wrong_types(&mut table, py).await;
            we_call::overruns(&mut table, py).await;
            we_call::cancellations(&mut table, py).await;
            we_call::names(&mut table, us, py).await;
            we_call::kill(&mut table, py, &mut python).await;
            Ok(())
        })
        .await
    });
    scope.await.expect("the root ends well");
    table.check();
}

async fn with_a_rust_root(addr: &Addr) {
    let mut table = Table::new("they call", addr);
    let (started, are_started) = tokio::sync::oneshot::channel();
    let scope = tractor::open_root_actor(options("rust", addr), async |_| {
        let children = tractor::open_nursery(async |an| -> tractor::Result<()> {
            for name in ["ended", "killed"] {
                an.start_actor(name).enable_module(rust_side::MODULE).await?;
            }
            started.send(()).expect("the receiver waits");
            std::future::pending().await
        });
        let (children, ()) = tokio::join!(children, async {
            are_started.await.expect("the children start");
            they_call::calls(&mut table, addr).await;
        });
        children
    });
    let ended = scope.await;
    assert!(matches!(ended, Err(Error::Died(_))), "one of the children was killed: {ended:?}");
    table.check();
}

#[tractor::test]
async fn rust_calls_python() {
    if is_skipped().await {
        return;
    }
    for addr in addrs("py-registry") {
        support::with_deadline(SECS, with_a_python_root(&addr)).await;
    }
}

#[tractor::test]
async fn python_calls_rust() {
    if is_skipped().await {
        return;
    }
    for addr in addrs("rs-registry") {
        support::with_deadline(SECS, with_a_rust_root(&addr)).await;
    }
}
