//! The frames that Initial packets may hold (RFC 9000 sections 12.4 and 19).

use crate::cursor::Cursor;

/// Part of the handshake (RFC 9000 section 19.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crypto<'a> {
    /// Where it begins.
    pub offset: u64,
    pub data: &'a [u8],
}

/// What a packet says of the handshake, in its own order. `None` when a frame is broken, or of a kind that no Initial
/// packet may hold: nobody knows then what follows it, and a server closes the connection.
pub(super) fn crypto(frames: &[u8]) -> Option<Vec<Crypto<'_>>> {
    const PADDING: u64 = 0x00;
    const PING: u64 = 0x01;
    const ACK: u64 = 0x02;
    const ACK_ECN: u64 = 0x03;
    const CRYPTO: u64 = 0x06;
    const CONNECTION_CLOSE: u64 = 0x1c;

    let mut cursor = Cursor::new(frames);
    let mut found = Vec::new();
    while !cursor.is_empty() {
        match cursor.varint()? {
            PADDING | PING => {}
            kind @ (ACK | ACK_ECN) => {
                let (_largest, _delay, ranges, _first) =
                    (cursor.varint()?, cursor.varint()?, cursor.varint()?, cursor.varint()?);
                for _ in 0..ranges {
                    let (_gap, _length) = (cursor.varint()?, cursor.varint()?);
                }
                if kind == ACK_ECN {
                    let _counts = (cursor.varint()?, cursor.varint()?, cursor.varint()?);
                }
            }
            CRYPTO => {
                let offset = cursor.varint()?;
                found.push(Crypto { offset, data: cursor.block()?.rest() });
            }
            CONNECTION_CLOSE => {
                let (_error, _kind, _reason) = (cursor.varint()?, cursor.varint()?, cursor.block()?);
            }
            _ => return None,
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(frames: &[u8]) -> Option<Vec<(u64, &[u8])>> {
        crypto(frames).map(|found| found.into_iter().map(|one| (one.offset, one.data)).collect())
    }

    #[test]
    fn what_is_no_handshake_is_skipped() {
        let frames = [
            &[0, 0, 1, 0x06, 0x40, 5, 2, 7, 8][..],
            // an acknowledgement with two more ranges, and one with counts
            &[0x02, 9, 0, 2, 1, 0, 0, 0x40, 1, 0, 0x03, 1, 0x44, 0, 0, 0, 1, 2, 3],
            &[0x1c, 0x41, 0x28, 0, 3, b'b', b'y', b'e', 0x06, 0, 0, 0x40, 0x01],
        ]
        .concat();
        assert_eq!(found(&frames), Some(vec![(5, &[7, 8][..]), (0, &[])]));
        assert_eq!(found(&[]), Some(Vec::new()));
    }

    #[test]
    fn a_broken_frame_or_another_kind_spoils_the_packet() {
        let whole = [0x06, 0, 1, 7];
        let cases: [&[u8]; 12] = [
            &[0x06, 0, 2, 7],
            &[0x06, 0],
            &[0x06],
            &[0x40],
            &[0x02, 9, 0, 2, 1, 0, 0, 1],
            &[0x02, 9, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0],
            &[0x03, 1, 0, 0, 0, 1, 2],
            &[0x1c, 1, 0, 3, 7, 7],
            // what only later packets hold: STREAM, an application's close, HANDSHAKE_DONE, and what nobody has defined
            &[0x08, 0, 1],
            &[0x1d, 1, 0],
            &[0x1e],
            &[0x21],
        ];
        for frames in cases {
            assert_eq!(found(&[&whole, frames].concat()), None, "{frames:x?}");
        }
    }
}
