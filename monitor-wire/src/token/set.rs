//! The tokens that are known.

use std::collections::BTreeMap;

use super::region::regions;
use super::table::Table;
use super::{Refused, windows};
use crate::limits;
use crate::redact::{self, Key, Kind, form};

/// Lengths at which a vain attempt ends early.
pub(super) const STOPS: [usize; 4] = [64, 256, 1024, 4096];

/// Regions of a token that are compared with what the set has already.
const TRIES: usize = 8;

/// Tokens with the same window from which on another region is better, and from which on there are too many.
const CROWDS: [usize; 2] = [16, 512];

/// Tokens that are looked for, by their hashes; see the [module](super) on what it keeps of them. Many streams share
/// one.
#[derive(Clone)]
pub struct Set {
    pub(super) key: Key,
    /// Windows of eight bytes.
    pub(super) long: Table,
    /// Windows of five.
    pub(super) short: Table,
    tokens: Vec<Option<Known>>,
    /// Their numbers by their hashes.
    numbers: BTreeMap<[u8; 32], u32>,
}

/// What is kept of a token.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) kind: Kind,
    pub(super) len: usize,
    pub(super) hash: [u8; 32],
    /// Of the first bytes, up to each of [`STOPS`].
    pub(super) stops: [u32; 4],
    /// Whether it holds `%` or `\`, so that it may be mistaken for an escape.
    pub(super) escapes: bool,
}

/// A token that a set has taken, or had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Its [fingerprint](crate::redact::fingerprint()).
    pub fingerprint: String,
    /// What it is by its form.
    pub kind: Kind,
}

impl Set {
    /// A set without tokens, whose fingerprints are those of `key`.
    pub fn new(key: &Key) -> Self {
        Self {
            key: key.clone(),
            long: Table::new(&key.derive(b"monitor-wire token window 1")),
            short: Table::new(&key.derive(b"monitor-wire token short window 1")),
            tokens: Vec::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// Tokens in it.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Adds a token, without keeping it. One that is there already changes nothing. The caller wipes what it was read
    /// to.
    ///
    /// # Errors
    ///
    /// [`Refused`], if it can't be looked for.
    pub fn add(&mut self, token: &[u8]) -> Result<Added, Refused> {
        let regions = regions(token)?;
        let hash = self.key.hash(token);
        let kind = kind_of(token);
        let added = Added { fingerprint: redact::shown(&hash), kind };
        if self.has(&hash) {
            return Ok(added);
        }
        let free = self.tokens.iter().position(Option::is_none).unwrap_or(self.tokens.len());
        if free >= limits::TOKENS {
            return Err(Refused::Full);
        }
        let number = u32::try_from(free).map_err(|_| Refused::Full)?;
        let region = self.roomy(token, &regions)?;
        let (long, short) = (&mut self.long, &mut self.short);
        windows::cut(token, region, number, |is_short, window, place| {
            if is_short { &mut *short } else { &mut *long }.insert(window, place);
        });
        let stops = STOPS.map(|stop| token.get(..stop).map_or(0, |head| tag(&self.key.hash(head))));
        let escapes = memchr::memchr2(b'%', b'\\', token).is_some();
        let known = Known { kind, len: token.len(), hash, stops, escapes };
        match self.tokens.get_mut(free) {
            Some(slot) => *slot = Some(known),
            None => self.tokens.push(Some(known)),
        }
        self.numbers.insert(hash, number);
        Ok(added)
    }

    /// Forgets a token; `false` if it wasn't there. Takes time by the size of the set.
    pub fn remove(&mut self, fingerprint: &str) -> bool {
        let is_it = |(hash, _): &(&[u8; 32], &u32)| redact::shown(hash) == fingerprint;
        let Some((&hash, &number)) = self.numbers.iter().find(is_it) else { return false };
        self.numbers.remove(&hash);
        if let Some(slot) = self.tokens.get_mut(number as usize) {
            *slot = None;
        }
        self.long.remove(number);
        self.short.remove(number);
        true
    }

    pub(super) fn get(&self, number: u32) -> Option<&Known> {
        self.tokens.get(number as usize)?.as_ref()
    }

    /// Whether the token with this hash is in it.
    pub(super) fn has(&self, hash: &[u8; 32]) -> bool {
        self.numbers.contains_key(hash)
    }

    /// The best region that few other tokens have too: else each would be tried wherever one of them stands.
    fn roomy(&self, token: &[u8], regions: &[usize]) -> Result<usize, Refused> {
        let [many, most] = CROWDS;
        let mut best = None;
        for &region in regions.iter().take(TRIES) {
            let mut crowd = 0;
            windows::cut(token, region, 0, |short, window, _| {
                let table = if short { &self.short } else { &self.long };
                crowd = crowd.max(table.find(window).take(most).count());
            });
            if crowd < many {
                return Ok(region);
            }
            if best.is_none_or(|(least, _)| crowd < least) {
                best = Some((crowd, region));
            }
        }
        best.filter(|&(crowd, _)| crowd < most).map(|(_, region)| region).ok_or(Refused::Crowded)
    }
}

impl std::fmt::Debug for Set {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Set").field("tokens", &self.len()).finish_non_exhaustive()
    }
}

/// 32 bits of a hash.
pub(super) fn tag(hash: &[u8; 32]) -> u32 {
    hash.first_chunk().copied().map_or(0, u32::from_le_bytes)
}

/// What a token is, if its form tells.
pub fn kind_of(token: &[u8]) -> Kind {
    let whole = 0..token.len();
    if let Some(rest) = token.strip_prefix(form::ARMOUR.as_bytes()) {
        return form::armour(rest).unwrap_or(Kind::Opaque);
    }
    let word = 0..token.iter().take_while(|&&byte| form::is_word(byte)).count();
    // what has a form by its length alone may be anybody's
    match form::strong(token, &word).filter(|(_, span)| *span == whole) {
        Some((Kind::Jwt, _)) if super::forms::is_kube(token) => Kind::KubeServiceAccount,
        Some((kind, _)) => kind,
        None if form::grant(token, &word) == Some(whole) => Kind::McpOauth,
        None => Kind::Opaque,
    }
}
