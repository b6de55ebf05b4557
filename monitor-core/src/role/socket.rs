//! Local sockets that give power over the host or hand out credentials.

use std::sync::LazyLock;

use crate::pattern::{Index, Pattern, wildcard};

/// What the socket at `path` is, as a stable word: `docker`, `containerd`, `crio`, `podman`, `buildkit`, `kubelet`,
/// `ssh_agent`, `gpg_agent`, `keyring`, `dbus_session`, `dbus_system`, `systemd`, ….
///
/// `path` is the resolved path of the listening socket, or `@name` for the abstract namespace. A file system path may
/// begin with `/run` or with `/var/run`, which is a link to it.
#[must_use]
pub fn runtime_socket(path: &str) -> Option<&'static str> {
    if let Some(name) = path.strip_prefix('@') {
        return ABSTRACT.iter().find(|(glob, _)| wildcard(glob, name)).map(|&(_, kind)| kind);
    }
    INDEX.find(path.strip_prefix("/var").filter(|rest| rest.starts_with("/run/")).unwrap_or(path))
}

/// Whether everybody's programs talk to the socket at `path` in the ordinary course: names, users, logs, buses, sound.
#[must_use]
pub fn is_quiet_socket(path: &str) -> bool {
    let path = path.strip_prefix("/var").filter(|rest| rest.starts_with("/run/")).unwrap_or(path);
    let depth = path.matches('/').count();
    // below folders that a user or anybody can write, another folder is nobody's
    let fits = |glob: &str| {
        !(glob.starts_with("/run/user/") || glob.starts_with("/tmp/")) || glob.matches('/').count() == depth
    };
    QUIET.iter().any(|glob| wildcard(glob, path) && fits(glob))
}

/// `*` here also stands for folders, where only root can make them.
const QUIET: &[&str] = &[
    "/run/nscd/*",
    "/dev/log",
    "/run/systemd/journal/*",
    "/run/systemd/resolve/*",
    "/run/systemd/userdb/*",
    "/run/systemd/notify",
    "/run/avahi-daemon/socket",
    "/var/lib/sss/pipes/*",
    "/run/dbus/*",
    "/run/user/*/bus",
    "/run/user/*/systemd/notify",
    "/run/user/*/pulse/*",
    "/run/user/*/pipewire-*",
    "/run/user/*/wayland-*",
    "/tmp/.X11-unix/X*",
];

static INDEX: LazyLock<Index<&'static str>> = LazyLock::new(|| {
    let mut index = Index::default();
    for (&(kind, patterns), rank) in SOCKETS.iter().zip(0..) {
        for text in patterns {
            // a test parses every pattern: none is left out here
            if let Ok(pattern) = Pattern::new(text) {
                index.insert(&pattern, rank, kind);
            }
        }
    }
    index
});

/// By suffix, so that rootless runtimes, other run directories and mounts into containers count too.
const SOCKETS: &[(&str, &[&str])] = &[
    ("docker", &["docker.sock", "docker-cli.sock", "dockershim.sock", "cri-dockerd.sock"]),
    ("containerd", &["containerd.sock", "containerd.sock.ttrpc", "/run/containerd/s/*"]),
    ("crio", &["crio.sock"]),
    ("podman", &["podman.sock", "podman/podman-machine-default-api.sock"]),
    ("buildkit", &["buildkitd.sock"]),
    ("lxd", &["lxd/unix.socket", "incus/unix.socket"]),
    ("libvirt", &["libvirt/libvirt-sock", "libvirt/virtqemud-sock"]),
    ("kubelet", &["/var/lib/kubelet/**/*.sock", "kubelet.sock"]),
    // OpenSSH since 10.1 puts its agent sockets below ~/.ssh/agent
    (
        "ssh_agent",
        &[
            "/tmp/ssh-*/agent.*",
            "~/.ssh/agent/*",
            "keyring/ssh",
            "gcr/ssh",
            "openssh_agent",
            "ssh-agent.socket",
            "ssh-agent.sock",
            "S.gpg-agent.ssh",
            ".1password/agent.sock",
        ],
    ),
    ("gpg_agent", &["S.gpg-agent", "S.gpg-agent.extra", "S.gpg-agent.browser", "S.keyboxd", "S.scdaemon"]),
    ("keyring", &["keyring/control", "keyring/pkcs11", "kwallet5.socket", "kwalletd*.socket"]),
    ("dbus_system", &["/run/dbus/system_bus_socket"]),
    ("dbus_session", &["/run/user/*/bus", "/tmp/dbus-*", "/run/user/*/at-spi/bus*"]),
    ("systemd", &["/run/systemd/private", "/run/user/*/systemd/private", "/run/systemd/io.systemd.*"]),
    ("vault_agent", &["/run/vault/*.sock"]),
    ("spire_agent", &["spire-agent/public/api.sock", "spire-agent.sock"]),
    ("x11", &["/tmp/.X11-unix/X*"]),
    ("wayland", &["/run/user/*/wayland-?"]),
];

const ABSTRACT: &[(&str, &str)] = &[
    ("/tmp/dbus-*", "dbus_session"),
    ("/tmp/.X11-unix/X*", "x11"),
    ("/containerd-shim/*", "containerd"),
    ("*/bus/systemd/*", "systemd"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_parses() {
        for (kind, patterns) in SOCKETS {
            for text in *patterns {
                if let Err(error) = Pattern::new(text) {
                    panic!("{kind}: {text}: {error}");
                }
            }
        }
    }
}
