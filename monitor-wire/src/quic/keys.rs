//! The keys of Initial packets, which everybody can make who sees the first one (RFC 9001 section 5.2), and what they
//! open.

use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::BlockCipherEncrypt;
use aes_gcm::{AeadInOut, Aes128Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;

/// Packet numbers end here (RFC 9000 section 12.3).
const NUMBERS: u64 = 1 << 62;

/// The versions whose Initial packets can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// RFC 9000.
    V1,
    /// RFC 9369.
    V2,
    /// The draft that was deployed before the RFC. Its successors up to 32 have the same keys.
    Draft29,
}

/// What the client's Initial packets of one connection are protected with. These are no secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys {
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

impl Version {
    pub(super) const fn of(number: u32) -> Option<Self> {
        match number {
            0x0000_0001 => Some(Self::V1),
            0x6b33_43cf => Some(Self::V2),
            0xff00_001d..=0xff00_0020 => Some(Self::Draft29),
            _ => None,
        }
    }

    /// The two bits that are an Initial packet's type (RFC 9000 section 17.2, RFC 9369 section 3.2).
    pub(super) const fn initial(self) -> u8 {
        match self {
            Self::V1 | Self::Draft29 => 0,
            Self::V2 => 1,
        }
    }

    /// The two bits that are a Retry packet's type.
    pub(super) const fn retry(self) -> u8 {
        match self {
            Self::V1 | Self::Draft29 => 3,
            Self::V2 => 0,
        }
    }

    /// RFC 9001 section 5.2, RFC 9369 section 3.3.1.
    const fn salt(self) -> [u8; 20] {
        match self {
            Self::V1 => *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
            Self::V2 => *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
            Self::Draft29 => *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99",
        }
    }

    /// Labels of key, IV and header protection (RFC 9001 section 5.1, RFC 9369 section 3.3.2).
    const fn labels(self) -> [&'static str; 3] {
        match self {
            Self::V1 | Self::Draft29 => ["quic key", "quic iv", "quic hp"],
            Self::V2 => ["quicv2 key", "quicv2 iv", "quicv2 hp"],
        }
    }
}

impl Keys {
    /// Those of the client whose first packet had this destination connection id.
    pub(super) fn of_client(version: Version, dcid: &[u8]) -> Self {
        let (initial, _) = Hkdf::<Sha256>::extract(Some(&version.salt()), dcid);
        let client: [u8; 32] = expand(&initial, "client in");
        let [key, iv, header] = version.labels();
        Self { key: expand(&client, key), iv: expand(&client, iv), header: expand(&client, header) }
    }

    /// Opens a packet whose packet number begins at `number_at`. `expected` is one more than the highest number so far.
    /// Returns the packet's number and its frames; `None` unless the whole packet is authentic under these keys.
    pub(super) fn open(&self, packet: &[u8], number_at: usize, expected: u64) -> Option<(u64, Vec<u8>)> {
        let (header, protected) = packet.split_at_checked(number_at)?;
        // The sample begins where the number would end if it were of the longest kind (RFC 9001 section 5.4.2).
        let [mask_first, mask @ ..] = self.mask(protected.get(4..)?.first_chunk()?);
        let mut header = header.to_vec();
        let first = header.first_mut()?;
        *first ^= mask_first & 0x0f;
        let (number, sealed) = protected.split_at_checked(usize::from(*first & 3).saturating_add(1))?;
        let mut truncated = 0;
        for (byte, mask) in number.iter().zip(mask) {
            header.push(byte ^ mask);
            truncated = truncated << 8 | u64::from(byte ^ mask);
        }
        let number = whole_number(truncated, number.len(), expected);
        let mut nonce = self.iv;
        for (byte, part) in nonce.iter_mut().rev().zip(number.to_be_bytes().iter().rev()) {
            *byte ^= part;
        }
        let (frames, tag) = sealed.split_last_chunk::<16>()?;
        let mut frames = frames.to_vec();
        let cipher = Aes128Gcm::new(&self.key.into());
        cipher.decrypt_inout_detached(&nonce.into(), &header, frames.as_mut_slice().into(), &(*tag).into()).ok()?;
        Some((number, frames))
    }

    /// RFC 9001 section 5.4.3, as much of it as is used.
    fn mask(&self, sample: &[u8; 16]) -> [u8; 5] {
        let mut block = (*sample).into();
        Aes128::new(&self.header.into()).encrypt_block(&mut block);
        let [a, b, c, d, e, ..] = block.0;
        [a, b, c, d, e]
    }
}

/// `HKDF-Expand-Label` without a context (RFC 8446 section 7.1).
fn expand<const LENGTH: usize>(secret: &[u8], label: &str) -> [u8; LENGTH] {
    let byte = |length: usize| u8::try_from(length).unwrap_or(u8::MAX);
    let info = [&[0, byte(LENGTH), byte(label.len().saturating_add(6))], &b"tls13 "[..], label.as_bytes(), &[0]];
    let mut out = [0; LENGTH];
    // It fails for secrets shorter than a hash, and for more than 255 hashes of output.
    let _ = Hkdf::<Sha256>::from_prk(secret).map(|secret| secret.expand_multi_info(&info, &mut out));
    out
}

/// The number that is closest to the expected one among those that end like this (RFC 9000 appendix A.3).
const fn whole_number(truncated: u64, bytes: usize, expected: u64) -> u64 {
    let window: u64 = match bytes {
        1 => 1 << 8,
        2 => 1 << 16,
        3 => 1 << 24,
        _ => 1 << 32,
    };
    let half = window / 2;
    let candidate = expected & !window.saturating_sub(1) | truncated;
    if candidate.saturating_add(half) <= expected && candidate < NUMBERS.saturating_sub(window) {
        candidate.saturating_add(window)
    } else if candidate > expected.saturating_add(half) && candidate >= window {
        candidate.saturating_sub(window)
    } else {
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::hex;

    fn keys(version: Version) -> [String; 3] {
        let keys = Keys::of_client(version, b"\x83\x94\xc8\xf0\x3e\x51\x57\x08");
        [hex(&keys.key, 16), hex(&keys.iv, 12), hex(&keys.header, 16)]
    }

    /// RFC 9001 appendix A.1, RFC 9369 appendix A.1, and appendix A.1 of the draft.
    #[test]
    fn keys_are_as_published() {
        let expected =
            ["1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"];
        assert_eq!(keys(Version::V1), expected);
        let expected =
            ["8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"];
        assert_eq!(keys(Version::V2), expected);
        let expected =
            ["175257a31eb09dea9366d8bb79ad80ba", "6b26114b9cba2b63a9e8dd4f", "9ddd12c994c0698b89374a9c077a3077"];
        assert_eq!(keys(Version::Draft29), expected);
    }

    /// RFC 9001 appendix A.2.
    #[test]
    fn the_mask_is_as_published() {
        let keys = Keys::of_client(Version::V1, b"\x83\x94\xc8\xf0\x3e\x51\x57\x08");
        let sample = b"\xd1\xb1\xc9\x8d\xd7\x68\x9f\xb8\xec\x11\xd2\x42\xb1\x23\xdc\x9b";
        assert_eq!(keys.mask(sample), *b"\x43\x7b\x9a\xec\x36");
    }

    #[test]
    fn numbers_are_those_closest_to_what_is_expected() {
        // the example of RFC 9000 appendix A.3
        assert_eq!(whole_number(0x9b32, 2, 0xa82f_30eb), 0xa82f_9b32);
        assert_eq!(whole_number(0, 1, 0), 0);
        assert_eq!(whole_number(0xff, 1, 0), 0xff);
        assert_eq!(whole_number(0x01, 1, 0xff), 0x101);
        assert_eq!(whole_number(0xff, 1, 0x101), 0xff);
        assert_eq!(whole_number(0xffff_ffff, 4, NUMBERS - 1), NUMBERS - 1);
        assert_eq!(whole_number(0, 4, NUMBERS - 1), NUMBERS - (1 << 32));
        for expected in [0, 1, 200, 70_000, 1 << 40] {
            for number in expected..expected + 100 {
                for bytes in 1..=4 {
                    let truncated = number & ((1 << (8 * bytes)) - 1);
                    assert_eq!(whole_number(truncated, bytes, expected), number, "{number} in {bytes} at {expected}");
                }
            }
        }
    }
}
