//! Messages over TCP (RFC 1035 section 4.2.2, RFC 7766 section 8).

use super::{Answer, Reject, parse};
use crate::limits;

/// One direction of a connection to a name server, in pieces of any size.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// The message so far, behind its length in two bytes.
    buffer: Vec<u8>,
    /// Rejected messages since the last good one.
    rejects: u32,
    over: bool,
}

impl Stream {
    /// At the beginning of a connection.
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), rejects: 0, over: false }
    }

    /// Takes the next bytes, and gives each message that they end. A message that is rejected leaves those after it as they
    /// are.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<Result<Answer, Reject>>) {
        while !self.over && !bytes.is_empty() {
            let count = self.wanted().saturating_sub(self.buffer.len()).min(bytes.len());
            let (part, rest) = bytes.split_at_checked(count).unwrap_or((bytes, &[]));
            bytes = rest;
            self.buffer.extend_from_slice(part);
            if self.buffer.len() == self.wanted()
                && let Some((_, message)) = self.buffer.split_first_chunk::<2>()
            {
                let read = parse(message);
                self.buffer.clear();
                self.rejects = if read.is_ok() { 0 } else { self.rejects.saturating_add(1) };
                out.push(read);
                if self.rejects == limits::DNS_REJECTS {
                    self.end(Reject::NotDns, out);
                }
            }
        }
    }

    /// Bytes of the connection are missing here. Nothing says where the next message begins.
    pub fn gap(&mut self, out: &mut Vec<Result<Answer, Reject>>) {
        if !self.over {
            self.end(Reject::Lost, out);
        }
    }

    /// Nothing more is understood.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Bytes of the buffer with which there is more to know: the length, then the message.
    fn wanted(&self) -> usize {
        self.buffer.first_chunk().map_or(2, |length| usize::from(u16::from_be_bytes(*length)).saturating_add(2))
    }

    fn end(&mut self, reject: Reject, out: &mut Vec<Result<Answer, Reject>>) {
        self.over = true;
        self.buffer = Vec::new();
        out.push(Err(reject));
    }
}
