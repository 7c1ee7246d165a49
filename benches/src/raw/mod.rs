//! The lower bound: sockets with length-prefixed MessagePack, and nothing else.

mod calls;
mod frame;

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::bail;
use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};

use crate::job::{Job, LARGE_BYTES, Place, Who, Work};
use crate::meter::{IN_FLIGHT, Meter, Numbers, median};
use crate::peers::Tick;
use crate::socket::{HELLO_FLAG, Listener, Server, Socket};
use calls::Client;
use frame::FrameReader;

/// Bytes of a ping and of its pong, with their length.
const PING_BYTES: usize = 68;
/// Bytes that are collected before they are written.
const BATCH_BYTES: usize = 64 * 1024;
/// Payloads smaller than this are written and read several at a time.
const SMALL_BYTES_MAX: u64 = 16 * 1024;
/// Room for one read of a stream.
const READ_BYTES: usize = 256 * 1024;

/// The first byte of a connection: the work of the server.
mod role {
    pub(super) const ANSWER: u8 = b'a';
    pub(super) const ECHO: u8 = b'e';
    pub(super) const PAYLOADS: u8 = b'p';
    pub(super) const TICKS: u8 = b't';
}

/// Takes one sample.
pub(crate) async fn take(job: Job, meter: Meter) -> anyhow::Result<Numbers> {
    if job.work == Work::Spawn {
        return spawn(meter, job.place);
    }
    let server = Server::start(Who::Raw, job.place)?;
    let meter = Meter { other: server.pid(), ..meter };
    let open = async |role: u8| -> io::Result<Socket> {
        let mut socket = Socket::connect(job.place.transport(), &server.addr).await?;
        socket.write_u8(role).await?;
        Ok(socket)
    };
    match job.work {
        Work::Call => {
            let client = Client::start(open(role::ANSWER).await?);
            let one = async |arg| assert_eq!(client.call(arg).await.expect("it answers"), arg + 1);
            Ok(meter.one_by_one(one).await)
        }
        Work::PingPong => {
            let mut socket = open(role::ECHO).await?;
            Ok(meter.one_by_one(async |seq| ping(&mut socket, seq).await.expect("an echo")).await)
        }
        Work::Connect => Ok(meter
            .one_by_one(async |seq| {
                let mut socket = open(role::ECHO).await.expect("it listens");
                ping(&mut socket, seq).await.expect("an echo");
            })
            .await),
        Work::CallsAtOnce | Work::Connections => {
            let sockets = try_join_all((0..job.size.max(1)).map(|_| open(role::ANSWER))).await?;
            let clients: Vec<_> = sockets.into_iter().map(Client::start).collect();
            let callers = IN_FLIGHT.max(clients.len());
            let call = move |caller: usize, arg| {
                let client = clients[caller % clients.len()].clone();
                async move {
                    anyhow::ensure!(client.call(arg).await? == arg + 1);
                    Ok(())
                }
            };
            Ok(meter.at_once(callers, call).await)
        }
        Work::Ticks => {
            let mut frames = FrameReader::new(open(role::TICKS).await?, READ_BYTES);
            meter.messages(async |count| take_ticks(&mut frames, count).await).await
        }
        Work::Fresh | Work::Same => take_payloads(open(role::PAYLOADS).await?, LARGE_BYTES, meter).await,
        Work::Payload => take_payloads(open(role::PAYLOADS).await?, job.size, meter).await,
        work => bail!("raw sockets have no {work:?}"),
    }
}

async fn ping(socket: &mut Socket, seq: u64) -> io::Result<()> {
    let mut frame = [0; PING_BYTES];
    frame[4..12].copy_from_slice(&seq.to_le_bytes());
    socket.write_all(&frame).await?;
    let mut back = [0; PING_BYTES];
    socket.read_exact(&mut back).await?;
    assert_eq!(frame, back);
    Ok(())
}

async fn take_ticks(frames: &mut FrameReader<Socket>, count: u64) -> anyhow::Result<()> {
    frames.source.write_u64_le(count).await?;
    let mut seq = 0;
    while seq < count {
        frames.fill().await?;
        while let Some(frame) = frames.buffered() {
            let tick: Tick = rmp_serde::from_slice(frame)?;
            assert_eq!(tick.seq, seq);
            seq += 1;
        }
    }
    Ok(())
}

async fn take_payloads(socket: Socket, bytes: u64, meter: Meter) -> anyhow::Result<Numbers> {
    let mut payload = vec![0; usize::try_from(bytes)?];
    // Large payloads are read directly into their destination.
    let mut socket = BufReader::with_capacity(if bytes < SMALL_BYTES_MAX { READ_BYTES } else { 4 }, socket);
    meter
        .messages(async |count| {
            socket.write_u64_le(bytes).await?;
            socket.write_u64_le(count).await?;
            for _ in 0..count {
                assert_eq!(u64::from(socket.read_u32_le().await?), bytes);
                socket.read_exact(&mut payload).await?;
            }
            Ok(())
        })
        .await
}

/// `main` of a server.
pub(crate) async fn serve(listener: Listener) -> anyhow::Result<()> {
    loop {
        let mut socket = listener.accept().await?;
        tokio::spawn(async move {
            // Each role ends when its client has closed the connection.
            match socket.read_u8().await? {
                role::ANSWER => calls::answer(socket).await,
                role::ECHO => echo(socket).await,
                role::PAYLOADS => send_payloads(socket).await,
                role::TICKS => send_ticks(socket).await,
                role => Err(io::Error::other(format!("no role {role}"))),
            }
        });
    }
}

async fn echo(mut socket: Socket) -> io::Result<()> {
    let mut frame = [0; PING_BYTES];
    loop {
        socket.read_exact(&mut frame).await?;
        socket.write_all(&frame).await?;
    }
}

async fn send_ticks(mut socket: Socket) -> io::Result<()> {
    let mut batch = Vec::with_capacity(BATCH_BYTES + BATCH_BYTES / 8);
    loop {
        let count = socket.read_u64_le().await?;
        for seq in 0..count {
            frame::append(&mut batch, &Tick::new(seq));
            if batch.len() >= BATCH_BYTES || seq + 1 == count {
                socket.write_all(&batch).await?;
                batch.clear();
            }
        }
    }
}

async fn send_payloads(mut socket: Socket) -> io::Result<()> {
    loop {
        let bytes = u32::try_from(socket.read_u64_le().await?).map_err(io::Error::other)?;
        let count = socket.read_u64_le().await?;
        let mut framed = bytes.to_le_bytes().to_vec();
        framed.resize(framed.len() + bytes as usize, 7);
        let at_once =
            if u64::from(bytes) < SMALL_BYTES_MAX { (BATCH_BYTES / framed.len()) as u64 } else { 1 };
        let batch = framed.repeat(usize::try_from(at_once).map_err(io::Error::other)?);
        let mut left = count;
        while left > 0 {
            let now = left.min(at_once);
            socket.write_all(&batch[..framed.len() * now as usize]).await?;
            left -= now;
        }
    }
}

/// Measures the time from the start of a process to its first bytes, for one process after another.
fn spawn(meter: Meter, place: Place) -> anyhow::Result<Numbers> {
    let mut laps = Vec::new();
    let since = Instant::now();
    while since.elapsed().as_secs_f64() < meter.seconds || laps.len() < 3 {
        let start = Instant::now();
        let (mut here, there) = StdUnixStream::pair()?;
        let mut child = Command::new(std::env::current_exe()?)
            .args([HELLO_FLAG, place.name()])
            .stdin(Stdio::from(OwnedFd::from(there)))
            .spawn()?;
        here.write_all(&[1])?;
        here.read_exact(&mut [0])?;
        laps.push(start.elapsed().as_nanos() as f64);
        child.wait()?;
    }
    Ok(vec![("clock", median(&mut laps))])
}

/// `main` of a process that answers once, over its standard input.
pub(crate) fn hello_main() -> anyhow::Result<()> {
    Place::UdsPinned.runtime()?.block_on(async {
        let inherited = StdUnixStream::from(std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?);
        inherited.set_nonblocking(true)?;
        let mut socket = tokio::net::UnixStream::from_std(inherited)?;
        let byte = socket.read_u8().await?;
        socket.write_u8(byte + 1).await?;
        Ok(())
    })
}
