//! Standard output for people and for pipes.
//!
//! A closed pipe ends a verb quietly, colour is only where a person looks, and text that came from a process can't steer
//! the terminal.

pub use monitor_core::text::plain;

use std::fmt::{Display, Write as _};
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Stdout, Write};

use monitor_core::alert::{Severity, Stamp};

use super::Failure;

/// Text is wrapped at this many columns.
const WIDTH: usize = 96;

/// Standard output.
pub struct Out {
    stdout: BufWriter<Stdout>,
    colour: bool,
}

/// How a word stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A heading.
    Bold,
    /// Less important.
    Dim,
    /// Fine.
    Green,
    /// Worth a look.
    Yellow,
    /// Bad.
    Red,
    /// Worse than bad.
    Alarm,
}

impl Out {
    /// Colours only a terminal, and not where `NO_COLOR` is set or the terminal is `dumb`.
    pub fn new() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let stdout = io::stdout();
        let colour = !refused && stdout.is_terminal();
        Self { stdout: BufWriter::new(stdout), colour }
    }

    /// Writes a line.
    pub fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        writeln!(self.stdout, "{text}").map_err(|error| failure(&error))
    }

    /// Writes rows in columns; the last column is as long as it is. `indent` goes before every row.
    pub fn table(&mut self, indent: &str, rows: &[Vec<String>]) -> Result<(), Failure> {
        let count = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| shown(cell)).max();
        let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
        for row in rows {
            let mut line = indent.to_owned();
            for (cell, width) in row.iter().zip(&widths) {
                let _infallible = write!(line, "{cell}{:gap$}", "", gap = width - shown(cell) + 2);
            }
            self.line(line.trim_end())?;
        }
        Ok(())
    }

    /// Writes text wrapped at word borders.
    pub fn paragraph(&mut self, indent: &str, text: &str) -> Result<(), Failure> {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && indent.len() + line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.line(format_args!("{indent}{line}"))?;
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(format_args!("{indent}{line}"))
    }

    /// Everything that was written so far reaches the reader.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.stdout.flush().map_err(|error| failure(&error))
    }

    /// The text, coloured if this output is.
    pub fn paint(&self, style: Style, text: impl Display) -> String {
        if !self.colour {
            return text.to_string();
        }
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Green => "32",
            Style::Yellow => "33",
            Style::Red => "31",
            Style::Alarm => "1;31",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// A severity's word in its colour.
    pub fn severity(&self, severity: Severity) -> String {
        let style = match severity {
            Severity::Info => Style::Dim,
            Severity::Low => Style::Green,
            Severity::Medium => Style::Yellow,
            Severity::High => Style::Red,
            Severity::Critical => Style::Alarm,
        };
        self.paint(style, severity.as_str())
    }
}

/// Seconds are enough for a person who looks for the line; `show` has the rest.
#[must_use]
pub fn second(stamp: Stamp) -> String {
    let text = stamp.0.rfc3339();
    text.split('.').next().unwrap_or(&text).replace('T', " ")
}

/// Milliseconds, for orders of events.
#[must_use]
pub fn millisecond(stamp: Stamp) -> String {
    let text = stamp.0.rfc3339();
    text.get(..23).unwrap_or(&text).replace('T', " ")
}

/// The last component of a path.
#[must_use]
pub fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Length on the screen: without colour codes.
fn shown(text: &str) -> usize {
    let mut length = 0;
    let mut escape = false;
    for c in text.chars() {
        match (escape, c) {
            (false, '\x1b') => escape = true,
            (false, _) => length += 1,
            (true, 'm') => escape = false,
            (true, _) => {}
        }
    }
    length
}

/// What it means that standard output takes no more.
pub fn failure(error: &io::Error) -> Failure {
    if error.kind() == ErrorKind::BrokenPipe {
        return Failure::quiet();
    }
    Failure::failed(format!("cannot write to standard output: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{plain, shown};

    #[test]
    fn text_of_others_cannot_steer_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(plain("gpj.\u{202e}exe"), "gpj.\\u{202e}exe");
        assert_eq!(plain("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(plain("Größe \\xff /tmp/ü"), "Größe \\xff /tmp/ü");
    }

    #[test]
    fn colour_takes_no_room() {
        assert_eq!(shown("\x1b[1;31mhigh\x1b[0m"), 4);
        assert_eq!(shown("höch"), 4);
    }
}
