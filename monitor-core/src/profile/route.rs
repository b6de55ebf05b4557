//! Paths of API requests, compared with the templates that profiles declare.
//!
//! A path is compared as the API reads it: percent-encoding undone, empty and dot segments resolved, upper and lower case
//! apart. A segment in which a separator, or another encoding, hides is no ordinary value: it stands for a template's
//! variable only where a call's own argument is just that.

use super::model::Api;

/// Most segments of a path that is compared.
const MAX_SEGMENTS: usize = 256;

/// A request's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    /// Decoded once.
    text: String,
    /// Another reader may take it for something else than one segment.
    opaque: bool,
}

/// What stands for a template's variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound<'a> {
    /// The variable's name.
    pub name: &'a str,
    /// The template's segment before it: `scripts` of `/scripts/{name}`.
    pub of: &'a str,
    /// The value, decoded; with its slashes where it spans segments.
    pub value: String,
}

/// A text that may hold a separator, and whether it stands at the end of the template: whether a variable may be that.
pub type Whole<'a> = &'a dyn Fn(&str, bool) -> bool;

impl Route {
    /// The path of a request, without its query. `None`: it isn't absolute, or too deep for any API.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix('/')?;
        let mut segments: Vec<Segment> = Vec::new();
        for raw in rest.split('/').filter(|raw| !raw.is_empty()) {
            let segment = Segment::new(raw);
            match segment.text.as_str() {
                "." => {}
                ".." => {
                    segments.pop();
                }
                _ => segments.push(segment),
            }
            if segments.len() > MAX_SEGMENTS {
                return None;
            }
        }
        Some(Self { segments })
    }

    /// The path in its plain form, for people and keys.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for segment in &self.segments {
            text.push('/');
            text.push_str(&segment.text);
        }
        if text.is_empty() { "/".to_owned() } else { text }
    }

    /// The segments from `at` on for `count`, as one text; and whether it needs somebody's word to be a value.
    fn span(&self, at: usize, count: usize) -> Option<(String, bool)> {
        let taken = self.segments.get(at..at.checked_add(count)?)?;
        let opaque = count > 1 || taken.iter().any(|segment| segment.opaque);
        let texts: Vec<&str> = taken.iter().map(|segment| segment.text.as_str()).collect();
        Some((texts.join("/"), opaque))
    }

    /// What the variables of `template` are in this path, where it fits. `stretched`: which of its segments takes how
    /// many.
    fn bind<'a>(&self, template: &'a str, stretched: (usize, usize), whole: Whole<'_>) -> Option<Vec<Bound<'a>>> {
        let (mut at, mut bound) = (0_usize, Vec::new());
        let mut before = "";
        let mut wanted = parts(template).enumerate().peekable();
        while let Some((index, want)) = wanted.next() {
            if matches!(want, "*" | "**") {
                return Some(bound);
            }
            let count = if index == stretched.0 { stretched.1 } else { 1 };
            if let Some(name) = variable(want) {
                let (value, opaque) = self.span(at, count)?;
                if opaque && !(whole)(&value, wanted.peek().is_none()) {
                    return None;
                }
                bound.push(Bound { name, of: before, value });
            } else {
                self.segments.get(at).filter(|segment| segment.text == want && !segment.opaque)?;
            }
            at = at.checked_add(count)?;
            before = want;
        }
        (at == self.segments.len()).then_some(bound)
    }

    /// Whether the literal segments of `template` are this path's.
    fn begins(&self, template: &str) -> bool {
        parts(template).zip(&self.segments).all(|(want, segment)| variable(want).is_some() || segment.text == want)
    }
}

fn parts(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter(|segment| !segment.is_empty())
}

/// The name of a template's variable.
fn variable(want: &str) -> Option<&str> {
    want.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'))
}

impl Segment {
    fn new(raw: &str) -> Self {
        let Some(text) = decoded(raw) else { return Self { text: raw.to_owned(), opaque: true } };
        let again = decoded(&text).is_none_or(|twice| twice != text);
        let opaque = again || text.chars().any(|c| matches!(c, '/' | '\\') || c.is_control());
        Self { text, opaque }
    }
}

/// Whether another reader may take a value that was decoded once for a path that leads elsewhere.
#[must_use]
pub fn leads_elsewhere(text: &str) -> bool {
    text.split('/').any(|part| matches!(part, "." | ".."))
        || text.chars().any(|c| c == '\\' || c.is_control())
        || decoded(text).is_none_or(|twice| twice != text)
}

impl Api {
    /// Whether a request of this method to this host and path (without query) is the one declared.
    #[must_use]
    pub fn covers(&self, method: &str, host: &str, path: &str) -> bool {
        Route::parse(path).is_some_and(|route| self.bind(method, host, &route, &|_, _| false).is_some())
    }

    /// What the template's variables are in this request, where it is the one declared. A variable is one segment,
    /// and one that hides no separator, unless `whole` says that the text is a value.
    #[must_use]
    pub fn bind(&self, method: &str, host: &str, route: &Route, whole: Whole<'_>) -> Option<Vec<Bound<'_>>> {
        if self.method != "*" && !self.method.eq_ignore_ascii_case(method) || !super::judge::covers(&self.host, host) {
            return None;
        }
        let template = self.path.as_str();
        // most templates differ early
        let ends = !parts(template).any(|want| want.starts_with('*'));
        let more = route.segments.len().checked_sub(parts(template).count());
        if ends && more.is_none_or(|more| more == 0 && !route.begins(template)) {
            return None;
        }
        if let Some(bound) = route.bind(template, (0, 1), whole) {
            return Some(bound);
        }
        let taken = more.filter(|more| *more > 0)?.checked_add(1)?;
        let variables = parts(template).enumerate().filter(|(_, want)| variable(want).is_some());
        variables.map(|(index, _)| index).find_map(|index| route.bind(template, (index, taken), whole))
    }
}

/// Percent-encoding undone. `None`: what comes out is no text.
fn decoded(raw: &str) -> Option<String> {
    if !raw.contains('%') {
        return Some(raw.to_owned());
    }
    let mut bytes = raw.bytes();
    let mut out = Vec::with_capacity(raw.len());
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let digits = (byte == b'%').then(|| Some((hex(ahead.next()?)?, hex(ahead.next()?)?))).flatten();
        match digits {
            Some((high, low)) => {
                out.push(high << 4 | low);
                bytes = ahead;
            }
            None => out.push(byte),
        }
    }
    String::from_utf8(out).ok()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(path: &str) -> Api {
        Api { method: "PUT".to_owned(), path: path.to_owned(), host: "api.example".to_owned(), times: None }
    }

    fn value(template: &str, path: &str, argument: &str) -> Option<String> {
        let route = Route::parse(path)?;
        let api = api(template);
        let bound = api.bind("PUT", "api.example", &route, &|text, _| text == argument)?;
        Some(bound.last().map(|bound| bound.value.clone()).unwrap_or_default())
    }

    #[test]
    fn a_path_is_read_as_the_api_reads_it() {
        for path in [
            "/v4/scripts/good",
            "/v4//scripts/good/",
            "/v4/./scripts/good",
            "/v4/x/../scripts/good",
            "/v4/%73cripts/g%6fod",
            "/v4/scripts/evil/%2e%2E/good",
        ] {
            assert_eq!(value("/v4/scripts/{name}", path, "").as_deref(), Some("good"), "{path}");
        }
        for path in ["/v4/Scripts/good", "v4/scripts/good", "/v4/scripts/", "/v4/scripts", "/v4/scripts/a/b", "", "/"] {
            assert_eq!(value("/v4/scripts/{name}", path, ""), None, "{path}");
        }
        assert_eq!(value("/v4/scripts/{name}", "/v4/scripts/../scripts/evil", "").as_deref(), Some("evil"));
        assert!(Route::parse(&"/a".repeat(300)).is_none());
    }

    #[test]
    fn what_hides_a_separator_is_no_value_unless_the_call_asked_for_just_that() {
        for segment in ["..%2fevil", "good%2f..%2fevil", "a%5cb", "a%252fb", "a%00", "%ff", "%2F"] {
            assert_eq!(value("/v4/scripts/{name}", &format!("/v4/scripts/{segment}"), "good"), None, "{segment}");
        }
        assert_eq!(value("/v4/{bucket}/o/{key}", "/v4/b/o/x/y/z", "x/y/z").as_deref(), Some("x/y/z"));
        assert_eq!(value("/v4/{bucket}/o/{key}", "/v4/b/o/x%2Fy", "x/y").as_deref(), Some("x/y"));
        assert_eq!(value("/v4/{bucket}/o/{key}", "/v4/b/o/x/y", "x/z"), None);
        assert_eq!(value("/v4/o/{key}/tags", "/v4/o/x/y/tags", "x/y").as_deref(), Some("x/y"));
        assert_eq!(value("/v4/run/100%25", "/v4/run/100%", "").as_deref(), None);
    }

    #[test]
    fn a_star_at_the_end_stands_for_the_rest() {
        assert_eq!(value("/v4/*", "/v4/a/b/c", "").as_deref(), Some(""));
        assert_eq!(value("*", "/v4/a%2fb", "").as_deref(), Some(""));
        assert_eq!(value("/v4/{zone}/*", "/v5/a/b/c", ""), None);
    }
}
