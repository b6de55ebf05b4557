//! Reading back what agents append: files of one JSON value a line.
//!
//! Several agents append to one file, and any of them can be killed in the middle of a line. A torn last line is not there
//! yet; a torn line that another agent wrote on after still gives the value behind it; what is left is counted, not fatal.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::de::DeserializeOwned;

use super::Failure;
use super::options::read_config;
use crate::pipeline::output::Store;

/// Longest line that is taken in.
const MAX_LINE: u64 = 8 << 20;

/// Which store is read.
#[derive(Debug, Clone, Args)]
pub struct StoreOptions {
    /// Configuration file that names the state folder [default: /etc/tripline/config.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read this file instead of the local store
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
}

impl StoreOptions {
    /// The file that is asked for; `of` picks it from the store.
    pub fn path(&self, of: fn(&Store) -> PathBuf) -> Result<PathBuf, Failure> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let config = read_config(self.config.as_deref())?;
        Ok(of(&Store { dir: PathBuf::from(config.state.dir) }))
    }

    /// The file, open for reading. `None`: the local store isn't there yet, because nothing was written.
    pub fn open(&self, of: fn(&Store) -> PathBuf) -> Result<Option<Journal>, Failure> {
        let path = self.path(of)?;
        let journal = Journal::open(&path)?;
        match (&journal, &self.file) {
            (None, Some(file)) => Err(Failure::failed(format!("there is no file {}", file.display()))),
            _ => Ok(journal),
        }
    }
}

/// A file of lines, read from its start.
pub struct Journal {
    path: PathBuf,
    file: BufReader<File>,
    line: Vec<u8>,
    /// Where the next line begins.
    at: u64,
    /// Where the first line begins that has no end.
    end: u64,
    /// Lines so far.
    number: u64,
    unreadable: u64,
    first_unreadable: u64,
}

impl Journal {
    /// Opens a file; `None` if there is none.
    pub fn open(path: &Path) -> Result<Option<Self>, Failure> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(path, &error)),
        };
        if file.metadata().is_ok_and(|meta| meta.is_dir()) {
            return Err(Failure::failed(format!("{} is a folder; name a file", path.display())));
        }
        Ok(Some(Self {
            path: path.to_owned(),
            file: BufReader::new(file),
            line: Vec::new(),
            at: 0,
            end: 0,
            number: 0,
            unreadable: 0,
            first_unreadable: 0,
        }))
    }

    /// The next whole line's offset and value. `head` is how a value of this kind begins. A line that holds none is
    /// counted and passed over; a last line without end is not there yet.
    pub fn next<T: DeserializeOwned>(&mut self, head: &str) -> Result<Option<(u64, T)>, Failure> {
        loop {
            let at = self.at;
            if !self.line()? {
                self.end = at;
                return Ok(None);
            }
            if self.line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if let Some((skipped, value)) = parse(&self.line, head) {
                return Ok(Some((at + skipped, value)));
            }
            self.unreadable += 1;
            if self.unreadable == 1 {
                self.first_unreadable = self.number;
            }
        }
    }

    /// The text from an offset that `next` gave to the end of its line.
    pub fn text(&mut self, offset: u64) -> Result<String, Failure> {
        let path = self.path.clone();
        self.file.seek(SeekFrom::Start(offset)).map_err(|error| unreadable(&path, &error))?;
        self.at = offset;
        self.line()?;
        Ok(String::from_utf8_lossy(&self.line).trim_end().to_owned())
    }

    /// Where the first line begins that was not whole when `next` met it.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Tells, on standard error, what could not be read.
    pub fn tell(&self) {
        if self.unreadable > 0 {
            let (count, first) = (self.unreadable, self.first_unreadable);
            super::note(&format!(
                "{}: passed over {count} line(s) that hold nothing readable, the first of them line {first}",
                self.path.display()
            ));
        }
    }

    /// Reads the next whole line into `self.line`; false at the end. A line that is too long is read as an empty one.
    fn line(&mut self) -> Result<bool, Failure> {
        self.line.clear();
        let Self { file, line, path, .. } = self;
        let read = file.take(MAX_LINE).read_until(b'\n', line).map_err(|error| unreadable(path, &error))?;
        let mut length = read as u64;
        if length == MAX_LINE && self.line.last() != Some(&b'\n') {
            self.line.clear();
            self.line.push(b'?');
            length += self.skip()?;
        } else if self.line.last() != Some(&b'\n') {
            return Ok(false);
        }
        self.at += length;
        self.number += 1;
        Ok(true)
    }

    /// Passes over the rest of a line.
    fn skip(&mut self) -> Result<u64, Failure> {
        let mut skipped = 0;
        loop {
            let buffer = self.file.fill_buf().map_err(|error| unreadable(&self.path, &error))?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let count = end.map_or(buffer.len(), |at| at + 1);
            self.file.consume(count);
            skipped += count as u64;
            if end.is_some() || count == 0 {
                return Ok(skipped);
            }
        }
    }
}

/// The value of a line, and how many bytes of a torn one stand before it.
pub fn parse<T: DeserializeOwned>(line: &[u8], head: &str) -> Option<(u64, T)> {
    if let Ok(value) = serde_json::from_slice(line) {
        return Some((0, value));
    }
    // Inside a JSON string the head's quotes would be escaped: the last occurrence begins a value.
    let at = line.windows(head.len()).rposition(|window| window == head.as_bytes())?;
    serde_json::from_slice(line.get(at..)?).ok().map(|value| (at as u64, value))
}

/// The one value whose id is `wanted`, or begins or ends with it.
pub fn pick<'a>(ids: impl Iterator<Item = &'a str>, wanted: &str, what: &str) -> Result<&'a str, Failure> {
    let lower = wanted.to_ascii_lowercase();
    let mut found = Vec::new();
    for id in ids {
        if id == lower {
            return Ok(id);
        }
        if lower.len() >= 4 && (id.starts_with(&lower) || id.ends_with(&lower)) {
            found.push(id);
        }
    }
    match found.as_slice() {
        [id] => Ok(id),
        [] => {
            Err(Failure::failed(format!("there is no {what} {wanted}; `tripline {what}s list` shows those there are")))
        }
        [first, second, ..] => Err(Failure::failed(format!(
            "{wanted} fits {} {what}s, such as {first} and {second}: give more of it",
            found.len()
        ))),
    }
}

/// The part of an id that `list` shows: its end is a hash, its start only a time.
#[must_use]
pub fn short(id: &str) -> &str {
    id.len().checked_sub(8).and_then(|at| id.get(at..)).unwrap_or(id)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let advice = match error.kind() {
        ErrorKind::PermissionDenied => "; run it as root (sudo), or name a file of your own with --file",
        _ => "",
    };
    Failure::failed(format!("cannot read {}: {error}{advice}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde::Deserialize;

    use super::{Journal, MAX_LINE, pick, short};

    #[derive(Debug, PartialEq, Deserialize)]
    struct Value {
        n: u32,
    }

    fn values(text: &[u8]) -> (Vec<(u64, u32)>, u64) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        fs::write(&path, text).unwrap();
        let mut journal = Journal::open(&path).unwrap().unwrap();
        let mut values = Vec::new();
        while let Some((at, value)) = journal.next::<Value>("{\"n\":").unwrap() {
            values.push((at, value.n));
        }
        (values, journal.unreadable)
    }

    #[test]
    fn torn_lines_cost_only_themselves() {
        assert_eq!(values(b"{\"n\":1}\n{\"n\":2}\n{\"n\":"), (vec![(0, 1), (8, 2)], 0));
        assert_eq!(values(b"{\"n\":1}\n{\"x\":{\"n\":2}\n{\"n\":3}\n"), (vec![(0, 1), (13, 2), (21, 3)], 0));
        assert_eq!(values(b"\n\xff\xfe\n{\"n\":1}\n"), (vec![(4, 1)], 1));
    }

    #[test]
    fn a_line_without_bounds_is_passed_over() {
        let mut text = vec![b'x'; usize::try_from(MAX_LINE).unwrap() + 10];
        text.extend_from_slice(b"\n{\"n\":1}\n");
        assert_eq!(values(&text), (vec![(MAX_LINE + 11, 1)], 1));
    }

    #[test]
    fn ids_are_found_by_either_end() {
        let ids = ["0193-aaaa", "0193-bbbb"];
        assert_eq!(pick(ids.into_iter(), "BBBB", "alert").unwrap(), "0193-bbbb");
        assert_eq!(pick(ids.into_iter(), "0193-aaaa", "alert").unwrap(), "0193-aaaa");
        assert!(pick(ids.into_iter(), "0193", "alert").unwrap_err().message.contains("fits 2 alerts"));
        assert!(pick(ids.into_iter(), "b", "alert").unwrap_err().message.contains("no alert b"));
        assert_eq!(short("01930000-0000-7000-8000-0000deadbeef"), "deadbeef");
        assert_eq!(short("x"), "x");
    }
}
