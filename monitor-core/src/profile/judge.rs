//! What a profile answers.

use super::container::without_registry;
use super::identity::{ServerIdentity, url_host};
use super::model::{Api, ChildRule, Configured, Effect, Endpoint, Phase, Profile, ServerRule, ToolSpec};
use super::route::{Route, leads_elsewhere};
use crate::credential::{Standing, standing};
use crate::pattern::wildcard;

impl Profile {
    /// The tool's declaration.
    ///
    /// `server` is a server key, a package name (with or without `npm:`), or a remote host name. `None`: the tool isn't
    /// declared, or `server` isn't known and the name means different things on different servers.
    #[must_use]
    pub fn tool(&self, server: &str, tool: &str) -> Option<&ToolSpec> {
        match self.key_of(server) {
            Some(key) => self.tool_of(key, tool).or_else(|| self.tool_of("*", tool)),
            None => self.tool_of("*", tool).or_else(|| self.only_meaning(tool)),
        }
    }

    /// Whether `host` (lower case, without port) is one whose requests are judged: a tool of `server` (as in
    /// [`Profile::tool`]) is declared to send it some.
    #[must_use]
    pub fn is_api_host(&self, server: &str, host: &str) -> bool {
        self.specs(server).any(|spec| spec.apis.iter().any(|api| covers(&api.host, host)))
    }

    /// Whether a request whose method doesn't say so is known to change nothing: tools of `server` that only read make
    /// it, and no other does.
    #[must_use]
    pub fn reads(&self, server: &str, method: &str, host: &str, route: &Route) -> bool {
        let whole = |text: &str, last: bool| last && !leads_elsewhere(text);
        let mut making = self
            .specs(server)
            .filter(|spec| spec.apis.iter().any(|api| api.bind(method, host, route, &whole).is_some()))
            .peekable();
        making.peek().is_some() && making.all(|spec| spec.effect == Effect::Reads)
    }

    /// Whether this request is one of `list`.
    #[must_use]
    pub fn is_listed(list: &[Api], method: &str, host: &str, route: &Route) -> bool {
        list.iter().any(|api| api.bind(method, host, route, &|_, _| false).is_some())
    }

    /// What the server's command line and environment say that a variable of paths is, for everything it does.
    #[must_use]
    pub fn configured(&self, argv: &[String], env: &[(String, String)]) -> Vec<(String, String)> {
        let own = super::own_arguments(argv);
        let of = |rule: &Configured| {
            let told = rule.env.iter().find_map(|name| env.iter().find(|(known, _)| known == name));
            let after = rule.after.as_ref().and_then(|word| own.iter().skip_while(|arg| *arg != word).nth(1));
            let value = after.filter(|value| !value.starts_with('-')).or(told.map(|(_, value)| value))?;
            (!value.is_empty()).then(|| (rule.name.clone(), value.clone()))
        };
        self.configured.iter().filter_map(of).collect()
    }

    /// The key under which this server's tools are listed, if its identity tells.
    #[must_use]
    pub fn server_key(&self, identity: &ServerIdentity<'_>) -> Option<&str> {
        let rule = self.servers.iter().filter_map(|rule| rule.fits(identity).map(|weight| (weight, rule)));
        let (_, rule) = rule.max_by_key(|(weight, _)| *weight)?;
        if !rule.key.is_empty() {
            return Some(&rule.key);
        }
        identity.argv.iter().filter_map(|argument| url_host(argument)).find_map(|host| self.remote_key(&host))
    }

    /// Whether `host` (lower case, no trailing dot) and `port` are explained in this phase by `hosts` or
    /// `startup_hosts`.
    #[must_use]
    pub fn explains_host(&self, host: &str, port: u16, phase: Phase) -> bool {
        let startup: &[Endpoint] = if phase == Phase::Start { &self.startup_hosts } else { &[] };
        self.hosts.iter().chain(startup).any(|endpoint| endpoint.covers(host, port))
    }

    /// The destinations that the server's command line names, where the profile says that they count.
    #[must_use]
    pub fn argv_endpoints(&self, argv: &[String]) -> Vec<Endpoint> {
        if !self.argv_hosts {
            return Vec::new();
        }
        argv.iter().filter_map(|argument| Endpoint::of_url(argument)).collect()
    }

    /// The rule by which the server may start `exe` (with main script `script`, both resolved) in this phase, if any.
    /// A shell that runs a script is judged by the script's name; a program in a place that anybody can write is never
    /// excused by its name.
    #[must_use]
    pub fn child(&self, exe: &str, script: Option<&str>, phase: Phase) -> Option<&ChildRule> {
        let subject = script.filter(|_| is_shell(exe)).unwrap_or(exe);
        if standing(exe) == Standing::Scratch || standing(subject) == Standing::Scratch {
            return None;
        }
        let name = file_name(subject);
        self.children
            .iter()
            .find(|rule| rule.phases.contains(&phase) && rule.programs.iter().any(|glob| wildcard(glob, name)))
    }

    /// Whether a credential (by kind and resolved path) is the own one of `server` (as in [`Profile::tool`]). Where
    /// `server` fits no rule of the profile, what any of its rules owns counts.
    #[must_use]
    pub fn owns(&self, server: &str, kind: &str, path: &str) -> bool {
        let mut rules = self.servers.iter().filter(|rule| self.rule_is(rule, server)).peekable();
        self.own_credentials.cover(kind, path)
            || if rules.peek().is_some() {
                rules.any(|rule| rule.own_credentials.cover(kind, path))
            } else {
                self.servers.iter().any(|rule| rule.own_credentials.cover(kind, path))
            }
    }

    /// Whether reading `path` (resolved; not a credential) is normal for the server's runtimes, or declared.
    #[must_use]
    pub fn normal_read(&self, path: &str) -> bool {
        self.normal.reads.find(path).is_some() || self.normal_write(path)
    }

    /// Whether writing `path` (resolved; not a persistence point) is normal for the server's runtimes, or declared.
    #[must_use]
    pub fn normal_write(&self, path: &str) -> bool {
        self.normal.writes.find(path).is_some()
    }

    /// The folders that the server was given: absolute, without `.`, `..` and final `/`, and not resolved.
    #[must_use]
    pub fn root_folders(&self, argv: &[String], cwd: &str) -> Vec<String> {
        super::roots::folders(&self.roots, argv, cwd)
    }

    fn key_of<'a>(&'a self, server: &'a str) -> Option<&'a str> {
        if self.tools.contains_key(server) && server != "*" {
            return Some(server);
        }
        if let Some(key) = self.remote_key(server) {
            return Some(key);
        }
        let rule =
            self.servers.iter().find(|rule| !rule.key.is_empty() && (rule.key == server || rule.names(server)))?;
        Some(&rule.key)
    }

    /// Staging hosts serve the same tools as the host they stage.
    fn remote_key(&self, host: &str) -> Option<&str> {
        let key = self.remotes.get(host).or_else(|| {
            let (label, rest) = host.split_once('.')?;
            self.remotes.get(&format!("{}.{rest}", label.strip_suffix("-staging")?))
        });
        key.map(String::as_str)
    }

    fn tool_of(&self, key: &str, tool: &str) -> Option<&ToolSpec> {
        let tools = self.tools.get(key)?;
        tools.get(tool).or_else(|| {
            // the longest wildcard is the most particular one
            let fitting = tools.iter().filter(|(name, _)| name.contains('*') && wildcard(name, tool));
            fitting.max_by_key(|(name, _)| name.len()).map(|(_, spec)| spec)
        })
    }

    /// The tools of a server; of all where it isn't known.
    fn specs<'a>(&'a self, server: &'a str) -> impl Iterator<Item = &'a ToolSpec> + 'a {
        let key = self.key_of(server);
        let own = move |name: &String| key.is_none_or(|key| name == key || name == "*");
        self.tools.iter().filter(move |(name, _)| own(name)).flat_map(|(_, tools)| tools.values())
    }

    fn only_meaning(&self, tool: &str) -> Option<&ToolSpec> {
        let mut specs = self.tools.values().filter_map(|tools| tools.get(tool));
        let first = specs.next()?;
        specs.all(|other| other == first).then_some(first)
    }

    fn rule_is(&self, rule: &ServerRule, server: &str) -> bool {
        (!rule.key.is_empty() && rule.key == server)
            || rule.names(server)
            || rule.url_hosts.iter().any(|host| covers(host, server))
            // a remote server's key, for a rule that finds its key by host
            || (rule.key.is_empty()
                && self.remotes.iter().any(|(host, key)| key == server && rule.url_hosts.iter().any(|own| covers(own, host))))
    }
}

impl ServerRule {
    /// How well the rule fits: `None` if it doesn't, else the higher the more it asked for.
    #[must_use]
    pub fn fits(&self, identity: &ServerIdentity<'_>) -> Option<u32> {
        let package = identity.package();
        let script = identity.argv.get(1).map_or("", String::as_str);
        let all: [(u32, bool, bool); 6] = [
            (4, self.packages.is_empty(), package.is_some_and(|found| self.names(&found))),
            (
                4,
                self.executables.is_empty(),
                self.executables.iter().any(|own| own.matches(identity.exe_path) || own.matches(script)),
            ),
            (
                4,
                self.images.is_empty(),
                identity.image().is_some_and(|image| {
                    let short = without_registry(image);
                    self.images.iter().any(|own| wildcard(own, image) || wildcard(own, short))
                }),
            ),
            (
                2,
                self.url_hosts.is_empty(),
                identity
                    .argv
                    .iter()
                    .filter_map(|argument| url_host(argument))
                    .any(|host| self.url_hosts.iter().any(|own| covers(own, &host))),
            ),
            (
                2,
                self.argv.is_empty(),
                identity.argv.iter().any(|argument| self.argv.iter().any(|own| wildcard(own, argument))),
            ),
            (
                1,
                self.env.is_empty(),
                identity.env_names.iter().any(|name| self.env.iter().any(|own| wildcard(own, name))),
            ),
        ];
        let asked: u32 = all.iter().filter(|(_, absent, _)| !absent).map(|(weight, _, _)| weight).sum();
        (asked > 0 && all.iter().all(|(_, absent, fits)| *absent || *fits)).then_some(asked)
    }

    /// Whether the rule asks for a certain program, by package, file or image.
    #[must_use]
    pub const fn names_program(&self) -> bool {
        !self.packages.is_empty() || !self.executables.is_empty() || !self.images.is_empty()
    }

    /// Whether this package (`npm:NAME`, or the bare name) is one of the rule's.
    fn names(&self, package: &str) -> bool {
        let qualified = package.contains(':');
        self.packages
            .iter()
            .any(|own| own == package || (!qualified && own.split_once(':').is_some_and(|(_, name)| name == package)))
    }
}

impl super::model::OwnCredentials {
    /// Whether a credential of this kind at this resolved path is among them.
    #[must_use]
    pub fn cover(&self, kind: &str, path: &str) -> bool {
        self.kinds.iter().any(|own| own == kind) || self.paths.iter().any(|own| own.matches(path))
    }
}

impl Endpoint {
    /// Whether this is `host` (lower case, no trailing dot) at `port`.
    #[must_use]
    pub fn covers(&self, host: &str, port: u16) -> bool {
        self.port == port && covers(&self.host, host)
    }

    /// The destination of an `http` or `https` URL.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let host = url_host(url)?;
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#', '\\']).next()?;
        let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        Some(Self { host, port: port.unwrap_or(if scheme.eq_ignore_ascii_case("http") { 80 } else { 443 }) })
    }
}

/// Whether the name pattern `own` (exact, or `*.` for one or more labels) covers `host`.
pub(super) fn covers(own: &str, host: &str) -> bool {
    match own.strip_prefix("*.") {
        Some(parent) => host.strip_suffix(parent).is_some_and(|labels| labels.len() > 1 && labels.ends_with('.')),
        None => own == host,
    }
}

fn is_shell(exe: &str) -> bool {
    matches!(file_name(exe), "sh" | "bash" | "dash" | "zsh" | "ksh" | "fish" | "busybox")
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
