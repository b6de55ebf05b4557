//! Tokens that pass by: `token_theft` where one goes to a host that it isn't for, `exfiltration` where one that is kept on
//! this host stands in a message between a server and its client.

use super::{Cx, Finding};
use crate::alert::{Confidence, Fact, Severity};
use crate::event::Token;
use crate::named::bare_host;
use crate::role::issuer;
use crate::rules;

/// A token passed by.
pub fn seen(cx: &Cx<'_>, token: &Token, out: &mut Vec<Finding>) {
    if cx.server.is_none() {
        return;
    }
    match &token.host {
        Some(host) if token.sent => elsewhere(cx, token, host, out),
        Some(_) => {}
        None => in_message(cx, token, out),
    }
}

/// In what the server asks of a host.
fn elsewhere(cx: &Cx<'_>, token: &Token, host: &str, out: &mut Vec<Finding>) {
    let Some(server) = cx.server else { return };
    let host = bare_host(host);
    if host.is_empty() || is_own(cx, &host) {
        return;
    }
    let known = is_known(cx, token);
    // documents have samples of many forms, and programs the marks of a private key
    let form = form(cx, token);
    let telling = known || form.starts_with("cloudflare_");
    if !telling || issuer::is_for(form, &host) != Some(false) {
        return;
    }
    let calls = cx.open_calls();
    let summary = format!(
        "{} sent {}{} to {host}, which it isn't for,{}.",
        cx.whose(),
        named(cx, token),
        written(token),
        cx.during(&calls)
    );
    let mut finding = cx.finding(&rules::TOKEN_ELSEWHERE, format!("token:{host}"), fact(cx, token, &host), summary);
    if is_here(&host) || server.hosts.iter().any(|known| known.name == host) {
        // a gateway of the user's own
        (finding.severity, finding.confidence) = (Severity::Low, Confidence::Weak);
    } else if !known {
        (finding.severity, finding.confidence) = (Severity::Medium, Confidence::Medium);
    }
    out.push(finding);
}

/// In a message between the server and its client.
fn in_message(cx: &Cx<'_>, token: &Token, out: &mut Vec<Finding>) {
    if !is_known(cx, token) {
        return;
    }
    let calls = cx.open_calls();
    let summary = if token.sent {
        format!(
            "{} gave its client {}{},{}: the model has it now, and whoever keeps what it reads.",
            cx.whose(),
            named(cx, token),
            written(token),
            cx.during(&calls)
        )
    } else {
        format!("The client sent {} {}{}: it had been read before.", cx.whose(), named(cx, token), written(token))
    };
    let to = if token.sent { "client" } else { "server" };
    let place = cx.state.known_tokens.get(&token.token).and_then(|known| known.places.first());
    let object = format!("token:{to}:{}", place.unwrap_or(&token.token));
    let mut finding = cx.finding(&rules::TOKEN_IN_MESSAGE, object, fact(cx, token, ""), summary);
    if !token.sent {
        finding.severity = Severity::Medium;
    }
    out.push(finding);
}

/// What it is: by its form, else by where it is kept.
fn form<'a>(cx: &Cx<'a>, token: &'a Token) -> &'a str {
    let known = cx.state.known_tokens.get(&token.token).filter(|_| token.form == "opaque" && token.known);
    known.map_or(&token.form, |known| &known.form)
}

/// Whether it is kept in a file, or was given to this very server: what another one was given says nothing here.
fn is_known(cx: &Cx<'_>, token: &Token) -> bool {
    token.known
        && cx.state.known_tokens.get(&token.token).is_some_and(|known| {
            known.places.iter().any(|place| place.starts_with('/'))
                || cx.server.is_some_and(|server| known.given.contains(&server.id))
        })
}

/// The server's own API, or its user's own choice of one.
fn is_own(cx: &Cx<'_>, host: &str) -> bool {
    cx.server.is_some_and(|server| {
        server.profile.as_ref().is_some_and(|profile| {
            profile.is_api_host(&server.key, host) || profile.token_apis.iter().any(|api| api.host == host)
        })
    })
}

fn named(cx: &Cx<'_>, token: &Token) -> String {
    let form = form(cx, token);
    let kind = if form == "opaque" { "a token".to_owned() } else { format!("a token ({form})") };
    match cx.state.known_tokens.get(&token.token).and_then(|known| known.places.first()) {
        Some(place) => format!("{kind} that is kept in {place}"),
        None => kind,
    }
}

fn written(token: &Token) -> String {
    if token.encoding == "plain" { String::new() } else { format!(" (written as {})", token.encoding) }
}

fn fact(cx: &Cx<'_>, token: &Token, host: &str) -> Fact {
    let places = cx.state.known_tokens.get(&token.token).map(|known| known.places.clone()).unwrap_or_default();
    Fact::Token {
        token: token.token.clone(),
        form: form(cx, token).to_owned(),
        encoding: token.encoding.clone(),
        host: Some(host.to_owned()).filter(|host| !host.is_empty()),
        places,
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost"
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|addr| addr.is_loopback())
}
