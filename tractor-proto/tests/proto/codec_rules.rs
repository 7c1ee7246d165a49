//! The input that the decoder accepts, the input that it refuses, and the texts of its errors.

use std::time::Duration;

use bytes::Bytes;
use tractor_proto::addr::Addr;
use tractor_proto::codec::{DecodeError, PldKind, Problem, decode, decode_within, encode, encode_pld};
use tractor_proto::id::{Aid, Caps, Cid, Image, Secret, Uid};
use tractor_proto::limits::{
    ENVELOPE_ENTRIES_MAX, ERROR_TEXT_BYTES_MAX, ERROR_VALUE_BYTES_MAX, Limits, NAME_BYTES_MAX,
    NESTING_DEPTH_MAX, RELAY_PATH_MAX, Timeouts, UUID_BYTES_MAX,
};
use tractor_proto::msg::{ErrorMsg, ErrorValue, FuncType, Msg, ParentImage, RuntimeVars, SpawnSpec, Start};
use tractor_proto::msgpack::{RawError, RawMap};
use tractor_proto::trace::TraceContext;

type Entries = Vec<(String, Vec<u8>)>;

fn sample_start(cid: Cid, uid: Uid) -> Start {
    let trace = TraceContext::new("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    Start {
        cid,
        ns: "m".into(),
        func: "f".into(),
        kwargs: Bytes::from_static(b"\x81\xa1a\x01"),
        uid,
        pld_spec: "int".into(),
        positional: true,
        remaining: Some(Duration::from_micros(250)),
        trace: Some(trace.with_tracestate("a=1")),
    }
}

/// One message of each kind, every optional field set.
fn samples() -> Vec<Msg> {
    let cid = Cid::short(b'c', 7);
    let pld = Bytes::from_static(b"\x92\x01\xa1x");
    let uid = Uid::new("kid", "0000-1111");
    let tcp: Addr = "/ip6/::1/tcp/1616".parse().unwrap();
    let uds: Addr = "/unix/run/t/a@1.sock".parse().unwrap();
    let pair = || vec![("mod".to_owned(), "file".to_owned())];
    let vars = RuntimeVars {
        root_mailbox: Some(uds.clone()),
        enable_tpts: vec!["uds".into()],
        ..RuntimeVars::default()
    };
    let limits = Limits::default().frame_bytes_max(1);
    let timeouts = Timeouts::default().terminate(Duration::from_micros(7));
    let spec = SpawnSpec {
        parent_main_data: pair(),
        runtime_vars: vars,
        enable_modules: pair(),
        reg_addrs: vec![tcp.clone()],
        bind_addrs: Some(vec![tcp, uds]),
        enable_endpoints: pair(),
        secret: Some(Secret::new([1; 32])),
        image: Some(ParentImage { image: Image::from_bytes([4; 16]), executable: [5; 16] }),
        limits,
        timeouts,
        allow_unauthenticated_peers: true,
    };
    let error = ErrorMsg {
        canceller: Some(uid.clone()),
        sender: Some(uid.clone()),
        cid: Some(cid),
        bad_msg: Some(Bytes::from_static(b"\x80")),
        bad_msg_as_dict: Some(Bytes::from_static(b"\x80")),
        causes: vec!["disk full".into()],
        value: Some(ErrorValue { type_name: "app::DiskFull".into(), value: Bytes::from_static(b"\x91\x07") }),
        ..ErrorMsg::new(uid.clone(), "ValueError", "no")
    };
    let aid = Aid {
        pid: Some(-1),
        is_registrar: Some(true),
        caps: Caps::ALL,
        frame_bytes_max: Some(1 << 20),
        image: Some(Image::from_bytes([4; 16])),
        nonce: Some([2; 32]),
        ..Aid::new(uid.clone())
    };
    vec![
        Msg::Aid(aid),
        Msg::SpawnSpec(Box::new(spec)),
        Msg::Start(Box::new(sample_start(cid, uid))),
        Msg::StartAck { cid, functype: FuncType::Context },
        Msg::Started { cid, pld: pld.clone() },
        Msg::Yield { cid, pld: pld.clone() },
        Msg::Stop { cid },
        Msg::Return { cid, pld: pld.clone() },
        Msg::CancelAck { cid, pld },
        Msg::Error(Box::new(error)),
        Msg::Credit { cid, bytes: u32::MAX },
        Msg::Ready { image: Some(Image::from_bytes([4; 16])) },
        Msg::Auth { proof: [3; 32] },
    ]
}

fn sample(name: &str) -> Entries {
    entries(samples().iter().find(|msg| msg.name() == name).unwrap())
}

fn bytes_of(msg: &Msg) -> Bytes {
    let mut out = Vec::new();
    encode(msg, &mut out);
    out.into()
}

/// The keys and raw values of an encoded message.
fn entries(msg: &Msg) -> Entries {
    let bytes = bytes_of(msg);
    RawMap::new(&bytes, NESTING_DEPTH_MAX)
        .unwrap()
        .map(|entry| entry.map(|(key, value)| (key.to_owned(), bytes[value].to_vec())).unwrap())
        .collect()
}

fn text(text: &str) -> Vec<u8> {
    [b"\xdb", (text.len() as u32).to_be_bytes().as_slice(), text.as_bytes()].concat()
}

fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [b"\xdd", (items.len() as u32).to_be_bytes().as_slice(), &items.concat()].concat()
}

/// A map with the longest form of every length.
fn join(entries: &Entries) -> Bytes {
    let mut out = vec![0xdf];
    out.extend_from_slice(&(entries.len() as u32).to_be_bytes());
    for (key, value) in entries {
        out.extend_from_slice(&text(key));
        out.extend_from_slice(value);
    }
    out.into()
}

fn set(entries: &mut Entries, key: &str, value: Vec<u8>) {
    entries.iter_mut().find(|(k, _)| k == key).expect("the sample has the field").1 = value;
}

/// Decodes the sample `name` with one field replaced; returns the problem with that field.
fn problem(name: &str, key: &str, value: Vec<u8>) -> Option<Problem> {
    let mut entries = sample(name);
    set(&mut entries, key, value);
    match decode(&join(&entries)) {
        Ok(_) => None,
        Err(DecodeError::Schema { msg, field, problem, .. }) => {
            assert_eq!((msg, field), (name, key));
            Some(problem)
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn keys_come_in_any_order_and_unknown_ones_are_ignored() {
    for msg in samples() {
        let mut entries = entries(&msg);
        entries.reverse();
        entries.insert(1, ("from_the_future".into(), b"\x81\xa1k\x93\x01\x02\xc0".to_vec()));
        let decoded = decode(&join(&entries)).unwrap();
        assert_eq!(bytes_of(&decoded), bytes_of(&msg));
    }
}

#[test]
fn raw_spans_share_the_memory_of_the_frame() {
    for msg in samples() {
        let frame = bytes_of(&msg);
        let within = |span: &Bytes| frame.as_ptr_range().contains(&span.as_ptr());
        match decode(&frame).unwrap() {
            Msg::Started { pld, .. }
            | Msg::Yield { pld, .. }
            | Msg::Return { pld, .. }
            | Msg::CancelAck { pld, .. } => assert!(within(&pld)),
            Msg::Start(start) => assert!(within(&start.kwargs)),
            Msg::Error(error) => assert!(within(&error.bad_msg.unwrap())),
            _ => {}
        }
    }
}

#[test]
fn fields_with_a_default_may_be_missing_and_others_not() {
    let optional = [
        ("Aid", vec!["pid", "is_registrar", "is_probe", "caps", "frame_bytes_max", "image", "nonce"]),
        (
            "SpawnSpec",
            vec![
                "enable_endpoints",
                "secret",
                "image",
                "limits",
                "timeouts_us",
                "allow_unauthenticated_peers",
            ],
        ),
        ("Ready", vec!["image"]),
        ("Start", vec!["pld_spec", "positional", "remaining_us", "traceparent", "tracestate"]),
        (
            "Error",
            vec![
                "message",
                "tb_str",
                "canceller",
                "sender",
                "cid",
                "_bad_msg",
                "_bad_msg_as_dict",
                "causes",
                "value",
            ],
        ),
    ];
    for msg in samples() {
        let all = entries(&msg);
        for missing in all.iter().map(|(key, _)| key.as_str()).filter(|key| *key != "msg_type") {
            let rest: Entries = all.iter().filter(|(key, _)| key != missing).cloned().collect();
            let has_default = optional.iter().any(|(m, keys)| *m == msg.name() && keys.contains(&missing));
            match decode(&join(&rest)) {
                Ok(_) => assert!(has_default, "{}.{missing}", msg.name()),
                Err(DecodeError::Schema { msg: m, cid, field, problem: Problem::Missing }) => {
                    assert_eq!((m, field, has_default), (msg.name(), missing, false));
                    assert_eq!(cid, if missing == "cid" { None } else { msg.cid() });
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn defaults_are_the_documented_ones() {
    let only = |name: &str, keys: &[&str]| -> Msg {
        let kept = sample(name).into_iter().filter(|(key, _)| keys.contains(&key.as_str())).collect();
        decode(&join(&kept)).unwrap()
    };
    let Msg::Aid(aid) = only("Aid", &["msg_type", "name", "uuid"]) else { panic!("not an Aid") };
    assert_eq!((aid.pid, aid.is_registrar, aid.is_probe), (None, None, false));
    assert_eq!((aid.caps, aid.nonce), (Caps::NONE, None));
    let Msg::Start(start) = only("Start", &["msg_type", "cid", "ns", "func", "kwargs", "uid"]) else {
        panic!("not a Start")
    };
    assert_eq!(start.pld_spec, "typing.Any");
    assert_eq!((start.remaining, start.trace), (None, None));
    let mut spec = sample("SpawnSpec");
    set(&mut spec, "_runtime_vars", b"\x81\xa6future\x01".to_vec());
    // One knob of a later version, one that is known; the rest have their defaults.
    set(&mut spec, "limits", b"\x82\xa6future\x01\xafconnections_max\x07".to_vec());
    set(&mut spec, "timeouts_us", b"\x81\xa5drain\xcf\xff\xff\xff\xff\xff\xff\xff\xff".to_vec());
    let Msg::SpawnSpec(spec) = decode(&join(&spec)).unwrap() else { panic!("not a SpawnSpec") };
    assert_eq!(
        (spec.limits.connections_max, spec.limits.bad_frames_max),
        (7, Limits::default().bad_frames_max)
    );
    assert_eq!(
        (spec.timeouts.drain, spec.timeouts.terminate),
        (Duration::MAX, Timeouts::default().terminate)
    );
    assert_eq!(spec.runtime_vars, RuntimeVars { enable_tpts: vec!["tcp".into()], ..RuntimeVars::default() });
}

#[test]
fn a_field_of_the_wrong_type_is_named_together_with_the_dialog() {
    for msg in samples() {
        // A malformed trace is left out, and a payload may be anything.
        let lenient = ["msg_type", "pld", "traceparent", "tracestate"];
        for (key, _) in entries(&msg).into_iter().filter(|(key, _)| !lenient.contains(&key.as_str())) {
            let mut broken = entries(&msg);
            set(&mut broken, &key, b"\xca\0\0\0\0".to_vec());
            let error = decode(&join(&broken)).unwrap_err();
            let DecodeError::Schema { msg: name, cid, field, problem } = error else { panic!("{error:?}") };
            assert_eq!((name, field), (msg.name(), key.as_str()));
            assert_eq!(cid, if key == "cid" { None } else { msg.cid() });
            assert!(matches!(problem, Problem::WrongType { found: "a float", .. }), "{problem:?}");
        }
    }
}

#[test]
fn a_key_that_occurs_twice_is_refused() {
    let mut twice = sample("Return");
    twice.push(("pld".into(), b"\x01".to_vec()));
    let error = decode(&join(&twice)).unwrap_err();
    assert_eq!(error.cid(), Some(Cid::short(b'c', 7)));
    assert!(matches!(error, DecodeError::Schema { field: "pld", problem: Problem::Twice, .. }));

    let mut two_dialogs = sample("Return");
    two_dialogs.push(("cid".into(), text("other")));
    let error = decode(&join(&two_dialogs)).unwrap_err();
    assert_eq!(error.cid(), None, "the frame names no dialog");
}

#[test]
fn an_unknown_message_names_itself_and_its_dialog() {
    let mut unknown = sample("Stop");
    set(&mut unknown, "msg_type", text(&"Ü".repeat(100)));
    let error = decode(&join(&unknown)).unwrap_err();
    let want = DecodeError::UnknownTag { tag: "Ü".repeat(32), cid: Some(Cid::short(b'c', 7)) };
    assert_eq!(error, want);
    assert!(error.to_string().ends_with("in dialog c7"), "{error}");
    assert!(!error.is_bad_frame());
}

#[test]
fn frames_that_are_no_map_or_have_other_keys_are_schema_errors() {
    for (body, problem) in [
        (&b"\x01"[..], Problem::WrongType { expected: "a map", found: "an int" }),
        (b"\x92\x01\x02", Problem::WrongType { expected: "a map", found: "an array" }),
    ] {
        let error = decode(&Bytes::from_static(body)).unwrap_err();
        assert_eq!(error, DecodeError::Schema { msg: "message", cid: None, field: "frame", problem });
    }
    let error = decode(&Bytes::from_static(b"\x83\xa8msg_type\xa4Stop\xa3cid\xa2c7\x01\x02")).unwrap_err();
    assert_eq!(error.cid(), Some(Cid::short(b'c', 7)));
    assert!(matches!(error, DecodeError::Schema { msg: "Stop", field: "frame", .. }));
    let error = decode(&Bytes::from_static(b"\x81\xa3cid\xa2c7")).unwrap_err();
    assert!(matches!(error, DecodeError::Schema { field: "msg_type", problem: Problem::Missing, .. }));
}

#[test]
fn a_frame_cut_anywhere_is_not_messagepack() {
    for msg in samples() {
        let frame = bytes_of(&msg);
        for cut in 0..frame.len() {
            match decode(&frame.slice(..cut)) {
                Err(DecodeError::NotMsgpack(RawError::Truncated { .. })) => {}
                // The consumer of a stream message checks its payload.
                Ok(Msg::Yield { pld, .. }) => assert!(!pld.is_empty()),
                other => panic!("{} cut at {cut}: {other:?}", msg.name()),
            }
        }
        let longer = Bytes::from([&frame[..], b"\xc0"].concat());
        match decode(&longer) {
            Err(DecodeError::NotMsgpack(RawError::Trailing { at })) => assert_eq!(at, frame.len()),
            Ok(Msg::Yield { .. }) => {}
            other => panic!("{} with a byte more: {other:?}", msg.name()),
        }
    }
}

#[test]
fn the_slow_way_of_a_yield_checks_its_payload() {
    let mut entries = sample("Yield");
    entries.swap(0, 1);
    set(&mut entries, "pld", b"\x92\x01".to_vec());
    assert!(matches!(decode(&join(&entries)), Err(DecodeError::NotMsgpack(RawError::Truncated { .. }))));
    set(&mut entries, "pld", b"\xc1".to_vec());
    assert!(matches!(decode(&join(&entries)), Err(DecodeError::NotMsgpack(RawError::Reserved { .. }))));
}

#[test]
fn nesting_is_bounded_the_envelope_included() {
    let nested = |levels: usize| {
        let mut out = Vec::new();
        let pld = [vec![0x91; levels], vec![0xc0]].concat();
        encode_pld(PldKind::Return, &Cid::short(b'c', 7), &pld, &mut out);
        Bytes::from(out)
    };
    assert!(decode(&nested(NESTING_DEPTH_MAX - 1)).is_ok());
    let error = decode(&nested(NESTING_DEPTH_MAX)).unwrap_err();
    let cid = Some(Cid::short(b'c', 7));
    assert_eq!(error, DecodeError::TooDeep { limit: NESTING_DEPTH_MAX, cid });
    assert!(error.to_string().contains("nesting_depth_max = 128"), "{error}");
    assert!(!error.is_bad_frame(), "its dialog gets the error");
    assert!(DecodeError::TooDeep { limit: NESTING_DEPTH_MAX, cid: None }.is_bad_frame());
    assert!(matches!(decode_within(&nested(3), 3), Err(DecodeError::TooDeep { limit: 3, .. })));
    assert!(matches!(decode_within(&nested(1), 0), Err(DecodeError::TooDeep { limit: 0, .. })));
    // Megabytes of nested arrays take no stack.
    assert!(matches!(decode(&nested(4 << 20)), Err(DecodeError::TooDeep { .. })));
    assert!(decode_within(&nested(1 << 20), usize::MAX).is_ok());
}

#[test]
fn huge_claimed_lengths_are_refused_without_allocating() {
    for claim in
        [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"]
    {
        for name in ["Error", "SpawnSpec", "Start", "Return"] {
            for (key, _) in sample(name) {
                let mut broken = sample(name);
                set(&mut broken, &key, claim.to_vec());
                let error = decode(&join(&broken)).unwrap_err();
                assert!(matches!(error, DecodeError::NotMsgpack(RawError::Truncated { .. })), "{error:?}");
            }
        }
        assert!(decode(&Bytes::copy_from_slice(claim)).is_err());
    }
}

#[test]
fn names_lists_and_paths_are_bounded() {
    let uid = |name: usize, uuid: usize| array(&[text(&"n".repeat(name)), text(&"u".repeat(uuid))]);
    assert_eq!(problem("Start", "uid", uid(NAME_BYTES_MAX, UUID_BYTES_MAX)), None);
    let too_long = |len, limit, knob| Some(Problem::TooLong { len, limit, knob });
    assert_eq!(problem("Start", "uid", uid(1025, 1)), too_long(1025, NAME_BYTES_MAX, "NAME_BYTES_MAX"));
    assert_eq!(problem("Start", "uid", uid(1, 65)), too_long(65, UUID_BYTES_MAX, "UUID_BYTES_MAX"));
    assert_eq!(problem("Start", "func", text(&"f".repeat(1025))), too_long(1025, 1024, "NAME_BYTES_MAX"));
    assert_eq!(problem("Start", "cid", text(&"c".repeat(40))), too_long(40, 39, "CID_BYTES_MAX"));
    for (name, key, item) in [
        ("Error", "causes", text("x")),
        ("Error", "relay_path", uid(1, 1)),
        ("SpawnSpec", "reg_addrs", array(&[text("::1"), vec![1]])),
        ("Aid", "caps", text("future")),
    ] {
        let list = |len| array(&vec![item.clone(); len]);
        assert_eq!(problem(name, key, list(ENVELOPE_ENTRIES_MAX)), None);
        let want = too_long(ENVELOPE_ENTRIES_MAX + 1, ENVELOPE_ENTRIES_MAX, "ENVELOPE_ENTRIES_MAX");
        assert_eq!(problem(name, key, list(ENVELOPE_ENTRIES_MAX + 1)), want);
    }
}

#[test]
fn values_that_make_no_sense_are_refused() {
    let is_value = |problem| matches!(problem, Some(Problem::Value { .. }));
    for items in [vec![], vec![text("a")], vec![text("a"); 3]] {
        assert!(is_value(problem("Start", "uid", array(&items))));
    }
    assert!(is_value(problem("Start", "cid", text(""))));
    assert!(is_value(problem("StartAck", "functype", text("coroutine"))));
    assert!(is_value(problem("Credit", "bytes", b"\xff".to_vec())));
    assert!(is_value(problem("Credit", "bytes", b"\xcf\0\0\0\x01\0\0\0\0".to_vec())));
    assert!(is_value(problem("Auth", "proof", b"\xc4\x01x".to_vec())));
    assert!(is_value(problem("Aid", "name", b"\xa1\xff".to_vec())));
    let bad_port = array(&[text("::1"), b"\xce\0\x01\0\0".to_vec()]);
    let no_such = array(&[text("udp"), text("::1"), vec![1]]);
    for addr in [array(&[text("localhost"), vec![1]]), bad_port, array(&[text("unix"), text("a")]), no_such] {
        assert!(is_value(problem("SpawnSpec", "reg_addrs", array(&[addr]))));
    }
}

#[test]
fn permitted_variations_are_accepted() {
    for pid in
        [b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(), b"\xd3\0\0\0\0\0\0\0\x01".to_vec(), vec![0xc0]]
    {
        assert_eq!(problem("Aid", "pid", pid), None);
    }
    let nil_addr = array(&[vec![0xc0], vec![0xc0]]);
    let mut spec = sample("SpawnSpec");
    let tagged = array(&[text("tcp"), text("127.0.0.1"), b"\xcd\x06\x50".to_vec()]);
    let path = array(&[text("unix"), text("/run/t/a.sock")]);
    set(&mut spec, "reg_addrs", array(&[nil_addr.clone(), vec![0xc0], tagged, path]));
    set(&mut spec, "_runtime_vars", [b"\x81".to_vec(), text("_root_mailbox"), nil_addr].concat());
    let Msg::SpawnSpec(spec) = decode(&join(&spec)).unwrap() else { panic!("not a SpawnSpec") };
    let uds = Addr::Uds { dir: "/run/t".to_owned(), file: "a.sock".to_owned() };
    let default = || Addr::DEFAULT_REGISTRY;
    assert_eq!(spec.reg_addrs, [default(), default(), default(), uds]);
    assert_eq!(spec.runtime_vars.root_mailbox, None);
}

#[test]
fn an_error_is_cut_and_never_refused_for_its_length() {
    let hops: Vec<Uid> = (0..100).map(|n| Uid::new("hop", format!("{n}"))).collect();
    let kept: Vec<Uid> = [&hops[..32], &hops[68..]].concat();
    let error = ErrorMsg {
        relay_path: hops.clone(),
        tb_str: "ü".repeat(ERROR_TEXT_BYTES_MAX),
        ..ErrorMsg::new(hops[0].clone(), "E", "")
    };
    let msg = Msg::Error(Box::new(error));
    let Msg::Error(sent) = decode(&bytes_of(&msg)).unwrap() else { panic!("not an Error") };
    assert_eq!((sent.relay_path.len(), sent.relay_path), (RELAY_PATH_MAX, kept.clone()));
    assert!(
        sent.tb_str.len() <= ERROR_TEXT_BYTES_MAX && sent.tb_str.ends_with("[cut at ERROR_TEXT_BYTES_MAX]")
    );

    // A peer without these limits.
    let mut foreign = entries(&msg);
    let uids: Vec<_> = hops.iter().map(|uid| array(&[text(uid.name()), text(uid.uuid())])).collect();
    set(&mut foreign, "relay_path", array(&uids));
    set(&mut foreign, "message", text(&"m".repeat(2 * ERROR_TEXT_BYTES_MAX)));
    let Msg::Error(got) = decode(&join(&foreign)).unwrap() else { panic!("not an Error") };
    assert_eq!(got.relay_path, kept);
    assert_eq!(got.message.map(|text| text.len()), Some(ERROR_TEXT_BYTES_MAX));
}

#[test]
fn a_failure_arrives_without_a_value_that_is_too_large() {
    let with = |value: Vec<u8>| {
        let mut error = ErrorMsg::new(Uid::new("kid", "1"), "Oops", "text");
        error.value = Some(ErrorValue { type_name: "app::Oops".into(), value: value.into() });
        let mut out = Vec::new();
        encode(&Msg::Error(Box::new(error)), &mut out);
        out
    };
    let value = |frame: Vec<u8>| match decode(&frame.into()).unwrap() {
        Msg::Error(error) => error.value.map(|value| value.value.len()),
        other => panic!("{other:?}"),
    };
    let bin = |len: usize| [&[0xc6][..], &u32::try_from(len).unwrap().to_be_bytes(), &vec![0; len]].concat();
    assert_eq!(value(with(bin(ERROR_VALUE_BYTES_MAX - 5))), Some(ERROR_VALUE_BYTES_MAX));
    assert_eq!(value(with(bin(ERROR_VALUE_BYTES_MAX - 4))), None);
}
