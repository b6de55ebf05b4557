//! One whole head, from its fields (RFC 9113 section 8).

use super::exchange_of;
use crate::http::fields::{Coding, Fields, Length, method};
use crate::http::value::{Flags, is_token, redacted};
use crate::http::{Request, Response, host, target};
use crate::limits;
use crate::redact::Key;

/// Headers that say something of a connection, which has no use for it here (RFC 9113 section 8.2.2).
const CONNECTION: [&[u8]; 5] = [b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"];

/// The fields of a head as they come.
pub(super) struct Head<'a> {
    key: &'a Key,
    fields: Fields,
    flags: Flags,
    pseudo: Pseudo,
    /// The `authority` that differs from the first.
    other_authority: Option<String>,
    /// A field that is none of those with a colon.
    regular: bool,
    cookie: bool,
    cost: usize,
}

/// Fields whose names begin with a colon (RFC 9113 section 8.3), each the first of its name.
#[derive(Default)]
struct Pseudo {
    method: Option<Vec<u8>>,
    scheme: Option<Vec<u8>>,
    authority: Option<Vec<u8>>,
    path: Option<Vec<u8>>,
    status: Option<Vec<u8>>,
    /// Of a `CONNECT` for another protocol than TCP (RFC 8441 section 4).
    protocol: Option<Vec<u8>>,
}

impl<'a> Head<'a> {
    pub(super) fn new(key: &'a Key) -> Self {
        Self {
            key,
            fields: Fields::default(),
            flags: Flags::default(),
            pseudo: Pseudo::default(),
            other_authority: None,
            regular: false,
            cookie: false,
            cost: 0,
        }
    }

    /// Takes the next field.
    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) {
        // RFC 9113 section 8.2.1
        let blank = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        if value.iter().any(|byte| matches!(byte, b'\0' | b'\r' | b'\n')) || blank(value.first()) || blank(value.last())
        {
            self.flags.add("odd_value");
        }
        if name.first() == Some(&b':') {
            return self.pseudo(name, value);
        }
        self.regular = true;
        if name.is_empty() {
            self.flags.add("odd_name");
        }
        if name.iter().any(u8::is_ascii_uppercase) {
            self.flags.add("upper_case_name");
        }
        let known = |known: &[u8]| name.eq_ignore_ascii_case(known);
        if CONNECTION.iter().any(|name| known(name)) || (known(b"te") && !value.eq_ignore_ascii_case(b"trailers")) {
            self.flags.add("connection_header");
        }
        if known(b"cookie") && std::mem::replace(&mut self.cookie, true) {
            // It comes in crumbs (RFC 9113 section 8.2.3), which would fill the list of names.
            return;
        }
        self.cost = self.cost.saturating_add(self.fields.cost(name, value));
        self.fields.add(self.key, name, value, &mut self.flags);
    }

    /// Bytes that redaction has to look at: a head of a few bytes may name many that are remembered.
    pub(super) const fn cost(&self) -> usize {
        self.cost
    }

    fn pseudo(&mut self, name: &[u8], value: &[u8]) {
        self.cost = self.cost.saturating_add(value.len());
        if self.regular {
            self.flags.add("late_pseudo_header");
        }
        let slot = match name {
            b":method" => &mut self.pseudo.method,
            b":scheme" => &mut self.pseudo.scheme,
            b":authority" => &mut self.pseudo.authority,
            b":path" => &mut self.pseudo.path,
            b":status" => &mut self.pseudo.status,
            b":protocol" => &mut self.pseudo.protocol,
            _ => return self.flags.add("unknown_pseudo_header"),
        };
        match slot {
            None => *slot = Some(value.to_vec()),
            Some(first) => {
                self.flags.add("two_pseudo_headers");
                if name == b":authority" && first != value {
                    self.other_authority = Some(host::host(self.key, value, &mut self.flags));
                }
            }
        }
    }

    /// The request that this is the head of. `ends`: no body follows.
    pub(super) fn into_request(mut self, stream: u32, ends: bool) -> Request {
        let (key, flags) = (self.key, &mut self.flags);
        let Pseudo { method, scheme, authority, path, status, protocol } = self.pseudo;
        if status.is_some() {
            flags.add("unknown_pseudo_header");
        }
        let method = method.unwrap_or_default();
        if method.is_empty() {
            flags.add("no_method");
        }
        let tunnel = method == b"CONNECT" && protocol.is_none();
        let bytes = path.unwrap_or_default();
        let parts = target::split(b"", &bytes);
        if bytes.is_empty() {
            if !tunnel {
                flags.add("no_path");
            }
        } else if parts.odd || parts.authority.is_some() {
            flags.add("odd_target");
        }
        let path = target::path(key, parts.path, flags);
        let query = parts.query.map(|query| target::query(key, query, flags));
        length_flags(&self.fields, ends, flags);
        let default = match scheme.as_deref() {
            _ if tunnel => None,
            Some(b"http") => Some("80"),
            _ => Some("443"),
        };
        let authority = authority.map(|authority| host::host(key, &authority, flags));
        // Whoever takes the request may go by any of its names, so that none is dropped.
        let mut others = Vec::new();
        let host = match (authority, self.fields.host.take()) {
            (Some(authority), Some(host)) => {
                if !host::is_same(&authority, &host, default) {
                    flags.add("host_and_authority_differ");
                    others.push(host);
                }
                Some(authority)
            }
            (authority, host) => authority.or(host),
        };
        others.extend(self.other_authority);
        others.extend(self.fields.other_host.take());
        others.extend(parts.authority.map(|authority| host::host(key, authority, flags)));
        let others = others.into_iter().map(|host| ("host".to_owned(), host));
        self.fields.headers.values.splice(0..0, others);
        if self.fields.authorization.is_some() && self.fields.auth_key.is_some() {
            flags.add("two_authorizations");
        }
        Request {
            exchange: exchange_of(stream),
            method: method_text(key, &method, flags),
            path,
            query,
            host: host.filter(|host| !host.is_empty()),
            authorization: self.fields.authorization.or(self.fields.auth_key),
            headers: self.fields.headers,
            version: "2".to_owned(),
            flags: self.flags.into_names(),
        }
    }

    /// The response that this is the head of; `None` without a status.
    pub(super) fn into_response(mut self, stream: u32) -> Option<Response> {
        let status = std::str::from_utf8(self.pseudo.status.as_deref()?).ok()?;
        let digits = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
        let status = status.parse().ok().filter(|status| digits && *status >= 100)?;
        let asks = [&self.pseudo.method, &self.pseudo.scheme, &self.pseudo.authority, &self.pseudo.path];
        if asks.iter().any(|pseudo| pseudo.is_some()) || self.pseudo.protocol.is_some() {
            self.flags.add("unknown_pseudo_header");
        }
        if stream & 1 == 0 {
            self.flags.add("pushed");
        }
        // An answer to `HEAD` has a length and no body.
        length_flags(&self.fields, false, &mut self.flags);
        Some(Response {
            exchange: exchange_of(stream),
            status,
            headers: self.fields.headers,
            flags: self.flags.into_names(),
        })
    }
}

fn length_flags(fields: &Fields, ends: bool, flags: &mut Flags) {
    if fields.length == Length::Bad || (ends && matches!(fields.length, Length::Bytes(1..))) {
        flags.add("bad_length");
    }
    if fields.coding != Coding::Absent && fields.length != Length::Absent {
        flags.add("length_and_chunked");
    }
}

/// A method as it is kept.
fn method_text(key: &Key, bytes: &[u8], flags: &mut Flags) -> String {
    if bytes.iter().all(|&byte| is_token(byte)) {
        return method(key, bytes);
    }
    flags.add("odd_method");
    redacted(key, bytes, limits::HTTP_METHOD, flags)
}
