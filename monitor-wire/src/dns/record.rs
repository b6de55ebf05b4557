//! Resource records (RFC 1035 section 3.2.1), as far as they name an address or another name.

use std::net::IpAddr;

use super::name::Name;
use crate::cursor::Cursor;

/// RFC 1035 section 3.2.2.
pub(super) const A: u16 = 1;
/// RFC 1035 section 3.2.2.
pub(super) const CNAME: u16 = 5;
/// RFC 3596 section 2.1.
pub(super) const AAAA: u16 = 28;
/// RFC 6672 section 2.1.
pub(super) const DNAME: u16 = 39;
/// RFC 9460 section 14.
pub(super) const SVCB: u16 = 64;
/// RFC 9460 section 14.
pub(super) const HTTPS: u16 = 65;

/// RFC 1035 section 3.2.4.
pub(super) const IN: u16 = 1;

/// A record of the answer section.
#[derive(Debug)]
pub(super) struct Record {
    pub owner: Name,
    pub kind: u16,
    pub ttl: u32,
    pub data: Data,
}

/// What it says.
#[derive(Debug)]
pub(super) enum Data {
    Address(IpAddr),
    /// The owner is another name for this one.
    Alias(Name),
    /// Whatever is below the owner is, by the same labels, below this one.
    Subtree(Name),
    /// RFC 9460 section 2.
    Service(Service),
    /// Of a type that is read, but not as that type is.
    Broken,
    /// Of a type or class that isn't read.
    Other,
}

/// Where a service is.
#[derive(Debug)]
pub(super) struct Service {
    /// Priority 0: the owner is only another name for the target.
    pub alias: bool,
    pub target: Name,
    pub hints: Vec<IpAddr>,
}

impl Record {
    /// The record at `at` in `message`, and where the next one begins.
    pub(super) fn read(message: &[u8], at: usize) -> Option<(Self, usize)> {
        let (owner, at) = Name::read(message, at)?;
        let mut cursor = Cursor::new(message.get(at..)?);
        let (kind, class, ttl) = (cursor.u16()?, cursor.u16()?, cursor.u32()?);
        let length = usize::from(cursor.u16()?);
        let start = message.len().saturating_sub(cursor.rest().len());
        cursor.take(length)?;
        let end = start.saturating_add(length);
        let data = if class == IN { data(kind, message.get(..end)?, start) } else { Data::Other };
        // A time with its highest bit set is to be taken as none (RFC 2181 section 8).
        let ttl = if ttl > u32::MAX >> 1 { 0 } else { ttl };
        Some((Self { owner, kind, ttl, data }, end))
    }
}

/// The data from `start` to the end of `message`, which is cut there.
fn data(kind: u16, message: &[u8], start: usize) -> Data {
    let bytes = message.get(start..).unwrap_or_default();
    let name = || Name::read(message, start).filter(|(_, end)| *end == message.len()).map(|(name, _)| name);
    let read = match kind {
        A => <[u8; 4]>::try_from(bytes).ok().map(|address| Data::Address(address.into())),
        AAAA => <[u8; 16]>::try_from(bytes).ok().map(|address| Data::Address(address.into())),
        CNAME => name().map(Data::Alias),
        DNAME => name().map(Data::Subtree),
        SVCB | HTTPS => service(message, start).map(Data::Service),
        _ => return Data::Other,
    };
    read.unwrap_or(Data::Broken)
}

/// RFC 9460 section 2.2. The target must not be compressed; a pointer there is followed all the same, as other readers do.
fn service(message: &[u8], start: usize) -> Option<Service> {
    let alias = Cursor::new(message.get(start..)?).u16()? == 0;
    let (target, at) = Name::read(message, start.checked_add(2)?)?;
    let mut hints = Vec::new();
    let mut cursor = Cursor::new(message.get(at..)?);
    let mut last = None;
    // Parameters of an alias are to be ignored (RFC 9460 section 2.4.2).
    while !alias && !cursor.is_empty() {
        let key = cursor.u16()?;
        let value = cursor.block16()?;
        if last.is_some_and(|last| key <= last) {
            return None;
        }
        last = Some(key);
        match key {
            4 => hints.extend(addresses::<4>(value)?),
            6 => hints.extend(addresses::<16>(value)?),
            _ => {}
        }
    }
    Some(Service { alias, target, hints })
}

/// RFC 9460 section 7.3.
fn addresses<const SIZE: usize>(value: Cursor<'_>) -> Option<impl Iterator<Item = IpAddr>>
where
    IpAddr: From<[u8; SIZE]>,
{
    let (list, odd) = value.rest().as_chunks::<SIZE>();
    (odd.is_empty() && !list.is_empty()).then(|| list.iter().copied().map(IpAddr::from))
}
