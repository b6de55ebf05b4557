//! Requests that a program makes, as they are given out.

use super::ast::Name;
use super::eval::Arguments;
use super::lex::{Kind, Token};
use super::object::Select;
use super::run::Run;
use super::url::{self, Target};
use super::value::{Atom, Text, Value};
use super::{API_BASE, API_HOST, Certainty, Method, Reason, Request, Segment};
use crate::limits;
use crate::redact::{Key, redact};

/// Shortest text that is looked at for a token.
pub(super) const SHORTEST_TOKEN: usize = 16;

/// Digits of a fingerprint.
const FINGERPRINT: usize = 16;

/// The parts of a request that are the same whatever its address is.
struct Parts {
    query: Value,
    body: Value,
    sure: bool,
}

impl Run<'_> {
    /// `cloudflare.request(options)`.
    pub(super) fn api_request(&mut self, arguments: &Arguments) -> Value {
        let options = arguments.get(0);
        let alone = options.0.len() == 1;
        for atom in &options.0 {
            let options = Value::from(atom.clone());
            // what isn't there has no properties, and that is an error
            if matches!(atom, Atom::Null | Atom::Undefined) {
                continue;
            }
            let [method, path, query, body] =
                ["method", "path", "query", "body"].map(|name| self.member(&options, &Select::Name(name.into())));
            let base = Text::known(&["https://", API_HOST, API_BASE].concat());
            let addresses: Vec<Text> = path.0.iter().map(|path| Text::join([&base, &path.as_text()])).collect();
            self.note_texts(&body);
            self.emit_all(&method, &addresses, &Parts { query, body, sure: alone });
        }
        Value::unknown().promise()
    }

    /// A member of `cloudflare` that isn't documented.
    pub(super) fn other_power(&mut self, name: &str, arguments: &Arguments) -> Value {
        self.give_up(Reason::IndirectCall);
        let verb = name.rsplit('.').next().unwrap_or(name);
        if matches!(verb, "get" | "head" | "post" | "put" | "patch" | "delete") {
            let base = Text::known(&["https://", API_HOST, API_BASE].concat());
            let addresses: Vec<Text> =
                arguments.get(0).0.iter().map(|path| Text::join([&base, &path.as_text()])).collect();
            let parts = Parts { query: Value::unknown(), body: Value::unknown(), sure: false };
            self.emit_all(&Value::text(verb), &addresses, &parts);
        }
        self.hand_on_all(arguments);
        Value::unknown().promise()
    }

    /// `fetch(address, init)`.
    pub(super) fn fetch(&mut self, arguments: &Arguments) -> Value {
        let Some((address, method)) = self.request_parts(arguments) else { return Value::unknown().promise() };
        let alone = address.0.len() == 1;
        for atom in &address.0 {
            let (method, address) = match atom {
                // its own method, where `init` doesn't say one
                Atom::Request(parts) => {
                    let given = method.0.iter().filter(|atom| **atom != Atom::Undefined).cloned().collect::<Vec<_>>();
                    let own = parts.1.clone();
                    let method = if given.is_empty() { own } else { self.either(Value(given), own) };
                    (method, parts.0.clone())
                }
                other => (method.clone(), other.clone().into()),
            };
            let addresses: Vec<Text> = address.0.iter().map(Atom::as_text).collect();
            let known = !matches!(atom, Atom::Url(_) | Atom::Request(_));
            let query = if known { Value::undefined() } else { Value::unknown() };
            self.emit_all(&method, &addresses, &Parts { query, body: Value::unknown(), sure: alone && known });
        }
        Value::unknown().promise()
    }

    /// Address and method of `fetch` and `new Request`.
    pub(super) fn request_parts(&mut self, arguments: &Arguments) -> Option<(Value, Value)> {
        if arguments.items.is_empty() && arguments.rest.is_none() {
            return None;
        }
        let (address, init) = (arguments.get(0), arguments.get(1));
        let method = self.member(&init, &Select::Name("method".into()));
        let headers = self.member(&init, &Select::Name("headers".into()));
        let authorization = self.member(&headers, &Select::Name("Authorization".into()));
        self.note_texts(&authorization);
        Some((address, method))
    }

    fn emit_all(&mut self, method: &Value, addresses: &[Text], parts: &Parts) {
        let single = parts.sure && method.0.len() == 1 && addresses.len() == 1;
        for address in addresses {
            self.note_text(address);
            self.charge(address.bytes().saturating_mul(method.0.len()));
            for method in &method.0 {
                let method = self.method(method);
                let target = url::parse(address);
                self.emit(method, target, parts, single);
            }
        }
    }

    fn method(&mut self, method: &Atom) -> Method {
        let text = match method {
            Atom::Undefined => Some("GET".into()),
            other => other.as_text().whole(),
        };
        match text.filter(|text| text.len() <= limits::HTTP_METHOD) {
            Some(text) => Method::Known(redact(self.key, &text.to_ascii_uppercase()).into_owned()),
            None => {
                self.give_up(Reason::DynamicMethod);
                Method::Unknown
            }
        }
    }

    fn emit(&mut self, method: Method, target: Target, parts: &Parts, single: bool) {
        let Target { host, path, query, reasons } = target;
        self.reasons.extend(reasons);
        let more = match parts.query.0.as_slice() {
            [Atom::Undefined] => Some(Vec::new()),
            _ => self.names_of(&parts.query),
        };
        let query = query.zip(more).map(|(mut query, more)| {
            query.extend(more);
            query.truncate(limits::CODE_NAMES);
            query.into_iter().map(|name| redact(self.key, &name).into_owned()).collect()
        });
        let body = match parts.body.0.as_slice() {
            [Atom::Undefined] => Some(Vec::new()),
            _ => self.names_of(&parts.body),
        };
        let body = body.map(|body| body.into_iter().map(|name| redact(self.key, &name).into_owned()).collect());
        let path = path.into_iter().map(|segment| self.shown(segment)).collect();
        let sure = single && self.conditional == 0;
        let certainty = if sure { Certainty::Sure } else { Certainty::Possible };
        let host = host.map(|host| redact(self.key, &host).into_owned());
        let request = Request { method, host, path, query, body, certainty };
        self.charge(self.requests.len());
        let same = |other: &&mut Request| Request { certainty, ..(*other).clone() } == request;
        if let Some(known) = self.requests.iter_mut().find(same) {
            if sure {
                known.certainty = Certainty::Sure;
            }
        } else if self.requests.len() < limits::CODE_REQUESTS {
            self.requests.push(request);
        } else {
            self.give_up(Reason::TooMany);
        }
    }

    fn shown(&self, segment: Segment) -> Segment {
        let shown = |text: String| redact(self.key, &text).into_owned();
        match segment {
            Segment::Literal(text) => Segment::Literal(shown(text)),
            Segment::Partly(begins, ends) => Segment::Partly(shown(begins), shown(ends)),
            other => other,
        }
    }

    fn names_of(&self, value: &Value) -> Option<Vec<String>> {
        let [Atom::Object(at)] = value.0.as_slice() else { return None };
        self.objects.get(*at).filter(|object| object.items.is_none())?;
        let names: Vec<Name> = self.known_names(*at)?;
        Some(names.into_iter().take(limits::CODE_NAMES).map(|name| name.to_string()).collect())
    }
}

/// Fingerprints of tokens in the texts of a program, after those that were found in texts put together.
pub(super) fn tokens(key: &Key, tokens: &[Token], found: Vec<String>) -> Vec<String> {
    let mut all = found;
    for token in tokens {
        if let Kind::Text(text) | Kind::Template { text, .. } = &token.kind
            && text.len() >= SHORTEST_TOKEN
        {
            note(key, text, &mut all);
        }
    }
    all.sort_unstable();
    all
}

/// Adds the fingerprints of what is a token in a text.
pub(super) fn note(key: &Key, text: &str, found: &mut Vec<String>) {
    let hidden = redact(key, text);
    if hidden == text {
        return;
    }
    for (at, mark) in hidden.match_indices("fp:") {
        let end = at.saturating_add(mark.len()).saturating_add(FINGERPRINT);
        let Some(shown) = hidden.get(at..end) else { continue };
        let hex = shown.bytes().skip(mark.len()).all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hex && !text.contains(shown) && found.len() < limits::CODE_FOUND && !found.iter().any(|one| one == shown) {
            found.push(shown.to_owned());
        }
    }
}
