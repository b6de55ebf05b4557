//! Parameters of a header's value (RFC 9110 section 5.6.6).

/// Gives each parameter behind the first `;` to `visit`, with its name as sent and its value without quotes.
pub(super) fn each(value: &[u8], visit: &mut dyn FnMut(&[u8], Vec<u8>)) {
    let Some(start) = memchr::memchr(b';', value) else { return };
    let mut rest = value.get(start..).unwrap_or_default();
    while let Some((_, tail)) = rest.split_first() {
        rest = tail;
        let end = memchr::memchr2(b'=', b';', rest).unwrap_or(rest.len());
        let (name, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        rest = tail;
        let Some(after) = rest.strip_prefix(b"=") else { continue };
        let after = after.trim_ascii_start();
        let text;
        (text, rest) = match after.strip_prefix(b"\"") {
            Some(quoted) => {
                let (text, tail) = unquote(quoted);
                // What stands between the quote and the next parameter is nothing.
                let next = memchr::memchr(b';', tail).unwrap_or(tail.len());
                (text, tail.get(next..).unwrap_or_default())
            }
            None => {
                let end = memchr::memchr(b';', after).unwrap_or(after.len());
                let (text, tail) = after.split_at_checked(end).unwrap_or((after, &[]));
                (text.trim_ascii().to_vec(), tail)
            }
        };
        visit(name.trim_ascii(), text);
    }
}

/// The text until the quote, and what follows that. A backslash counts before a quote or another one only: some senders
/// write the folders of a file with it.
fn unquote(quoted: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut text = Vec::new();
    let mut rest = quoted;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, tail.split_first()) {
            (b'"', _) => break,
            (b'\\', Some((&escaped @ (b'"' | b'\\'), tail))) => {
                text.push(escaped);
                rest = tail;
            }
            _ => text.push(byte),
        }
    }
    (text, rest)
}

/// The text of an extended parameter (RFC 8187 section 3.2): charset, language, and escapes by percent signs.
pub(super) fn extended(value: &[u8]) -> Vec<u8> {
    let text = value.splitn(3, |&byte| byte == b'\'').nth(2).unwrap_or(value);
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                plain.push(u8::try_from(high << 4 | low).unwrap_or_default());
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                plain.push(byte);
                rest = tail;
            }
        }
    }
    plain
}
