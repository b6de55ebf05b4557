//! What a name says of a connection. Whoever connects says itself whom it asks for (the server name of TLS), so that a
//! claim takes from what explained the connection, and gives nothing. What a resolver says gives a little, where nobody
//! but the server's user chose that resolver.

use std::net::IpAddr;

use super::network::is_cloudflare_name;
use super::{By, Destination, Explained, Firm, Scene, destination};
use crate::profile::NetworkPolicy;
use crate::role::{Role, canonical, shared_host};
use crate::state::{Proc, Resolved, Server};

/// What would explain the connection if `name` were known to be its host: now, or when it was made.
#[must_use]
pub fn claimed(scenes: &[Scene<'_>], actor: Option<&Proc>, to: &Destination<'_>, name: &str) -> Explained {
    let to = Destination { name: Some(name), ..*to };
    let each = scenes.iter().map(|scene| destination(scene, actor, &to));
    each.max_by_key(|explained| explained.firm).unwrap_or_else(Explained::nothing)
}

/// What explains a connection from then on whose client claims to ask for `name`, given what explained it before.
#[must_use]
pub fn after_claim(before: &Explained, claimed: &Explained, name: &str) -> Explained {
    match before.by {
        // a call may be over by now for which the connection was made, and needn't name what its argument leads to
        By::Call | By::Nothing => before.clone(),
        _ if claimed.firm >= before.firm => before.clone(),
        _ if claimed.is_explained() => claimed.clone(),
        By::Profile | By::Configured => Explained::nothing(),
        // installing gets its things from many places, but hardly from where anybody may put them for an hour
        By::Start | By::Runtime if shared_host(name).is_some() => Explained::nothing(),
        By::Start | By::Runtime => before.clone(),
    }
}

/// What explains a connection whose address a trusted resolver gave one of these names: weakly, since many hosts may share
/// the address.
#[must_use]
pub fn by_resolver<'a>(
    scene: &Scene<'_>,
    actor: Option<&Proc>,
    to: &Destination<'_>,
    names: impl Iterator<Item = &'a Resolved>,
) -> Explained {
    // the user's own hosts may well lie inside; what calls name may not
    let possible = |name: &str| fits(name, to) || to.role == Role::Internal && !is_cloudflare_name(name);
    let mut explained = names
        .filter(|known| known.trusted && possible(&known.name))
        .map(|known| destination(scene, actor, &Destination { name: Some(&known.name), ..*to }))
        .find(Explained::is_explained)
        .unwrap_or_else(Explained::nothing);
    explained.firm = explained.firm.min(Firm::Weak);
    explained
}

/// Whether the profile's own host is claimed at an address where it doesn't belong.
#[must_use]
pub fn is_misplaced(scene: &Scene<'_>, to: &Destination<'_>, name: &str) -> bool {
    let profile = scene.server.profile.as_ref().filter(|profile| profile.network != NetworkPolicy::None);
    profile.is_some_and(|profile| profile.explains_host(name, to.port, scene.phase)) && !fits(name, to)
}

/// Whether what this resolver says may explain something: the server is configured with it, or, where that isn't known, it
/// is this host's or the network's own. What the server answers itself explains nothing.
#[must_use]
pub fn is_trusted_resolver(server: &Server, addr: IpAddr, role: Role) -> bool {
    if role == Role::Loopback && server.resolves {
        return false;
    }
    match &server.start.resolvers {
        Some(known) => known.iter().any(|known| canonical(*known) == canonical(addr)),
        None => matches!(role, Role::Loopback | Role::Internal | Role::Metadata),
    }
}

/// Whether a host of this name can have the address: Cloudflare's own only in its published ranges, no other inside.
fn fits(name: &str, to: &Destination<'_>) -> bool {
    if is_cloudflare_name(name) { to.role == Role::Cloudflare } else { to.outside() }
}
