//! Which name servers a process is configured with.

use std::fs;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use crate::regular;

/// Longest `resolv.conf` that is read, bytes.
const MAX_TEXT: usize = 64 << 10;
/// Most name servers that are kept; the C library asks three.
const MAX_SERVERS: usize = 16;
/// Most symbolic links on the way to the file.
const MAX_LINKS: usize = 8;

/// The name servers in `/etc/resolv.conf` below the root folder of a process, which may be a container's. `None` if there
/// is no such file to be read.
#[must_use]
pub fn of(pid: u32) -> Option<Vec<IpAddr>> {
    below(Path::new(&format!("/proc/{pid}/root")))
}

fn below(root: &Path) -> Option<Vec<IpAddr>> {
    let mut path = PathBuf::from("/etc/resolv.conf");
    for _ in 0..MAX_LINKS {
        let place = within(root, &path);
        // an absolute link means the process's root, not this one's
        let Ok(target) = fs::read_link(&place) else { return regular::text(&place, MAX_TEXT).map(|text| parse(&text)) };
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
    None
}

/// The place of an absolute path below `root`; `..` doesn't lead out of it.
fn within(root: &Path, path: &Path) -> PathBuf {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::ParentDir => drop(parts.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    let mut place = root.to_owned();
    place.extend(parts);
    place
}

/// As resolv.conf(5) has it: one address behind `nameserver`, with a zone where it is link-local.
fn parse(text: &str) -> Vec<IpAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let address = words.next().filter(|word| *word == "nameserver").and_then(|_| words.next())?;
            address.split('%').next()?.parse().ok()
        })
        .take(MAX_SERVERS)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::{below, of, parse};

    #[test]
    fn name_servers_are_read_as_the_c_library_reads_them() {
        let text = "# nameserver 1.1.1.1\nsearch x\nnameserver 127.0.0.53\n nameserver\t2001:db8::1 # y\nnameserver fe80::1%eth0\n\
                    nameserver\nnameserver x\nnameservers 9.9.9.9\n";
        let found: Vec<String> = parse(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["127.0.0.53", "2001:db8::1", "fe80::1"]);
        assert_eq!(parse(&"nameserver 10.0.0.1\n".repeat(100)).len(), 16);
        assert!(parse("").is_empty());
    }

    #[test]
    fn links_stay_below_the_processs_own_root() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        assert_eq!(below(root), None);
        for folder in ["etc", "run/resolve"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("run/resolve/stub.conf"), "nameserver 10.9.8.7\n").unwrap();
        let conf = root.join("etc/resolv.conf");
        for target in ["/run/resolve/stub.conf", "../run/resolve/stub.conf", "../../../../run/resolve/./stub.conf"] {
            let _none_yet = fs::remove_file(&conf);
            symlink(target, &conf).unwrap();
            assert_eq!(below(root), Some(vec!["10.9.8.7".parse().unwrap()]), "{target}");
        }
        fs::remove_file(&conf).unwrap();
        symlink("resolv.conf", &conf).unwrap();
        assert_eq!(below(root), None, "a link to itself");
        fs::remove_file(&conf).unwrap();
        nix::unistd::mkfifo(&conf, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert_eq!(below(root), None, "nobody waits for a pipe");
    }

    #[test]
    fn a_process_of_this_root_has_its_resolvers() {
        let own = fs::read_to_string("/etc/resolv.conf").ok().map(|text| parse(&text));
        assert_eq!(of(std::process::id()), own);
    }
}
