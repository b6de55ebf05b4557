//! Raw bytes written for people and for JSON.

/// Writes `bytes` as text: whatever is valid UTF-8 stays, every byte that isn't becomes `\xNN` (lower-case hex), and so do
/// the bytes of control characters (C0, DEL, C1), so that no name can move a cursor or break a line. A backslash stays
/// as it is: names keep their usual form, at the price that a name which itself holds `\x41` reads like an escape.
pub fn escape_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                escape(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut text);
            } else {
                text.push(character);
            }
        }
        escape(chunk.invalid(), &mut text);
    }
    text
}

fn escape(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        text.push_str("\\x");
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::escape_bytes;

    #[test]
    fn writes_what_is_no_text_as_hex() {
        assert_eq!(escape_bytes("/home/ü/a b".as_bytes()), "/home/ü/a b");
        assert_eq!(escape_bytes(b"a\xffb\xc3"), "a\\xffb\\xc3");
        assert_eq!(escape_bytes(b"a\nb\x1b[0m\x7f"), "a\\x0ab\\x1b[0m\\x7f");
        assert_eq!(escape_bytes("\u{85}".as_bytes()), "\\xc2\\x85");
        assert_eq!(escape_bytes(b"C:\\x"), "C:\\x");
        assert_eq!(escape_bytes(b""), "");
    }
}
