//! Properties of the codec over generated messages and bytes.

use std::time::Duration;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use tractor_proto::addr::Addr;
use tractor_proto::codec::{decode, decode_within, encode, peek_yield};
use tractor_proto::frame::next_frame;
use tractor_proto::id::{Aid, Caps, Cid, Image, Secret, Uid};
use tractor_proto::limits::{Limits, NESTING_DEPTH_MAX, Timeouts};
use tractor_proto::msg::{ErrorMsg, ErrorValue, FuncType, Msg, ParentImage, RuntimeVars, SpawnSpec, Start};
use tractor_proto::msgpack::{RawMap, check_one_value, skip_value};
use tractor_proto::trace::TraceContext;

fn encoded(msg: &Msg) -> Bytes {
    let mut out = Vec::new();
    encode(msg, &mut out);
    out.into()
}

/// One MessagePack value.
fn any_value() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(b"\xc0".to_vec()),
        Just(b"\xcb\0\0\0\0\0\0\0\0".to_vec()),
        Just(b"\xd6\xff\0\0\0\0".to_vec()),
        any::<u16>().prop_map(|n| [b"\xcd".as_slice(), &n.to_be_bytes()].concat()),
        vec(any::<u8>(), 0..40).prop_map(|data| [&[0xc4, data.len() as u8], &data[..]].concat()),
        "[a-z]{0,31}".prop_map(|text| [&[0xa0 | text.len() as u8], text.as_bytes()].concat()),
    ];
    leaf.prop_recursive(6, 40, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8)
                .prop_map(|items| [vec![0x90 | items.len() as u8], items.concat()].concat()),
            vec(("[a-z]{1,9}", inner), 0..8).prop_map(|entries| map_of(&entries)),
        ]
    })
}

fn map_of(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![0x80 | entries.len() as u8];
    for (key, value) in entries {
        out.push(0xa0 | key.len() as u8);
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(value);
    }
    out
}

fn any_map() -> impl Strategy<Value = Bytes> {
    vec(("[a-z]{1,9}", any_value()), 0..5).prop_map(|entries| map_of(&entries).into())
}

fn any_cid() -> impl Strategy<Value = Cid> {
    "[a-z0-9-]{1,39}|.{1,9}".prop_map(|text| Cid::new(&text).expect("the pattern fits a cid"))
}

fn any_uid() -> impl Strategy<Value = Uid> {
    (".{0,40}", "[0-9a-f-]{1,36}").prop_map(|(name, uuid)| Uid::new(name, uuid))
}

fn any_addr() -> impl Strategy<Value = Addr> {
    prop_oneof![
        (any::<std::net::IpAddr>(), any::<u16>()).prop_map(|(ip, port)| Addr::Tcp((ip, port).into())),
        ("(/[a-z.-]{1,9}x){1,4}", "[a-z@-]{1,20}[.]sock").prop_map(|(dir, file)| Addr::Uds { dir, file }),
    ]
}

fn any_aid() -> impl Strategy<Value = Msg> {
    (
        any_uid(),
        any::<Option<i64>>(),
        any::<Option<bool>>(),
        any::<bool>(),
        any::<u16>(),
        any::<Option<u32>>(),
        any::<Option<[u8; 16]>>(),
        any::<Option<[u8; 32]>>(),
    )
        .prop_map(|(uid, pid, is_registrar, is_probe, bits, bytes_max, image, nonce)| {
            let caps = Caps::NAMES.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
            let caps = caps.fold(Caps::NONE, |all, (_, (cap, _))| all.or(*cap));
            let frame_bytes_max = bytes_max.map(|bytes| bytes as usize);
            let image = image.map(Image::from_bytes);
            Msg::Aid(Aid { uid, pid, is_registrar, is_probe, caps, frame_bytes_max, image, nonce })
        })
}

fn any_texts() -> impl Strategy<Value = Vec<(String, String)>> {
    vec((".{0,20}", ".{0,300}"), 0..20)
}

fn any_vars() -> impl Strategy<Value = RuntimeVars> {
    let addrs = || vec(any_addr(), 0..4);
    (proptest::option::of(any_addr()), addrs(), addrs(), vec("[a-z]{1,5}", 0..3), any::<[bool; 6]>())
        .prop_map(|(root_mailbox, root_addrs, registry_addrs, enable_tpts, flags)| RuntimeVars {
            is_root: flags[0],
            root_mailbox,
            root_addrs,
            enable_tpts,
            registry_addrs,
            debug_mode: flags[1],
            repl_fixture: flags[2],
            use_greenback: flags[3],
            use_stackscope: flags[4],
            is_infected_aio: flags[5],
        })
}

fn any_spawn_spec() -> impl Strategy<Value = Msg> {
    let addrs = || vec(any_addr(), 0..20);
    let bind_addrs = proptest::option::of(addrs());
    let secret = any::<(Option<[u8; 32]>, Option<[[u8; 16]; 2]>)>();
    (any_texts(), any_vars(), any_texts(), addrs(), bind_addrs, any_texts(), secret, any::<[u64; 3]>())
        .prop_map(
            |(
                parent_main_data,
                runtime_vars,
                enable_modules,
                reg_addrs,
                bind_addrs,
                enable_endpoints,
                (secret, image),
                knobs,
            )| {
                let (mut limits, mut timeouts) = (Limits::default(), Timeouts::default());
                limits.frame_bytes_max = knobs[0] as usize;
                limits.connections_max = knobs[1] as usize;
                timeouts.drain = Duration::from_micros(knobs[2] >> 1);
                Msg::SpawnSpec(Box::new(SpawnSpec {
                    parent_main_data,
                    runtime_vars,
                    enable_modules,
                    reg_addrs,
                    bind_addrs,
                    enable_endpoints,
                    secret: secret.map(Secret::new),
                    image: image.map(|[image, executable]| ParentImage {
                        image: Image::from_bytes(image),
                        executable,
                    }),
                    limits,
                    timeouts,
                    allow_unauthenticated_peers: knobs[0] % 2 == 1,
                }))
            },
        )
}

fn any_trace() -> impl Strategy<Value = TraceContext> {
    ("[0-9a-e]{2}-[1-9a-f]{32}-[1-9a-f]{16}-[0-9a-f]{2}", "[ -~]{0,600}").prop_map(
        |(traceparent, tracestate)| {
            TraceContext::new(&traceparent).expect("well-formed").with_tracestate(&tracestate)
        },
    )
}

fn any_start() -> impl Strategy<Value = Msg> {
    let remaining = proptest::option::of(0..=i64::MAX as u64);
    let own = (any::<bool>(), remaining, proptest::option::of(any_trace()));
    (any_cid(), ".{0,40}", ".{0,40}", any_map(), any_uid(), ".{0,40}", own).prop_map(
        |(cid, ns, func, kwargs, uid, pld_spec, (positional, remaining, trace))| {
            let remaining = remaining.map(Duration::from_micros);
            Msg::Start(Box::new(Start { cid, ns, func, kwargs, uid, pld_spec, positional, remaining, trace }))
        },
    )
}

fn any_error() -> impl Strategy<Value = Msg> {
    use proptest::option::of;
    let texts = (".{0,40}", ".{0,40}", of(".{0,400}"), ".{0,400}", vec(".{0,40}", 0..20));
    let uids = (any_uid(), vec(any_uid(), 0..64), of(any_uid()), of(any_uid()));
    (texts, uids, of(any_cid()), of(any_map()), of(any_map())).prop_map(
        |(texts, uids, cid, bad_msg, bad_msg_as_dict)| {
            let (src_type_str, boxed_type_str, message, tb_str, causes) = texts;
            let (src_uid, relay_path, canceller, sender) = uids;
            Msg::Error(Box::new(ErrorMsg {
                src_uid,
                src_type_str,
                boxed_type_str,
                relay_path,
                message,
                tb_str,
                canceller,
                sender,
                cid,
                value: bad_msg.clone().map(|value| ErrorValue { type_name: "app::E".into(), value }),
                bad_msg,
                bad_msg_as_dict,
                causes,
            }))
        },
    )
}

fn any_small() -> impl Strategy<Value = Msg> {
    let kind = prop_oneof![Just(FuncType::AsyncFunc), Just(FuncType::AsyncGen), Just(FuncType::Context)];
    prop_oneof![
        (any_cid(), kind).prop_map(|(cid, functype)| Msg::StartAck { cid, functype }),
        (any_cid(), any_value()).prop_map(|(cid, pld)| Msg::Started { cid, pld: pld.into() }),
        (any_cid(), any_value()).prop_map(|(cid, pld)| Msg::Yield { cid, pld: pld.into() }),
        (any_cid(), any_value()).prop_map(|(cid, pld)| Msg::Return { cid, pld: pld.into() }),
        (any_cid(), any_value()).prop_map(|(cid, pld)| Msg::CancelAck { cid, pld: pld.into() }),
        any_cid().prop_map(|cid| Msg::Stop { cid }),
        (any_cid(), any::<u32>()).prop_map(|(cid, bytes)| Msg::Credit { cid, bytes }),
        any::<Option<[u8; 16]>>().prop_map(|image| Msg::Ready { image: image.map(Image::from_bytes) }),
        any::<[u8; 32]>().prop_map(|proof| Msg::Auth { proof }),
    ]
}

fn any_msg() -> impl Strategy<Value = Msg> {
    prop_oneof![4 => any_small(), 1 => any_aid(), 1 => any_spawn_spec(), 1 => any_start(), 1 => any_error()]
}

proptest! {
    /// Equality of messages looks at uuids only, so the bytes are compared too.
    #[test]
    fn messages_round_trip(msg in any_msg()) {
        let bytes = encoded(&msg);
        prop_assert_eq!(check_one_value(&bytes, NESTING_DEPTH_MAX), Ok(()));
        let decoded = decode(&bytes).unwrap();
        prop_assert_eq!(&decoded, &msg);
        prop_assert_eq!(encoded(&decoded), bytes);
    }

    #[test]
    fn one_changed_byte_never_panics(msg in any_msg(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = encoded(&msg).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(changed) = decode(&bytes.into()) {
            encoded(&changed);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..300), depth in 0usize..8) {
        let _ = next_frame(&bytes, 100);
        let _ = peek_yield(&bytes);
        if let Ok(end) = skip_value(&bytes, 0, depth) {
            prop_assert!(end <= bytes.len());
        }
        if let Ok(map) = RawMap::new(&bytes, depth) {
            for (_, value) in map.flatten() {
                prop_assert!(value.end <= bytes.len());
            }
        }
        let _ = decode_within(&bytes.into(), depth);
    }

    /// Random values in the places of fields, which random bytes hardly ever reach.
    #[test]
    fn random_fields_never_panic(name in any_msg(), keys in vec((any_msg(), 0usize..13, any_value()), 0..9)) {
        let mut entries = vec![("msg_type".to_owned(), encoded_name(name.name()))];
        for (donor, nth, value) in keys {
            let donor = encoded(&donor);
            let key = RawMap::new(&donor, NESTING_DEPTH_MAX).unwrap().flatten().nth(nth);
            entries.extend(key.map(|(key, _)| (key.to_owned(), value)));
        }
        let _ = decode(&map_of(&entries).into());
    }

    #[test]
    fn values_are_skipped_to_their_end(value in any_value(), after in vec(any::<u8>(), 0..9)) {
        let bytes = [&value[..], &after].concat();
        prop_assert_eq!(skip_value(&bytes, 0, 64), Ok(value.len()));
        for cut in 0..value.len() {
            prop_assert!(skip_value(&value[..cut], 0, 64).is_err());
        }
    }

    #[test]
    fn addresses_round_trip_as_text(addr in any_addr()) {
        prop_assert_eq!(addr.to_string().parse::<Addr>(), Ok(addr));
    }
}

fn encoded_name(name: &str) -> Vec<u8> {
    [&[0xa0 | name.len() as u8], name.as_bytes()].concat()
}
