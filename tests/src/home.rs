//! A developer's home with credentials in it, all of them fake.

use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Tokens of the forms that services give out, by the name that `${…}` of a scenario has for them. They stand in the
/// home, and travel where a scenario says. In two parts, so that nobody who searches sources for tokens takes them for some.
pub const TOKENS: &[(&str, &str)] = &[
    ("cloudflare_token", concat!("cfut", "_TriplineFakeTriplineFakeTriplineFake000000")),
    ("github_token", concat!("ghp", "_TriplineFakeTriplineFakeTripline0001")),
    ("aws_key", concat!("AKIA", "TRIPLINEFAKE0001")),
    ("jwt", concat!("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiJ0cmlwbGluZS1mYWtlIn0.VHJpcGxpbmVGYWtlU2lnbmF0dXJlMDAwMQ")),
    ("pem_body", "MC4CAQAwBQYDK2VwBCIEIFRyaXBsaW5lRmFrZVRyaXBsaW5lRmFrZVRyaXBsaW5l"),
];

/// Every other secret in that home.
const PLAIN: &[&str] = &[
    "tripline-fake-ssh-key-body",
    "tripline-fake-aws-secret",
    "tripline-fake-wrangler-token",
    "tripline-fake-wrangler-refresh",
    "tripline-fake-kube-token",
    "tripline-fake-npm-token",
    "tripline-fake-api-token",
    "tripline-fake-oauth-access",
    "tripline-fake-oauth-refresh",
];

/// Every secret in that home. None may ever appear in an alert, an event or a log.
pub fn secrets() -> impl Iterator<Item = &'static str> {
    PLAIN.iter().copied().chain(TOKENS.iter().map(|(_, token)| *token))
}

/// What stands where, relative to the home.
const FILES: &[(&str, &str)] = &[
    (
        ".ssh/id_ed25519",
        "-----BEGIN OPENSSH PRIVATE KEY-----\ntripline-fake-ssh-key-body\n-----END OPENSSH PRIVATE KEY-----\n",
    ),
    (".ssh/id_ed25519.pub", "ssh-ed25519 AAAA dev@example.com\n"),
    (".ssh/config", "Host *\n"),
    (
        ".aws/credentials",
        "[default]\naws_access_key_id = ${aws_key}\naws_secret_access_key = tripline-fake-aws-secret\n",
    ),
    (
        ".config/.wrangler/config/default.toml",
        "oauth_token = \"tripline-fake-wrangler-token\"\nrefresh_token = \"tripline-fake-wrangler-refresh\"\n\
         expiration_time = \"2099-01-01T00:00:00.000Z\"\nscopes = [\"account:read\"]\n",
    ),
    (".kube/config", "apiVersion: v1\nusers: [{name: dev, user: {token: tripline-fake-kube-token}}]\n"),
    (".npmrc", "//host.invalid/:_authToken=tripline-fake-npm-token\n"),
    (".config/gh/hosts.yml", "github.com:\n    user: dev\n    oauth_token: ${github_token}\n"),
    (".docker/config.json", "{\"auths\": {\"host.invalid\": {\"identitytoken\": \"${jwt}\"}}}\n"),
    (".ssh/id_rsa", "-----BEGIN PRIVATE KEY-----\n${pem_body}\n-----END PRIVATE KEY-----\n"),
    ("project/.env", "CLOUDFLARE_API_TOKEN=${cloudflare_token}\n"),
    (".bashrc", "export PATH\n"),
    (".claude.json", "{\"mcpServers\": {}}\n"),
    ("project/README.md", "# A project\n"),
    ("project/worker.js", "export default { fetch: () => new Response('hello') };\n"),
];

/// Writes all of it, readable by its owner only.
pub fn furnish(home: &Path) -> Result<()> {
    for (name, text) in FILES {
        write(&home.join(name), &fill(text))?;
    }
    Ok(())
}

/// Puts the tokens where a text names them; `${many_tokens}` is more of them than anybody keeps of one text, so that the
/// cut goes through one.
pub fn fill(text: &str) -> String {
    let github = TOKENS.iter().find(|(name, _)| *name == "github_token").map_or("", |(_, token)| token);
    let text = &text.replace("${many_tokens}", &vec![github; 300].join(" "));
    TOKENS.iter().fold(text.to_owned(), |text, (name, token)| text.replace(&format!("${{{name}}}"), token))
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
