//! Paths that a process named, as the agent finds them.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// A path as a process sees it, as we can reach it.
#[must_use]
pub fn in_root(pid: u32, path: &str) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join("root").join(path.trim_start_matches('/'))
}

/// Resolves a path that a process passed: symlinks of its folder, not of its last component.
pub(super) fn resolve(pid: u32, base: &str, path: &str) -> String {
    let joined = own_links(pid, join(base, path));
    let Some((folder, name)) = joined.rsplit_once('/') else { return joined };
    // The process may be gone; its folders most likely are not.
    match fs::canonicalize(in_root(pid, folder)).or_else(|_| fs::canonicalize(folder)) {
        Ok(real) => {
            let real = real.to_string_lossy();
            let root = format!("/proc/{pid}/root");
            let real = real.strip_prefix(&root).unwrap_or(&real);
            format!("{}/{name}", real.trim_end_matches('/'))
        }
        Err(_) => joined,
    }
}

/// Names that mean "whoever asks" are that process's, not ours.
fn own_links(pid: u32, path: String) -> String {
    let of = |rest: &str| format!("/proc/{pid}/{rest}");
    let replaced = path
        .strip_prefix("/proc/self/")
        .map(of)
        .or_else(|| path.strip_prefix("/proc/thread-self/").map(of))
        .or_else(|| path.strip_prefix("/dev/fd/").map(|fd| of(&format!("fd/{fd}"))));
    replaced.unwrap_or(path)
}

/// Whether a path is of the form `/proc/PID/fd/N`.
pub(super) fn is_descriptor(pid: u32, path: &str) -> bool {
    path.strip_prefix(&format!("/proc/{pid}/fd/")).is_some_and(|fd| fd.parse::<u32>().is_ok())
}

/// The name of the file that a descriptor leads to, if it has one and the process still holds it.
pub(super) fn named_by(descriptor: &str) -> Option<String> {
    let file = link(descriptor.to_owned());
    (file.starts_with('/') && !file.ends_with(" (deleted)")).then_some(file)
}

pub(super) fn link(path: String) -> String {
    fs::read_link(path).map(|target| target.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Joins and cleans `.` and `..` by text.
pub(super) fn join(base: &str, path: &str) -> String {
    let mut whole = PathBuf::from("/");
    for component in Path::new(base).join(path).components() {
        match component {
            Component::ParentDir => {
                whole.pop();
            }
            Component::Normal(name) => whole.push(name),
            Component::RootDir => whole = PathBuf::from("/"),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    whole.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::{is_descriptor, join, named_by, own_links};

    #[test]
    fn paths_join_by_text() {
        assert_eq!(join("/a/b", "../c/./d"), "/a/c/d");
        assert_eq!(join("/a", "/x/../../y"), "/y");
        assert_eq!(join("", "x"), "/x");
    }

    #[test]
    fn a_process_that_says_self_means_itself() {
        assert_eq!(own_links(7, "/proc/self/fd/3".to_owned()), "/proc/7/fd/3");
        assert_eq!(own_links(7, "/dev/fd/3".to_owned()), "/proc/7/fd/3");
        assert_eq!(own_links(7, "/proc/selfish".to_owned()), "/proc/selfish");
        let file = std::fs::File::open("/etc/passwd").unwrap();
        let own = format!("/proc/{}/fd/{}", std::process::id(), std::os::fd::AsRawFd::as_raw_fd(&file));
        assert!(is_descriptor(std::process::id(), &own) && !is_descriptor(1, &own));
        assert_eq!(named_by(&own).as_deref(), Some("/etc/passwd"));
    }
}
