//! The heads of arrays, maps and texts; short heads are written inline.

use rmp::encode;

use super::PayloadError;

pub(super) fn in_memory<T, E: std::fmt::Debug>(written: Result<T, E>) {
    written.expect("writing to a Vec cannot fail");
}

#[inline]
pub(super) fn write_len(out: &mut Vec<u8>, len: usize, is_map: bool) -> Result<(), PayloadError> {
    if len < 16 {
        // `fixmap` and `fixarray`.
        out.push(if is_map { 0x80 } else { 0x90 } | len as u8);
        return Ok(());
    }
    let len =
        u32::try_from(len).map_err(|_| PayloadError::new("it has more parts than MessagePack can count"))?;
    in_memory(if is_map { encode::write_map_len(out, len) } else { encode::write_array_len(out, len) });
    Ok(())
}

#[inline]
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    if text.len() < 32 {
        // `fixstr`.
        out.push(0xa0 | text.len() as u8);
        out.extend_from_slice(text.as_bytes());
    } else {
        in_memory(encode::write_str(out, text));
    }
}
