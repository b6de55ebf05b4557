//! The fake Cloudflare API, as a process of its own.

use crate::peer::BOUND;
use crate::{network, subject, wait};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// It runs as long as this lives.
pub struct FakeCloudflare {
    child: Child,
    folder: PathBuf,
}

impl FakeCloudflare {
    /// Starts it; its certificates and its record of requests lie in `folder`.
    pub fn start(folder: &Path) -> Result<FakeCloudflare> {
        let mut child = Command::new("node")
            .arg(subject::drivers().join("fake-cloudflare.mjs"))
            .args([network::CLOUDFLARE, "443"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the fake Cloudflare API")?;
        let output = child.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if !line.contains("\"ready\":true") {
            bail!("the fake Cloudflare API did not start: {line}");
        }
        Ok(FakeCloudflare { child, folder: folder.to_owned() })
    }

    /// What NODE_EXTRA_CA_CERTS has to name.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Waits until a request with this method and path (a part of it) has come.
    pub fn saw(&self, request: &str) -> Result<()> {
        let (method, path) = request.split_once(' ').context("a request is METHOD PATH")?;
        let log = self.folder.join("requests.ndjson");
        wait::until_true(&format!("the request {request}"), BOUND, || {
            let lines = std::fs::read_to_string(&log).unwrap_or_default();
            lines
                .lines()
                .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
                .any(|line| line["method"] == method && line["path"].as_str().is_some_and(|known| known.contains(path)))
        })
    }

    /// Its PID, so that it is not taken for something a test left behind.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }
}

impl Drop for FakeCloudflare {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
