//! Bytes that others control, turned into values.
//!
//! Every parser here is incremental and bounded, answers complete / incomplete / reject, and neither panics nor does
//! I/O.
//!
//! - [`reader`] frames and reads MCP over stdio; [`mcp`] holds the values it gives.
//! - [`json`] is the tokeniser below it; [`limits`] is the one table of caps.
//! - [`redact`] replaces tokens by fingerprints; every text in an [`mcp`] value has passed it.
//! - [`http`], [`tls`] and [`dns`] hold what connections say; [`http`] reads HTTP/1 and HTTP/2 too, and what bodies hold.
//! - [`sse`] reads event streams, and feeds what they hold to [`reader`].
//! - [`code`] tells which API requests a piece of JavaScript would make, without running it.
//! - [`token`] finds known tokens, and such of known forms, in any bytes that pass by.
//! - [`quic`] opens a QUIC client's first packets, for the hello inside.
//! - [`sniff`] tells an MCP stream from any other; [`text`] writes raw bytes for people.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod assemble;
mod capture;
pub mod code;
mod cursor;
mod digest;
pub mod dns;
mod fields;
pub mod http;
pub mod json;
mod keys;
pub mod limits;
pub mod mcp;
mod path;
pub mod quic;
pub mod reader;
pub mod redact;
pub mod sniff;
pub mod sse;
pub mod text;
pub mod tls;
pub mod token;
