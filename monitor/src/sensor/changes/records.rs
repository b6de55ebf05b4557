//! What a fanotify group that reports file handles gives, taken apart (`struct fanotify_event_metadata`,
//! `struct fanotify_event_info_fid`; include/uapi/linux/fanotify.h).

use crate::sensor::handle::{Handle, MAX_HANDLE};

/// `FAN_EVENT_INFO_TYPE_*`.
const FID: u8 = 1;
const DFID_NAME: u8 = 2;
const DFID: u8 = 3;
const OLD_DFID_NAME: u8 = 10;
const NEW_DFID_NAME: u8 = 12;
/// Size of `struct fanotify_event_metadata`.
const METADATA: usize = 24;
/// Header and file system id before a handle.
const BEFORE_HANDLE: usize = 12;

/// A directory and a name in it.
pub(super) type Name = (Handle, Vec<u8>);

/// One event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) mask: u64,
    /// Thread group; 0 if it is in none that is visible here.
    pub(super) pid: u32,
    /// What it happened to.
    pub(super) object: Option<Handle>,
    /// The directory entry concerned.
    pub(super) at: Option<Name>,
    /// Of a rename: the old entry, if its directory is marked.
    pub(super) from: Option<Name>,
    /// Of a rename: the new entry, if its directory is marked.
    pub(super) to: Option<Name>,
}

/// The events of one reading; what is cut or malformed ends them.
pub(super) fn parse(mut bytes: &[u8]) -> Vec<Raw> {
    let mut events = Vec::new();
    while let Some((event, rest)) = one(bytes) {
        events.push(event);
        bytes = rest;
    }
    events
}

fn one(bytes: &[u8]) -> Option<(Raw, &[u8])> {
    let len = usize::try_from(u32::from_ne_bytes(array(bytes, 0)?)).ok()?;
    let metadata = usize::from(u16::from_ne_bytes(array(bytes, 6)?));
    if len < METADATA || metadata < METADATA {
        return None;
    }
    let (event, rest) = bytes.split_at_checked(len)?;
    let mask = u64::from_ne_bytes(array(event, 8)?);
    let pid = u32::try_from(i32::from_ne_bytes(array(event, 20)?)).unwrap_or(0);
    let mut raw = Raw { mask, pid, ..Raw::default() };
    let mut records = event.get(metadata..)?;
    while let [kind, _, ..] = *records {
        let size = usize::from(u16::from_ne_bytes(array(records, 2)?));
        if size < 4 {
            break;
        }
        let Some((record, after)) = records.split_at_checked(size) else { break };
        match kind {
            FID => raw.object = handle(record).map(|(handle, _)| handle),
            DFID | DFID_NAME => raw.at = handle(record).map(named),
            OLD_DFID_NAME => raw.from = handle(record).map(named),
            NEW_DFID_NAME => raw.to = handle(record).map(named),
            _ => {}
        }
        records = after;
    }
    Some((raw, rest))
}

/// The handle of a record, and what follows it.
fn handle(record: &[u8]) -> Option<(Handle, &[u8])> {
    let len = usize::try_from(u32::from_ne_bytes(array(record, BEFORE_HANDLE)?)).ok()?;
    let kind = i32::from_ne_bytes(array(record, BEFORE_HANDLE + 4)?);
    let (bytes, rest) = record.get(BEFORE_HANDLE + 8..)?.split_at_checked(len)?;
    (len <= MAX_HANDLE).then(|| (Handle { kind, bytes: bytes.to_vec() }, rest))
}

fn named((handle, rest): (Handle, &[u8])) -> Name {
    (handle, rest.split(|byte| *byte == 0).next().unwrap_or_default().to_vec())
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{Handle, parse};

    /// As Linux 6.18 wrote it for a rename out of a marked directory (ext4), and the move of the inode itself.
    fn seen() -> Vec<u8> {
        let record = |kind: u8, handle: &[u8], name: &[u8]| {
            let mut record = vec![kind, 0, 0, 0];
            record.extend([0; 8]);
            record.extend(u32::try_from(handle.len()).unwrap().to_ne_bytes());
            record.extend(1i32.to_ne_bytes());
            record.extend(handle);
            record.extend(name);
            while record.len() % 4 != 0 {
                record.push(0);
            }
            let len = u16::try_from(record.len()).unwrap().to_ne_bytes();
            record[2..4].copy_from_slice(&len);
            record
        };
        let event = |mask: u64, records: &[Vec<u8>]| {
            let records = records.concat();
            let mut event = u32::try_from(24 + records.len()).unwrap().to_ne_bytes().to_vec();
            event.extend([3, 0, 24, 0]);
            event.extend(mask.to_ne_bytes());
            event.extend((-1i32).to_ne_bytes());
            event.extend(4711i32.to_ne_bytes());
            event.extend(records);
            event
        };
        let object = record(1, &[10, 96, 154, 0, 44, 89, 232, 89], b"");
        [
            event(0x1000_0000, &[record(10, &[8, 96, 154, 0, 131, 194, 122, 157], b"store\0"), object.clone()]),
            event(0x800, &[object]),
        ]
        .concat()
    }

    #[test]
    fn a_rename_has_its_old_name_and_its_object() {
        let events = parse(&seen());
        assert_eq!(events.len(), 2);
        assert_eq!((events[0].mask, events[0].pid), (0x1000_0000, 4711));
        let (dir, name) = events[0].from.clone().unwrap();
        assert_eq!((dir.kind, dir.bytes.len(), name.as_slice()), (1, 8, &b"store"[..]));
        assert_eq!((&events[0].to, &events[0].at), (&None, &None));
        let object = Handle { kind: 1, bytes: vec![10, 96, 154, 0, 44, 89, 232, 89] };
        assert_eq!(events[0].object.as_ref(), Some(&object));
        assert_eq!(events[1].object.as_ref(), Some(&object));
    }

    #[test]
    fn any_cut_and_any_byte_are_survived() {
        let whole = seen();
        for at in 0..whole.len() {
            assert!(parse(&whole[..at]).len() < 2);
            for value in [0, 1, 255] {
                let mut changed = whole.clone();
                changed[at] = value;
                assert!(parse(&changed).len() <= 2);
            }
        }
    }
}
