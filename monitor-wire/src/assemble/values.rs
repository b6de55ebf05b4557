//! What a value at a place means: names, numbers, hints, arguments, ids.

use super::{Assembler, Place};
use crate::digest::{self, Kind};
use crate::fields;
use crate::limits;
use crate::mcp::{Argument, Id};
use crate::path::{Node, Root};
use crate::redact;

impl Assembler {
    pub(super) fn literal(&mut self, kind: Kind) {
        let place = self.enter();
        self.capture.begin(0, true);
        self.scalar(place, kind);
    }

    pub(super) fn scalar(&mut self, place: Place, kind: Kind) {
        if kind != Kind::Null {
            self.fields.present(place.node);
        }
        if place.node.is_hashed() {
            let Self { digester, capture, segment, scratch, frames, .. } = self;
            let parent = frames.last().map_or(&digest::TOP, |frame| &frame.hash);
            let hash = match capture.long_hash() {
                Some(long) => digester.long(parent, segment, kind, &long, scratch),
                None => digester.scalar(parent, segment, kind, capture.text().as_bytes(), scratch),
            };
            self.add(place.node, &hash);
        }
        match (place.node, kind) {
            (Node::Argument(root), _) => self.argument(root, place, kind),
            (Node::Id, _) => self.fields.id = Some(self.id(kind)),
            (Node::RequestId, _) => self.fields.params.request_id = self.reference(kind),
            (Node::Progress, _) => self.fields.params.progress = self.reference(kind),
            (Node::MetaProgress, _) => self.fields.params.meta.progress = self.reference(kind),
            (Node::ErrorCode, Kind::Number) => {
                self.fields.error = Some(fields::integer(self.capture.text()).unwrap_or(0))
            }
            (Node::IsError, _) => self.fields.result.is_error = kind == Kind::True,
            (Node::WrappedIsError, _) => self.fields.result.wrapped_is_error = kind == Kind::True,
            (Node::ResultType, Kind::String) => {
                self.fields.result.input_required = self.capture.text() == "input_required";
            }
            (Node::ReadOnly | Node::Destructive | Node::OpenWorld, _) => self.hint(place.node, kind),
            (node, Kind::String) => self.name_at(node),
            _ => {}
        }
    }

    pub(super) fn name_at(&mut self, node: Node) {
        if node == Node::ToolPart || node.retained() == 0 {
            return;
        }
        let name = self.name();
        let fields = &mut self.fields;
        let slot = match node {
            Node::Method => {
                fields.escaped_method |= self.capture.escaped();
                &mut fields.method
            }
            Node::Name => &mut fields.params.name,
            Node::ToolName => match &mut self.tool {
                Some(draft) => &mut draft.name,
                None => return,
            },
            Node::Protocol(side) => &mut fields.part(side).protocol,
            Node::PeerName(side) => &mut fields.part(side).peer.name,
            Node::PeerVersion(side) => &mut fields.part(side).peer.version,
            Node::MetaProtocol(side) => &mut fields.part(side).meta.protocol,
            Node::MetaPeerName(side) => &mut fields.part(side).meta.peer.name,
            Node::MetaPeerVersion(side) => &mut fields.part(side).meta.peer.version,
            Node::TaskId(side) => &mut fields.part(side).task_id,
            Node::TaskStatus(side) => &mut fields.part(side).task_status,
            Node::InnerTaskId(side) => match &mut fields.part(side).task {
                Some(task) => &mut task.id,
                None => return,
            },
            Node::InnerTaskStatus(side) => match &mut fields.part(side).task {
                Some(task) => &mut task.status,
                None => return,
            },
            _ => return,
        };
        *slot = Some(name);
    }

    pub(super) fn hint(&mut self, node: Node, kind: Kind) {
        let Some(draft) = &mut self.tool else { return };
        let value = match kind {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        };
        match node {
            Node::ReadOnly => draft.read_only = value,
            Node::Destructive => draft.destructive = value,
            _ => draft.open_world = value,
        }
    }

    pub(super) fn argument(&mut self, root: Root, place: Place, kind: Kind) {
        let len = self.capture.len();
        let long = self.capture.long_hash();
        let full = self.fields.arguments(root).list.len() >= limits::ARGUMENTS;
        if full || place.lost {
            self.fields.arguments(root).cut = true;
            return;
        }
        let text = self.capture.text();
        let secret = place.secret && (kind == Kind::String && len > 0 || len >= 6);
        let (text, len) = match (kind, long) {
            (Kind::True, _) => ("true".to_owned(), 4),
            (Kind::False, _) => ("false".to_owned(), 5),
            (Kind::Null, _) => ("null".to_owned(), 4),
            (_, Some(hash)) if secret => (redact::fingerprint(&self.key, &hash), len),
            (_, Some(_)) => (redact::redact_cut(&self.key, text), len),
            (_, None) if secret => (redact::redact_secret(&self.key, text), len),
            (_, None) => (redact::redact(&self.key, text).into_owned(), len),
        };
        let mut argument = Argument { at: self.pointer.clone(), text, len };
        let arguments = self.fields.arguments(root);
        arguments.cut |= long.is_some() || argument.text.len() > limits::ARGUMENT;
        // Fingerprints may be longer than what they stand for.
        argument.text.truncate(argument.text.floor_char_boundary(limits::ARGUMENT));
        arguments.list.push(argument);
    }

    pub(super) fn id(&mut self, kind: Kind) -> Id {
        let bad = match kind {
            Kind::String => return Id::Text(self.name()),
            Kind::Number => match fields::integer(self.capture.text()) {
                Some(number) if self.capture.long_hash().is_none() => return Id::Number(number),
                _ => self.name(),
            },
            Kind::True => "true".to_owned(),
            Kind::False => "false".to_owned(),
            _ => "null".to_owned(),
        };
        self.fields.bad_id = true;
        Id::Text(bad)
    }

    /// An id that refers to something: it is there or it isn't.
    pub(super) fn reference(&mut self, kind: Kind) -> Option<Id> {
        match kind {
            Kind::String => Some(Id::Text(self.name())),
            Kind::Number => match fields::integer(self.capture.text()) {
                Some(number) if self.capture.long_hash().is_none() => Some(Id::Number(number)),
                _ => Some(Id::Text(self.name())),
            },
            _ => None,
        }
    }

    /// The captured text as a name: redacted, and a fingerprint if it is too long.
    pub(super) fn name(&mut self) -> String {
        if let Some(hash) = self.capture.long_hash() {
            self.fields.cut = true;
            return redact::shown(&hash);
        }
        self.short_name(self.capture.text())
    }

    pub(super) fn short_name(&self, text: &str) -> String {
        let name = redact::redact(&self.key, text);
        if name.len() > limits::NAME {
            return redact::fingerprint(&self.key, text.as_bytes());
        }
        name.into_owned()
    }
}
