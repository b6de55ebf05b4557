//! What a region looks like in each encoding, cut into windows.

use zeroize::Zeroizing;

use super::region::{is_clean, is_unreserved, size};
use super::table::{Form, Place, WINDOW};

/// Bytes of a text that holds a window on every grid of [`WINDOW`].
const SPAN: usize = 2 * WINDOW - 1;

/// Bytes of a window of what is shorter than that, and the grid that it is looked up on.
pub(super) const SHORT: (usize, usize) = (5, 4);

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// Gives every window of a token to `put`, with whether it is a short one.
pub(super) fn cut(token: &[u8], region: usize, number: u32, mut put: impl FnMut(bool, u64, Place)) {
    let end = region.saturating_add(size(token.len()));
    let Some(part) = token.get(region..end) else { return };
    let digits_before = region.saturating_mul(2);
    let mut text = |form: Form, text: &[u8], units: usize, is_raw: bool| {
        let (short, width, count) = match text.len() {
            SPAN.. => (false, WINDOW, WINDOW),
            _ => (true, SHORT.0, SHORT.1),
        };
        for (at, window) in text.windows(width).take(count).enumerate() {
            let (raw, units) = if is_raw { (at, units) } else { (0, units.saturating_add(at)) };
            let (Ok(raw), Ok(units)) = (u8::try_from(raw), u16::try_from(units)) else { continue };
            put(short, number_of(window), Place { token: number, form, raw, units });
        }
    };
    text(Form::Bytes, part, region, false);
    for skip in [0, 2, 4] {
        for alphabet in [STANDARD, URL] {
            let (chars, units) = base64(token, region, end, skip, alphabet);
            text(Form::Base64(skip), &chars, units, false);
        }
    }
    for digits in [LOWER, UPPER] {
        text(Form::Hex, &mapped(part, |byte, out| out.extend_from_slice(&pair(byte, digits))), digits_before, false);
    }
    text(Form::Utf16, &mapped(part, |byte, out| out.extend_from_slice(&[byte, 0])), digits_before, false);
    if is_clean(part) {
        return;
    }
    // What encoders escape, and what is escaped altogether: in other regions that is found without windows of its own.
    for digits in [LOWER, UPPER] {
        let percent = |byte: u8, out: &mut Vec<u8>| {
            out.push(b'%');
            out.extend_from_slice(&pair(byte, digits));
        };
        let reserved =
            |byte: u8, out: &mut Vec<u8>| if is_unreserved(byte) { out.push(byte) } else { percent(byte, out) };
        text(Form::Bytes, &mapped(part, reserved), region, true);
        text(Form::Bytes, &mapped(part, percent), region, true);
        let hex = |byte: u8, out: &mut Vec<u8>| {
            out.extend_from_slice(b"\\x");
            out.extend_from_slice(&pair(byte, digits));
        };
        text(Form::Bytes, &mapped(part, hex), region, true);
    }
    for slash in [false, true] {
        text(Form::Bytes, &mapped(part, |byte, out| escaped(byte, slash, out)), region, true);
    }
    // Characters of several bytes are escaped as one, and the first of the region may begin before it.
    let cut = part.iter().take_while(|&&byte| byte & 0xc0 == 0x80).count();
    let chars = part.get(cut..).and_then(|part| part.utf8_chunks().next()).map_or("", |chunk| chunk.valid());
    for digits in [LOWER, UPPER] {
        for every in [false, true] {
            let mut out = Zeroizing::new(Vec::with_capacity(part.len().saturating_mul(6)));
            for char in chars.chars() {
                match u8::try_from(char) {
                    Ok(byte) if byte.is_ascii() && !every => escaped(byte, false, &mut out),
                    _ => {
                        out.extend_from_slice(b"\\u");
                        let [high, low] = u16::try_from(u32::from(char)).unwrap_or(0xfffd).to_be_bytes();
                        out.extend_from_slice(&pair(high, digits));
                        out.extend_from_slice(&pair(low, digits));
                    }
                }
            }
            text(Form::Bytes, &out, region.saturating_add(cut), true);
        }
    }
}

/// A window as a number.
pub(super) fn number_of(window: &[u8]) -> u64 {
    window.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// The characters of base64 that `token[region..end]` alone makes, and how many there are before, if the token begins
/// `skip` bits into its first one.
fn base64(token: &[u8], region: usize, end: usize, skip: u8, alphabet: &[u8; 64]) -> (Zeroizing<Vec<u8>>, usize) {
    let skip = usize::from(skip);
    let first = region.saturating_mul(8).saturating_add(skip).div_ceil(6);
    let last = end.saturating_mul(8).saturating_add(skip) / 6;
    let bit = |at: usize| {
        let Some(at) = at.checked_sub(skip) else { return 0 };
        let byte = token.get(at / 8).copied().unwrap_or(0);
        usize::from(byte >> (7_usize.saturating_sub(at % 8)) & 1)
    };
    let chars = (first..last).map(|char| {
        let from = char.saturating_mul(6);
        let value = (from..from.saturating_add(6)).fold(0, |value, at| value << 1 | bit(at));
        alphabet.get(value).copied().unwrap_or(b'A')
    });
    (Zeroizing::new(chars.collect()), first)
}

fn mapped(part: &[u8], write: impl Fn(u8, &mut Vec<u8>)) -> Zeroizing<Vec<u8>> {
    // The longest is `\u00XX`; what is wiped must not have moved.
    let mut out = Zeroizing::new(Vec::with_capacity(part.len().saturating_mul(6)));
    part.iter().for_each(|&byte| write(byte, &mut out));
    out
}

fn pair(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|digit| digits.get(usize::from(digit)).copied().unwrap_or(b'0'))
}

fn escaped(byte: u8, slash: bool, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'/' if slash => byte,
        8 => b'b',
        9 => b't',
        10 => b'n',
        12 => b'f',
        13 => b'r',
        0..0x20 => {
            out.extend_from_slice(b"\\u00");
            return out.extend_from_slice(&pair(byte, LOWER));
        }
        _ => return out.push(byte),
    };
    out.extend_from_slice(&[b'\\', short]);
}
