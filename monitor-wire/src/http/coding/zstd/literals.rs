//! The literals of a block (RFC 8878 section 3.1.1.3.1).

use super::huffman::Codes;
use super::{BLOCK, little};

/// Reads the section into `out`; gives the bytes that it had. `codes` are those of the block before.
pub(super) fn read(bytes: &[u8], codes: &mut Codes, out: &mut Vec<u8>) -> Option<usize> {
    out.clear();
    let first = *bytes.first()?;
    let (kind, format) = (first & 3, (first >> 2) & 3);
    if kind < 2 {
        let (length, shift) = match format {
            1 => (2, 4),
            3 => (3, 4),
            _ => (1, 3),
        };
        let size = usize::try_from(little(bytes.get(..length)?).wrapping_shr(shift)).ok()?;
        let rest = bytes.get(length..)?;
        if size > BLOCK {
            return None;
        }
        let taken = if kind == 0 {
            out.extend_from_slice(rest.get(..size)?);
            size
        } else {
            out.resize(size, *rest.first()?);
            1
        };
        return Some(length.saturating_add(taken));
    }
    let (length, bits) = match format {
        0 | 1 => (3, 10),
        2 => (4, 14),
        _ => (5, 18),
    };
    let header = little(bytes.get(..length)?) >> 4;
    let most = 1_u64.wrapping_shl(bits).wrapping_sub(1);
    let size = usize::try_from(header & most).ok()?;
    let coded = usize::try_from(header.wrapping_shr(bits) & most).ok()?;
    let mut rest = bytes.get(length..)?.get(..coded)?;
    if size > BLOCK {
        return None;
    }
    if kind == 2 {
        let (read, taken) = Codes::read(rest)?;
        *codes = read;
        rest = rest.get(taken..)?;
    } else if codes.is_empty() {
        return None;
    }
    if format == 0 {
        codes.decode(rest, size, out)?;
    } else {
        four(rest, size, codes, out)?;
    }
    Some(length.saturating_add(coded))
}

/// Four streams, with the sizes of three before them (RFC 8878 section 3.1.1.3.1.6).
fn four(bytes: &[u8], size: usize, codes: &Codes, out: &mut Vec<u8>) -> Option<()> {
    let (sizes, mut rest) = bytes.split_at_checked(6)?;
    let each = size.div_ceil(4);
    for stream in sizes.chunks_exact(2) {
        let (stream, tail) = rest.split_at_checked(usize::try_from(little(stream)).ok()?)?;
        codes.decode(stream, each, out)?;
        rest = tail;
    }
    codes.decode(rest, size.checked_sub(out.len())?, out)
}
