//! Reads any bytes in any pieces: the frames and the error are the same as for the bytes in one piece, and memory stays
//! within the limit.
//!
//! Finds a frame that depends on the end of a read, an error that comes late or not at all, and memory that is
//! allocated for bytes that a peer only announces.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use tractor_proto::frame::{Eof, FrameTooLarge, Splitter, next_frame};

/// The bytes of a connection, and the sizes of its reads.
#[derive(Debug, Arbitrary)]
struct Input {
    limit: u16,
    /// Sizes of the reads; the last one repeats.
    reads: Vec<u8>,
    stream: Vec<u8>,
}

/// Everything that a reader learns from a connection.
#[derive(Debug, PartialEq)]
struct Seen {
    frames: Vec<Bytes>,
    end: Result<Eof, FrameTooLarge>,
}

fuzz_target!(|input: Input| {
    let limit = usize::from(input.limit);
    let whole = whole(&input.stream, limit);
    assert_eq!(in_pieces(&input, limit), whole);
    for frame in &whole.frames {
        assert!(frame.len() <= limit);
    }
});

fn whole(stream: &[u8], limit: usize) -> Seen {
    let (mut frames, mut at) = (Vec::new(), 0);
    let end = loop {
        match next_frame(&stream[at..], limit) {
            Ok(Some(body)) => {
                frames.push(Bytes::copy_from_slice(&stream[at..][body.clone()]));
                at += body.end;
            }
            Ok(None) => break Ok(Eof::at(&stream[at..])),
            Err(error) => break Err(error),
        }
    };
    Seen { frames, end }
}

fn in_pieces(input: &Input, limit: usize) -> Seen {
    let mut splitter = Splitter::new();
    let (mut frames, mut rest) = (Vec::new(), &input.stream[..]);
    let mut sizes = input.reads.iter().map(|size| usize::from(*size) + 1);
    let mut size = 1;
    while !rest.is_empty() {
        size = sizes.next().unwrap_or(size);
        let (read, later) = rest.split_at(size.min(rest.len()));
        rest = later;
        splitter.buf_mut().extend_from_slice(read);
        loop {
            match splitter.next_frame(limit) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return Seen { frames, end: Err(error) },
            }
        }
        let held = splitter.buf_mut().capacity();
        // The buffer doubles as it grows; the length in a header must not add to that.
        assert!(held <= 2 * input.stream.len() + 64, "{held} bytes held of {}", input.stream.len());
    }
    let end = Ok(splitter.eof());
    Seen { frames, end }
}
