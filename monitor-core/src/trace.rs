//! The recording format: one header line, then one event as JSON per line. Pure functions on lines; the agent does the
//! reading and writing.
//!
//! A recording holds parsed events in merged order, and so replays to the same alerts, byte for byte. It holds no
//! secret: events don't.

mod event;

use serde::{Deserialize, Serialize};

use crate::alert::Stamp;
use crate::digest::Digest;
use crate::event::Event;
use crate::time::Time;

/// The format that this version writes, and the only one it reads.
pub const VERSION: u32 = 1;
/// Longest line that is read: an MCP message's arguments are the largest part, and bounded far below.
pub const MAX_LINE: usize = 8 * 1024 * 1024;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Always `recording`: what kind of file this is.
    pub tripline: String,
    /// Format version.
    pub version: u32,
    /// Version of the agent that wrote it.
    pub agent: String,
    /// Digest of the configuration that it ran with, see [`config_digest`].
    pub config: String,
    /// When it was begun.
    pub started: Stamp,
}

/// Why a recording can't be read: one line for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// No line at all.
    #[error("recording is empty: its first line should be a header")]
    Empty,
    /// The first line isn't a header.
    #[error("line 1: not a tripline recording ({0}); record one with `tripline record -o FILE`")]
    NotARecording(String),
    /// Written by another version.
    #[error(
        "line 1: recording has format {found}, this tripline reads format {VERSION}; replay it with tripline {agent}"
    )]
    Version {
        /// Its format.
        found: u32,
        /// Who wrote it.
        agent: String,
    },
    /// A line isn't an event.
    #[error("line {line}: not an event: {message}")]
    Event {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The last line has no end: the writer was cut off.
    #[error("line {line}: recording ends in the middle of an event; everything before it is good")]
    Cut {
        /// Line, from 1.
        line: usize,
    },
    /// A line that no writer makes.
    #[error("line {line}: longer than {MAX_LINE} bytes")]
    TooLong {
        /// Line, from 1.
        line: usize,
    },
}

impl Header {
    /// A header for a recording that begins now.
    #[must_use]
    pub fn new(config: &str, started: Time) -> Self {
        Self {
            tripline: "recording".to_owned(),
            version: VERSION,
            agent: env!("CARGO_PKG_VERSION").to_owned(),
            config: config.to_owned(),
            started: started.into(),
        }
    }

    /// The header as a line, with its newline.
    ///
    /// # Errors
    /// Never in practice: a header has a JSON form.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self).map(|line| line + "\n")
    }

    /// Reads the first line.
    ///
    /// # Errors
    /// Says why it is no header that this version understands.
    pub fn from_line(line: &str) -> Result<Self, TraceError> {
        let line = line.trim_end_matches(['\n', '\r']);
        if line.is_empty() {
            return Err(TraceError::Empty);
        }
        let header: Self = serde_json::from_str(line).map_err(|error| TraceError::NotARecording(error.to_string()))?;
        if header.tripline != "recording" {
            return Err(TraceError::NotARecording(format!("it says it is a {:?}", header.tripline)));
        }
        if header.version != VERSION {
            return Err(TraceError::Version { found: header.version, agent: header.agent });
        }
        Ok(header)
    }
}

/// An event as a line, with its newline.
///
/// # Errors
/// Never in practice: every event has a JSON form.
pub fn event_line(event: &Event) -> Result<String, serde_json::Error> {
    serde_json::to_string(event).map(|line| line + "\n")
}

/// Reads line `number` (from 1, the header included) as an event; blank lines are `None`. `last` says that nothing
/// follows it.
///
/// # Errors
/// Says which line, and what is wrong with it.
pub fn parse_event(line: &str, number: usize, last: bool) -> Result<Option<Event>, TraceError> {
    if line.len() > MAX_LINE {
        return Err(TraceError::TooLong { line: number });
    }
    let text = line.trim();
    if text.is_empty() {
        return Ok(None);
    }
    event::parse(text).map(Some).map_err(|error| {
        if last && !line.ends_with('\n') && error.is_eof() {
            TraceError::Cut { line: number }
        } else {
            TraceError::Event { line: number, message: error.to_string() }
        }
    })
}

/// Reads a whole recording. Events come one by one; after an error none does.
///
/// # Errors
/// Says why the first line is no header.
pub fn read(text: &str) -> Result<(Header, impl Iterator<Item = Result<Event, TraceError>>), TraceError> {
    let mut lines = text.split_inclusive('\n').enumerate().peekable();
    let header = Header::from_line(lines.next().map_or("", |(_, line)| line))?;
    let mut failed = false;
    let events = std::iter::from_fn(move || {
        loop {
            if failed {
                return None;
            }
            let (at, line) = lines.next()?;
            match parse_event(line, at + 1, lines.peek().is_none()) {
                Ok(None) => {}
                Ok(Some(event)) => return Some(Ok(event)),
                Err(error) => {
                    failed = true;
                    return Some(Err(error));
                }
            }
        }
    });
    Ok((header, events))
}

/// A digest of what the engine was configured with: the texts of the configuration file and of every own profile.
#[must_use]
pub fn config_digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let digest = texts.into_iter().fold(Digest::new(), |digest, text| digest.field(text.as_bytes()));
    format!("{:032x}", digest.finish())
}
