//! HTTP messages: API requests are judged, and what was hanging on an answer is settled by it.

use monitor_wire::http::{Message, Request, Response};

use super::{Engine, context};
use crate::alert::Alert;
use crate::detect::request::{self, Told};
use crate::event::Http;
use crate::explain::{self, ApiRequest, Joined};
use crate::id::{ProcId, ServerId};
use crate::named::bare_host;
use crate::profile::{Profile, Route};
use crate::state::Waiting;
use crate::time::Time;

impl Engine {
    pub(super) fn http(&mut self, said: Option<ServerId>, http: &Http, now: Time, alerts: &mut Vec<Alert>) {
        let Some(id) = self.state.server_of(said, http.proc) else { return };
        let channel = (http.proc, http.channel);
        match &http.message {
            // a proxy is asked for a connection, which is judged as that
            Message::Request(head) if head.method.eq_ignore_ascii_case("CONNECT") => {}
            Message::Request(head) if http.sent => self.request(id, http, head, now, alerts),
            Message::Response(head) if !http.sent => self.response(channel, head),
            // no answer is read any more; where only the requests can't be, those that were made may still be answered
            Message::End(_) if !http.sent => {
                self.state.exchanges.unreadable(channel, id);
                self.unanswered(channel);
            }
            // requests that come in are the transport's
            Message::Request(_) | Message::Response(_) | Message::Body(_) | Message::End(_) => {}
        }
    }

    /// A socket ended: what was asked on it and not answered changed nothing, for all that is known.
    pub(super) fn http_end(&mut self, cookie: u64) {
        if let Some(channel) = self.state.exchanges.socket(cookie) {
            self.unanswered(channel);
        }
    }

    fn request(&mut self, id: ServerId, http: &Http, head: &Request, now: Time, alerts: &mut Vec<Alert>) {
        if head.exchange == 0 {
            self.state.exchanges.readable((http.proc, http.channel));
        }
        let Some(server) = self.state.servers.get(id) else { return };
        let Some(profile) = server.profile.clone() else { return };
        let known = || self.state.connections.get(http.cookie).and_then(|connection| connection.net.name.clone());
        let names = || names(head).map(bare_host);
        let is_api = |host: &String| profile.is_api_host(&server.key, host);
        let Some(host) = names().find(is_api).or_else(|| names().next()).or_else(known) else { return };
        let judged = is_api(&host);
        // what is missing at the end of a path may lead anywhere
        let route = if request::is_cut(head) { None } else { Route::parse(&head.path) };
        let asked = ApiRequest { method: &head.method, host: &host, route };
        let listed = |route| Profile::is_listed(&profile.token_apis, asked.method, &host, route);
        if asked.route.as_ref().is_some_and(listed) {
            self.wait(id, http, head, Waiting::Token);
        }
        // requests to other hosts are judged by their connections; what they carry isn't judged yet
        if !judged {
            return;
        }
        let mut findings = std::mem::take(&mut self.findings);
        let other_token = self.other(id, http.proc, head, now);
        let cx = context(&self.config, &self.state, Some(id), http.proc, now);
        if let Some(scene) = cx.scene() {
            let joined = explain::request(&scene, &asked);
            let told = Told { http, head, asked: &asked };
            request::unexplained(&cx, &told, &joined, &mut findings);
            if let Some(since) = other_token {
                request::token(&cx, &told, &joined, since, &mut findings);
            }
            self.made(id, http, head, &asked, &joined);
            let object = format!("{} {host}{}", head.method, head.path);
            let strength = joined.strength;
            self.note(id, now, "http_request", &object, &joined.explained, strength);
        }
        self.emit(Some(id), &mut findings, now, alerts);
        self.findings = findings;
    }

    /// Where the server's own program authorises this by a token that isn't known for its own: since when one may have
    /// been granted. Its children have theirs.
    fn other(&mut self, id: ServerId, proc: ProcId, head: &Request, now: Time) -> Option<Time> {
        let (server, authorization) = (self.state.servers.get_mut(id)?, head.authorization.as_ref()?);
        let own = self.state.processes.get(proc).is_some_and(|proc| server.is_own_program(&proc.node));
        own.then(|| server.tokens.used(&authorization.token, now)).flatten()
    }

    /// The request counts for a call; if it changes something, until it fails.
    fn made(&mut self, id: ServerId, http: &Http, head: &Request, asked: &ApiRequest<'_>, joined: &Joined) {
        let Some(server) = self.state.servers.get_mut(id) else { return };
        server.api_seen = true;
        let (Some((key, api, counts)), Some(route)) = (joined.made, &asked.route) else { return };
        let Some(call) = server.calls.iter_mut().find(|call| call.key == key) else { return };
        let path = explain::path_hash(route);
        call.requests.make(api, path, counts);
        if counts {
            self.wait(id, http, head, Waiting::Change(key, api, path));
        }
    }

    fn wait(&mut self, id: ServerId, http: &Http, head: &Request, waiting: Waiting) {
        let channel = ((http.proc, http.channel), http.cookie);
        for failed in self.state.exchanges.wait(id, channel, head.exchange, waiting) {
            self.failed(failed);
        }
    }

    fn response(&mut self, channel: (ProcId, u64), head: &Response) {
        self.state.exchanges.readable(channel);
        if head.status < 200 {
            return;
        }
        let answered = self.state.exchanges.answered(channel, head.exchange);
        match answered {
            Some(failed) if head.status >= 300 => self.failed(failed),
            Some((id, Waiting::Token)) => {
                if let Some(server) = self.state.servers.get_mut(id) {
                    server.tokens.granted();
                }
            }
            Some((_, Waiting::Change(..))) | None => {}
        }
    }

    fn unanswered(&mut self, channel: (ProcId, u64)) {
        for failed in self.state.exchanges.ended(channel) {
            self.failed(failed);
        }
    }

    fn failed(&mut self, (id, waiting): (ServerId, Waiting)) {
        let Waiting::Change(key, api, path) = waiting else { return };
        let call =
            self.state.servers.get_mut(id).and_then(|server| server.calls.iter_mut().find(|call| call.key == key));
        if let Some(call) = call {
            call.requests.fail(api, path);
        }
    }
}

/// The names that a request is for: one, unless it is odd.
fn names(head: &Request) -> impl Iterator<Item = &str> {
    let others = head.headers.values.iter().filter(|(name, _)| name == "host").map(|(_, host)| host.as_str());
    head.host.as_deref().into_iter().chain(others)
}
