//! `tripline rules`: what is detected, and what to check when it is.

use clap::{Args, Subcommand};
use monitor_core::rules::{ALL, Rule, get};

use super::out::{Out, Style};
use super::{Failure, report};

/// Look at the rules.
#[derive(Debug, Args)]
pub struct Rules {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// One line for each rule
    List {
        /// One JSON value a line
        #[arg(long)]
        json: bool,
    },
    /// What a rule means, what looks like it and is normal, and what to check
    #[command(after_help = "Example:\n  tripline rules explain TL-CRED-001")]
    Explain {
        /// The rule's id, as alerts say it
        id: String,
        /// One JSON value
        #[arg(long)]
        json: bool,
    },
}

impl Rules {
    /// Runs the verb.
    pub fn run(self) -> u8 {
        report(match self.verb {
            Verb::List { json } => list(json),
            Verb::Explain { id, json } => explain(&id, json),
        })
    }
}

fn list(json: bool) -> Result<(), Failure> {
    let mut out = Out::new();
    if json {
        for rule in ALL {
            out.line(value(rule))?;
        }
        return out.flush();
    }
    let row = |rule: &&Rule| {
        let severity = out.severity(rule.severity);
        let unfed = if rule.is_fed() { "" } else { " (no sensor of this version feeds it)" };
        vec![rule.id.to_owned(), severity, rule.category.as_str().to_owned(), format!("{}{unfed}", rule.name)]
    };
    let rows: Vec<Vec<String>> = ALL.iter().map(row).collect();
    out.table("", &rows)?;
    out.flush()
}

fn explain(id: &str, json: bool) -> Result<(), Failure> {
    let rule = get(&id.to_ascii_uppercase())
        .ok_or_else(|| Failure::usage(format!("there is no rule {id}; `tripline rules list` shows those there are")))?;
    let mut out = Out::new();
    if json {
        out.line(value(rule))?;
        return out.flush();
    }
    let title = out.paint(Style::Bold, rule.name);
    out.line(format_args!("{}  {title}", rule.id))?;
    let row = |title: &str, text: String| vec![title.to_owned(), text];
    let rests = if rule.is_fed() {
        format!("{} (a gap in one of them is named on the alert)", rule.sensors.join(", "))
    } else {
        "nothing yet: no sensor of this version feeds it".to_owned()
    };
    let rows = [
        row("Category", rule.category.as_str().to_owned()),
        row("Usual severity", out.severity(rule.severity)),
        row("Version", rule.version.to_string()),
        row("ATT&CK", rule.attack.join(", ")),
        row("MAESTRO", rule.maestro.join(", ")),
        row("Rests on", rests),
    ];
    out.table("  ", &rows)?;
    for (title, text) in
        [("What it means", rule.explanation), ("What is normal", rule.normal), ("What to check", rule.check)]
    {
        let title = out.paint(Style::Bold, title);
        out.line(format_args!("\n{title}"))?;
        out.paragraph("  ", text)?;
    }
    out.flush()
}

fn value(rule: &Rule) -> serde_json::Value {
    serde_json::json!({
        "id": rule.id,
        "name": rule.name,
        "version": rule.version,
        "category": rule.category,
        "severity": rule.severity,
        "maestro": rule.maestro,
        "attack": rule.attack,
        "sensors": rule.sensors,
        "fed": rule.is_fed(),
        "explanation": rule.explanation,
        "normal": rule.normal,
        "check": rule.check,
    })
}
