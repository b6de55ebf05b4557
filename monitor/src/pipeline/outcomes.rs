//! What came of connections, known before their own records are judged: a refusal on the same host comes within
//! microseconds, and a record waits for a millisecond. What comes later is an event of its own.

use std::collections::HashMap;

use super::enrich;
use crate::sensor::decode::{Body, Record, decode};

/// Most outcomes that are kept.
const MAX: usize = 65_536;

/// Outcomes by socket, in the words of `Net::result`, until their own records are judged.
#[derive(Debug, Default)]
pub struct Outcomes(HashMap<u64, String>);

impl Outcomes {
    /// A change of a connection's state that waits still. The first of a socket stands: a second one is of its next
    /// attempt.
    pub fn ahead(&mut self, bytes: &[u8]) {
        if let Ok(Record { body: Body::State(state), .. }) = decode(bytes)
            && let Some(result) = enrich::outcome(&state)
            && self.0.len() < MAX
        {
            self.0.entry(state.cookie).or_insert(result);
        }
    }

    /// What came of this socket's connection; empty if that isn't known yet.
    pub fn of(&self, cookie: u64) -> String {
        self.0.get(&cookie).cloned().unwrap_or_default()
    }

    /// That change has been judged.
    pub fn told(&mut self, cookie: u64) {
        self.0.remove(&cookie);
    }
}

#[cfg(test)]
mod tests {
    use monitor_abi::header::{Header, KIND_SOCK_STATE};
    use monitor_abi::socket::State;
    use zerocopy::IntoBytes;

    use super::Outcomes;

    fn record(cookie: u64, old: u32, new: u32, error: u32) -> Vec<u8> {
        let head = Header { kind: KIND_SOCK_STATE, ..Header::default() };
        let state = State { cookie, old, new, error, ..State::default() };
        [head.as_bytes(), state.as_bytes()].concat()
    }

    #[test]
    fn the_first_outcome_of_a_socket_stands_until_it_was_judged() {
        let mut outcomes = Outcomes::default();
        outcomes.ahead(&record(7, 2, 7, 111));
        outcomes.ahead(&record(7, 2, 1, 0));
        outcomes.ahead(&record(8, 1, 7, 110));
        assert_eq!((outcomes.of(7).as_str(), outcomes.of(8).as_str()), ("refused", ""));
        outcomes.told(7);
        outcomes.ahead(&record(7, 2, 1, 0));
        assert_eq!(outcomes.of(7), "ok");
    }
}
