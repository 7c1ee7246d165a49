//! A scripted peer, with raw frames.

use std::io::ErrorKind;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tractor::{Addr, Uid};
use tractor_core::proto::codec;
use tractor_core::proto::frame::Splitter;
use tractor_core::proto::id::{Aid, Caps, Cid};
use tractor_core::proto::msg::{ErrorMsg, FuncType, Msg, Start};

use super::script::{cid, foreign, frame_of, framed, kwargs, no_kwargs, pld, value};
use super::{endpoints, step};

/// Any byte stream.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One connection to a live actor.
pub(crate) struct Peer {
    io: Box<dyn Stream>,
    frames: Splitter,
    pub(crate) uid: Uid,
    /// The actor, after the handshake.
    pub(crate) actor: Option<Aid>,
    fresh: u32,
}

impl Peer {
    // ---- connections -------------------------------------------------------------------------------------------

    /// A peer on a byte stream, before the handshake.
    #[allow(private_bounds, reason = "the trait only names a bound")]
    pub(crate) fn on(io: impl Stream + 'static) -> Self {
        let uid = Uid::new("script", fresh_uuid());
        Self { io: Box::new(io), frames: Splitter::new(), uid, actor: None, fresh: 0 }
    }

    /// Connects, and sends nothing.
    pub(crate) async fn dial(addr: &Addr) -> Self {
        match addr {
            Addr::Tcp(addr) => Self::on(TcpStream::connect(addr).await.expect("the actor listens")),
            Addr::Uds { .. } => {
                let path = addr.uds_path().expect("a Unix socket has a path");
                Self::on(UnixStream::connect(path).await.expect("the actor listens"))
            }
        }
    }

    /// A peer of the base protocol, like the Python reference.
    pub(crate) async fn base(addr: &Addr) -> Self {
        let mut peer = Self::dial(addr).await;
        peer.introduce(Caps::NONE).await;
        peer
    }

    /// A peer that knows every extension.
    pub(crate) async fn rust(addr: &Addr) -> Self {
        let mut peer = Self::dial(addr).await;
        peer.introduce(Caps::BASIC).await;
        peer
    }

    /// A peer that claims to run the actor's program image.
    pub(crate) async fn of_its_image(addr: &Addr) -> Self {
        let mut peer = Self::dial(addr).await;
        peer.introduce_alike().await;
        peer
    }

    /// A second connection of the same actor.
    pub(crate) async fn again(&self, addr: &Addr) -> Self {
        let mut peer = Self::dial(addr).await;
        peer.uid = self.uid.clone();
        peer.introduce(Caps::NONE).await;
        peer
    }

    pub(crate) fn aid(&self, caps: Caps) -> Aid {
        let mut aid = Aid::new(self.uid.clone());
        aid.pid = Some(1);
        aid.is_registrar = Some(false);
        aid.caps = caps;
        aid
    }

    /// The handshake without a proof.
    pub(crate) async fn introduce(&mut self, caps: Caps) {
        self.send(&Msg::Aid(self.aid(caps))).await;
        self.expect_aid().await;
    }

    /// The handshake of a peer that knows every extension, and has the actor's program image.
    pub(crate) async fn introduce_alike(&mut self) {
        self.expect_aid().await;
        let image = self.actor.as_ref().and_then(|aid| aid.image);
        assert!(image.is_some(), "the actor says which image it runs");
        self.send(&Msg::Aid(Aid { image, ..self.aid(Caps::BASIC) })).await;
    }

    /// The actor, as it introduced itself.
    pub(crate) fn them(&self) -> Uid {
        self.actor.as_ref().expect("after the handshake").uid.clone()
    }

    // ---- sending -----------------------------------------------------------------------------------------------

    pub(crate) async fn send(&mut self, msg: &Msg) {
        self.send_bytes(&frame_of(msg)).await;
    }

    /// One frame with any body.
    pub(crate) async fn send_body(&mut self, body: &[u8]) {
        self.send_bytes(&framed(body)).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        step("room in the socket", self.io.write_all(bytes)).await.expect("the connection is open");
    }

    /// Sends bytes. Returns `false` if the connection is closed.
    pub(crate) async fn try_send_bytes(&mut self, bytes: &[u8]) -> bool {
        step("room in the socket", self.io.write_all(bytes)).await.is_ok()
    }

    /// Ends the sending half.
    pub(crate) async fn hang_up(mut self) {
        // The actor may have closed the connection first.
        _ = self.io.shutdown().await;
    }

    /// Ends the sending half and reads until the actor closes.
    pub(crate) async fn finish(mut self) {
        // The actor may have closed the connection first.
        _ = self.io.shutdown().await;
        while self.recv_or_end().await.is_some() {}
    }

    /// A request for one of the test's endpoints.
    pub(crate) fn start_msg(&self, id: &str, func: &str, kwargs: Bytes) -> Start {
        Start {
            cid: cid(id),
            ns: endpoints::MODULE.to_owned(),
            func: func.to_owned(),
            kwargs,
            uid: self.uid.clone(),
            pld_spec: "typing.Any".to_owned(),
            positional: false,
            remaining: None,
            trace: None,
        }
    }

    pub(crate) async fn start(&mut self, id: &str, func: &str, kwargs: Bytes) {
        let start = self.start_msg(id, func, kwargs);
        self.send(&Msg::Start(Box::new(start))).await;
    }

    /// A request for one of the runtime's own methods.
    pub(crate) async fn start_self(&mut self, id: &str, func: &str, kwargs: Bytes) {
        let mut start = self.start_msg(id, func, kwargs);
        "self".clone_into(&mut start.ns);
        self.send(&Msg::Start(Box::new(start))).await;
    }

    /// Asks for the end of a task.
    pub(crate) async fn cancel_task(&mut self, id: &str, target: &str) {
        self.start_self(id, "_cancel_task", kwargs("cid", target)).await;
    }

    pub(crate) async fn stream(&mut self, id: &str, item: i64) {
        self.send(&Msg::Yield { cid: cid(id), pld: pld(&item) }).await;
    }

    pub(crate) async fn stop(&mut self, id: &str) {
        self.send(&Msg::Stop { cid: cid(id) }).await;
    }

    pub(crate) async fn fail(&mut self, id: &str, type_name: &str, text: &str) {
        let mut error = ErrorMsg::new(self.uid.clone(), type_name, text);
        error.cid = Some(cid(id));
        self.send(&Msg::Error(Box::new(error))).await;
    }

    /// Opens a context up to its first value.
    pub(crate) async fn open(&mut self, id: &str, func: &str, kwargs: Bytes) {
        self.start(id, func, kwargs).await;
        self.expect_ack(id, FuncType::Context).await;
        self.expect_started::<i64>(id).await;
    }

    /// Sends a message that the protocol does not know.
    pub(crate) async fn send_foreign(&mut self, fields: &[(&str, Bytes)]) {
        self.send_body(&foreign(fields)).await;
    }

    // ---- receiving ---------------------------------------------------------------------------------------------

    /// The next frame, or `None` at the end of the connection.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(body) = self.frames.next_frame(usize::MAX).expect("no limit") {
                return Some(body);
            }
            match self.io.read_buf(self.frames.buf_mut()).await {
                Ok(0) => return None,
                Ok(_) => {}
                // The actor had not read everything when it closed.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("the connection broke: {error}"),
            }
        }
    }

    /// The next message.
    pub(crate) async fn recv(&mut self) -> Msg {
        let body = step("a message", self.next()).await.expect("the connection is open");
        codec::decode(&body).expect("actors send valid messages only")
    }

    /// The next message, or `None` at the end of the connection.
    pub(crate) async fn recv_or_end(&mut self) -> Option<Msg> {
        let body = step("a message or the end", self.next()).await?;
        Some(codec::decode(&body).expect("actors send valid messages only"))
    }

    pub(crate) async fn expect_aid(&mut self) -> Aid {
        match self.recv().await {
            Msg::Aid(aid) => {
                self.actor = Some(aid.clone());
                aid
            }
            other => panic!("expected Aid, got {other:?}"),
        }
    }

    pub(crate) async fn expect_ack(&mut self, id: &str, functype: FuncType) {
        assert_eq!(self.recv().await, Msg::StartAck { cid: cid(id), functype });
    }

    pub(crate) async fn expect_started<T: DeserializeOwned>(&mut self, id: &str) -> T {
        match self.recv().await {
            Msg::Started { cid, pld } if cid.as_str() == id => value(&pld),
            other => panic!("expected Started of {id}, got {other:?}"),
        }
    }

    pub(crate) async fn expect_yield<T: DeserializeOwned>(&mut self, id: &str) -> T {
        match self.recv().await {
            Msg::Yield { cid, pld } if cid.as_str() == id => value(&pld),
            other => panic!("expected Yield of {id}, got {other:?}"),
        }
    }

    pub(crate) async fn expect_return<T: DeserializeOwned>(&mut self, id: &str) -> T {
        match self.recv().await {
            Msg::Return { cid, pld } if cid.as_str() == id => value(&pld),
            other => panic!("expected Return of {id}, got {other:?}"),
        }
    }

    pub(crate) async fn expect_stop(&mut self, id: &str) {
        assert_eq!(self.recv().await, Msg::Stop { cid: cid(id) });
    }

    pub(crate) async fn expect_cancel_ack(&mut self, id: &str) {
        assert_eq!(self.recv().await, Msg::CancelAck { cid: cid(id), pld: pld(&true) });
    }

    pub(crate) async fn expect_error(&mut self, id: &str, type_name: &str) -> ErrorMsg {
        match self.recv().await {
            Msg::Error(error) => {
                assert_eq!(error.cid.map(|cid| cid.as_str().to_owned()).as_deref(), Some(id), "{error:?}");
                assert_eq!(error.boxed_type_str, type_name, "{error:?}");
                *error
            }
            other => panic!("expected Error of {id}, got {other:?}"),
        }
    }

    /// A failure of the actor itself, with these words in its text.
    pub(crate) async fn expect_local_error(&mut self, id: &str, type_name: &str, words: &[&str]) -> ErrorMsg {
        let error = self.expect_error(id, type_name).await;
        assert_eq!(error.src_uid, self.them());
        assert_eq!(error.relay_path, [self.them()]);
        assert_eq!(error.src_type_str, type_name);
        let text = error.message.clone().unwrap_or_default();
        for word in words {
            assert!(text.contains(word), "{word:?} is not in {text:?}");
        }
        error
    }

    /// A request of the actor, with its arguments.
    pub(crate) async fn expect_start(&mut self) -> Start {
        match self.recv().await {
            Msg::Start(start) => *start,
            other => panic!("expected Start, got {other:?}"),
        }
    }

    /// A request of the actor to cancel a task; answers it.
    pub(crate) async fn expect_cancel_request(&mut self, target: Cid) -> Cid {
        let start = self.expect_start().await;
        assert_eq!((start.ns.as_str(), start.func.as_str()), ("self", "_cancel_task"));
        assert_eq!(start.kwargs, kwargs("cid", target.as_str()));
        start.cid
    }

    /// The end of the connection, with nothing before it.
    pub(crate) async fn expect_closed(&mut self) {
        let next = step("the end of the connection", self.next()).await;
        assert!(next.is_none(), "expected the end, got {:?}", next.as_ref().map(codec::decode));
    }

    /// Fails unless a call on this connection is answered, and nothing else comes before.
    pub(crate) async fn assert_answered(&mut self) {
        self.fresh += 1;
        let id = format!("fresh-{}", self.fresh);
        let n = i64::from(self.fresh);
        self.start(&id, "echo", kwargs("value", n)).await;
        self.expect_ack(&id, FuncType::AsyncFunc).await;
        assert_eq!(self.expect_return::<i64>(&id).await, n);
    }

    /// The actor's open dialogs on this connection, besides this request.
    pub(crate) async fn dialogs_open(&mut self) -> i64 {
        self.fresh += 1;
        let id = format!("fresh-{}", self.fresh);
        self.start(&id, "dialogs_open", no_kwargs()).await;
        self.expect_ack(&id, FuncType::Context).await;
        let open = self.expect_started::<i64>(&id).await;
        assert_eq!(self.expect_return::<i64>(&id).await, open);
        open - 1
    }
}

fn fresh_uuid() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:08x}-0000-4000-8000-{n:012x}", std::process::id())
}
