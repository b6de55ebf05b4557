//! Text that others chose, made harmless for people.

/// Control characters, and those that turn the direction of writing or can't be seen, become escapes: the text stays on
/// its line, steers no terminal, and reads as it is.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || steers(c) {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
    }
    plain
}

const fn steers(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_is_left() {
        assert_eq!(plain("a\u{1b}[31m\n\u{202e}b\u{e0041}"), "a\\u{1b}[31m\\n\\u{202e}b\\u{e0041}");
        assert_eq!(plain("Größe, 大小, \u{1f600}"), "Größe, 大小, \u{1f600}");
    }
}
