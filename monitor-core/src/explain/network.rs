//! What explains a destination.

use std::net::IpAddr;

use super::{By, Explained, Firm, Scene};
use crate::launcher::{is_launcher, launched};
use crate::named::Host;
use crate::profile::{NetworkPolicy, Phase};
use crate::role::{Role, ServiceClass, canonical, is_https_resolver, is_tunnel_edge, service_port, shared_host};
use crate::state::{Call, Hold, Proc, Server};

/// The port of name look-ups.
pub const DNS: u16 = 53;

/// A destination.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// Address, in its canonical form.
    pub addr: IpAddr,
    /// Port.
    pub port: u16,
    /// Name, if witnesses know one.
    pub name: Option<&'a str>,
    /// Role of the address.
    pub role: Role,
}

impl Destination<'_> {
    /// Outside this host and network.
    #[must_use]
    pub const fn outside(&self) -> bool {
        matches!(self.role, Role::Internet | Role::Cloudflare)
    }

    /// This host.
    #[must_use]
    pub const fn local(&self) -> bool {
        matches!(self.role, Role::Loopback | Role::Unspecified)
    }

    /// For people and keys: the name if there is one, else the address; with the port.
    #[must_use]
    pub fn text(&self) -> String {
        match (self.name, self.addr) {
            (Some(name), _) => format!("{name}:{}", self.port),
            (None, IpAddr::V6(addr)) => format!("[{addr}]:{}", self.port),
            (None, addr) => format!("{addr}:{}", self.port),
        }
    }
}

/// What explains a connection or datagram of `actor` to `to`.
#[must_use]
pub fn destination(scene: &Scene<'_>, actor: Option<&Proc>, to: &Destination<'_>) -> Explained {
    let server = scene.server;
    if to.local() && server.listens.contains(&to.port) {
        return Explained::strong(By::Runtime);
    }
    if let Some(explained) = by_profile(scene, to) {
        return explained;
    }
    if to.role != Role::Metadata && server.hosts.iter().any(|host| host.is(to.name, to.addr, to.port)) {
        return Explained::strong(By::Configured);
    }
    if scene.phase == Phase::Start && is_registry(scene, to) {
        return Explained::strong(By::Configured);
    }
    if !to.outside() {
        return Explained::nothing();
    }
    if actor.is_some_and(|proc| only_launches(scene, proc)) {
        // npx stays the parent and asks its registry for news
        let wanted = scene.server.profile.as_ref().is_none_or(|own| own.registries);
        if is_registry(scene, to) || wanted && to.port == 443 && may_be_registry(scene, to) {
            return Explained::weak(By::Runtime);
        }
    }
    if let Some(explained) =
        Explained::by_calls(scene.holding().map(|(call, hold)| (call.key, firm(scene, call, hold, to))))
    {
        return explained;
    }
    let helper = actor.is_some_and(|proc| proc.explained && !server.is_own_program(&proc.node));
    if helper {
        let calls = scene.holding().map(|(call, _)| (call.key, Firm::Weak));
        if let Some(explained) = Explained::by_calls(calls) {
            return explained;
        }
    }
    let installer = || actor.is_some_and(|proc| super::managed(server, &proc.node));
    let registries = server.profile.as_ref().is_some_and(|profile| profile.registries);
    if scene.phase == Phase::Start && to.port == 443 && registries && may_be_registry(scene, to) && installer() {
        // the registry's name wasn't seen, or isn't known: missing data never reads as guilt, nor as innocence
        return Explained::weak(By::Start);
    }
    Explained::nothing()
}

/// Whether a process is the package manager that the user's command starts the server with: it runs no code of the
/// server's.
#[must_use]
pub fn only_launches(scene: &Scene<'_>, proc: &Proc) -> bool {
    let node = &proc.node;
    super::is_package_manager(&node.image)
        && is_launcher(&node.image, false)
        && launched(node, &scene.server.root)
        && !scene.server.spoken_by(node.id)
}

/// Whether this is a name look-up: port 53 of a resolver that the server is configured with, or of this host; of whatever
/// address where that isn't known. Internal and metadata addresses are ordinary resolvers.
#[must_use]
pub fn is_resolver(server: &Server, to: &Destination<'_>) -> bool {
    let known = server.start.resolvers.as_ref();
    to.port == DNS && known.is_none_or(|known| to.local() || is_configured(known, to))
}

/// Whether the server may send look-ups there even after it read a secret: a resolver of this host or network, one that
/// it is configured with, or one that it used before.
#[must_use]
pub fn resolver_known(scene: &Scene<'_>, to: &Destination<'_>) -> bool {
    let server = scene.server;
    !to.outside()
        || server.resolvers.contains(&to.addr)
        || server.start.resolvers.as_ref().is_some_and(|known| is_configured(known, to))
}

fn is_configured(resolvers: &[IpAddr], to: &Destination<'_>) -> bool {
    resolvers.iter().any(|known| canonical(*known) == to.addr)
}

fn by_profile(scene: &Scene<'_>, to: &Destination<'_>) -> Option<Explained> {
    let profile = scene.server.profile.as_ref().filter(|profile| profile.network != NetworkPolicy::None)?;
    let literal = to.addr.to_string();
    if profile.explains_host(&literal, to.port, scene.phase) {
        return Some(Explained::strong(By::Profile));
    }
    if let Some(name) = to.name {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if profile.explains_host(&name, to.port, scene.phase) {
            return match to.role {
                Role::Internet | Role::Cloudflare => Some(Explained::strong(By::Profile)),
                // a name that is declared, at an address where it doesn't belong: it may be a local stand-in, so it is
                // no finding by itself, and it excuses nothing that follows a credential read
                Role::Internal | Role::Loopback => Some(Explained::weak(By::Profile)),
                Role::Metadata | Role::Unspecified | Role::Multicast => None,
            };
        }
        return None;
    }
    let unnamed_edge = to.role == Role::Cloudflare
        && profile.hosts.iter().any(|host| host.port == to.port && is_cloudflare_name(&host.host));
    unnamed_edge.then(|| Explained::weak(By::Profile))
}

pub(super) fn is_cloudflare_name(host: &str) -> bool {
    host == "cloudflare.com" || host.ends_with(".cloudflare.com")
}

/// Whether the name doesn't speak against a package registry. Package managers get their things from many places while a
/// server starts, but hardly from where anybody may put them for an hour; later, a registry's name is known.
fn may_be_registry(scene: &Scene<'_>, to: &Destination<'_>) -> bool {
    let Some(name) = to.name else { return true };
    let anybodys = shared_host(name).is_some() || is_https_resolver(name) || is_tunnel_edge(name);
    !anybodys && (scene.phase == Phase::Start || scene.server.start.registries.is_empty())
}

fn is_registry(scene: &Scene<'_>, to: &Destination<'_>) -> bool {
    let wanted = scene.server.profile.as_ref().is_none_or(|profile| profile.registries);
    let Some(name) = to.name.map(|name| name.trim_end_matches('.')) else { return false };
    let configured = || {
        scene.server.start.registries.iter().any(|registry| {
            let registry = crate::named::host(registry).map_or_else(|| registry.clone(), |host| host.name);
            registry.eq_ignore_ascii_case(name)
        })
    };
    wanted && to.role != Role::Metadata && configured()
}

/// Whether an argument that names a host means this port of it. A log-in on another host is meant only where the port or
/// the scheme is written, a tunnel never.
fn is_meant(host: &Host, port: u16) -> bool {
    match service_port(port).filter(|service| service.sole).map(|service| service.class) {
        Some(ServiceClass::Tunnel) => false,
        Some(ServiceClass::RemoteAccess) => host.port == Some(port),
        _ => true,
    }
}

/// How firmly a call explains a destination on the internet.
fn firm(scene: &Scene<'_>, call: &Call, hold: Hold, to: &Destination<'_>) -> Firm {
    let policy = scene.server.profile.as_ref().map_or(NetworkPolicy::Open, |profile| profile.network);
    let fetches = call.declared.fetches && matches!(policy, NetworkPolicy::Fetch | NetworkPolicy::Open);
    let open_world = call.declared.open_world && policy == NetworkPolicy::Open;
    if !fetches && !open_world {
        return Firm::No;
    }
    let named = call.hosts.iter().any(|(_, host)| host.is(to.name, to.addr, to.port) && is_meant(host, to.port));
    if named {
        return if hold == Hold::Open { Firm::Strong } else { Firm::Weak };
    }
    // redirects, a name that wasn't seen, an argument that was cut; but never a port that has nothing to do with the web
    let elsewhere = open_world || !call.hosts.is_empty() || call.cut;
    if elsewhere && service_port(to.port).is_none_or(|service| !service.sole) { Firm::Weak } else { Firm::No }
}
