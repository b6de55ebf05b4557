//! The reader of one direction, for either version of HTTP.

use monitor_wire::http::{Message, Reader, h2};
use monitor_wire::redact::Key;

/// See the module documentation.
pub enum Wire {
    /// HTTP/1.
    One(Box<Reader>),
    /// HTTP/2.
    Two(Box<h2::Reader>),
}

impl Wire {
    /// For what a client says in HTTP/1.
    pub fn requests(key: &Key) -> Self {
        Self::One(Box::new(Reader::requests(key)))
    }

    /// For what a server says in HTTP/1.
    pub fn responses(key: &Key) -> Self {
        Self::One(Box::new(Reader::responses(key)))
    }

    /// For what a client says in HTTP/2.
    pub fn requests2(key: &Key) -> Self {
        Self::Two(Box::new(h2::Reader::requests(key)))
    }

    /// For what a server says in HTTP/2.
    pub fn responses2(key: &Key) -> Self {
        Self::Two(Box::new(h2::Reader::responses(key)))
    }

    /// As [`Reader::feed_with`].
    pub fn feed_with(&mut self, bytes: &[u8], out: &mut Vec<Message>, visit: &mut dyn FnMut(u64, &[u8])) {
        match self {
            Self::One(reader) => reader.feed_with(bytes, out, visit),
            Self::Two(reader) => reader.feed_with(bytes, out, visit),
        }
    }

    /// As [`Reader::gap`].
    pub fn gap(&mut self, bytes: u64, out: &mut Vec<Message>) {
        match self {
            Self::One(reader) => reader.gap(bytes, out),
            Self::Two(reader) => reader.gap(bytes, out),
        }
    }

    /// As [`Reader::end`].
    pub fn end(&mut self, out: &mut Vec<Message>) {
        match self {
            Self::One(reader) => reader.end(out),
            Self::Two(reader) => reader.end(out),
        }
    }

    /// As [`Reader::expect`]; HTTP/2 says by itself where an answer ends.
    pub fn expect(&mut self, method: &str) {
        if let Self::One(reader) = self {
            reader.expect(method);
        }
    }

    /// Exchanges that this direction has reset since the last call.
    pub fn take_resets(&mut self) -> Vec<u64> {
        match self {
            Self::One(_) => Vec::new(),
            Self::Two(reader) => reader.take_resets(),
        }
    }

    /// The other direction has reset an exchange.
    pub fn reset(&mut self, exchange: u64, out: &mut Vec<Message>) {
        if let Self::Two(reader) = self {
            reader.reset(exchange, out);
        }
    }

    /// Nothing of it is half read, as far as that can be told.
    pub fn is_idle(&self) -> bool {
        match self {
            Self::One(reader) => reader.is_idle(),
            Self::Two(reader) => reader.is_over(),
        }
    }
}
