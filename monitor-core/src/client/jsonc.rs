//! JSON with comments and trailing commas, as editors write their settings: made plain.

/// `text` without `//` and `/* */` comments and without commas before a closing bracket. What is inside of strings stays.
/// Linear in its length; what is no JSON before is none afterwards.
#[must_use]
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    // where a comma is that only blanks have followed
    let mut comma: Option<usize> = None;
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('"', _) => {
                comma = None;
                out.push(c);
                while let Some(inner) = chars.next() {
                    out.push(inner);
                    match inner {
                        '\\' => out.extend(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            ('/', Some('/')) => {
                chars.by_ref().take_while(|c| *c != '\n').for_each(drop);
                out.push('\n');
            }
            ('/', Some('*')) => {
                chars.next();
                let mut star = false;
                for inner in chars.by_ref() {
                    if star && inner == '/' {
                        break;
                    }
                    star = inner == '*';
                }
                out.push(' ');
            }
            (',', _) => {
                comma = Some(out.len());
                out.push(c);
            }
            ('}' | ']', _) => {
                if let Some(at) = comma.take() {
                    out.replace_range(at..=at, " ");
                }
                out.push(c);
            }
            _ => {
                if !c.is_whitespace() {
                    comma = None;
                }
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn comments_and_last_commas_go_and_strings_stay() {
        let text = "{ // a\n \"u\": \"http://x/*y*/,]\", /* b ** / */ \"l\": [1, 2, /* c */ ], \"e\": \"\\\"//\", }";
        let value: serde_json::Value = serde_json::from_str(&plain(text)).unwrap();
        assert_eq!(value, serde_json::json!({"u": "http://x/*y*/,]", "l": [1, 2], "e": "\"//"}));
    }

    #[test]
    fn any_cut_is_survived() {
        let text = "{\"a\": \"\\\\\", /* x */ // y\n ,]";
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            assert!(plain(&text[..at]).len() <= at);
        }
    }
}
