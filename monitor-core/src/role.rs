//! What an address, a port or a local socket *is*, whatever name led there.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

mod host;
pub mod issuer;
mod service;
mod socket;

pub use host::{is_https_resolver, is_tunnel_edge, shared_host};
pub use service::{Service, ServiceClass, service_port};
pub use socket::{is_quiet_socket, runtime_socket};

/// The role of an address as a destination (for bind and listen: of the local address).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// One of Cloudflare's published ranges. Anybody's site may live there: it names the network, not the owner.
    Cloudflare,
    /// Outside: whatever no other role claims.
    Internet,
    /// The internal network: RFC 1918, RFC 6598, unique local and link-local addresses, and what is configured.
    Internal,
    /// A cloud metadata or workload-credential service.
    Metadata,
    /// This host. Evidence and configuration call it `local`.
    #[serde(rename = "local")]
    Loopback,
    /// `0.0.0.0` or `::`. Linux connects it to this host; bound, it is every interface.
    Unspecified,
    /// Multicast or IPv4 broadcast.
    Multicast,
}

impl Role {
    /// The word used in evidence and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cloudflare => "cloudflare",
            Self::Internet => "internet",
            Self::Internal => "internal",
            Self::Metadata => "metadata",
            Self::Loopback => "local",
            Self::Unspecified => "unspecified",
            Self::Multicast => "multicast",
        }
    }
}

/// Address ranges and their roles. The longest prefix wins; at equal length a configured range wins over a built-in
/// one, and a later one over an earlier one.
#[derive(Debug, Clone)]
pub struct Roles {
    /// Longest prefix first; per family, so that a look-up walks one list only.
    v4: Vec<Range<u32>>,
    v6: Vec<Range<u128>>,
}

#[derive(Debug, Clone, Copy)]
struct Range<Bits> {
    net: Bits,
    mask: Bits,
    prefix: u8,
    role: Role,
}

impl Default for Roles {
    fn default() -> Self {
        Self::builtin()
    }
}

impl Roles {
    /// The built-in ranges.
    #[must_use]
    pub fn builtin() -> Self {
        let mut roles = Self { v4: Vec::new(), v6: Vec::new() };
        for &(role, nets) in BUILTIN {
            for net in nets {
                // a test parses every entry: none is dropped here
                if let Ok(net) = net.parse::<IpNet>() {
                    roles.add(role, net);
                }
            }
        }
        roles
    }

    /// Adds a configured range. An IPv4-mapped IPv6 range of at least 96 bits counts as its IPv4 range.
    pub fn add(&mut self, role: Role, net: IpNet) {
        match canonical_net(net.trunc()) {
            IpNet::V4(net) => {
                let at = self.v4.partition_point(|range| range.prefix > net.prefix_len());
                let (bits, mask) = (net.network().to_bits(), net.netmask().to_bits());
                self.v4.insert(at, Range { net: bits, mask, prefix: net.prefix_len(), role });
            }
            IpNet::V6(net) => {
                let at = self.v6.partition_point(|range| range.prefix > net.prefix_len());
                let (bits, mask) = (net.network().to_bits(), net.netmask().to_bits());
                self.v6.insert(at, Range { net: bits, mask, prefix: net.prefix_len(), role });
            }
        }
    }

    /// The role of `addr`. IPv4-mapped (`::ffff:a.b.c.d`) and NAT64 (`64:ff9b::a.b.c.d`, RFC 6052) addresses count as
    /// the IPv4 address that they reach.
    #[must_use]
    pub fn role(&self, addr: IpAddr) -> Role {
        let role = match canonical(addr) {
            IpAddr::V4(v4) => {
                let bits = v4.to_bits();
                self.v4.iter().find(|range| bits & range.mask == range.net).map(|range| range.role)
            }
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                self.v6.iter().find(|range| bits & range.mask == range.net).map(|range| range.role)
            }
        };
        role.unwrap_or(Role::Internet)
    }
}

/// The address that a packet to `addr` reaches in the end: an IPv4-mapped or NAT64 address as its IPv4 address.
#[must_use]
pub fn canonical(addr: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = addr else { return addr };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            IpAddr::from([a, b, c, d])
        }
        _ => addr,
    }
}

fn canonical_net(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else { return net };
    let Some(v4) = Ipv6Addr::to_ipv4_mapped(&v6.addr()) else { return net };
    let Some(bits) = v6.prefix_len().checked_sub(96) else { return net };
    ipnet::Ipv4Net::new(v4, bits).map_or(net, IpNet::V4)
}

/// Cloudflare: the vendor's published list (cloudflare.com/ips, 15 + 7 ranges). Its public resolvers' ranges
/// (1.1.1.0/24, 1.0.0.0/24) aren't in that list, so they are internet here.
const BUILTIN: &[(Role, &[&str])] = &[
    (
        Role::Cloudflare,
        &[
            "173.245.48.0/20",
            "103.21.244.0/22",
            "103.22.200.0/22",
            "103.31.4.0/22",
            "141.101.64.0/18",
            "108.162.192.0/18",
            "190.93.240.0/20",
            "188.114.96.0/20",
            "197.234.240.0/22",
            "198.41.128.0/17",
            "162.158.0.0/15",
            "104.16.0.0/13",
            "104.24.0.0/14",
            "172.64.0.0/13",
            "131.0.72.0/22",
            "2400:cb00::/32",
            "2606:4700::/32",
            "2803:f800::/32",
            "2405:b500::/32",
            "2405:8100::/32",
            "2a06:98c0::/29",
            "2c0f:f248::/32",
        ],
    ),
    // RFC 1918, RFC 6598 (carrier NAT, also cloud service networks), RFC 3927, RFC 4193, RFC 4291 section 2.5.6, and
    // the deprecated site-local range that some networks still route (RFC 3879)
    (
        Role::Internal,
        &[
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
            "fec0::/10",
        ],
    ),
    (
        Role::Metadata,
        &[
            "169.254.169.254/32", // AWS, Google, Azure, Oracle, DigitalOcean, Hetzner, OpenStack
            "169.254.170.2/32",   // AWS ECS task credentials
            "169.254.170.23/32",  // AWS EKS pod identity
            "169.254.42.42/32",   // Scaleway
            "169.254.0.23/32",    // Tencent
            "100.100.100.200/32", // Alibaba
            "168.63.129.16/32",   // Azure wire server
            "192.0.0.192/32",     // Oracle classic
            "fd00:ec2::254/128",  // AWS
            "fd00:ec2::23/128",   // AWS EKS pod identity
            "fd20:ce::254/128",   // Google
        ],
    ),
    (Role::Loopback, &["127.0.0.0/8", "::1/128"]),
    (Role::Unspecified, &["0.0.0.0/32", "::/128"]),
    (Role::Multicast, &["224.0.0.0/4", "255.255.255.255/32", "ff00::/8"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_range_parses_and_is_in_its_shortest_form() {
        for (_, nets) in BUILTIN {
            for text in *nets {
                let net: IpNet = text.parse().expect(text);
                assert_eq!(net, net.trunc(), "{text} has host bits");
            }
        }
    }
}
