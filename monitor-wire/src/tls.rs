//! What a TLS client says in clear when it begins.

use serde::{Deserialize, Serialize};

/// A ClientHello (RFC 8446 section 4.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Server name (RFC 6066 section 3), lower case; with an encrypted ClientHello only the outer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
    /// Protocols offered (RFC 7301), at most 16 of at most 64 bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<String>,
    /// JA4 fingerprint of the client.
    pub ja4: String,
    /// It carries an encrypted ClientHello (RFC 9849): `sni` names whoever takes the connection, not whom it is for.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ech: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_false(value: &bool) -> bool {
    !*value
}
