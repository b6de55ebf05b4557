//! A developer's home with credentials in it, all of them fake.

use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Every secret in that home. None may ever appear in an alert, an event or a log.
pub const SECRETS: &[&str] = &[
    "tripline-fake-ssh-key-body",
    "tripline-fake-aws-secret",
    "tripline-fake-wrangler-token",
    "tripline-fake-wrangler-refresh",
    "tripline-fake-kube-token",
    "tripline-fake-npm-token",
    "tripline-fake-api-token",
];

/// What stands where, relative to the home.
const FILES: &[(&str, &str)] = &[
    (
        ".ssh/id_ed25519",
        "-----BEGIN OPENSSH PRIVATE KEY-----\ntripline-fake-ssh-key-body\n-----END OPENSSH PRIVATE KEY-----\n",
    ),
    (".ssh/id_ed25519.pub", "ssh-ed25519 AAAA dev@example.com\n"),
    (".ssh/config", "Host *\n"),
    (".aws/credentials", "[default]\naws_access_key_id = FAKE\naws_secret_access_key = tripline-fake-aws-secret\n"),
    (
        ".config/.wrangler/config/default.toml",
        "oauth_token = \"tripline-fake-wrangler-token\"\nrefresh_token = \"tripline-fake-wrangler-refresh\"\n\
         expiration_time = \"2099-01-01T00:00:00.000Z\"\nscopes = [\"account:read\"]\n",
    ),
    (".kube/config", "apiVersion: v1\nusers: [{name: dev, user: {token: tripline-fake-kube-token}}]\n"),
    (".npmrc", "//host.invalid/:_authToken=tripline-fake-npm-token\n"),
    (".bashrc", "export PATH\n"),
    (".claude.json", "{\"mcpServers\": {}}\n"),
    ("project/README.md", "# A project\n"),
    ("project/worker.js", "export default { fetch: () => new Response('hello') };\n"),
];

/// Writes all of it, readable by its owner only.
pub fn furnish(home: &Path) -> Result<()> {
    for (name, text) in FILES {
        write(&home.join(name), text)?;
    }
    Ok(())
}

/// Writes one file and the folders above it.
pub fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(())
}
