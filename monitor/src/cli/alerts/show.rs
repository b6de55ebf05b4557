//! `tripline alerts show`: one alert for somebody who was woken by it.

use std::collections::HashMap;

use clap::Args;
use monitor_core::alert::{Alert, CallInfo, ProcessInfo, ServerInfo};
use monitor_core::rules;

use super::{HEAD, Place, file, newest, words};
use crate::cli::Failure;
use crate::cli::journal::{Journal, StoreOptions, parse, pick, short};
use crate::cli::out::{Out, Style, millisecond, plain};

/// Most related alerts that are listed.
const MAX_RELATED: usize = 16;

/// Show an alert.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tripline alerts show 3f9c21d0\n  tripline alerts show --json 3f9c21d0 | jq .evidence"
)]
pub struct Show {
    /// Its id, or the start or end of it (four characters or more)
    id: String,
    /// The alert itself as one JSON value
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOptions,
}

impl Show {
    /// Prints the highest revision.
    pub fn run(&self) -> Result<(), Failure> {
        let path = self.store.path(file)?;
        let nothing = || Failure::failed(format!("there is no alert {}: there is no {}", self.id, path.display()));
        let mut journal = self.store.open(file)?.ok_or_else(nothing)?;
        let newest = newest(&mut journal, |_| true)?;
        let id = pick(newest.keys().map(String::as_str), &self.id, "alert")?.to_owned();
        let offset = newest.get(&id).map_or(0, |place| place.offset);
        let text = journal.text(offset)?;
        let mut out = Out::new();
        if self.json {
            out.line(text)?;
            return out.flush();
        }
        let (_, alert) = parse::<Alert>(text.as_bytes(), HEAD)
            .ok_or_else(|| Failure::failed(format!("alert {id} changed while it was read; try again")))?;
        lay_out(&mut out, &alert)?;
        related(&mut out, &mut journal, &newest, &alert)?;
        out.flush()
    }
}

fn lay_out(out: &mut Out, alert: &Alert) -> Result<(), Failure> {
    let title = out.paint(Style::Bold, plain(&alert.rule.name));
    let severity = out.severity(alert.severity);
    out.line(format_args!("{severity}  {}  {title}", alert.category.as_str()))?;
    out.line("")?;
    out.paragraph("  ", &plain(&alert.summary))?;
    out.line("")?;
    let mut rows = vec![
        row("Alert", format!("{}, revision {}", plain(&alert.id), alert.revision)),
        row("Rule", format!("{} version {}", plain(&alert.rule.id), alert.rule.version)),
        row("Time", format!("{} UTC{}", millisecond(alert.time), repeated(alert))),
        row("Confidence", format!("{}: {}", alert.confidence.as_str(), words::confidence(alert.confidence))),
    ];
    if let Some(server) = &alert.server {
        rows.extend(self::server(server));
    }
    if let Some(process) = &alert.process {
        rows.extend(self::process(process));
    }
    let mut known: Vec<String> = alert.attack.iter().map(|id| format!("ATT&CK {}", plain(id))).collect();
    known.extend(alert.maestro.iter().map(|layer| format!("MAESTRO {}", plain(layer))));
    known.extend(alert.aivss.iter().map(|score| format!("AIVSS {:.1} ({})", score.score, plain(&score.severity))));
    rows.push(row("Known as", known.join(", ")));
    out.table("  ", &rows)?;

    heading(out, "Calls that were open")?;
    if alert.calls.is_empty() {
        out.line("  none")?;
    }
    let calls: Vec<Vec<String>> = alert.calls.iter().map(call).collect();
    out.table("  ", &calls)?;

    heading(out, "Evidence, in order of time")?;
    let mut evidence: Vec<_> = alert.evidence.iter().collect();
    evidence.sort_by_key(|item| item.time);
    for item in evidence {
        out.line(format_args!("  {}  {}", millisecond(item.time), words::fact(&item.fact)))?;
    }

    heading(out, "Coverage")?;
    if alert.coverage.complete {
        out.line("  complete: nothing that could have changed this verdict is known to be missing")?;
    } else {
        out.line("  incomplete: something that could have changed this verdict may be missing")?;
        for gap in &alert.coverage.gaps {
            out.line(format_args!("  - {}", words::gap(gap)))?;
        }
    }
    advice(out, &alert.rule.id)
}

/// The rule's own text: what it means, what is innocent, what to do.
fn advice(out: &mut Out, id: &str) -> Result<(), Failure> {
    let Some(rule) = rules::get(id) else {
        heading(out, "What to check")?;
        return out.paragraph(
            "  ",
            "This version of tripline doesn't know the rule; a newer one may have written the alert.",
        );
    };
    for (title, text) in
        [("What it means", rule.explanation), ("What is normal", rule.normal), ("What to check", rule.check)]
    {
        heading(out, title)?;
        out.paragraph("  ", text)?;
    }
    Ok(())
}

/// Other alerts of the same incident.
fn related(
    out: &mut Out,
    journal: &mut Journal,
    newest: &HashMap<String, Place>,
    alert: &Alert,
) -> Result<(), Failure> {
    let mut others: Vec<(&String, &Place)> =
        newest.iter().filter(|(id, place)| place.incident == alert.incident && **id != alert.id).collect();
    if others.is_empty() {
        return Ok(());
    }
    others.sort_by_key(|(_, place)| (place.time, place.offset));
    heading(out, &format!("Also of this incident ({})", plain(&alert.incident)))?;
    let mut rows = Vec::new();
    for (id, place) in others.iter().take(MAX_RELATED) {
        let text = journal.text(place.offset)?;
        let Some((_, other)) = parse::<Alert>(text.as_bytes(), HEAD) else { continue };
        let severity = out.severity(other.severity);
        rows.push(vec![millisecond(place.time), severity, short(id).to_owned(), plain(&other.summary)]);
    }
    out.table("  ", &rows)?;
    if others.len() > MAX_RELATED {
        out.line(format_args!("  and {} more", others.len() - MAX_RELATED))?;
    }
    Ok(())
}

fn repeated(alert: &Alert) -> String {
    let dedup = &alert.dedup;
    if dedup.count < 2 {
        return String::new();
    }
    format!("; {} times from {} to {}", dedup.count, millisecond(dedup.first), millisecond(dedup.last))
}

fn server(server: &ServerInfo) -> Vec<Vec<String>> {
    let (name, profile) = (plain(&server.name), plain(&server.profile));
    let mut rows = vec![
        row("Server", format!("{name}, profile {profile}, process {}, {}", server.pid, plain(&server.transport))),
        row("", format!("{}: {}", plain(&server.exe), words::command(&server.argv))),
    ];
    for (what, id) in [("container", &server.container), ("pod", &server.pod)] {
        rows.extend(id.iter().map(|id| row("", format!("{what} {}", plain(id)))));
    }
    rows
}

fn process(process: &ProcessInfo) -> Vec<Vec<String>> {
    let mut rows = vec![
        row("Process", format!("{}, process {}, uid {}", plain(&process.exe), process.pid, process.uid)),
        row("", words::command(&process.argv)),
    ];
    for (depth, ancestor) in process.lineage.iter().enumerate() {
        let title = if depth == 0 { "Started by" } else { "" };
        rows.push(row(title, format!("{}{}, process {}", "  ".repeat(depth), plain(&ancestor.exe), ancestor.pid)));
    }
    rows
}

fn call(call: &CallInfo) -> Vec<String> {
    let ended = call.ended.map_or_else(
        || "open when the alert was raised".to_owned(),
        |ended| format!("answered {}", millisecond(ended)),
    );
    vec![
        plain(&call.tool),
        format!("declared: {}", call.effect.as_str()),
        format!("asked {}", millisecond(call.started)),
        ended,
        format!("tripline calls show {}", short(&call.id)),
    ]
}

fn row(title: &str, text: String) -> Vec<String> {
    vec![title.to_owned(), text]
}

fn heading(out: &mut Out, title: &str) -> Result<(), Failure> {
    out.line("")?;
    let title = out.paint(Style::Bold, title);
    out.line(title)
}
