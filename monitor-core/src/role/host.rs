//! Host names that say by themselves what is there.

/// Suffixes under which anybody may serve, or store, within minutes: their addresses are the provider's, whoever is behind
/// them. Facts: developers.cloudflare.com (workers.dev, pages.dev, trycloudflare.com, r2.dev, R2's S3 endpoint).
const SHARED: &[(&str, &str)] = &[
    ("workers.dev", "Cloudflare"),
    ("pages.dev", "Cloudflare"),
    ("trycloudflare.com", "Cloudflare"),
    ("r2.dev", "Cloudflare"),
    ("r2.cloudflarestorage.com", "Cloudflare"),
];

/// Resolvers over HTTPS (RFC 8484), by the names under which clients know them; `*.` stands for one or more labels.
const RESOLVERS: &[&str] = &[
    "cloudflare-dns.com",
    "*.cloudflare-dns.com",
    "*.cloudflare-gateway.com",
    "one.one.one.one",
    "dns.google",
    "*.dns.google",
    "dns.google.com",
    "dns.quad9.net",
    "dns9.quad9.net",
    "dns10.quad9.net",
    "dns11.quad9.net",
    "dns12.quad9.net",
    "doh.opendns.com",
    "doh.familyshield.opendns.com",
    "dns.adguard.com",
    "dns.adguard-dns.com",
    "unfiltered.adguard-dns.com",
    "family.adguard-dns.com",
    "dns.nextdns.io",
    "*.dns.nextdns.io",
    "dns.controld.com",
    "freedns.controld.com",
    "dns.mullvad.net",
    "*.dns.mullvad.net",
    "doh.mullvad.net",
    "doh.dns.sb",
    "doh.sb",
    "doh.pub",
    "dns.alidns.com",
    "doh.cleanbrowsing.org",
    "doh.libredns.gr",
];

/// Who lends this name out to anybody.
#[must_use]
pub fn shared_host(name: &str) -> Option<&'static str> {
    SHARED.iter().find(|(suffix, _)| is_below(name, suffix)).map(|(_, owner)| *owner)
}

/// Whether this is a resolver over HTTPS.
#[must_use]
pub fn is_https_resolver(name: &str) -> bool {
    RESOLVERS.iter().any(|known| known.strip_prefix("*.").map_or(name == *known, |parent| is_below(name, parent)))
}

/// Whether a tunnel service takes what its clients send there.
#[must_use]
pub fn is_tunnel_edge(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    [
        "argotunnel.com",
        "cftunnel.com",
        "trycloudflare.com",
        "ngrok.io",
        "ngrok.app",
        "ngrok-free.app",
        "ngrok.com",
        "loca.lt",
        "bore.pub",
    ]
    .iter()
    .any(|edge| name == *edge || name.strip_suffix(edge).is_some_and(|rest| rest.ends_with('.')))
}

fn is_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_anybody_may_get_is_told_from_the_providers_own() {
        for name in ["a.workers.dev", "a.b.workers.dev", "x.pages.dev", "id.r2.cloudflarestorage.com"] {
            assert_eq!(shared_host(name), Some("Cloudflare"), "{name}");
        }
        for name in ["workers.dev", "myworkers.dev", "api.cloudflare.com", "workers.dev.evil.example", ".workers.dev"] {
            assert_eq!(shared_host(name), None, "{name}");
        }
    }

    #[test]
    fn resolvers_are_known_by_their_own_names() {
        for name in ["cloudflare-dns.com", "mozilla.cloudflare-dns.com", "dns.google", "dns.quad9.net"] {
            assert!(is_https_resolver(name), "{name}");
        }
        for name in ["www.google.com", "quad9.net", "notcloudflare-dns.com", "nextdns.io"] {
            assert!(!is_https_resolver(name), "{name}");
        }
    }
}
