//! Python calls Rust.

use tractor::{Addr, Error};

use super::{Table, next_line, rust_side, script};

/// Runs the cases of `calls.py` against this root, which is the registrar at the address.
pub(crate) async fn calls(table: &mut Table, addr: &Addr) {
    let mut python = script("calls.py", addr).await;
    while let Some(line) = next_line(&mut python).await {
        let Some((name, verdict)) = line.split_once('\t') else {
            assert_eq!(line, "kill me");
            break;
        };
        table.row(name, verdict.to_owned());
    }
    table
        .case("kill -9 of Python: what it runs here ends", async {
            python.kill().await.expect("the test owns it");
            assert_eq!(rust_side::ended().await, ["context"]);
            Ok(())
        })
        .await;
    table
        .case("kill -9 of Python: its name leads nowhere", async {
            let gone = tractor::find_actor("py", async |_| -> tractor::Result<()> { Ok(()) }).await;
            assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
            assert!(!tractor::list_actors().await?.iter().any(|row| row.uid.name() == "py"));
            Ok(())
        })
        .await;
}
