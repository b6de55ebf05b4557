//! Where MCP clients keep their lists of servers, and which programs are clients.
//!
//! Sources: each client's documentation and source; the list of mcp-scan (`well_known_clients.py`).

use crate::profile::package_of_path;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON, with comments and trailing commas let through.
    Json,
    /// TOML.
    Toml,
}

/// Files below a home folder, relative to it. YAML files (goose, Continue) are not among them.
pub const IN_HOME: &[&str] = &[
    ".claude.json",
    ".claude/settings.json",
    ".config/Claude/claude_desktop_config.json",
    ".cursor/mcp.json",
    ".config/Code/User/mcp.json",
    ".config/Code/User/settings.json",
    ".config/Code - Insiders/User/mcp.json",
    ".config/Code - Insiders/User/settings.json",
    ".config/VSCodium/User/mcp.json",
    ".config/VSCodium/User/settings.json",
    ".config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
    ".cline/data/settings/cline_mcp_settings.json",
    ".codeium/windsurf/mcp_config.json",
    ".config/zed/settings.json",
    ".gemini/settings.json",
    ".qwen/settings.json",
    ".codex/config.toml",
    ".config/opencode/opencode.json",
    ".config/opencode/opencode.jsonc",
    ".copilot/mcp-config.json",
    ".aws/amazonq/mcp.json",
    ".openclaw/openclaw.json",
    ".clawdbot/clawdbot.json",
];

/// Files in the folder that a client works in, relative to it.
pub const IN_PROJECT: &[&str] =
    &[".mcp.json", ".cursor/mcp.json", ".vscode/mcp.json", ".gemini/settings.json", ".codex/config.toml"];

/// Files of the whole host, absolute: what an administrator gives every user.
pub const SYSTEM_WIDE: &[&str] = &["/etc/claude-code/managed-mcp.json", "/etc/codex/config.toml"];

/// How the file at `path` is written, by its name.
#[must_use]
pub fn format_of(path: &str) -> Format {
    if path.rsplit('.').next().is_some_and(|end| end.eq_ignore_ascii_case("toml")) {
        Format::Toml
    } else {
        Format::Json
    }
}

/// Whether the program at `exe` (with main script `script`, both resolved) is an MCP client: where it works, lists of
/// servers are looked for. Goes by names only, so it may be wrong both ways and decides nothing else.
#[must_use]
pub fn is_client(exe: &str, script: Option<&str>) -> bool {
    let name = exe.rsplit('/').next().unwrap_or(exe);
    PROGRAMS.contains(&name)
        || script.and_then(package_of_path).is_some_and(|package| PACKAGES.contains(&package.as_str()))
}

const PROGRAMS: &[&str] = &[
    "claude",
    "claude-desktop",
    "cursor",
    "cursor-agent",
    "code",
    "code-insiders",
    "codium",
    "windsurf",
    "zed",
    "zed-editor",
    "gemini",
    "qwen",
    "codex",
    "opencode",
    "copilot",
    "goose",
    "q",
    "qchat",
];

const PACKAGES: &[&str] = &[
    "npm:@anthropic-ai/claude-code",
    "npm:@google/gemini-cli",
    "npm:@qwen-code/qwen-code",
    "npm:@openai/codex",
    "npm:@github/copilot",
    "npm:opencode-ai",
    "npm:cline",
    "npm:openclaw",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence;

    /// Whoever writes to such a file decides what is started: it must count as a persistence point as well.
    #[test]
    fn every_file_is_a_persistence_point() {
        let home = IN_HOME.iter().map(|path| format!("/home/u/{path}"));
        let project = IN_PROJECT.iter().map(|path| format!("/srv/project/{path}"));
        for path in home.chain(project).chain(SYSTEM_WIDE.iter().map(|path| (*path).to_owned())) {
            assert!(persistence::lookup(&path).is_some(), "{path}");
        }
    }

    #[test]
    fn clients_go_by_program_and_by_package() {
        assert!(is_client("/usr/local/bin/claude", None));
        let script = "/usr/lib/node_modules/@google/gemini-cli/dist/index.js";
        assert!(is_client("/usr/bin/node", Some(script)));
        assert!(!is_client("/usr/bin/node", Some("/srv/app/index.js")));
        assert_eq!(format_of("/home/u/.codex/config.toml"), Format::Toml);
    }
}
