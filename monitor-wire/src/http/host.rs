//! Whom a request is for: `Host`, or the authority of its target (RFC 9110 section 7.2).

use super::value::{Flags, cut, plain};
use crate::limits;
use crate::redact::{Key, redact};

/// Host and port, lower case, without user information.
pub(super) fn host(key: &Key, authority: &[u8], flags: &mut Flags) -> String {
    let start = memchr::memrchr(b'@', authority).map_or(0, |sign| sign.saturating_add(1));
    let text = plain(authority.get(start..).unwrap_or_default(), flags);
    // A port by itself is harmless, and behind a host named `token` it would be taken for a secret.
    let text = match port(&text) {
        Some((name, port)) => format!("{}:{port}", redact(key, name)),
        None => redact(key, &text).into_owned(),
    };
    // Lower case comes last, since it would hide the form of a token.
    cut(text.to_ascii_lowercase(), limits::HTTP_HOST, "cut", flags)
}

/// Whether a target's authority and a `Host` name the same: the default port of the scheme may be left out, and with
/// `CONNECT`, whose target must have a port, any.
pub(super) fn is_same(target: &str, host: &str, default: Option<&str>) -> bool {
    let bare = |text: &str| match port(text) {
        Some((name, port)) if default.is_none_or(|default| port == default) => name.to_owned(),
        _ => text.to_owned(),
    };
    bare(target) == bare(host)
}

fn port(text: &str) -> Option<(&str, &str)> {
    text.rsplit_once(':')
        .filter(|(_, port)| (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::{host, is_same};
    use crate::http::value::Flags;
    use crate::redact::Key;

    #[test]
    fn keeps_host_and_port_only() {
        let host = |text: &str| host(&Key::from_bytes([1; 32]), text.as_bytes(), &mut Flags::default());
        assert_eq!(host("API.Example.com:8443"), "api.example.com:8443");
        assert_eq!(host("user:hunter2@h"), "h");
        assert_eq!(host("[::1]:80"), "[::1]:80");
        assert_eq!(host("[::1]"), "[::1]");
        assert_eq!(host("token:8200"), "token:8200");
        assert!(host("token:hunter2").starts_with("token:fp:"));
    }

    #[test]
    fn default_ports_make_no_difference() {
        assert!(is_same("h:80", "h", Some("80")) && is_same("h", "h:80", Some("80")));
        assert!(!is_same("h:81", "h", Some("80")) && !is_same("h", "g", Some("80")));
        assert!(is_same("h:443", "h", None) && !is_same("h:443", "g:443", None));
    }
}
