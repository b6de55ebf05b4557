//! Event streams, `text/event-stream` (WHATWG HTML section 9.2, "Server-sent events"), as their receivers read them.
//!
//! The data of an event may be an MCP message of many megabytes: it is passed on as it comes and never collected.
//! [`deliver`] feeds it to [`crate::reader`], which frames messages by lines.

use crate::limits;
use crate::reader::{self, Item};
use crate::redact::{Key, fingerprint, redact, shown};
use crate::text::escape_bytes;

/// What a stream holds, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'a> {
    /// Bytes of the data of an event, as they were sent; at least one, and no CR and no LF among them. Where they begin and
    /// end depends on the split.
    Data(&'a [u8]),
    /// A line feed in the data: another line of data follows, perhaps an empty one.
    Join,
    /// The event whose data came is dispatched. An event without a line of data is none.
    End(Event),
    /// There is no such end.
    Cut(Cut),
}

/// An event, without its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its type, redacted, at most 64 bytes before that; `message` where it has none.
    pub kind: String,
    /// Bytes of its data, with the line feeds in it.
    pub bytes: u64,
    /// It has an id, so that the stream can be taken up behind it.
    pub id: bool,
}

/// Why an event has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Bytes were lost. Told for every loss, since whole events may lie in it; reading goes on behind the next empty line.
    Lost,
    /// The stream ended within the event, whose receivers drop it.
    Dropped,
}

/// Reads one stream, from its first byte.
pub struct Reader {
    key: Key,
    place: Place,
    /// The last byte was a CR: a LF belongs to it.
    after_cr: bool,
    /// The line in progress has no byte so far.
    blank: bool,
    event: Open,
}

/// Where in a line the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// So many bytes of the byte order mark were met, at the start of the stream.
    Mark(u8),
    /// In the field's name.
    Name(Name),
    /// Behind the colon, where one blank doesn't count.
    Colon(Field),
    Value(Field),
    /// Behind a loss, until an empty line.
    Lost,
}

/// The beginning of a name, enough to know those there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Name {
    bytes: [u8; 6],
    length: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Event,
    Data,
    Id,
    /// `retry`, a comment, or something unknown.
    Other,
}

/// The event in progress.
#[derive(Default)]
struct Open {
    kind: Vec<u8>,
    /// Of a type that is too long.
    hash: Option<Box<blake3::Hasher>>,
    data: bool,
    bytes: u64,
    id: bool,
    /// The id in progress has a NUL, and so doesn't count.
    bad_id: bool,
}

const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What is in the event hasn't been redacted.
        formatter.debug_struct("Reader").field("bytes", &self.event.bytes).finish_non_exhaustive()
    }
}

impl Event {
    /// Whether clients of MCP take the data for a message: those of another type, like the old `endpoint`, they don't.
    pub fn is_message(&self) -> bool {
        self.kind == "message"
    }
}

impl Reader {
    /// A reader at the start of a stream.
    pub fn new(key: &Key) -> Self {
        Self { key: key.clone(), place: Place::Mark(0), after_cr: false, blank: true, event: Open::default() }
    }

    /// Takes the next bytes of the stream and gives what they hold to `visit`.
    pub fn feed(&mut self, bytes: &[u8], visit: &mut dyn FnMut(Part<'_>)) {
        let mut rest = bytes;
        while let Some((&first, after)) = rest.split_first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                rest = after;
                continue;
            }
            let end = memchr::memchr2(b'\r', b'\n', rest);
            let (line, tail) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, &[]));
            self.take(line, visit);
            let Some((&end, after)) = tail.split_first() else { return };
            self.after_cr = end == b'\r';
            self.end_line(visit);
            rest = after;
        }
    }

    /// Says that bytes were lost here.
    pub fn gap(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        self.event = Open::default();
        self.place = Place::Lost;
        self.after_cr = false;
        // What is left of the line isn't known to be all of it.
        self.blank = false;
        visit(Part::Cut(Cut::Lost));
    }

    /// Says that the stream is over. The reader is as new.
    pub fn finish(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        let event = std::mem::take(&mut self.event);
        self.place = Place::Mark(0);
        self.after_cr = false;
        self.blank = true;
        if event.data {
            visit(Part::Cut(Cut::Dropped));
        }
    }

    /// Takes a part of a line.
    fn take(&mut self, line: &[u8], visit: &mut dyn FnMut(Part<'_>)) {
        self.blank &= line.is_empty();
        let mut rest = line;
        while let Some((&byte, after)) = rest.split_first() {
            match &mut self.place {
                Place::Lost | Place::Value(Field::Other) => return,
                Place::Mark(met) => match MARK.get(usize::from(*met)) {
                    Some(&expected) if byte == expected => {
                        *met = met.saturating_add(1);
                        rest = after;
                        if *met == 3 {
                            self.place = Place::Name(Name::default());
                            self.blank = rest.is_empty();
                        }
                    }
                    // A part of a mark begins no name that is known.
                    _ if *met > 0 => self.place = Place::Value(Field::Other),
                    _ => self.place = Place::Name(Name::default()),
                },
                Place::Name(_) if byte == b':' => {
                    rest = after;
                    self.place = Place::Colon(self.begin(visit));
                }
                Place::Name(name) => {
                    rest = after;
                    if !name.push(byte) {
                        self.place = Place::Value(Field::Other);
                    }
                }
                Place::Colon(field) => {
                    self.place = Place::Value(*field);
                    if byte == b' ' {
                        rest = after;
                    }
                }
                Place::Value(field) => {
                    let field = *field;
                    return self.value(field, rest, visit);
                }
            }
        }
    }

    /// The name is whole: its field begins.
    fn begin(&mut self, visit: &mut dyn FnMut(Part<'_>)) -> Field {
        let Place::Name(name) = self.place else { return Field::Other };
        let field = name.field();
        match field {
            Field::Event => {
                self.event.kind.clear();
                self.event.hash = None;
            }
            Field::Data => {
                if std::mem::replace(&mut self.event.data, true) {
                    self.event.bytes = self.event.bytes.saturating_add(1);
                    visit(Part::Join);
                }
            }
            Field::Id => self.event.bad_id = false,
            Field::Other => {}
        }
        field
    }

    fn value(&mut self, field: Field, bytes: &[u8], visit: &mut dyn FnMut(Part<'_>)) {
        let event = &mut self.event;
        match field {
            Field::Data => {
                event.bytes = event.bytes.saturating_add(bytes.len() as u64);
                visit(Part::Data(bytes));
            }
            Field::Event => {
                let room = limits::SSE_TYPE.saturating_sub(event.kind.len());
                if event.hash.is_none() && bytes.len() > room {
                    event.hash = Some(Box::new(self.key.hasher()));
                    if let Some(hash) = &mut event.hash {
                        hash.update(&event.kind);
                    }
                }
                match &mut event.hash {
                    Some(hash) => _ = hash.update(bytes),
                    None => event.kind.extend_from_slice(bytes),
                }
            }
            Field::Id => event.bad_id |= bytes.contains(&0),
            Field::Other => {}
        }
    }

    fn end_line(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        let blank = std::mem::replace(&mut self.blank, true);
        let field = match self.place {
            Place::Lost if !blank => return,
            Place::Name(_) if !blank => self.begin(visit),
            Place::Colon(field) | Place::Value(field) => field,
            _ => Field::Other,
        };
        if field == Field::Id && !self.event.bad_id {
            self.event.id = true;
        }
        self.place = Place::Name(Name::default());
        if !blank {
            return;
        }
        let event = std::mem::take(&mut self.event);
        if event.data {
            visit(Part::End(Event { bytes: event.bytes, id: event.id, kind: event.kind(&self.key) }));
        }
    }
}

impl Open {
    fn kind(self, key: &Key) -> String {
        match self.hash {
            Some(hash) => shown(hash.finalize().as_bytes()),
            None if self.kind.is_empty() => "message".to_owned(),
            None => {
                let text = redact(key, &escape_bytes(&self.kind)).into_owned();
                // Escapes are longer than what they stand for.
                if text.len() > limits::SSE_TYPE.saturating_mul(4) { fingerprint(key, &self.kind) } else { text }
            }
        }
    }
}

impl Name {
    /// Takes a byte; false if no known name is so long.
    fn push(&mut self, byte: u8) -> bool {
        let Some(slot) = self.bytes.get_mut(usize::from(self.length)) else { return false };
        *slot = byte;
        self.length = self.length.saturating_add(1);
        true
    }

    fn field(self) -> Field {
        match self.bytes.get(..usize::from(self.length)) {
            Some(b"event") => Field::Event,
            Some(b"data") => Field::Data,
            Some(b"id") => Field::Id,
            _ => Field::Other,
        }
    }
}

/// Feeds a part to a reader of MCP messages: the data of an event is one line there, and gives what its receiver finds in
/// it.
///
/// A line feed in the data becomes a CR, which JSON takes and refuses in the same places. Events of another type than
/// `message` and those that are dropped give nothing, but for members of batches that had ended before that was known.
pub fn deliver(part: &Part<'_>, reader: &mut reader::Reader, out: &mut Vec<Item>) {
    match part {
        Part::Data(bytes) => reader.feed(bytes, out),
        Part::Join => reader.feed(b"\r", out),
        Part::End(event) if event.is_message() => reader.feed(b"\n", out),
        Part::End(_) | Part::Cut(Cut::Dropped) => {
            // No message has such a byte, so that the gap has nothing to deliver.
            reader.feed(b"\0", out);
            reader.gap(0);
            reader.feed(b"\n", out);
        }
        Part::Cut(Cut::Lost) => {
            reader.gap(0);
            reader.feed(b"\n", out);
        }
    }
}
