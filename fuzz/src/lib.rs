//! Code that the targets share.

use bytes::Bytes;
use tractor_proto::codec;
use tractor_proto::frame::{begin_frame, end_frame};
use tractor_proto::limits::Limits;
use tractor_proto::msg::Msg;

/// The body of a message.
pub fn encoded(msg: &Msg) -> Bytes {
    let mut out = Vec::new();
    codec::encode(msg, &mut out);
    out.into()
}

/// A message as a frame.
pub fn framed(msg: &Msg) -> Vec<u8> {
    let mut out = Vec::new();
    let at = begin_frame(&mut out);
    codec::encode(msg, &mut out);
    end_frame(&mut out, at, Limits::default().frame_bytes_max).expect("the targets' messages are short");
    out
}

/// The parts of a message that are copied as they are.
pub fn raw_spans(msg: &Msg) -> Vec<&Bytes> {
    match msg {
        Msg::Start(start) => vec![&start.kwargs],
        Msg::Started { pld, .. }
        | Msg::Yield { pld, .. }
        | Msg::Return { pld, .. }
        | Msg::CancelAck { pld, .. } => {
            vec![pld]
        }
        Msg::Error(error) => error.bad_msg.iter().chain(&error.bad_msg_as_dict).collect(),
        Msg::Aid(_)
        | Msg::SpawnSpec(_)
        | Msg::StartAck { .. }
        | Msg::Stop { .. }
        | Msg::Credit { .. }
        | Msg::Ready { .. }
        | Msg::Auth { .. } => Vec::new(),
    }
}
