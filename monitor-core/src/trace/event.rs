//! An event from its line. An event's members lie side by side, and what they are depends on `kind`: a reader that takes
//! them as they come has to keep them all until it has met that. Two passes over the text, the first of which only looks
//! for `kind`, take a third of the time.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::Error as _;

use crate::event::{Event, Kind};
use crate::id::ServerId;
use crate::time::Time;

/// What every event has.
#[derive(Deserialize)]
struct Head<'a> {
    time: Time,
    #[serde(default)]
    server: Option<ServerId>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

/// Reads one event.
///
/// # Errors
/// As JSON has it, or that no such kind is known.
pub(super) fn parse(text: &str) -> Result<Event, serde_json::Error> {
    fn body<'a, T: Deserialize<'a>>(text: &'a str, kind: fn(T) -> Kind) -> Result<Kind, serde_json::Error> {
        serde_json::from_str(text).map(kind)
    }
    let head: Head<'_> = serde_json::from_str(text)?;
    let kind = match &*head.kind {
        "server_start" => body(text, Kind::ServerStart),
        "server_end" => Ok(Kind::ServerEnd),
        "fork" => body(text, Kind::Fork),
        "known" => body(text, Kind::Known),
        "exec" => body(text, Kind::Exec),
        "exit" => body(text, Kind::Exit),
        "file" => body(text, Kind::File),
        "net" => body(text, Kind::Net),
        "net_end" => body(text, Kind::NetEnd),
        "unix" => body(text, Kind::Unix),
        "socket" => body(text, Kind::Socket),
        "memory" => body(text, Kind::Memory),
        "mcp" => body(text, Kind::Mcp),
        "http" => body(text, Kind::Http),
        "known_token" => body(text, Kind::KnownToken),
        "token" => body(text, Kind::Token),
        "tls" => body(text, Kind::Tls),
        "dns" => body(text, Kind::Dns),
        "opaque" => body(text, Kind::Opaque),
        "loss" => body(text, Kind::Loss),
        "blind" => body(text, Kind::Blind),
        "credential_file" => body(text, Kind::CredentialFile),
        "agent" => body(text, Kind::Agent),
        "profile" => body(text, Kind::Profile),
        kind => Err(serde_json::Error::custom(format!("unknown kind `{kind}`"))),
    }?;
    Ok(Event { time: head.time, server: head.server, kind })
}
