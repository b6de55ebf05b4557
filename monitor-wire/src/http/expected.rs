//! What the responses of a connection answer: which requests were `HEAD` or `CONNECT`.

use std::collections::VecDeque;

use super::head::Reason;
use crate::limits;

/// What a request's method says of the response's body (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    Head,
    Connect,
    Other,
}

/// Requests by their number; of most nothing needs to be known.
#[derive(Default)]
pub(super) struct Expected {
    told: u64,
    special: VecDeque<(u64, Answers)>,
    /// The first request whose method there was no room for.
    unknown: Option<u64>,
}

impl Expected {
    /// Takes the next request's method while the response to `next` is awaited.
    pub(super) fn tell(&mut self, method: &str, next: u64) {
        let exchange = self.told;
        self.told = exchange.saturating_add(1);
        let answers = match method {
            "HEAD" => Answers::Head,
            "CONNECT" => Answers::Connect,
            _ => return,
        };
        // The response was quicker than the word of its request.
        if exchange < next {
            return;
        }
        if self.special.len() < limits::HTTP_PIPELINE {
            self.special.push_back((exchange, answers));
        } else if self.unknown.is_none() {
            self.unknown = Some(exchange);
        }
    }

    /// What the response to a request answers. Nobody knows any more if there were too many.
    pub(super) fn of(&self, exchange: u64) -> Result<Answers, Reason> {
        if self.unknown.is_some_and(|unknown| exchange >= unknown) {
            return Err(Reason::TooLong);
        }
        Ok(self
            .special
            .front()
            .filter(|(number, _)| *number == exchange)
            .map_or(Answers::Other, |(_, answers)| *answers))
    }

    /// The responses before this one have come.
    pub(super) fn forget(&mut self, next: u64) {
        while self.special.front().is_some_and(|(exchange, _)| *exchange < next) {
            self.special.pop_front();
        }
        if self.special.is_empty() {
            self.special = VecDeque::new();
        }
    }
}
