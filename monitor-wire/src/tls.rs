//! What a TLS client says in clear when it begins.
//!
//! [`Reader`] takes the first bytes of a TCP connection; [`hello`] takes the handshake message alone, however it came,
//! so that QUIC's CRYPTO frames (RFC 9001 section 4) end there too: [`crate::quic`] opens them. Both answer incomplete,
//! done or reject, and neither changes its answer when more bytes come.
//!
//! Whatever is read here is what the client claims. A server name says whom it asks for, not who answers.

mod ja4;
mod message;
mod record;

use serde::{Deserialize, Serialize};

pub use self::message::hello;
pub use self::record::Reader;

/// A ClientHello (RFC 8446 section 4.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Server name (RFC 6066 section 3), lower case, without a last dot, other bytes as [`crate::text`] writes them; at
    /// most 255 bytes on the wire. With an encrypted ClientHello only the outer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
    /// Protocols offered (RFC 7301), at most 16 of at most 64 bytes on the wire; a longer one is cut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<String>,
    /// JA4 fingerprint of the client.
    pub ja4: String,
    /// It carries an encrypted ClientHello (RFC 9849): `sni` names whoever takes the connection, not whom it is for.
    /// Clients also send such an extension with nothing in it (GREASE, RFC 9849 section 6.2), which nobody on the way
    /// can tell from a real one: then `sni` is whom it is for.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ech: bool,
}

/// What the bytes so far amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A hello so far; more is wanted.
    Incomplete,
    /// The hello.
    Done(Hello),
    /// There is none, and more bytes won't change that.
    Reject(Reject),
}

/// Why there is no hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// The bytes don't begin as a TLS record with a handshake message does.
    NotTls,
    /// TLS or QUIC, but its first message is not a ClientHello: a server's side, or the middle of a connection.
    NotHello,
    /// Longer than [`crate::limits::TLS_HELLO`], or over QUIC in more packets or more pieces than [`crate::limits`]
    /// has.
    TooLong,
    /// A length that doesn't fit, an extension twice, or another record in between; no server takes it either.
    Malformed,
    /// Bytes are missing.
    Lost,
    /// The datagram doesn't begin as a QUIC client's first one does.
    NotQuic,
    /// QUIC of a version that isn't known here, or a reserved one by which a client tries its server (RFC 9000 section
    /// 15).
    Version,
    /// A QUIC packet that opens under no key known here: damaged, forged, or of a connection whose first packet wasn't
    /// seen.
    AuthFailed,
}

/// What carries the handshake. DTLS is not read: its messages have another header (RFC 9147 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TLS over TCP.
    Tcp,
    /// TLS inside QUIC.
    Quic,
}

impl Reject {
    /// The reason in a word, for counters and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotTls => "not_tls",
            Self::NotHello => "not_hello",
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Lost => "lost",
            Self::NotQuic => "not_quic",
            Self::Version => "version",
            Self::AuthFailed => "auth_failed",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_false(value: &bool) -> bool {
    !*value
}
