//! MCP clients and coding agents: their own tokens, and configurations with inline secrets.

use super::super::table::Secrecy::{Config, Token};
use super::Family;
use super::Own::{Node, Program, Python};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        store: "claude",
        owners: &[Node("@anthropic-ai/claude-code"), Program("claude"), Program("claude-desktop")],
        except: &[],
        files: &[
            ("claude_credentials", Token, &["~/.claude/.credentials.json*"]),
            (
                "mcp_client_config",
                Config,
                &[
                    "~/.claude.json",
                    "~/.claude.json.*",
                    "~/.claude/settings.json",
                    "~/.claude/settings.local.json",
                    "~/.config/Claude/claude_desktop_config.json",
                    "claude_desktop_config.json",
                ],
            ),
        ],
    },
    Family {
        store: "gemini",
        owners: &[Node("@google/gemini-cli"), Program("gemini")],
        except: &[],
        files: &[
            (
                "gemini_tokens",
                Token,
                &[
                    "~/.gemini/oauth_creds.json",
                    "~/.gemini/mcp-oauth-tokens.json",
                    "~/.gemini/a2a-oauth-tokens.json",
                    "~/.gemini/gemini-credentials.json",
                ],
            ),
            ("mcp_client_config", Config, &["~/.gemini/settings.json", "~/.gemini/google_accounts.json"]),
        ],
    },
    Family {
        store: "qwen",
        owners: &[Node("@qwen-code/qwen-code"), Program("qwen")],
        except: &[],
        files: &[
            ("qwen_tokens", Token, &["~/.qwen/oauth_creds.json", "~/.qwen/mcp-oauth-tokens.json"]),
            ("mcp_client_config", Config, &["~/.qwen/settings.json"]),
        ],
    },
    Family {
        store: "codex",
        owners: &[Node("@openai/codex"), Program("codex")],
        except: &[],
        files: &[
            ("codex_tokens", Token, &["~/.codex/auth.json", "~/.codex/.credentials.json"]),
            ("mcp_client_config", Config, &["~/.codex/config.toml"]),
        ],
    },
    Family {
        store: "cursor",
        owners: &[Program("cursor"), Program("cursor-agent"), Program("Cursor")],
        except: &[],
        files: &[
            (
                "cursor_tokens",
                Token,
                &["~/.config/cursor/auth.json", "~/.config/Cursor/User/globalStorage/state.vscdb"],
            ),
            ("mcp_client_config", Config, &["~/.cursor/mcp.json"]),
        ],
    },
    Family {
        store: "vscode",
        owners: &[Program("code"), Program("code-insiders"), Program("codium")],
        except: &[],
        files: &[
            ("vscode_secrets", Token, &["~/.config/{Code,Code - Insiders,VSCodium}/User/globalStorage/state.vscdb"]),
            (
                "mcp_client_config",
                Config,
                &[
                    "~/.config/{Code,Code - Insiders,VSCodium}/User/mcp.json",
                    "~/.config/{Code,Code - Insiders,VSCodium}/User/settings.json",
                    "cline_mcp_settings.json",
                    ".vscode/mcp.json",
                ],
            ),
        ],
    },
    Family {
        store: "opencode",
        owners: &[Node("opencode-ai"), Program("opencode")],
        except: &[],
        files: &[
            ("opencode_tokens", Token, &["~/.local/share/opencode/auth.json", "~/.local/share/opencode/mcp-auth.json"]),
            ("mcp_client_config", Config, &["~/.config/opencode/opencode.json", "~/.config/opencode/opencode.jsonc"]),
        ],
    },
    Family {
        store: "copilot",
        owners: &[Node("@github/copilot"), Program("copilot")],
        except: &[],
        files: &[
            ("copilot_tokens", Token, &["~/.config/github-copilot/{hosts,apps}.json"]),
            ("mcp_client_config", Config, &["~/.copilot/{mcp-config,config}.json"]),
        ],
    },
    Family {
        store: "goose",
        owners: &[Program("goose"), Program("goosed")],
        except: &[],
        files: &[
            ("goose_secrets", Token, &["~/.config/goose/secrets.yaml"]),
            ("mcp_client_config", Config, &["~/.config/goose/config.yaml"]),
        ],
    },
    Family {
        store: "mcp_clients",
        owners: &[
            Node("cline"),
            Node("openclaw"),
            Node("clawdbot"),
            Program("zed"),
            Program("zed-editor"),
            Program("windsurf"),
            Program("q"),
            Program("qchat"),
        ],
        except: &[],
        files: &[
            (
                "openclaw_credentials",
                Token,
                &[
                    "~/{.openclaw,.clawdbot}/credentials/**",
                    "~/{.openclaw,.clawdbot}/agents/*/agent/auth-profiles.json",
                ],
            ),
            (
                "mcp_client_config",
                Config,
                &[
                    "~/.codeium/windsurf/mcp_config.json",
                    "~/.config/zed/settings.json",
                    "~/.cline/data/settings/*.json",
                    "~/.continue/config.{yaml,json}",
                    "~/.continue/mcpServers/*",
                    "~/.aws/amazonq/mcp.json",
                    "~/.{openclaw,clawdbot}/{openclaw,clawdbot}.json",
                ],
            ),
            // Claude Code and Codex let their folder be moved; the file name stays
            ("agent_credentials", Token, &[".credentials.json"]),
            // a project's own list of servers: clients read it, servers have no reason to
            ("mcp_client_config", Config, &[".mcp.json"]),
        ],
    },
    Family {
        store: "model_hubs",
        owners: &[Python("huggingface-hub"), Program("hf"), Program("huggingface-cli"), Program("kaggle")],
        except: &[],
        files: &[
            ("huggingface_token", Token, &["~/.cache/huggingface/{token,stored_tokens}", "~/.huggingface/token"]),
            ("kaggle_key", Token, &["~/.kaggle/kaggle.json", "~/.config/kaggle/kaggle.json"]),
            ("llm_keys", Token, &["~/.config/io.datasette.llm/keys.json"]),
        ],
    },
];
