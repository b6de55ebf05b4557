//! Local sockets that give power over the host or hand out credentials.

/// What the socket at `path` is, as a stable word: `docker`, `containerd`, `crio`, `podman`, `buildkit`, `kubelet`,
/// `ssh_agent`, `gpg_agent`, `keyring`, `dbus_session`, `dbus_system`, `systemd`, ….
///
/// `path` is the resolved path of the listening socket, or `@name` for the abstract namespace.
#[must_use]
pub fn runtime_socket(path: &str) -> Option<&'static str> {
    let _ = path;
    None
}
