//! Tokens: those that are kept on this host, as keyed hashes, and where such or their like pass by.
//!
//! Credential files, and the environment and command line of a server's root, are read for the tokens in them, which are
//! wiped once their hashes are known.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use monitor_core::event::{self, Event, KnownToken, Token, Way};
use monitor_core::id::{ProcId, ServerId};
use monitor_core::time::Time;
use monitor_wire::redact::{self, Key};
use monitor_wire::token::{Hit, Kind, Refused, Scanner, Set, kind_of};
use zeroize::Zeroizing;

use super::{Pipeline, enrich};
use crate::regular;

/// Largest file that is read for tokens, bytes.
const MAX_FILE: usize = 64 << 10;
/// Most files that are read again when they change.
const MAX_FILES: usize = 4096;
/// Most tokens of one file, or of one process.
const MAX_OF_PLACE: usize = 64;
/// The same token on the same way is told once in this time, in nanoseconds: a client authorises every request.
const PAUSE: u64 = 1_000_000_000;
/// Most of them that are remembered.
const MAX_TOLD: usize = 4096;

/// See the module documentation.
pub struct Tokens {
    /// What is looked for.
    pub set: Set,
    /// Files that were read.
    files: HashMap<String, Read>,
    /// Tokens by where they are kept; one may be kept in several places.
    kept: BTreeMap<String, Vec<String>>,
    refused: u64,
    told: HashMap<Passing, Time>,
}

/// A file as it was read.
struct Read {
    stamp: Option<[i64; 5]>,
    store: String,
}

/// A token on a way.
#[derive(PartialEq, Eq, Hash)]
struct Passing {
    server: Option<ServerId>,
    proc: ProcId,
    token: String,
    host: Option<String>,
    sent: bool,
}

impl Tokens {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self { set: Set::new(key), files: HashMap::new(), kept: BTreeMap::new(), refused: 0, told: HashMap::new() }
    }

    /// Tokens that there was no room for, since the last call.
    pub fn refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// What a server was given is nobody's any more.
    pub fn gone(&mut self, server: ServerId) {
        self.keep(given(server), Vec::new());
        self.kept.remove(&given(server));
    }

    /// A file has these now. What it had stays known, as far as there is room: whoever steals a token may write over it.
    fn add(&mut self, path: &str, found: &[(String, String)]) {
        let mut tokens: Vec<String> = found.iter().map(|(token, _)| token.clone()).collect();
        let before = self.kept.get(path).into_iter().flatten();
        tokens.extend(before.filter(|old| found.iter().all(|(token, _)| token != *old)).cloned());
        tokens.truncate(MAX_OF_PLACE);
        self.keep(path.to_owned(), tokens);
    }

    /// That is what is kept there now. What was kept there alone isn't looked for any more.
    fn keep(&mut self, place: String, tokens: Vec<String>) {
        for token in self.kept.insert(place, tokens).unwrap_or_default() {
            if !self.kept.values().any(|kept| kept.contains(&token)) {
                self.set.remove(&token);
            }
        }
    }

    /// The tokens of a text, at most so many: fingerprint and form.
    fn of(&mut self, text: &str, most: usize) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for span in redact::secrets(text) {
            if found.len() >= most {
                break;
            }
            let Some(token) = text.get(span).map(str::trim_end) else { continue };
            let kind = kind_of(token.as_bytes());
            // the id of a key is no secret; and words stand in texts by chance
            if kind == Kind::AwsKeyId || kind == Kind::Opaque && !is_telling(token) {
                continue;
            }
            match self.set.add(token.as_bytes()) {
                Ok(added) => found.push((added.fingerprint, added.kind.name().to_owned())),
                Err(Refused::Full | Refused::Crowded) => self.refused += 1,
                Err(refused) => tracing::trace!(%refused, "a token can't be looked for"),
            }
        }
        found
    }
}

impl Pipeline {
    /// Reads a credential file for its tokens.
    /// `store`: what it is the store of, as the map of credentials has it.
    pub fn read_for_tokens(&mut self, path: &str, store: &str) {
        if self.tokens.files.len() >= MAX_FILES && !self.tokens.files.contains_key(path) {
            return;
        }
        let stamp = regular::stamp(Path::new(path));
        if self.tokens.files.get(path).is_some_and(|known| known.stamp == stamp) {
            return;
        }
        self.tokens.files.insert(path.to_owned(), Read { stamp, store: store.to_owned() });
        let Ok((bytes, _)) = regular::read(Path::new(path), MAX_FILE) else { return };
        let bytes = Zeroizing::new(bytes);
        let Ok(text) = std::str::from_utf8(&bytes) else { return };
        let mut found = self.tokens.of(text, MAX_OF_PLACE);
        name_by_place(&mut found, store == "cloudflare");
        self.tokens.add(path, &found);
        self.learn_tokens(None, path, found);
    }

    /// Files that were read and have changed since.
    pub fn read_changed_for_tokens(&mut self) {
        let changed = |(path, read): (&String, &Read)| {
            (regular::stamp(Path::new(path)) != read.stamp).then(|| (path.clone(), read.store.clone()))
        };
        let changed: Vec<(String, String)> = self.tokens.files.iter().filter_map(changed).collect();
        for (path, store) in changed {
            self.read_for_tokens(&path, &store);
        }
    }

    /// What a server was given: the environment and the command line of its root, once.
    pub(super) fn read_given(&mut self, server: ServerId, pid: u32) {
        if self.tokens.kept.contains_key(&given(server)) {
            return;
        }
        let mut all = Vec::new();
        let environ = Zeroizing::new(enrich::strings(pid, "environ"));
        let entries = environ.split(|byte| *byte == 0).filter_map(|entry| std::str::from_utf8(entry).ok());
        for entry in entries {
            let mut found = self.tokens.of(entry, MAX_OF_PLACE - all.len());
            all.extend(found.iter().map(|(token, _)| token.clone()));
            let variable = entry.split_once('=').map_or(entry, |(variable, _)| variable);
            name_by_place(&mut found, variable.starts_with("CLOUDFLARE_") || variable.starts_with("CF_"));
            self.learn_tokens(Some(server), &format!("env {variable}"), found);
        }
        // what stands behind a flag belongs to it
        let mut line = Zeroizing::new(enrich::strings(pid, "cmdline"));
        line.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
        if let Ok(line) = std::str::from_utf8(&line) {
            let found = self.tokens.of(line, MAX_OF_PLACE - all.len());
            all.extend(found.iter().map(|(token, _)| token.clone()));
            self.learn_tokens(Some(server), "argument", found);
        }
        self.tokens.keep(given(server), all);
    }

    /// Tokens passed by. `host`: whom the process asks, where it asks over HTTP.
    pub(super) fn passed(
        &mut self,
        time: Time,
        server: Option<ServerId>,
        proc: ProcId,
        (sent, host): (bool, Option<&str>),
        hits: Vec<Hit>,
    ) {
        for hit in hits {
            // of what a form alone tells, nothing follows on the transport
            if !hit.known && host.is_none() {
                continue;
            }
            let host = host.map(str::to_owned);
            let key = Passing { server, proc, token: hit.fingerprint.clone(), host: host.clone(), sent };
            if self.tokens.told.get(&key).is_some_and(|told| time.since(*told) < PAUSE) {
                continue;
            }
            if self.tokens.told.len() >= MAX_TOLD {
                self.tokens.told.clear();
            }
            self.tokens.told.insert(key, time);
            let token = Token {
                proc,
                token: hit.fingerprint,
                form: hit.kind.name().to_owned(),
                encoding: hit.encoding.name().to_owned(),
                known: hit.known,
                way: if host.is_some() { Way::Request } else { Way::Transport },
                sent,
                host,
            };
            self.event(Event { time, server, kind: event::Kind::Token(token) });
        }
    }

    fn learn_tokens(&mut self, server: Option<ServerId>, place: &str, found: Vec<(String, String)>) {
        // not ahead of what is still to be judged
        let time = if self.last == Time(0) { self.clock.now() } else { self.last };
        for (token, form) in found {
            let known = KnownToken { token, form, place: place.to_owned() };
            self.event(Event { time, server, kind: event::Kind::KnownToken(known) });
        }
    }
}

/// A token without a form of its own is what its place says.
fn name_by_place(found: &mut [(String, String)], cloudflare: bool) {
    for (_, form) in found.iter_mut().filter(|(_, form)| cloudflare && form == Kind::Opaque.name()) {
        "cloudflare_token".clone_into(form);
    }
}

/// The name of the place that is what a server was given.
fn given(server: ServerId) -> String {
    format!("server {}", server.0)
}

/// Whether a value that stands where a secret belongs is one that hardly stands anywhere else: passwords are words, names of
/// users and of databases, or places.
fn is_telling(value: &str) -> bool {
    let has = |what: fn(&char) -> bool| value.chars().any(|letter| what(&letter));
    let place = value.starts_with(['/', '~', '.']) || value.contains("://") || has(|letter| letter.is_whitespace());
    let mut letters: Vec<char> = value.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    let mixed = has(char::is_ascii_digit) && has(char::is_ascii_alphabetic);
    !place && letters.len() >= 10 && (value.len() >= 16 && mixed || value.len() >= 20)
}

/// Looks for tokens in one stream, and says what may have been missed.
#[derive(Default)]
pub struct Search {
    scanner: Scanner,
    missed: u64,
}

impl Search {
    /// The next bytes.
    pub fn feed(&mut self, set: &Set, bytes: &[u8], hits: &mut Vec<Hit>) {
        self.scanner.feed(set, bytes, hits);
    }

    /// Bytes were lost.
    pub fn gap(&mut self, set: &Set, bytes: u64, hits: &mut Vec<Hit>) {
        self.scanner.gap(set, bytes, hits);
    }

    /// A message or body has ended.
    pub fn end(&mut self, set: &Set, hits: &mut Vec<Hit>) {
        self.scanner.end(set, hits);
    }

    /// How many tokens may have been missed or weren't told, since the last call.
    pub fn take_missed(&mut self) -> u64 {
        let stats = self.scanner.stats();
        let all = stats.skipped + stats.untold;
        all - std::mem::replace(&mut self.missed, all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_places_are_not_looked_for() {
        let mut tokens = Tokens::new(&Key::from_bytes([7; 32]));
        for text in [
            "PASSWORD=postgres",
            "DATABASE_URL=postgres://postgres:postgres@localhost:5432/app",
            "SECRET_KEY=development",
            "API_TOKEN=changeme-changeme-changeme",
            "AWS_SECRET_FILE_TOKEN=/run/secrets/aws/token-of-the-service-2026",
            "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
            "password: correct horse battery staple 2026",
        ] {
            assert_eq!(tokens.of(text, 9), [], "{text}");
        }
        for text in ["API_TOKEN=Zx9-something-very-random-41", "token: tripline-fake-api-token"] {
            assert_eq!(tokens.of(text, 9).len(), 1, "{text}");
        }
    }

    #[test]
    fn what_is_written_over_stays_known_as_far_as_there_is_room() {
        let mut tokens = Tokens::new(&Key::from_bytes([7; 32]));
        for number in 0..2 * MAX_OF_PLACE {
            let found = tokens.of(&format!("token=Zx9-something-very-random-{number:03}"), 9);
            assert_eq!(found.len(), 1);
            tokens.add("/a", &found);
            assert_eq!(tokens.set.len(), (number + 1).min(MAX_OF_PLACE));
        }
    }

    #[test]
    fn what_is_kept_nowhere_any_more_is_not_looked_for() {
        let mut tokens = Tokens::new(&Key::from_bytes([7; 32]));
        let of = |tokens: &mut Tokens, text: &str| -> Vec<String> {
            tokens.of(text, 9).into_iter().map(|(token, _)| token).collect()
        };
        let both = of(&mut tokens, "a_token=Zx9-something-very-random-41 b_token=Qy8-something-quite-random-52");
        assert_eq!(both.len(), 2);
        tokens.keep("/a".to_owned(), both.clone());
        tokens.keep(given(ServerId(1)), both[..1].to_vec());
        tokens.keep("/a".to_owned(), Vec::new());
        assert_eq!(tokens.set.len(), 1);
        tokens.gone(ServerId(1));
        assert!(tokens.set.is_empty());
    }
}
