//! From JSON events to the fields of a message: follows the places of [`Node`], keeps what they mean, skips the rest.

mod places;
mod values;

use crate::capture::Capture;
use crate::digest::{self, Digester, Hash, Kind, Long, LongKey, Sum};
use crate::fields::{self, Fields, Task};
use crate::json::Event;
use crate::keys::Keys;
use crate::limits;
use crate::mcp::{Body, Id, ToolDecl};
use crate::path::{Node, Root};
use crate::redact::{self, Key};

/// Reads the events of one line after the other.
pub(crate) struct Assembler {
    key: Key,
    digester: Digester,
    frames: Vec<Frame>,
    /// Open brackets from the outermost skipped one on.
    skip: u64,
    /// The place of the member whose key was read last.
    next: Place,
    reading: Reading,
    capture: Capture,
    /// JSON pointer of the value in progress, below the arguments' root.
    pointer: String,
    /// The value's last step from its parent, as the digest wants it.
    segment: Vec<u8>,
    scratch: Vec<u8>,
    deep: Option<Deep>,
    fields: Fields,
    /// Nothing of a message has been read since `fields` was emptied.
    fresh: bool,
    tool: Option<Draft>,
    keys: Keys,
    /// An id that is an object or an array, as written.
    raw_id: Option<Vec<u8>>,
}

/// What an event meant for the message's bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    None,
    /// The line is a batch.
    Batch,
    /// A message's `{` was read.
    Begin,
    /// A message's `}` was read: [`Assembler::take`] it.
    End,
}

/// An object or array that is gone into.
struct Frame {
    node: Node,
    object: bool,
    /// Tells this object's keys from those of any other.
    number: u64,
    children: u64,
    hash: Hash,
    /// Length of the pointer up to here.
    pointer: usize,
    secret: bool,
    lost: bool,
}

/// Where a value is.
#[derive(Clone, Copy)]
struct Place {
    node: Node,
    /// Its key says that it is a secret.
    secret: bool,
    /// Its pointer is too long, so it can't be kept.
    lost: bool,
}

#[derive(Clone, Copy)]
enum Reading {
    Nothing,
    Key,
    Scalar(Place, Kind),
}

/// A value nested too deep to be followed: hashed as it is written.
struct Deep {
    node: Node,
    hasher: Option<Box<Long>>,
}

/// A tool declaration in progress.
#[derive(Default)]
struct Draft {
    name: Option<String>,
    sum: Sum,
    read_only: Option<bool>,
    destructive: Option<bool>,
    open_world: Option<bool>,
}

impl Assembler {
    pub(crate) fn new(key: &Key) -> Self {
        Self {
            key: key.clone(),
            digester: Digester::new(key),
            frames: Vec::new(),
            skip: 0,
            next: Place::at(Node::Skip),
            reading: Reading::Nothing,
            capture: Capture::new(LongKey::new(key)),
            pointer: String::new(),
            segment: Vec::new(),
            scratch: Vec::new(),
            deep: None,
            fields: Fields::default(),
            fresh: true,
            tool: None,
            keys: Keys::new(key),
            raw_id: None,
        }
    }

    /// Forgets the line in progress.
    pub(crate) fn reset(&mut self) {
        self.frames.clear();
        self.skip = 0;
        self.next = Place::at(Node::Skip);
        self.reading = Reading::Nothing;
        self.capture.settle();
        self.deep = None;
        self.raw_id = None;
        self.begin_message();
    }

    /// Enough is known to say which message this is.
    pub(crate) fn is_identified(&self) -> bool {
        self.fields.is_identified()
    }

    /// The body, whether all was kept, and the flags of the message that is over. With `partial`, of the message as far as
    /// it came.
    pub(crate) fn take(&mut self, partial: bool, batch: bool, invalid_utf8: bool) -> Option<(Body, bool, Vec<String>)> {
        let mut fields = std::mem::take(&mut self.fields);
        self.fresh = self.tool.is_none();
        if partial {
            fields.params.arguments.cut = true;
            fields.params.uri.cut = true;
            fields.result.tools_cut = true;
        }
        for list in [&mut fields.params.arguments.list, &mut fields.params.input.list] {
            fields::hide_named_values(&self.key, list);
        }
        let flags = fields.flags(batch, invalid_utf8);
        let (body, whole) = fields.into_body(partial, &self.digester)?;
        Some((body, whole, flags))
    }

    /// Bytes as written, of use only while an id that is no scalar is read.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        if let Some(raw) = &mut self.raw_id {
            let room = limits::POINTER.saturating_sub(raw.len());
            raw.extend(bytes.iter().take(room));
        }
    }

    pub(crate) fn wants_raw(&self) -> bool {
        self.raw_id.is_some()
    }

    /// Pieces of keys and strings that come now are of no use.
    pub(crate) fn is_deaf(&self) -> bool {
        matches!(self.reading, Reading::Nothing)
    }

    /// Takes the next event of the line.
    pub(crate) fn event(&mut self, event: &Event<'_>) -> Signal {
        if self.deep.is_some() && !matches!(event, Event::Deep(_)) {
            self.end_deep();
        }
        self.fresh &= self.frames.is_empty() && *event == Event::ObjectStart;
        match event {
            Event::ObjectStart => return self.open(true),
            Event::ArrayStart => return self.open(false),
            Event::ObjectEnd | Event::ArrayEnd => return self.close(),
            Event::Text(_) | Event::Char { .. } if self.is_deaf() => {}
            Event::Text(piece) => self.capture.push(piece),
            Event::Char { value, escaped } => self.capture.push_char(*value, *escaped),
            Event::Deep(bytes) => self.deep(bytes),
            _ if self.skip > 0 => {}
            Event::Key(text) => {
                self.capture.begin(limits::KEY, true);
                self.capture.push(text);
                self.key();
            }
            Event::String(text) => {
                self.begin(Kind::String);
                if !self.is_deaf() {
                    self.capture.push(text);
                    self.end();
                }
            }
            Event::KeyStart => {
                self.reading = Reading::Key;
                self.capture.begin(limits::KEY, true);
            }
            Event::KeyEnd => self.key(),
            Event::StringStart => self.begin(Kind::String),
            Event::NumberStart => self.begin(Kind::Number),
            Event::StringEnd | Event::NumberEnd => self.end(),
            Event::Bool(true) => self.literal(Kind::True),
            Event::Bool(false) => self.literal(Kind::False),
            Event::Null => self.literal(Kind::Null),
        }
        Signal::None
    }

    fn begin_message(&mut self) {
        self.keys.clear();
        if self.fresh {
            return;
        }
        self.fresh = true;
        self.fields = Fields::default();
        self.tool = None;
    }

    fn open(&mut self, object: bool) -> Signal {
        if self.skip > 0 {
            self.skip = self.skip.saturating_add(1);
            return Signal::None;
        }
        let mut place = self.enter();
        if place.node == Node::Line {
            place.node = if object { Node::Message } else { Node::Batch };
        } else if !self.goes_into(place.node, object) {
            self.fields.present(place.node);
            self.skip = 1;
            if place.node == Node::Id {
                self.raw_id = Some(vec![if object { b'{' } else { b'[' }]);
            }
            return Signal::None;
        }
        self.fields.present(place.node);
        let hash = match place.node.is_hashed() {
            true => {
                let parent = self.frames.last().map_or(&digest::TOP, |frame| &frame.hash);
                self.digester.scalar(parent, &self.segment, Kind::Inner, b"", &mut self.scratch)
            }
            false => digest::TOP,
        };
        match place.node {
            Node::Message => {
                self.begin_message();
                self.fresh = false;
            }
            Node::Tools => self.fields.result.tools = Some(Vec::new()),
            Node::Tool => self.tool = Some(Draft::default()),
            Node::Task(side) => self.fields.part(side).task = Some(Task::default()),
            _ => {}
        }
        self.frames.push(Frame {
            node: place.node,
            object,
            number: self.keys.object(),
            children: 0,
            hash,
            pointer: self.pointer.len(),
            secret: place.secret,
            lost: place.lost,
        });
        match place.node {
            Node::Message => Signal::Begin,
            Node::Batch => Signal::Batch,
            _ => Signal::None,
        }
    }

    fn goes_into(&mut self, node: Node, object: bool) -> bool {
        if node == Node::Tool && self.fields.result.tools.as_ref().is_some_and(|tools| tools.len() >= limits::TOOLS) {
            self.fields.result.tools_cut = true;
            return false;
        }
        node.opens(object)
    }

    fn close(&mut self) -> Signal {
        if self.skip > 0 {
            self.skip = self.skip.saturating_sub(1);
            if self.skip == 0
                && let Some(raw) = self.raw_id.take()
            {
                let text = self.short_name(&String::from_utf8_lossy(&raw));
                self.fields.id = Some(Id::Text(text));
                self.fields.bad_id = true;
            }
            return Signal::None;
        }
        let Some(frame) = self.frames.pop() else { return Signal::None };
        // A root that is empty says no more than one that is absent.
        let below = self.frames.last().is_some_and(|parent| parent.node.is_hashed());
        if frame.node.is_hashed() && frame.children == 0 && below {
            let kind = if frame.object { Kind::EmptyObject } else { Kind::EmptyArray };
            let hash = self.digester.scalar(&frame.hash, b"", kind, b"", &mut self.scratch);
            self.add(frame.node, &hash);
        }
        match frame.node {
            Node::Tool => self.declare(),
            Node::Message => return Signal::End,
            _ => {}
        }
        Signal::None
    }

    /// The tool declaration is over. One without a name can't be called and isn't kept.
    fn declare(&mut self) {
        let Some(draft) = self.tool.take() else { return };
        if let (Some(name), Some(tools)) = (draft.name, &mut self.fields.result.tools) {
            tools.push(ToolDecl {
                digest: self.digester.finish(&name, &draft.sum),
                name,
                read_only: draft.read_only,
                destructive: draft.destructive,
                open_world: draft.open_world,
            });
        }
    }

    fn key(&mut self) {
        self.reading = Reading::Nothing;
        let Some(frame) = self.frames.last() else { return };
        let (parent, lost, length) = (frame.node, frame.lost, frame.pointer);
        let long = self.capture.long_hash();
        let key = self.capture.text();
        let node = if long.is_some() { parent.unknown_member() } else { parent.member(key) };
        self.next = Place::at(node);
        self.fields.escaped_method |= node == Node::Method && self.capture.escaped();
        let duplicate = parent != Node::ToolPart && long.is_none() && self.keys.is_duplicate(frame.number, key);
        self.fields.duplicate_key |= duplicate;
        if !node.is_hashed() {
            return;
        }
        if !parent.is_hashed() {
            self.enter_root(node);
            return;
        }
        match &long {
            Some(hash) => digest::long_key_segment(hash, &mut self.segment),
            None => digest::key_segment(key, &mut self.segment),
        }
        let Node::Argument(root) = node else { return };
        self.pointer.truncate(length);
        self.pointer.push('/');
        for character in redact::redact(&self.key, key).chars() {
            match character {
                '~' => self.pointer.push_str("~0"),
                '/' => self.pointer.push_str("~1"),
                _ => self.pointer.push(character),
            }
        }
        self.next.secret = redact::is_secret_name(key);
        self.next.lost = lost || long.is_some() || self.pointer.len() > limits::POINTER || self.keys.is_flooded();
        if duplicate {
            self.forget(root);
        }
    }

    /// `JSON.parse` keeps the last of two members of one name: what was kept of the first goes.
    fn forget(&mut self, root: Root) {
        let flooded = self.keys.is_flooded();
        let arguments = self.fields.arguments(root);
        if flooded {
            arguments.list.clear();
            arguments.cut = true;
        }
        let pointer = self.pointer.as_str();
        arguments.list.retain(|kept| {
            let below = kept.at.strip_prefix(pointer);
            !below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
    }

    fn begin(&mut self, kind: Kind) {
        let place = self.enter();
        let cap = place.node.retained();
        if cap == 0 {
            self.fields.present(place.node);
            return;
        }
        self.reading = Reading::Scalar(place, kind);
        // a tool is named in its declaration as in a call
        self.capture.begin(cap, place.node.is_hashed() && place.node != Node::ToolName);
    }

    fn end(&mut self) {
        let Reading::Scalar(place, kind) = self.reading else { return };
        self.reading = Reading::Nothing;
        self.scalar(place, kind);
    }

    fn deep(&mut self, bytes: &[u8]) {
        self.fields.depth = true;
        if self.skip > 0 {
            return;
        }
        if self.deep.is_none() {
            let place = self.enter();
            let hasher = place.node.is_hashed().then(|| Box::new(self.capture.long()));
            if let Node::Argument(root) = place.node {
                self.fields.arguments(root).cut = true;
            }
            self.deep = Some(Deep { node: place.node, hasher });
        }
        if let Some(Deep { hasher: Some(hasher), .. }) = &mut self.deep {
            hasher.push(bytes);
        }
    }

    fn end_deep(&mut self) {
        if let Some(Deep { node, hasher: Some(hasher) }) = self.deep.take() {
            let parent = self.frames.last().map_or(&digest::TOP, |frame| &frame.hash);
            let hash = self.digester.long(parent, &self.segment, Kind::Deep, &hasher.hash(), &mut self.scratch);
            self.add(node, &hash);
        }
    }

    fn add(&mut self, node: Node, hash: &Hash) {
        match (node, &mut self.tool) {
            (Node::Argument(root), _) => self.fields.arguments(root).sum.add(hash),
            (_, Some(draft)) => draft.sum.add(hash),
            _ => {}
        }
    }
}

impl Place {
    const fn at(node: Node) -> Self {
        Self { node, secret: false, lost: false }
    }
}
