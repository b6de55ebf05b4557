//! The record layer below the handshake (RFC 8446 section 5.1): only as much of it as comes before any key.

use super::{Progress, Reject, Transport, hello};
use crate::limits;

/// Content type of records that carry handshake messages.
const HANDSHAKE: u8 = 22;

/// Takes the first bytes that a client sends on a TCP connection, in pieces of any size, and the hello in any number of
/// records.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Once it isn't `Incomplete`, it stays.
    answer: Progress,
    /// Bytes of the record's header that are read.
    header: u8,
    /// Length of the record, then what is left of it.
    left: u16,
    /// The handshake message so far, which never outgrows [`limits::TLS_HELLO`] by more than a record.
    message: Vec<u8>,
}

impl Reader {
    /// At the beginning of a connection.
    pub const fn new() -> Self {
        Self { answer: Progress::Incomplete, header: 0, left: 0, message: Vec::new() }
    }

    /// Takes the next bytes. What follows the hello is not looked at.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Progress {
        while self.answer == Progress::Incomplete
            && let Some((&first, rest)) = bytes.split_first()
        {
            if self.left > 0 && self.header == 5 {
                let count = bytes.len().min(self.left.into());
                let (part, rest) = bytes.split_at_checked(count).unwrap_or((bytes, &[]));
                bytes = rest;
                self.body(part);
            } else {
                bytes = rest;
                self.head(first);
            }
        }
        if self.answer != Progress::Incomplete {
            self.message = Vec::new();
        }
        self.answer.clone()
    }

    /// Bytes of the connection are missing here.
    pub fn gap(&mut self) -> Progress {
        if self.answer == Progress::Incomplete {
            self.reject(Reject::Lost);
            self.message = Vec::new();
        }
        self.answer.clone()
    }

    /// Each byte is judged as it comes, so that another protocol is known by its first ones.
    fn head(&mut self, byte: u8) {
        let fine = match self.header {
            0 => byte == HANDSHAKE,
            1 => byte == 3,
            // The version of a record says nothing (RFC 8446 section 5.1), but no client has ever sent another.
            2 => (1..=4).contains(&byte),
            3 => {
                self.left = u16::from_be_bytes([byte, 0]);
                true
            }
            _ => {
                self.left |= u16::from(byte);
                // An empty record of this type is forbidden, and a stream of them would never end.
                (1..=limits::TLS_RECORD).contains(&self.left)
            }
        };
        if !fine {
            let first = self.message.is_empty() && self.header < 3;
            return self.reject(if first { Reject::NotTls } else { Reject::Malformed });
        }
        self.header = self.header.saturating_add(1);
    }

    fn body(&mut self, part: &[u8]) {
        self.message.extend_from_slice(part);
        self.left = u16::try_from(part.len()).map_or(0, |count| self.left.saturating_sub(count));
        if self.left == 0 {
            self.header = 0;
        }
        self.answer = hello(&self.message, Transport::Tcp);
    }

    fn reject(&mut self, reject: Reject) {
        self.answer = Progress::Reject(reject);
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}
