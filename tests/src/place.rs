//! One test's folder: its home, its configuration, its outputs. Kept when the test fails.

use crate::{home, network, subject};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Which address plays which part, see [`crate::network`].
const ROLES: &str = r#"[network.roles]
cloudflare = ["127.64.0.0/16"]
internet   = ["127.65.0.0/16"]
internal   = ["127.66.0.0/16"]
metadata   = ["127.67.0.254"]
"#;

/// The folder.
pub struct Place {
    folder: PathBuf,
    keep: bool,
}

impl Place {
    /// A fresh folder under `target/e2e`: not under a temporary folder, where running a program is itself suspicious.
    pub fn new(name: &str) -> Result<Place> {
        let parent = subject::root().join("target/e2e");
        fs::create_dir_all(&parent).with_context(|| format!("cannot create {}", parent.display()))?;
        let folder = tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .rand_bytes(4)
            .tempdir_in(&parent)
            .with_context(|| format!("cannot create a folder in {}", parent.display()))?
            .keep();
        let place = Place { folder, keep: true };
        for part in ["home/dev", "scratch", "files"] {
            fs::create_dir_all(place.folder.join(part))?;
        }
        fs::write(
            place.config(),
            format!("{ROLES}\n[state]\ndir = \"{0}\"\nruntime = \"{0}-run\"\n", place.path("state").display()),
        )?;
        home::furnish(&place.home())?;
        Ok(place)
    }

    /// A path below the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The home of the developer whose server is watched.
    pub fn home(&self) -> PathBuf {
        self.path("home/dev")
    }

    /// Tripline's configuration.
    pub fn config(&self) -> PathBuf {
        self.path("config.toml")
    }

    /// Where the alerts go.
    pub fn alerts(&self) -> PathBuf {
        self.path("alerts.ndjson")
    }

    /// Where the events go.
    pub fn events(&self) -> PathBuf {
        self.path("events.ndjson")
    }

    /// Where every event is kept, if it is.
    pub fn recording(&self) -> PathBuf {
        self.path("recording.ndjson")
    }

    /// What the server and the client wrote to standard error.
    pub fn stderr(&self) -> PathBuf {
        self.path("stderr.txt")
    }

    /// The test passed: the folder goes when this is dropped.
    pub fn passed(&mut self) {
        self.keep = std::env::var_os("TRIPLINE_TEST_KEEP").is_some();
    }

    /// Replaces `${…}` in a scenario's text.
    pub fn fill(&self, text: &str, pid: Option<u32>) -> String {
        let shown = |path: &Path| path.to_string_lossy().into_owned();
        let mut filled = home::fill(text)
            .replace("${home}", &shown(&self.home()))
            .replace("${files}", &shown(&self.path("files")))
            .replace("${scratch}", &shown(&self.path("scratch")))
            .replace("${root}", &shown(&self.folder))
            .replace("${python}", &shown(&subject::python()))
            .replace("${drivers}", &shown(&subject::drivers()))
            .replace("${port}", &network::PORT.to_string())
            .replace("${subjects}", &shown(&subject::folder()));
        if let Ok(tripline) = subject::tripline() {
            filled = filled.replace("${tripline}", &shown(&tripline));
        }
        if let Some(pid) = pid {
            filled = filled.replace("${pid}", &pid.to_string());
        }
        filled
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.keep {
            eprintln!("kept: {}", self.folder.display());
        } else if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("cannot remove {}: {error}", self.folder.display());
        }
    }
}
