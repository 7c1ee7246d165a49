//! Many silent strangers connect to an actor with a low limit of open files.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};
use tractor::{ActorOptions, Addr, Portal};

use crate::process_support::endpoints::process;
use crate::process_support::{WHOLE, bounded_by, fds, role};

/// Files that the besieged program may have open.
const FILES: u64 = 256;
/// Files that strangers cannot take: five of eight are for members, two for the actor.
const FILES_OF_STRANGERS: usize = FILES as usize / 8;
/// The number of strangers; fewer if this process may not open so many files.
const STRANGERS: usize = 1500;
/// Far longer than a connection takes, and far shorter than the time that a stranger gets.
const AT_MOST: Duration = Duration::from_secs(3);

fn open_files(max: Option<u64>) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = max.or(limit.maximum);
    setrlimit(Resource::Nofile, limit).expect("a limit may be raised to its maximum");
    limit.current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}

/// A member of the tree. Prints the milliseconds until it is connected and answered.
#[tractor::actor_fn]
async fn knocks(addr: String) -> tractor::Result<u32> {
    let addr: Addr = addr.parse().expect("an address");
    let start = Instant::now();
    tractor::connect(&addr, async |portal| portal.run(process()).await).await?;
    Ok(u32::try_from(start.elapsed().as_millis()).unwrap_or(u32::MAX))
}

#[tractor::test]
#[ignore = "a program that the test below besieges"]
async fn besieged() {
    open_files(Some(FILES));
    let any_port = Addr::Tcp("127.0.0.1:0".parse().expect("an address"));
    let options = ActorOptions::new().bind(any_port).enable_module("process::process_support::endpoints");
    let scope = tractor::open_root_actor(options, async |root| {
        tractor::open_nursery(async |an| -> tractor::Result<()> {
            let addr = root.addrs().remove(0);
            let member = an.start_actor("member").expose(knocks).await?;
            let Addr::Tcp(bound) = &addr else { unreachable!("it was bound to a port") };
            role::say("port", &[u32::from(bound.port())]);
            loop {
                let took = member.run(knocks(addr.to_string())).await.unwrap_or(u32::MAX);
                role::say("took", &[took, works(an).await]);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    });
    bounded_by(5 * WHOLE, scope).await.expect("it is killed");
}

/// Whether this process can still open files and start actors.
async fn works(an: &tractor::ActorNursery) -> u32 {
    let files: std::io::Result<Vec<File>> = (0..32).map(|_| File::open("/dev/null")).collect();
    let started: tractor::Result<Portal> = async { an.start_actor("another").await }.await;
    let ended = match &started {
        Ok(portal) => portal.cancel_actor().await.is_ok(),
        Err(_) => false,
    };
    u32::from(files.is_ok() && ended)
}

#[test]
fn members_do_not_wait_for_strangers_nor_lack_files() {
    let mut program = role::start(&mut role::command("strangers::besieged"));
    let port = u16::try_from(program.hear("port")[0]).expect("a port");
    let calm = program.hear("took");
    assert_eq!(calm[1], 1, "before the siege");
    let count = STRANGERS.min(open_files(None).saturating_sub(100));
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    let mut strangers: Vec<TcpStream> = Vec::new();
    for _ in 0..count {
        strangers.push(TcpStream::connect_timeout(&addr, AT_MOST).expect("it listens"));
    }
    // Newer strangers displace older ones, so all have been accepted once only the last ones are still connected.
    // Until then a member that connects may be displaced too.
    for stranger in &mut strangers[..count - FILES_OF_STRANGERS] {
        stranger.set_read_timeout(Some(WHOLE)).expect("it is open");
        if let Err(error) = stranger.read_to_end(&mut Vec::new()) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
        }
    }
    program.forget_what_was_said();
    // The first of these may have connected before.
    program.hear("took");
    for _ in 0..5 {
        let [took, works] = program.hear("took")[..] else { panic!("two numbers") };
        assert!(u128::from(took) < AT_MOST.as_millis(), "a member has waited {took} ms");
        assert_eq!(works, 1, "it could not open a file, or start an actor");
        let sockets = fds(program.pid()).iter().filter(|fd| fd.starts_with("socket:")).count();
        // The strangers, the listener, the two children, and temporary connections.
        assert!(sockets <= FILES_OF_STRANGERS + 16, "{sockets} sockets");
    }
    drop(strangers);
}
