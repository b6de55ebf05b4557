//! Requests over HTTP that are no calls. Clients that know nothing of each other number theirs alike, so that an answer's
//! number alone doesn't tell whose it is.

use std::collections::VecDeque;

use monitor_wire::mcp::Id;

use crate::id::FileId;
use crate::time::{SECOND, Time};

/// Most that are remembered, the latest.
const MAX_QUESTIONS: usize = 64;
/// How long an answer is waited for.
const PATIENCE: u64 = 60 * SECOND;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Questions {
    open: VecDeque<(FileId, Id, Time)>,
}

impl Questions {
    /// A client asks something on a connection.
    pub fn ask(&mut self, stream: FileId, id: &Id, now: Time) {
        if self.open.len() >= MAX_QUESTIONS {
            self.open.pop_front();
        }
        self.open.push_back((stream, id.clone(), now));
    }

    /// Takes the question that an answer is for: one on the same connection, else any of that number, since by HTTP with SSE
    /// answers come on another.
    pub fn answered(&mut self, stream: FileId, id: &Id, now: Time) -> bool {
        self.open.retain(|(_, _, asked)| now.since(*asked) <= PATIENCE);
        let same = |(_, known, _): &(FileId, Id, Time)| known == id;
        let at = self.open.iter().position(|question| same(question) && question.0 == stream);
        match at.or_else(|| self.open.iter().position(same)) {
            Some(at) => self.open.remove(at).is_some(),
            None => false,
        }
    }
}
