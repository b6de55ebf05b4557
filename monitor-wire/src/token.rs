//! Finds tokens in streams of bytes that pass by: those that are known ([`Set`]), in whatever encoding, and those of a
//! known form that no file holds.
//!
//! # How a known token is found
//!
//! Of each token 15 bytes in a row are chosen, its *region*, that occur in it once and vary most. What the region looks
//! like in each encoding is cut at eight places into windows of eight bytes, and keyed hashes of those go into a table
//! with a bit filter before it. Any text of 15 bytes holds a window that begins at a multiple of eight, so only every
//! eighth position of a stream is looked up: that is what makes it fast. Where a window fits, the [`Scanner`] steps
//! back to where the token would have begun, decodes from there, and hashes as the bytes come (`run.rs`). The keyed
//! BLAKE3 hash of the whole decides, so nothing is found that isn't there. Hashes at 64, 256, 1024 and 4096 bytes end
//! vain attempts early, so that whoever repeats a part of a token costs what it sends, times a constant.
//!
//! Tokens of 8 to 14 bytes have windows of five bytes and every fourth position looked up, in a table of their own;
//! that takes nothing while no such token is there, and a third of the speed otherwise.
//!
//! Found are: the plain token; base64 of anything that holds it, with either alphabet, at all three alignments, and
//! broken into lines except within the region; hex; UTF-16LE; and each of the first three percent-encoded (RFC 3986
//! section 2.1) or escaped as in JSON (RFC 8259 section 7) or by `\xHH`, wholly or in part (`view.rs`). Not found:
//! base64 of base64, a token that is reversed, split by other bytes, encrypted or compressed (whoever decodes gzip
//! scans what comes out). A region with characters that encoders escape is found escaped as they do it, or throughout,
//! and not by halves. A token that holds `%` or `\` itself may be missed where it is percent-encoded or escaped.
//!
//! # How a form is found
//!
//! By its prefix, in plain text only; the table of forms is redaction's, and so are the rules, but that a token needs
//! eight different bytes, and the old forms a word that announces them, as the secret of an AWS access key does, or its
//! id. A known token isn't told a second time by its form. One that is escaped in part may have a beginning that is.
//!
//! # What whoever reads this memory learns
//!
//! The token itself isn't kept. What is kept of each is its keyed hash, kind and length; keyed hashes of the windows;
//! and 32 bits of the keyed hashes of its first 64, 256, 1024 and 4096 bytes, as far as it is longer. Without the key
//! these say nothing. With the key, which lies in the same process, they can be tried out: a window has at most 64
//! bits, its neighbours share seven of eight bytes, and their hashes are made for speed. So count a token's region as
//! readable, 15 bytes, and a token of less than 15 as readable altogether. All windows, of every encoding, are cut from
//! those same bytes, so that nothing else is: of the 40 random characters of one of Cloudflare's tokens 25 stay, 149
//! bits. (Windows of 16 bytes would only make it 31 readable ones that are found more slowly: a region has to be about
//! two windows long.) Each 64, 256, … bytes of a longer token cost 32 bits more, of hundreds. A token of fewer than
//! about 37 characters should be taken as known to whoever has both memory and key. Locking that memory and keeping it
//! out of core dumps is up to the process.
//!
//! A scanner keeps the last [`crate::limits::TOKEN_CARRY`] bytes of its stream in plain, a form without its end up to
//! [`crate::limits::TOKEN_FORM`], and what hashes hold back. It wipes them when they go, except for what is left on the
//! stack.

mod decode;
mod forms;
mod marks;
mod region;
mod run;
mod scanner;
mod set;
mod table;
mod view;
mod weak;
mod windows;

pub use scanner::{Scanner, Stats};
pub use set::{Added, Set, kind_of};

pub use crate::redact::Kind;

/// How a token was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// Percent-encoded, in part at least.
    Percent,
    /// With the escapes of JSON or of a string literal, in part at least.
    Escaped,
    /// Base64, with either alphabet.
    Base64,
    /// Hex digits, in either case.
    Hex,
    /// UTF-16, little endian.
    Utf16,
}

impl Encoding {
    /// Its name in events, in `snake_case`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Percent => "percent",
            Self::Escaped => "escaped",
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Utf16 => "utf16",
        }
    }
}

/// A token that was seen. It doesn't hold the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// What it is.
    pub kind: Kind,
    /// Its [fingerprint](crate::redact::fingerprint()), of the token itself, whatever the encoding.
    pub fingerprint: String,
    /// How it was written.
    pub encoding: Encoding,
    /// Offset of its first byte in the stream.
    pub start: u64,
    /// Offset after its last byte.
    pub end: u64,
    /// Bytes of the token itself, decoded.
    pub len: usize,
    /// Whether it is in the [`Set`]; else it is known by its form.
    pub known: bool,
    /// Whether it is all there. A JSON Web Token that has no three parts isn't, nor a private key without its end, nor
    /// what a cap or lost bytes cut.
    pub whole: bool,
}

/// Why a [`Set`] takes no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Shorter than [`crate::limits::TOKEN_SHORT`].
    Short,
    /// Longer than [`crate::limits::TOKEN`].
    Long,
    /// Fewer than five different bytes, or only repetitions: it would be found everywhere.
    LowVariety,
    /// A fingerprint, or what stands for a value: `${TOKEN}`, `undefined`.
    Placeholder,
    /// The set holds [`crate::limits::TOKENS`].
    Full,
    /// Hundreds of tokens in the set look the same in their first 175 bytes.
    Crowded,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Short => "too short to be told from other text",
            Self::Long => "too long",
            Self::LowVariety => "too little variety to be told from other text",
            Self::Placeholder => "a placeholder or a fingerprint",
            Self::Full => "the set is full",
            Self::Crowded => "too many tokens begin alike",
        })
    }
}

impl std::error::Error for Refused {}
