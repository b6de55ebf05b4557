//! Domain names (RFC 1035 sections 3.1 and 4.1.4).

use std::fmt::Write;

use crate::cursor::Cursor;
use crate::limits;

/// A name as on the wire, lower case, without compression and without the root's zero: two are the same name when their
/// bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    labels: Vec<u8>,
}

impl Name {
    /// The name at `at` in `message`, and where it ends there. A compression pointer only goes back to before the part
    /// of the name that it ends, so none leads in a circle.
    pub(super) fn read(message: &[u8], at: usize) -> Option<(Self, usize)> {
        let mut labels = Vec::new();
        let mut cursor = Cursor::new(message.get(at..)?);
        let mut part = at;
        let mut end = None;
        let mut pointers = 0;
        loop {
            let length = cursor.u8()?;
            match length {
                0 => {
                    let end = end.unwrap_or_else(|| message.len().saturating_sub(cursor.rest().len()));
                    return Some((Self { labels }, end));
                }
                1..=63 => {
                    labels.push(length);
                    labels.extend(cursor.take(length.into())?.iter().map(u8::to_ascii_lowercase));
                    if labels.len() >= limits::DNS_NAME {
                        return None;
                    }
                }
                0xc0.. => {
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, cursor.u8()?]));
                    end = end.or_else(|| message.len().checked_sub(cursor.rest().len()));
                    if target >= part || pointers == limits::DNS_POINTERS {
                        return None;
                    }
                    pointers = pointers.saturating_add(1);
                    part = target;
                    cursor = Cursor::new(message.get(target..)?);
                }
                // The other two kinds of labels were never used or are gone (RFC 6891 section 5).
                64..=0xbf => return None,
            }
        }
    }

    pub(super) const fn is_root(&self) -> bool {
        self.labels.is_empty()
    }

    /// The name with its end `owner` replaced by `target` (RFC 6672 section 2.2); `None` if it isn't below `owner`, or
    /// what comes out would be too long.
    pub(super) fn moved(&self, owner: &Self, target: &Self) -> Option<Self> {
        let mut cursor = Cursor::new(&self.labels);
        loop {
            cursor.block8()?;
            if cursor.rest() == owner.labels {
                break;
            }
        }
        let head = self.labels.strip_suffix(cursor.rest())?;
        let labels = [head, &target.labels].concat();
        (labels.len() < limits::DNS_NAME).then_some(Self { labels })
    }

    pub(super) fn text(&self) -> String {
        if self.is_root() {
            return ".".into();
        }
        let mut text = String::with_capacity(self.labels.len());
        let mut cursor = Cursor::new(&self.labels);
        while let Some(label) = cursor.block8() {
            if !text.is_empty() {
                text.push('.');
            }
            for &byte in label.rest() {
                if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
                    text.push(byte.into());
                } else {
                    // Writing into a string can't fail.
                    let _ = write!(text, "\\{byte:03}");
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    fn wire(text: &str) -> Vec<u8> {
        let labels = text.split('.').filter(|label| !label.is_empty());
        let mut bytes: Vec<u8> = labels.flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
        bytes.push(0);
        bytes
    }

    fn name(text: &str) -> Name {
        Name::read(&wire(text), 0).unwrap().0
    }

    #[test]
    fn reads_and_writes() {
        assert_eq!(name("WWW.Example.COM").text(), "www.example.com");
        assert_eq!(name("").text(), ".");
        assert_eq!(name("_dmarc.x-1").text(), "_dmarc.x-1");
        assert_eq!(name("a b\\é\u{1}").text(), "a\\032b\\092\\195\\169\\001");
        assert_eq!(Name::read(b"\x03a.b\0", 0).unwrap().0.text(), "a\\046b");
    }

    #[test]
    fn follows_pointers_back_only() {
        let message = b"\x03com\0\x01a\xc0\x00\x01b\xc0\x05";
        let (read, end) = Name::read(message, 9).unwrap();
        assert_eq!((read.text().as_str(), end), ("b.a.com", 13));
        assert_eq!(Name::read(message, 5).unwrap().1, 9);
        for bad in [
            &b"\xc0\x00"[..], // itself
            b"\x01a\xc0\x00", // the part that it ends
            b"\xc0\x02\x00",  // forwards
            b"\xc0",          // half
            b"\x01",          // no label
            b"\x01a",         // no end
            b"\x41a\0",       // another kind of label
            b"\x80\0",        // another kind of label
            b"\xff\xff\0",    // outside
            b"",
        ] {
            assert_eq!(Name::read(bad, 0), None, "{bad:x?}");
        }
        // Two that point at each other.
        assert_eq!(Name::read(b"\x01a\xc0\x04\x01b\xc0\x00", 4), None);
        assert_eq!(Name::read(message, 100), None);
    }

    #[test]
    fn is_bounded() {
        let longest = "a.".repeat(127);
        assert_eq!(name(&longest).text().len(), 253);
        assert_eq!(Name::read(&wire(&"a.".repeat(128)), 0), None);
        assert_eq!(name(&format!("{0}.{0}.{0}.{1}", "x".repeat(63), "y".repeat(61))).text().len(), 253);
        assert_eq!(Name::read(&wire(&format!("{0}.{0}.{0}.{1}", "x".repeat(63), "y".repeat(62))), 0), None);
        // A pointer to a pointer to a pointer, and one more than are followed.
        let mut message = vec![0];
        for at in 0..=crate::limits::DNS_POINTERS as u16 {
            message.extend((0xc000 | (at * 2).saturating_sub(1)).to_be_bytes());
        }
        let last = message.len() - 2;
        assert!(Name::read(&message, last - 2).is_some());
        assert_eq!(Name::read(&message, last), None);
    }

    #[test]
    fn moves_below_another() {
        let moved = |name_: &str, owner: &str, target: &str| {
            name(name_).moved(&name(owner), &name(target)).map(|name| name.text())
        };
        assert_eq!(moved("a.b.old.example", "old.example", "new.test").as_deref(), Some("a.b.new.test"));
        assert_eq!(moved("a.old", "old", "").as_deref(), Some("a"));
        assert_eq!(moved("a.old", "", "new").as_deref(), Some("a.old.new"));
        assert_eq!(moved("old.example", "old.example", "new.test"), None);
        assert_eq!(moved("a.told.example", "old.example", "new.test"), None);
        assert_eq!(moved("", "", "new"), None);
        assert_eq!(moved(&format!("{}.old", "x".repeat(60)), "old", &"y.".repeat(110)), None);
    }
}
