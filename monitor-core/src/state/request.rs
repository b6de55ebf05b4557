//! API requests of a call: which it may make, and which changes it made.

use crate::profile::{Api, Effect};

/// Most changes of one call that are remembered; one that makes more may make no more.
const MAX_MADE: usize = 256;
/// How often one change may be tried again after it failed.
const MAX_TRIES: u8 = 8;

/// The requests of a call.
#[derive(Debug)]
pub struct Requests {
    /// Those that it may make.
    pub apis: Vec<Api>,
    /// Nothing says which it makes from this host: its class of effect is all that is known.
    pub open: bool,
    /// Whether any request was joined to it.
    pub seen: bool,
    made: Vec<Made>,
}

/// A change that a call made, or tried to.
#[derive(Debug)]
struct Made {
    /// Index of the API.
    api: usize,
    /// Hash of its path.
    path: u64,
    failed: bool,
    tries: u8,
}

impl Requests {
    /// Those of a tool that makes these requests; `here`: from this host, if it isn't said which.
    #[must_use]
    pub const fn new(apis: Vec<Api>, here: bool) -> Self {
        let open = here && apis.is_empty();
        Self { apis, open, seen: false, made: Vec::new() }
    }

    /// None, of whatever effect.
    #[must_use]
    pub const fn none() -> Self {
        Self::new(Vec::new(), false)
    }

    /// Whether the call may still make this request: as often as it likes where nothing changes by it, else as often as
    /// it is declared, and again where it failed.
    #[must_use]
    pub fn may(&self, api: usize, path: u64, changes: bool) -> bool {
        if !changes {
            return true;
        }
        let retry = match self.tried(api, path) {
            Some(made) if made.tries >= MAX_TRIES => return false,
            tried => tried.is_some(),
        };
        if !retry && self.made.len() >= MAX_MADE {
            return false;
        }
        let Some(declared) = self.apis.get(api) else { return false };
        // a retry too: what it was for may have been done by another since
        let done = self.made.iter().filter(|made| made.api == api && !made.failed).count();
        match declared.times {
            Some(times) => u32::try_from(done).is_ok_and(|done| done < times),
            None => done == 0 || declared.path.ends_with('*'),
        }
    }

    /// The call makes it.
    pub fn make(&mut self, api: usize, path: u64, changes: bool) {
        self.seen = true;
        if !changes {
            return;
        }
        let again = self.made.iter_mut().find(|made| made.api == api && made.path == path && made.failed);
        if let Some(made) = again {
            made.failed = false;
            made.tries = made.tries.saturating_add(1);
        } else if self.made.len() < MAX_MADE {
            self.made.push(Made { api, path, failed: false, tries: 1 });
        }
    }

    /// It changed nothing: the API refused it, or its connection ended before the answer.
    pub fn fail(&mut self, api: usize, path: u64) {
        if let Some(made) = self.made.iter_mut().rev().find(|made| made.api == api && made.path == path) {
            made.failed = true;
        }
    }

    fn tried(&self, api: usize, path: u64) -> Option<&Made> {
        self.made.iter().find(|made| made.api == api && made.path == path && made.failed)
    }
}

/// Whether a request of this method may change something, for all that the method says.
#[must_use]
pub fn may_change(method: &str) -> bool {
    !["GET", "HEAD", "OPTIONS"].iter().any(|safe| method.eq_ignore_ascii_case(safe))
}

/// Whether a request of this method counts, of a tool of this effect: 19 tools that only read do so by `POST`.
#[must_use]
pub fn counts(method: &str, effect: Effect) -> bool {
    effect != Effect::Reads && may_change(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(path: &str, times: Option<u32>) -> Requests {
        let api = Api { method: "PUT".to_owned(), path: path.to_owned(), host: "api.example".to_owned(), times };
        Requests::new(vec![api], true)
    }

    #[test]
    fn a_change_is_made_as_often_as_it_is_declared() {
        let mut once = requests("/x", None);
        assert!(once.may(0, 1, true) && !once.may(1, 1, true));
        once.make(0, 1, true);
        assert!(!once.may(0, 1, true) && !once.may(0, 2, true));
        assert!(once.may(0, 1, false), "reading is free");
        let mut twice = requests("/x", Some(2));
        twice.make(0, 1, true);
        assert!(twice.may(0, 1, true));
        twice.make(0, 1, true);
        assert!(!twice.may(0, 1, true));
        let mut any = requests("/x/*", None);
        any.make(0, 1, true);
        assert!(any.may(0, 2, true));
    }

    #[test]
    fn what_failed_may_be_tried_again_but_not_for_ever() {
        let mut once = requests("/x", None);
        for _ in 0..MAX_TRIES {
            assert!(once.may(0, 1, true));
            once.make(0, 1, true);
            assert!(!once.may(0, 1, true));
            once.fail(0, 1);
        }
        assert!(!once.may(0, 1, true));
    }

    #[test]
    fn what_failed_may_not_be_tried_again_once_it_succeeded_as_often_as_declared() {
        let mut once = requests("/x/{id}", None);
        for path in [1, 2] {
            once.make(0, path, true);
            once.fail(0, path);
        }
        assert!(once.may(0, 1, true) && once.may(0, 3, true));
        once.make(0, 3, true);
        assert!([1, 2, 3, 4].iter().all(|path| !once.may(0, *path, true)), "one of them was it");
        let mut any = requests("/x/*", None);
        any.make(0, 1, true);
        any.fail(0, 1);
        any.make(0, 2, true);
        assert!(any.may(0, 1, true));
    }

    #[test]
    fn changes_of_one_call_are_bounded() {
        let mut any = requests("*", None);
        for path in 0..1000 {
            any.make(0, path, true);
            any.fail(0, path);
        }
        assert_eq!(any.made.len(), MAX_MADE);
        assert!(!any.may(0, 2000, true));
    }
}
