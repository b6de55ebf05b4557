//! What the host has: kernel, type information, file systems, rights.

use std::fs;
use std::path::Path;

use monitor_core::config::ServersSection;
use monitor_wire::redact::Key;
use nix::unistd::{AccessFlags, access, geteuid};

use super::{Check, State};
use crate::clients::Clients;
use crate::sensor::btf::{Btf, VMLINUX};
use crate::sensor::changes::Changes;
use crate::sensor::fanotify::Marks;
use crate::sensor::kernel::{self, Verdict};
use crate::sensor::load::cgroup_root;
use crate::sensor::offsets;

/// A capability by its number, what it is for, and whether CAP_SYS_ADMIN includes it.
struct Capability {
    name: &'static str,
    bit: u32,
    purpose: &'static str,
    in_admin: bool,
}

const fn capability(name: &'static str, bit: u32, in_admin: bool, purpose: &'static str) -> Capability {
    Capability { name, bit, purpose, in_admin }
}

/// What watching needs (`include/uapi/linux/capability.h`).
const CAPABILITIES: &[Capability] = &[
    capability("CAP_BPF", 39, true, "to load programs and maps"),
    capability("CAP_PERFMON", 38, true, "to attach to tracepoints and to read kernel memory in programs"),
    capability("CAP_NET_ADMIN", 12, true, "for the socket hooks of the cgroup tree"),
    capability(
        "CAP_SYS_ADMIN",
        SYS_ADMIN,
        true,
        "for fanotify marks on credential files, and to mount tracefs where it isn't",
    ),
    capability(
        "CAP_SYS_PTRACE",
        19,
        false,
        "to see executable, arguments and environment names of other users' processes",
    ),
    capability(
        "CAP_DAC_READ_SEARCH",
        2,
        false,
        "to find credential files in other users' folders, and by their handles",
    ),
];
const SYS_ADMIN: u32 = 21;

/// Most files that are named one by one.
const MAX_SHOWN: usize = 20;

/// Everything but the sensors.
pub(super) fn checks() -> Vec<Check> {
    vec![kernel(), types(), cgroup(), tracefs(), capabilities(), fanotify(), lsm()]
}

/// Which configuration files of MCP clients name servers for `run`. Paths and counts: what stands in them isn't shown.
pub(super) fn client_files(section: &ServersSection) -> Check {
    let name = "client files";
    if !section.client_files {
        return check(name, State::Ok, "not read: [servers] client_files is off");
    }
    // nothing of a command line is shown, so it doesn't matter what its secrets become
    let clients = Clients::open(section, Key::from_bytes([0; 32]));
    let found: Vec<(&Path, usize)> = clients.found().collect();
    if found.is_empty() {
        return check(name, State::Ok, "none that names a server");
    }
    let mut shown: Vec<String> =
        found.iter().take(MAX_SHOWN).map(|(path, count)| format!("{} ({count})", path.display())).collect();
    if found.len() > MAX_SHOWN {
        shown.push(format!("and {} more", found.len() - MAX_SHOWN));
    }
    check(name, State::Ok, shown.join(", "))
}

/// Whether the state folder can be used, without making it.
pub(super) fn state_folder(dir: &Path) -> Check {
    let name = "state folder";
    let shown = dir.display();
    if dir.is_dir() {
        let usable = access(dir, AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK);
        return match usable {
            Ok(()) => check(name, State::Ok, shown),
            Err(error) => check(name, State::Missing, format!("{shown} cannot be used: {}", error.desc())),
        };
    }
    if dir.exists() {
        return check(name, State::Missing, format!("{shown} is not a folder; set [state] dir"));
    }
    // It is made at first use, below the first folder that is there.
    let above = dir.ancestors().find(|above| above.is_dir()).unwrap_or(Path::new("/"));
    match access(above, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) => check(name, State::Ok, format!("{shown}, which the first use will make")),
        Err(error) => {
            let why = format!("{shown} isn't there and cannot be made in {}: {}", above.display(), error.desc());
            check(name, State::Missing, why)
        }
    }
}

fn kernel() -> Check {
    let (release, machine) = (kernel::release(), std::env::consts::ARCH);
    match kernel::verdict(&release) {
        Verdict::Fine => check("kernel", State::Ok, format!("Linux {release}, {machine}")),
        Verdict::Old if kernel::serves(&release, |name| Btf::kernel().is_ok_and(|types| types.has_function(name))) => {
            check("kernel", State::Ok, format!("Linux {release}, {machine}, with what later ones brought"))
        }
        Verdict::Old | Verdict::TooOld => check("kernel", State::Missing, kernel::too_old(&release)),
        Verdict::Unknown => check("kernel", State::Limited, format!("its version `{release}` can't be read")),
    }
}

fn types() -> Check {
    let name = "type information";
    match Btf::kernel().and_then(|btf| offsets::read(&btf)) {
        Ok(_) => check(name, State::Ok, format!("{VMLINUX}, with every field that is needed")),
        Err(error) => check(name, State::Missing, error),
    }
}

fn cgroup() -> Check {
    match cgroup_root() {
        Some(root) => check("cgroup v2", State::Ok, root.display()),
        None => {
            check("cgroup v2", State::Missing, "no tree is mounted (see /proc/self/mountinfo): no destination is seen")
        }
    }
}

fn tracefs() -> Check {
    let mounts = procfs::process::Process::myself().and_then(|process| process.mountinfo()).ok();
    let found = mounts.and_then(|mounts| mounts.into_iter().find(|mount| mount.fs_type == "tracefs"));
    match found {
        Some(mount) => check("tracefs", State::Ok, mount.mount_point.display()),
        None => check("tracefs", State::Ok, "not mounted: mounted for Tripline alone when it watches"),
    }
}

fn capabilities() -> Check {
    let name = "capabilities";
    let status = procfs::process::Process::myself().and_then(|process| process.status());
    let Ok(status) = status else { return check(name, State::Limited, "/proc/self/status can't be read") };
    let has = |bit: u32| status.capeff >> bit & 1 == 1;
    let served = |capability: &Capability| has(capability.bit) || (capability.in_admin && has(SYS_ADMIN));
    let missing: Vec<String> = CAPABILITIES
        .iter()
        .filter(|capability| !served(capability))
        .map(|capability| format!("{} ({})", capability.name, capability.purpose))
        .collect();
    if !missing.is_empty() {
        return check(name, State::Missing, missing.join(", "));
    }
    if !geteuid().is_root() {
        return check(name, State::Limited, "all that are needed, but watching asks for root too");
    }
    check(name, State::Ok, "all that are needed")
}

fn fanotify() -> Check {
    match Marks::new() {
        Ok(_) => match Changes::new() {
            Ok(_) => check("fanotify", State::Ok, "marks on credential files, whoever opens them or changes a store"),
            Err(error) => {
                let why = format!("{}: links and renames of stores by unwatched processes are not seen", error.desc());
                check("fanotify", State::Limited, why)
            }
        },
        Err(error) => {
            let why = format!("{}: credential files opened by unwatched processes are not seen", error.desc());
            check("fanotify", State::Missing, why)
        }
    }
}

/// What the kernel says of itself. Whether it really takes such programs only a try tells: the hooks of a backend that
/// tries them stand among the sensors, with the kernel's answer.
fn lsm() -> Check {
    let name = "LSM list";
    match fs::read_to_string("/sys/kernel/security/lsm") {
        Ok(list) if list.trim().split(',').any(|word| word == "bpf") => {
            check(name, State::Ok, format!("{} (bpf is active)", list.trim()))
        }
        Ok(list) => check(name, State::Ok, format!("{} (bpf is not active: tracepoints serve)", list.trim())),
        Err(_) => check(name, State::Ok, "securityfs is not readable here: tracepoints serve"),
    }
}

fn check(name: &'static str, state: State, detail: impl ToString) -> Check {
    Check { name, state, detail: detail.to_string() }
}
