//! `tripline profile`: what kinds of server are declared to do.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use monitor_core::profile::{
    CallSite, ChildRule, Endpoint, FileAccess, NetworkPolicy, Phase, Profile as Declared, Profiles, RootSource,
    ServerRule, ToolSpec,
};
use serde_json::{Value, json};

use super::options::read_profile;
use super::out::{Out, Style, plain};
use super::{FINE, Failure, report};

/// Look at profiles.
#[derive(Debug, Args)]
pub struct Profile {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// One line for each shipped profile
    List {
        /// One JSON value a line
        #[arg(long)]
        json: bool,
    },
    /// What a profile declares, tool by tool
    #[command(
        after_help = "Examples:\n  tripline profile show cloudflare\n  tripline profile show ./my-server.toml --json"
    )]
    Show {
        /// A shipped profile, or a file
        #[arg(value_name = "NAME|FILE")]
        name: String,
        /// One JSON value
        #[arg(long)]
        json: bool,
    },
    /// Validate profile files; unknown keys are errors
    #[command(
        after_help = "Prints a line for each file. Exits 2 if one is not valid, and names its file, line and column."
    )]
    Check {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

impl Profile {
    /// Runs the verb.
    pub fn run(self) -> u8 {
        match self.verb {
            Verb::List { json } => report(list(json)),
            Verb::Show { name, json } => report(show(&name, json)),
            Verb::Check { files } => check(&files),
        }
    }
}

fn list(json: bool) -> Result<(), Failure> {
    let mut out = Out::new();
    let profiles = Profiles::builtin();
    let mut rows = Vec::new();
    for profile in profiles.iter() {
        let tools: usize = profile.tools.values().map(std::collections::BTreeMap::len).sum();
        if json {
            let (name, version, summary) = (&profile.name, profile.version, &profile.summary);
            out.line(json!({"name": name, "version": version, "summary": summary, "tools": tools}))?;
            continue;
        }
        let tools = if tools == 0 { "no tool listed".to_owned() } else { format!("{tools} tools") };
        rows.push(vec![profile.name.clone(), format!("version {}", profile.version), tools, profile.summary.clone()]);
    }
    out.table("", &rows)?;
    out.flush()
}

fn show(name: &str, json: bool) -> Result<(), Failure> {
    let profile = read_profile(name)?;
    let mut out = Out::new();
    if json {
        out.line(value(&profile))?;
    } else {
        lay_out(&mut out, &profile)?;
    }
    out.flush()
}

fn check(files: &[PathBuf]) -> u8 {
    let mut out = Out::new();
    let mut status = FINE;
    for file in files {
        match check_one(file) {
            Ok(profile) => {
                let (file, name) = (plain(&file.display().to_string()), plain(&profile.name));
                if let Err(failure) =
                    out.line(format_args!("{file}: valid, profile {name} version {}", profile.version))
                {
                    return failure.report();
                }
            }
            Err(failure) => {
                let _broken_pipe = out.flush();
                status = failure.report().max(status);
            }
        }
    }
    match out.flush() {
        Ok(()) => status,
        Err(failure) => failure.report().max(status),
    }
}

fn check_one(file: &std::path::Path) -> Result<Declared, Failure> {
    let origin = file.display().to_string();
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read the profile {origin}: {error}")))?;
    Declared::parse(&text, &origin).map_err(|error| Failure::usage(error.to_string()))
}

fn lay_out(out: &mut Out, profile: &Declared) -> Result<(), Failure> {
    let title = out.paint(Style::Bold, plain(&profile.name));
    out.line(format_args!("{title} version {}: {}", profile.version, plain(&profile.summary)))?;
    let section = |out: &mut Out, title: &str, rows: Vec<Vec<String>>| {
        if rows.is_empty() {
            return Ok(());
        }
        let title = out.paint(Style::Bold, title);
        out.line(format_args!("\n{title}"))?;
        out.table("  ", &rows)
    };
    section(out, "Recognised by", profile.servers.iter().map(recognised).collect())?;
    section(out, "May, at any time", general(profile))?;
    section(out, "May start", profile.children.iter().map(child).collect())?;
    let credentials = &profile.own_credentials;
    let mut own: Vec<Vec<String>> = credentials.kinds.iter().map(|kind| cells(&["kind", kind])).collect();
    own.extend(credentials.paths.iter().map(|path| cells(&["file", path.as_str()])));
    section(out, "Its own credentials", own)?;
    for (server, tools) in &profile.tools {
        let title = if server == "*" { "Tools".to_owned() } else { format!("Tools of {}", plain(server)) };
        section(out, &title, tools.iter().map(|(name, spec)| tool(out, name, spec)).collect())?;
    }
    let rest = if profile.trust_annotations {
        "A tool that isn't listed is judged by its own annotations."
    } else {
        "A tool that isn't listed has an unknown effect, whatever it says of itself."
    };
    out.line(format_args!("\n{rest}"))
}

/// Every condition of a rule must hold; of each list, one entry.
fn recognised(rule: &ServerRule) -> Vec<String> {
    let executables: Vec<String> = rule.executables.iter().map(|pattern| pattern.as_str().to_owned()).collect();
    let conditions: Vec<String> = [
        ("package", &rule.packages),
        ("executable", &executables),
        ("argument", &rule.argv),
        ("URL of", &rule.url_hosts),
        ("image", &rule.images),
        ("variable", &rule.env),
    ]
    .iter()
    .filter(|(_, list)| !list.is_empty())
    .map(|(what, list)| format!("{what} {}", plain(&list.join(" or "))))
    .collect();
    vec![plain(&rule.key), conditions.join(", and ")]
}

fn general(profile: &Declared) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut add = |title: &str, text: String| rows.push(vec![title.to_owned(), plain(&text)]);
    let network = match profile.network {
        NetworkPolicy::None => "no destination at all",
        NetworkPolicy::Profile => "only the hosts listed here",
        NetworkPolicy::Fetch => "the hosts listed here, and for a tool that fetches the host that an argument names",
        NetworkPolicy::Open => "the hosts listed here, and any outside host during a call whose tool may reach out",
    };
    add("network", network.to_owned());
    let host = |endpoint: &Endpoint| format!("{}:{}", endpoint.host, endpoint.port);
    profile.hosts.iter().for_each(|endpoint| add("host", host(endpoint)));
    profile.startup_hosts.iter().for_each(|endpoint| add("host", format!("{}, at start", host(endpoint))));
    for (yes, text) in [
        (profile.registries, "its package manager's registries, at start"),
        (profile.argv_hosts, "hosts of URLs on its command line"),
        (profile.listen_loopback, "listen on a loopback address"),
    ] {
        if yes {
            add("network", text.to_owned());
        }
    }
    if !profile.sockets.is_empty() {
        add("sockets", profile.sockets.join(", "));
    }
    if !profile.runtimes.is_empty() {
        add("files", format!("what is normal for {}", profile.runtimes.join(", ")));
    }
    let roots = match profile.roots.from {
        RootSource::None => None,
        RootSource::Argv => Some("below the folders on its command line, where an argument names them".to_owned()),
        RootSource::Flags => {
            Some(format!("below the folders of {}, where an argument names them", profile.roots.flags.join(", ")))
        }
        RootSource::Cwd => Some("below its working folder, where an argument names them".to_owned()),
    };
    if let Some(roots) = roots {
        add("files", roots);
    }
    profile.reads.iter().for_each(|pattern| add("reads", pattern.as_str().to_owned()));
    profile.writes.iter().for_each(|pattern| add("writes", pattern.as_str().to_owned()));
    rows
}

fn child(rule: &ChildRule) -> Vec<String> {
    let phases: Vec<&str> = rule.phases.iter().copied().map(phase).collect();
    let credentials = if rule.credentials { ", and may read its own credentials" } else { "" };
    vec![plain(&rule.programs.join(", ")), format!("{}{credentials}", phases.join(", "))]
}

fn tool(out: &Out, name: &str, spec: &ToolSpec) -> Vec<String> {
    let effect = match spec.effect.as_str() {
        word @ "destroys" => out.paint(Style::Red, word),
        word @ "mutates" => out.paint(Style::Yellow, word),
        word => word.to_owned(),
    };
    let mut notes: Vec<String> =
        spec.apis.iter().map(|api| format!("{} {}{}", api.method, api.host, api.path)).collect();
    if spec.at == CallSite::Edge {
        notes.insert(0, "not on this host".to_owned());
    }
    if spec.fetches {
        notes.push("fetches".to_owned());
    }
    match spec.files {
        FileAccess::None => {}
        FileAccess::Read => notes.push("reads files".to_owned()),
        FileAccess::Write => notes.push("writes files".to_owned()),
    }
    if !spec.children.is_empty() {
        notes.push(format!("starts {}", spec.children.join(", ")));
    }
    if !spec.risk.is_empty() {
        notes.push(format!("risk: {}", spec.risk.join(", ")));
    }
    vec![plain(name), effect, plain(&notes.join("; "))]
}

const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Start => "start",
        Phase::Idle => "idle",
        Phase::Call => "call",
        Phase::Stop => "stop",
    }
}

fn cells(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| plain(text)).collect()
}

/// The profile as the file would spell it.
fn value(profile: &Declared) -> Value {
    let endpoints = |list: &[Endpoint]| -> Vec<Value> {
        list.iter().map(|endpoint| json!({"host": endpoint.host, "port": endpoint.port})).collect()
    };
    let patterns = |list: &[monitor_core::pattern::Pattern]| -> Vec<String> {
        list.iter().map(|pattern| pattern.as_str().to_owned()).collect()
    };
    let own = |own: &monitor_core::profile::OwnCredentials| json!({"kinds": own.kinds, "paths": patterns(&own.paths)});
    let servers: Vec<Value> = profile
        .servers
        .iter()
        .map(|rule| {
            json!({
                "key": rule.key, "packages": rule.packages, "executables": patterns(&rule.executables),
                "argv": rule.argv, "url_hosts": rule.url_hosts, "images": rule.images, "env": rule.env,
                "own_credentials": own(&rule.own_credentials),
            })
        })
        .collect();
    let children: Vec<Value> = profile
        .children
        .iter()
        .map(|rule| json!({"programs": rule.programs, "phases": rule.phases, "credentials": rule.credentials}))
        .collect();
    let tools: serde_json::Map<String, Value> = profile
        .tools
        .iter()
        .map(|(server, tools)| {
            let tools = tools.iter().map(|(name, spec)| (name.clone(), tool_value(spec))).collect();
            (server.clone(), Value::Object(tools))
        })
        .collect();
    json!({
        "name": profile.name, "version": profile.version, "summary": profile.summary, "servers": servers,
        "runtimes": profile.runtimes, "hosts": endpoints(&profile.hosts),
        "startup_hosts": endpoints(&profile.startup_hosts), "network": profile.network,
        "listen_loopback": profile.listen_loopback, "registries": profile.registries, "argv_hosts": profile.argv_hosts,
        "own_credentials": own(&profile.own_credentials), "children": children, "sockets": profile.sockets,
        "roots": {"from": profile.roots.from, "flags": profile.roots.flags},
        "reads": patterns(&profile.reads), "writes": patterns(&profile.writes),
        "trust_annotations": profile.trust_annotations, "undeclared_tool": tool_value(&profile.undeclared_tool),
        "tools": tools, "remotes": profile.remotes,
    })
}

fn tool_value(spec: &ToolSpec) -> Value {
    let apis: Vec<Value> =
        spec.apis.iter().map(|api| json!({"method": api.method, "path": api.path, "host": api.host})).collect();
    json!({
        "effect": spec.effect, "at": spec.at, "apis": apis, "risk": spec.risk, "fetches": spec.fetches,
        "files": spec.files, "children": spec.children,
    })
}
