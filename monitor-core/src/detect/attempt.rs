//! A connection as a sentence tells of it: what came of it may be known only after the alert was written.

use std::net::IpAddr;

use crate::event::{Net, NetOp};

/// The parts of a sentence about a connection.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The socket, by its cookie (0 if not known), and its peer.
    ends: (u64, IpAddr, u16),
    /// Something comes of it: not of a datagram.
    settles: bool,
    /// What stands before the verb.
    before: String,
    /// Where to.
    to: String,
    /// What stands behind it.
    rest: String,
}

impl Attempt {
    /// `before` (tried to) connect(ed) to `to` `rest`.
    #[must_use]
    pub const fn new(net: &Net, before: String, to: String, rest: String) -> Self {
        let settles = matches!(net.op, NetOp::Connect);
        Self { ends: (net.cookie, net.addr, net.port), settles, before, to, rest }
    }

    /// The socket of a connection whose outcome isn't known yet.
    #[must_use]
    pub fn pending(&self, result: &str) -> Option<u64> {
        (self.ends.0 != 0 && self.settles && matches!(result, "" | "in_progress")).then_some(self.ends.0)
    }

    /// The socket and its peer, if known.
    #[must_use]
    pub fn ends(&self) -> Option<(u64, IpAddr, u16)> {
        (self.ends.0 != 0).then_some(self.ends)
    }

    /// The place is known by a name too.
    pub fn named(&mut self, place: &str, name: &str) {
        if self.to == place {
            self.to = super::name::shown(place, name);
        }
    }

    /// The sentence, given what came of it (empty: not known).
    #[must_use]
    pub fn told(&self, result: &str) -> String {
        let Self { before, to, rest, .. } = self;
        match failure(result) {
            Some(why) => format!("{before} tried to connect to {to} ({why}){rest}"),
            None => format!("{before} connected to {to}{rest}"),
        }
    }
}

/// Why a connection was not made, for people; `None` if it was, or that isn't known.
#[must_use]
pub fn failure(result: &str) -> Option<String> {
    let why = match result {
        "" | "ok" | "in_progress" | "established" | "open" | "closed" => return None,
        "refused" | "errno 111" => "refused",
        "timeout" | "errno 110" => "no answer",
        "aborted" => "given up",
        "errno 1" => "not permitted",
        "errno 2" => "no such file",
        "errno 13" => "permission denied",
        "errno 20" => "not a directory",
        "errno 101" => "network unreachable",
        "errno 113" => "host unreachable",
        other => other,
    };
    Some(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::failure;

    #[test]
    fn only_what_is_known_to_have_failed_is_told_so() {
        for made in ["", "ok", "in_progress", "established"] {
            assert_eq!(failure(made), None, "{made}");
        }
        assert_eq!(failure("refused").as_deref(), Some("refused"));
        assert_eq!(failure("errno 2").as_deref(), Some("no such file"));
        assert_eq!(failure("errno 99").as_deref(), Some("errno 99"));
    }
}
