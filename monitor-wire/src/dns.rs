//! What a name server answered.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// An answer, or a question that nobody answered yet (RFC 1035 section 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Transaction id.
    pub id: u16,
    /// Name asked for, lower case, without the last dot, labels that aren't plain written `\NNN`; at most 255 bytes.
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
    /// Addresses of the name or of the end of its chain (A, AAAA, address hints of HTTPS/SVCB), at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// Seconds for which that holds: the least of the chain.
    #[serde(default)]
    pub ttl: u32,
    /// Truncated by the server (TC), or more than is kept.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cut: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_false(value: &bool) -> bool {
    !*value
}
