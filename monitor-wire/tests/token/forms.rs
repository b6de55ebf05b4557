//! Tokens that no file holds.

use monitor_wire::redact::fingerprint;
use monitor_wire::token::{Encoding, Kind};

use super::{TOKEN, all, base64, key, set};

const BODY: &str = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f";

fn kube() -> String {
    let part = |text: &str| base64(text.as_bytes(), true).trim_end_matches('=').to_owned();
    format!(
        "{}.{}.{}",
        part(r#"{"alg":"RS256","kid":"k"}"#),
        part(r#"{"iss":"https://kubernetes.default.svc","kubernetes.io":{"namespace":"a"},"sub":"a:b"}"#),
        part("a signature that is made up, of some length"),
    )
}

fn tokens() -> Vec<(Kind, String)> {
    let hex = "0123456789abcdef".repeat(10);
    vec![
        (Kind::CloudflareGlobalKey, format!("cfk_{BODY}1a2b3c4d")),
        (Kind::CloudflareUserToken, TOKEN.to_owned()),
        (Kind::CloudflareAccountToken, format!("cfat_{BODY}1a2b3c4d")),
        (Kind::CloudflareOauth, format!("cfoat_{BODY}")),
        (Kind::CloudflareOriginKey, format!("v1.0-{}-{}", &hex[..24], &hex[..146])),
        (Kind::CloudflareTunnel, "eyJhIjoiMDEyMzQ1Njc4OWFiY2RlZiIsInQiOiJhYmMiLCJzIjoiZGVmIn0=".to_owned()),
        (Kind::McpOauth, format!("user-1:aB3dE5gH7jK9mN1p:{}", &BODY[..32])),
        (Kind::AwsKeyId, "AKIAIOSFODNN7EXAMPLE".to_owned()),
        (Kind::Github, format!("ghp_{}", &BODY[..36])),
        (Kind::Github, format!("gho_{}", &BODY[..36])),
        (Kind::Github, format!("ghu_{}", &BODY[..36])),
        (Kind::Github, format!("ghs_{}", &BODY[..36])),
        (Kind::Github, format!("ghr_{}", &BODY[..36])),
        (Kind::Github, format!("github_pat_11ABC_{BODY}")),
        (Kind::Gitlab, format!("glpat-{}", &BODY[..20])),
        (Kind::Npm, format!("npm_{}", &BODY[..36])),
        (Kind::Pypi, format!("pypi-AgEIcHlwaS5vcmc{BODY}")),
        (Kind::Service, format!("sk-ant-api03-{BODY}")),
        (Kind::Service, format!("AIza{}", &BODY[..35])),
        (Kind::Slack, "xoxb-123456789012-abcdefABCDEF".to_owned()),
        (Kind::Stripe, format!("sk_live_{}", &BODY[..24])),
        (Kind::KubeServiceAccount, kube()),
        (Kind::Jwt, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1g".to_owned()),
        (
            Kind::PrivateKey,
            "-----BEGIN OPENSSH PRIVATE KEY-----\naB3dE5gH7jK9\n-----END OPENSSH PRIVATE KEY-----".to_owned(),
        ),
        (Kind::Armoured, "-----BEGIN ARGO TUNNEL TOKEN-----\naB3dE5gH7jK9\n-----END ARGO TUNNEL TOKEN-----".to_owned()),
    ]
}

#[test]
fn every_form_is_found_wherever_it_stands() {
    let set = set(&[]);
    for (kind, token) in tokens() {
        for (before, after) in
            [("", ""), ("see ", " there"), ("{\"a\":\"", "\"}"), ("(", ")"), ("?x=", "&y=1"), ("a=", "\n"), (": ", ",")]
        {
            let text = format!("{before}{token}{after}");
            let hits = all(&set, text.as_bytes());
            assert_eq!(hits.len(), 1, "{text}: {hits:?}");
            let hit = &hits[0];
            assert_eq!((hit.kind, hit.known, hit.whole, hit.encoding), (kind, false, true, Encoding::Plain), "{text}");
            assert_eq!((hit.start, hit.end), (before.len() as u64, (before.len() + token.len()) as u64), "{text}");
            assert_eq!((&hit.fingerprint, hit.len), (&fingerprint(&key(), token.as_bytes()), token.len()));
        }
    }
}

#[test]
fn a_known_token_is_told_once_with_its_kind() {
    for (kind, token) in tokens() {
        let set = set(&[token.as_bytes()]);
        let hits = all(&set, format!("\"{token}\"").as_bytes());
        assert_eq!(hits.len(), 1, "{hits:?}");
        assert_eq!((hits[0].kind, hits[0].known, hits[0].start), (kind, true, 1), "{hits:?}");
    }
}

#[test]
fn a_private_key_in_json_has_the_fingerprint_of_its_file() {
    let token = tokens().into_iter().find(|(kind, _)| *kind == Kind::PrivateKey).unwrap().1;
    let hits = all(&set(&[]), serde_json::to_string(&token).unwrap().as_bytes());
    assert_eq!((hits.len(), hits[0].encoding), (1, Encoding::Escaped));
    assert_eq!(hits[0].fingerprint, fingerprint(&key(), token.as_bytes()));
}

#[test]
fn what_is_cut_is_not_whole() {
    let set = set(&[]);
    for (text, kind) in [
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0", Kind::Jwt),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.", Kind::Jwt),
        ("-----BEGIN PRIVATE KEY-----\naB3dE5gH7jK9", Kind::PrivateKey),
    ] {
        let hits = all(&set, text.as_bytes());
        assert_eq!(hits.iter().map(|hit| (hit.kind, hit.whole)).collect::<Vec<_>>(), [(kind, false)], "{text}");
    }
}

#[test]
fn old_forms_count_where_they_are_announced() {
    let set = set(&[]);
    let hex = &"0123456789abcdef".repeat(3)[..37];
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYz5AMPLEKEY";
    for (text, kind) in [
        (format!("Authorization: Bearer {BODY}\r\n"), Kind::CloudflareUserToken),
        (format!("{{\"CLOUDFLARE_API_TOKEN\":\"{BODY}\"}}"), Kind::CloudflareUserToken),
        (format!("X-Auth-Key: {hex}\r\n"), Kind::CloudflareGlobalKey),
        (format!("aws_secret_access_key = {secret}\n"), Kind::AwsSecret),
        (format!("{{\"SecretAccessKey\":\"{secret}\"}}"), Kind::AwsSecret),
        (format!("aws_secret_access_key = {BODY}"), Kind::AwsSecret),
        (format!("token={BODY}"), Kind::CloudflareUserToken),
    ] {
        let hits = all(&set, text.as_bytes());
        assert_eq!(hits.iter().map(|hit| hit.kind).collect::<Vec<_>>(), [kind], "{text}");
    }
    let near = format!("AKIAIOSFODNN7EXAMPLE,{secret},");
    assert_eq!(
        all(&set, near.as_bytes()).iter().map(|hit| hit.kind).collect::<Vec<_>>(),
        [Kind::AwsKeyId, Kind::AwsSecret]
    );
    for text in [
        format!("commit {BODY}"),
        format!("x {hex} y"),
        format!("a {secret} b"),
        format!("account {BODY}"),
        format!("token {BODY}0"),
        format!("token {}", "ab".repeat(20)),
    ] {
        assert_eq!(all(&set, text.as_bytes()), [], "{text}");
    }
}

#[test]
fn what_is_no_token() {
    let set = set(&[]);
    for text in [
        "fp:0123456789abcdef",
        "token=fp:0123456789abcdef",
        "fp:0123456789abcdef:aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA",
        "ghp_fp:0123456789abcdef",
        "Authorization: Bearer ${CLOUDFLARE_API_TOKEN}",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0",
        "cfut_0000000000000000000000000000000000000000",
        "npm_config_registry=x npm_lifecycle_event=start",
        "disk-usage-of-all-things-2-many",
        "-----BEGIN CERTIFICATE-----\naB3dE5gH7jK9\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\naB3dE5gH7jK9\n-----END PUBLIC KEY-----",
        "sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+9aZA==",
        "2026-01-02T03:04:05 12:34:56 ::1 fe80::0123",
        "eyJ short eyJ",
        "",
    ] {
        assert_eq!(all(&set, text.as_bytes()), [], "{text}");
    }
}
