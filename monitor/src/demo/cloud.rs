//! A fake Cloudflare API: HTTPS on loopback, with an authority of its own, in the shapes that the public API answers.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::http::{self, Answer, Request};
use super::world;

/// Where it listens.
pub const ADDRESS: &str = "127.64.0.1";
/// Which names it answers to.
pub const HOSTS: [&str; 2] = ["api.cloudflare.com", "dash.cloudflare.com"];
/// The account that it knows.
pub const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

/// What it keeps, and what it was asked.
#[derive(Debug, Default)]
pub struct Cloud {
    scripts: Mutex<BTreeMap<String, Vec<u8>>>,
    requests: Mutex<Vec<String>>,
}

impl Cloud {
    /// Requests since the last time this was asked: `METHOD path`, without the account.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.requests))
    }

    /// Whether a Worker's script holds this text.
    pub fn has_script_with(&self, text: &str) -> bool {
        lock(&self.scripts).values().any(|script| String::from_utf8_lossy(script).contains(text))
    }
}

/// Starts it; `authority` becomes the certificate that its clients have to trust.
pub fn start(authority: &Path) -> Result<Arc<Cloud>> {
    let config = Arc::new(identity(authority)?);
    let cloud = Arc::new(Cloud::default());
    let shared = Arc::clone(&cloud);
    world::listen((ADDRESS, 443), move |connection| {
        // A client that goes away or talks nonsense is no concern of the demo's.
        let _cut_short = serve(connection, &config, &shared);
    })?;
    Ok(cloud)
}

/// A fresh authority, which is written to a file, and a certificate by it.
fn identity(authority: &Path) -> Result<ServerConfig> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Tripline demo");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    std::fs::write(authority, issuer.pem()).with_context(|| format!("cannot write {}", authority.display()))?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(HOSTS.map(str::to_owned))?.signed_by(&key, &issuer)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
    Ok(config)
}

fn serve(connection: TcpStream, config: &Arc<ServerConfig>, cloud: &Cloud) -> Result<()> {
    let session = ServerConnection::new(Arc::clone(config))?;
    let mut stream = BufReader::new(StreamOwned::new(session, connection));
    let request = http::read(&mut stream)?;
    let answer = answer(cloud, &request);
    let stream = stream.get_mut();
    http::write(stream, &answer)?;
    stream.conn.send_close_notify();
    stream.conn.complete_io(&mut stream.sock)?;
    Ok(())
}

fn answer(cloud: &Cloud, request: &Request) -> Answer {
    let path = request.target.split('?').next().unwrap_or_default();
    let path = path.strip_prefix("/client/v4").unwrap_or(path);
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let below_account = match segments.as_slice() {
        ["accounts", _, rest @ ..] if !rest.is_empty() => rest,
        other => other,
    };
    lock(&cloud.requests).push(format!("{} /{}", request.method, below_account.join("/")));
    route(cloud, request, below_account).unwrap_or_else(|| missing(path))
}

/// The routes that the demo's tools need.
fn route(cloud: &Cloud, request: &Request, path: &[&str]) -> Option<Answer> {
    let result = match (request.method.as_str(), path) {
        ("GET", ["user", "tokens", "verify"]) => json!({"id": "f".repeat(32), "status": "active"}),
        ("GET", ["accounts"]) => json!([{"id": ACCOUNT, "name": "Example"}]),
        ("GET", ["workers", "scripts"]) => {
            let scripts = lock(&cloud.scripts);
            scripts.keys().map(|name| json!({"id": name, "name": name, "modified_on": NOW})).collect()
        }
        ("GET", ["workers", "scripts", name]) => {
            let script = lock(&cloud.scripts).get(*name)?.clone();
            return Some(Answer { status: 200, media: "application/javascript", body: script });
        }
        ("PUT", ["workers", "scripts", name]) => {
            lock(&cloud.scripts).insert((*name).to_owned(), request.body.clone());
            json!({"id": name, "etag": "1", "modified_on": NOW})
        }
        ("POST", ["workers", "scripts", _, "subdomain"]) => json!({"enabled": true}),
        ("GET", ["storage", "kv", "namespaces"]) => json!([{"id": "d".repeat(32), "title": "cache"}]),
        ("GET", ["r2", "buckets"]) => json!({"buckets": [{"name": "assets", "creation_date": NOW}]}),
        ("GET", ["d1", "database"]) => json!([{"uuid": "e".repeat(32), "name": "main"}]),
        ("GET", ["workers", "scripts", _, "schedules"]) => json!({"schedules": []}),
        _ => return None,
    };
    Some(success(&result))
}

/// When everything was changed last.
const NOW: &str = "2026-11-22T00:00:00Z";

fn success(result: &Value) -> Answer {
    let count = result.as_array().map_or(0, Vec::len);
    let info = json!({"page": 1, "per_page": 20, "count": count, "total_count": count});
    let body = json!({"success": true, "errors": [], "messages": [], "result": result, "result_info": info});
    Answer { status: 200, media: "application/json", body: body.to_string().into_bytes() }
}

fn missing(path: &str) -> Answer {
    let errors = json!([{"code": 10007, "message": format!("{path} not found")}]);
    let body = json!({"success": false, "errors": errors, "messages": [], "result": null});
    Answer { status: 404, media: "application/json", body: body.to_string().into_bytes() }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{Cloud, answer};
    use crate::demo::http::Request;

    fn ask(cloud: &Cloud, method: &str, target: &str, body: &str) -> (u16, String) {
        let request = Request { method: method.into(), target: target.into(), body: body.into() };
        let answer = answer(cloud, &request);
        (answer.status, String::from_utf8(answer.body).unwrap())
    }

    #[test]
    fn a_script_that_was_put_is_listed_and_comes_back() {
        let cloud = Cloud::default();
        let at = "/client/v4/accounts/a/workers/scripts";
        assert_eq!(ask(&cloud, "GET", &format!("{at}/x"), "").0, 404);
        assert_eq!(ask(&cloud, "PUT", &format!("{at}/x"), "hello").0, 200);
        assert_eq!(ask(&cloud, "GET", &format!("{at}/x"), "").1, "hello");
        assert!(ask(&cloud, "GET", at, "").1.contains("\"name\":\"x\""));
        assert!(cloud.has_script_with("ell"));
        assert_eq!(cloud.take_requests()[1], "PUT /workers/scripts/x");
    }
}
