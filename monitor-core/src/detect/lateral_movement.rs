//! `lateral_movement`: towards metadata services, orchestrators, other hosts, runtime sockets; and ways in from outside.

use crate::alert::{Confidence, Fact, Severity};
use crate::event::{Net, NetOp, Proto, SocketMade, Unix};
use crate::explain::{Destination, Explained, Firm, Scene};
use crate::role::{Role, ServiceClass, is_tunnel_edge, runtime_socket, service_port};
use crate::rules::{self, Rule};

use super::{Attempt, Cx, Finding, failure};

/// A connection or datagram. `explained` is what explains it, calls included.
pub fn connect(cx: &Cx<'_>, net: &Net, to: &Destination<'_>, explained: &Explained, out: &mut Vec<Finding>) {
    let Some((rule, severity, what)) = verdict(to, explained) else { return };
    let calls = cx.open_calls();
    let rest = format!(", {what},{}.", cx.during(&calls));
    let object = format!("dest:{}", address(to));
    let mut finding = if net.op == NetOp::Send {
        let summary = format!("{} sent a datagram to {}{rest}", cx.whose(), to.text());
        cx.finding(rule, object, Fact::net(net, to.role), summary)
    } else {
        cx.connecting(rule, object, (net, to.role), Attempt::new(net, cx.whose(), to.text(), rest))
    };
    finding.severity = severity;
    out.push(finding);
}

/// A listener.
pub fn listen(cx: &Cx<'_>, scene: &Scene<'_>, net: &Net, role: Role, out: &mut Vec<Finding>) {
    let serves = match net.op {
        NetOp::Listen => net.proto == Proto::Tcp,
        NetOp::Bind => net.proto == Proto::Udp && !is_client_port(net.port),
        _ => false,
    };
    if !serves || matches!(role, Role::Loopback | Role::Multicast) {
        return;
    }
    if scene.server.serves_at(net) {
        return;
    }
    let calls = cx.open_calls();
    let summary = format!(
        "{} listens on {} port {}, which other hosts can reach,{}.",
        cx.whose(),
        net.addr,
        net.port,
        cx.during(&calls)
    );
    let mut finding = cx.finding(&rules::LISTENER, format!("listen:{}", net.port), Fact::net(net, role), summary);
    if net.proto == Proto::Udp {
        // a fixed port of a datagram socket is for those who send to it, but a few protocols ask for one to send from
        finding.confidence = Confidence::Medium;
    }
    if scene.server.may_serve(net) {
        // how its client speaks isn't known yet
        finding.severity = Severity::Low;
        finding.confidence = Confidence::Weak;
    }
    out.push(finding);
}

/// Ports that datagram sockets get in order to send: those that the kernel picks, and those of looking for neighbours.
const fn is_client_port(port: u16) -> bool {
    matches!(port, 0 | 68 | 546 | 1900 | 3702 | 5353 | 5355 | 32768..=60999)
}

/// A local socket.
pub fn unix(cx: &Cx<'_>, scene: &Scene<'_>, unix: &Unix, out: &mut Vec<Finding>) {
    if unix.op != "connect" {
        return;
    }
    let Some(service) = runtime_socket(&unix.path) else { return };
    let declared =
        scene.server.profile.as_ref().is_some_and(|profile| profile.sockets.iter().any(|own| own == service));
    let Some(severity) = power(service).filter(|_| !declared) else { return };
    let calls = cx.open_calls();
    let failed = failure(&unix.result);
    let (verb, why) = match &failed {
        Some(why) => ("tried to connect to", format!(" ({why})")),
        None => ("connected to", String::new()),
    };
    let summary = format!(
        "{} {verb} {}{why}, the socket of {service}, which its profile doesn't declare,{}.",
        cx.whose(),
        unix.path,
        cx.during(&calls)
    );
    let fact =
        Fact::UnixConnect { path: unix.path.clone(), service: Some(service.to_owned()), result: unix.result.clone() };
    let mut finding = cx.finding(&rules::RUNTIME_SOCKET, format!("unix:{}", unix.path), fact, summary);
    // clients look for an engine where there may be one: what isn't there gives nothing away
    let absent = matches!(unix.result.as_str(), "errno 2" | "errno 20");
    finding.severity = if absent { Severity::Low } else { severity };
    out.push(finding);
}

/// A socket of an unusual kind.
pub fn socket(cx: &Cx<'_>, made: &SocketMade, out: &mut Vec<Finding>) {
    // netlink and the kernel's crypto are how runtimes ask for addresses and digests
    if !matches!(made.family.as_str(), "packet" | "raw" | "vsock" | "xdp") {
        return;
    }
    let calls = cx.open_calls();
    let summary = format!("{} made a {} socket{}.", cx.whose(), made.family, cx.during(&calls));
    let fact = Fact::Socket { family: made.family.clone(), protocol: made.protocol };
    out.push(cx.finding(&rules::RAW_SOCKET, format!("socket:{}", made.family), fact, summary));
}

/// A tunnel program was started.
pub fn tunnel(cx: &Cx<'_>, exec: &crate::event::Exec, out: &mut Vec<Finding>) {
    let calls = cx.open_calls();
    let summary = format!("{} started the tunnel program {}{}.", cx.whose(), exec.exe.path, cx.during(&calls));
    out.push(cx.finding(&rules::TUNNEL, format!("exec:{}", exec.exe.path), Fact::exec(exec), summary));
}

fn verdict(to: &Destination<'_>, explained: &Explained) -> Option<(&'static Rule, Severity, &'static str)> {
    use ServiceClass::{Database, FileShare, Orchestrator, RemoteAccess, Runtime, SecretStore, Tunnel};
    if explained.firm == Firm::Strong {
        return None;
    }
    if to.role == Role::Metadata {
        return Some((
            &rules::METADATA,
            Severity::High,
            "a cloud metadata service that hands out this host's credentials",
        ));
    }
    if explained.firm == Firm::Weak {
        return None;
    }
    if to.name.is_some_and(is_tunnel_edge) {
        return Some((&rules::TUNNEL, Severity::High, "the edge of a tunnel service"));
    }
    // outside, a shared port says nothing
    let service = service_port(to.port).filter(|service| service.sole || !to.outside());
    match service.map(|service| service.class) {
        Some(Orchestrator) => {
            Some((&rules::ORCHESTRATOR, Severity::High, "the API of a cluster, which its profile doesn't declare"))
        }
        Some(Runtime) => Some((
            &rules::ORCHESTRATOR,
            Severity::High,
            "the API of a container runtime, which its profile doesn't declare",
        )),
        Some(Tunnel) => Some((&rules::TUNNEL, Severity::High, "the edge of a tunnel")),
        Some(RemoteAccess) => {
            Some((&rules::INTERNAL_SERVICE, Severity::Medium, "a remote access port that its profile doesn't declare"))
        }
        Some(Database | FileShare | SecretStore) => Some((
            &rules::INTERNAL_SERVICE,
            Severity::Medium,
            "a database, file or secret service that its profile doesn't declare",
        )),
        None if to.role == Role::Internal => Some((
            &rules::INTERNAL,
            Severity::Medium,
            "an address of the internal network that its profile doesn't declare",
        )),
        None => None,
    }
}

/// Sockets that give power over the host or over keys; looking up users or writing a log line gives none.
pub(super) fn power(service: &str) -> Option<Severity> {
    match service {
        "nscd" | "syslog" | "journal" | "journald" | "resolved" | "dbus_session" => None,
        "dbus_system" | "systemd" | "systemd_user" => Some(Severity::Low),
        _ => Some(Severity::High),
    }
}

fn address(to: &Destination<'_>) -> String {
    format!("{}:{}", to.addr, to.port)
}
