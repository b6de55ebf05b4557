//! Configuration files of MCP clients on this host, kept current: which servers they name.
//!
//! Read at the start, and again when they change: a few files are looked at each time [`Clients::look`] is called, so no
//! thread and no watch is needed. Arguments are kept as recordings have them, without secrets; environment values are
//! never taken. The log names files and servers, nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use monitor_core::client::{self, Declared, IN_HOME, IN_PROJECT, MAX_BYTES, SYSTEM_WIDE, Started, fits, format_of};
use monitor_core::config::ServersSection;
use monitor_core::event::Exec;
use monitor_wire::redact::{Key, redact};

use crate::pipeline::enrich;
use crate::{passwd, regular};

/// Most project folders.
const MAX_PROJECTS: usize = 1024;
/// Most servers that all files together may name.
const MAX_SERVERS: usize = 8192;
/// How many files are looked at in one go: each costs about a microsecond.
const AT_ONCE: usize = 64;
/// How often that is done, nanoseconds.
const EVERY: u64 = 200_000_000;
/// How often all files are looked at, at most, nanoseconds.
const ROUND: u64 = 2_000_000_000;

/// Servers that client configurations name, and for whom.
#[derive(Debug, Default)]
pub struct Roster {
    /// Whose processes it speaks of (`None`: everybody's), and the server.
    list: Vec<(Option<u32>, Declared)>,
}

impl Roster {
    /// The name of the server that this execution starts, if a client of the same user was told to start it.
    #[must_use]
    pub fn name_of(&self, exec: &Exec) -> Option<&str> {
        let script = exec.script.as_ref().map(|script| script.path.as_str());
        let started = Started { exe: &exec.exe.path, argv: &exec.argv, script };
        let mut own = self.list.iter().filter(|(uid, _)| uid.is_none_or(|uid| uid == exec.uid));
        own.find(|(_, declared)| fits(declared, &started)).map(|(_, declared)| declared.name.as_str())
    }
}

/// See the module documentation.
pub struct Clients {
    key: Key,
    /// Home folders besides those of passwd, as configured.
    homes: Vec<String>,
    passwd: Option<[i64; 5]>,
    known: BTreeSet<(PathBuf, Option<u32>)>,
    files: Vec<Listed>,
    projects: usize,
    /// The next file to look at.
    next: usize,
    looked: u64,
    round: u64,
    roster: Arc<Roster>,
}

/// One place where a file is, or may come to be.
struct Listed {
    path: PathBuf,
    uid: Option<u32>,
    stamp: Option<[i64; 5]>,
    /// In somebody's project: it isn't asked for further projects.
    project: bool,
    servers: Vec<Declared>,
}

impl Clients {
    /// Reads what there is. Where the configuration turns it off there is nothing.
    #[must_use]
    pub fn open(section: &ServersSection, key: Key) -> Self {
        let mut clients = Self {
            key,
            homes: section.homes.clone(),
            passwd: None,
            known: BTreeSet::new(),
            files: Vec::new(),
            projects: 0,
            next: 0,
            looked: 0,
            round: 0,
            roster: Arc::default(),
        };
        if section.client_files {
            for path in SYSTEM_WIDE {
                clients.list(PathBuf::from(path), None, false);
            }
            clients.list_homes();
            // what is read may name projects, whose files come at the end
            let mut at = 0;
            while at < clients.files.len() {
                clients.read(at);
                at += 1;
            }
            clients.gather();
        }
        clients
    }

    /// The servers that are named now.
    #[must_use]
    pub fn roster(&self) -> Arc<Roster> {
        Arc::clone(&self.roster)
    }

    /// The files that name servers, and how many each.
    pub fn found(&self) -> impl Iterator<Item = (&Path, usize)> {
        self.files.iter().filter(|file| !file.servers.is_empty()).map(|file| (file.path.as_path(), file.servers.len()))
    }

    /// A client of this user works in this folder. True if that names further servers.
    pub fn add_project(&mut self, folder: &Path, uid: u32) -> bool {
        // without the places to look in at all, it was turned off
        let from = self.files.len();
        if from == 0 || !folder.is_absolute() || !self.list_project(folder, Some(uid)) {
            return false;
        }
        let mut changed = false;
        for at in from..self.files.len() {
            changed |= self.read(at);
        }
        if changed {
            self.gather();
        }
        changed
    }

    /// Looks at a few files; true if the servers that are named have changed. `now`: any clock that only grows,
    /// nanoseconds.
    pub fn look(&mut self, now: u64) -> bool {
        if now.saturating_sub(self.looked) < EVERY || self.files.is_empty() {
            return false;
        }
        if self.next >= self.files.len() {
            if now.saturating_sub(self.round) < ROUND {
                return false;
            }
            self.round = now;
            self.next = 0;
            self.list_homes();
        }
        self.looked = now;
        let mut changed = false;
        for _ in 0..AT_ONCE {
            if self.next >= self.files.len() {
                break;
            }
            changed |= self.read(self.next);
            self.next += 1;
        }
        if changed {
            self.gather();
        }
        changed
    }

    /// Homes of passwd, if it has changed, and the configured ones.
    fn list_homes(&mut self) {
        let stamp = regular::stamp(Path::new(passwd::FILE));
        if stamp != self.passwd {
            self.passwd = stamp;
            for (home, uid) in passwd::homes() {
                self.list_home(Path::new(&home), uid);
            }
        }
        for home in self.homes.clone() {
            match home.strip_suffix("/*") {
                None => self.list_owned(Path::new(&home)),
                Some(above) => {
                    let Ok(entries) = fs::read_dir(above) else { continue };
                    entries.flatten().take(passwd::MAX_HOMES).for_each(|entry| self.list_owned(&entry.path()));
                }
            }
        }
    }

    /// A home of whoever owns the folder.
    fn list_owned(&mut self, home: &Path) {
        if let Ok(meta) = fs::metadata(home)
            && meta.is_dir()
        {
            self.list_home(home, meta.uid());
        }
    }

    fn list_home(&mut self, home: &Path, uid: u32) {
        for path in IN_HOME {
            self.list(home.join(path), Some(uid), false);
        }
    }

    /// True if it is new.
    fn list_project(&mut self, folder: &Path, uid: Option<u32>) -> bool {
        let mut new = false;
        for path in IN_PROJECT {
            if self.projects < MAX_PROJECTS * IN_PROJECT.len() && self.list(folder.join(path), uid, true) {
                self.projects += 1;
                new = true;
            }
        }
        new
    }

    fn list(&mut self, path: PathBuf, uid: Option<u32>, project: bool) -> bool {
        let new = self.files.len() < passwd::MAX_HOMES * IN_HOME.len() && self.known.insert((path.clone(), uid));
        if new {
            self.files.push(Listed { path, uid, stamp: None, project, servers: Vec::new() });
        }
        new
    }

    /// Reads a file if it isn't the one that was read before. True if what it names has changed.
    fn read(&mut self, at: usize) -> bool {
        let Some(file) = self.files.get_mut(at) else { return false };
        let stamp = regular::stamp(&file.path);
        if stamp == file.stamp {
            return false;
        }
        file.stamp = stamp;
        let text = stamp.and_then(|_| regular::text(&file.path, MAX_BYTES));
        let read = text.map(|text| client::parse(&text, format_of(&file.path.to_string_lossy()))).unwrap_or_default();
        let servers: Vec<Declared> = read.servers.into_iter().map(|server| harmless(&self.key, server)).collect();
        let (uid, project, changed) = (file.uid, file.project, servers != file.servers);
        if changed {
            let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
            tracing::debug!(file = %file.path.display(), ?names, whole = read.whole, "a client's configuration");
            file.servers = servers;
        }
        if !project {
            for folder in read.folders {
                self.list_project(Path::new(&folder), uid);
            }
        }
        changed
    }

    fn gather(&mut self) {
        let all = self.files.iter().flat_map(|file| file.servers.iter().map(|server| (file.uid, server.clone())));
        // remote servers are no processes
        let list = all.filter(|(_, server)| !server.command.is_empty()).take(MAX_SERVERS).collect();
        self.roster = Arc::new(Roster { list });
    }
}

/// The same without secrets, by the rules by which an execution's arguments are kept: so both still compare. A `${…}` is
/// no secret but names one.
fn harmless(key: &Key, server: Declared) -> Declared {
    let kept = enrich::redacted(&server.command, key);
    let command = server
        .command
        .into_iter()
        .zip(kept)
        .map(|(word, kept)| if word.contains("${") && kept.starts_with("fp:") { word } else { kept })
        .collect();
    Declared { name: redact(key, &server.name).into_owned(), command }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use monitor_core::config::{FileConfig, ServersSection};
    use monitor_core::event::{Exec, FileRef};
    use monitor_core::id::ProcId;
    use monitor_wire::redact::Key;

    use super::{Clients, ROUND};
    use crate::pipeline::enrich;

    fn key() -> Key {
        Key::from_bytes([7; 32])
    }

    fn section(text: &str) -> ServersSection {
        FileConfig::parse(&format!("[servers]\n{text}"), "test").unwrap().servers
    }

    fn exec(argv: &[&str], uid: u32) -> Exec {
        let raw: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        Exec {
            proc: ProcId { pid: 1, start: 1 },
            parent: ProcId { pid: 0, start: 0 },
            exe: FileRef { path: "/usr/bin/node".to_owned(), ..FileRef::default() },
            argv: enrich::redacted(&raw, &key()),
            argv_cut: false,
            cwd: String::new(),
            uid,
            unlinked: false,
            memfd: false,
            sealed: false,
            compat: false,
            script: None,
            preload: Vec::new(),
            cgroup: 0,
            namespaces: None,
        }
    }

    fn own() -> u32 {
        nix::unistd::geteuid().as_raw()
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn files_of_homes_and_of_the_projects_they_name_are_read_and_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (home, project) = (dir.path().join("homes/u"), dir.path().join("project"));
        write(
            &home.join(".claude.json"),
            &format!(
                r#"{{"mcpServers": {{"one": {{"command": "node", "args": ["one.js", "--api-key", "sk-secretsecretsecretsecret"]}}}},
                    "projects": {{"{}": {{}}}}}}"#,
                project.display()
            ),
        );
        write(&project.join(".mcp.json"), r#"{"mcpServers": {"two": {"command": "node", "args": ["two.js"]}}}"#);
        let mut clients = Clients::open(&section(&format!("homes = [\"{}/homes/*\"]", dir.path().display())), key());
        let name =
            |clients: &Clients, argv: &[&str], uid| clients.roster().name_of(&exec(argv, uid)).map(str::to_owned);
        let one = ["node", "one.js", "--api-key", "sk-secretsecretsecretsecret"];
        assert_eq!(name(&clients, &one, own()).as_deref(), Some("one"), "both are redacted alike");
        assert!(!format!("{:?}", clients.files[0].servers).contains("secretsecret"));
        assert_eq!(name(&clients, &one, own() + 1), None, "another user's client says nothing of this process");
        assert_eq!(name(&clients, &["node", "two.js"], own()).as_deref(), Some("two"));

        assert!(!clients.look(ROUND), "nothing has changed");
        write(
            &home.join(".cursor/mcp.json"),
            r#"{"mcpServers": {"three": {"command": "node", "args": ["three.js"]}}}"#,
        );
        fs::remove_file(project.join(".mcp.json")).unwrap();
        let changed =
            (2..10_000).any(|at| clients.look(at * ROUND) && name(&clients, &["node", "three.js"], own()).is_some());
        assert!(changed);
        assert!((10_000..20_000).any(|at| {
            clients.look(at * ROUND);
            name(&clients, &["node", "two.js"], own()).is_none()
        }));
        assert!(clients.found().any(|(path, count)| path.ends_with(".cursor/mcp.json") && count == 1));

        let work = dir.path().join("work");
        write(&work.join(".vscode/mcp.json"), r#"{"servers": {"four": {"command": "node", "args": ["four.js"]}}}"#);
        assert!(clients.add_project(&work, own()));
        assert!(!clients.add_project(&work, own()), "known already");
        assert_eq!(name(&clients, &["node", "four.js"], own()).as_deref(), Some("four"));
    }

    #[test]
    fn it_can_be_turned_off() {
        let mut clients = Clients::open(&section("client_files = false\nhomes = [\"/root\"]"), key());
        assert!(!clients.look(u64::MAX) && clients.files.is_empty());
        assert!(!clients.add_project(Path::new("/tmp"), 0));
    }
}
