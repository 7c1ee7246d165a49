//! The handshake on a real connection: a thin shell around [`Handshake`].

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::transport::Transport;
use crate::proto::codec;
use crate::proto::frame::{self, Eof, FrameTooLarge, Splitter};
use crate::proto::handshake::{Handshake, Input, Output, Policy, Refusal, Role};
use crate::proto::id::{Aid, Caps, Secret};
use crate::proto::limits::{HANDSHAKE_FRAME_BYTES_MAX, Limits};
use crate::proto::msg::Msg;

/// Room for each read of the handshake; most of its frames are shorter.
const HANDSHAKE_READ_BYTES: usize = 2048;
/// Room for a frame of the handshake that leaves; most are shorter.
const HANDSHAKE_WRITE_BYTES: usize = 512;

/// This end's part in the handshake.
#[derive(Debug)]
pub(crate) struct Introduction<'a> {
    pub(crate) ours: Aid,
    pub(crate) role: Role,
    pub(crate) policy: Policy,
    pub(crate) limits: &'a Limits,
}

/// A connection after its handshake.
#[derive(Debug)]
pub(crate) struct Introduced {
    pub(crate) io: Transport,
    /// Frames that came right behind the handshake.
    pub(crate) frames: FrameReader,
    pub(crate) aid: Aid,
    pub(crate) caps: Caps,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    TooLarge(#[from] FrameTooLarge),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("actor {} only probed", .0.uid)]
    Probed(Box<Aid>),
}

/// Reads a connection frame by frame, before a driver takes over.
#[derive(Debug, Default)]
pub(crate) struct FrameReader(Splitter);

impl FrameReader {
    /// The next frame as an input of the handshake machine.
    ///
    /// # Cancel safety
    /// Cancel safe: bytes read so far stay in the buffer.
    async fn next(&mut self, io: &mut Transport, limits: &Limits) -> Result<Input, HandshakeError> {
        loop {
            if let Some(body) = self.0.next_frame(limits.frame_bytes_max)? {
                return Ok(match codec::decode_within(&body, limits.nesting_depth_max) {
                    Ok(msg) => Input::Message(msg),
                    Err(error) => Input::Undecodable(error),
                });
            }
            self.0.buf_mut().reserve(HANDSHAKE_READ_BYTES);
            if io.read_buf(self.0.buf_mut()).await? == 0 {
                return Ok(Input::Ended(self.0.eof()));
            }
        }
    }

    /// The next message.
    pub(crate) async fn message(
        &mut self,
        io: &mut Transport,
        limits: &Limits,
    ) -> Result<Msg, HandshakeError> {
        match self.next(io, limits).await? {
            Input::Message(msg) => Ok(msg),
            Input::Undecodable(error) => Err(Refusal::Undecodable(error).into()),
            Input::Ended(eof) => Err(Refusal::Ended(eof).into()),
            Input::TimedOut => Err(Refusal::TimedOut.into()),
        }
    }

    pub(crate) fn into_rest(self) -> BytesMut {
        self.0.into_rest()
    }
}

async fn send(io: &mut Transport, msg: &Msg, limits: &Limits) -> Result<(), HandshakeError> {
    let mut out = Vec::with_capacity(HANDSHAKE_WRITE_BYTES);
    let at = frame::begin_frame(&mut out);
    codec::encode(msg, &mut out);
    frame::end_frame(&mut out, at, limits.frame_bytes_max)?;
    io.write_all(&out).await?;
    Ok(())
}

/// Exchanges identities, and proofs where the policy asks for them. The deadline is the caller's.
///
/// # Cancel safety
/// Not cancel safe: drop the connection with the future.
pub(crate) async fn introduce(
    mut io: Transport,
    with: Introduction<'_>,
) -> Result<Introduced, HandshakeError> {
    let Introduction { mut ours, role, policy, limits } = with;
    ours.frame_bytes_max = Some(limits.frame_bytes_max);
    // Without a secret there is no challenge.
    let nonce = if policy == Policy::Open { [0; 32] } else { fresh_nonce() };
    let (mut machine, first) = Handshake::start(role, policy, ours, nonce);
    send(&mut io, &first, limits).await?;
    let mut frames = FrameReader::default();
    // The other end has proved nothing yet.
    let mut strict = limits.clone();
    strict.frame_bytes_max = limits.frame_bytes_max.min(HANDSHAKE_FRAME_BYTES_MAX);
    loop {
        let input = frames.next(&mut io, &strict).await?;
        match machine.handle(input) {
            Output::Send(msg) => send(&mut io, &msg, limits).await?,
            Output::Done { peer, caps } => return Ok(Introduced { io, frames, aid: peer, caps }),
            Output::Probed { peer } => return Err(HandshakeError::Probed(Box::new(peer))),
            Output::Refused(refusal) => return Err(refusal.into()),
        }
    }
}

/// A secret for a new tree.
pub(crate) fn fresh_secret() -> Secret {
    Secret::new(fresh_nonce())
}

/// 32 random bytes.
fn fresh_nonce() -> [u8; 32] {
    let mut nonce = [0; 32];
    let (low, high) = nonce.split_at_mut(16);
    low.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    high.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    nonce
}

impl HandshakeError {
    /// Whether no actor was reached, not even a wrong one.
    pub(crate) fn reached_no_actor(&self) -> bool {
        use std::io::ErrorKind::{ConnectionRefused, NotFound};

        matches!(self, Self::Io(error) if matches!(error.kind(), NotFound | ConnectionRefused))
    }

    /// Whether the peer simply went away.
    pub(crate) fn is_departure(&self) -> bool {
        match self {
            Self::Io(error) => matches!(
                error.kind(),
                std::io::ErrorKind::ConnectionReset
                    | std::io::ErrorKind::BrokenPipe
                    | std::io::ErrorKind::NotConnected
            ),
            Self::Refused(Refusal::Ended(Eof::BetweenFrames)) | Self::Probed(_) => true,
            Self::Refused(_) | Self::TooLarge(_) => false,
        }
    }
}
