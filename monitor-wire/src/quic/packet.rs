//! Long headers as they stand on the wire, under their protection (RFC 9000 section 17.2, RFC 9001 section 5.4).

use super::keys::Version;
use crate::cursor::Cursor;
use crate::tls::Reject;

/// Bytes of the smallest datagram in which a client may send an Initial packet (RFC 9000 section 14.1).
pub(super) const SMALLEST: usize = 1200;

/// Bytes of a connection id in the versions that are known here (RFC 9000 section 17.2).
const LONGEST_ID: usize = 20;

/// Bytes of the destination connection id that a client begins with, at least (RFC 9000 section 7.2).
const SHORTEST_FIRST_ID: u8 = 8;

/// The form of a header; set in long ones (RFC 8999 section 5.1).
const LONG: u8 = 0x80;
/// Set unless both sides have agreed otherwise (RFC 9287).
const FIXED: u8 = 0x40;

/// A packet with a long header that has a length, so that another packet may follow it in its datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub version: Version,
    /// Destination connection id.
    pub dcid: &'a [u8],
    /// Else it is one of a later kind, of which nothing is needed.
    pub initial: Option<Initial<'a>>,
    /// What follows it.
    pub rest: &'a [u8],
}

/// An Initial packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Initial<'a> {
    /// From its first byte to its last.
    pub bytes: &'a [u8],
    /// Where its number begins.
    pub number_at: usize,
}

impl<'a> Packet<'a> {
    /// Reads the packet at the front of the rest of a datagram, of which `missing` bytes after `bytes` aren't there.
    pub(super) fn read(bytes: &'a [u8], missing: usize) -> Result<Self, Reject> {
        let (none, broken) =
            if missing > 0 { (Reject::Lost, Reject::Lost) } else { (Reject::NotQuic, Reject::Malformed) };
        let mut cursor = Cursor::new(bytes);
        let first = cursor.u8().ok_or(none)?;
        if first & LONG == 0 {
            return Err(Reject::NotQuic);
        }
        let number = cursor.u32().ok_or(none)?;
        let version = match Version::of(number) {
            Some(version) => version,
            // Version Negotiation, which servers send (RFC 9000 section 17.2.1).
            None if number == 0 => return Err(Reject::NotHello),
            // Other protocols set the first bit too. What a client begins with is as large in an unknown version as in
            // a known one, and its connection id is chosen at random.
            None if first & FIXED != 0
                && bytes.len().saturating_add(missing) >= SMALLEST
                && cursor.u8() >= Some(SHORTEST_FIRST_ID) =>
            {
                return Err(Reject::Version);
            }
            None => return Err(Reject::NotQuic),
        };
        let dcid = id(&mut cursor, broken)?;
        let _scid = id(&mut cursor, broken)?;
        let kind = first >> 4 & 3;
        if kind == version.retry() {
            return Err(Reject::NotHello);
        }
        if kind != version.initial() {
            let rest = cursor.block().map_or(&[][..], |_| cursor.rest());
            return Ok(Self { version, dcid, initial: None, rest });
        }
        let _token = cursor.block().ok_or(broken)?;
        let length = cursor.varint().ok_or(broken)?;
        let number_at = bytes.len().saturating_sub(cursor.rest().len());
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > cursor.rest().len().saturating_add(missing) {
            return Err(Reject::Malformed);
        }
        // What is cut isn't authentic: whoever sent it may want just this to be read.
        let (bytes, rest) = bytes.split_at_checked(number_at.saturating_add(length)).ok_or(Reject::Lost)?;
        Ok(Self { version, dcid, initial: Some(Initial { bytes, number_at }), rest })
    }
}

fn id<'a>(cursor: &mut Cursor<'a>, broken: Reject) -> Result<&'a [u8], Reject> {
    let length = cursor.u8().ok_or(broken)?.into();
    if length > LONGEST_ID {
        return Err(Reject::Malformed);
    }
    cursor.take(length).ok_or(broken)
}

/// Whether a datagram begins as a QUIC client's first one must: a long header, the fixed bit, a version that is known,
/// the type Initial, and a destination connection id of at least 8 bytes, in a datagram of at least 1200 (RFC 9000
/// sections 7.2 and 14.1). What STUN, DTLS, DNS or RTP send never does (RFC 9443 section 3).
///
/// Of a datagram that was cut, at least 1200 bytes are needed.
pub fn looks_like_quic(datagram: &[u8]) -> bool {
    let mut cursor = Cursor::new(datagram);
    let (Some(first), Some(version), Some(dcid)) =
        (cursor.u8(), cursor.u32().and_then(Version::of), cursor.block8().map(|id| id.rest()))
    else {
        return false;
    };
    datagram.len() >= SMALLEST
        && first & (LONG | FIXED) == LONG | FIXED
        && first >> 4 & 3 == version.initial()
        && (usize::from(SHORTEST_FIRST_ID)..=LONGEST_ID).contains(&dcid.len())
}
