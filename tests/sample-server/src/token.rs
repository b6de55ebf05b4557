//! The API token, from where the server of npm takes it too.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// From the environment, else from wrangler's store.
pub fn find() -> Result<String> {
    if let Ok(token) = std::env::var("CLOUDFLARE_API_TOKEN") {
        return Ok(token);
    }
    let home = PathBuf::from(std::env::var_os("HOME").context("there is no HOME")?);
    let path = home.join(".config/.wrangler/config/default.toml");
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("no API token: set CLOUDFLARE_API_TOKEN, or sign in with wrangler ({})", path.display())
    })?;
    from_store(&text).with_context(|| format!("{} holds no oauth_token", path.display()))
}

/// One key of a flat file; not worth a parser.
fn from_store(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("oauth_token")?.trim_start().strip_prefix('='))?;
    Some(value.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::from_store;

    #[test]
    fn the_token_is_one_line_of_the_store() {
        assert_eq!(from_store("a = 1\noauth_token = \"t\"\n").as_deref(), Some("t"));
        assert_eq!(from_store("refresh_token = \"t\"\n"), None);
    }
}
