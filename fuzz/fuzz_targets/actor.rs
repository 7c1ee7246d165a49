//! Sends any input to a live actor over a real socket, in a current-thread runtime.
//!
//! Finds a panic of the runtime, an actor that stops serving others, and a dialog or task that outlives its connection
//! (the actor then does not end, and the engine reports a timeout).

#![no_main]

use std::time::Duration;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tractor::prelude::*;
use tractor::{ActorOptions, Addr, Limits, Uid};
use tractor_fuzz::framed;
use tractor_proto::frame::Splitter;
use tractor_proto::id::{Aid, Caps, Cid};
use tractor_proto::msg::{ErrorMsg, FuncType, Msg, Start};

/// One connection.
#[derive(Debug, Arbitrary)]
struct Input {
    /// Whether the handshake is correct.
    introduced: bool,
    extensions: Extensions,
    says: Vec<Say>,
}

#[derive(Debug, Arbitrary)]
enum Extensions {
    None,
    /// Every accepted request is acknowledged.
    Basic,
    Announced,
}

#[derive(Debug, Arbitrary)]
enum Say {
    Start {
        id: Id,
        func: Func,
        kwargs: Kwargs,
    },
    Cancel {
        id: Id,
        target: Id,
    },
    CancelActor {
        id: Id,
    },
    StartAck {
        id: Id,
        kind: u8,
    },
    Started {
        id: Id,
        pld: Pld,
    },
    Yield {
        id: Id,
        pld: Pld,
    },
    /// Values that arrive together.
    Run {
        id: Id,
        pld: Pld,
        values: u8,
    },
    Stop {
        id: Id,
    },
    Return {
        id: Id,
        pld: Pld,
    },
    CancelAck {
        id: Id,
        pld: Pld,
    },
    Error {
        id: Option<Id>,
    },
    Credit {
        id: Id,
        bytes: u32,
    },
    Frame(Vec<u8>),
    Bytes(Vec<u8>),
    /// Lets the actor read the input so far.
    Wait,
}

/// Few ids, so that messages meet in one dialog; `a0` is the first id that the actor makes itself.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Id {
    A0,
    A1,
    D0,
    X,
}

#[derive(Debug, Arbitrary)]
enum Func {
    Echo,
    Holds,
    Doubles,
    Counts,
    CallsBack,
    Unknown,
}

#[derive(Debug, Arbitrary)]
enum Kwargs {
    None,
    Value(i64),
    Raw(Vec<u8>),
}

#[derive(Debug, Arbitrary)]
enum Pld {
    Int(i64),
    Nil,
    Raw(Vec<u8>),
}

#[tractor::actor_fn]
async fn echo(value: i64) -> i64 {
    value
}

#[tractor::actor_fn]
async fn holds() -> i64 {
    std::future::pending().await
}

#[tractor::context(pld_spec = i64)]
async fn doubles(ctx: Context<i64>) -> tractor::Result<i64> {
    let ctx = ctx.started(0).await?;
    let mut stream = ctx.open_stream();
    let mut got = 0i64;
    while let Some(n) = stream.receive().await? {
        got += 1;
        stream.send(n.wrapping_mul(2)).await?;
    }
    Ok(got)
}

#[tractor::stream]
async fn counts(tx: StreamSender<i64>, value: i64) -> tractor::Result<()> {
    for n in 0..value.clamp(0, 100) {
        tx.send(n).await?;
    }
    Ok(())
}

#[tractor::context(pld_spec = i64)]
async fn calls_back(ctx: Context<i64>) -> tractor::Result<i64> {
    let portal = ctx.portal();
    let _ctx = ctx.started(0).await?;
    portal.run(echo(5)).await
}

fuzz_target!(|input: Input| {
    let Input { introduced, extensions, says } = input;
    let caps = match extensions {
        Extensions::None => Caps::NONE,
        Extensions::Basic => Caps::BASIC,
        Extensions::Announced => Caps::ANNOUNCED,
    };
    let hello = introduced.then(|| framed(&hello(caps)));
    let says: Vec<_> = hello.into_iter().map(Some).chain(says.into_iter().map(Say::bytes)).collect();
    let ends_it = cancels_the_actor(&says);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let addr = tractor::socket_addr("fuzz").expect("a short name");
        let limits = Limits::default().frame_bytes_max(1 << 16).contexts_per_connection_max(3);
        let options = ActorOptions::new().limits(limits).bind(addr.clone()).enable_module(module_path!());
        let ended = tractor::open_root_actor(options, async |_| -> tractor::Result<()> {
            guest(&addr, says).await;
            if !ends_it {
                assert_served(&addr).await;
            }
            Ok(())
        })
        .await;
        assert!(ends_it || ended.is_ok(), "a guest must not fail the actor: {ended:?}");
    });
});

async fn dial(addr: &Addr) -> UnixStream {
    UnixStream::connect(addr.uds_path().expect("a Unix socket")).await.expect("the actor listens")
}

fn hello(caps: Caps) -> Msg {
    let mut aid = Aid::new(uid());
    aid.caps = caps;
    Msg::Aid(aid)
}

fn uid() -> Uid {
    Uid::new("fuzz", "fuzz")
}

/// Whether the input may have the request to end the actor, which any guest of a Unix socket may make.
fn cancels_the_actor(says: &[Option<Vec<u8>>]) -> bool {
    let all: Vec<u8> = says.iter().flatten().flatten().copied().collect();
    all.windows(7).any(|window| &window[1..] == b"cancel" && window[0] != b'_')
}

/// Sends everything, then waits until the actor has closed the connection.
async fn guest(addr: &Addr, says: Vec<Option<Vec<u8>>>) {
    let mut io = dial(addr).await;
    let (mut reader, mut writer) = io.split();
    let talk = async {
        for say in says {
            match say {
                // The actor may close the connection at any time.
                Some(bytes) => _ = writer.write_all(&bytes).await,
                None => tokio::task::yield_now().await,
            }
        }
        _ = writer.shutdown().await;
    };
    let listen = async {
        let mut answer = Vec::new();
        _ = reader.read_to_end(&mut answer).await;
    };
    tokio::time::timeout(Duration::from_secs(8), async { tokio::join!(talk, listen) })
        .await
        .expect("the actor closes what its guest has closed");
}

async fn assert_served(addr: &Addr) {
    let mut io = dial(addr).await;
    io.write_all(&framed(&hello(Caps::BASIC))).await.expect("the connection is open");
    let call = Say::Start { id: Id::X, func: Func::Echo, kwargs: Kwargs::Value(5) };
    io.write_all(&call.bytes().expect("a message")).await.expect("the connection is open");
    let mut frames = Splitter::new();
    loop {
        while let Some(body) = frames.next_frame(1 << 16).expect("the actor sends valid frames") {
            if let Ok(Msg::Return { pld, .. }) = tractor_proto::codec::decode(&body) {
                assert_eq!(&pld[..], [5]);
                return;
            }
        }
        let read = tokio::time::timeout(Duration::from_secs(8), io.read_buf(frames.buf_mut()));
        assert_ne!(read.await.expect("an answer in time").expect("the connection is open"), 0, "not served");
    }
}

impl Say {
    fn bytes(self) -> Option<Vec<u8>> {
        let msg = match self {
            Self::Start { id, func, kwargs } => request(id, module_path!(), func.name(), kwargs.bytes()),
            Self::Cancel { id, target } => {
                let name = target.cid();
                let mut kwargs = b"\x81\xa3cid".to_vec();
                kwargs.push(0xa0 | name.as_bytes().len() as u8);
                kwargs.extend_from_slice(name.as_bytes());
                request(id, "self", "_cancel_task", kwargs)
            }
            Self::CancelActor { id } => request(id, "self", "cancel", vec![0x80]),
            Self::StartAck { id, kind } => {
                let kinds = [FuncType::AsyncFunc, FuncType::AsyncGen, FuncType::Context];
                Msg::StartAck { cid: id.cid(), functype: kinds[usize::from(kind) % 3] }
            }
            Self::Started { id, pld } => Msg::Started { cid: id.cid(), pld: pld.bytes().into() },
            Self::Yield { id, pld } => Msg::Yield { cid: id.cid(), pld: pld.bytes().into() },
            Self::Run { id, pld, values } => {
                let value = Self::Yield { id, pld }.bytes()?;
                return Some(value.repeat(values.into()));
            }
            Self::Stop { id } => Msg::Stop { cid: id.cid() },
            Self::Return { id, pld } => Msg::Return { cid: id.cid(), pld: pld.bytes().into() },
            Self::CancelAck { id, pld } => Msg::CancelAck { cid: id.cid(), pld: pld.bytes().into() },
            Self::Error { id } => {
                let mut error = ErrorMsg::new(uid(), "ValueError", "fuzzed");
                error.cid = id.map(Id::cid);
                Msg::Error(Box::new(error))
            }
            Self::Credit { id, bytes } => Msg::Credit { cid: id.cid(), bytes },
            Self::Frame(body) => {
                let len = u32::try_from(body.len()).expect("an input is short");
                return Some([&len.to_le_bytes()[..], &body].concat());
            }
            Self::Bytes(bytes) => return Some(bytes),
            Self::Wait => return None,
        };
        Some(framed(&msg))
    }
}

fn request(id: Id, ns: &str, func: &str, kwargs: Vec<u8>) -> Msg {
    let (ns, func) = (ns.to_owned(), func.to_owned());
    let start = Start {
        cid: id.cid(),
        ns,
        func,
        kwargs: kwargs.into(),
        uid: uid(),
        pld_spec: "any".to_owned(),
        positional: false,
        remaining: None,
        trace: None,
    };
    Msg::Start(Box::new(start))
}

impl Id {
    fn cid(self) -> Cid {
        Cid::new(match self {
            Self::A0 => "a0",
            Self::A1 => "a1",
            Self::D0 => "d0",
            Self::X => "x",
        })
        .expect("a short id")
    }
}

impl Func {
    fn name(&self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Holds => "holds",
            Self::Doubles => "doubles",
            Self::Counts => "counts",
            Self::CallsBack => "calls_back",
            Self::Unknown => "unknown",
        }
    }
}

impl Kwargs {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::None => vec![0x80],
            Self::Value(n) => [b"\x81\xa5value", &Pld::Int(n).bytes()[..]].concat(),
            Self::Raw(bytes) => never_empty(bytes),
        }
    }
}

impl Pld {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Int(n @ 0..=127) => vec![n as u8],
            Self::Int(n) => [&[0xd3][..], &n.to_be_bytes()].concat(),
            Self::Nil => vec![0xc0],
            Self::Raw(bytes) => never_empty(bytes),
        }
    }
}

/// The encoder forbids an empty payload. `Say::Frame` can send one.
fn never_empty(bytes: Vec<u8>) -> Vec<u8> {
    if bytes.is_empty() { vec![0xc1] } else { bytes }
}
