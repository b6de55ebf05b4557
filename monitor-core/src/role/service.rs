//! Ports that name a service an attacker moves to.

/// What kind of service a port belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServiceClass {
    /// A shell or desktop on another host.
    RemoteAccess,
    /// A cluster's control plane or node agent.
    Orchestrator,
    /// A container runtime's API.
    Runtime,
    /// A database, cache or message broker.
    Database,
    /// A file share.
    FileShare,
    /// A secret store or directory.
    SecretStore,
    /// A tunnel's edge.
    Tunnel,
}

/// A service by its registered or customary port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Service {
    /// Stable word, e.g. `ssh`.
    pub name: &'static str,
    /// What kind.
    pub class: ServiceClass,
    /// The port is used for hardly anything else. Where this is false, ordinary web services use the port too, so it
    /// means something only towards an internal or local address.
    pub sole: bool,
}

/// The service that customarily listens on `port` (TCP or UDP).
#[must_use]
pub fn service_port(port: u16) -> Option<Service> {
    SERVICES.iter().find(|(ports, _)| ports.contains(&port)).map(|&(_, service)| service)
}

const fn service(name: &'static str, class: ServiceClass, sole: bool) -> Service {
    Service { name, class, sole }
}

use ServiceClass::{Database, FileShare, Orchestrator, RemoteAccess, Runtime, SecretStore, Tunnel};

/// Source: the IANA service registry and the default ports of each product's own documentation.
const SERVICES: &[(&[u16], Service)] = &[
    (&[22], service("ssh", RemoteAccess, true)),
    (&[2222], service("ssh", RemoteAccess, false)),
    (&[23], service("telnet", RemoteAccess, true)),
    (&[3389], service("rdp", RemoteAccess, true)),
    (&[5900, 5901], service("vnc", RemoteAccess, true)),
    (&[5985, 5986], service("winrm", RemoteAccess, true)),
    (&[512, 513, 514], service("rsh", RemoteAccess, true)),
    (&[6443], service("kubernetes_api", Orchestrator, true)),
    (&[8443, 16443], service("kubernetes_api", Orchestrator, false)),
    (&[10250, 10255], service("kubelet", Orchestrator, true)),
    (&[10257, 10259], service("kubernetes_control", Orchestrator, true)),
    (&[4646], service("nomad", Orchestrator, true)),
    (&[2377], service("docker_swarm", Orchestrator, true)),
    (&[2375, 2376], service("docker_api", Runtime, true)),
    (&[2379, 2380], service("etcd", Database, true)),
    (&[3306, 33060], service("mysql", Database, true)),
    (&[5432, 6432], service("postgresql", Database, true)),
    (&[6379, 6380], service("redis", Database, true)),
    (&[27017, 27018, 27019], service("mongodb", Database, true)),
    (&[9200, 9300], service("elasticsearch", Database, true)),
    (&[11211], service("memcached", Database, true)),
    (&[1433, 1434], service("mssql", Database, true)),
    (&[1521], service("oracle", Database, true)),
    (&[5984], service("couchdb", Database, true)),
    (&[9042], service("cassandra", Database, true)),
    (&[8123, 9000], service("clickhouse", Database, false)),
    (&[7687], service("neo4j", Database, true)),
    (&[26257], service("cockroachdb", Database, true)),
    (&[2181], service("zookeeper", Database, true)),
    (&[9092], service("kafka", Database, true)),
    (&[5672], service("amqp", Database, true)),
    (&[4222], service("nats", Database, true)),
    (&[139, 445], service("smb", FileShare, true)),
    (&[2049], service("nfs", FileShare, true)),
    (&[873], service("rsync", FileShare, true)),
    (&[21], service("ftp", FileShare, true)),
    (&[8200], service("vault", SecretStore, true)),
    (&[8500, 8501], service("consul", SecretStore, true)),
    (&[389, 636], service("ldap", SecretStore, true)),
    (&[88], service("kerberos", SecretStore, true)),
    (&[7844], service("cloudflared_tunnel", Tunnel, true)),
    (&[51820], service("wireguard", Tunnel, true)),
    (&[1194], service("openvpn", Tunnel, true)),
];
