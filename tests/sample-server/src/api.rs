//! The API's client: one HTTPS request a connection.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const HOST: &str = "api.cloudflare.com";

/// Where authorities are if nobody says.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Longest answer that is read.
const MOST: u64 = 1 << 20;

/// The API for one account.
#[derive(Clone)]
pub struct Api {
    account: String,
    token: String,
    config: Arc<ClientConfig>,
}

impl Api {
    /// Reads the authorities.
    pub fn new(account: &str, token: String) -> Result<Self> {
        let path = std::env::var("SSL_CERT_FILE").unwrap_or_else(|_| AUTHORITIES.to_owned());
        let bytes = fs::read(&path).with_context(|| format!("cannot read the authorities in {path}"))?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&bytes) {
            roots.add(certificate.with_context(|| format!("{path} is no list of certificates"))?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { account: account.to_owned(), token, config: Arc::new(config) })
    }

    /// One request below the account; answers the body.
    pub fn request(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let session = ClientConnection::new(Arc::clone(&self.config), ServerName::try_from(HOST)?)?;
        let mut stream = StreamOwned::new(session, TcpStream::connect((HOST, 443))?);
        let Self { account, token, .. } = self;
        let length = body.len();
        write!(
            stream,
            "{method} /client/v4/accounts/{account}{path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )?;
        let mut answer = Vec::new();
        stream.take(MOST).read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").context("the API's answer is no HTTP")?;
        if head.split(' ').nth(1) != Some("200") {
            bail!("the API answered {}: {body}", head.lines().next().unwrap_or(""));
        }
        Ok(body.to_owned())
    }
}
