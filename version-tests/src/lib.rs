//! Both versions of the program share this code: the two roles.

use std::fmt::Debug;
use std::io::Read;

use tractor::{ActorOptions, Addr, Error, Portal};

/// The module of the endpoints, the same in both programs.
pub const MODULE: &str = "versions";

/// Tells the test how a call ended.
#[expect(clippy::print_stdout, reason = "the test reads the program's standard output")]
pub fn say<T: Debug>(name: &str, result: tractor::Result<T>) {
    match result {
        Ok(value) => println!("{name} = {value:?}"),
        Err(Error::MsgType(error)) => println!("{name} ! {:?}: {error}", error.blame()),
        Err(error) => println!("{name} ! {error}"),
    }
}

/// `serve` listens until its standard input ends, `call <address>` makes the calls.
///
/// # Errors
/// Those of the actor.
pub async fn program(calls: impl AsyncFn(&Portal)) -> tractor::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve().await,
        ["call", addr] => {
            let addr: Addr = addr.parse().expect("the test gives an address");
            tractor::open_root_actor(ActorOptions::new(), async |_| {
                tractor::connect(&addr, async |portal| {
                    calls(portal).await;
                    // Once more: the refused calls have done no harm.
                    calls(portal).await;
                    Ok(())
                })
                .await
            })
            .await
        }
        _ => panic!("usage: serve | call <address>"),
    }
}

async fn serve() -> tractor::Result<()> {
    let addr = tractor::socket_addr("versions")?;
    let options = ActorOptions::new().bind(addr.clone()).enable_module(MODULE);
    tractor::open_root_actor(options, async |_| {
        say("addr", Ok(addr.to_string()));
        let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        end.await.expect("reading does not panic").expect("standard input can be read");
        Ok(())
    })
    .await
}
