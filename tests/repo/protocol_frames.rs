//! The frames and limits in `PROTOCOL.md` are real: this library reads each frame and writes the same bytes again, and
//! each limit is declared in the source.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use tractor_core::proto::codec::{decode, encode};
use tractor_core::proto::frame::{begin_frame, end_frame, next_frame};
use tractor_core::proto::msg::Msg;

const FRAME_MAX: usize = 4096;
/// The number of the protocol's messages; the page has a frame of each.
const MESSAGES: usize = 13;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("the file is there")
}

#[test]
fn every_frame_on_the_page_is_a_message_as_it_is_written() {
    let blocks = blocks(&read("PROTOCOL.md"));
    let names: BTreeSet<_> = blocks.iter().flat_map(|block| messages(block)).map(|msg| msg.name()).collect();
    assert_eq!(names.len(), MESSAGES, "{names:?}");
}

#[test]
fn every_limit_on_the_page_is_in_the_source() {
    let (page, limits) = (read("PROTOCOL.md"), read("tractor-proto/src/wire/limits.rs"));
    let (_, section) = page.split_once("\n## 10 ").expect("there is such a section");
    let rows =
        section.lines().take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with("| `"));
    let firsts: Vec<_> = rows.filter_map(|row| row.split('|').nth(1)).collect();
    assert!(firsts.len() > 20, "{firsts:?}");
    for name in firsts.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)) {
        let name = name.trim_start_matches("Timeouts::");
        let declared = [format!("pub const {name}: "), format!("    {name} = ")];
        assert!(declared.iter().any(|text| limits.contains(text.as_str())), "{name} is not a limit");
    }
}

/// The bytes of each block of frames: hexadecimal, without marks of direction and comments.
fn blocks(page: &str) -> Vec<Vec<u8>> {
    let mut blocks = Vec::new();
    let mut digits: Option<Vec<u8>> = None;
    for line in page.lines() {
        match (&mut digits, line) {
            (None, "```frames") => digits = Some(Vec::new()),
            (None, _) => {}
            (Some(all), "```") => {
                let pairs = all.chunks(2).map(|pair| std::str::from_utf8(pair).expect("it is ASCII"));
                blocks.push(pairs.map(|pair| u8::from_str_radix(pair, 16).expect(line)).collect());
                digits = None;
            }
            (Some(all), line) => {
                let shown = line.split('#').next().unwrap_or_default().trim_start_matches(['<', '>']);
                all.extend(shown.bytes().filter(|byte| !byte.is_ascii_whitespace()));
            }
        }
    }
    blocks
}

/// The messages in a row of whole frames.
fn messages(mut block: &[u8]) -> Vec<Msg> {
    let mut found = Vec::new();
    while !block.is_empty() {
        let body = next_frame(block, FRAME_MAX).expect("a short frame").expect("a whole frame");
        let (frame, rest) = block.split_at(body.end);
        let msg = decode(&Bytes::copy_from_slice(&frame[body])).expect("a message");
        let mut written = Vec::new();
        let start = begin_frame(&mut written);
        encode(&msg, &mut written);
        end_frame(&mut written, start, FRAME_MAX).expect("a short frame");
        assert_eq!(written, frame, "{msg:?}");
        found.push(msg);
        block = rest;
    }
    found
}
