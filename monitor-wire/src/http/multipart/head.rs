//! Headers of a part (RFC 2046 section 5.1, RFC 7578 section 4).

use super::super::value::{Flags, redacted, trim};
use super::{Head, parameters};
use crate::limits;
use crate::redact::Key;

/// Reads a head, with the empty line behind it.
pub(super) fn read(key: &Key, bytes: &[u8], index: u32) -> Head {
    let mut flags = Flags::default();
    let mut head = Head { index, ..Head::default() };
    let mut disposed = false;
    for line in unfold(bytes) {
        let Some(colon) = memchr::memchr(b':', &line) else {
            flags.add("odd_line");
            continue;
        };
        let (name, value) = line.split_at_checked(colon).unwrap_or((&line, &[]));
        let value = trim(value.get(1..).unwrap_or_default());
        match trim(name).to_ascii_lowercase().as_slice() {
            b"content-disposition" => {
                if std::mem::replace(&mut disposed, true) {
                    flags.add("two_dispositions");
                } else {
                    disposition(key, value, &mut head, &mut flags);
                }
            }
            // Receivers of forms don't undo these (RFC 7578 section 4.7), and nor is it done here.
            b"content-transfer-encoding" if is_encoded(value) => flags.add("transfer_encoding"),
            b"content-type" if head.content_type.is_none() => {
                head.content_type = Some(redacted(key, value, limits::HTTP_VALUE, &mut flags));
            }
            _ => {}
        }
    }
    Head { flags: flags.into_names(), ..head }
}

fn disposition(key: &Key, value: &[u8], head: &mut Head, flags: &mut Flags) {
    let mut extended = None;
    parameters::each(value, &mut |name, text| {
        let (slot, twice) = match name.to_ascii_lowercase().as_slice() {
            b"name" => (&mut head.name, "two_names"),
            b"filename" => (&mut head.filename, "two_filenames"),
            b"filename*" => {
                extended.get_or_insert(parameters::extended(&text));
                return;
            }
            _ => return,
        };
        if slot.is_some() {
            return flags.add(twice);
        }
        *slot = Some(redacted(key, &text, limits::NAME, flags));
    });
    // Which of both counts, receivers don't agree on.
    if let Some(text) = extended.map(|text| redacted(key, &text, limits::NAME, flags)) {
        match &head.filename {
            Some(first) if *first != text => flags.add("two_filenames"),
            Some(_) => {}
            None => head.filename = Some(text),
        }
    }
}

/// Whether a transfer encoding changes the bytes (RFC 2045 section 6.2).
fn is_encoded(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b"base64") || value.eq_ignore_ascii_case(b"quoted-printable")
}

/// The lines, each with those that go on with it (RFC 5322 section 2.2.3).
fn unfold(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in bytes.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match (lines.last_mut(), line.first()) {
            (_, None) => {}
            (Some(before), Some(b' ' | b'\t')) => before.extend_from_slice(line),
            _ => lines.push(line.to_vec()),
        }
    }
    lines
}
