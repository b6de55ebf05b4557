//! The bodies of one direction that are open, by stream.

use std::collections::BTreeMap;

use super::exchange_of;
use crate::http::Body;
use crate::http::body::{BodyKey, Framing, Open};
use crate::limits;

/// See the module documentation. Streams without a body in progress aren't in it.
pub(super) struct Streams {
    key: BodyKey,
    /// Boxed because its hash is large.
    open: BTreeMap<u32, Box<Open>>,
    evicted: u64,
}

impl Streams {
    pub(super) const fn new(key: BodyKey) -> Self {
        Self { key, open: BTreeMap::new(), evicted: 0 }
    }

    /// Bodies that were given up for want of room.
    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn get_mut(&mut self, stream: u32) -> Option<&mut Open> {
        self.open.get_mut(&stream).map(Box::as_mut)
    }

    pub(super) fn is_open(&self, stream: u32) -> bool {
        self.open.contains_key(&stream)
    }

    /// A body begins. Returns the one that had to give way, the oldest.
    pub(super) fn open(&mut self, stream: u32) -> Option<Body> {
        let room = self.open.len() < limits::HTTP2_STREAMS;
        let oldest = if room { None } else { self.open.pop_first() };
        self.evicted = self.evicted.saturating_add(oldest.is_some().into());
        // Frames tell where it ends, as a connection would: it has no end of its own.
        if let Some(body) = Open::new(exchange_of(stream), Framing::Close, &self.key) {
            self.open.insert(stream, Box::new(body));
        }
        oldest.map(|(_, body)| body.end(false, &self.key))
    }

    /// A body has ended, `whole` or not.
    pub(super) fn close(&mut self, stream: u32, whole: bool) -> Option<Body> {
        self.open.remove(&stream).map(|body| body.end(whole, &self.key))
    }

    /// All have ended with the direction.
    pub(super) fn close_all(&mut self) -> impl Iterator<Item = Body> {
        std::mem::take(&mut self.open).into_values().map(|body| body.end(false, &self.key))
    }
}
