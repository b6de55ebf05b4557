//! Where the reader stands: which place of a message a key or an element is.

use super::{Assembler, Place};
use crate::fields::URI;
use crate::path::{Node, Root};
use crate::{digest, limits};

impl Assembler {
    /// The place of the value that begins here.
    pub(super) fn enter(&mut self) -> Place {
        let Some(frame) = self.frames.last_mut() else { return Place::at(Node::Line) };
        let index = frame.children;
        frame.children = index.saturating_add(1);
        let (parent, length) = (frame.node, frame.pointer);
        let place = match frame.object {
            true => self.next,
            false => Place { node: parent.element(), secret: frame.secret, lost: frame.lost || self.keys.is_flooded() },
        };
        if !parent.is_hashed() {
            if !frame.object && place.node.is_hashed() {
                self.enter_root(place.node);
            }
            self.fields.clear(place.node);
        } else if !frame.object {
            digest::index_segment(index, &mut self.segment);
            self.point_at_element(length, index, place)
        } else if place.node == Node::ToolName
            && let Some(draft) = &mut self.tool
        {
            draft.name = None;
        }
        place
    }

    pub(super) fn point_at_element(&mut self, length: usize, index: u64, place: Place) {
        let Node::Argument(root) = place.node else { return };
        if self.fields.arguments(root).list.len() < limits::ARGUMENTS {
            self.pointer.truncate(length);
            self.pointer.push('/');
            self.pointer.push_str(&index.to_string());
        }
    }

    pub(super) fn enter_root(&mut self, node: Node) {
        self.pointer.clear();
        self.segment.clear();
        self.segment.extend_from_slice(match node {
            Node::Argument(Root::Arguments) => b"a",
            Node::Argument(Root::Input) => b"p",
            Node::Argument(Root::Uri) => b"u",
            _ => b"t",
        });
        self.pointer.push_str(match node {
            Node::Argument(Root::Input) => "/input",
            Node::Argument(Root::Uri) => URI,
            _ => "",
        });
    }
}
