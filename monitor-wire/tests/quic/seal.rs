//! Initial packets as a client makes them (RFC 9001 section 5), written apart from the code under test, and held to the
//! published ones by `recorded.rs`. The fuzz target uses it too.

use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::BlockCipherEncrypt;
use aes_gcm::{AeadInOut, Aes128Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;

pub const V1: u32 = 1;
pub const V2: u32 = 0x6b33_43cf;

/// A packet's header.
#[derive(Debug, Clone)]
pub struct Header {
    pub version: u32,
    /// The connection id that the keys are made of.
    pub keys_of: Vec<u8>,
    pub dcid: Vec<u8>,
    pub scid: Vec<u8>,
    pub token: Vec<u8>,
    pub number: u64,
    /// Bytes of the number that are sent.
    pub number_bytes: usize,
}

impl Header {
    pub fn new(version: u32, dcid: &[u8], number: u64) -> Self {
        let (keys_of, dcid) = (dcid.to_vec(), dcid.to_vec());
        Self { version, keys_of, dcid, scid: b"source".to_vec(), token: Vec::new(), number, number_bytes: 4 }
    }
}

/// Frames with padding behind them, so that the datagram has 1200 bytes at least.
pub fn padded(header: &Header, frames: &[u8]) -> Vec<u8> {
    let overhead = seal(header, &[0; 1000]).len() - 1000;
    let mut frames = frames.to_vec();
    frames.resize(frames.len().max(1200 - overhead), 0);
    seal(header, &frames)
}

/// A packet with these frames, of which there are at least four bytes.
pub fn seal(header: &Header, frames: &[u8]) -> Vec<u8> {
    let (salt, labels, kind) = match header.version {
        V1 => ("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", ["quic key", "quic iv", "quic hp"], 0),
        V2 => ("0dede3def700a6db819381be6e269dcbf9bd2ed9", ["quicv2 key", "quicv2 iv", "quicv2 hp"], 1),
        _ => ("afbfec289993d24c9e9786f19c6111e04390a899", ["quic key", "quic iv", "quic hp"], 0),
    };
    let (_, initial) = Hkdf::<Sha256>::extract(Some(&hex(salt)), &header.keys_of);
    let client = Hkdf::<Sha256>::from_prk(&expand(&initial, "client in", 32)).expect("as long as a hash");
    let [key, iv, mask] = labels;
    let (key, iv, mask) = (expand(&client, key, 16), expand(&client, iv, 12), expand(&client, mask, 16));

    let size = header.number_bytes;
    let first = 0xc0 | kind << 4 | (size as u8 - 1);
    let mut packet = [&[first][..], &header.version.to_be_bytes()].concat();
    for id in [&header.dcid, &header.scid] {
        packet.push(id.len() as u8);
        packet.extend(id);
    }
    packet.extend(varint(header.token.len() as u64));
    packet.extend(&header.token);
    packet.extend(varint((size + frames.len() + 16) as u64));
    let number_at = packet.len();
    packet.extend(&header.number.to_be_bytes()[8 - size..]);

    let mut nonce: [u8; 12] = iv.try_into().expect("12 bytes");
    for (byte, number) in nonce[4..].iter_mut().zip(header.number.to_be_bytes()) {
        *byte ^= number;
    }
    let mut body = frames.to_vec();
    let cipher = Aes128Gcm::new_from_slice(&key).expect("16 bytes");
    let tag = cipher.encrypt_inout_detached(&nonce.into(), &packet, body.as_mut_slice().into()).expect("short");
    packet.extend(body);
    packet.extend(tag);

    let sample: [u8; 16] = packet[number_at + 4..number_at + 20].try_into().expect("16 bytes");
    let mut block = sample.into();
    Aes128::new_from_slice(&mask).expect("16 bytes").encrypt_block(&mut block);
    packet[0] ^= block[0] & 0x0f;
    for at in 0..size {
        packet[number_at + at] ^= block[at + 1];
    }
    packet
}

/// A CRYPTO frame.
pub fn crypto(offset: u64, data: &[u8]) -> Vec<u8> {
    [&[6][..], &varint(offset), &varint(data.len() as u64), data].concat()
}

/// A number as short as it goes.
pub fn varint(value: u64) -> Vec<u8> {
    match value {
        0..0x40 => vec![value as u8],
        0x40..0x4000 => (value as u16 | 0x4000).to_be_bytes().to_vec(),
        0x4000..0x4000_0000 => (value as u32 | 0x8000_0000).to_be_bytes().to_vec(),
        _ => (value | 0xc000_0000_0000_0000).to_be_bytes().to_vec(),
    }
}

fn expand(secret: &Hkdf<Sha256>, label: &str, length: u8) -> Vec<u8> {
    let label = format!("tls13 {label}");
    let info = [&[0, length, label.len() as u8], label.as_bytes(), &[0]].concat();
    let mut out = vec![0; length.into()];
    secret.expand(&info, &mut out).expect("short");
    out
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect()
}
