//! Colours and widths of what is printed.

use std::io::IsTerminal;

/// No line is wider.
pub const WIDTH: usize = 100;

/// What a piece of text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Plain,
    Strong,
    Faint,
    Good,
    Warning,
    Bad,
    Worst,
}

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    coloured: bool,
}

impl Paint {
    /// Colours where somebody looks and hasn't asked for none.
    pub fn for_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { coloured: !refused && !dumb && std::io::stdout().is_terminal() }
    }

    /// The text in its colour.
    pub fn text(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Plain => return text.to_owned(),
            Ink::Strong => "1",
            Ink::Faint => "2",
            Ink::Good => "32",
            Ink::Warning => "33",
            Ink::Bad => "31",
            Ink::Worst => "1;31",
        };
        if self.coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The colour of a severity.
pub fn severity(word: &str) -> Ink {
    match word {
        "critical" => Ink::Worst,
        "high" => Ink::Bad,
        "medium" => Ink::Warning,
        _ => Ink::Faint,
    }
}

/// Breaks a text at spaces, and words that are too long anywhere.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let at = lines.len() - 1;
            let used = lines[at].chars().count();
            let gap = usize::from(used > 0);
            if used + gap + word.len() <= width {
                lines[at].extend(std::iter::repeat_n(' ', gap).chain(word));
                break;
            }
            if used == 0 {
                let rest = word.split_off(width);
                lines[at].extend(word);
                word = rest;
            }
            lines.push(String::new());
        }
    }
    lines
}

/// Cut or filled to a width; what is left out is its middle, so that a path keeps its name.
pub fn fit(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return format!("{text:width$}");
    }
    let head = (width - 1) / 3;
    let tail = width - 1 - head;
    let begin: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!("{begin}…{end}")
}

#[cfg(test)]
mod tests {
    use super::{Ink, Paint, fit, wrap};

    #[test]
    fn text_is_wrapped_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a abcdefghij b", 4), ["a", "abcd", "efgh", "ij b"]);
        assert_eq!(wrap("", 4), [""]);
    }

    #[test]
    fn a_long_path_keeps_its_end() {
        assert_eq!(fit("abc", 5), "abc  ");
        assert_eq!(fit("/home/dev/.ssh/id", 10), "/ho…ssh/id");
        assert_eq!(fit("/home/dev/.ssh/id", 10).chars().count(), 10);
    }

    #[test]
    fn without_colours_text_is_bare() {
        assert_eq!(Paint { coloured: false }.text(Ink::Bad, "x"), "x");
        assert_eq!(Paint { coloured: true }.text(Ink::Bad, "x"), "\x1b[31mx\x1b[0m");
    }
}
