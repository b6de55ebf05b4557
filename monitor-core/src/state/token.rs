//! The tokens that a server authorises its own API requests with, as fingerprints.

use crate::time::Time;

/// Most tokens that are remembered of one server.
const MAX_KNOWN: usize = 16;

/// The tokens of a server.
#[derive(Debug, Default)]
pub struct Tokens {
    /// The first one, and the newest of the others.
    known: Vec<String>,
    /// A new one was asked for, and granted.
    granted: bool,
    /// When one of them was last used.
    used: Time,
}

impl Tokens {
    /// A request was authorised by this one. If that is another than before, and none was granted since: when one of those
    /// was last used.
    pub fn used(&mut self, token: &str, now: Time) -> Option<Time> {
        if self.known.iter().any(|known| known == token) {
            self.used = now;
            return None;
        }
        if !self.known.is_empty() && !std::mem::take(&mut self.granted) {
            return Some(self.used);
        }
        self.used = now;
        self.granted = false;
        if self.known.len() >= MAX_KNOWN {
            self.known.remove(1);
        }
        self.known.push(token.to_owned());
        None
    }

    /// A new token was granted.
    pub const fn granted(&mut self) {
        self.granted = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(tokens: &mut Tokens, token: &str) -> bool {
        tokens.used(token, Time(1)).is_none()
    }

    #[test]
    fn another_token_is_told_unless_one_was_granted() {
        let mut tokens = Tokens::default();
        assert!(same(&mut tokens, "fp:1") && same(&mut tokens, "fp:1"));
        assert!(!same(&mut tokens, "fp:2") && !same(&mut tokens, "fp:2"), "as often as it is used");
        tokens.granted();
        assert!(same(&mut tokens, "fp:3") && same(&mut tokens, "fp:1"));
        assert!(!same(&mut tokens, "fp:2"), "one grant is one token");
        let mut tokens = Tokens::default();
        tokens.granted();
        assert!(same(&mut tokens, "fp:1") && !same(&mut tokens, "fp:2"), "the first one is what was granted");
    }

    #[test]
    fn tokens_are_bounded_and_the_first_one_stays() {
        let mut tokens = Tokens::default();
        for number in 0..100 {
            tokens.granted();
            assert!(same(&mut tokens, &format!("fp:{number}")));
        }
        assert_eq!(tokens.known.len(), MAX_KNOWN);
        assert!(same(&mut tokens, "fp:0") && same(&mut tokens, "fp:99") && !same(&mut tokens, "fp:1"));
    }
}
