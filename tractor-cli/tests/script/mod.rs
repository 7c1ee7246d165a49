//! Scripted listeners that are not our registrar: other protocols, silence, and the base protocol.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tractor::{Addr, Uid};
use tractor_core::proto::codec;
use tractor_core::proto::frame::{self, Splitter};
use tractor_core::proto::id::Aid;
use tractor_core::proto::msg::{FuncType, Msg};
use tractor_core::proto::payload::{Payload, PayloadFormat};
use tractor_core::proto::registry::WireAddr;

const FRAME_BYTES_MAX: usize = 1 << 20;
const UUID: &str = "11111111-1111-4111-8111-111111111111";

/// Serves each connection in a thread, until it is dropped.
pub(crate) struct Served {
    path: PathBuf,
    ends: Arc<AtomicBool>,
}

pub(crate) fn serve(path: &Path, each: fn(UnixStream, &Path)) -> Served {
    let listener = UnixListener::bind(path).expect("a fresh path");
    let ends = Arc::new(AtomicBool::new(false));
    let (told, at) = (ends.clone(), path.to_owned());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if told.load(Ordering::Acquire) {
                break;
            }
            let at = at.clone();
            std::thread::spawn(move || each(stream, &at));
        }
    });
    Served { path: path.to_owned(), ends }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        // This wakes the accepting thread; the path may be gone.
        _ = UnixStream::connect(&self.path);
    }
}

/// Speaks another protocol.
pub(crate) fn http(mut stream: UnixStream, _: &Path) {
    // The peer may have left already.
    _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    _ = stream.read(&mut [0; 1024]);
}

/// Reads, and never answers.
pub(crate) fn says_nothing(mut stream: UnixStream, _: &Path) {
    while stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {}
}

/// A registrar of the base protocol. Its table has itself, two actors of one name, and one actor whose address is now
/// this registrar's. It answers each call with 3.
pub(crate) fn base_registrar(stream: UnixStream, path: &Path) {
    let dir = path.parent().and_then(Path::to_str).expect("UTF-8").to_owned();
    let own = Addr::Uds { dir, file: "registry.sock".to_owned() };
    let addrs = vec![WireAddr(own)];
    let mut table = BTreeMap::from([(format!("pyroot.{UUID}"), addrs.clone())]);
    table.insert(format!("moved.{}", UUID.replace('1', "4")), addrs);
    for twin in ["2", "3"] {
        table.insert(format!("twin.{}", UUID.replace('1', twin)), Vec::new());
    }
    let mut peer = Base { stream, frames: Splitter::new() };
    peer.introduce();
    while let Some(msg) = peer.next() {
        let Msg::Start(start) = msg else { continue };
        let cid = start.cid;
        peer.send(&Msg::StartAck { cid, functype: FuncType::AsyncFunc });
        match (start.ns.as_str(), start.func.as_str()) {
            ("self", "get_registry") => peer.send(&Msg::Return { cid, pld: encoded(&table) }),
            ("self", "cancel" | "_cancel_task") => peer.send(&Msg::CancelAck { cid, pld: encoded(&true) }),
            ("self", other) => panic!("an actor of the base protocol has no `{other}`"),
            _ => peer.send(&Msg::Return { cid, pld: encoded(&3) }),
        }
    }
}

/// A registrar that closes the connection when it is asked.
pub(crate) fn leaves_when_asked(stream: UnixStream, _: &Path) {
    let mut peer = Base { stream, frames: Splitter::new() };
    peer.introduce();
    peer.next();
}

fn encoded<T: Payload>(value: &T) -> tractor::Bytes {
    let mut out = Vec::new();
    value.encode_payload(PayloadFormat::Base, 8, &mut out).expect("plain values");
    out.into()
}

/// A peer that announces no extension.
struct Base {
    stream: UnixStream,
    frames: Splitter,
}

impl Base {
    fn introduce(&mut self) {
        let mut aid = Aid::new(Uid::new("pyroot", UUID));
        aid.pid = Some(std::process::id().into());
        aid.is_registrar = Some(true);
        self.send(&Msg::Aid(aid));
        self.next();
    }

    fn send(&mut self, msg: &Msg) {
        let mut out = Vec::new();
        let at = frame::begin_frame(&mut out);
        codec::encode(msg, &mut out);
        frame::end_frame(&mut out, at, FRAME_BYTES_MAX).expect("a short frame");
        // The command may have left.
        _ = self.stream.write_all(&out);
    }

    fn next(&mut self) -> Option<Msg> {
        loop {
            if let Some(body) = self.frames.next_frame(FRAME_BYTES_MAX).expect("a frame of ours") {
                return codec::decode_within(&body, 128).ok();
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(read) if read > 0 => self.frames.buf_mut().extend_from_slice(&chunk[..read]),
                Ok(_) | Err(_) => return None,
            }
        }
    }
}
