//! Forms of tokens: what a word must look like to be one, wherever it stands.

use std::ops::Range;

/// Which bytes a token's body has.
#[derive(Clone, Copy)]
enum Body {
    Alphanumeric,
    /// Also `-` and `_`.
    Word,
}

/// A form: prefix, body, least length of the body, and whether the prefix must begin a word.
struct Form(&'static str, Body, usize, bool);

/// Forms that begin with a mark, which ends in `_` or `-`. Cloudflare's are from its page on token formats; the others are
/// as the services document them, with shorter bodies allowed, since part of a token is worth hiding too.
const FORMS: [Form; 48] = [
    Form("cfk_", Body::Word, 16, false),
    Form("cfut_", Body::Word, 16, false),
    Form("cfat_", Body::Word, 16, false),
    Form("cfoat_", Body::Word, 16, false),
    Form("ghp_", Body::Alphanumeric, 16, false),
    Form("gho_", Body::Alphanumeric, 16, false),
    Form("ghu_", Body::Alphanumeric, 16, false),
    Form("ghs_", Body::Alphanumeric, 16, false),
    Form("ghr_", Body::Alphanumeric, 16, false),
    Form("github_pat_", Body::Word, 16, false),
    Form("glpat-", Body::Word, 16, false),
    Form("gldt-", Body::Word, 16, true),
    Form("glrt-", Body::Word, 16, true),
    Form("glptt-", Body::Word, 16, true),
    Form("npm_", Body::Alphanumeric, 30, false),
    Form("pypi-", Body::Word, 50, true),
    Form("sk-", Body::Word, 20, true),
    Form("sk_live_", Body::Alphanumeric, 16, false),
    Form("sk_test_", Body::Alphanumeric, 16, false),
    Form("rk_live_", Body::Alphanumeric, 16, false),
    Form("rk_test_", Body::Alphanumeric, 16, false),
    Form("whsec_", Body::Alphanumeric, 16, false),
    Form("xoxa-", Body::Word, 10, false),
    Form("xoxb-", Body::Word, 10, false),
    Form("xoxc-", Body::Word, 10, false),
    Form("xoxd-", Body::Word, 10, false),
    Form("xoxe-", Body::Word, 10, false),
    Form("xoxp-", Body::Word, 10, false),
    Form("xoxr-", Body::Word, 10, false),
    Form("xoxs-", Body::Word, 10, false),
    Form("xapp-", Body::Word, 10, true),
    Form("hf_", Body::Alphanumeric, 30, true),
    Form("gsk_", Body::Alphanumeric, 30, true),
    Form("xai-", Body::Word, 40, true),
    Form("dop_v1_", Body::Alphanumeric, 32, false),
    Form("doo_v1_", Body::Alphanumeric, 32, false),
    Form("shpat_", Body::Alphanumeric, 16, false),
    Form("shpss_", Body::Alphanumeric, 16, false),
    Form("dckr_pat_", Body::Word, 16, false),
    Form("tskey-", Body::Word, 16, true),
    Form("lin_api_", Body::Alphanumeric, 16, false),
    Form("sntrys_", Body::Word, 16, false),
    Form("SECRET-KEY-", Body::Word, 16, false),
    Form("sq0atp-", Body::Word, 16, false),
    Form("sq0csp-", Body::Word, 16, false),
    Form("pul-", Body::Alphanumeric, 32, true),
    Form("rubygems_", Body::Alphanumeric, 32, false),
    Form("secret_", Body::Alphanumeric, 32, true),
];

/// The least body of all of them.
const SHORTEST: usize = 10;

/// Forms that begin a word and have no such mark; the body's characters are those of a word, or of base64.
const PLAIN: [(&str, usize); 4] = [("AIza", 30), ("ya29.", 20), ("hvs.", 20), ("SG.", 20)];

/// A token's place in the word `text[word]`, by its form alone. It may reach beyond the word, never before it.
pub(super) fn token(text: &str, word: &Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let whole = text.get(word.clone())?;
    marked(whole, word.start)
        .or_else(|| dotted(text, word))
        .or_else(|| access_key(whole).then(|| word.clone()))
        .or_else(|| (is_old_token(whole) || is_old_key(whole)).then(|| word.clone()))
        .or_else(|| origin_key(bytes, word))
}

/// Tokens with a mark, glued to other letters or not.
fn marked(word: &str, offset: usize) -> Option<Range<usize>> {
    let bytes = word.as_bytes();
    // Words that merely begin alike (`sk-learn-contrib-…`) have no digits. Looked up once, for the sake of linear time.
    let digit = bytes.iter().rposition(u8::is_ascii_digit)?;
    for (at, &byte) in bytes.iter().enumerate().take(digit) {
        if byte != b'_' && byte != b'-' {
            continue;
        }
        let body = bytes.get(at.saturating_add(1)..)?;
        if body.len() < SHORTEST {
            return None;
        }
        let head = bytes.get(..=at)?;
        for Form(prefix, kind, least, begins) in &FORMS {
            let Some(before) = head.strip_suffix(prefix.as_bytes()) else { continue };
            if *begins && before.last().is_some_and(u8::is_ascii_alphanumeric) {
                continue;
            }
            let length = match kind {
                Body::Word => body.len(),
                Body::Alphanumeric => body.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count(),
            };
            if length >= *least {
                return Some(offset.saturating_add(before.len())..offset.saturating_add(bytes.len()));
            }
        }
    }
    None
}

/// JSON Web Tokens, base64 of Cloudflare's tunnel JSON, and prefixes without a mark.
fn dotted(text: &str, word: &Range<usize>) -> Option<Range<usize>> {
    let rest = text.as_bytes().get(word.start..)?;
    if rest.starts_with(b"eyJ") {
        let end = web_token(rest).or_else(|| {
            let body = rest.iter().take_while(|&&byte| is_base64(byte) && byte != b'=').count();
            let padding = rest.iter().skip(body).take(2).take_while(|&&byte| byte == b'=').count();
            let length = body.saturating_add(padding);
            (rest.starts_with(b"eyJhIjoi") && length >= 24).then_some(length)
        })?;
        return Some(word.start..word.start.saturating_add(end));
    }
    for (prefix, least) in PLAIN {
        if let Some(body) = rest.strip_prefix(prefix.as_bytes()) {
            let length = body.iter().take_while(|&&byte| is_word(byte) || (byte == b'.' && prefix == "SG.")).count();
            if length >= least {
                return Some(word.start..word.start.saturating_add(prefix.len()).saturating_add(length));
            }
        }
    }
    None
}

/// Length of a JSON Web Token at the front: 2 to 5 parts, so that one without its signature counts too.
fn web_token(bytes: &[u8]) -> Option<usize> {
    let mut length: usize = 0;
    let mut parts: u32 = 0;
    for part in bytes.split(|&byte| byte == b'.').take(5) {
        let word = part.iter().take_while(|&&byte| is_word(byte)).count();
        if word < 10 && parts < 2 {
            break;
        }
        length = length.saturating_add(word).saturating_add(usize::from(parts > 0));
        parts = parts.saturating_add(1);
        if word < part.len() {
            break;
        }
    }
    (parts >= 2).then_some(length)
}

/// `AKIA` or `ASIA` and 16 capitals or digits.
fn access_key(word: &str) -> bool {
    word.len() == 20
        && (word.starts_with("AKIA") || word.starts_with("ASIA"))
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// 40 characters that mix cases and digits. With separators it might be a slug, so more of each is asked for.
fn is_old_token(word: &str) -> bool {
    if word.len() != 40 {
        return false;
    }
    let count = |test: fn(&u8) -> bool| word.as_bytes().iter().filter(|&byte| test(byte)).count();
    let (upper, lower, digits) =
        (count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase), count(u8::is_ascii_digit));
    let separators = 40_usize.saturating_sub(upper).saturating_sub(lower).saturating_sub(digits);
    match separators {
        0 => upper > 0 && lower > 0 && digits > 0,
        _ => upper >= 4 && lower >= 4 && digits >= 2,
    }
}

/// 37 lower-case hex digits.
fn is_old_key(word: &str) -> bool {
    word.len() == 37 && word.bytes().all(is_lower_hex)
}

/// `v1.0-`, 24 hex digits, `-`, 146 hex digits, of which 16 are enough.
fn origin_key(bytes: &[u8], word: &Range<usize>) -> Option<Range<usize>> {
    let body = bytes.get(word.start..)?.strip_prefix(b"v1.0-")?;
    let length = body.iter().take_while(|&&byte| is_word(byte)).count();
    let (id, key) = body.get(..length)?.split_at_checked(24)?;
    let random = key.strip_prefix(b"-")?;
    let good = random.len() >= 16 && id.iter().chain(random).all(|&byte| byte.is_ascii_hexdigit());
    good.then(|| word.start..word.start.saturating_add(5).saturating_add(length))
}

/// Random enough to be a secret where one is to be expected: 32 and more hex digits, or characters that mix cases and
/// digits. A UUID isn't.
pub(super) fn is_random(word: &str) -> bool {
    if word.len() < 32 || is_uuid(word) {
        return false;
    }
    let any = |test: fn(&u8) -> bool| word.bytes().any(|byte| test(&byte));
    word.bytes().all(|byte| byte.is_ascii_hexdigit())
        || (any(u8::is_ascii_uppercase) && any(u8::is_ascii_lowercase) && any(u8::is_ascii_digit))
}

fn is_uuid(word: &str) -> bool {
    let mut parts = word.split('-').map(|part| (part.len(), part.bytes().all(|byte| byte.is_ascii_hexdigit())));
    [8, 4, 4, 4, 12].into_iter().all(|length| parts.next() == Some((length, true))) && parts.next().is_none()
}

/// `fp:` and 16 hex digits, and nothing more.
pub(super) fn is_fingerprint(text: &str) -> bool {
    fingerprint_length(text.as_bytes()) == Some(text.len())
}

/// Length of a fingerprint at the front, if one stands there.
pub(super) fn fingerprint_length(bytes: &[u8]) -> Option<usize> {
    let (digits, _) = bytes.strip_prefix(b"fp:")?.split_at_checked(16)?;
    digits.iter().all(|&byte| is_lower_hex(byte)).then_some(19)
}

/// Whether a fingerprint stands at a place.
pub(super) fn starts_with_fingerprint(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..).and_then(fingerprint_length).is_some()
}

/// What stands for a value: `${NAME}`, `null`, `true`, and the like.
pub(super) fn is_placeholder(value: &str) -> bool {
    let name = value.strip_prefix('$').map(|rest| rest.trim_start_matches('{').trim_end_matches('}'));
    name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'))
        || matches!(value, "" | "null" | "true" | "false" | "None" | "undefined")
}

pub(super) fn is_word(byte: u8) -> bool {
    WORD.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Asked for every byte of every text.
const WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        if let Some(entry) = table.split_at_mut(byte as usize).1.first_mut() {
            *entry = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        }
        byte = byte.wrapping_add(1);
    }
    table
};

pub(super) fn is_base64(byte: u8) -> bool {
    is_word(byte) || byte == b'+' || byte == b'/' || byte == b'='
}

const fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (byte >= b'a' && byte <= b'f')
}
