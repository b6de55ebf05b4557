//! HTTP/2 (RFC 9113), in the values that HTTP/1 gives.
//!
//! [`Reader`] reads one direction by itself, from its first byte: a client's begins with its preface, a server's with
//! its `SETTINGS`. What is attached to later can't be read, for the state of header compression (HPACK, RFC 7541) isn't
//! known; such a direction ends as `malformed`. Other ends are `too_long`, above a cap, and `lost`. The two directions
//! need nothing of each other:
//!
//! - An exchange has its number from its stream, see [`exchange_of`].
//! - Where a body ends its own direction says (`END_STREAM`), whatever the request's method was.
//! - How much an encoder may remember the other side grants (`SETTINGS_HEADER_TABLE_SIZE`), but how much it does
//!   remember its own header blocks say (RFC 9113 section 4.3.1). Up to [`crate::limits::HPACK_TABLE`] that is
//!   believed: who takes more than was granted has the connection closed by the other side.
//!
//! One thing a direction can't know: that the other side has reset a stream, so that no more comes of it. Who has both
//! hands it over ([`Reader::take_resets`], [`Reader::reset`]); if nobody does, that body ends with the connection.
//!
//! Oddities of heads beside those of HTTP/1: `no_method`, `no_path`, `odd_method`, `two_pseudo_headers`,
//! `late_pseudo_header`, `unknown_pseudo_header`, `upper_case_name`, `connection_header`, `odd_value`,
//! `host_and_authority_differ`, and of a response `pushed`. A receiver that keeps to section 8 refuses most of them,
//! but not every receiver does.
//!
//! Not read: how bodies relate to `content-length`, priorities, flow control, which streams a `GOAWAY` leaves undone,
//! and the requests that a server promises (`PUSH_PROMISE`), which nobody made.

mod frame;
mod head;
mod hpack;
mod reader;
mod sniff;
mod streams;

pub use reader::Reader;
pub use sniff::{Sniff, looks_like_http2};

/// Added to the number of a stream that a server opened by a promise.
const PUSHED: u64 = 1 << 30;

/// Number of the exchange on a stream. A client's streams have odd ids that grow with each request (RFC 9113 section
/// 5.1.1), so exchanges count from 0 in the order of their requests, as in HTTP/1, with gaps where a client leaves ids
/// out. What a server pushes has numbers from 2³⁰ on, which no request reaches.
pub const fn exchange_of(stream: u32) -> u64 {
    let half = (stream >> 1) as u64;
    if stream & 1 == 1 { half } else { half.saturating_sub(1).saturating_add(PUSHED) }
}

/// The stream of an exchange; `None` if there can't be one.
fn stream_of(exchange: u64) -> Option<u32> {
    let (half, low) = match exchange.checked_sub(PUSHED) {
        Some(pushed) => (pushed.checked_add(1)?, 0),
        None => (exchange, 1),
    };
    let half = u32::try_from(half).ok()?;
    half.checked_mul(2)?.checked_add(low).filter(|stream| *stream <= u32::MAX >> 1)
}

#[cfg(test)]
mod tests {
    use super::{exchange_of, stream_of};

    #[test]
    fn a_stream_has_one_number_and_back() {
        assert_eq!([1, 3, 5, 0x7fff_ffff].map(exchange_of), [0, 1, 2, 0x3fff_ffff]);
        assert_eq!([2, 4, 0x7fff_fffe].map(exchange_of), [1 << 30, (1 << 30) + 1, 0x7fff_fffe]);
        for stream in [1, 2, 3, 4, 5, 1000, 1001, 0x7fff_fffe, 0x7fff_ffff] {
            assert_eq!(stream_of(exchange_of(stream)), Some(stream));
        }
        assert_eq!([0x7fff_ffff, u64::MAX].map(stream_of), [None; 2]);
    }
}
