//! Requests that were seen, against those that a program may make.

use monitor_wire::code::{Match, Method};

use super::code;

fn matched(call: &str, method: &str, path: &str) -> Match {
    let code =
        code(&format!("async () => {{ const x = (await cloudflare.request({{ path: '/user' }})).result; {call} }}"));
    code.requests.iter().skip(1).map(|request| request.matches(method, path)).max().unwrap()
}

#[test]
fn what_is_known_must_be_the_same() {
    let call = "cloudflare.request({ method: 'post', path: `/zones/abc/dns_records` });";
    for path in [
        "/client/v4/zones/abc/dns_records",
        "/client//v4/zones/x/../abc/dns_records/",
        "/client/v4/zones/%61bc/dns_records?a=b",
    ] {
        assert_eq!(matched(call, "POST", path), Match::Firm, "{path}");
    }
    for path in [
        "/client/v4/zones/abc",
        "/zones/abc/dns_records",
        "/client/v4/zones/ABC/dns_records",
        "",
        "/client/v4/zones/abc/dns_records/d",
    ] {
        assert_eq!(matched(call, "POST", path), Match::No, "{path}");
    }
    assert_eq!(matched(call, "GET", "/client/v4/zones/abc/dns_records"), Match::No);
}

#[test]
fn one_unknown_value_is_firmly_one_segment_and_possibly_more() {
    let call = "cloudflare.request({ method: 'GET', path: `/zones/${x.id}/dns_records` });";
    assert_eq!(matched(call, "GET", "/client/v4/zones/abc/dns_records"), Match::Firm);
    assert_eq!(matched(call, "GET", "/client/v4/zones/a/b/dns_records"), Match::Possible);
    assert_eq!(matched(call, "GET", "/client/v4/zones/dns_records"), Match::Possible);
    assert_eq!(matched(call, "GET", "/client/v4/zones/abc/settings"), Match::No);
    let call = "cloudflare.request({ method: 'GET', path: `/scripts/edge-${x.id}.js/x` });";
    assert_eq!(matched(call, "GET", "/client/v4/scripts/edge-1.js/x"), Match::Firm);
    assert_eq!(matched(call, "GET", "/client/v4/scripts/other-1.js/x"), Match::Possible);
}

#[test]
fn what_isnt_known_is_possible_at_most() {
    let call = "cloudflare.request({ method: x.m, path: '/zones' });";
    assert_eq!(matched(call, "DELETE", "/client/v4/zones"), Match::Possible);
    assert_eq!(matched(call, "DELETE", "/client/v4/zone"), Match::No);
    let call = "cloudflare.request({ method: 'GET', path: `/${x.a}/abc` });";
    assert_eq!(matched(call, "GET", "/client/v4/zones/x/y/abc"), Match::Possible);
    assert_eq!(matched(call, "GET", "/client/v4/zones/x/y/abd"), Match::No);
    let call = "cloudflare.request({ method: 'GET', path: x.path });";
    assert_eq!(matched(call, "GET", "/client/v4/user/tokens"), Match::Possible);
}

#[test]
fn a_path_is_written_for_people() {
    let code = code(
        "async () => { for (const z of (await cloudflare.request({ method: 'GET', path: '/zones' })).result) \
         await cloudflare.request({ method: 'PUT', path: `/zones/${z.id}/x-${encodeURIComponent(z.n)}` }); }",
    );
    let texts: Vec<String> = code.requests.iter().map(|request| request.path_text()).collect();
    assert_eq!(texts, ["/client/v4/zones", "/client/v4/zones/{}/x-{}"]);
    assert_eq!(code.requests[1].method, Method::Known("PUT".to_owned()));
    assert!(!code.requests[0].may_change() && code.requests[1].may_change());
    assert!(code.is_complete_but_for_values() && !code.is_complete());
}
