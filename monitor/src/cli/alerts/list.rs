//! `tripline alerts list`.

use clap::Args;
use monitor_core::alert::Alert;

use super::{Filter, HEAD, file, newest, none_yet};
use crate::cli::Failure;
use crate::cli::journal::{StoreOptions, parse, short};
use crate::cli::out::{Out, base, plain, second};

/// List alerts.
#[derive(Debug, Args)]
#[command(
    after_help = "Columns: time (UTC), severity, category, id, server, tool, process, summary. The id is the end of \
the full one; `tripline alerts show` takes either.\n\nExamples:\n  tripline alerts list --severity high --since 24h\n  \
tripline alerts list --category token_theft --json | jq .summary"
)]
pub struct List {
    #[command(flatten)]
    filter: Filter,
    /// Only the last N
    #[arg(short = 'n', long, value_name = "N")]
    last: Option<usize>,
    /// The alerts themselves, one JSON value a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOptions,
}

impl List {
    /// Prints what fits.
    pub fn run(&self) -> Result<(), Failure> {
        let mut out = Out::new();
        let Some(mut journal) = self.store.open(file)? else { return none_yet(&self.store) };
        let newest = newest(&mut journal, |alert| self.filter.takes(alert))?;
        let mut places: Vec<_> = newest.into_values().filter(|place| place.wanted).collect();
        places.sort_by_key(|place| (place.time, place.offset));
        let skipped = self.last.map_or(0, |last| places.len().saturating_sub(last));
        for place in places.iter().skip(skipped) {
            let text = journal.text(place.offset)?;
            print(&mut out, &text, self.json)?;
        }
        out.flush()
    }
}

/// One alert on one line.
pub fn print(out: &mut Out, text: &str, json: bool) -> Result<(), Failure> {
    if json {
        return out.line(text);
    }
    match parse::<Alert>(text.as_bytes(), HEAD) {
        Some((_, alert)) => out.line(line(out, &alert)),
        None => Ok(()),
    }
}

fn line(out: &Out, alert: &Alert) -> String {
    let severity = out.severity(alert.severity);
    let gap = " ".repeat(8 - alert.severity.as_str().len().min(8));
    let server = alert.server.as_ref().map_or("-", |server| server.name.as_str());
    let tools: Vec<&str> = alert.calls.iter().map(|call| call.tool.as_str()).collect();
    let tools = match tools.as_slice() {
        [] => "-".to_owned(),
        [tool] => plain(tool),
        [tool, rest @ ..] => format!("{}+{}", plain(tool), rest.len()),
    };
    let process = alert
        .process
        .as_ref()
        .map_or_else(|| "-".to_owned(), |process| format!("{}[{}]", plain(base(&process.exe)), process.pid));
    format!(
        "{}  {severity}{gap}  {:17}  {}  {}  {tools}  {process}  {}",
        second(alert.time),
        alert.category.as_str(),
        short(&alert.id),
        plain(server),
        plain(&alert.summary)
    )
}
