//! Forms of tokens: what a word must look like to be one, wherever it stands.

use std::ops::Range;
use std::sync::LazyLock;

use super::kind::Kind;

/// Which bytes a token's body has.
#[derive(Clone, Copy)]
enum Body {
    Alphanumeric,
    /// Also `-` and `_`.
    Word,
}

/// A form: prefix, body, least length of the body, whether the prefix must begin a word, and what it is.
struct Form(&'static str, Body, usize, bool, Kind);

/// A token by its form: what it is, and where.
pub(crate) type Found = (Kind, Range<usize>);

/// Forms that begin with a mark, which ends in `_` or `-`. Cloudflare's are from its page on token formats; the others
/// are as the services document them, with shorter bodies allowed, since part of a token is worth hiding too.
const FORMS: [Form; 48] = [
    Form("cfk_", Body::Word, 16, false, Kind::CloudflareGlobalKey),
    Form("cfut_", Body::Word, 16, false, Kind::CloudflareUserToken),
    Form("cfat_", Body::Word, 16, false, Kind::CloudflareAccountToken),
    Form("cfoat_", Body::Word, 16, false, Kind::CloudflareOauth),
    Form("ghp_", Body::Alphanumeric, 16, false, Kind::Github),
    Form("gho_", Body::Alphanumeric, 16, false, Kind::Github),
    Form("ghu_", Body::Alphanumeric, 16, false, Kind::Github),
    Form("ghs_", Body::Alphanumeric, 16, false, Kind::Github),
    Form("ghr_", Body::Alphanumeric, 16, false, Kind::Github),
    Form("github_pat_", Body::Word, 16, false, Kind::Github),
    Form("glpat-", Body::Word, 16, false, Kind::Gitlab),
    Form("gldt-", Body::Word, 16, true, Kind::Gitlab),
    Form("glrt-", Body::Word, 16, true, Kind::Gitlab),
    Form("glptt-", Body::Word, 16, true, Kind::Gitlab),
    Form("npm_", Body::Alphanumeric, 30, false, Kind::Npm),
    Form("pypi-", Body::Word, 50, true, Kind::Pypi),
    Form("sk-", Body::Word, 20, true, Kind::Service),
    Form("sk_live_", Body::Alphanumeric, 16, false, Kind::Stripe),
    Form("sk_test_", Body::Alphanumeric, 16, false, Kind::Stripe),
    Form("rk_live_", Body::Alphanumeric, 16, false, Kind::Stripe),
    Form("rk_test_", Body::Alphanumeric, 16, false, Kind::Stripe),
    Form("whsec_", Body::Alphanumeric, 16, false, Kind::Stripe),
    Form("xoxa-", Body::Word, 10, false, Kind::Slack),
    Form("xoxb-", Body::Word, 10, false, Kind::Slack),
    Form("xoxc-", Body::Word, 10, false, Kind::Slack),
    Form("xoxd-", Body::Word, 10, false, Kind::Slack),
    Form("xoxe-", Body::Word, 10, false, Kind::Slack),
    Form("xoxp-", Body::Word, 10, false, Kind::Slack),
    Form("xoxr-", Body::Word, 10, false, Kind::Slack),
    Form("xoxs-", Body::Word, 10, false, Kind::Slack),
    Form("xapp-", Body::Word, 10, true, Kind::Slack),
    Form("hf_", Body::Alphanumeric, 30, true, Kind::Service),
    Form("gsk_", Body::Alphanumeric, 30, true, Kind::Service),
    Form("xai-", Body::Word, 40, true, Kind::Service),
    Form("dop_v1_", Body::Alphanumeric, 32, false, Kind::Service),
    Form("doo_v1_", Body::Alphanumeric, 32, false, Kind::Service),
    Form("shpat_", Body::Alphanumeric, 16, false, Kind::Service),
    Form("shpss_", Body::Alphanumeric, 16, false, Kind::Service),
    Form("dckr_pat_", Body::Word, 16, false, Kind::Service),
    Form("tskey-", Body::Word, 16, true, Kind::Service),
    Form("lin_api_", Body::Alphanumeric, 16, false, Kind::Service),
    Form("sntrys_", Body::Word, 16, false, Kind::Service),
    Form("SECRET-KEY-", Body::Word, 16, false, Kind::Service),
    Form("sq0atp-", Body::Word, 16, false, Kind::Service),
    Form("sq0csp-", Body::Word, 16, false, Kind::Service),
    Form("pul-", Body::Alphanumeric, 32, true, Kind::Service),
    Form("rubygems_", Body::Alphanumeric, 32, false, Kind::Service),
    Form("secret_", Body::Alphanumeric, 32, true, Kind::Service),
];

/// The least body of all of them.
const SHORTEST: usize = 10;

/// Forms that begin a word and have no such mark; the body's characters are those of a word, or of base64.
const PLAIN: [(&str, usize); 4] = [("AIza", 30), ("ya29.", 20), ("hvs.", 20), ("SG.", 20)];

/// How a JSON Web Token begins: base64 of `{"`.
const WEB: &str = "eyJ";

/// How Cloudflare's Origin CA keys begin.
const ORIGIN: &str = "v1.0-";

/// How a PEM block begins.
pub(crate) const ARMOUR: &str = "-----BEGIN";

/// Bytes behind [`ARMOUR`] in which a label's end is looked for.
const LABEL: usize = 64;

/// How tokens begin that have no prefix with a mark, but the old forms and the grants of MCP servers.
pub(crate) fn literals() -> impl Iterator<Item = &'static str> {
    PLAIN.iter().map(|(prefix, _)| *prefix).chain([WEB, "AKIA", "ASIA", ARMOUR])
}

/// Length of the prefix that a text ends with, its mark included, if a token may begin there.
pub(crate) fn prefix(text: &[u8]) -> Option<usize> {
    let is_glued = |before: &[u8]| before.last().is_some_and(u8::is_ascii_alphanumeric);
    let is_prefix = |Form(prefix, _, _, begins, _): &&Form| {
        text.strip_suffix(prefix.as_bytes()).is_some_and(|before| !(*begins && is_glued(before)))
    };
    match FORMS.iter().find(is_prefix) {
        Some(Form(prefix, ..)) => Some(prefix.len()),
        None => text.ends_with(ORIGIN.as_bytes()).then_some(ORIGIN.len()),
    }
}

/// Whether any prefix has these two bytes before its mark.
pub(crate) fn may_end_prefix([one, two]: [u8; 2]) -> bool {
    static ENDS: LazyLock<[[u64; 4]; 256]> = LazyLock::new(|| {
        let mut ends = [[0; 4]; 256];
        for prefix in prefixes() {
            let Some(&[one, two, _]) = prefix.as_bytes().last_chunk() else { continue };
            let row = ends.get_mut(usize::from(one)).and_then(|row| row.get_mut(usize::from(two >> 6)));
            if let Some(bits) = row {
                *bits |= 1 << (two & 63);
            }
        }
        ends
    });
    let row = ENDS.get(usize::from(one)).and_then(|row| row.get(usize::from(two >> 6)));
    row.is_some_and(|bits| bits >> (two & 63) & 1 == 1)
}

fn prefixes() -> impl Iterator<Item = &'static str> {
    FORMS.iter().map(|Form(prefix, ..)| *prefix).chain([ORIGIN])
}

/// A token's place in the word `text[word]`, by its form alone. It may reach beyond the word, never before it.
pub(crate) fn token(text: &[u8], word: &Range<usize>) -> Option<Found> {
    let whole = text.get(word.clone())?;
    strong(text, word).or_else(|| Some((old(whole)?, word.clone())))
}

/// The same without the old forms, which have nothing but their length.
pub(crate) fn strong(text: &[u8], word: &Range<usize>) -> Option<Found> {
    let whole = text.get(word.clone())?;
    marked(whole, word.start)
        .or_else(|| dotted(text, word))
        .or_else(|| access_key(whole).then(|| (Kind::AwsKeyId, word.clone())))
        .or_else(|| origin_key(text, word))
}

/// A word that has one of Cloudflare's old forms.
pub(crate) fn old(word: &[u8]) -> Option<Kind> {
    match word.len() {
        40 if is_old_token(word) => Some(Kind::CloudflareUserToken),
        37 if word.iter().all(|&byte| is_lower_hex(byte)) => Some(Kind::CloudflareGlobalKey),
        _ => None,
    }
}

/// A token of workers-oauth-provider: user, grant (16), secret (32), with colons between.
pub(crate) fn grant(bytes: &[u8], word: &Range<usize>) -> Option<Range<usize>> {
    let is_user = |byte: u8| is_word(byte) || byte == b'.' || byte == b'@';
    let before = word.start.checked_sub(1).and_then(|before| bytes.get(before));
    if before.is_some_and(|&byte| is_user(byte)) {
        return None;
    }
    let user = run(bytes, word.start, is_user);
    let grant = part(bytes, word.start.saturating_add(user), 16)?;
    let secret = part(bytes, grant, 32)?;
    Some(word.start..secret)
}

/// The end of a colon and exactly `length` word characters.
fn part(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let start = at.checked_add(1)?;
    let good = bytes.get(at) == Some(&b':') && run(bytes, start, is_word) == length;
    good.then(|| start.saturating_add(length))
}

/// What the label behind [`ARMOUR`] says of a PEM block, if it is a secret; `rest` begins behind `ARMOUR`.
pub(crate) fn armour(rest: &[u8]) -> Option<Kind> {
    let rest = rest.get(..LABEL).unwrap_or(rest);
    let label = rest.get(..memchr::memmem::find(rest, b"-----").unwrap_or(rest.len()))?;
    let has = |part: &str| memchr::memmem::find(label, part.as_bytes()).is_some();
    match () {
        () if has("PRIVATE") => Some(Kind::PrivateKey),
        () if has("TOKEN") || has("SECRET") => Some(Kind::Armoured),
        () => None,
    }
}

/// Tokens with a mark, glued to other letters or not.
fn marked(bytes: &[u8], offset: usize) -> Option<Found> {
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
        // Few words have two such bytes there, and there are many prefixes.
        if !head.last_chunk().is_some_and(|&[one, two, _]| may_end_prefix([one, two])) {
            continue;
        }
        for Form(prefix, body_has, least, begins, kind) in &FORMS {
            let Some(before) = head.strip_suffix(prefix.as_bytes()) else { continue };
            if *begins && before.last().is_some_and(u8::is_ascii_alphanumeric) {
                continue;
            }
            let length = match body_has {
                Body::Word => body.len(),
                Body::Alphanumeric => body.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count(),
            };
            if length >= *least {
                return Some((*kind, offset.saturating_add(before.len())..offset.saturating_add(bytes.len())));
            }
        }
    }
    None
}

/// JSON Web Tokens, base64 of Cloudflare's tunnel JSON, and prefixes without a mark.
fn dotted(text: &[u8], word: &Range<usize>) -> Option<Found> {
    let rest = text.get(word.start..)?;
    if rest.starts_with(WEB.as_bytes()) {
        let (kind, end) = web_token(rest).map(|end| (Kind::Jwt, end)).or_else(|| {
            let body = rest.iter().take_while(|&&byte| is_base64(byte) && byte != b'=').count();
            let padding = rest.iter().skip(body).take(2).take_while(|&&byte| byte == b'=').count();
            let length = body.saturating_add(padding);
            (rest.starts_with(b"eyJhIjoi") && length >= 24).then_some((Kind::CloudflareTunnel, length))
        })?;
        return Some((kind, word.start..word.start.saturating_add(end)));
    }
    for (prefix, least) in PLAIN {
        if let Some(body) = rest.strip_prefix(prefix.as_bytes()) {
            let length = body.iter().take_while(|&&byte| is_word(byte) || (byte == b'.' && prefix == "SG.")).count();
            if length >= least {
                let end = word.start.saturating_add(prefix.len()).saturating_add(length);
                return Some((Kind::Service, word.start..end));
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
fn access_key(word: &[u8]) -> bool {
    word.len() == 20
        && (word.starts_with(b"AKIA") || word.starts_with(b"ASIA"))
        && word.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// 40 characters that mix cases and digits. With separators it might be a slug, so more of each is asked for.
fn is_old_token(word: &[u8]) -> bool {
    let count = |test: fn(&u8) -> bool| word.iter().filter(|&byte| test(byte)).count();
    let (upper, lower, digits) =
        (count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase), count(u8::is_ascii_digit));
    let separators = word.len().saturating_sub(upper).saturating_sub(lower).saturating_sub(digits);
    match separators {
        0 => upper > 0 && lower > 0 && digits > 0,
        _ => upper >= 4 && lower >= 4 && digits >= 2,
    }
}

/// `v1.0-`, 24 hex digits, `-`, 146 hex digits, of which 16 are enough.
fn origin_key(bytes: &[u8], word: &Range<usize>) -> Option<Found> {
    let body = bytes.get(word.start..)?.strip_prefix(ORIGIN.as_bytes())?;
    let length = body.iter().take_while(|&&byte| is_word(byte)).count();
    let (id, key) = body.get(..length)?.split_at_checked(24)?;
    let random = key.strip_prefix(b"-")?;
    let good = random.len() >= 16 && id.iter().chain(random).all(|&byte| byte.is_ascii_hexdigit());
    good.then(|| (Kind::CloudflareOriginKey, word.start..word.start.saturating_add(5).saturating_add(length)))
}

/// Random enough to be a secret where one is to be expected: 32 and more hex digits, or characters that mix cases and
/// digits. A UUID isn't.
pub(crate) fn is_random(word: &str) -> bool {
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
pub(crate) fn is_fingerprint(text: &str) -> bool {
    fingerprint_length(text.as_bytes()) == Some(text.len())
}

/// Length of a fingerprint at the front, if one stands there.
pub(crate) fn fingerprint_length(bytes: &[u8]) -> Option<usize> {
    let (digits, _) = bytes.strip_prefix(b"fp:")?.split_at_checked(16)?;
    digits.iter().all(|&byte| is_lower_hex(byte)).then_some(19)
}

/// Whether a fingerprint stands at a place.
pub(crate) fn starts_with_fingerprint(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..).and_then(fingerprint_length).is_some()
}

/// What stands for a value: `${NAME}`, `null`, `true`, and the like.
pub(crate) fn is_placeholder(value: &str) -> bool {
    let name = value.strip_prefix('$').map(|rest| rest.trim_start_matches('{').trim_end_matches('}'));
    name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'))
        || matches!(value, "" | "null" | "true" | "false" | "None" | "undefined")
}

pub(crate) fn is_word(byte: u8) -> bool {
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

pub(crate) fn is_base64(byte: u8) -> bool {
    is_word(byte) || byte == b'+' || byte == b'/' || byte == b'='
}

const fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (byte >= b'a' && byte <= b'f')
}

/// How many bytes from `from` on pass the test.
pub(crate) fn run(bytes: &[u8], from: usize, test: impl Fn(u8) -> bool) -> usize {
    bytes.get(from..).unwrap_or_default().iter().take_while(|&&byte| test(byte)).count()
}
