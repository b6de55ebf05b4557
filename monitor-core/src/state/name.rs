//! Names of addresses, as name servers gave them to each server, and the long names that a server asks for.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::Bounded;
use crate::digest::Digest;
use crate::id::ServerId;
use crate::time::{SECOND, Time};

/// Most names of one address: many sites share one.
const MAX_NAMES: usize = 8;
/// Longest name, bytes: a longer one is hardly a host's, and is left out.
const MAX_NAME: usize = 255;
/// How long an answer counts, whatever its TTL says: a client may keep it for a connection that comes late.
const LEAST: u64 = 60 * SECOND;
const MOST: u64 = 3600 * SECOND;
/// Most parents under which long names are counted, of all servers together.
const MAX_PARENTS: usize = 1024;
/// How many long names under one parent, within this time, are a tunnel.
const TUNNEL: usize = 20;
const TUNNEL_WINDOW: u64 = 60 * SECOND;

/// What addresses are called.
#[derive(Debug)]
pub struct Names {
    addresses: Bounded<(ServerId, IpAddr), Address>,
    parents: Bounded<(ServerId, u128), Parent>,
    limit: usize,
    evicted: u64,
}

/// A name of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The name that was asked for.
    pub name: String,
    /// A resolver said so that the server is configured with, or one of this host.
    pub trusted: bool,
    until: Time,
}

#[derive(Debug)]
struct Address {
    /// The newest first.
    names: Vec<Resolved>,
    until: Time,
}

#[derive(Debug)]
struct Parent {
    /// The newest distinct long names under it, oldest first.
    seen: VecDeque<Long>,
}

/// A long name: when it was asked for, its digest, and what stands before its parent.
#[derive(Debug)]
struct Long(Time, u128, Box<str>);

impl Names {
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.max(1);
        Self { addresses: Bounded::new(limit), parents: Bounded::new(MAX_PARENTS), limit, evicted: 0 }
    }

    /// A name server told `server` that `name` has these addresses, for `ttl` seconds.
    pub fn learn(
        &mut self,
        server: ServerId,
        (name, trusted): (&str, bool),
        addresses: impl Iterator<Item = IpAddr>,
        (ttl, now): (u32, Time),
    ) {
        if name.len() > MAX_NAME {
            return;
        }
        let until = now.plus(u64::from(ttl).saturating_mul(SECOND).clamp(LEAST, MOST));
        for addr in addresses {
            let key = (server, crate::role::canonical(addr));
            // what was heard of anew is young again
            let mut known = self.addresses.remove(&key).unwrap_or(Address { names: Vec::new(), until });
            known.names.retain(|old| old.name != name && old.until >= now);
            known.names.insert(0, Resolved { name: name.to_owned(), trusted, until });
            known.names.truncate(MAX_NAMES);
            known.until = known.until.max(until);
            if self.addresses.len() >= self.limit
                && let Some((_, gone)) = self.addresses.pop_oldest()
            {
                self.evicted = self.evicted.saturating_add(u64::from(gone.until >= now));
            }
            self.addresses.insert(key, known);
        }
    }

    /// The names of an address that `server` was told and that still count, the newest first.
    pub fn of(&self, server: ServerId, addr: IpAddr, now: Time) -> impl Iterator<Item = &Resolved> {
        let known = self.addresses.get(&(server, crate::role::canonical(addr)));
        known.into_iter().flat_map(|known| &known.names).filter(move |name| name.until >= now)
    }

    /// `server` asks for a long name under this parent. How many different ones there were of late of which `carries` says
    /// that what differs carries something, where they are so many that something else than names travels in them.
    pub fn asks(
        &mut self,
        server: ServerId,
        (name, parent): (&str, &str),
        now: Time,
        carries: impl Fn(&str) -> bool,
    ) -> Option<usize> {
        let digest = |text: &str| Digest::new().field(text.as_bytes()).finish();
        let below = last(name.strip_suffix(parent).unwrap_or(name).trim_end_matches('.'));
        let key = (server, digest(parent));
        if self.parents.get(&key).is_none() {
            let gone = self.parents.insert(key, Parent { seen: VecDeque::new() });
            let counted = |gone: &Parent| gone.seen.back().is_some_and(|last| now.since(last.0) <= TUNNEL_WINDOW);
            self.evicted = self.evicted.saturating_add(u64::from(gone.is_some_and(|(_, gone)| counted(&gone))));
        }
        let parent = self.parents.get_mut(&key)?;
        parent.seen.retain(|long| now.since(long.0) <= TUNNEL_WINDOW);
        let name = digest(name);
        if parent.seen.iter().any(|known| known.1 == name) {
            return None;
        }
        parent.seen.push_back(Long(now, name, below.into()));
        let shared = parent.seen.iter().map(|long| shared(&long.2, below)).min().unwrap_or(0);
        let differs = |long: &Long| carries(long.2.get(..long.2.len().saturating_sub(shared)).unwrap_or(&long.2));
        if parent.seen.len() > TUNNEL {
            // names that carry nothing push none out that does
            let gone = parent.seen.iter().position(|long| !differs(long)).unwrap_or(0);
            parent.seen.remove(gone);
        }
        (parent.seen.len() >= TUNNEL && parent.seen.iter().all(differs)).then_some(parent.seen.len())
    }

    /// Forgets what no longer counts.
    pub(super) fn expire(&mut self, now: Time) {
        while self.addresses.oldest().is_some_and(|oldest| oldest.until < now) {
            self.addresses.pop_oldest();
        }
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many addresses have names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }
}

/// The end of a name that is longer than any that a resolver takes.
fn last(name: &str) -> &str {
    let cut = name.len().saturating_sub(MAX_NAME);
    (cut..=name.len()).find_map(|at| name.get(at..)).unwrap_or_default()
}

/// How many bytes the labels have, with their dots, in which two names end alike: a search domain, or the zone of a
/// provider, of which whoever asks for names carries nothing out.
fn shared(one: &str, other: &str) -> usize {
    let labels = one.rsplit('.').zip(other.rsplit('.')).take_while(|(one, other)| one == other);
    labels.fold(0, |sum: usize, (label, _)| sum.saturating_add(label.len()).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: ServerId = ServerId(1);

    fn addr(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn at(second: u64) -> Time {
        Time(second * SECOND)
    }

    fn names(names: &Names, last: u8, second: u64) -> Vec<&str> {
        names.of(SERVER, addr(last), at(second)).map(|known| known.name.as_str()).collect()
    }

    #[test]
    fn an_address_keeps_all_its_names_the_newest_first() {
        let mut table = Names::new(10);
        for number in 0..20 {
            table.learn(SERVER, (&format!("{number}.example"), true), [addr(1)].into_iter(), (600, at(number)));
        }
        table.learn(SERVER, ("15.example", true), [addr(1)].into_iter(), (600, at(30)));
        assert_eq!(names(&table, 1, 31)[..3], ["15.example", "19.example", "18.example"]);
        assert_eq!(names(&table, 1, 31).len(), MAX_NAMES);
        assert!(table.of(ServerId(2), addr(1), at(31)).next().is_none(), "what one server was told is its own");
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(table.of(SERVER, mapped, at(31)).count(), MAX_NAMES);
    }

    #[test]
    fn a_name_counts_for_its_ttl_within_bounds() {
        let mut table = Names::new(10);
        for (last, ttl) in [(1, 0), (2, 300), (3, u32::MAX)] {
            table.learn(SERVER, ("x.example", true), [addr(last)].into_iter(), (ttl, at(0)));
        }
        let counts = |second: u64| [1, 2, 3].map(|last| names(&table, last, second).len());
        assert_eq!(counts(60), [1, 1, 1]);
        assert_eq!(counts(61), [0, 1, 1]);
        assert_eq!(counts(301), [0, 0, 1]);
        assert_eq!(counts(3601), [0, 0, 0]);
        table.expire(at(3601));
        assert!(table.is_empty() && table.evicted() == 0);
    }

    #[test]
    fn the_oldest_makes_room_and_only_what_still_counted_is_a_loss() {
        let mut table = Names::new(2);
        table.learn(SERVER, ("x.example", true), [addr(1), addr(2)].into_iter(), (60, at(0)));
        table.learn(SERVER, ("x.example", true), [addr(1)].into_iter(), (60, at(10)));
        table.learn(SERVER, ("x.example", true), [addr(3)].into_iter(), (60, at(20)));
        assert_eq!((names(&table, 1, 20).len(), names(&table, 2, 20).len(), table.evicted()), (1, 0, 1));
        table.learn(SERVER, ("x.example", true), [addr(4)].into_iter(), (60, at(200)));
        assert_eq!((table.len(), table.evicted()), (2, 1));
        table.learn(SERVER, (&"x".repeat(300), true), [addr(5)].into_iter(), (60, at(201)));
        assert!(names(&table, 5, 201).is_empty());
    }

    #[test]
    fn long_names_count_once_and_for_a_minute() {
        let mut table = Names::new(2);
        let mut ask =
            |name: u64, second: u64| table.asks(SERVER, (&name.to_string(), "evil.example"), at(second), |_| true);
        for name in 0..19 {
            assert_eq!(ask(name, name), None);
            assert_eq!(ask(name, name), None, "again");
        }
        assert_eq!(ask(19, 61), None, "the first is a minute old");
        assert_eq!(ask(20, 61), Some(TUNNEL));
        assert_eq!(ask(21, 61), Some(TUNNEL));
        for parent in 0..2000 {
            table.asks(SERVER, ("x", &parent.to_string()), at(62), |_| true);
        }
        assert_eq!((table.parents.len(), table.evicted()), (MAX_PARENTS, 2001 - MAX_PARENTS as u64));
    }
}
