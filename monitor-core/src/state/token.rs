//! The tokens that a server authorises its own API requests with, as fingerprints.

/// Most tokens that are remembered of one server.
const MAX_KNOWN: usize = 16;

/// The tokens of a server.
#[derive(Debug, Default)]
pub struct Tokens {
    /// The first one, and the newest of the others.
    known: Vec<String>,
    /// A new one was asked for, and granted.
    granted: bool,
}

impl Tokens {
    /// A request was authorised by this one. False if that is another than before, and none was granted since.
    pub fn used(&mut self, token: &str) -> bool {
        if self.known.iter().any(|known| known == token) {
            return true;
        }
        if !self.known.is_empty() && !std::mem::take(&mut self.granted) {
            return false;
        }
        self.granted = false;
        if self.known.len() >= MAX_KNOWN {
            self.known.remove(1);
        }
        self.known.push(token.to_owned());
        true
    }

    /// A new token was granted.
    pub const fn granted(&mut self) {
        self.granted = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_token_is_told_unless_one_was_granted() {
        let mut tokens = Tokens::default();
        assert!(tokens.used("fp:1") && tokens.used("fp:1"));
        assert!(!tokens.used("fp:2") && !tokens.used("fp:2"), "as often as it is used");
        tokens.granted();
        assert!(tokens.used("fp:3") && tokens.used("fp:1"));
        assert!(!tokens.used("fp:2"), "one grant is one token");
        let mut tokens = Tokens::default();
        tokens.granted();
        assert!(tokens.used("fp:1") && !tokens.used("fp:2"), "the first one is what was granted");
    }

    #[test]
    fn tokens_are_bounded_and_the_first_one_stays() {
        let mut tokens = Tokens::default();
        for number in 0..100 {
            tokens.granted();
            assert!(tokens.used(&format!("fp:{number}")));
        }
        assert_eq!(tokens.known.len(), MAX_KNOWN);
        assert!(tokens.used("fp:0") && tokens.used("fp:99") && !tokens.used("fp:1"));
    }
}
