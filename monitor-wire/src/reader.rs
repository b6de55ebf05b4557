//! MCP over stdio, one direction of one stream: JSON-RPC messages, one a line (basic/transports/stdio, "stdio").
//!
//! Lenient where receivers differ and strict where they agree: `\r\n`, empty lines, a byte order mark and batches pass; a
//! line that `JSON.parse` would reject is [`Item::Noise`] and the stream goes on. `jsonrpc` isn't asked for, since not
//! every server asks for it. Members of a batch are delivered as they end, before the rest of the line is known.
//!
//! Memory is bounded whatever comes: the tokeniser keeps nothing, and what is retained has the caps of
//! [`crate::limits`]. The items don't depend on how the bytes are split into calls.

use crate::assemble::{Assembler, Signal};
use crate::json::{Step, Tokenizer};
use crate::limits;
use crate::mcp::Message;
use crate::redact::Key;

/// What a stream held.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every item is a message; boxing them would cost an allocation each"
)]
pub enum Item {
    /// A JSON-RPC message.
    Message(Message),
    /// A line that isn't JSON-RPC.
    Noise {
        /// Its length without the line end.
        bytes: u64,
    },
}

/// What a reader has met so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes fed.
    pub bytes: u64,
    /// Messages delivered, members of batches included.
    pub messages: u64,
    /// Of these, messages with `complete` false.
    pub incomplete: u64,
    /// Messages longer than [`limits::MESSAGE`].
    pub oversize: u64,
    /// Lines that weren't JSON-RPC.
    pub noise: u64,
    /// Members of batches that were not delivered, because they were no messages or came after [`limits::BATCH`] others.
    pub left_out: u64,
    /// Calls of [`Reader::gap`].
    pub gaps: u64,
    /// Bytes that were said to be lost.
    pub lost: u64,
    /// Bytes passed over to find the next line after a gap or an oversize message.
    pub skipped: u64,
}

/// Reads one direction of one stream.
pub struct Reader {
    tokenizer: Tokenizer,
    assembler: Assembler,
    mode: Mode,
    /// Bytes of the line so far.
    line: u64,
    /// Where in the line the message in progress, or the last one, began.
    start: u64,
    /// Bytes of a byte order mark met at the start of the line.
    mark: u8,
    batch: Option<Batch>,
    /// The line's message, which counts once the line turns out to hold nothing else.
    whole: Option<Message>,
    /// What was known of a message when a gap cut it.
    cut: Option<Message>,
    stats: Stats,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The line passes the tokeniser.
    Read,
    /// The line is known not to be JSON-RPC.
    Noise,
    /// The rest of the line is passed over.
    Skip,
}

#[derive(Debug, Clone, Copy, Default)]
struct Batch {
    members: u32,
    /// A member is in progress.
    inside: bool,
}

const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reader").field("mode", &self.mode).field("stats", &self.stats).finish_non_exhaustive()
    }
}

impl Reader {
    /// A reader at the start of a line. One that joins a stream midway begins with [`Reader::gap`].
    pub fn new(key: &Key) -> Self {
        Self {
            tokenizer: Tokenizer::new(),
            assembler: Assembler::new(key),
            mode: Mode::Read,
            line: 0,
            start: 0,
            mark: 0,
            batch: None,
            whole: None,
            cut: None,
            stats: Stats::default(),
        }
    }

    /// Takes the next bytes of the stream and appends what they complete to `out`.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<Item>) {
        self.deliver_cut(out);
        self.stats.bytes = self.stats.bytes.saturating_add(bytes.len() as u64);
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (segment, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            self.segment(segment, out);
            self.end_line(out);
            rest = after.get(1..).unwrap_or_default();
        }
        self.segment(rest, out);
    }

    /// Says that `bytes` bytes (0 if nobody knows) were lost here. What is known of the message in progress is delivered
    /// by the next [`Reader::feed`] or [`Reader::finish`], as incomplete, if it has a method or an id. Reading goes on
    /// after the next line end: what comes before it may be the inside of a string that looks like a message.
    pub fn gap(&mut self, bytes: u64) {
        self.stats.gaps = self.stats.gaps.saturating_add(1);
        self.stats.lost = self.stats.lost.saturating_add(bytes);
        if let Some(message) = self.partial() {
            self.cut = Some(message);
        }
        self.mode = Mode::Skip;
    }

    /// Says that the stream is over. A last line without an end counts, as incomplete.
    pub fn finish(&mut self, out: &mut Vec<Item>) {
        self.deliver_cut(out);
        match self.partial() {
            Some(message) => self.deliver(message, out),
            None if self.mode != Mode::Skip => self.end_line(out),
            None => {}
        }
        self.next_line();
    }

    /// What was met so far.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// A message is in progress: a gap now would cut it.
    pub const fn is_mid_line(&self) -> bool {
        self.line > 0
    }

    fn segment(&mut self, mut segment: &[u8], out: &mut Vec<Item>) {
        // The caps are met at fixed places of the line, so that the items don't depend on the split.
        while !segment.is_empty() {
            if self.mode != Mode::Read {
                self.pass_over(segment);
                return;
            }
            let cap = if self.line < limits::MESSAGE { limits::MESSAGE } else { limits::LINE };
            let room = usize::try_from(cap.saturating_sub(self.line)).unwrap_or(usize::MAX);
            let (head, tail) = segment.split_at_checked(room).unwrap_or((segment, &[]));
            self.read(head, out);
            segment = tail;
            if !segment.is_empty() && self.mode == Mode::Read {
                self.oversize(out);
            }
        }
    }

    fn pass_over(&mut self, segment: &[u8]) {
        let length = segment.len() as u64;
        self.line = self.line.saturating_add(length);
        if self.mode == Mode::Skip {
            self.stats.skipped = self.stats.skipped.saturating_add(length);
        }
    }

    fn read(&mut self, segment: &[u8], out: &mut Vec<Item>) {
        let base = self.line;
        self.line = base.saturating_add(segment.len() as u64);
        let mut input = self.skip_mark(base, segment);
        let end = self.line;
        loop {
            let before = input;
            let step = self.tokenizer.next(&mut input);
            if self.assembler.wants_raw() {
                let taken = before.len().saturating_sub(input.len());
                self.assembler.raw(before.get(..taken).unwrap_or_default());
            }
            let event = match &step {
                Step::Event(event) => event,
                Step::More => return,
                Step::Invalid => {
                    self.mode = Mode::Noise;
                    return;
                }
            };
            match self.assembler.event(event) {
                Signal::None => {}
                Signal::Batch => self.batch = Some(Batch::default()),
                Signal::Begin => {
                    self.start = end.saturating_sub(input.len() as u64).saturating_sub(1);
                    if let Some(batch) = &mut self.batch {
                        batch.inside = true;
                    }
                }
                Signal::End => self.end_message(end.saturating_sub(input.len() as u64), out),
            }
            self.tokenizer.set_mute(self.assembler.is_deaf());
        }
    }

    /// Passes over a byte order mark at the start of the line, whose bytes may come one by one.
    fn skip_mark<'a>(&mut self, base: u64, segment: &'a [u8]) -> &'a [u8] {
        let mut rest = segment;
        while u64::from(self.mark) == base.saturating_add(segment.len().saturating_sub(rest.len()) as u64)
            && let Some(&expected) = MARK.get(usize::from(self.mark))
            && let Some((&byte, after)) = rest.split_first()
            && byte == expected
        {
            self.mark = self.mark.saturating_add(1);
            rest = after;
        }
        // A part of a mark is no white space.
        if matches!(self.mark, 1 | 2) && !rest.is_empty() {
            self.mode = Mode::Noise;
            return &[];
        }
        rest
    }

    fn end_message(&mut self, position: u64, out: &mut Vec<Item>) {
        let message = self.build(false, position.saturating_sub(self.start), true);
        match &mut self.batch {
            None => self.whole = message,
            Some(batch) => {
                batch.inside = false;
                match message {
                    Some(message) if batch.members < limits::BATCH => {
                        batch.members = batch.members.saturating_add(1);
                        self.deliver(message, out);
                    }
                    _ => self.stats.left_out = self.stats.left_out.saturating_add(1),
                }
            }
        }
    }

    fn build(&mut self, partial: bool, bytes: u64, complete: bool) -> Option<Message> {
        let invalid_utf8 = self.tokenizer.invalid_text();
        let (body, kept, flags) = self.assembler.take(partial, self.batch.is_some(), invalid_utf8)?;
        Some(Message { body, bytes, complete: complete && kept && bytes <= limits::MESSAGE, flags })
    }

    /// The message in progress as far as it is known, marked incomplete. The line is over for it.
    fn partial(&mut self) -> Option<Message> {
        if self.mode != Mode::Read {
            return None;
        }
        if let Some(mut message) = self.whole.take() {
            message.bytes = self.line;
            message.complete = false;
            return Some(message);
        }
        let bytes = match self.batch {
            Some(Batch { inside: false, .. }) => return None,
            Some(_) => self.line.saturating_sub(self.start),
            None => self.line,
        };
        self.build(true, bytes, false)
    }

    /// A cap was met with more of the line to come.
    fn oversize(&mut self, out: &mut Vec<Item>) {
        let first = self.line == limits::MESSAGE;
        if first {
            self.stats.oversize = self.stats.oversize.saturating_add(1);
        }
        // A batch is cut by the same caps: what came whole was delivered, the member in progress is incomplete.
        let identified = self.whole.is_some() || self.batch.is_some() || self.assembler.is_identified();
        if first && !identified {
            return;
        }
        if let Some(message) = self.partial() {
            self.deliver(message, out);
            self.mode = Mode::Skip;
        } else {
            self.mode = if self.batch.is_some() { Mode::Skip } else { Mode::Noise };
        }
    }

    fn end_line(&mut self, out: &mut Vec<Item>) {
        let blank = self.mode == Mode::Read && self.tokenizer.is_blank() && !matches!(self.mark, 1 | 2);
        let read = self.mode == Mode::Read && self.tokenizer.is_complete();
        let members = self.batch.map_or(0, |batch| batch.members);
        match self.whole.take() {
            _ if self.mode == Mode::Skip || blank => {}
            Some(mut message) if read => {
                message.bytes = self.line;
                message.complete &= self.line <= limits::MESSAGE;
                self.deliver(message, out);
            }
            _ if read && members > 0 => {}
            _ => {
                self.stats.noise = self.stats.noise.saturating_add(1);
                out.push(Item::Noise { bytes: self.line });
            }
        }
        self.next_line();
    }

    fn deliver_cut(&mut self, out: &mut Vec<Item>) {
        if let Some(message) = self.cut.take() {
            self.deliver(message, out);
        }
    }

    fn deliver(&mut self, message: Message, out: &mut Vec<Item>) {
        self.stats.messages = self.stats.messages.saturating_add(1);
        if !message.complete {
            self.stats.incomplete = self.stats.incomplete.saturating_add(1);
        }
        out.push(Item::Message(message));
    }

    fn next_line(&mut self) {
        self.tokenizer.reset();
        self.assembler.reset();
        self.mode = Mode::Read;
        self.line = 0;
        self.start = 0;
        self.mark = 0;
        self.batch = None;
        self.whole = None;
    }
}
