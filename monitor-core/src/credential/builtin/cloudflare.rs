//! Cloudflare's own tools, and the token store of the bridge to its remote servers.
//!
//! Sources: wrangler 4.164.0 and 4.80.0, `cf` 0.0.5, mcp-remote 0.1 to 0.15, cloudflared's documentation.

use super::super::table::Secrecy::{Config, Key, Token};
use super::Family;
use super::Own::{Node, Program};

pub(super) const FAMILIES: &[Family] = &[
    // what an editor keeps beside the store while it is open: it holds the token, and it isn't the store
    Family {
        store: "cloudflare",
        owners: &[Program("vim*"), Program("nvim"), Program("vi")],
        except: &[],
        files: &[(
            "wrangler_editor_copy",
            Token,
            &["~/{,.config/}.wrangler/config/.*.sw{o,p,x}", ".wrangler/config/.*.sw{o,p,x}"],
        )],
    },
    Family {
        store: "cloudflare",
        owners: &[
            Node("wrangler"),
            Node("@cloudflare/mcp-server-cloudflare"),
            Node("create-cloudflare"),
            Program("wrangler"),
        ],
        except: &[],
        files: &[
            (
                "wrangler_temporary_account",
                Token,
                &[
                    "~/{,.config/}.wrangler/cloudflare-temporary-account.json*",
                    "~/{,.config/}.wrangler/config/cloudflare-temporary-account.json*",
                ],
            ),
            // `default.toml`, `staging.toml`, one per named profile; `.enc` where the keyring holds the key
            (
                "wrangler_oauth",
                Token,
                &["~/{,.config/}.wrangler/config/*.{toml,enc}", ".wrangler/config/*.{toml,enc}.*"],
            ),
            ("wrangler_profiles", Config, &["~/{,.config/}.wrangler/profiles/*.json"]),
            // may hold the detail of requests
            ("wrangler_logs", Config, &["~/{,.config/}.wrangler/logs/*.log"]),
        ],
    },
    Family {
        store: "cloudflare",
        owners: &[Node("cf"), Program("cf")],
        except: &[],
        files: &[("cf_oauth", Token, &["~/.config/cloudflare/config/*.{json,enc}"])],
    },
    Family {
        store: "cloudflare",
        owners: &[Node("wrangler"), Node("workers-mcp"), Node("miniflare"), Node("vite"), Program("wrangler")],
        except: &[".dev.vars.{example,sample,template,dist,defaults}"],
        files: &[("dev_vars", Token, &[".dev.vars", ".dev.vars.*"])],
    },
    Family {
        store: "cloudflared",
        owners: &[Program("cloudflared")],
        except: &[],
        files: &[
            // carries an account's API token inside its PEM block
            ("cloudflared_cert", Key, &["~/{.cloudflared,.cloudflare-warp,cloudflare-warp}/*.pem"]),
            ("cloudflared_cert", Key, &["/{etc,usr/local/etc}/cloudflared/*.pem"]),
            // `<tunnel id>.json`: the tunnel's secret
            ("cloudflared_tunnel", Key, &["~/{.cloudflared,.cloudflare-warp,cloudflare-warp}/*.json"]),
            ("cloudflared_tunnel", Key, &["/{etc,usr/local/etc}/cloudflared/*.json"]),
            ("cloudflared_config", Config, &["~/{.cloudflared,.cloudflare-warp,cloudflare-warp}/config.{yml,yaml}"]),
            ("cloudflared_config", Config, &["/{etc,usr/local/etc}/cloudflared/config.{yml,yaml}"]),
        ],
    },
    Family {
        store: "cloudflare_warp",
        owners: &[Program("warp-svc"), Program("warp-cli")],
        except: &[],
        files: &[("warp_registration", Key, &["/var/lib/cloudflare-warp/*.{json,conf}"])],
    },
    Family {
        store: "cloudflare",
        owners: &[Program("certbot"), Program("ddclient"), Program("lego"), Program("acme.sh")],
        except: &[],
        files: &[
            ("certbot_cloudflare", Token, &["~/.secrets/certbot/*.ini", "/etc/letsencrypt/*cloudflare*.ini"]),
            ("ddclient", Token, &["/etc/ddclient.conf", "/etc/ddclient/ddclient.conf"]),
        ],
    },
    Family {
        store: "mcp_remote",
        owners: &[Node("mcp-remote")],
        except: &[],
        // `<md5 of the URL>_tokens.json`, written as `….json.<pid>.<ms>.tmp` and renamed; the folder is `mcp-remote-v1`
        // or, before 0.15, `mcp-remote-<version>`, below `~/.mcp-auth` or `$MCP_REMOTE_CONFIG_DIR`
        files: &[
            (
                "mcp_remote_tokens",
                Token,
                &["~/.mcp-auth/mcp-remote-*/*_tokens.json", "~/.mcp-auth/mcp-remote-*/*_tokens.json.*"],
            ),
            ("mcp_remote_tokens", Token, &["mcp-remote-*/*_tokens.json", "mcp-remote-*/*_tokens.json.*.tmp"]),
            ("mcp_remote_verifier", Token, &["mcp-remote-*/*_code_verifier*.txt", "mcp-remote-*/*_code_verifier*.tmp"]),
            ("mcp_remote_debug_log", Token, &["mcp-remote-*/*_debug.log"]),
            (
                "mcp_remote_client",
                Config,
                &[
                    "mcp-remote-*/*_client_info.json",
                    "mcp-remote-*/*_client_info.json.*.tmp",
                    "mcp-remote-*/*_discovery_state_*.json",
                ],
            ),
        ],
    },
];
