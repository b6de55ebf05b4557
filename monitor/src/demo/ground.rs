//! Where the demo happens: mounts and a network of its own, and a folder in memory with a home in it.

use std::fs;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::cloud;

/// Folders that every host has and nobody needs for an hour; the first that hides nothing of ours is taken. Not a
/// temporary folder: running a program from one is suspicious in itself.
const PLACES: [&str; 4] = ["/srv", "/mnt", "/media", "/opt"];

/// Which address plays which part.
const ROLES: &str = r#"[network.roles]
cloudflare = ["127.64.0.0/16"]
internet   = ["127.65.0.0/16"]
internal   = ["127.66.0.0/16"]
metadata   = ["127.67.0.254"]
"#;

/// A developer's home. Every secret is made up.
const FILES: [(&str, &str); 6] = [
    (".ssh/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\ndemo-made-up-key\n-----END OPENSSH PRIVATE KEY-----\n"),
    (".ssh/id_ed25519.pub", "ssh-ed25519 AAAA dev@example.com\n"),
    (".aws/credentials", "[default]\naws_access_key_id = DEMO\naws_secret_access_key = demo-made-up-secret\n"),
    (
        ".config/.wrangler/config/default.toml",
        "oauth_token = \"demo-made-up-token\"\nrefresh_token = \"demo-made-up-refresh\"\n\
         expiration_time = \"2099-01-01T00:00:00.000Z\"\nscopes = [\"account:read\"]\n",
    ),
    ("project/worker.js", "export default { fetch: () => new Response('hello') };\n"),
    ("project/README.md", "# A Worker that says hello\n"),
];

/// What the SSH key holds, to see whether it arrived somewhere.
pub const KEY_MARK: &str = "demo-made-up-key";

/// The folder.
#[derive(Debug)]
pub struct Ground {
    folder: PathBuf,
}

impl Ground {
    /// Moves this process, which must not have a second thread yet, onto it. `needed` must stay visible.
    pub fn enter(needed: &[PathBuf]) -> Result<Self> {
        let hides = |place: &str| needed.iter().any(|path| path.starts_with(place));
        let Some(folder) = PLACES.into_iter().find(|place| Path::new(place).is_dir() && !hides(place)) else {
            bail!("none of {} is there and free for the demo's own files", PLACES.join(", "));
        };
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)
            .context("cannot make a mount and a network namespace (CAP_SYS_ADMIN is needed)")?;
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
            .context("cannot make the mounts private")?;
        let options = Some("mode=0755,size=64m");
        mount(Some("tmpfs"), folder, Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, options)
            .with_context(|| format!("cannot mount a folder in memory at {folder}"))?;
        let ground = Self { folder: folder.into() };
        raise_loopback().context("cannot bring up the loopback interface")?;
        ground.furnish()?;
        Ok(ground)
    }

    /// A path below the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The developer's home.
    pub fn home(&self) -> PathBuf {
        self.path("home/dev")
    }

    /// A path of the home, as text.
    pub fn at_home(&self, name: &str) -> String {
        self.home().join(name).to_string_lossy().into_owned()
    }

    /// Puts a file in the place of another one; only this process and its children see it.
    pub fn replace(&self, target: &Path, text: &str) -> Result<()> {
        let name = target.file_name().context("not a file")?;
        let own = self.path("replaced").join(name);
        write(&own, text, 0o644)?;
        let none: Option<&str> = None;
        mount(Some(&own), target, none, MsFlags::MS_BIND, none)
            .with_context(|| format!("cannot put a file in the place of {}", target.display()))
    }

    fn furnish(&self) -> Result<()> {
        for (name, text) in FILES {
            write(&self.home().join(name), text, 0o600)?;
        }
        let state = self.path("state");
        write(
            &self.path("config.toml"),
            &format!("{ROLES}\n[state]\ndir = \"{0}\"\nruntime = \"{0}-run\"\n", state.display()),
            0o644,
        )?;
        let hosts = format!("127.0.0.1 localhost\n{} {}\n", cloud::ADDRESS, cloud::HOSTS.join(" "));
        self.replace(Path::new("/etc/hosts"), &hosts)
    }
}

/// Writes a file and makes the folders above it.
pub fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let folder = path.parent().context("not a file")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(())
}

/// What `ip link set lo up` does; a host need not have `ip`.
fn raise_loopback() -> Result<()> {
    // Any socket will do to speak about interfaces; binding to no address needs none.
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    // SAFETY: ifreq is plain data for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = libc::c_char::try_from(*from)?;
    }
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING)?;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, which lives until the call returns.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    nix::errno::Errno::result(done)?;
    Ok(())
}
