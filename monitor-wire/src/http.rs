//! HTTP messages: what the engine needs of them, bounded and redacted, and the reader that finds them.
//!
//! Text in these values has passed [`crate::redact`]; header values are kept for a few names only, and of an
//! `Authorization` the scheme and the token's fingerprint.
//!
//! [`Reader`] reads one direction of an HTTP/1.0 or HTTP/1.1 connection (RFC 9112); [`looks_like_http`] tells whether a
//! stream is one. [`h2`] does the same for HTTP/2 (RFC 9113). Of the bodies that pass, [`coding`] undoes the content
//! codings, and [`multipart`] finds the parts.

mod body;
pub mod coding;
mod expected;
mod fields;
pub mod h2;
mod head;
mod host;
pub mod multipart;
mod reader;
mod sniff;
mod target;
mod value;

pub use reader::Reader;
pub use sniff::{Sniff, looks_like_http};

use serde::{Deserialize, Serialize};

/// What one direction of a connection said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// The head of a request, told as soon as it is whole.
    Request(Request),
    /// The head of a response; informational ones (100 to 199, RFC 9110 section 15.2) but 101 are left out.
    Response(Response),
    /// The end of the body that belongs to the last head.
    Body(Body),
    /// Nothing more will be understood of this direction, and why: a malformed message, or another protocol took over.
    End(End),
}

/// A request's head (RFC 9112 section 3, RFC 9113 section 8.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Number of the exchange on its connection, from 0: a response has its request's (for HTTP/1 by order, for HTTP/2
    /// by [stream](h2::exchange_of)).
    pub exchange: u64,
    /// Method as sent, at most 32 bytes; a longer one, as HTTP/2 may have, is replaced by its fingerprint.
    pub method: String,
    /// Path without query, redacted, at most 2048 bytes; of an absolute form only its path; empty for `CONNECT`.
    pub path: String,
    /// Query without `?`, redacted, at most 2048 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// `Host` or `:authority`, lower case, with its port where it names one; several that differ are an oddity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What authorises it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Authorization>,
    /// Headers.
    #[serde(flatten)]
    pub headers: Headers,
    /// `1.0`, `1.1` or `2`.
    pub version: String,
    /// Oddities worth evidence: `two_hosts`, `length_and_chunked`, `obs_fold`, `cut`, `cut_path`, …; those of HTTP/2
    /// are in [`h2`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

/// A response's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// Number of the exchange.
    pub exchange: u64,
    /// Status code.
    pub status: u16,
    /// Headers.
    #[serde(flatten)]
    pub headers: Headers,
    /// Oddities, as of a request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

/// Names of all headers, and the values of the few that are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headers {
    /// Lower case, in order, at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// `content-type`, `content-encoding`, `user-agent`, `mcp-method`, `mcp-name`, `mcp-protocol-version` and
    /// `mcp-session-id`, redacted, at most 256 bytes each. Before them, as `host`, the other names of a request with
    /// `two_hosts`, at most two; in HTTP/2, with `host_and_authority_differ`, `two_pseudo_headers` or `odd_target` too,
    /// at most four.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<(String, String)>,
}

/// What authorises a request: `Authorization`, or Cloudflare's `X-Auth-Key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// `bearer`, `basic`, …, lower case, at most 32 bytes; `key` for `X-Auth-Key`; `other` for what is no known scheme.
    pub scheme: String,
    /// Fingerprint of the token without its scheme; of an `other` one, of the whole value.
    pub token: String,
}

/// A body that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Number of the exchange.
    pub exchange: u64,
    /// Bytes, without chunk framing, as they were sent (not decompressed), with those that are known to be missing.
    pub bytes: u64,
    /// Keyed digest of these bytes; `None` for an empty one, or where some are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// False when bytes were lost, or when the direction ended before the body did, or in HTTP/2 its stream.
    pub complete: bool,
}

/// Why a direction is not understood any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// `malformed`, `upgrade`, `connect`, `too_long`, `lost`.
    pub reason: String,
}
