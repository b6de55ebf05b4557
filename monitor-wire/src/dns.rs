//! What a name server answered, and what it was asked.
//!
//! [`parse`] reads one message, which over UDP is one payload; [`Stream`] cuts one direction of a TCP connection into
//! messages. Of a message only the question and the answer section are read: EDNS (RFC 6891) and whatever else the other
//! sections hold is not looked at, so the upper bits of an extended response code aren't either.
//!
//! Multicast DNS (RFC 6762) and LLMNR (RFC 4795) are other protocols on other ports.

mod message;
mod name;
mod record;
mod stream;
mod words;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use self::message::parse;
pub use self::stream::Stream;

/// An answer, or a question that nobody answered yet (RFC 1035 section 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Transaction id.
    pub id: u16,
    /// Name asked for, lower case, without the last dot (the root is `.`), bytes other than letters, digits, `-` and `_`
    /// written `\NNN` in decimal (RFC 1035 section 5.1); at most 255 bytes on the wire.
    pub name: String,
    /// Type asked for: `A`, `AAAA`, `CNAME`, `TXT`, `HTTPS`, …, else `TYPE n`.
    pub of: String,
    /// False for the question.
    pub answer: bool,
    /// `NOERROR`, `NXDOMAIN`, …, else `RCODE n`; empty for a question.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rcode: String,
    /// Names that the name stands for, in the order of the chain (CNAME, and the target of HTTPS/SVCB), at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Addresses of the name or of its chain (A, AAAA, address hints of HTTPS/SVCB) if they are of the type asked for,
    /// at most 64. A record of another name names nothing here, wherever it stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// Seconds for which that holds: the least of the chain. 0 where nothing was found.
    #[serde(default)]
    pub ttl: u32,
    /// Truncated by the server (TC), or more than is kept, or a record of the chain that couldn't be read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cut: bool,
}

/// Why bytes are no message that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// Shorter than it says, or a name that can't be.
    Malformed,
    /// Not QUERY (RFC 1035 section 4.1.1): a notification, an update.
    Opcode,
    /// Not exactly one question (RFC 9619), so the answer is to nothing that is known.
    Questions,
    /// Longer than [`crate::limits::DNS_MESSAGE`].
    TooLong,
    /// Bytes of the stream are missing; nothing more of it is understood.
    Lost,
    /// [`crate::limits::DNS_REJECTS`] messages in a row were none: the stream is something else.
    NotDns,
}

impl Reject {
    /// The reason in a word, for counters and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Opcode => "opcode",
            Self::Questions => "questions",
            Self::TooLong => "too_long",
            Self::Lost => "lost",
            Self::NotDns => "not_dns",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_false(value: &bool) -> bool {
    !*value
}
