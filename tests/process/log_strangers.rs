//! Log lines that strangers cause: they name the address and the reason, and are limited in rate.

use std::process::Command;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tractor::{ActorOptions, Addr};
use tractor_core::proto::codec;
use tractor_core::proto::frame;
use tractor_core::proto::id::{Aid, Uid};
use tractor_core::proto::limits::{PEER_LOG_LINES_MAX, PEER_LOG_WINDOW};
use tractor_core::proto::msg::Msg;

const PROGRAM_ENV: &str = "TRACTOR_TEST_LOG_STRANGERS";
const STRANGERS: usize = 200;

/// Connects without the tree's secret, and introduces itself until it is refused.
async fn knocks(at: std::net::SocketAddr) {
    let name = "x\n00:00:00.000 (root[forged], 1, main) [ERROR] app: FORGED\x1b[2J\r";
    let mut out = Vec::new();
    let begun = frame::begin_frame(&mut out);
    codec::encode(&Msg::Aid(Aid::new(Uid::new(name, "\nforged"))), &mut out);
    frame::end_frame(&mut out, begun, 4096).expect("a short frame");
    let mut io = TcpStream::connect(at).await.expect("it listens");
    io.write_all(&out).await.expect("it reads");
    // The listener sends its own name, and then closes the connection.
    let mut rest = Vec::new();
    _ = io.read_to_end(&mut rest).await;
}

/// A program that the test below runs, to read its standard error.
#[tractor::test]
async fn program() -> tractor::Result<()> {
    if std::env::var_os(PROGRAM_ENV).is_none() {
        return Ok(());
    }
    tractor::log::init("warn").expect("a filter");
    let anywhere = Addr::Tcp("127.0.0.1:0".parse().expect("an address"));
    tractor::open_root_actor(ActorOptions::new().bind(anywhere), async |root| -> tractor::Result<()> {
        let at = root.addrs().into_iter().find_map(|addr| match addr {
            Addr::Tcp(at) => Some(at),
            _ => None,
        });
        for _ in 0..STRANGERS {
            knocks(at.expect("it listens there")).await;
        }
        Ok(())
    })
    .await
}

#[test]
fn strangers_cannot_forge_lines_nor_fill_the_log() {
    let begun = std::time::Instant::now();
    let output = Command::new(std::env::current_exe().expect("this binary"))
        .args([
            concat!(module_path!(), "::program").split_once("::").expect("a crate").1,
            "--exact",
            "--nocapture",
        ])
        .env(PROGRAM_ENV, "1")
        .env_remove("TRACTOR_LOGLEVEL")
        .output()
        .expect("this binary runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    let about: Vec<_> = text.lines().filter(|line| line.contains("FORGED")).collect();
    let windows = 1 + begun.elapsed().as_secs() / PEER_LOG_WINDOW.as_secs();
    let lines_max = PEER_LOG_LINES_MAX * usize::try_from(windows).expect("a small number");
    assert!((PEER_LOG_LINES_MAX..=lines_max).contains(&about.len()), "{} lines: {text}", about.len());
    for line in about {
        assert!(
            line.contains("[WARN ] tractor_core::discovery::listen: a guest was refused: peer x\\n00:00"),
            "{line}"
        );
        assert!(!line.contains(['\x1b', '\r']), "{line:?}");
    }
}
