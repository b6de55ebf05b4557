//! Configuration files of MCP clients: what is read from them, and what no file can do.

use monitor_core::client::{ClientFile, Format, Started, fits, format_of, parse};
use proptest::prelude::*;

/// A file of `tests/data/clients`.
fn read(name: &str) -> ClientFile {
    let path = format!("{}/tests/data/clients/{name}", env!("CARGO_MANIFEST_DIR"));
    parse(&std::fs::read_to_string(path).expect("a file of tests/data"), format_of(name))
}

fn servers(file: &ClientFile) -> Vec<(String, String)> {
    file.servers.iter().map(|server| (server.name.clone(), server.command.join(" "))).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, command)| ((*name).to_owned(), (*command).to_owned())).collect()
}

#[test]
fn each_client_names_its_servers() {
    let table: &[(&str, &[(&str, &str)])] = &[
        (
            "claude.json",
            &[
                ("cloudflare", "npx -y @cloudflare/mcp-server-cloudflare run 0123456789abcdef0123456789abcdef"),
                ("docs", ""),
                ("local", "python3 server.py --port 8080"),
            ],
        ),
        ("vscode-settings.json", &[("fetch", "uvx mcp-server-fetch")]),
        ("vscode-mcp.json", &[("files", "node ${workspaceFolder}/mcp.js --key ${input:key}")]),
        ("zed.json", &[("old", "/opt/mcp/server --stdio"), ("new", "/opt/mcp/other")]),
        ("codex.toml", &[("context7", "npx -y @upstash/context7-mcp"), ("remote", "")]),
        ("opencode.jsonc", &[("memory", "npx -y @modelcontextprotocol/server-memory"), ("remote", "")]),
        ("windsurf.json", &[("figma", ""), ("git", "uvx mcp-server-git --repository /srv/repo")]),
    ];
    for (name, wanted) in table {
        let file = read(name);
        assert_eq!(servers(&file), pairs(wanted), "{name}");
        assert!(file.whole, "{name}");
    }
    assert_eq!(read("claude.json").folders, ["/home/u/project", "/home/u/other"]);
    assert_eq!(read("codex.toml").folders, ["/home/u/project"]);
}

#[test]
fn a_declared_server_is_known_by_what_is_executed() {
    let file = read("claude.json");
    let argv: Vec<String> =
        "node /usr/bin/npx -y @cloudflare/mcp-server-cloudflare run 0123456789abcdef0123456789abcdef"
            .split(' ')
            .map(str::to_owned)
            .collect();
    let started = Started { exe: "/usr/bin/node", argv: &argv, script: None };
    let fitting: Vec<&str> =
        file.servers.iter().filter(|server| fits(server, &started)).map(|server| server.name.as_str()).collect();
    assert_eq!(fitting, ["cloudflare"]);
}

#[test]
fn what_can_be_printed_holds_no_argument_and_no_environment() {
    let shown = format!("{:?}", read("claude.json")) + &format!("{:?}", read("codex.toml"));
    for secret in ["not-a-real", "0123456789abcdef"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn what_makes_no_sense_is_left_out() {
    let odd = r#"{"mcpServers": {"a": 1, "b": null, "c": [], "d": {"command": null}, "e": {"command": {"x": {}}},
        "f": {"args": ["x"]}, "g": {"command": "run", "args": "x"}, "h": {"command": "run", "args": [["y"], {}, true]}},
        "mcp": [], "projects": "none", "servers": false}"#;
    let file = parse(odd, Format::Json);
    assert_eq!(servers(&file), pairs(&[("g", "run x"), ("h", "run y true")]));
    assert!(file.whole);
    let broken = parse("{\"mcpServers\": {\"a\": {\"command\": \"run\"}, ", Format::Json);
    assert_eq!((servers(&broken), broken.whole), (pairs(&[("a", "run")]), false), "what came before the error counts");
    assert_eq!(parse("[mcp_servers", Format::Toml), ClientFile::default());
}

#[test]
fn a_hostile_file_has_bounded_results() {
    let deep = "[".repeat(1 << 20);
    assert!(!parse(&deep, Format::Json).whole);
    let nested = format!("{{\"mcpServers\":{}", "{\"a\":".repeat(100_000));
    assert!(parse(&nested, Format::Json).servers.is_empty());
    let list = vec!["\"x\""; 10_000].join(",");
    let many: Vec<String> =
        (0..5000).map(|at| format!("\"{at}\": {{\"command\": \"run\", \"args\": [{at}]}}")).collect();
    let file = parse(
        &format!("{{\"mcpServers\": {{\"long\": {{\"command\": \"run\", \"args\": [{list}]}}, {}}}}}", many.join(",")),
        Format::Json,
    );
    assert_eq!((file.servers.len(), file.servers[0].command.len(), file.whole), (256, 64, false));
    let name = "n".repeat(100_000);
    let file = parse(&format!("{{\"servers\": {{\"{name}\": {{\"command\": \"{name}\"}}}}}}"), Format::Json);
    assert_eq!((file.servers[0].name.len(), file.servers[0].command[0].len()), (128, 1));
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "[\\[\\]{}\",:/*a-z0-9 \\\\\\n.=-]{0,200}") {
        prop_assert!(parse(&text, Format::Json).servers.len() <= 256);
        prop_assert!(parse(&text, Format::Toml).servers.len() <= 256);
    }

    #[test]
    fn every_prefix_of_a_real_file_is_survived(part in 0.0..1.0f64) {
        for name in ["claude.json", "vscode-settings.json", "codex.toml"] {
            let path = format!("{}/tests/data/clients/{name}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).expect("a file of tests/data");
            let end = (0..=(text.len() as f64 * part) as usize).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let _whatever = parse(&text[..end], format_of(name));
        }
    }
}
