//! Requests that were seen, compared with those that a program may make.

use std::borrow::Cow;

use super::url::decoded;
use super::{Certainty, Match, Method, Request, Segment};

/// Most segments of a path that is compared.
const MAX_SEGMENTS: usize = 256;

impl Request {
    /// How a request that was seen compares: its method, and its path as it was sent, redacted, without its query. The host
    /// is for the caller to compare.
    #[must_use]
    pub fn matches(&self, method: &str, path: &str) -> Match {
        let best = match &self.method {
            Method::Known(known) if known.eq_ignore_ascii_case(method) => Match::Firm,
            Method::Known(_) => return Match::No,
            Method::Unknown => Match::Possible,
        };
        let Some(seen) = segments(path) else { return Match::No };
        let firm = !self.path.contains(&Segment::Rest);
        if covers(&self.path, &seen, false) {
            return if firm { best } else { Match::Possible };
        }
        // what stands for one segment may be several
        if covers(&self.path, &seen, true) { Match::Possible } else { Match::No }
    }

    /// It may change something: its method isn't known, or neither `GET` nor `HEAD` nor `OPTIONS`.
    #[must_use]
    pub fn may_change(&self) -> bool {
        !matches!(&self.method, Method::Known(method) if matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS"))
    }

    /// It is made whenever the program runs to its end.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        self.certainty == Certainty::Sure
    }

    /// A path that it may have, as `/client/v4/zones/{}/dns_records`: `{}` stands for one unknown segment, `{*}` for any
    /// number. For people, and for templates that have variables there.
    #[must_use]
    pub fn path_text(&self) -> String {
        let mut text = String::new();
        for segment in &self.path {
            text.push('/');
            match segment {
                Segment::Literal(literal) => text.push_str(literal),
                Segment::Partly(begins, ends) => {
                    text.push_str(begins);
                    text.push_str("{}");
                    text.push_str(ends);
                }
                Segment::Unknown => text.push_str("{}"),
                Segment::Rest => text.push_str("{*}"),
            }
        }
        if text.is_empty() { "/".to_owned() } else { text }
    }
}

/// The segments of a path as a server reads them: dot segments resolved, percent-encoding undone.
fn segments(path: &str) -> Option<Vec<Cow<'_, str>>> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut all: Vec<Cow<'_, str>> = Vec::new();
    for raw in path.split('/').filter(|raw| !raw.is_empty()) {
        let text = plain(raw);
        match &*text {
            "." => {}
            ".." => {
                all.pop();
            }
            _ => all.push(text),
        }
        if all.len() > MAX_SEGMENTS {
            return None;
        }
    }
    Some(all)
}

fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('%') { decoded(text).map_or(Cow::Borrowed(text), Cow::Owned) } else { Cow::Borrowed(text) }
}

/// Whether segments are as wanted, in time that is at most the product of both; `loose`: an unknown one may be several.
fn covers(wanted: &[Segment], seen: &[Cow<'_, str>], loose: bool) -> bool {
    let is_rest = |segment: &Segment| match segment {
        Segment::Rest => true,
        Segment::Literal(_) => false,
        Segment::Partly(..) | Segment::Unknown => loose,
    };
    let (mut want, mut at) = (0_usize, 0_usize);
    let mut back: Option<(usize, usize)> = None;
    while at < seen.len() {
        match (wanted.get(want), seen.get(at)) {
            (Some(segment), _) if is_rest(segment) => {
                back = Some((want, at));
                want = want.saturating_add(1);
                continue;
            }
            (Some(segment), Some(text)) if is(segment, text) => {
                want = want.saturating_add(1);
                at = at.saturating_add(1);
                continue;
            }
            _ => {}
        }
        // the last run of any number takes one more
        let Some((rest, taken)) = back else { return false };
        let taken = taken.saturating_add(1);
        back = Some((rest, taken));
        (want, at) = (rest.saturating_add(1), taken);
    }
    wanted.get(want..).unwrap_or_default().iter().all(is_rest)
}

fn is(segment: &Segment, text: &str) -> bool {
    match segment {
        Segment::Literal(literal) => plain(literal) == text,
        Segment::Partly(begins, ends) => {
            let (begins, ends) = (plain(begins), plain(ends));
            text.strip_prefix(&*begins).is_some_and(|rest| rest.ends_with(&*ends))
        }
        Segment::Unknown => true,
        Segment::Rest => false,
    }
}
