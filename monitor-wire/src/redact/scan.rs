//! Finds the secrets of a text, word by word.

use std::ops::Range;

use super::form::{self, run};
use super::name::is_secret_name;

/// How far after a word like *key* a random word is taken for a secret.
pub(crate) const NEAR: usize = 40;

/// How far a password in a URL is followed that holds `/`, `?` or `#`, which it must not.
const STRAY: usize = 128;

/// Schemes that stand between `Authorization:` and the secret.
const SCHEMES: [&str; 7] = ["Bearer", "Basic", "Token", "Digest", "ApiKey", "Negotiate", "token"];

/// The secrets of `text`, in order, without overlap, at character boundaries.
pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    secrets_of(text, is_plain)
}

/// The same, passing over words that are `plain`.
fn secrets_of(text: &str, plain: fn(&[u8], &Range<usize>) -> bool) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut spans = Vec::new();
    let mut at: usize = 0;
    // What lies before this was hidden or known, and hints at nothing that follows: a second pass, which finds a
    // fingerprint there, must see the same.
    let mut floor: usize = 0;
    while let Some(word) = next_word(bytes, at) {
        if plain(bytes, &word) {
            at = word.end;
            continue;
        }
        let found = match step(text, &word, floor) {
            Found::Secrets(found) => found,
            Found::Known(end) => {
                at = end.max(word.end);
                floor = at;
                continue;
            }
            Found::Nothing => {
                at = word.end;
                continue;
            }
        };
        at = word.end;
        for span in found.into_iter().flatten() {
            at = at.max(span.end);
            spans.push(span);
        }
        floor = at;
    }
    spans
}

enum Found {
    /// A user name may be a secret beside the password.
    Secrets([Option<Range<usize>>; 2]),
    /// Nothing to hide up to here: a fingerprint, an integrity string.
    Known(usize),
    Nothing,
}

fn step(text: &str, word: &Range<usize>, floor: usize) -> Found {
    let bytes = text.as_bytes();
    let rest = bytes.get(word.start..).unwrap_or_default();
    // A token that was glued to other letters has left them in front.
    let glued = word.end.saturating_sub(2).max(word.start);
    if let Some(length) = form::fingerprint_length(bytes.get(glued..).unwrap_or_default()) {
        return Found::Known(glued.saturating_add(length));
    }
    if let Some(length) = integrity(rest) {
        return Found::Known(word.start.saturating_add(length));
    }
    let one = |span| Found::Secrets([Some(span), None]);
    if let Some(span) = armoured(text, word)
        .or_else(|| form::token(bytes, word).map(|(_, span)| span))
        .or_else(|| form::grant(bytes, word))
    {
        return one(span);
    }
    if let Some(value) = value(text, word) {
        return judge(text, value);
    }
    let name = text.get(word.clone()).unwrap_or_default();
    if name.eq_ignore_ascii_case(BEARER)
        && let Some(span) = bearer(text, word)
    {
        return judge(text, span);
    }
    if bytes.get(word.end..).unwrap_or_default().starts_with(b"://") {
        return user_information(text, word.end.saturating_add(3));
    }
    if form::is_random(name) && is_announced(bytes, floor, word.start) {
        return one(word.clone());
    }
    Found::Nothing
}

/// A value in a secret's place, unless it was hidden before or stands for another.
fn judge(text: &str, value: Range<usize>) -> Found {
    let content = text.get(value.clone()).unwrap_or_default();
    if form::is_fingerprint(content) || form::is_placeholder(content) {
        return Found::Known(value.end);
    }
    Found::Secrets([Some(value), None])
}

/// Whether no rule can match at a word, by its length and by what follows it: so for most words of ordinary text.
fn is_plain(bytes: &[u8], word: &Range<usize>) -> bool {
    // No token is shorter, unless it goes on behind the word.
    if word.len() >= 10 {
        return false;
    }
    let after = |at: usize| bytes.get(at).copied().unwrap_or(b'\n');
    match after(word.end) {
        // A prefix with a mark of its own, a user of a grant, a name with a value, a fingerprint, a scheme.
        b'.' | b':' | b'@' | b'+' | b'\\' | b'"' | b'\'' | b'`' | b'=' => false,
        b'/' => !bytes.get(word.clone()).unwrap_or_default().starts_with(b"eyJ"),
        b' ' | b'\t' => {
            let next = word.end.saturating_add(run(bytes, word.end, |byte| byte == b' ' || byte == b'\t'));
            // `name = value`, `--name value`, `Bearer value`
            !matches!(after(next), b':' | b'=') && after(word.start) != b'-' && word.len() != BEARER.len()
        }
        _ => true,
    }
}

const BEARER: &str = "bearer";

pub(crate) fn next_word(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let rest = bytes.get(from..)?;
    let start = from.saturating_add(rest.iter().position(|&byte| form::is_word(byte))?);
    Some(start..start.saturating_add(run(bytes, start, form::is_word)))
}

/// Length of a subresource integrity string or of a digest with its algorithm, if it has just the right length.
pub(crate) fn integrity(bytes: &[u8]) -> Option<usize> {
    if !matches!(bytes.first(), Some(b's' | b'm')) {
        return None;
    }
    const BASE64: [(&[u8], usize); 4] = [(b"sha512-", 88), (b"sha384-", 64), (b"sha256-", 44), (b"sha1-", 28)];
    const HEX: [(&[u8], usize); 4] = [(b"sha512:", 128), (b"sha256:", 64), (b"sha1:", 40), (b"md5:", 32)];
    let check = |prefix: &[u8], length: usize, test: fn(u8) -> bool| {
        let body = bytes.strip_prefix(prefix)?;
        (run(body, 0, test) == length).then_some(prefix.len().saturating_add(length))
    };
    BASE64.iter().find_map(|&(prefix, length)| check(prefix, length, form::is_base64)).or_else(|| {
        HEX.iter().find_map(|&(prefix, length)| check(prefix, length, |byte| form::is_word(byte) && byte != b'-'))
    })
}

/// A PEM block that holds a private key or a token (as cloudflared's does), to its end or the text's.
fn armoured(text: &str, word: &Range<usize>) -> Option<Range<usize>> {
    if !text.get(word.clone())?.ends_with(form::ARMOUR) {
        return None;
    }
    let start = word.end.saturating_sub(form::ARMOUR.len());
    let rest = text.get(word.end..)?;
    form::armour(rest.as_bytes())?;
    let Some(end) = rest.find("-----END") else { return Some(start..text.len()) };
    let end = word.end.saturating_add(end).saturating_add("-----END".len());
    let tail = text.get(end..)?;
    let close = tail.get(..tail.floor_char_boundary(64))?.find("-----").map_or(0, |close| close.saturating_add(5));
    Some(start..end.saturating_add(close))
}

/// The value that follows a secret's name: `name=value`, `"name": "value"`, `--name value`.
fn value(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let get = |at: usize| bytes.get(at).copied();
    let blank = |at: usize| at.saturating_add(run(bytes, at, |byte| byte == b' ' || byte == b'\t'));
    let quoted = name.start.checked_sub(1).and_then(get).is_some_and(is_quote);
    let mut at = name.end;
    if quoted {
        at = at.saturating_add(usize::from(get(at) == Some(b'\\')));
        at = at.saturating_add(usize::from(get(at).is_some_and(is_quote)));
    }
    let after = blank(at);
    let marks = run(bytes, after, |byte| matches!(byte, b':' | b'=' | b'>'));
    let sign = bytes.get(after..after.saturating_add(marks))?;
    let option = text.get(name.clone())?.starts_with("--") && after > at && !quoted;
    match sign {
        b"" if option => at = after,
        b":" | b"=" | b":=" | b"=>" | b"==" => at = blank(after.saturating_add(marks)),
        _ => return None,
    }
    // Asked last, since it costs most and few words get here.
    if !is_secret_name(text.get(name.clone())?) {
        return None;
    }
    let escaped = get(at) == Some(b'\\') && get(at.saturating_add(1)).is_some_and(is_quote);
    at = at.saturating_add(usize::from(escaped));
    let Some(quote) = get(at).filter(|&byte| is_quote(byte)) else {
        let header = is_header(text.get(name.clone())?);
        return plain_value(text, at, header);
    };
    at = at.saturating_add(1);
    let end = at.saturating_add(quoted_length(bytes.get(at..)?, quote, escaped));
    Some(after_scheme(text, at..end))
}

/// Headers that may hold spaces: everything up to the line's end belongs to them.
fn is_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("authorization") || name.ends_with("cookie")
}

fn plain_value(text: &str, at: usize, header: bool) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    // A structure is read for itself.
    if matches!(bytes.get(at)?, b'{' | b'[' | b'(') {
        return None;
    }
    if header {
        let length = run(bytes, at, |byte| !is_quote(byte) && byte != b'\n' && byte != b'\r');
        let line = text.get(at..at.saturating_add(length))?;
        return Some(after_scheme(text, at..at.saturating_add(line.trim_end().len())));
    }
    let is_value = |byte: u8| !is_quote(byte) && !byte.is_ascii_whitespace() && byte != b'&' && byte != b';';
    let mut range = at..at.saturating_add(run(bytes, at, is_value));
    let closing = |character: char| matches!(character, ',' | ')' | ']' | '}');
    let content = text.get(range.clone())?;
    let trimmed = content.trim_end_matches(closing).len();
    if trimmed > 0 {
        range.end = at.saturating_add(trimmed);
    }
    // `token: Bearer X`: the secret is the word after.
    if SCHEMES.contains(&text.get(range.clone())?) && bytes.get(range.end) == Some(&b' ') {
        let start = range.end.saturating_add(1);
        let length = run(bytes, start, is_value);
        if length > 0 {
            range = start..start.saturating_add(length);
        }
    }
    (!range.is_empty()).then_some(range)
}

/// Length up to the closing quote, or to the end if there is none.
fn quoted_length(bytes: &[u8], quote: u8, escaped: bool) -> usize {
    let mut length: usize = 0;
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        let closes = match escaped {
            true => byte == b'\\' && tail.first() == Some(&quote),
            false => byte == quote,
        };
        if closes {
            break;
        }
        let pair = usize::from(byte == b'\\' && !escaped && tail.first().is_some_and(u8::is_ascii)).saturating_add(1);
        length = length.saturating_add(pair);
        rest = rest.get(pair..).unwrap_or_default();
    }
    length
}

/// Leaves out a scheme in front, so that one token has one fingerprint wherever it stands.
fn after_scheme(text: &str, range: Range<usize>) -> Range<usize> {
    let content = text.get(range.clone()).unwrap_or_default();
    let Some((scheme, rest)) = content.split_once(' ') else { return range };
    let secret = rest.trim_start();
    if !SCHEMES.contains(&scheme) || secret.is_empty() {
        return range;
    }
    range.end.saturating_sub(secret.len())..range.end
}

/// The word after `Bearer`. In running text, where it is written small, the word must look like a token.
fn bearer(text: &str, word: &Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let blank = run(bytes, word.end, |byte| byte == b' ' || byte == b'\t');
    let start = word.end.saturating_add(blank);
    let length = run(bytes, start, |byte| form::is_base64(byte) || matches!(byte, b'.' | b'~' | b':' | b'|' | b'%'));
    // What was hidden there may have been no part of it.
    let hidden = |&at: &usize| form::starts_with_fingerprint(bytes, start.saturating_add(at));
    let length = (0..length).find(hidden).unwrap_or(length);
    let token = text.get(start..start.saturating_add(length))?;
    let small = text.get(word.clone()) == Some("bearer");
    let likely = !small || token.len() >= 20 || token.bytes().any(|byte| byte.is_ascii_digit());
    (blank > 0 && length >= 6 && likely).then(|| start..start.saturating_add(length))
}

/// The password of a URL's authority, and its user if that looks like a token.
fn user_information(text: &str, start: usize) -> Found {
    let bytes = text.as_bytes();
    let ends = |byte: u8| {
        matches!(byte, b'/' | b'?' | b'#' | b'\\' | b'<' | b'>') || is_quote(byte) || byte.is_ascii_whitespace()
    };
    let authority = bytes.get(start..start.saturating_add(run(bytes, start, |byte| !ends(byte)))).unwrap_or_default();
    let mut sign = hidden_until(authority).or_else(|| authority.iter().rposition(|&byte| byte == b'@'));
    if sign.is_none() {
        // A port is a number; anything else after a colon may be a password with a stray `/` in it.
        let port =
            authority.iter().position(|&byte| byte == b':').and_then(|colon| authority.get(colon.saturating_add(1)..));
        if port.is_some_and(|port| !port.iter().all(u8::is_ascii_digit) && !authority.starts_with(b"[")) {
            let window = bytes.get(start..).unwrap_or_default();
            let window = window.get(..STRAY).unwrap_or(window);
            let stray = run(window, 0, |byte| !is_quote(byte) && !byte.is_ascii_whitespace());
            // What was hidden there was longer: an `@` behind it may have been out of reach.
            let hidden = |&at: &usize| form::starts_with_fingerprint(bytes, start.saturating_add(at));
            let stray = (0..stray).find(hidden).unwrap_or(stray);
            sign = window.get(..stray).unwrap_or_default().iter().rposition(|&byte| byte == b'@');
        }
    }
    let Some(sign) = sign else { return Found::Nothing };
    let end = start.saturating_add(sign);
    let Some(whole) = text.get(start..end) else { return Found::Nothing };
    let fixed = whole
        .get(..19)
        .filter(|head| form::is_fingerprint(head) && matches!(bytes.get(start.saturating_add(19)), Some(b':' | b'@')));
    let split = match fixed {
        Some(_) => whole.get(19..).is_some_and(|rest| rest.starts_with(':')).then_some(19),
        None => whole.find(':'),
    };
    let user = start..start.saturating_add(split.unwrap_or(whole.len()));
    let name = text.get(user.clone()).unwrap_or_default();
    let long = name.len() >= 20 && name.bytes().any(|byte| byte.is_ascii_digit());
    let secret_user = (fixed.is_none() && (long || form::token(bytes, &user).is_some())).then(|| user.clone());
    let password = split.map(|split| start.saturating_add(split).saturating_add(1)..end).filter(|password| {
        let content = text.get(password.clone()).unwrap_or_default();
        !form::is_fingerprint(content) && !form::is_placeholder(content)
    });
    match (&secret_user, &password) {
        (None, None) => Found::Known(end),
        _ => Found::Secrets([secret_user, password]),
    }
}

/// Where the fingerprint of a password ends in an authority. It is shorter than the password was, so that an `@` further on
/// may have come near enough to be taken for the end.
fn hidden_until(authority: &[u8]) -> Option<usize> {
    let user = form::fingerprint_length(authority).filter(|&length| authority.get(length) == Some(&b':'));
    let password = user.or_else(|| authority.iter().position(|&byte| byte == b':'))?.saturating_add(1);
    let end = password.saturating_add(form::fingerprint_length(authority.get(password..)?)?);
    (authority.get(end) == Some(&b'@')).then_some(end)
}

/// Whether the last word before `start` that says anything says that a secret follows.
pub(crate) fn is_announced(bytes: &[u8], floor: usize, start: usize) -> bool {
    let from = start.saturating_sub(NEAR).max(floor);
    let before = bytes.get(from..start).unwrap_or_default();
    let words = before.rsplit(|&byte| !form::is_word(byte)).filter_map(|word| std::str::from_utf8(word).ok());
    words.filter_map(hint).next().unwrap_or(false)
}

/// Whether a word makes a random word after it a likely secret (`true`), or an id (`false`).
fn hint(word: &str) -> Option<bool> {
    const HOT: [&str; 7] = ["key", "secret", "token", "credential", "password", "cloudflare", "auth"];
    const COLD: [&str; 8] = ["account", "zone", "hash", "sha", "commit", "digest", "md5", "checksum"];
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    if lower == "id"
        || COLD.iter().any(|part| lower.contains(part))
        || ["Id", "ID", "_id", "-id"].iter().any(|end| word.ends_with(end))
    {
        return Some(false);
    }
    HOT.iter().any(|part| lower.contains(part)).then_some(true)
}

const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

#[cfg(test)]
mod tests {
    use super::{secrets, secrets_of};

    proptest::proptest! {
        /// What is passed over without a look would not have been found anyway.
        #[test]
        fn plain_words_hide_nothing(
            parts in proptest::collection::vec(
                proptest::sample::select(vec![
                    "the", "Bearer", "bearer", "token", "pw", "_auth", "--token", "--pass", "-", "key", "SG", "hvs", "ya29", "v1",
                    "eyJhIjoi", "eyJ", "fp", "AKIA", "cfut_", "sk-", "https", "user", "sha256", "s", "ghp_0123456789abcdef",
                    "0123456789abcdef", "0123456789abcdef0123456789abcdef", "-----BEGIN", "PRIVATE", "zone", "é",
                    ".", ":", "=", " ", "\t", "/", "@", "+", "\\", "\"", "'", "`", ",", ";", "\n", "://", ">", "(", "-",
                ]),
                0..24,
            )
        ) {
            let text = parts.concat();
            proptest::prop_assert_eq!(secrets(&text), secrets_of(&text, |_, _| false), "{}", text);
        }
    }
}
