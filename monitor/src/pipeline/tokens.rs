//! Tokens: those that are kept on this host, as keyed hashes, and where such or their like pass by.
//!
//! Credential files, and the environment and command line of a server's root, are read for the tokens in them, which are
//! wiped once their hashes are known.

use std::collections::HashMap;
use std::path::Path;

use monitor_core::event::{Event, Kind, KnownToken, Token, Way};
use monitor_core::id::{ProcId, ServerId};
use monitor_core::time::Time;
use monitor_wire::redact::{self, Key};
use monitor_wire::token::{Hit, Kind, Scanner, Set, kind_of};
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
const PAUSE: u64 = 10_000_000_000;
/// Most of them that are remembered.
const MAX_TOLD: usize = 4096;

/// See the module documentation.
pub struct Tokens {
    /// What is looked for.
    pub set: Set,
    /// Files that were read, and what they were then.
    files: HashMap<String, Option<[i64; 5]>>,
    told: HashMap<Passing, Time>,
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
        Self { set: Set::new(key), files: HashMap::new(), told: HashMap::new() }
    }

    /// The tokens of a text: fingerprint and form.
    fn of(&mut self, text: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for span in redact::secrets(text).into_iter().take(MAX_OF_PLACE) {
            let Some(token) = text.get(span).map(str::trim_end) else { continue };
            let kind = kind_of(token.as_bytes());
            // the id of a key is no secret; and words stand in texts by chance
            if kind == Kind::AwsKeyId || kind == Kind::Opaque && !is_telling(token) {
                continue;
            }
            match self.set.add(token.as_bytes()) {
                Ok(added) => found.push((added.fingerprint, added.kind.name().to_owned())),
                Err(refused) => tracing::trace!(%refused, "a token can't be looked for"),
            }
        }
        found
    }
}

impl Pipeline {
    /// Reads a credential file for its tokens.
    pub fn read_for_tokens(&mut self, path: &str) {
        if self.tokens.files.len() >= MAX_FILES && !self.tokens.files.contains_key(path) {
            return;
        }
        let stamp = regular::stamp(Path::new(path));
        if self.tokens.files.insert(path.to_owned(), stamp) == Some(stamp) {
            return;
        }
        let Ok((bytes, _)) = regular::read(Path::new(path), MAX_FILE) else { return };
        let bytes = Zeroizing::new(bytes);
        let Ok(text) = std::str::from_utf8(&bytes) else { return };
        let found = self.tokens.of(text);
        self.learn_tokens(None, path, found);
    }

    /// Files that were read and have changed since.
    pub fn read_changed_for_tokens(&mut self) {
        let changed = |(path, stamp): (&String, &Option<[i64; 5]>)| {
            (regular::stamp(Path::new(path)) != *stamp).then(|| path.clone())
        };
        let changed: Vec<String> = self.tokens.files.iter().filter_map(changed).collect();
        for path in changed {
            self.read_for_tokens(&path);
        }
    }

    /// What a server was given: the environment and the command line of its root.
    pub(super) fn read_given(&mut self, server: ServerId, pid: u32) {
        for (what, name) in [("environ", "env"), ("cmdline", "argument")] {
            let bytes = Zeroizing::new(enrich::strings(pid, what));
            for entry in bytes.split(|byte| *byte == 0) {
                let Ok(text) = std::str::from_utf8(entry) else { continue };
                let found = self.tokens.of(text);
                let place = match text.split_once('=') {
                    Some((variable, _)) if name == "env" => format!("env {variable}"),
                    _ => name.to_owned(),
                };
                self.learn_tokens(Some(server), &place, found);
            }
        }
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
        let time = self.clock.now().max(self.last);
        for (token, form) in found {
            let known = KnownToken { token, form, place: place.to_owned() };
            self.event(Event { time, server, kind: event::Kind::KnownToken(known) });
        }
    }
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
            assert_eq!(tokens.of(text), [], "{text}");
        }
        for text in ["API_TOKEN=Zx9-something-very-random-41", "token: tripline-fake-api-token"] {
            assert_eq!(tokens.of(text).len(), 1, "{text}");
        }
    }
}
