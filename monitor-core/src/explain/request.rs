//! What explains an API request: the start of the server, or an open call whose tool is declared to make it.
//!
//! A request is joined to a call by method, path template and identifiers. An account, zone, script or key that
//! contradicts what the call was asked for, or what the user configured, is worth more than a template that fits.

use super::{By, Explained, Firm, Scene};
use crate::alert::Effect;
use crate::ledger::DeclaredBy;
use crate::profile::{Bound, Phase, Profile, Route, leads_elsewhere};
use crate::state::{Call, CallKey, Hold, counts, may_change};

/// Shortest value that names a thing wherever an argument has it.
const TELLING: usize = 3;

/// How deep an argument may stand that speaks against a request.
const MAX_DEPTH: usize = 2;

/// A request to an API.
#[derive(Debug, Clone)]
pub struct ApiRequest<'a> {
    /// Method.
    pub method: &'a str,
    /// Host in lower case, without port.
    pub host: &'a str,
    /// Path; `None` where it is none that an API would take, or its end is missing.
    pub route: Option<Route>,
}

/// How a request was joined to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// By time alone, or several calls may have made it.
    Weak,
    /// It is the only open call that is declared to make it, and nothing contradicts.
    Medium,
    /// An identifier in the path is one of its arguments.
    Strong,
}

impl Strength {
    /// The word for the ledger.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Weak => "weak",
            Self::Medium => "medium",
            Self::Strong => "strong",
        }
    }
}

/// Why a call that is declared to make a request of this form doesn't explain this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It names something else than the call was asked for, or than the user configured: the variable and its value.
    Foreign(String, String),
    /// The call made it already, as often as it is declared to.
    Again,
}

/// What was found out about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Who explains it.
    pub explained: Explained,
    /// How firmly a call does.
    pub strength: Option<Strength>,
    /// The call that it counts for, with the index of its API, and whether it changes something.
    pub made: Option<(CallKey, usize, bool)>,
    /// It may change something, for all that is known.
    pub changes: bool,
    /// An open call is declared to make such a request.
    pub declared: bool,
    /// Why that call doesn't explain this one.
    pub refused: Option<Refused>,
}

/// What one call has to do with a request.
enum Verdict {
    Made(usize, Strength),
    Refused(Refused),
}

/// What explains a request.
#[must_use]
pub fn request(scene: &Scene<'_>, asked: &ApiRequest<'_>) -> Joined {
    let changes = may_change(asked.method) && !is_known_to_read(scene, asked);
    let mut joined =
        Joined { explained: Explained::nothing(), strength: None, made: None, changes, declared: false, refused: None };
    let Some(route) = &asked.route else { return joined };
    let path = path_hash(route);
    let mut fitting: Vec<(&Call, usize, Strength)> = Vec::new();
    for (call, hold) in scene.holding() {
        // a tail explains reading alone
        if hold == Hold::Tail && changes {
            continue;
        }
        match verdict(scene, call, asked, (route, path)) {
            Some(Verdict::Made(api, strength)) => fitting.push((call, api, strength)),
            // the call whose identifiers fit says more of it than one of which they don't
            Some(Verdict::Refused(Refused::Again)) => joined.refused = Some(Refused::Again),
            Some(Verdict::Refused(foreign)) => {
                joined.refused.get_or_insert(foreign);
            }
            None => continue,
        }
        joined.declared |= hold == Hold::Open;
    }
    let alone = fitting.len() == 1;
    // of equal ones the oldest
    let best = fitting.iter().rev().max_by_key(|(_, _, strength)| *strength);
    if let Some((call, api, strength)) = best {
        let strength = match *strength {
            Strength::Medium if !alone => Strength::Weak,
            other if call.answered.is_some() => other.min(Strength::Weak),
            other => other,
        };
        let firm = if strength == Strength::Weak { Firm::Weak } else { Firm::Strong };
        joined.explained = Explained { by: By::Call, firm, calls: vec![call.key] };
        joined.strength = Some(strength);
        joined.made = Some((call.key, *api, counts(asked.method, call.declared.effect)));
        joined.refused = None;
        return joined;
    }
    if joined.refused.is_some() {
        return joined;
    }
    if let Some(explained) = by_start(scene, asked, route, changes) {
        joined.explained = explained;
        return joined;
    }
    // what tools do of which nobody knows the requests
    let by_time = scene
        .holding()
        .filter(|(call, hold)| call.requests.open && (!changes || *hold == Hold::Open && call.declared.may_mutate()));
    if let Some(explained) = Explained::by_calls(by_time.map(|(call, _)| (call.key, Firm::Weak))) {
        joined.explained = explained;
        joined.strength = Some(Strength::Weak);
    }
    joined
}

/// Whether an open call's tool is one of which nobody knows what it does.
#[must_use]
pub fn is_anybodys_guess(scene: &Scene<'_>) -> bool {
    scene.holding().any(|(call, hold)| {
        hold == Hold::Open
            && call.requests.open
            && call.declared.by == DeclaredBy::Nobody
            && call.declared.effect == Effect::Unknown
    })
}

/// Hash of a path, for what is the same request again.
#[must_use]
pub fn path_hash(route: &Route) -> u64 {
    crate::ledger::hash("path", &route.text())
}

fn is_known_to_read(scene: &Scene<'_>, asked: &ApiRequest<'_>) -> bool {
    let (Some(profile), Some(route)) = (&scene.server.profile, &asked.route) else { return false };
    profile.reads(&scene.server.key, asked.method, asked.host, route)
}

/// What is normal while a server starts; later, the same may be part of what a call is for.
fn by_start(scene: &Scene<'_>, asked: &ApiRequest<'_>, route: &Route, changes: bool) -> Option<Explained> {
    let profile = scene.server.profile.as_ref()?;
    if !Profile::is_listed(&profile.startup_apis, asked.method, asked.host, route) {
        return None;
    }
    match scene.phase {
        Phase::Start => Some(Explained::strong(By::Profile)),
        Phase::Call if !changes => Some(Explained::weak(By::Profile)),
        _ => None,
    }
}

fn verdict(scene: &Scene<'_>, call: &Call, asked: &ApiRequest<'_>, (route, path): (&Route, u64)) -> Option<Verdict> {
    let told = |text: &str, last: bool| {
        let is = |argument: &str| argument == text && !argument.split('/').any(|part| matches!(part, "." | ".."));
        // a call that says nothing says nothing of how deep its last value is
        last && call.arguments.is_empty() && !leads_elsewhere(text)
            || call.arguments.iter().any(|argument| is(argument.text.trim_matches('/')))
    };
    let (mut best, mut refused): (Option<(usize, Strength)>, Option<Refused>) = (None, None);
    for (index, api) in call.requests.apis.iter().enumerate() {
        let Some(bound) = api.bind(asked.method, asked.host, route, &told) else { continue };
        match identified(scene, call, &bound) {
            Err(foreign) => {
                refused.get_or_insert_with(|| Refused::Foreign(foreign.name.to_owned(), foreign.value.clone()));
            }
            Ok(_) if !call.requests.may(index, path, counts(asked.method, call.declared.effect)) => {
                refused = Some(Refused::Again);
            }
            Ok(strength) if best.is_none_or(|(_, known)| strength > known) => best = Some((index, strength)),
            Ok(_) => {}
        }
    }
    match best {
        Some((index, strength)) => Some(Verdict::Made(index, strength)),
        None => refused.map(Verdict::Refused),
    }
}

/// How firmly the path's identifiers speak for a call, or which one speaks against it.
fn identified<'a>(scene: &Scene<'_>, call: &Call, bound: &'a [Bound<'a>]) -> Result<Strength, &'a Bound<'a>> {
    let (mut strength, mut most) = (Strength::Medium, Strength::Strong);
    for bound in bound {
        let value = bound.value.as_str();
        let variable = Variable::of(bound);
        let named = || call.arguments.iter().filter(|argument| variable.is_named(&Naming::of(&argument.at)));
        let configured = scene.server.configured.iter().find(|(name, _)| name == bound.name);
        match configured {
            // that is the user's own word for it
            Some((_, own)) if own == value => continue,
            // whoever calls may mean another one, just there
            Some(_) if named().any(|argument| depth(&argument.at) <= 1 && equal(&argument.text, value)) => {
                most = most.min(Strength::Medium);
                continue;
            }
            // an account is never called null
            Some((_, own)) if !is_redacted(own) && !is_unset(value) => return Err(bound),
            _ => {}
        }
        // what stands deeper is about something else: a binding's name is no script's
        let Some(depth) = named().map(|argument| depth(&argument.at)).min() else {
            if is_unset(value) {
                continue;
            }
            if value.len() >= TELLING && call.arguments.iter().any(|argument| equal(&argument.text, value)) {
                strength = Strength::Strong;
            }
            continue;
        };
        let same = || named().filter(|argument| self::depth(&argument.at) == depth);
        if same().any(|argument| equal(&argument.text, value)) {
            strength = Strength::Strong;
            continue;
        }
        // what is hidden in the path is none that stands in the call for all to read
        let whole = |text: &str, len: u64| u64::try_from(text.len()).is_ok_and(|own| own == len) && !is_hidden(text);
        let against = same()
            .any(|argument| variable.is_comparable(&Naming::of(&argument.at)) && whole(&argument.text, argument.len));
        if against && value == LOST {
            most = Strength::Weak;
        } else if against && depth <= MAX_DEPTH {
            return Err(bound);
        }
    }
    Ok(strength.min(most))
}

fn equal(argument: &str, value: &str) -> bool {
    argument == value || argument.trim_matches('/') == value
}

/// What a server of JavaScript puts into a path that doesn't find its arguments, whatever the call says. Nobody can tell
/// that from a thing of this name, so that it explains little.
const LOST: &str = "undefined";

/// What JavaScript and Python put into a path where an argument is missing.
fn is_unset(value: &str) -> bool {
    matches!(value, LOST | "null" | "None" | "NaN")
}

/// Whether a fingerprint stands for all of it: whoever makes a request may write `fp:` himself.
fn is_redacted(text: &str) -> bool {
    text.strip_prefix("fp:").is_some_and(|digits| digits.len() == FINGERPRINT && begins_hex(digits))
}

/// Whether a fingerprint stands for a part of an argument.
fn is_hidden(text: &str) -> bool {
    text.match_indices("fp:")
        .any(|(at, mark)| text.get(at..).and_then(|rest| rest.strip_prefix(mark)).is_some_and(begins_hex))
}

/// Hex digits of a fingerprint.
const FINGERPRINT: usize = 16;

fn begins_hex(text: &str) -> bool {
    text.get(..FINGERPRINT).is_some_and(|digits| digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

fn depth(pointer: &str) -> usize {
    pointer.matches('/').count()
}

/// What an argument or a variable names: `scriptName` is the name of a script. There may be a thousand calls, so this
/// takes no memory of its own.
#[derive(Debug, Clone, Copy)]
struct Naming {
    /// Without case and separators.
    letters: [u8; MAX_NAME],
    len: usize,
    /// How much of it is the thing: `script`. 0 for a bare `name` or `id`.
    thing: usize,
    /// `name`, `id`, or empty.
    by: &'static str,
}

/// Longest name that is compared; of a longer one its beginning.
const MAX_NAME: usize = 64;

impl Naming {
    /// Of the last name of a JSON pointer.
    fn of(pointer: &str) -> Self {
        let last = pointer.rsplit('/').find(|part| !part.is_empty() && !part.bytes().all(|b| b.is_ascii_digit()));
        let mut naming = Self { letters: [0; MAX_NAME], len: 0, thing: 0, by: "" };
        let letters = last.unwrap_or_default().bytes().filter(u8::is_ascii_alphanumeric);
        for (place, letter) in naming.letters.iter_mut().zip(letters) {
            *place = letter.to_ascii_lowercase();
            naming.len = naming.len.saturating_add(1);
        }
        naming.by = ["name", "id"].into_iter().find(|end| naming.whole().ends_with(end.as_bytes())).unwrap_or("");
        naming.thing = naming.len.saturating_sub(naming.by.len());
        naming
    }

    fn whole(&self) -> &[u8] {
        self.letters.get(..self.len).unwrap_or_default()
    }

    fn thing(&self) -> &[u8] {
        self.letters.get(..self.thing).unwrap_or_default()
    }
}

/// What a variable of a path names.
#[derive(Debug, Clone, Copy)]
struct Variable {
    own: Naming,
    /// What stands before it: `scripts`.
    of: Naming,
}

impl Variable {
    fn of(bound: &Bound<'_>) -> Self {
        Self { own: Naming::of(bound.name), of: Naming::of(bound.of) }
    }

    /// Its own word, else that of the segment before it.
    fn thing(&self) -> &[u8] {
        if self.own.thing > 0 {
            return self.own.thing();
        }
        let of = self.of.whole();
        of.strip_suffix(b"s").unwrap_or(of)
    }

    /// Whether an argument of this name is for it.
    fn is_named(&self, argument: &Naming) -> bool {
        argument.whole() == self.own.whole() || argument.thing > 0 && argument.thing() == self.thing()
    }

    /// Whether another value of that argument speaks against it. A zone's name says nothing against its id, and an
    /// argument `script` may be all of it.
    fn is_comparable(&self, argument: &Naming) -> bool {
        let by = argument.by;
        argument.whole() == self.own.whole()
            || !by.is_empty() && (by == self.own.by || by == "name" && self.own.by.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_and_variables_that_mean_the_same_are_told_by_name() {
        let variable = |name, of| Variable::of(&Bound { name, of, value: String::new() });
        let same = [
            ("/name", "name", "scripts"),
            ("/scriptName", "name", "scripts"),
            ("/script_name", "scriptName", "scripts"),
            ("/zone_id", "zoneId", "zones"),
            ("/bucketName", "bucket", "buckets"),
            ("/account-id", "account_id", "accounts"),
            ("/keys/0", "keys", ""),
        ];
        for (argument, name, of) in same {
            let (naming, variable) = (Naming::of(argument), variable(name, of));
            assert!(variable.is_named(&naming) && variable.is_comparable(&naming), "{argument} {name}");
        }
        for (argument, name, of) in [("/id", "name", "scripts"), ("/zoneId", "account_id", "accounts")] {
            assert!(!variable(name, of).is_named(&Naming::of(argument)), "{argument} {name}");
        }
        // its name, and all of it; its id, and its name
        for (argument, name, of) in [("/script", "name", "scripts"), ("/zone", "zoneId", "zones")] {
            let (naming, variable) = (Naming::of(argument), variable(name, of));
            assert!(variable.is_named(&naming) && !variable.is_comparable(&naming), "{argument} {name}");
        }
        assert_eq!(Naming::of(&"x".repeat(1000)).whole().len(), MAX_NAME);
    }
}
