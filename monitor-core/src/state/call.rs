//! One `tools/call`: when it opens, what it was declared to do, and when it stops explaining effects.

use monitor_wire::mcp::{Argument, Id, ToolCall};

use crate::alert::CallInfo;
use crate::config::Windows;
use crate::id::FileId;
use crate::ledger::{Declared, Observations};
use crate::named::Host;
use crate::time::Time;

use super::Requests;

/// Number of a call, unique within an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey(pub u64);

/// An open call, or one in its tail.
#[derive(Debug)]
pub struct Call {
    /// Its number.
    pub key: CallKey,
    /// Unique id for people and records.
    pub id: String,
    /// JSON-RPC id; the newest one where the call was repeated.
    pub rpc: Id,
    /// Stream on which the request came.
    pub stream: FileId,
    /// Tool name; of a prompt or resource the method, and the name or URI.
    pub tool: String,
    /// What was asked for.
    pub asked: Asked,
    /// Its scalar arguments.
    pub arguments: Vec<Argument>,
    /// Arguments were cut: the absence of a value proves nothing.
    pub cut: bool,
    /// Digest of tool and arguments.
    pub digest: String,
    /// Its progress token.
    pub progress: Option<Id>,
    /// When its request came.
    pub started: Time,
    /// When it last showed that it goes on.
    pub progressed: Time,
    /// When it was answered.
    pub answered: Option<Time>,
    /// What keeps it open.
    pub ending: Ending,
    /// Its answer may name a task that goes on: the client asked for one, or leaves it to the server.
    pub may_be_task: bool,
    /// Its answer may ask for input, with which it is repeated: no revision before 2026-07-28 knows that.
    pub may_ask_input: bool,
    /// What it may cause.
    pub declared: Declared,
    /// API requests that it may make, and made.
    pub requests: Requests,
    /// Hosts that its arguments name, with the pointer of the argument.
    pub hosts: Vec<(String, Host)>,
    /// Files that its arguments name.
    pub paths: Vec<(String, String)>,
    /// Those of them that are credentials: pointer and path.
    pub credentials: Vec<(String, String)>,
    /// What was seen while it was open.
    pub observed: Observations,
}

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A tool.
    Tool,
    /// A prompt (`prompts/get`), which explains what the tool of its name would.
    Prompt,
    /// A resource (`resources/read`, `resources/subscribe`), which explains the reading of what its URI names.
    Resource,
}

/// How a call ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With its answer.
    Answer,
    /// It was cancelled then; it ends with its answer or after a while.
    Cancelled(Time),
    /// With the terminal state of this task.
    Task(String),
    /// With its repeat, which brings the input it asked for.
    Input,
    /// It has ended, and how.
    Ended(&'static str),
}

/// How firmly a call explains an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// It was just answered: weakly, and never a mutation.
    Tail,
    /// It is open.
    Open,
}

impl Call {
    /// Whether it waits for the answer of this number, on the connection on which it was asked.
    #[must_use]
    pub fn is_asked(&self, stream: FileId, id: &Id) -> bool {
        self.answered.is_none() && self.stream == stream && self.rpc == *id
    }

    /// How firmly it explains what happens `now`, if at all.
    #[must_use]
    pub fn hold(&self, now: Time, windows: &Windows) -> Option<Hold> {
        match self.answered {
            Some(at) => (now.since(at) <= windows.tail).then_some(Hold::Tail),
            None => (now < self.deadline(windows)).then_some(Hold::Open),
        }
    }

    /// When it stops to explain anything, as far as is known now.
    #[must_use]
    pub fn deadline(&self, windows: &Windows) -> Time {
        if let Some(at) = self.answered {
            return at.plus(windows.tail + 1);
        }
        match self.ending {
            Ending::Cancelled(at) => at.plus(windows.cancelled),
            _ => self.progressed.plus(windows.no_progress),
        }
    }

    /// It was answered, or its task reached a terminal state.
    pub fn end(&mut self, now: Time, how: &'static str) {
        if self.answered.is_none() {
            self.answered = Some(now);
            self.ending = Ending::Ended(how);
        }
    }

    /// How it ended, for its record; `otherwise` if it hadn't. One that was cancelled stays that, whoever ends first.
    #[must_use]
    pub const fn outcome(&self, otherwise: &'static str) -> &'static str {
        match self.ending {
            Ending::Ended(how) => how,
            Ending::Cancelled(_) => "cancelled",
            _ => otherwise,
        }
    }

    /// Whether `again`, which asks for `tool`, is the same call under a new id (2026-07-28: with the input it had asked
    /// for).
    pub fn continues(&self, again: &ToolCall, tool: &str) -> bool {
        again.repeat && self.ending == Ending::Input && self.answered.is_none() && self.tool == tool
    }

    /// What alerts say of it.
    #[must_use]
    pub fn info(&self) -> CallInfo {
        CallInfo {
            id: self.id.clone(),
            tool: crate::text::plain(&self.tool),
            started: self.started.into(),
            ended: self.answered.map(Into::into),
            effect: self.declared.effect,
        }
    }
}
