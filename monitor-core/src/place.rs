//! What kind of place a path lies in, as far as it tells whose data it is. (How far a place vouches for a *program* is
//! [`crate::credential::standing`].)

/// What kind of place a path lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Devices, procfs, sysfs, pipes, memory files: no data of anybody.
    Kernel,
    /// Anybody can write there, and nothing stays.
    Scratch,
    /// The system's own.
    System,
    /// A dot file or folder, or installed code, below a home or project: settings, caches, packages.
    Hidden,
    /// A person's own files.
    Person,
}

/// The place of `path` (resolved, absolute).
#[must_use]
pub fn place(path: &str) -> Place {
    if !path.starts_with('/') || below(path, &["/dev", "/proc", "/sys"]) && !path.starts_with("/dev/shm/") {
        return Place::Kernel;
    }
    if below(path, &["/tmp", "/var/tmp", "/dev/shm", "/run", "/var/run"]) || path.ends_with(" (deleted)") {
        return Place::Scratch;
    }
    if below(path, SYSTEM) && !path.starts_with("/home/linuxbrew/") {
        return Place::System;
    }
    if path.contains("/.") || CODE.iter().any(|part| path.contains(part)) { Place::Hidden } else { Place::Person }
}

/// Whether any local process may have put a program there.
#[must_use]
pub fn anybody_writes(path: &str) -> bool {
    below(path, &["/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue"])
        || path.starts_with("/memfd:")
        || path.ends_with(" (deleted)")
}

const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libexec",
    "/etc",
    "/boot",
    "/opt",
    "/var",
    "/snap",
    "/nix",
    "/gnu",
    "/efi",
    "/lost+found",
];

const CODE: &[&str] = &["/node_modules/", "/site-packages/", "/dist-packages/", "/__pycache__/"];

fn below(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_by_component() {
        assert_eq!(place("/home/u/Documents/a.pdf"), Place::Person);
        assert_eq!(place("/home/u/.config/x"), Place::Hidden);
        assert_eq!(place("/etc/passwd"), Place::System);
        assert_eq!(place("/etcetera/x"), Place::Person);
        assert_eq!(place("/tmp/x"), Place::Scratch);
        assert_eq!(place("/proc/1/environ"), Place::Kernel);
        assert_eq!(place("pipe:[1]"), Place::Kernel);
        assert!(anybody_writes("/dev/shm/x") && anybody_writes("/memfd:x (deleted)") && !anybody_writes("/home/u/x"));
    }
}
