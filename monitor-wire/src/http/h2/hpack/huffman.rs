//! Strings in the Huffman code of RFC 7541, appendix B.

/// The code: how long the codes of some bytes are in bits, and these bytes in order. It is canonical: codes count up
/// through the whole table, with zeros appended where they become longer. Behind them all is `EOS`, thirty ones.
const CODES: [(u32, &[u8]); 21] = [
    (5, b"012aceiost"),
    (6, b" %-./3456789=A_bdfghlmnpru"),
    (7, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, b"&*,;XZ"),
    (10, b"!\"()?"),
    (11, b"'+|"),
    (12, b"#>"),
    (13, b"\0$@[]~"),
    (14, b"^}"),
    (15, b"<`{"),
    (19, b"\\\xc3\xd0"),
    (20, b"\x80\x82\x83\xa2\xb8\xc2\xe0\xe2"),
    (21, b"\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6"),
    (22, b"\x81\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe\xc4\xc6\xe4\xe8\xe9"),
    (
        23,
        b"\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf\xb4\xb6\xb7\xbc\xbf\
          \xc5\xe7\xef",
    ),
    (24, b"\x09\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed"),
    (25, b"\xc7\xcf\xea\xeb"),
    (26, b"\xc0\xc1\xc8\xc9\xca\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff"),
    (27, b"\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa\xfb\xfc\xfd\xfe"),
    (
        28,
        b"\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\
          \x7f\xdc\xf9",
    ),
    (30, b"\n\r\x16"),
];

/// Bits that are looked at for one code.
const WINDOW: u32 = 32;

/// The string that some bytes encode; `None` if they don't (RFC 7541 section 5.2): `EOS` is in it, or what is left at
/// the end is eight bits and more, or isn't the beginning of `EOS`. It has at most 8/5 of their length.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut bytes = bytes.iter();
    // the last `have` bits of it
    let (mut bits, mut have) = (0_u64, 0_u32);
    loop {
        while have < WINDOW
            && let Some(&byte) = bytes.next()
        {
            bits = (bits << 8) | u64::from(byte);
            have = have.saturating_add(8);
        }
        // Behind the end are ones, as if the padding went on.
        let missing = WINDOW.saturating_sub(have);
        let ones = 1_u64.unbounded_shl(missing).saturating_sub(1);
        let window = (bits.unbounded_shl(missing) | ones).unbounded_shr(have.saturating_sub(WINDOW)) & 0xffff_ffff;
        match symbol(window) {
            Some((byte, length)) => {
                have = have.checked_sub(length)?;
                text.push(byte);
            }
            None => return (have < 8 && window == 0xffff_ffff).then_some(text),
        }
    }
}

/// The byte whose code the 32 bits begin with, and the length of that; `None` for `EOS`.
fn symbol(window: u64) -> Option<(u8, u32)> {
    let (mut first, mut last) = (0_u64, 0_u32);
    for (length, bytes) in CODES {
        first = first.unbounded_shl(length.saturating_sub(last));
        let code = window.unbounded_shr(WINDOW.saturating_sub(length));
        let place = usize::try_from(code.checked_sub(first)?).ok()?;
        if let Some(&byte) = bytes.get(place) {
            return Some((byte, length));
        }
        first = first.saturating_add(bytes.len() as u64);
        last = length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{CODES, decode};

    /// The string as a client would encode it.
    fn encode(text: &[u8]) -> Vec<u8> {
        let mut bits = String::new();
        for byte in text {
            let (mut code, mut last) = (0_usize, 0);
            for (length, bytes) in CODES {
                code <<= length - last;
                last = length;
                if let Some(place) = bytes.iter().position(|known| known == byte) {
                    bits.push_str(&format!("{:0width$b}", code + place, width = length as usize));
                    break;
                }
                code += bytes.len();
            }
        }
        while !bits.len().is_multiple_of(8) {
            bits.push('1');
        }
        bits.as_bytes().chunks(8).map(|bits| u8::from_str_radix(str::from_utf8(bits).unwrap(), 2).unwrap()).collect()
    }

    #[test]
    fn the_code_has_every_byte_once_and_is_complete() {
        let mut known: Vec<u8> = CODES.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        known.sort_unstable();
        assert_eq!(known, (0..=255).collect::<Vec<u8>>());
        // Kraft's sum, with EOS: not one code more would fit.
        let sum: u64 = CODES.iter().map(|(length, bytes)| (bytes.len() as u64) << (30 - length)).sum();
        assert_eq!(sum + 1, 1 << 30);
        // some of the table in RFC 7541, appendix B
        for (byte, code) in [
            (b'0', "07"),
            (b'a', "1f"),
            (b' ', "53"),
            (b'&', "f8"),
            (b'\\', "fffe1f"),
            (0x80, "fffe6f"),
            (0, "ffc7"),
            (249, "ffffffef"),
            (22, "fffffffb"),
            (255, "fffffbbf"),
        ] {
            let hex: String = encode(&[byte]).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, code, "{byte}");
        }
    }

    #[test]
    fn reads_what_was_written() {
        let all: Vec<u8> = (0..=255).collect();
        for text in [&b""[..], b"0", b"www.example.com", b"12345678", &all] {
            assert_eq!(decode(&encode(text)).as_deref(), Some(text));
        }
        for byte in all {
            assert_eq!(decode(&encode(&[byte; 5])), Some(vec![byte; 5]));
        }
    }

    #[test]
    fn refuses_other_padding_and_the_end_of_strings() {
        for bytes in [
            &b"\xff"[..],
            b"\x1f\xff",
            b"\x1f\xff\xff\xff",
            b"\x00",
            b"\x1e",
            b"\x53\xf8\xf8\xf8\xf0",
            b"\xff\xff\xff\xfc",
            b"\xff\xff\xff\xff",
            b"\xff\xff\xff\xff\xfc",
        ] {
            assert_eq!(decode(bytes), None, "{bytes:x?}");
        }
    }
}
