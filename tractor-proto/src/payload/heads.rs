//! Numbers, and the heads of arrays, maps and texts; short heads are written inline.

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

#[inline]
pub(super) fn write_uint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..0x80 => out.push(value as u8),
        0x80..0x100 => write_number::<2>(out, 0xcc, (value as u8).into()),
        0x100..0x1_0000 => write_number::<3>(out, 0xcd, (value as u16).swap_bytes().into()),
        0x1_0000..0x1_0000_0000 => write_number::<5>(out, 0xce, (value as u32).swap_bytes().into()),
        _ => write_number::<9>(out, 0xcf, value.swap_bytes()),
    }
}

#[inline]
pub(super) fn write_f64(out: &mut Vec<u8>, value: f64) {
    write_number::<9>(out, 0xcb, value.to_bits().swap_bytes());
}

/// Appends a marker and a number, `BYTES` bytes in all. The lowest byte of `number` comes first.
#[inline]
fn write_number<const BYTES: usize>(out: &mut Vec<u8>, marker: u8, number: u64) {
    // Both are stored as one word. A processor would be slow to read it back from several smaller stores.
    let word = u128::from(marker) | u128::from(number) << 8;
    out.extend_from_slice(&word.to_le_bytes()[..BYTES]);
}
