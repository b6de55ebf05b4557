//! Names whose values are secrets.

/// Endings of such names, lower case, without separators.
const ENDINGS: [&str; 30] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "secretkey",
    "accesskey",
    "privatekey",
    "authkey",
    "servicekey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "sharedkey",
    "accountkey",
    "globalkey",
    "secretvalue",
    "secrettext",
    "tokenvalue",
    "passwordvalue",
    "tokensecret",
    "authorization",
    "bearer",
    "jwt",
    "cookie",
    "connectionstring",
    "webhooksecret",
    "credential",
    "authtoken",
];

/// Names with such an ending that hold a place in a list, not a secret.
const HARMLESS: [&str; 12] = [
    "nexttoken",
    "pagetoken",
    "nextpagetoken",
    "continuationtoken",
    "progresstoken",
    "synctoken",
    "cursortoken",
    "tokenizertoken",
    "eostoken",
    "bostoken",
    "padtoken",
    "cancellationtoken",
];

/// Longest name that is looked at, without separators.
const LONGEST: usize = 96;

/// Whether a value of this name (an option, a variable, a header, an object key) is a secret: `apiToken`,
/// `CF_API_KEY`, `--client-secret`, `X-Auth-Key`. The case and the separators don't matter.
pub fn is_secret_name(name: &str) -> bool {
    let mut plain = [0_u8; LONGEST];
    let letters = name.bytes().filter(|byte| byte.is_ascii_alphanumeric());
    // Only the end counts, so a longer name is looked at from there.
    let skip = letters.clone().count().saturating_sub(LONGEST);
    let mut length: usize = 0;
    for (slot, byte) in plain.iter_mut().zip(letters.skip(skip)) {
        *slot = byte.to_ascii_lowercase();
        length = length.saturating_add(1);
    }
    let plain = plain.get(..length).unwrap_or_default();
    if HARMLESS.iter().any(|harmless| plain == harmless.as_bytes()) {
        return false;
    }
    ends_as_part(name, &["pass", "pw", "pwd", "pat"]) || ENDINGS.iter().any(|ending| plain.ends_with(ending.as_bytes()))
}

/// Whether a short word is the name's last part: `DB_PASS`, not `bypass`; never `PWD`, which is a folder.
fn ends_as_part(name: &str, parts: &[&str]) -> bool {
    if name.eq_ignore_ascii_case("pass") || name == "_auth" {
        return true;
    }
    if name == "OLDPWD" {
        return false;
    }
    parts.iter().any(|part| {
        let start = name.len().saturating_sub(part.len());
        let (Some(head), Some(tail)) = (name.get(..start), name.get(start..)) else { return false };
        tail.eq_ignore_ascii_case(part) && head.ends_with(['_', '-', '.']) && head.len() > 1
    })
}
