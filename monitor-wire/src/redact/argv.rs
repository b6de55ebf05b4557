//! Command lines, where an option and its secret are two arguments.

use super::name::is_secret_name;
use super::{Key, redact, redact_secret};

/// What the argument before says of this one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Any,
    Secret,
    /// A header line: `Name: value`.
    Header,
    /// `user:password`.
    User,
}

/// The arguments with every secret replaced by its fingerprint: those that [`redact`](super::redact()) finds, and those
/// that only their place shows: `--token X`, `--api-key=X`, `KEY=VALUE`, `--header "X-Auth-Key: X"`, `-u user:X`.
pub fn redact_argv(key: &Key, argv: &[String]) -> Vec<String> {
    let mut next = Next::Any;
    let mut result = Vec::with_capacity(argv.len());
    for argument in argv {
        let place = std::mem::replace(&mut next, announced(argument));
        result.push(match place {
            // `--token --verbose`: the option had no value after all.
            Next::Secret if !argument.starts_with("--") => redact_secret(key, argument),
            Next::User => after(key, argument, ':').unwrap_or_else(|| redact(key, argument).into_owned()),
            Next::Header => header(key, argument),
            _ => assigned(key, argument).unwrap_or_else(|| redact(key, argument).into_owned()),
        });
    }
    result
}

fn announced(argument: &str) -> Next {
    match argument {
        "-H" | "--header" | "--headers" | "--proxy-header" => Next::Header,
        "-u" | "--user" | "--proxy-user" => Next::User,
        "Bearer" | "bearer" => Next::Secret,
        _ if argument.starts_with('-') && !argument.contains('=') && is_secret_name(argument) => Next::Secret,
        _ if argument.strip_suffix(':').is_some_and(is_secret_name) => Next::Secret,
        _ => Next::Any,
    }
}

/// `NAME=VALUE`, if the name says that the value is a secret.
fn assigned(key: &Key, argument: &str) -> Option<String> {
    let (name, value) = argument.split_once('=')?;
    if !is_secret_name(name)
        || name.contains(|character: char| character.is_whitespace() || "/?&:{\"'".contains(character))
    {
        return None;
    }
    Some(format!("{name}={}", secret_after_scheme(key, value)))
}

/// `Name: value`; the value of a secret header goes as a whole.
fn header(key: &Key, argument: &str) -> String {
    let Some((name, value)) = argument.split_once([':', '=']).filter(|(name, _)| is_secret_name(name.trim())) else {
        return redact(key, argument).into_owned();
    };
    let sign = argument.get(name.len()..name.len().saturating_add(1)).unwrap_or(":");
    let blank = value.len().saturating_sub(value.trim_start().len());
    format!("{name}{sign}{}{}", value.get(..blank).unwrap_or_default(), secret_after_scheme(key, value.trim()))
}

fn after(key: &Key, argument: &str, sign: char) -> Option<String> {
    let (head, secret) = argument.split_once(sign)?;
    Some(format!("{}{sign}{}", redact(key, head), redact_secret(key, secret)))
}

fn secret_after_scheme(key: &Key, value: &str) -> String {
    match value.split_once(' ') {
        Some((scheme @ ("Bearer" | "Basic" | "Token" | "token" | "bearer"), secret)) if !secret.trim().is_empty() => {
            format!("{scheme} {}", redact_secret(key, secret.trim()))
        }
        _ => redact_secret(key, value),
    }
}
