//! Code mode: what a program is said to request.

#![expect(clippy::unwrap_used, reason = "what a test can't read or parse fails it")]

mod bounds;
mod matching;
mod snippets;

use monitor_wire::code::{Code, read};
use monitor_wire::redact::Key;

/// What `accountId` is in the oracle.
const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

fn key() -> Key {
    Key::from_bytes([5; 32])
}

fn code(text: &str) -> Code {
    read(&key(), text, None)
}
