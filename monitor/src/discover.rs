//! What is known of a process as a server: identity, profile, homes, environment names.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use monitor_core::event::{Exec, ServerStart};
use monitor_core::id::ProcId;
use monitor_core::profile::{Profile, Profiles, ServerIdentity, server_name};
use monitor_wire::redact::{Key, redact};

use crate::pipeline::enrich::{self, PRELOADS};
use crate::{passwd, regular};

/// Longest settings file of a package manager, bytes.
const MAX_SETTINGS: usize = 64 << 10;

/// Environment entries besides [`PRELOADS`] whose value is judged and therefore kept (redacted): none of them holds a token.
const JUDGED: [&str; 17] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "CLOUDFLARE_API_BASE_URL",
    "WRANGLER_AUTH_URL",
    "WRANGLER_TOKEN_URL",
    "WRANGLER_AUTH_DOMAIN",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "XDG_CONFIG_HOME",
];

/// What a server was, or will be, started with.
pub struct Start {
    /// Its process.
    pub pid: u32,
    /// Since when that runs, as in [`ProcId::start`]; where not known, procfs is asked.
    pub since: Option<u64>,
    /// Resolved executable.
    pub exe: PathBuf,
    /// Arguments, the program first.
    pub argv: Vec<String>,
    /// Whether it is watched from its first instruction.
    pub from_start: bool,
    /// What the configuration of an MCP client calls it.
    pub called: Option<String>,
}

impl Start {
    /// A process that runs already, from procfs.
    #[must_use]
    pub fn running(pid: u32, from_start: bool) -> Self {
        let cmdline = enrich::strings(pid, "cmdline");
        let argv = cmdline
            .strip_suffix(&[0])
            .unwrap_or(&cmdline)
            .split(|byte| *byte == 0)
            .map(|arg| String::from_utf8_lossy(arg).into_owned())
            .collect();
        let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        Self { pid, since: None, exe, argv, from_start, called: None }
    }

    /// A process by what it was seen to execute: it may have ended since.
    #[must_use]
    pub fn executed(exec: &Exec, from_start: bool) -> Self {
        let ProcId { pid, start } = exec.proc;
        Self {
            exe: exec.exe.path.clone().into(),
            argv: exec.argv.clone(),
            since: Some(start),
            ..Self::running(pid, from_start)
        }
    }

    /// The engine's account of this start, judged by `wanted` or by what its identity tells.
    #[must_use]
    pub fn describe(&self, profiles: &Profiles, wanted: Option<&Profile>, key: &Key) -> ServerStart {
        let environ = environ(self.pid);
        let names: Vec<String> = environ.iter().map(|(name, _)| name.clone()).collect();
        let exe = self.exe.to_string_lossy();
        let identity =
            ServerIdentity { exe_path: &exe, argv: &self.argv, package: None, env_names: &names, image: None };
        let profile =
            wanted.or_else(|| profiles.matching(&identity)).map_or("generic", |profile| profile.name.as_str());
        // a profile that knows the server knows better what it is
        let called = self.called.clone().filter(|name| !name.is_empty() && profile == "generic");
        let program = server_name(&identity);
        let (name, program) = called.map_or((program.clone(), None), |name| (name, Some(program)));
        ServerStart {
            root: ProcId { pid: self.pid, start: self.since.or_else(|| enrich::start_of(self.pid)).unwrap_or(0) },
            name,
            program,
            profile: profile.to_owned(),
            declared: wanted.is_some(),
            transport: "stdio".to_owned(),
            from_start: self.from_start,
            sure_home: sure_home(self.pid, &environ),
            homes: homes(&environ),
            env: environ
                .iter()
                .filter(|(name, _)| PRELOADS.iter().chain(&JUDGED).any(|judged| judged == name))
                .map(|(name, value)| (name.clone(), redact(key, value).into_owned()))
                .collect(),
            registries: registries(&environ),
            resolvers: crate::resolvers::of(self.pid),
            container: container(self.pid),
        }
    }
}

/// Who a pid is now.
#[must_use]
pub fn proc_of(pid: u32) -> ProcId {
    ProcId { pid, start: enrich::start_of(pid).unwrap_or(0) }
}

/// Environment of a process. Values stay in this module.
fn environ(pid: u32) -> Vec<(String, String)> {
    entries(&enrich::strings(pid, "environ"))
}

/// Names and values of an environment.
fn entries(bytes: &[u8]) -> Vec<(String, String)> {
    bytes
        .split(|byte| *byte == 0)
        .filter_map(|entry| {
            let at = entry.iter().position(|byte| *byte == b'=')?;
            let name = String::from_utf8_lossy(&entry[..at]).into_owned();
            Some((name, String::from_utf8_lossy(&entry[at + 1..]).into_owned()))
        })
        .collect()
}

/// Home folders whose stores are the server's own: `HOME`, and the folder above a moved `XDG_CONFIG_HOME`.
fn homes(environ: &[(String, String)]) -> Vec<String> {
    let mut homes: Vec<String> = Vec::new();
    for (name, value) in environ {
        let home = match name.as_str() {
            "HOME" => PathBuf::from(value),
            "XDG_CONFIG_HOME" => Path::new(value).parent().map(Path::to_owned).unwrap_or_default(),
            _ => continue,
        };
        if home.is_absolute() && home != Path::new("/") {
            let real = fs::canonicalize(&home).unwrap_or(home);
            let text = real.to_string_lossy().into_owned();
            if !homes.contains(&text) {
                homes.push(text);
            }
        }
    }
    homes
}

/// The home, if the process above says the same, which the server can't have written, or the list of users does.
fn sure_home(pid: u32, environ: &[(String, String)]) -> Option<String> {
    let home = homes(environ).into_iter().next()?;
    let above = procfs::process::Process::new(i32::try_from(pid).ok()?).and_then(|process| process.stat()).ok();
    let above = above.and_then(|stat| u32::try_from(stat.ppid).ok()).filter(|pid| *pid > 1);
    let said = above.is_some_and(|pid| homes(&self::environ(pid)).first() == Some(&home));
    let listed = || {
        passwd::homes().iter().any(|(listed, _)| fs::canonicalize(listed).is_ok_and(|real| real == Path::new(&home)))
    };
    (said || listed()).then_some(home)
}

/// Hosts of the package registries that npm, pip and uv use in that process: from its environment and its npm and pip
/// configuration files.
fn registries(environ: &[(String, String)]) -> Vec<String> {
    let mut hosts = Vec::new();
    let mut add = |url: &str| {
        if let Some(host) = host_of(url)
            && !hosts.contains(&host)
        {
            hosts.push(host);
        }
    };
    for (name, value) in environ {
        let lower = name.to_ascii_lowercase();
        if matches!(
            lower.as_str(),
            "npm_config_registry" | "pip_index_url" | "pip_extra_index_url" | "uv_index_url" | "uv_default_index"
        ) {
            value.split_whitespace().for_each(&mut add);
        }
    }
    let mut files = vec![PathBuf::from("/etc/npmrc"), PathBuf::from("/usr/etc/npmrc"), PathBuf::from("/etc/pip.conf")];
    for home in homes(environ) {
        let home = Path::new(&home);
        files.extend([home.join(".npmrc"), home.join(".pip/pip.conf"), home.join(".config/pip/pip.conf")]);
    }
    for file in files {
        let Some(text) = regular::text(&file, MAX_SETTINGS) else { continue };
        for line in text.lines() {
            let Some((key, value)) = line.split_once('=') else { continue };
            if key.trim().ends_with("registry") || matches!(key.trim(), "index-url" | "extra-index-url") {
                add(value.trim());
            }
        }
    }
    hosts
}

fn host_of(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = host.split(':').next()?;
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

/// Container id: the longest hexadecimal name (32 or 64 digits) in the process's cgroup path.
fn container(pid: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    text.lines()
        .flat_map(|line| line.split(['/', '-', '.', ':']).map(str::to_owned).collect::<Vec<_>>())
        .find(|part| (part.len() == 64 || part.len() == 32) && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Looks a command up as `execvp(3)` does; the error is 127 (not found) or 126 (not executable), as a shell has it.
///
/// # Errors
/// The exit status and a message.
pub fn find_command(command: &std::ffi::OsStr) -> Result<PathBuf, (u8, String)> {
    let shown = command.to_string_lossy();
    let candidates: Vec<PathBuf> = if command.as_bytes().contains(&b'/') {
        vec![PathBuf::from(command)]
    } else {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        std::env::split_paths(&path).map(|dir| dir.join(command)).collect()
    };
    let mut denied = None;
    for candidate in candidates {
        let Ok(meta) = fs::metadata(&candidate) else { continue };
        if meta.is_file() && nix::unistd::access(&candidate, nix::unistd::AccessFlags::X_OK).is_ok() {
            return Ok(candidate);
        }
        denied = Some(candidate);
    }
    match denied {
        Some(path) => Err((126, format!("{}: not an executable file", path.display()))),
        None => Err((127, format!("{shown}: command not found"))),
    }
}

#[cfg(test)]
mod tests {
    use crate::pipeline::enrich::MAX_STRINGS;

    use super::{Start, environ, find_command, homes, host_of, registries, sure_home};

    #[test]
    fn commands_are_found_as_a_shell_finds_them() {
        assert!(find_command("sh".as_ref()).is_ok());
        assert_eq!(find_command("no-such-command-here".as_ref()).unwrap_err().0, 127);
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("plain");
        std::fs::write(&plain, "x").unwrap();
        assert_eq!(find_command(plain.as_os_str()).unwrap_err().0, 126);
        assert_eq!(find_command("/no/such/file".as_ref()).unwrap_err().0, 127);
    }

    /// Files of the watched user: whatever lies there, the agent neither waits nor swallows it whole.
    #[test]
    fn settings_of_a_user_are_read_within_bounds() {
        let dir = tempfile::tempdir().unwrap();
        let home = |name: &str| {
            let home = dir.path().join(name);
            std::fs::create_dir(&home).unwrap();
            home
        };
        let hosts = |home: &std::path::Path| registries(&[("HOME".to_owned(), home.display().to_string())]);
        let (fifo, huge, fine) = (home("fifo"), home("huge"), home("fine"));
        nix::unistd::mkfifo(&fifo.join(".npmrc"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::File::create(huge.join(".npmrc")).unwrap().set_len(1 << 40).unwrap();
        std::fs::write(fine.join(".npmrc"), "registry = https://npm.example/\n").unwrap();
        let common = hosts(&fifo);
        assert_eq!(hosts(&huge), common);
        assert!(hosts(&fine).contains(&"npm.example".to_owned()));
    }

    fn size(environ: &[(String, String)]) -> usize {
        environ.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// That of a process which was just started: whoever started it goes on while the kernel still lays the strings out
    /// (fs/exec.c, `begin_new_exec`).
    fn environ_of_new(pid: u32, least: usize) -> Vec<(String, String)> {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            let environ = environ(pid);
            if size(&environ) >= least || std::time::Instant::now() > deadline {
                return environ;
            }
        }
    }

    #[test]
    fn an_environment_is_read_within_bounds() {
        let mut command = std::process::Command::new("sleep");
        command.arg("60");
        for number in 0..16 {
            command.env(format!("A{number}"), "x".repeat(100_000));
        }
        let mut child = command.spawn().unwrap();
        let bytes = size(&environ_of_new(child.id(), 900_000));
        let argv = Start::running(child.id(), false).argv;
        child.kill().unwrap();
        child.wait().unwrap();
        assert!((900_000..=MAX_STRINGS).contains(&bytes), "{bytes}");
        assert_eq!(argv, ["sleep", "60"]);
    }

    /// What the process above has for a home, the server can't have written.
    #[test]
    fn a_home_is_sure_where_somebody_else_says_the_same() {
        let own = homes(&environ(std::process::id()));
        let dir = tempfile::tempdir().unwrap();
        let sure = |home: Option<&std::path::Path>| {
            let mut command = std::process::Command::new("sleep");
            command.arg("60");
            if let Some(home) = home {
                command.env("HOME", home);
            }
            let mut child = command.spawn().unwrap();
            let sure = sure_home(child.id(), &environ_of_new(child.id(), 1));
            child.kill().unwrap();
            child.wait().unwrap();
            sure
        };
        assert_eq!(sure(None), own.first().cloned());
        assert_eq!(sure(Some(dir.path())), None);
    }

    #[test]
    fn registry_hosts_come_from_urls() {
        assert_eq!(host_of("https://user:x@mirror.example:8443/npm/").as_deref(), Some("mirror.example"));
        assert_eq!(host_of("mirror.example"), None);
    }
}
