//! Where tokens are kept, by their fingerprints.

use super::Bounded;
use crate::event::KnownToken;
use crate::id::ServerId;

/// Most tokens that are known: as many as are looked for.
const MAX_TOKENS: usize = 8192;
/// Most places that are remembered of one.
const MAX_PLACES: usize = 4;

/// See the module documentation.
#[derive(Debug)]
pub struct KnownTokens(Bounded<u64, Places>);

/// The places of a token.
#[derive(Debug, Default)]
pub struct Places {
    /// What it is, by its form or its first place.
    pub form: String,
    /// Files, `env NAME` and `argument`.
    pub places: Vec<String>,
    /// Servers that were given it.
    pub given: Vec<ServerId>,
}

impl KnownTokens {
    pub(super) fn new() -> Self {
        Self(Bounded::new(MAX_TOKENS))
    }

    /// A token is kept there, or was given to that server.
    pub fn learn(&mut self, token: &KnownToken, server: Option<ServerId>) {
        let Some(key) = key(&token.token) else { return };
        if self.0.get(&key).is_none() {
            self.0.insert(key, Places { form: token.form.clone(), ..Places::default() });
        }
        let Some(known) = self.0.get_mut(&key) else { return };
        if known.places.len() < MAX_PLACES && !known.places.contains(&token.place) {
            known.places.push(token.place.clone());
        }
        if let Some(server) = server.filter(|server| !known.given.contains(server)) {
            if known.given.len() >= MAX_PLACES {
                known.given.remove(0);
            }
            known.given.push(server);
        }
    }

    /// Where a token is kept.
    #[must_use]
    pub fn get(&self, token: &str) -> Option<&Places> {
        self.0.get(&key(token)?)
    }
}

/// The number that a fingerprint is.
fn key(token: &str) -> Option<u64> {
    u64::from_str_radix(token.strip_prefix("fp:")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_few_places() {
        let mut known = KnownTokens::new();
        let token = |place: &str| KnownToken {
            token: "fp:00000000000000ff".to_owned(),
            form: "opaque".to_owned(),
            place: place.to_owned(),
        };
        for number in 0..10 {
            known.learn(&token(&format!("/{number}")), Some(ServerId(number)));
            known.learn(&token(&format!("/{number}")), None);
        }
        let places = known.get("fp:00000000000000ff").unwrap();
        assert_eq!((&places.places[..], places.given.len()), (&["/0", "/1", "/2", "/3"].map(str::to_owned)[..], 4));
        assert!(known.get("fp:0000000000000000").is_none() && known.get("no fingerprint").is_none());
    }
}
