//! Bytes of a ring to a checked record. Nothing is cast: every part is copied out after a length check.

use monitor_abi::header::{
    Header, KIND_CHANGE, KIND_CHANGE_RESOLVED, KIND_EXEC, KIND_EXIT, KIND_FORK, KIND_INET, KIND_OPEN, KIND_PACKET,
    KIND_PROC_OPEN, KIND_REACH, KIND_SOCK_STATE, KIND_SOCKET, KIND_STREAM, KIND_STREAM_GAP, KIND_TLS_END, KIND_UNIX,
    KIND_URING,
};
use monitor_abi::{file, memory, packet, process, socket, stream, tls};
use thiserror::Error;
use zerocopy::FromBytes;

/// A record that is not what the contract says; counted, never fatal.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Shorter than its parts.
    #[error("record of kind {0} is cut")]
    Short(u16),
    /// Unknown kind.
    #[error("record of unknown kind {0}")]
    Unknown(u16),
}

/// A record with its tail, borrowed from the batch.
#[derive(Debug)]
pub struct Record<'a> {
    /// The head.
    pub head: Header,
    /// The rest.
    pub body: Body<'a>,
}

/// The parts of a record by kind.
#[derive(Debug)]
pub enum Body<'a> {
    /// A process was created.
    Fork(process::Fork),
    /// A program was executed: path, argv (NUL-separated), cwd.
    Exec(process::Exec, &'a [u8], &'a [u8], &'a [u8]),
    /// A process ended.
    Exit(process::Exit),
    /// A file was opened: resolved path, string as passed.
    Open(file::Open, &'a [u8], &'a [u8]),
    /// A watched process's procfs file was opened.
    ProcOpen(file::ProcOpen),
    /// A name or mode was changed.
    Change(file::Change, Changed<'a>),
    /// A name or mode is being changed: resolved path, second path.
    Resolved(file::Resolved, &'a [u8], &'a [u8]),
    /// An inet operation.
    Inet(socket::Inet),
    /// A connection changed state.
    State(socket::State),
    /// A unix connect: resolved path, name as passed.
    Unix(socket::Unix, &'a [u8], &'a [u8]),
    /// An unusual socket.
    Made(socket::Made),
    /// Stream bytes.
    Stream(stream::Data, &'a [u8]),
    /// Missing stream bytes.
    Gap(stream::Gap),
    /// A packet that may name whom its connection is for.
    Packet(packet::Packet, &'a [u8]),
    /// A TLS connection's object is given back.
    TlsEnd(tls::End),
    /// One process reached for another.
    Reach(memory::Reach),
    /// An io_uring request.
    Uring(socket::Uring),
}

/// Paths of a change: as passed, and the folders that relative ones start from.
#[derive(Debug, Clone, Copy)]
pub struct Changed<'a> {
    /// First path.
    pub path: &'a [u8],
    /// Second path.
    pub to: &'a [u8],
    /// Folder of the first path; empty if it is absolute.
    pub base: &'a [u8],
    /// Folder of the second path.
    pub to_base: &'a [u8],
}

/// Reads just the head.
pub fn head(bytes: &[u8]) -> Option<Header> {
    Header::read_from_prefix(bytes).ok().map(|(head, _)| head)
}

/// Reads just the kind.
pub fn kind(bytes: &[u8]) -> Option<u16> {
    let at = core::mem::offset_of!(Header, kind);
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Checks and takes apart one record.
pub fn decode(bytes: &[u8]) -> Result<Record<'_>, DecodeError> {
    let Ok((head, rest)) = Header::read_from_prefix(bytes) else { return Err(DecodeError::Short(0)) };
    let mut parts = Parts { rest, kind: head.kind };
    let body = match head.kind {
        KIND_FORK => Body::Fork(parts.fixed()?),
        KIND_EXEC => {
            let fixed: process::Exec = parts.fixed()?;
            let path = parts.take(fixed.path_len)?;
            let argv = parts.take(fixed.argv_len)?;
            let cwd = parts.take(fixed.cwd_len)?;
            Body::Exec(fixed, path, argv, cwd)
        }
        KIND_EXIT => Body::Exit(parts.fixed()?),
        KIND_OPEN => {
            let fixed: file::Open = parts.fixed()?;
            let path = parts.take(fixed.path_len)?;
            let via = parts.take(fixed.via_len)?;
            Body::Open(fixed, path, via)
        }
        KIND_PROC_OPEN => Body::ProcOpen(parts.fixed()?),
        KIND_CHANGE => {
            let fixed: file::Change = parts.fixed()?;
            let path = parts.take(fixed.path_len)?;
            let to = parts.take(fixed.to_len)?;
            let base = parts.take(fixed.base_len)?;
            let to_base = parts.take(fixed.base2_len)?;
            Body::Change(fixed, Changed { path, to, base, to_base })
        }
        KIND_CHANGE_RESOLVED => {
            let fixed: file::Resolved = parts.fixed()?;
            let path = parts.take(fixed.path_len)?;
            let to = parts.take(fixed.to_len)?;
            Body::Resolved(fixed, path, to)
        }
        KIND_INET => Body::Inet(parts.fixed()?),
        KIND_SOCK_STATE => Body::State(parts.fixed()?),
        KIND_UNIX => {
            let fixed: socket::Unix = parts.fixed()?;
            let path = parts.take(fixed.path_len)?;
            let via = parts.take(fixed.via_len)?;
            Body::Unix(fixed, path, via)
        }
        KIND_SOCKET => Body::Made(parts.fixed()?),
        KIND_STREAM => {
            let fixed: stream::Data = parts.fixed()?;
            let data = parts.take(fixed.data_len)?;
            Body::Stream(fixed, data)
        }
        KIND_STREAM_GAP => Body::Gap(parts.fixed()?),
        KIND_PACKET => {
            let fixed: packet::Packet = parts.fixed()?;
            let data = parts.take(fixed.data_len)?;
            Body::Packet(fixed, data)
        }
        KIND_TLS_END => Body::TlsEnd(parts.fixed()?),
        KIND_REACH => Body::Reach(parts.fixed()?),
        KIND_URING => Body::Uring(parts.fixed()?),
        kind => return Err(DecodeError::Unknown(kind)),
    };
    Ok(Record { head, body })
}

struct Parts<'a> {
    rest: &'a [u8],
    kind: u16,
}

impl<'a> Parts<'a> {
    fn fixed<T: FromBytes>(&mut self) -> Result<T, DecodeError> {
        let (value, rest) = T::read_from_prefix(self.rest).map_err(|_| DecodeError::Short(self.kind))?;
        self.rest = rest;
        Ok(value)
    }

    fn take(&mut self, len: u32) -> Result<&'a [u8], DecodeError> {
        let (part, rest) = self.rest.split_at_checked(len as usize).ok_or(DecodeError::Short(self.kind))?;
        self.rest = rest;
        Ok(part)
    }
}

#[cfg(test)]
mod tests {
    use monitor_abi::header::{Header, KIND_OPEN};
    use zerocopy::IntoBytes;

    use super::{Body, DecodeError, decode};

    fn open_record() -> Vec<u8> {
        let head = Header { kind: KIND_OPEN, tgid: 7, ..Header::default() };
        let open = monitor_abi::file::Open { ino: 5, path_len: 4, via_len: 2, ..Default::default() };
        [head.as_bytes(), open.as_bytes(), b"/etc", b"xy"].concat()
    }

    #[test]
    fn parts_come_apart() {
        let bytes = open_record();
        let record = decode(&bytes).unwrap();
        assert_eq!(record.head.tgid, 7);
        assert_eq!(super::kind(&bytes), Some(KIND_OPEN));
        let Body::Open(open, path, via) = record.body else { panic!("kind") };
        assert_eq!((open.ino, path, via), (5, &b"/etc"[..], &b"xy"[..]));
    }

    #[test]
    fn every_cut_is_refused() {
        let bytes = open_record();
        for len in 0..bytes.len() {
            assert!(matches!(decode(&bytes[..len]), Err(DecodeError::Short(_))), "{len}");
        }
    }

    #[test]
    fn an_unknown_kind_is_named() {
        let head = Header { kind: 999, ..Header::default() };
        assert_eq!(decode(head.as_bytes()).unwrap_err(), DecodeError::Unknown(999));
    }
}
