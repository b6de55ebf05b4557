//! Redaction changes nothing the second time, and a token between blanks never stays.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_wire::redact::{Key, redact, redact_argv};
use monitor_wire::text::escape_bytes;

const TOKEN: &str = "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d";

fuzz_target!(|input: &str| {
    let key = Key::from_bytes([1; 32]);
    let once = redact(&key, input).into_owned();
    assert_eq!(redact(&key, &once), once, "{input:?}");
    let planted = format!("{input} {TOKEN} {input}");
    assert!(!redact(&key, &planted).contains(TOKEN));
    let argv: Vec<String> = planted.split('\u{20}').map(str::to_owned).collect();
    let hidden = redact_argv(&key, &argv);
    assert_eq!(hidden.len(), argv.len());
    assert!(!hidden.concat().contains(TOKEN));
    assert!(!escape_bytes(input.as_bytes()).chars().any(char::is_control));
});
