//! JA4, the fingerprint of a TLS client by what it offers, as <https://github.com/FoxIO-LLC/ja4> defines it in
//! `technical_details/JA4.md`.
//!
//! Where the reference programs differ from that text (the ALPN of other than ASCII letters and digits, the order of
//! `supported_versions`), the text is followed.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::Transport;
use super::message::{ALPN, SERVER_NAME};
use crate::digest::hex;

/// What a client offers, in its own order and with GREASE values.
pub(super) struct Client<'a> {
    transport: Transport,
    /// The highest of `supported_versions`, else the legacy version.
    pub version: u16,
    pub ciphers: Vec<u16>,
    pub extensions: Vec<u16>,
    /// The first protocol offered.
    pub alpn: Option<&'a [u8]>,
    pub signatures: Vec<u16>,
}

impl Client<'_> {
    pub(super) fn new(transport: Transport, version: u16) -> Self {
        let (ciphers, extensions, signatures) = (Vec::new(), Vec::new(), Vec::new());
        Self { transport, version, ciphers, extensions, alpn: None, signatures }
    }

    pub(super) fn ja4(&self) -> String {
        let transport = match self.transport {
            Transport::Tcp => 't',
            Transport::Quic => 'q',
        };
        let name = if self.extensions.contains(&SERVER_NAME) { 'd' } else { 'i' };
        let mut ciphers = known(&self.ciphers);
        let mut extensions = known(&self.extensions);
        let mut text = format!(
            "{transport}{}{name}{:02}{:02}{}_",
            version(self.version),
            ciphers.len().min(99),
            extensions.len().min(99),
            ends(self.alpn.unwrap_or_default()),
        );
        ciphers.sort_unstable();
        text.push_str(&short_hash(&list(&ciphers)));
        text.push('_');
        extensions.sort_unstable();
        extensions.retain(|kind| ![SERVER_NAME, ALPN].contains(kind));
        let mut rest = list(&extensions);
        let signatures = known(&self.signatures);
        if !signatures.is_empty() {
            rest.push('_');
            rest.push_str(&list(&signatures));
        }
        text.push_str(&short_hash(&rest));
        text
    }
}

/// Reserved values that clients sprinkle over their lists so that servers learn to ignore what they don't know
/// (RFC 8701 section 2).
pub(super) const fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

fn known(values: &[u16]) -> Vec<u16> {
    values.iter().copied().filter(|&value| !is_grease(value)).collect()
}

const fn version(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last character of a protocol, or of its hex digits unless both are ASCII letters or digits.
fn ends(alpn: &[u8]) -> String {
    let (Some(&first), Some(&last)) = (alpn.first(), alpn.last()) else { return "00".into() };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [first, last].map(char::from).iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 15)
}

fn list(values: &[u16]) -> String {
    let mut text = String::new();
    for value in values {
        if !text.is_empty() {
            text.push(',');
        }
        // Writing into a string can't fail.
        let _ = write!(text, "{value:04x}");
    }
    text
}

fn short_hash(text: &str) -> String {
    if text.is_empty() { "0".repeat(12) } else { hex(&Sha256::digest(text), 6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the definition, with GREASE values put in.
    fn example() -> Client<'static> {
        let mut client = Client::new(Transport::Tcp, 0x0304);
        client.ciphers = vec![
            0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
            0x009d, 0x002f, 0x0035,
        ];
        client.extensions = vec![
            0xfafa, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b,
            0xff01, 0x000b, 0x000a, 0x0015, 0x8a8a,
        ];
        client.alpn = Some(b"h2");
        client.signatures = vec![0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
        client
    }

    #[test]
    fn agrees_with_the_published_example() {
        let mut client = example();
        assert_eq!(client.ja4(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        client.signatures.insert(0, 0x2a2a);
        assert_eq!(client.ja4(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        client.signatures.clear();
        assert_eq!(client.ja4(), "t13d1516h2_8daaf6152771_6d807ffa2a79");
        client.transport = Transport::Quic;
        client.alpn = Some(b"h3");
        assert_eq!(client.ja4(), "q13d1516h3_8daaf6152771_6d807ffa2a79");
    }

    #[test]
    fn empty_lists_are_zeros_and_long_ones_99() {
        let mut client = Client::new(Transport::Tcp, 0x0301);
        assert_eq!(client.ja4(), "t10i000000_000000000000_000000000000");
        client.extensions = vec![SERVER_NAME, ALPN, 0x0a0a];
        client.ciphers = (0..200).collect();
        assert!(client.ja4().starts_with("t10d990200_"), "{}", client.ja4());
        assert!(client.ja4().ends_with("_000000000000"), "{}", client.ja4());
    }

    #[test]
    fn writes_both_ends_of_a_protocol_as_published() {
        let cases: [(&[u8], &str); 12] = [
            (b"h2", "h2"),
            (b"http/1.1", "h1"),
            (b"", "00"),
            (b"x", "xx"),
            (b"\xab", "ab"),
            (b"\x20", "20"),
            (b"\xab\xcd", "ad"),
            (b"\x20\x61", "21"),
            (b"\x30\xab", "3b"),
            (b"\x61\x20", "60"),
            (b"\x30\x31\xab\xcd", "3d"),
            (b"\x30\xab\xcd\x31", "01"),
        ];
        for (alpn, expected) in cases {
            assert_eq!(ends(alpn), expected, "{alpn:x?}");
        }
    }

    #[test]
    fn knows_versions_and_grease() {
        let versions = [0x0304, 0x0303, 0x0302, 0x0301, 0x0300, 0x0002, 0xfeff, 0xfefd, 0xfefc, 0x7f1c];
        let names = ["13", "12", "11", "10", "s3", "s2", "d1", "d2", "d3", "00"];
        assert_eq!(versions.map(version), names);
        let grease: Vec<u16> = (0..=u16::MAX).filter(|&value| is_grease(value)).collect();
        assert_eq!(grease.len(), 16);
        assert_eq!((grease[0], grease[15]), (0x0a0a, 0xfafa));
    }
}
