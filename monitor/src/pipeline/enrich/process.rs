//! Processes: what was executed, what runs already, and what else decides what they do.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use monitor_abi::header::{FLAG_ARGV_CUT, FLAG_COMPAT, FLAG_UNLINKED, Header};
use monitor_abi::process;
use monitor_core::credential::{Standing, standing};
use monitor_core::event::{Exec, FileRef, Namespaces};
use monitor_core::id::{FileId, ProcId};
use monitor_wire::redact::{Key, redact_argv, redact_cut};
use monitor_wire::text::escape_bytes;

use super::path::{in_root, join};
use super::{actor, file_ref, proc_id};
use crate::regular;

/// Environment entries that make `ps` show what its options don't ask for.
const LISTING: &[&str] = &["PS_FORMAT", "PS_PERSONALITY", "CMD_ENV", "I_WANT_A_BROKEN_PS"];

/// Most arguments that an event keeps.
const ARGV_COUNT: usize = 64;

/// Most bytes of one argument.
const ARGV_BYTES: usize = 1024;
/// Most bytes of one argument that are looked at.
const ARGV_READ: usize = 16 << 10;
/// Most bytes of an environment, or of a command line, that are looked at.
pub const MAX_STRINGS: usize = 1 << 20;

/// `TMPFS_MAGIC` (include/uapi/linux/magic.h): memfd files live there, without a directory.
const TMPFS_MAGIC: u32 = 0x0102_1994;

/// Environment entries that make other code run.
pub const PRELOADS: [&str; 9] = [
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONHOME",
    "BASH_ENV",
];

/// Programs whose main script says more than they do.
const INTERPRETERS: [&str; 14] =
    ["node", "nodejs", "bun", "deno", "python", "python3", "ruby", "perl", "php", "sh", "bash", "dash", "zsh", "tsx"];

/// An execution. `watched`: look into the process's environment for preloads.
#[must_use]
pub fn exec(head: &Header, body: &process::Exec, path: &[u8], argv: &[u8], cwd: &[u8], key: &Key) -> Exec {
    // whole arguments end in a NUL
    let cut = head.flags & FLAG_ARGV_CUT != 0 || argv.last().is_some_and(|byte| *byte != 0);
    let mut raw: Vec<String> = split_argv(argv);
    let cwd = escape_bytes(cwd);
    let exe = file_ref(path, body.dev, body.ino, head.flags);
    let memfd = body.magic == TMPFS_MAGIC && exe.path.starts_with("/memfd:");
    let script = script_of(head.tgid, &exe.path, &raw, &cwd, sees_our_files(body));
    let preload = if head.scope == 0 { Vec::new() } else { preloads(head.tgid, head.uid == 0) };
    let exe_path = exe.path.clone();
    if cut && let Some(last) = raw.last_mut() {
        *last = redact_cut(key, last);
    }
    Exec {
        proc: actor(head),
        parent: proc_id(body.parent, body.parent_start),
        argv_cut: raw.len() > ARGV_COUNT || cut,
        argv: redacted(&raw, key),
        exe,
        cwd,
        uid: head.uid,
        unlinked: head.flags & FLAG_UNLINKED != 0,
        memfd,
        compat: head.flags & FLAG_COMPAT != 0,
        sealed: head.scope != 0 && is_sealed(head.tgid, &exe_path, script.as_ref()),
        script,
        preload,
        cgroup: body.cgroup,
        namespaces: (body.pid_ns != 0).then_some(Namespaces {
            pid: body.pid_ns,
            mnt: body.mnt_ns,
            net: body.net_ns,
            user: body.user_ns,
        }),
    }
}

/// Arguments, bounded and without secrets: these go first, so that no part of one is left.
#[must_use]
pub fn redacted(raw: &[String], key: &Key) -> Vec<String> {
    let read: Vec<String> =
        raw.iter().take(ARGV_COUNT).map(|arg| head(arg, ARGV_READ, |cut| redact_cut(key, cut))).collect();
    redact_argv(key, &read).iter().map(|arg| head(arg, ARGV_BYTES, str::to_owned)).collect()
}

/// The beginning of a text, which `cut` makes of it if there is more.
fn head(text: &str, max: usize, cut: impl FnOnce(&str) -> String) -> String {
    match text.get(..text.floor_char_boundary(max)) {
        Some(head) if head.len() < text.len() => cut(head),
        _ => text.to_owned(),
    }
}

/// The `environ` or `cmdline` of a process, within bounds.
#[must_use]
pub fn strings(pid: u32, what: &str) -> Vec<u8> {
    regular::head(Path::new(&format!("/proc/{pid}/{what}")), MAX_STRINGS)
}

/// A process that runs already, from procfs. `None` if it is gone.
#[must_use]
pub fn known(pid: u32, key: &Key) -> Option<Exec> {
    let process = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?;
    let stat = process.stat().ok()?;
    let exe = fs::read_link(format!("/proc/{pid}/exe")).map(|path| path.to_string_lossy().into_owned());
    let id = fs::metadata(format!("/proc/{pid}/exe")).map(|meta| FileId { dev: meta.dev(), ino: meta.ino() });
    let raw = split_argv(&strings(pid, "cmdline"));
    let cwd = process.cwd().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let exe_path = exe.unwrap_or_default();
    let unlinked = exe_path.ends_with(" (deleted)");
    let parent = u32::try_from(stat.ppid).unwrap_or(0);
    Some(Exec {
        proc: ProcId { pid, start: start_of_ticks(stat.starttime) },
        parent: ProcId { pid: parent, start: start_of(parent).unwrap_or(0) },
        script: script_of(pid, &exe_path, &raw, &cwd, false),
        exe: FileRef { path: exe_path, id: id.unwrap_or_default(), cut: false },
        argv_cut: raw.len() > ARGV_COUNT,
        argv: redacted(&raw, key),
        cwd,
        uid: process.uid().unwrap_or(u32::MAX),
        unlinked,
        memfd: false,
        compat: false,
        sealed: false,
        // Its environment is nobody's business: another agent that watches it would rightly report the reading.
        preload: Vec::new(),
        cgroup: 0,
        namespaces: None,
    })
}

/// A running process outside every server, if its environment changes what code it runs or what it shows.
#[must_use]
pub fn influenced(pid: u32, key: &Key) -> Option<Exec> {
    let mut preload = preloads(pid, false);
    preload.extend(entries(pid).into_iter().map(|(name, _)| name).filter(|name| LISTING.contains(&name.as_str())));
    if preload.is_empty() {
        return None;
    }
    known(pid, key).map(|exec| Exec { preload, ..exec })
}

/// The agent's own executable.
#[must_use]
pub fn agent() -> Option<FileId> {
    fs::metadata("/proc/self/exe").ok().map(|meta| FileId { dev: meta.dev(), ino: meta.ino() })
}

/// Start time of a running process in nanoseconds, at the resolution of `/proc/PID/stat` (10 ms).
#[must_use]
pub fn start_of(pid: u32) -> Option<u64> {
    let process = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?;
    Some(start_of_ticks(process.stat().ok()?.starttime))
}

/// Whether a process runs, in whichever of its threads: one that has ended and isn't waited for doesn't, nor one that is
/// on its way out.
#[must_use]
pub fn is_running(proc: ProcId) -> bool {
    /// `PF_EXITING` (include/linux/sched.h): set before the kernel tells of the end.
    const EXITING: u32 = 0x4;
    let pid = i32::try_from(proc.pid).unwrap_or(-1);
    let Ok(tasks) = procfs::process::Process::new(pid).and_then(|process| process.tasks()) else { return false };
    start_of(proc.pid) == Some(proc.start)
        && tasks
            .flatten()
            .filter_map(|task| task.stat().ok())
            .any(|stat| stat.flags & EXITING == 0 && !matches!(stat.state, 'Z' | 'X'))
}

const fn start_of_ticks(ticks: u64) -> u64 {
    ticks.saturating_mul(10_000_000)
}

fn split_argv(argv: &[u8]) -> Vec<String> {
    let argv = argv.strip_suffix(&[0]).unwrap_or(argv);
    if argv.is_empty() {
        return Vec::new();
    }
    argv.split(|byte| *byte == 0).map(escape_bytes).collect()
}

/// Whether a process was where its paths mean what they mean here: in our mounts, and with no rights but ours to take
/// another root.
fn sees_our_files(body: &process::Exec) -> bool {
    static OURS: LazyLock<[Option<u64>; 2]> = LazyLock::new(|| {
        ["mnt", "user"].map(|name| fs::metadata(format!("/proc/self/ns/{name}")).ok().map(|meta| meta.ino()))
    });
    [body.mnt_ns, body.user_ns].map(|number| Some(u64::from(number))) == *OURS
}

/// The main script of an interpreter: its first argument that is no option and names a file. Of a process that has ended,
/// with its root, it is looked for among our files if it saw those.
fn script_of(pid: u32, exe: &str, argv: &[String], cwd: &str, ours: bool) -> Option<FileRef> {
    let name = exe.rsplit('/').next()?;
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if !INTERPRETERS.contains(&name) && !INTERPRETERS.contains(&base) {
        return None;
    }
    for arg in argv.iter().skip(1) {
        if matches!(arg.as_str(), "-c" | "-e" | "--eval" | "-p" | "-m") {
            return None;
        }
        if arg.starts_with('-') {
            continue;
        }
        if cwd.is_empty() && !arg.starts_with('/') {
            return None; // not known from where
        }
        let path = join(cwd, arg);
        // Links to "self" would be followed as ours.
        let own = ["/dev/fd/", "/proc/self/fd/"].into_iter().find_map(|prefix| path.strip_prefix(prefix));
        let place = own.map_or_else(|| in_root(pid, &path), |fd| PathBuf::from(format!("/proc/{pid}/fd/{fd}")));
        let by_its_root = fs::canonicalize(place).ok();
        let ended = || fs::metadata(format!("/proc/{pid}/root")).is_err();
        let real = by_its_root.or_else(|| fs::canonicalize(&path).ok().filter(|_| ours && own.is_none() && ended()))?;
        let meta = fs::metadata(&real).ok()?;
        let shown = real.to_string_lossy();
        let root = format!("/proc/{pid}/root");
        let shown = shown.strip_prefix(&root).unwrap_or(&shown).to_owned();
        return Some(FileRef { path: shown, id: FileId { dev: meta.dev(), ino: meta.ino() }, cut: false });
    }
    None
}

/// Names of environment entries that make other code run and name a place that others than root can write; where root's
/// files are the process's own (`as_root`), also a library that the loader is told to take from outside the system's.
fn preloads(pid: u32, as_root: bool) -> Vec<String> {
    let code = |(name, value): &(String, String)| {
        let own = as_root && matches!(name.as_str(), "LD_PRELOAD" | "LD_AUDIT");
        PRELOADS.contains(&name.as_str()) && (names_writable(pid, value) || own && names_own(pid, value))
    };
    entries(pid).into_iter().filter(code).map(|(name, _)| name).collect()
}

/// The environment of a process, name and value.
fn entries(pid: u32) -> Vec<(String, String)> {
    let environ = strings(pid, "environ");
    let entry = |entry: &[u8]| {
        let at = entry.iter().position(|byte| *byte == b'=')?;
        let name = std::str::from_utf8(&entry[..at]).ok()?;
        Some((name.to_owned(), String::from_utf8_lossy(&entry[at + 1..]).into_owned()))
    };
    environ.split(|byte| *byte == 0).filter_map(entry).collect()
}

/// Whether nobody but root could have put program and main script where they lie. Asked only of the folders that are
/// known to be everybody's; elsewhere the place speaks for itself.
fn is_sealed(pid: u32, exe: &str, script: Option<&FileRef>) -> bool {
    let places = [Some(exe), script.map(|script| script.path.as_str())];
    let mut asked =
        places.into_iter().flatten().filter(|path| path.starts_with("/tmp/") || path.starts_with("/var/tmp/"));
    let sealed = |path: &str| !path.ends_with(" (deleted)") && roots_alone(&in_root(pid, path), path);
    asked.next().is_some_and(sealed) && asked.all(sealed)
}

/// Whether a file and every folder above it is root's, and not writable by others but for sticky folders.
fn roots_alone(real: &Path, path: &str) -> bool {
    let root = Path::new(path).components().count().saturating_sub(1);
    real.ancestors().take(root + 1).enumerate().all(|(at, part)| {
        // where a process has its root, as /proc tells, is itself a link
        let meta = if at == root { fs::metadata(part) } else { fs::symlink_metadata(part) };
        meta.is_ok_and(|meta| {
            let sticky = at > 0 && meta.is_dir() && meta.mode() & 0o1000 != 0;
            meta.uid() == 0 && !meta.is_symlink() && (sticky || meta.mode() & 0o022 == 0)
        })
    })
}

/// Whether a value names a file or folder that others than root can write.
fn names_writable(pid: u32, value: &str) -> bool {
    value.split([':', ' ', '=', ',']).filter(|part| part.starts_with('/')).any(|part| {
        let mut at = PathBuf::from(part);
        loop {
            if let Ok(meta) = fs::metadata(in_root(pid, &at.to_string_lossy())) {
                return meta.uid() != 0 || meta.mode() & 0o022 != 0;
            }
            if !at.pop() {
                return false;
            }
        }
    })
}

/// Whether a value names a file that is there and that no package of the system's brought.
fn names_own(pid: u32, value: &str) -> bool {
    value.split([':', ' ']).filter(|part| part.starts_with('/')).any(|part| {
        let Ok(real) = fs::canonicalize(in_root(pid, part)) else { return false };
        let root = format!("/proc/{pid}/root");
        let real = Path::new("/").join(real.strip_prefix(&root).unwrap_or(&real));
        standing(&real.to_string_lossy()) != Standing::System
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use monitor_abi::header::Header;
    use monitor_abi::process;
    use monitor_wire::redact::Key;

    use super::{ARGV_BYTES, ARGV_READ, exec, names_own, redacted, roots_alone, split_argv};

    #[test]
    fn a_token_across_a_cut_shows_in_no_part() {
        let key = Key::from_bytes([7; 32]);
        let token = format!("ghp_{}", "Ab3".repeat(12));
        for before in [ARGV_BYTES, ARGV_READ].into_iter().flat_map(|cut| cut - 45..cut + 5) {
            let argument = format!("{} {token}", "word ".repeat(before / 5 + 1).get(..before).unwrap());
            let shown = redacted(&[argument], &key);
            assert!(!shown[0].contains("ghp_") && shown[0].len() <= ARGV_BYTES, "{before}: {}", shown[0]);
        }
        // the kernel's copy ends within it
        for kept in 1..token.len() {
            let argv = format!("x\0-v\0see {}", token.get(..kept).unwrap());
            let exec = exec(&Header::default(), &process::Exec::default(), b"/x", argv.as_bytes(), b"/", &key);
            assert_eq!(
                (exec.argv_cut, exec.argv.as_slice()),
                (true, ["x", "-v", "see "].map(str::to_owned).as_slice())
            );
        }
    }

    #[test]
    fn the_script_of_an_interpreter_that_has_ended_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("x.sh");
        std::fs::write(&file, "").unwrap();
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        child.wait().unwrap();
        let number = |name: &str| {
            let meta = std::fs::metadata(format!("/proc/self/ns/{name}")).unwrap();
            u32::try_from(std::os::unix::fs::MetadataExt::ino(&meta)).unwrap()
        };
        let (mnt_ns, user_ns) = (number("mnt"), number("user"));
        let script = |tgid: u32, body: &process::Exec, argv: &[u8]| {
            let head = Header { tgid, ..Header::default() };
            let cwd = file.parent().unwrap().as_os_str().as_encoded_bytes();
            let exec = exec(&head, body, b"/bin/sh", argv, cwd, &Key::from_bytes([7; 32]));
            exec.script.map(|script| script.path)
        };
        let ours = process::Exec { mnt_ns, user_ns, ..process::Exec::default() };
        let path = Some(file.display().to_string());
        assert_eq!(script(child.id(), &ours, b"sh\0-x\0x.sh\0"), path);
        assert_eq!(script(child.id(), &ours, b"sh\0none.sh\0"), None);
        // In other mounts, or with another root, that path may be another file.
        for foreign in [process::Exec { mnt_ns: 1, ..ours }, process::Exec { user_ns: 1, ..ours }] {
            assert_eq!(script(child.id(), &foreign, b"sh\0x.sh\0"), None);
        }
        // Who is asked by a descriptor isn't there to ask.
        assert_eq!(script(child.id(), &ours, b"sh\0/dev/fd/0\0"), None);
        assert_eq!(script(std::process::id(), &ours, b"sh\0x.sh\0"), path);
    }

    #[test]
    fn only_root_can_have_put_it_there() {
        assert!(roots_alone(Path::new("/etc/passwd"), "/etc/passwd"));
        let by_process = super::in_root(std::process::id(), "/etc/passwd");
        assert!(roots_alone(&by_process, "/etc/passwd"), "as it is asked of a process");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(!roots_alone(&file, &file.to_string_lossy()), "others may write it");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!roots_alone(&file, &file.to_string_lossy()), "others may replace it");
    }

    #[test]
    fn a_library_of_the_systems_is_nobodys_own() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("x.so"), folder.path().join("link.so"));
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink("/usr/bin/env", &link).unwrap();
        let own = |value: &str| names_own(std::process::id(), value);
        assert!(own(&file.to_string_lossy()) && own(&format!("/usr/bin/env:{}", file.display())));
        assert!(!own("/usr/bin/env") && !own(&link.to_string_lossy()) && !own("x.so") && !own(""));
        assert!(!own(&folder.path().join("none.so").to_string_lossy()), "nothing is loaded from there");
    }

    #[test]
    fn arguments_come_apart_whatever_their_bytes() {
        assert_eq!(split_argv(b"node\0a b\0\xff\0"), ["node", "a b", "\\xff"]);
        assert_eq!(split_argv(b""), Vec::<String>::new());
        assert_eq!(split_argv(b"x\0\0"), ["x", ""]);
    }
}
