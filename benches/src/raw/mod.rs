//! The limits to compare with: tokio sockets, length-prefixed frames and nothing else.

mod calls;
mod one_way;
mod ping_pong;
mod spawn;

use std::io;

use crate::link::{self, Socket, Transport};

pub(crate) use spawn::spawn_to_reply;

/// Bytes of a ping and of its pong.
pub(crate) const PING_BYTES: usize = 64;
/// Bytes of a frame that carries one tick in the reference's envelope.
pub(crate) const TICK_FRAME_BYTES: usize = 55;
/// Bytes of one bulk payload.
pub(crate) const BULK_BYTES: usize = 64 * 1024;

/// What a peer process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Answers each request of a call with a reply of another size, replies of one read in one write.
    Answer,
    /// Sends each frame back by itself.
    Echo,
    /// Counts frames and reports the count when the sender has closed its half.
    Sink,
}

impl Role {
    const ALL: [Self; 3] = [Self::Answer, Self::Echo, Self::Sink];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Echo => "echo",
            Self::Sink => "sink",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Runs a role until the other side has closed.
pub(crate) async fn serve<S: Socket>(role: Role, socket: S) -> io::Result<()> {
    match role {
        Role::Answer => calls::answer(socket).await,
        Role::Echo => ping_pong::echo(socket).await,
        Role::Sink => one_way::sink(socket).await,
    }
}

/// Median round trip of `count` frames, in microseconds.
pub(crate) fn ping_pong(transport: Transport, count: usize) -> io::Result<f64> {
    link::runtime()?.block_on(async {
        match transport {
            Transport::Uds => {
                let (socket, peer) = link::start_uds(Role::Echo)?;
                finish(ping_pong::drive(socket, count).await?, peer)
            }
            Transport::Tcp => {
                let (socket, peer) = link::start_tcp(Role::Echo).await?;
                finish(ping_pong::drive(socket, count).await?, peer)
            }
        }
    })
}

/// Frames per second of `count` frames with bodies of `body_bytes`, written in batches.
pub(crate) fn one_way(transport: Transport, body_bytes: usize, count: u64) -> io::Result<f64> {
    link::runtime()?.block_on(async {
        match transport {
            Transport::Uds => {
                let (socket, peer) = link::start_uds(Role::Sink)?;
                finish(one_way::drive(socket, body_bytes, count).await?, peer)
            }
            Transport::Tcp => {
                let (socket, peer) = link::start_tcp(Role::Sink).await?;
                finish(one_way::drive(socket, body_bytes, count).await?, peer)
            }
        }
    })
}

/// Calls per second with `in_flight` callers that share one connection.
pub(crate) fn calls(transport: Transport, in_flight: usize, count: usize) -> io::Result<f64> {
    link::runtime()?.block_on(async {
        match transport {
            Transport::Uds => {
                let (socket, peer) = link::start_uds(Role::Answer)?;
                finish(calls::drive(socket, in_flight, count).await?, peer)
            }
            Transport::Tcp => {
                let (socket, peer) = link::start_tcp(Role::Answer).await?;
                finish(calls::drive(socket, in_flight, count).await?, peer)
            }
        }
    })
}

fn finish(value: f64, peer: link::Peer) -> io::Result<f64> {
    peer.join()?;
    Ok(value)
}
