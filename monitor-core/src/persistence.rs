//! Places from which code is started later: a write there outlives the server.

/// What kind of persistence point `path` (resolved, absolute) is, as a stable word: `shell_profile`,
/// `ssh_authorized_keys`, `cron`, `systemd_unit`, `autostart`, `ld_preload`, `mcp_client_config`, ….
#[must_use]
pub fn lookup(path: &str) -> Option<&'static str> {
    let _ = path;
    None
}
