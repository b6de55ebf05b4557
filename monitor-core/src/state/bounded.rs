//! A hash table that forgets its oldest entry rather than grow.

use std::collections::VecDeque;
use std::hash::Hash;

use rustc_hash::FxHashMap;

/// Places of removed keys that a queue may hold beside as many as live ones: what it costs to look for them is spread.
const SLACK: usize = 1024;

/// A table of at most `limit` entries. Nothing ever iterates over it in hash order.
#[derive(Debug)]
pub struct Bounded<K, V> {
    map: FxHashMap<K, (u64, V)>,
    /// Keys in order of insertion, each with the number under which it was inserted: a key that was removed and
    /// inserted again is told from its former self.
    order: VecDeque<(K, u64)>,
    next: u64,
    limit: usize,
    evicted: u64,
}

impl<K: Copy + Eq + Hash, V> Bounded<K, V> {
    /// An empty table. A limit of 0 counts as 1.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { map: FxHashMap::default(), order: VecDeque::new(), next: 0, limit: limit.max(1), evicted: 0 }
    }

    /// The entry of `key`.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key).map(|(_, value)| value)
    }

    /// The entry of `key`, to change.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key).map(|(_, value)| value)
    }

    /// Inserts or replaces. A replaced entry keeps its age. Returns what was evicted to make room.
    pub fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        if let Some((_, old)) = self.map.get_mut(&key) {
            *old = value;
            return None;
        }
        let evicted = if self.map.len() >= self.limit { self.pop_oldest() } else { None };
        self.evicted += u64::from(evicted.is_some());
        self.next += 1;
        self.map.insert(key, (self.next, value));
        self.order.push_back((key, self.next));
        // removed keys leave their place in the queue behind; it holds hardly more of those than of live ones
        if self.order.len() > (2 * self.map.len() + SLACK).min(2 * self.limit + 16) {
            let map = &self.map;
            self.order.retain(|(key, number)| map.get(key).is_some_and(|(live, _)| live == number));
        }
        evicted
    }

    /// Removes an entry.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.map.remove(key).map(|(_, value)| value)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// How many entries were forgotten before their time.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Keeps the entries of which `wanted` is true.
    pub(super) fn retain(&mut self, wanted: impl Fn(&V) -> bool) {
        self.map.retain(|_, (_, value)| wanted(value));
    }

    /// The oldest entry.
    pub(super) fn oldest(&mut self) -> Option<&V> {
        let map = &self.map;
        let live = |(key, number): &(K, u64)| map.get(key).is_some_and(|(live, _)| live == number);
        while self.order.front().is_some_and(|front| !live(front)) {
            self.order.pop_front();
        }
        self.order.front().and_then(|(key, _)| self.map.get(key)).map(|(_, value)| value)
    }

    /// Takes out the oldest entry.
    pub(super) fn pop_oldest(&mut self) -> Option<(K, V)> {
        while let Some((key, number)) = self.order.pop_front() {
            if self.map.get(&key).is_some_and(|(live, _)| *live == number) {
                return self.map.remove(&key).map(|(_, value)| (key, value));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first_and_is_counted() {
        let mut table = Bounded::new(2);
        table.insert(1, 'a');
        table.insert(2, 'b');
        assert_eq!(table.insert(3, 'c'), Some((1, 'a')));
        assert_eq!((table.len(), table.evicted()), (2, 1));
    }

    #[test]
    fn a_key_that_came_back_is_young_again() {
        let mut table = Bounded::new(2);
        table.insert(1, 'a');
        table.insert(2, 'b');
        table.remove(&1);
        table.insert(1, 'c');
        assert_eq!(table.insert(3, 'd'), Some((2, 'b')));
        assert_eq!(table.get(&1), Some(&'c'));
    }

    #[test]
    fn churn_doesnt_grow_the_queue() {
        let mut table = Bounded::new(4);
        for key in 0..10_000 {
            table.insert(key, ());
            table.remove(&key);
        }
        assert!(table.order.len() <= 32);
        assert_eq!(table.evicted(), 0);
    }
}
