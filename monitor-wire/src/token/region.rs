//! Which bytes of a token are looked for.

use super::Refused;
use crate::limits;
use crate::redact::form;

/// Bytes of a region: a window, wherever the grid lies that windows are looked up on.
pub(super) const REGION: usize = 15;

/// The same for tokens that are shorter than that.
pub(super) const SHORT_REGION: usize = 8;

/// Last byte of a token at which a region may begin: what stands before it must still be there when it is found, at six
/// bytes each ([`limits::TOKEN_CARRY`]).
const LAST: usize = 160;

/// Least different bytes of a token, and of a region.
const VARIETY: usize = 5;

/// Where the regions of a token may begin, the best first.
pub(super) fn regions(token: &[u8]) -> Result<Vec<usize>, Refused> {
    if token.len() < limits::TOKEN_SHORT {
        return Err(Refused::Short);
    }
    if token.len() > limits::TOKEN {
        return Err(Refused::Long);
    }
    if std::str::from_utf8(token).is_ok_and(|text| form::is_fingerprint(text) || form::is_placeholder(text)) {
        return Err(Refused::Placeholder);
    }
    if variety(token) < VARIETY {
        return Err(Refused::LowVariety);
    }
    let size = size(token.len());
    let mut sorted: Vec<&[u8]> = token.windows(size).collect();
    sorted.sort_unstable();
    // One that occurs twice would be found twice in each token, and more often in one that is made for it.
    let once = |window: &[u8]| {
        let first = sorted.partition_point(|other| *other < window);
        sorted.get(first.saturating_add(1)).is_none_or(|next| *next != window)
    };
    let mut found: Vec<(usize, usize)> = token
        .windows(size)
        .enumerate()
        .take(LAST.saturating_add(1))
        .filter(|(_, window)| variety(window) >= VARIETY && once(window))
        // What every encoder leaves as it is comes first, then what is least like other text.
        .map(|(at, window)| (variety(window).saturating_add(if is_clean(window) { 256 } else { 0 }), at))
        .collect();
    if found.is_empty() {
        return Err(Refused::LowVariety);
    }
    // Further on is better: beginnings are much alike.
    found.sort_unstable_by(|one, other| other.cmp(one));
    Ok(found.into_iter().map(|(_, at)| at).collect())
}

/// Bytes of the region of a token of this length.
pub(super) const fn size(token: usize) -> usize {
    if token < REGION { SHORT_REGION } else { REGION }
}

/// Whether percent-encoding and JSON leave the bytes as they are (RFC 3986 section 2.3).
pub(super) fn is_clean(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| is_unreserved(byte))
}

pub(super) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// How many different bytes there are.
pub(super) fn variety(bytes: &[u8]) -> usize {
    let mut seen = [0_u128; 2];
    for &byte in bytes {
        if let Some(half) = seen.get_mut(usize::from(byte >> 7)) {
            *half |= 1 << (byte & 127);
        }
    }
    let [low, high] = seen.map(u128::count_ones);
    low.saturating_add(high) as usize
}
