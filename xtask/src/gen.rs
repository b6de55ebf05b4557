//! Generated files: made from data that is committed beside them, and checked to be up to date.
//!
//! | file | from |
//! | --- | --- |
//! | `profiles/cloudflare-tools.toml` | `profiles/data/cloudflare-tools.json` |

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::shell::root;

const SOURCE: &str = "profiles/data/cloudflare-tools.json";
const TABLE: &str = "profiles/cloudflare-tools.toml";

const HEADER: &str = "\
# Generated from data/cloudflare-tools.json by `cargo xtask generate`: don't edit.
#
# The effect is what the tool was seen to do. It doesn't follow from the HTTP method (19 read tools use POST, and a GET may
# return secrets) nor from the tool's own hints (most have none, and some lie: risk `annotation-understates`). Names collide
# across servers, so tools are listed by server; `*` stands for several.
";

/// Writes every generated file; with `check`, fails where one differs instead.
///
/// # Errors
/// Says which source can't be understood, or which file is out of date.
pub fn generate(check: bool) -> Result<()> {
    let source = fs::read_to_string(root().join(SOURCE)).with_context(|| format!("cannot read {SOURCE}"))?;
    let wanted = cloudflare_tools(&source).with_context(|| format!("cannot understand {SOURCE}"))?;
    let path = root().join(TABLE);
    if !check {
        return fs::write(&path, wanted).with_context(|| format!("cannot write {TABLE}"));
    }
    let present = fs::read_to_string(&path).with_context(|| format!("cannot read {TABLE}"))?;
    ensure!(present == wanted, "{TABLE} is out of date: run `cargo xtask generate` and commit the result");
    Ok(())
}

#[derive(Default)]
struct Table {
    remotes: BTreeMap<String, String>,
    tools: BTreeMap<String, BTreeMap<String, String>>,
}

/// The tool table as TOML.
fn cloudflare_tools(source: &str) -> Result<String> {
    let entries: Vec<Value> = serde_json::from_str(source)?;
    let mut table = Table::default();
    for (entry, number) in entries.iter().zip(1..) {
        take(&mut table, entry).with_context(|| format!("entry {number}"))?;
    }
    let mut text = HEADER.to_owned();
    text.push_str("\n[remotes]\n");
    for (host, key) in &table.remotes {
        writeln!(text, "{} = {}", quoted(host), quoted(key))?;
    }
    for (server, tools) in &table.tools {
        writeln!(text, "\n[tools.{}]", quoted(server))?;
        for (tool, spec) in tools {
            writeln!(text, "{} = {spec}", quoted(tool))?;
        }
    }
    Ok(text)
}

fn take(table: &mut Table, entry: &Value) -> Result<()> {
    let (server, tool) = (word(entry, "server")?, word(entry, "tool")?);
    // a list of servers in prose: they share the tool
    let server = if server.contains(' ') { "*" } else { server };
    if let Some(host) = remote_host(word(entry, "host")?)
        && let Some(other) = table.remotes.insert(host.to_owned(), server.to_owned())
        && other != server
    {
        bail!("{host} stands for both `{other}` and `{server}`");
    }
    // in place of a name, a description of many: the profile has the patterns for code mode's
    let placeholder = tool.starts_with('<');
    if placeholder && server == "code-mode" {
        return Ok(());
    }
    let name = if placeholder { "*" } else { tool };
    let spec = spec(entry, placeholder).with_context(|| format!("tool `{tool}` of `{server}`"))?;
    if table.tools.entry(server.to_owned()).or_default().insert(name.to_owned(), spec).is_some() {
        bail!("tool `{tool}` of `{server}` is listed twice");
    }
    Ok(())
}

fn spec(entry: &Value, placeholder: bool) -> Result<String> {
    let effect = match (flag(entry, "mutates")?, flag(entry, "destructive")?) {
        // whoever wrote the tool decides
        _ if placeholder => "unknown",
        (false, false) => "reads",
        (true, false) => "mutates",
        (true, true) => "destroys",
        (false, true) => bail!("destructive, but doesn't mutate"),
    };
    let mut spec = format!("{{ effect = {}", quoted(effect));
    match word(entry, "api_called_from")? {
        "local-host" => {}
        "cloudflare-edge" => spec.push_str(", at = \"edge\""),
        other => bail!("api_called_from `{other}` is neither local-host nor cloudflare-edge"),
    }
    let mut risk: Vec<&str> = list(entry, "risk")?.iter().filter_map(Value::as_str).collect();
    risk.sort_unstable();
    if risk.contains(&"local-file-read") {
        spec.push_str(", files = \"read\"");
    }
    if !risk.is_empty() {
        let words: Vec<String> = risk.iter().map(|risk| quoted(risk)).collect();
        write!(spec, ", risk = [{}]", words.join(", "))?;
    }
    let mut apis: Vec<String> = Vec::new();
    for api in list(entry, "api")? {
        let api = request(api)?;
        if !apis.contains(&api) {
            apis.push(api);
        }
    }
    if !apis.is_empty() {
        write!(spec, ", apis = [{}]", apis.join(", "))?;
    }
    spec.push_str(" }");
    Ok(spec)
}

fn request(api: &Value) -> Result<String> {
    let base = api.get("base").and_then(Value::as_str).unwrap_or("");
    let (method, path, host) = (word(api, "method")?, word(api, "path")?, word(api, "host")?);
    ensure!(path.starts_with('/') && !path.contains('?'), "`{path}` is no path");
    let path = format!("{base}{path}");
    Ok(format!("{{ method = {}, path = {}, host = {} }}", quoted(method), quoted(&path), quoted(host)))
}

/// A real host name: not a wildcard, a placeholder or a remark.
fn remote_host(text: &str) -> Option<&str> {
    let host = text.split(' ').next()?;
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    (host.contains('.') && host.chars().all(legal)).then_some(host)
}

fn word<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value.get(key).and_then(Value::as_str).with_context(|| format!("`{key}` is missing or no text"))
}

fn flag(value: &Value, key: &str) -> Result<bool> {
    value.get(key).and_then(Value::as_bool).with_context(|| format!("`{key}` is missing or no boolean"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a [Value]> {
    value
        .get(key)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .with_context(|| format!("`{key}` is missing or no list"))
}

/// A TOML basic string; JSON's escapes are a subset of TOML's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_is_up_to_date() {
        generate(true).expect("cargo xtask generate");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let entry = |change: &str, to: &str| {
            let good = r#"[{"server":"s","host":"s.example.com","tool":"t","mutates":false,"destructive":false,"risk":[],"api":[{"method":"GET","path":"/p","host":"h"}],"api_called_from":"local-host"}]"#;
            good.replace(change, to)
        };
        assert!(cloudflare_tools(&entry("", "")).is_ok());
        for (change, to) in [
            (r#""mutates":false,"#, ""),
            (r#""destructive":false"#, r#""destructive":true"#),
            ("local-host", "moon"),
            ("/p", "p"),
            (r#""risk":[]"#, r#""risk":1"#),
        ] {
            assert!(cloudflare_tools(&entry(change, to)).is_err(), "{change} -> {to}");
        }
    }
}
