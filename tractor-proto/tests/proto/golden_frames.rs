//! Frames captured from the Python reference, byte for byte in both directions.
//!
//! If a capture was abbreviated, its middle is made up, with the stated length.

use std::time::Duration;

use bytes::Bytes;
use tractor_proto::addr::Addr;
use tractor_proto::codec::{
    PldKind, StartExtras, StartHead, YieldHead, decode, encode, encode_pld, encode_start_ack, encode_stop,
    peek_yield,
};
use tractor_proto::frame::{begin_frame, end_frame, next_frame};
use tractor_proto::id::{Aid, Caps, Cid, Image, Uid};
use tractor_proto::limits::{Limits, Timeouts};
use tractor_proto::msg::{ErrorMsg, FuncType, Msg, RuntimeVars, SpawnSpec, Start};
use tractor_proto::trace::TraceContext;

const FRAME_MAX: usize = 1 << 20;
const STREAM_CID: &str = "91513fdf-8eca-496e-bd84-91fef4c4e42c";
const CALL_CID: &str = "c8ce767e-a27e-4441-a619-779728ec5e71";

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        hex.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn cid(text: &str) -> Cid {
    Cid::new(text).unwrap()
}

/// A uuid that starts with `start`.
fn uuid(start: &str) -> String {
    let made_up = "00000000-0000-4000-8000-000000000000";
    format!("{start}{}", &made_up[start.len()..])
}

fn frame_of(msg: &Msg) -> Vec<u8> {
    let mut out = Vec::new();
    let start = begin_frame(&mut out);
    encode(msg, &mut out);
    end_frame(&mut out, start, FRAME_MAX).unwrap();
    keep(&out);
    out
}

/// The body of the one frame in `bytes`.
fn body(bytes: &[u8]) -> Bytes {
    let body = next_frame(bytes, FRAME_MAX).unwrap().expect("the frame is complete");
    assert_eq!(body.end, bytes.len(), "exactly one frame");
    Bytes::copy_from_slice(&bytes[body])
}

/// Decodes `hex`, a whole frame, and checks that encoding gives the same bytes again.
fn both_ways(hex: &str) -> Msg {
    let bytes = unhex(hex);
    let msg = decode(&body(&bytes)).unwrap();
    assert_eq!(frame_of(&msg), bytes, "{msg:?}");
    msg
}

/// Writes a frame where `fuzz/seed` collects them.
fn keep(frame: &[u8]) {
    if let Some(folder) = std::env::var_os("TRACTOR_FRAMES_OUT") {
        let sum = frame.iter().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
        std::fs::write(std::path::Path::new(&folder).join(format!("{sum:08x}")), frame).unwrap();
    }
}

fn pld_body(kind: PldKind, cid: &Cid, pld: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_pld(kind, cid, pld, &mut out);
    out
}

#[test]
fn aid_of_a_child() {
    let uuid = "3fd30000-0000-4000-8000-00000000493a";
    let msg = both_ways(&format!(
        "63000000 86
         a8 6d73675f74797065 a3 416964
         a4 6e616d65 a5 616c696365
         a4 75756964 d924 {}
         a3 706964 cd4e13
         ac 69735f726567697374726172 c2
         a8 69735f70726f6265 c2",
        hex(uuid)
    ));
    let Msg::Aid(aid) = msg else { panic!("{msg:?}") };
    assert_eq!((aid.uid.name(), aid.uid.uuid()), ("alice", uuid));
    assert_eq!((aid.pid, aid.is_registrar, aid.is_probe), (Some(19987), Some(false), false));
    assert_eq!((aid.caps, aid.nonce), (Caps::NONE, None));
}

#[test]
fn aid_of_a_registry_probe() {
    let msg = both_ways(
        "6c00000086a86d73675f74797065a3416964a46e616d65ae72656769737472792d70726f6265a475756964d924
         61646338623563352d333365642d343434612d616566322d363330303337363162386433a3706964cd6a67
         ac69735f726567697374726172c0a869735f70726f6265c3",
    );
    let Msg::Aid(aid) = msg else { panic!("{msg:?}") };
    assert_eq!(aid.uid.name(), "registry-probe");
    assert_eq!(aid.uid.uuid(), "adc8b5c5-33ed-444a-aef2-63003761b8d3");
    assert_eq!((aid.pid, aid.is_registrar, aid.is_probe), (Some(27239), None, true));
}

#[test]
fn spawn_spec_of_a_leaf_actor() {
    let msg = both_ways(
        "2901000086a86d73675f74797065a9537061776e53706563
           b15f706172656e745f6d61696e5f6461746180
           ad5f72756e74696d655f766172738a
             a85f69735f726f6f74c2
             ad5f726f6f745f6d61696c626f7892a93132372e302e302e31cd6784
             ab5f726f6f745f61646472739192a93132372e302e302e31cd6784
             ac5f656e61626c655f7470747391a3746370
             af5f72656769737472795f61646472739192a93132372e302e302e31cd6784
             ab5f64656275675f6d6f6465c2
             ac7265706c5f66697874757265c2
             ad7573655f677265656e6261636bc2
             ae7573655f737461636b73636f7065c2
             b05f69735f696e6665637465645f61696fc2
           ae656e61626c655f6d6f64756c657380
           a97265675f61646472739192a93132372e302e302e31cd6784
           aa62696e645f6164647273c0",
    );
    let root: Addr = "/ip4/127.0.0.1/tcp/26500".parse().unwrap();
    let want = SpawnSpec {
        parent_main_data: vec![],
        runtime_vars: RuntimeVars {
            root_mailbox: Some(root.clone()),
            root_addrs: vec![root.clone()],
            enable_tpts: vec!["tcp".into()],
            registry_addrs: vec![root.clone()],
            ..RuntimeVars::default()
        },
        enable_modules: vec![],
        reg_addrs: vec![root],
        bind_addrs: None,
        enable_endpoints: vec![],
        secret: None,
        image: None,
        limits: Limits::default(),
        timeouts: Timeouts::default(),
        allow_unauthenticated_peers: false,
    };
    assert_eq!(msg, Msg::SpawnSpec(Box::new(want)));
}

#[test]
fn start_of_a_function() {
    let uid = Uid::new("root", uuid("f51f"));
    let frame = format!(
        "9d00000087a86d73675f74797065a55374617274
         a3636964 d924 64303632613635662d313164362d343034642d396661372d363030393162386332643733
         a26e73 a46d6f6431 a466756e63 a3616464
         a66b7761726773 82 a16101 a16229
         a3756964 92 a4726f6f74 d924 {}
         a8706c645f73706563 aa747970696e672e416e79",
        hex(uid.uuid())
    );
    let cid = cid("d062a65f-11d6-404d-9fa7-60091b8c2d73");
    let kwargs = Bytes::from_static(b"\x82\xa1a\x01\xa1b\x29");
    let want = Start {
        cid,
        ns: "mod1".into(),
        func: "add".into(),
        kwargs: kwargs.clone(),
        uid: uid.clone(),
        pld_spec: "typing.Any".into(),
        positional: false,
        remaining: None,
        trace: None,
    };
    assert_eq!(both_ways(&frame), Msg::Start(Box::new(want)));

    let head = StartHead::new("mod1", "add", &uid, "typing.Any", false);
    let mut out = Vec::new();
    head.begin(&cid, &mut out);
    out.extend_from_slice(&kwargs);
    head.finish(&mut out);
    assert_eq!(out, body(&unhex(&frame)));
}

#[test]
fn start_with_a_deadline_is_one_field_longer() {
    let uid = Uid::new("root", "u1");
    let frame = "5f000000 88 a86d73675f74797065a55374617274 a3636964 a26437
         a26e73 a46d6f6431 a466756e63 a3616464 a66b7761726773 81 a16101 a3756964 92 a4726f6f74 a27531
         a8706c645f73706563 a3616e79 ac72656d61696e696e675f7573 ce000f4240";
    let (cid, kwargs) = (cid("d7"), Bytes::from_static(b"\x81\xa1a\x01"));
    let want = Start {
        cid,
        ns: "mod1".into(),
        func: "add".into(),
        kwargs: kwargs.clone(),
        uid: uid.clone(),
        pld_spec: "any".into(),
        positional: false,
        remaining: Some(Duration::from_secs(1)),
        trace: None,
    };
    assert_eq!(both_ways(frame), Msg::Start(Box::new(want)));

    // Earlier bytes in the buffer stay as they are, and fractions of a microsecond are not passed on.
    let head = StartHead::new("mod1", "add", &uid, "any", false);
    let mut out = b"before".to_vec();
    head.begin(&cid, &mut out);
    out.extend_from_slice(&kwargs);
    let extras = StartExtras { remaining: Some(Duration::from_nanos(1_000_000_999)), trace: None };
    head.finish_with(&extras, b"before".len(), &mut out);
    assert_eq!(out, [b"before".as_slice(), &body(&unhex(frame))].concat());
}

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn start_in(trace: Option<TraceContext>) -> (StartHead, Start) {
    let uid = Uid::new("root", "u1");
    let head = StartHead::new("mod1", "add", &uid, "any", false);
    let (ns, func, pld_spec) = ("mod1".into(), "add".into(), "any".into());
    let kwargs = Bytes::from_static(b"\x80");
    (
        head,
        Start { cid: cid("d7"), ns, func, kwargs, uid, pld_spec, positional: false, remaining: None, trace },
    )
}

#[test]
fn start_in_a_trace_is_one_or_two_fields_longer() {
    let frame = |fields: &str, len: &str, more: &str| {
        let traceparent = hex(TRACEPARENT);
        format!(
            "{len} {fields} a86d73675f74797065a55374617274 a3636964 a26437 a26e73 a46d6f6431 a466756e63 a3616464
             a66b7761726773 80 a3756964 92 a4726f6f74 a27531 a8706c645f73706563 a3616e79
             ab7472616365706172656e74 d937 {traceparent} {more}"
        )
    };
    let context = TraceContext::new(TRACEPARENT).expect("well-formed");
    let tracestate = "aa74726163657374617465 a3613d31";
    let cases = [
        (context.clone(), frame("88", "8f000000", "")),
        (context.with_tracestate("a=1"), frame("89", "9e000000", tracestate)),
    ];
    for (context, hex) in cases {
        let (head, start) = start_in(Some(context.clone()));
        let mut out = Vec::new();
        head.begin(&start.cid, &mut out);
        out.extend_from_slice(&start.kwargs);
        head.finish_with(&StartExtras { remaining: None, trace: Some(&context) }, 0, &mut out);
        assert_eq!(out, body(&unhex(&hex)));
        assert_eq!(both_ways(&hex), Msg::Start(Box::new(start)));
    }
}

/// A malformed trace is dropped; of a trace with a malformed `tracestate` only the `tracestate` is dropped.
#[test]
fn bad_bytes_in_place_of_a_trace_cost_the_trace_alone() {
    let text =
        |text: &str| [&[0xd9, u8::try_from(text.len()).expect("a short id")], text.as_bytes()].concat();
    let decoded = |traceparent: &[u8], tracestate: &[u8]| {
        let (head, start) = start_in(None);
        let mut out = Vec::new();
        head.begin(&start.cid, &mut out);
        out.extend_from_slice(&start.kwargs);
        head.finish(&mut out);
        out[0] += 2;
        out.extend_from_slice(&[b"\xabtraceparent", traceparent, b"\xaatracestate", tracestate].concat());
        let Ok(Msg::Start(start)) = decode(&out.into()) else { panic!("{traceparent:?} {tracestate:?}") };
        start.trace
    };
    let context = TraceContext::new(TRACEPARENT);
    for bad in [b"\xc0".to_vec(), b"\x80".to_vec(), b"\xa1\xff".to_vec(), b"\xc4\x01a".to_vec()] {
        assert_eq!(decoded(&bad, &text("a=1")), None);
        assert_eq!(decoded(&text(TRACEPARENT), &bad), context);
    }
    assert_eq!(decoded(&text(""), b"\xc0"), None);
    assert_eq!(decoded(&text(&TRACEPARENT.to_uppercase()), b"\xc0"), None);
    let long = [&b"\xdb\x00\x10\x00\x00"[..], &[b'0'; 1 << 20]].concat();
    assert_eq!(decoded(&long, b"\xc0"), None);
    assert_eq!(decoded(&text(TRACEPARENT), &long), context);
}

#[test]
fn a_request_with_values_by_position_says_so() {
    let tail = |positional| {
        let mut out = Vec::new();
        StartHead::new("m", "f", &Uid::new("n", "u"), "any", positional).finish(&mut out);
        out
    };
    assert_eq!(tail(true), [tail(false).as_slice(), b"\xaapositional\xc3"].concat());
}

#[test]
fn the_time_that_a_peer_claims_to_have_left_is_bounded() {
    let cases: [(&[u8], u64); 4] = [
        (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", i64::MAX as u64),
        (b"\xd3\x80\0\0\0\0\0\0\0", 0),
        (b"\xff", 0),
        (b"\x00", 0),
    ];
    for (claimed, micros) in cases {
        let mut out = Vec::new();
        let head = StartHead::new("m", "f", &Uid::new("n", "u"), "any", false);
        head.begin(&cid("d7"), &mut out);
        out.push(0x80);
        let extras = StartExtras { remaining: Some(Duration::ZERO), trace: None };
        head.finish_with(&extras, 0, &mut out);
        assert_eq!(out.pop(), Some(0), "the time comes last");
        out.extend_from_slice(claimed);
        let Ok(Msg::Start(start)) = decode(&out.into()) else { panic!("{claimed:?}") };
        assert_eq!(start.remaining, Some(Duration::from_micros(micros)), "{claimed:?}");
    }
}

#[test]
fn start_ack_of_a_function() {
    let hex = "5000000083a86d73675f74797065a8537461727441636ba3636964d92463386365373637652d613237652d
        343434312d613631392d373739373238656335653731a866756e6374797065a96173796e6366756e63";
    let cid = cid(CALL_CID);
    assert_eq!(both_ways(hex), Msg::StartAck { cid, functype: FuncType::AsyncFunc });
    let mut out = Vec::new();
    encode_start_ack(&cid, FuncType::AsyncFunc, &mut out);
    assert_eq!(out, body(&unhex(hex)));
}

#[test]
fn started_with_an_int() {
    let hex = "4100000083a86d73675f74797065a753746172746564a3636964d92439313531336664662d386563612d34393665
        2d626438342d393166656634633465343263a3706c640b";
    let cid = cid(STREAM_CID);
    assert_eq!(both_ways(hex), Msg::Started { cid, pld: Bytes::from_static(b"\x0b") });
    assert_eq!(pld_body(PldKind::Started, &cid, b"\x0b"), body(&unhex(hex)));
}

#[test]
fn yield_of_a_nested_value() {
    let hex = "4e00000083a86d73675f74797065a55969656c64a3636964d92439313531336664662d386563612d343936652d
        626438342d393166656634633465343263a3706c6482a16b930102920304a162c40378797a";
    let cid = cid(STREAM_CID);
    let pld = b"\x82\xa1k\x93\x01\x02\x92\x03\x04\xa1b\xc4\x03xyz";
    assert_eq!(both_ways(hex), Msg::Yield { cid, pld: Bytes::from_static(pld) });
    let body = body(&unhex(hex));
    assert_eq!(pld_body(PldKind::Yield, &cid, pld), body);
    assert_eq!([YieldHead::new(&cid).as_bytes(), pld].concat(), body);
    assert_eq!(peek_yield(&body), Some((cid.as_bytes(), body.len() - pld.len())));
}

#[test]
fn stop_of_a_stream() {
    let hex = "3900000082a86d73675f74797065a453746f70a3636964d92439313531336664662d386563612d343936652d
        626438342d393166656634633465343263";
    let cid = cid(STREAM_CID);
    assert_eq!(both_ways(hex), Msg::Stop { cid });
    let mut out = Vec::new();
    encode_stop(&cid, &mut out);
    assert_eq!(out, body(&unhex(hex)));
}

#[test]
fn return_of_nil() {
    let hex = "4000000083a86d73675f74797065a652657475726ea3636964d92463386365373637652d613237652d343434312d
        613631392d373739373238656335653731a3706c64c0";
    let cid = cid(CALL_CID);
    assert_eq!(both_ways(hex), Msg::Return { cid, pld: Bytes::from_static(b"\xc0") });
    assert_eq!(pld_body(PldKind::Return, &cid, b"\xc0"), body(&unhex(hex)));
}

#[test]
fn cancel_ack_of_a_cancelled_task() {
    let hex = "4300000083a86d73675f74797065a943616e63656c41636ba3636964d92432313335636237382d333435622d34
        3834312d386337372d326639393961343739346335a3706c64c3";
    let cid = cid("2135cb78-345b-4841-8c77-2f999a4794c5");
    assert_eq!(both_ways(hex), Msg::CancelAck { cid, pld: Bytes::from_static(b"\xc3") });
    assert_eq!(pld_body(PldKind::CancelAck, &cid, b"\xc3"), body(&unhex(hex)));
}

/// The capture shows head and tail; the trace is padded to the stated length.
#[test]
fn error_of_an_acknowledged_cancellation() {
    let cid_start = "4ec8787f-";
    let mut error = ErrorMsg {
        canceller: Some(Uid::new("root", uuid("f51f"))),
        cid: Some(cid(&uuid(cid_start))),
        tb_str: "x".repeat(300),
        ..ErrorMsg::new(
            Uid::new("alice", uuid("3fd3")),
            "ContextCancelled",
            "'child'-side task was cancelled by its 'parent'-side peer",
        )
    };
    let unpadded = frame_of(&Msg::Error(Box::new(error.clone()))).len() - 4;
    error.tb_str.push_str(&"x".repeat(0x539 - unpadded));
    let msg = Msg::Error(Box::new(error));
    let bytes = frame_of(&msg);

    let head = unhex("39050000 8c a8 6d73675f74797065 a5 4572726f72 a7 7372635f756964 92 a5 616c696365 d924");
    let sender_and_cid = unhex("a6 73656e646572 c0 a3 636964 d924 34656338373837662d");
    let end = unhex("a8 5f6261645f6d7367 c0 b0 5f6261645f6d73675f61735f64696374 c0");
    assert!(bytes.starts_with(&head));
    assert!(bytes.ends_with(&end));
    let before_end = bytes.len() - end.len() - (36 - cid_start.len());
    assert!(bytes[..before_end].ends_with(&sender_and_cid));
    assert_eq!(decode(&body(&bytes)).unwrap(), msg);
}

#[test]
fn errors_of_other_shapes_keep_their_fields() {
    let kid = Uid::new("kid", uuid("1"));
    let grandkid = Uid::new("grandkid", uuid("2"));
    let stream = cid(STREAM_CID);
    let application = ErrorMsg { cid: Some(stream), ..ErrorMsg::new(kid.clone(), "ValueError", "") };
    let relayed = ErrorMsg {
        boxed_type_str: "RemoteActorError".into(),
        relay_path: vec![grandkid.clone(), kid.clone()],
        ..ErrorMsg::new(grandkid.clone(), "ValueError", "remote task raised a 'ValueError'\n")
    };
    let overrun = ErrorMsg { sender: Some(grandkid), ..ErrorMsg::new(kid.clone(), "StreamOverrun", "") };
    let type_error = ErrorMsg {
        bad_msg: Some(pld_body(PldKind::Started, &stream, b"\x0a").into()),
        relay_path: vec![kid.clone(), kid.clone()],
        ..ErrorMsg::new(kid, "MsgTypeError", "invalid `Started` msg payload")
    };
    for error in [application, relayed, overrun, type_error] {
        let msg = Msg::Error(Box::new(error));
        let bytes = frame_of(&msg);
        assert_eq!(bytes[4], 0x8c, "a map of 12");
        assert_eq!(decode(&body(&bytes)).unwrap(), msg);
    }
}

#[test]
fn extensions_come_after_the_base_fields_and_only_when_set() {
    let base = Aid { pid: Some(1), is_registrar: Some(true), ..Aid::new(Uid::new("a", "u")) };
    let caps = Caps::CREDIT.or(Caps::AUTH);
    let image = Some(Image::from_bytes([0xdd; 16]));
    let extended =
        Aid { caps, frame_bytes_max: Some(70_000), image, nonce: Some([0xee; 32]), ..base.clone() };
    let (base, extended) = (frame_of(&Msg::Aid(base)), frame_of(&Msg::Aid(extended)));
    assert_eq!((base[4], extended[4]), (0x86, 0x8a));
    let extra = [
        b"\xa4caps\x92\xa6credit\xa4auth\xafframe_bytes_max\xce\x00\x01\x11\x70".as_slice(),
        b"\xa5image\xc4\x10",
        &[0xdd; 16],
        b"\xa5nonce\xc4\x20",
        &[0xee; 32],
    ]
    .concat();
    assert_eq!(&extended[5..], [&base[5..], &extra].concat());
    let Msg::Aid(aid) = decode(&body(&extended)).unwrap() else { panic!("not an Aid") };
    assert_eq!((aid.caps, aid.frame_bytes_max, aid.nonce), (caps, Some(70_000), Some([0xee; 32])));
    assert_eq!(aid.image, image);
}

#[test]
fn extension_messages() {
    let credit = frame_of(&Msg::Credit { cid: cid("c1"), bytes: 65_536 });
    assert_eq!(&credit[4..], b"\x83\xa8msg_type\xa6Credit\xa3cid\xa2c1\xa5bytes\xce\x00\x01\x00\x00");
    assert_eq!(&frame_of(&Msg::Ready { image: None })[4..], b"\x81\xa8msg_type\xa5Ready");
    let image = Some(Image::from_bytes([8; 16]));
    let ready = [b"\x82\xa8msg_type\xa5Ready\xa5image\xc4\x10".as_slice(), &[8; 16]].concat();
    assert_eq!(&frame_of(&Msg::Ready { image })[4..], ready);
    let auth = frame_of(&Msg::Auth { proof: [9; 32] });
    assert_eq!(&auth[4..], [b"\x82\xa8msg_type\xa4Auth\xa5proof\xc4\x20".as_slice(), &[9; 32]].concat());
}
