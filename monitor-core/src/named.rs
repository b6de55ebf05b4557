//! What a text names: the host of a URL, or a file. For command lines and tool arguments.
//!
//! Only a text that *is* a URL, host or path names something. One that merely mentions it (code, prose) names nothing:
//! otherwise whoever writes prose into an argument could excuse whatever the server does.

use std::net::IpAddr;

/// A host, with the port where one is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Lower case, no trailing dot, no brackets.
    pub name: String,
    /// As written, or what the scheme implies.
    pub port: Option<u16>,
}

impl Host {
    /// Whether a destination is this host.
    #[must_use]
    pub fn is(&self, name: Option<&str>, addr: IpAddr, port: u16) -> bool {
        if self.port.is_some_and(|own| own != port) {
            return false;
        }
        if let Ok(own) = self.name.parse::<IpAddr>() {
            return crate::role::canonical(own) == crate::role::canonical(addr);
        }
        if self.name == "localhost" || self.name.ends_with(".localhost") {
            return addr.is_loopback();
        }
        name.is_some_and(|name| name.trim_end_matches('.').eq_ignore_ascii_case(&self.name))
    }
}

/// The host that `text` names as a URL, as `host:port` or as an address.
#[must_use]
pub fn host(text: &str) -> Option<Host> {
    if text.len() > 4096 || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        if scheme.is_empty()
            || scheme == "file"
            || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b))
        {
            return None;
        }
        // a backslash ends the authority for a browser, not for every client: such a URL names nothing
        let authority = rest.split(['/', '?', '#']).next()?;
        if authority.contains('\\') {
            return None;
        }
        let host = authority.rsplit('@').next()?;
        return split_port(host, implied_port(scheme));
    }
    if text.parse::<IpAddr>().is_ok() {
        return split_port(text, None);
    }
    let (name, port) = text.rsplit_once(':')?;
    let port = port.parse().ok()?;
    if plausible(name) { Some(Host { name: normal(name), port: Some(port) }) } else { None }
}

/// The hosts that a command line names: whole arguments, and values after `=`.
#[must_use]
pub fn hosts_of_argv(argv: &[String]) -> Vec<Host> {
    argv.iter()
        .skip(1)
        .filter_map(|arg| host(arg).or_else(|| arg.split_once('=').and_then(|(_, value)| host(value))))
        .take(32)
        .collect()
}

/// A `Host` without its port, in lower case and without a trailing dot.
#[must_use]
pub fn bare_host(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The absolute, tidied paths that `text` may name: `/…`, `~/…`, `file://…`, or relative to `cwd`.
#[must_use]
pub fn paths(text: &str, cwd: &str, homes: &[String]) -> Vec<String> {
    if text.is_empty() || text.len() > 4096 || text.contains('\n') {
        return Vec::new();
    }
    if let Some(rest) = text.strip_prefix("file://") {
        let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default();
        return if path.is_empty() { Vec::new() } else { vec![tidy(&percent_decoded(path))] };
    }
    if text.contains("://") {
        return Vec::new();
    }
    let home_relative =
        text.strip_prefix("~/").or_else(|| text.strip_prefix("$HOME/")).or_else(|| text.strip_prefix("${HOME}/"));
    if let Some(rest) = home_relative {
        return homes.iter().take(8).map(|home| tidy(&format!("{home}/{rest}"))).collect();
    }
    if text.starts_with('/') {
        return vec![tidy(text)];
    }
    // a relative path with spaces in it is far more often a sentence
    if cwd.is_empty() || text.contains(char::is_whitespace) { Vec::new() } else { vec![tidy(&format!("{cwd}/{text}"))] }
}

/// Whether `path` is `folder` or lies below it. The root folder holds everything and so excuses nothing.
#[must_use]
pub fn inside(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    !folder.is_empty() && path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn split_port(host: &str, implied: Option<u16>) -> Option<Host> {
    if let Some(rest) = host.strip_prefix('[') {
        let (name, rest) = rest.split_once(']')?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port.parse().ok()?),
            None => implied,
        };
        return Some(Host { name: normal(name), port });
    }
    if host.parse::<IpAddr>().is_ok() {
        return Some(Host { name: normal(host), port: implied });
    }
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (host, implied),
    };
    if plausible(name) { Some(Host { name: normal(name), port }) } else { None }
}

fn implied_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        "ssh" | "sftp" | "git+ssh" | "ssh+git" => Some(22),
        _ => None,
    }
}

fn plausible(name: &str) -> bool {
    !name.is_empty() && name.len() <= 253 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
}

fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Without `.`, `..` and empty components.
fn tidy(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                out.push(decoded);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Option<(String, Option<u16>)> {
        host(text).map(|host| (host.name, host.port))
    }

    #[test]
    fn urls_name_the_host_that_a_client_connects_to() {
        assert_eq!(named("https://Example.COM./x"), Some(("example.com".into(), Some(443))));
        assert_eq!(named("http://good.example@evil.example:8080/"), Some(("evil.example".into(), Some(8080))));
        assert_eq!(named("https://evil.example#@good.example/"), Some(("evil.example".into(), Some(443))));
        assert_eq!(named("http://[::1]:80/"), Some(("::1".into(), Some(80))));
        assert_eq!(named("postgresql://u:p@db.internal/x"), Some(("db.internal".into(), None)));
        assert_eq!(named("https://evil.example\\@good.example/"), None);
    }

    #[test]
    fn prose_and_code_name_nothing() {
        assert_eq!(named("see https://example.com for more"), None);
        assert_eq!(named("fetch('https://example.com')"), None);
        assert_eq!(named("hello"), None);
        assert_eq!(named("12:30"), Some(("12".into(), Some(30))));
    }

    #[test]
    fn paths_are_made_absolute_and_tidy() {
        let homes = ["/home/u".to_owned()];
        assert_eq!(paths("~/.ssh/id_rsa", "/w", &homes), ["/home/u/.ssh/id_rsa"]);
        assert_eq!(paths("../.ssh/./id_rsa", "/home/u/w", &homes), ["/home/u/.ssh/id_rsa"]);
        assert_eq!(paths("file:///home/u/%2Essh/id_rsa", "", &homes), ["/home/u/.ssh/id_rsa"]);
        assert_eq!(paths("/../../etc//shadow", "", &homes), ["/etc/shadow"]);
        assert!(paths("https://x/etc/shadow", "/", &homes).is_empty());
    }

    #[test]
    fn inside_minds_component_borders() {
        assert!(inside("/data/x", "/data/"));
        assert!(inside("/data", "/data"));
        assert!(!inside("/database", "/data"));
        assert!(!inside("/etc/shadow", "/"));
    }
}
