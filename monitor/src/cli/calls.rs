//! `tripline calls`: declared beside observed, call by call.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use monitor_core::ledger::{CallRecord, Declared, DeclaredBy, Observed};
use monitor_core::profile::FileAccess;

use super::journal::{StoreOptions, parse, pick, short};
use super::out::{Out, Style, millisecond, plain, second};
use super::{Failure, report};
use crate::pipeline::output::Store;

/// How a line of the store begins.
const HEAD: &str = "{\"id\":";

/// Look at tool calls.
#[derive(Debug, Args)]
pub struct Calls {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// One line for each call that was closed, the newest last
    List(List),
    /// One call: what was declared, and what was observed
    Show(Show),
}

/// List calls.
#[derive(Debug, Args)]
#[command(
    after_help = "Columns: time (UTC), id, server, tool, declared effect, how the call ended, effects observed, those \
that nothing explains, alerts.\n\nExamples:\n  tripline calls list --tool worker_deploy\n  tripline calls list --alerted"
)]
struct List {
    /// Only calls to servers whose name holds this text
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Only calls of this tool
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// Only calls that an alert names
    #[arg(long)]
    alerted: bool,
    /// Only the last N
    #[arg(short = 'n', long, value_name = "N")]
    last: Option<usize>,
    /// The records themselves, one JSON value a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOptions,
}

/// Show a call.
#[derive(Debug, Args)]
struct Show {
    /// Its id, or the start or end of it (four characters or more)
    id: String,
    /// The record itself as one JSON value
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOptions,
}

impl Calls {
    /// Runs the verb.
    pub fn run(self) -> u8 {
        report(match self.verb {
            Verb::List(list) => list.run(),
            Verb::Show(show) => show.run(),
        })
    }
}

impl List {
    fn run(&self) -> Result<(), Failure> {
        let mut out = Out::new();
        let Some(mut journal) = self.store.open(file)? else {
            let path = self.store.path(file)?;
            super::note(&format!("no call was written yet: there is no {}", path.display()));
            return Ok(());
        };
        let mut offsets = Vec::new();
        while let Some((offset, call)) = journal.next::<CallRecord>(HEAD)? {
            if self.takes(&call) {
                offsets.push(offset);
            }
        }
        journal.tell();
        let skipped = self.last.map_or(0, |last| offsets.len().saturating_sub(last));
        for offset in offsets.into_iter().skip(skipped) {
            let text = journal.text(offset)?;
            match parse::<CallRecord>(text.as_bytes(), HEAD) {
                _ if self.json => out.line(text)?,
                Some((_, call)) => {
                    let line = line(&out, &call);
                    out.line(line)?;
                }
                None => {}
            }
        }
        out.flush()
    }

    fn takes(&self, call: &CallRecord) -> bool {
        self.server.as_ref().is_none_or(|wanted| call.server.contains(wanted.as_str()))
            && self.tool.as_ref().is_none_or(|wanted| call.tool == *wanted)
            && (!self.alerted || !call.alerts.is_empty())
    }
}

impl Show {
    fn run(&self) -> Result<(), Failure> {
        let path = self.store.path(file)?;
        let nothing = || Failure::failed(format!("there is no call {}: there is no {}", self.id, path.display()));
        let mut journal = self.store.open(file)?.ok_or_else(nothing)?;
        let mut known: Vec<(String, u64)> = Vec::new();
        while let Some((offset, call)) = journal.next::<CallRecord>(HEAD)? {
            known.push((call.id, offset));
        }
        journal.tell();
        let id = pick(known.iter().map(|(id, _)| id.as_str()), &self.id, "call")?.to_owned();
        let offset = known.iter().rev().find(|(known, _)| *known == id).map_or(0, |(_, offset)| *offset);
        let text = journal.text(offset)?;
        let mut out = Out::new();
        if self.json {
            out.line(text)?;
        } else if let Some((_, call)) = parse::<CallRecord>(text.as_bytes(), HEAD) {
            lay_out(&mut out, &call)?;
        }
        out.flush()
    }
}

fn line(out: &Out, call: &CallRecord) -> String {
    let unexplained = call.observed.iter().filter(|effect| is_unexplained(effect)).count();
    let count = |count: usize, what: &str, style| match count {
        0 => String::new(),
        _ => out.paint(style, format!("  {count} {what}")),
    };
    format!(
        "{}  {}  {}  {}  {}  {}  {} observed{}{}",
        second(call.started),
        short(&call.id),
        plain(&call.server),
        plain(&call.tool),
        call.declared.effect.as_str(),
        plain(&call.outcome),
        call.observed.len() as u64 + call.more,
        count(unexplained, "unexplained", Style::Yellow),
        count(call.alerts.len(), "alerted", Style::Red),
    )
}

fn lay_out(out: &mut Out, call: &CallRecord) -> Result<(), Failure> {
    let title = out.paint(Style::Bold, plain(&call.tool));
    out.line(format_args!("{title}  {}", plain(&call.outcome)))?;
    let ended = call.ended.map_or_else(|| "never".to_owned(), millisecond);
    let row = |title: &str, text: String| vec![title.to_owned(), text];
    let mut rows = vec![
        row("Call", format!("{}, request {}", plain(&call.id), plain(&call.request))),
        row("Server", format!("{}, profile {}, process {}", plain(&call.server), plain(&call.profile), call.pid)),
        row("Asked", format!("{} UTC", millisecond(call.started))),
        row("Answered", ended),
    ];
    for (number, argument) in call.arguments.iter().enumerate() {
        let title = if number == 0 { "Arguments" } else { "" };
        rows.push(row(title, format!("{}  {} bytes", plain(&argument.at), argument.len)));
    }
    out.table("  ", &rows)?;
    heading(out, "Declared")?;
    out.table("  ", &declared(&call.declared))?;
    heading(out, "Observed")?;
    let observed: Vec<Vec<String>> = call.observed.iter().map(|effect| self::observed(out, effect)).collect();
    if observed.is_empty() {
        out.line("  nothing")?;
    }
    out.table("  ", &observed)?;
    if call.more > 0 {
        out.line(format_args!("  and {} more that are not kept", call.more))?;
    }
    if !call.alerts.is_empty() {
        heading(out, "Alerts that name this call")?;
        for id in &call.alerts {
            out.line(format_args!("  tripline alerts show {}", plain(id)))?;
        }
    }
    Ok(())
}

fn declared(declared: &Declared) -> Vec<Vec<String>> {
    let by = match declared.by {
        DeclaredBy::Profile => "the profile",
        DeclaredBy::Annotations => "the server's own annotations",
        DeclaredBy::Nobody => "nobody: the profile's default for tools without an entry",
    };
    let files = match declared.files {
        FileAccess::None => None,
        FileAccess::Read => Some("reads files inside its roots that arguments name"),
        FileAccess::Write => Some("reads and changes files inside its roots that arguments name"),
    };
    let mut rows =
        vec![vec!["by".to_owned(), by.to_owned()], vec!["effect".to_owned(), declared.effect.as_str().to_owned()]];
    let mut add = |title: &str, text: String| rows.push(vec![title.to_owned(), plain(&text)]);
    if let Some(files) = files {
        add("files", files.to_owned());
    }
    if declared.fetches {
        add("network", "fetches what an argument names".to_owned());
    }
    if declared.open_world {
        add("network", "may reach any host".to_owned());
    }
    if !declared.children.is_empty() {
        add("programs", declared.children.join(", "));
    }
    for (number, api) in declared.apis.iter().enumerate() {
        add(if number == 0 { "requests" } else { "" }, api.clone());
    }
    if !declared.risk.is_empty() {
        add("risk", declared.risk.join(", "));
    }
    rows
}

fn observed(out: &Out, effect: &Observed) -> Vec<String> {
    let mut word = plain(&effect.explained);
    if let Some(strength) = &effect.strength {
        word += &format!(", {}", plain(strength));
    }
    let explained = out.paint(if is_unexplained(effect) { Style::Red } else { Style::Dim }, word);
    vec![millisecond(effect.first), explained, effect.kind.replace('_', " "), plain(&effect.object)]
}

fn is_unexplained(effect: &Observed) -> bool {
    matches!(effect.explained.as_str(), "unexplained" | "alerted")
}

fn heading(out: &mut Out, title: &str) -> Result<(), Failure> {
    out.line("")?;
    let title = out.paint(Style::Bold, title);
    out.line(title)
}

fn file(store: &Store) -> PathBuf {
    store.calls()
}
