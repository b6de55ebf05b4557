//! Address roles, ports and patterns.

use std::net::IpAddr;

use monitor_core::pattern::{Pattern, PatternError, wildcard};
use monitor_core::role::{Role, Roles, ServiceClass, service_port};

fn check(roles: &Roles, cases: &[(Role, &[&str])]) {
    for (wanted, addresses) in cases {
        for address in *addresses {
            let parsed: IpAddr = address.parse().expect(address);
            assert_eq!(roles.role(parsed), *wanted, "{address}");
        }
    }
}

#[test]
fn builtin_roles() {
    check(
        &Roles::builtin(),
        &[
            (Role::Cloudflare, &["104.16.0.1", "104.27.255.255", "172.64.0.1", "2606:4700::1", "2a06:98c7:ffff::1"]),
            (Role::Internet, &["104.31.255.255", "1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:4860::8888"]),
            (
                Role::Internal,
                &["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1", "fd12::1", "fe80::1"],
            ),
            (
                Role::Metadata,
                &["169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16"],
            ),
            (Role::Metadata, &["fd00:ec2::254", "fd20:ce::254"]),
            (Role::Loopback, &["127.0.0.1", "127.255.0.1", "::1"]),
            (Role::Unspecified, &["0.0.0.0", "::"]),
            (Role::Multicast, &["224.0.0.251", "255.255.255.255", "ff02::fb"]),
            // the same places by other spellings
            (Role::Metadata, &["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"]),
            (Role::Loopback, &["::ffff:127.0.0.1"]),
            (Role::Internal, &["::ffff:10.1.2.3"]),
            (Role::Internet, &["64:ff9b::808:808"]),
        ],
    );
}

#[test]
fn the_longest_prefix_wins_and_configured_ones_win_ties() {
    let mut roles = Roles::builtin();
    for (role, net) in [
        (Role::Cloudflare, "127.64.0.0/16"),
        (Role::Metadata, "127.64.0.254/32"),
        (Role::Internet, "10.0.0.0/8"), // ties with the built-in one
        (Role::Internal, "0.0.0.0/0"),
        (Role::Internet, "::ffff:127.65.0.0/112"),
        (Role::Internal, "127.66.1.2/16"), // host bits don't matter
    ] {
        roles.add(role, net.parse().expect(net));
    }
    check(
        &roles,
        &[
            (Role::Cloudflare, &["127.64.0.1", "104.16.0.1"]),
            (Role::Metadata, &["127.64.0.254", "::ffff:127.64.0.254"]),
            (Role::Internet, &["127.65.0.9", "10.1.1.1", "2001:db8::1"]),
            (Role::Internal, &["127.66.9.9", "9.9.9.9", "192.168.0.1"]),
            (Role::Loopback, &["127.0.0.1"]),
        ],
    );
}

#[test]
fn ports_name_services() {
    for (name, ports) in [
        ("ssh", &[22][..]),
        ("kubernetes_api", &[6443]),
        ("kubelet", &[10250, 10255]),
        ("docker_api", &[2375, 2376]),
        ("etcd", &[2379, 2380]),
        ("mysql", &[3306]),
        ("postgresql", &[5432]),
        ("redis", &[6379]),
        ("mongodb", &[27017]),
        ("elasticsearch", &[9200]),
        ("memcached", &[11211]),
        ("mssql", &[1433]),
        ("oracle", &[1521]),
        ("couchdb", &[5984]),
        ("cassandra", &[9042]),
        ("rdp", &[3389]),
        ("smb", &[445]),
        ("winrm", &[5985]),
        ("consul", &[8500]),
        ("vault", &[8200]),
        ("nomad", &[4646]),
        ("cloudflared_tunnel", &[7844]),
    ] {
        for &port in ports {
            assert_eq!(service_port(port).map(|service| (service.name, service.sole)), Some((name, true)), "{port}");
        }
    }
    assert_eq!(service_port(7844).map(|service| service.class), Some(ServiceClass::Tunnel));
    for port in [8443, 8123, 9000, 2222] {
        assert_eq!(service_port(port).map(|service| service.sole), Some(false), "{port}");
    }
    for port in [0, 53, 80, 443, 3000, 8080, 65535] {
        assert_eq!(service_port(port), None, "{port}");
    }
}

#[test]
fn patterns_match_by_component() {
    for (pattern, path, wanted) in [
        ("/etc/shadow", "/etc/shadow", true),
        ("/etc/shadow", "/x/etc/shadow", false),
        ("etc/shadow", "/x/etc/shadow", true),
        ("~/.a/b", "/home/u/.a/b", true),
        ("**/.a/b", "/.a/b", true),
        ("a/**", "/x/a/b/c", true),
        ("a/**", "/x/a", true),
        ("a/**/z", "/a/z", true),
        ("a/**/z", "/a/b/c/z", true),
        ("a/**/z", "/a/b/c/y", false),
        ("*.pem", "/x/y.pem", true),
        ("*.pem", "/x.pem/y", false),
        ("/a/*/c", "/a/b/c", true),
        ("/a/*/c", "/a/b/b/c", false),
        ("/a/?", "/a/ü", true),
        ("{a,b}/c", "/b/c", true),
        ("{a,b}/c", "/x/c", false),
        ("~/{,.config/}.w/c", "/h/.config/.w/c", true),
        ("/a/b", "//a//b/", true),
    ] {
        let parsed = Pattern::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        assert_eq!(parsed.matches(path), wanted, "{pattern} on {path}");
    }
    for (pattern, error) in [
        ("", PatternError::Empty),
        ("/a/", PatternError::Component),
        ("/a/../b", PatternError::Component),
        ("a[bc]", PatternError::Class),
        ("{a,b", PatternError::Braces),
        ("a}b", PatternError::Braces),
        ("{a,{b,c}}", PatternError::Braces),
        ("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", PatternError::TooMany),
    ] {
        assert_eq!(Pattern::new(pattern), Err(error), "{pattern}");
    }
    for (glob, text, wanted) in
        [("*.tok*n", "a.b.token", true), ("a*b", "abc", false), ("", "", true), ("", "a", false)]
    {
        assert_eq!(wildcard(glob, text), wanted, "{glob} on {text}");
    }
}
