//! The tables that a header block points into (RFC 7541 section 2.3).

use std::collections::VecDeque;

use crate::limits;

/// RFC 7541, appendix A. The first has index 1.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// What one entry counts beside its text (RFC 7541 section 4.1). It is about what it takes here too.
pub(super) const OVERHEAD: usize = 32;

/// Size that a table may have before its encoder says another (RFC 9113 section 6.5.2).
const INITIAL: usize = 4096;

/// The static table and the dynamic one. It has no `Debug`, since what it remembers hasn't been redacted.
pub(super) struct Table {
    /// The newest first.
    entries: VecDeque<Entry>,
    size: usize,
    most: usize,
}

struct Entry {
    /// Name and value.
    text: Box<[u8]>,
    /// Length of the name.
    name: usize,
}

impl Table {
    pub(super) const fn new() -> Self {
        Self { entries: VecDeque::new(), size: 0, most: INITIAL }
    }

    /// Name and value at an index.
    pub(super) fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let index = index.checked_sub(1)?;
        match index.checked_sub(STATIC.len()) {
            None => STATIC.get(index).map(|(name, value)| (name.as_bytes(), value.as_bytes())),
            Some(index) => self.entries.get(index)?.parts(),
        }
    }

    /// Remembers a field, and forgets the oldest for it (RFC 7541 section 4.4).
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8]) {
        let size = size(name, value);
        self.shrink(self.most.saturating_sub(size));
        if size <= self.most {
            self.size = self.size.saturating_add(size);
            self.entries.push_front(Entry { text: [name, value].concat().into_boxed_slice(), name: name.len() });
        }
    }

    /// Changes the size that it may have; `false` if it is above the cap.
    pub(super) fn resize(&mut self, most: usize) -> bool {
        if most > limits::HPACK_TABLE {
            return false;
        }
        self.most = most;
        self.shrink(most);
        true
    }

    /// Forgets the oldest until no more than `most` is left.
    fn shrink(&mut self, most: usize) {
        while self.size > most
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size = self.size.saturating_sub(oldest.text.len().saturating_add(OVERHEAD));
        }
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }
}

impl Entry {
    fn parts(&self) -> Option<(&[u8], &[u8])> {
        self.text.split_at_checked(self.name)
    }
}

/// What a field counts in a table or in a list.
pub(super) const fn size(name: &[u8], value: &[u8]) -> usize {
    name.len().saturating_add(value.len()).saturating_add(OVERHEAD)
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::limits;

    fn all(table: &Table) -> Vec<String> {
        let text = |(name, value): (&[u8], &[u8])| format!("{} {}", name.escape_ascii(), value.escape_ascii());
        (62..).map_while(|index| table.get(index).map(text)).collect()
    }

    #[test]
    fn indices_begin_with_the_static_table() {
        let mut table = Table::new();
        table.insert(b"a", b"b");
        assert_eq!(table.get(0), None);
        assert_eq!(table.get(1), Some((&b":authority"[..], &b""[..])));
        assert_eq!(table.get(16), Some((&b"accept-encoding"[..], &b"gzip, deflate"[..])));
        assert_eq!(table.get(61), Some((&b"www-authenticate"[..], &b""[..])));
        assert_eq!(table.get(62), Some((&b"a"[..], &b"b"[..])));
        assert_eq!([63, usize::MAX].map(|index| table.get(index)), [None; 2]);
    }

    #[test]
    fn the_oldest_goes_first() {
        let mut table = Table::new();
        assert!(table.resize(3 * 34));
        for name in [b"a", b"b", b"c", b"d"] {
            table.insert(name, b"x");
        }
        assert_eq!(all(&table), ["d x", "c x", "b x"]);
        assert!(table.resize(3 * 34 - 1));
        assert_eq!(all(&table), ["d x", "c x"]);
        // What doesn't fit at all leaves nothing behind (RFC 7541 section 4.4).
        table.insert(b"long", &[b'x'; 100]);
        assert_eq!((all(&table), table.size), (vec![], 0));
        assert!(table.resize(0) && table.resize(limits::HPACK_TABLE) && !table.resize(limits::HPACK_TABLE + 1));
    }
}
