//! `tripline alerts`: the local store.

mod list;
mod show;
mod tail;
mod words;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use monitor_core::alert::{Alert, Category, Severity, Stamp};
use monitor_core::time::{SECOND, Time};

use super::journal::{Journal, StoreOptions};
use super::{Failure, report};
use crate::pipeline::output::Store;

/// How a line of the store begins.
const HEAD: &str = "{\"schema\":";

/// Look at what was alerted.
#[derive(Debug, Args)]
pub struct Alerts {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// One line for each alert, the newest last
    List(list::List),
    /// One alert, laid out: what happened, on what evidence, and what to check
    Show(show::Show),
    /// The last alerts, then each new one as it comes
    Tail(tail::Tail),
}

impl Alerts {
    /// Runs the verb.
    pub fn run(self) -> u8 {
        report(match self.verb {
            Verb::List(list) => list.run(),
            Verb::Show(show) => show.run(),
            Verb::Tail(tail) => tail.run(),
        })
    }
}

/// Which alerts are wanted. Every option that is given must fit.
#[derive(Debug, Args)]
struct Filter {
    /// Only alerts of this severity and worse
    #[arg(long, value_name = "MIN", value_parser = severity())]
    severity: Option<Severity>,
    /// Only alerts of this category; may be given several times
    #[arg(long, value_name = "CATEGORY", value_parser = category())]
    category: Vec<Category>,
    /// Only alerts about servers whose name holds this text
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Only alerts from this time on: 30m, 12h, 7d, 2026-01-31 or 2026-01-31T14:00:00Z
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Time>,
}

impl Filter {
    fn takes(&self, alert: &Alert) -> bool {
        let name = alert.server.as_ref().map_or("", |server| server.name.as_str());
        self.severity.is_none_or(|least| alert.severity >= least)
            && (self.category.is_empty() || self.category.contains(&alert.category))
            && self.server.as_ref().is_none_or(|wanted| name.contains(wanted.as_str()))
            && self.since.is_none_or(|since| alert.time.0 >= since)
    }
}

/// Where the highest revision of an alert stands, and what orders it. A store may be larger than memory: only this is
/// kept of each alert.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    revision: u32,
    time: Stamp,
    offset: u64,
    incident: String,
    wanted: bool,
}

/// The highest revision of every alert, by id.
fn newest(journal: &mut Journal, wanted: impl Fn(&Alert) -> bool) -> Result<HashMap<String, Place>, Failure> {
    let mut newest: HashMap<String, Place> = HashMap::new();
    while let Some((offset, alert)) = journal.next::<Alert>(HEAD)? {
        let place = Place {
            revision: alert.revision,
            time: alert.time,
            offset,
            wanted: wanted(&alert),
            incident: alert.incident,
        };
        // An equal one that comes later was written by an agent that took up where another had stopped.
        if newest.get(&alert.id).is_none_or(|known| known.revision <= place.revision) {
            newest.insert(alert.id, place);
        }
    }
    journal.tell();
    Ok(newest)
}

/// Said instead of an empty list, on standard error.
fn none_yet(store: &StoreOptions) -> Result<(), Failure> {
    let path = store.path(file)?;
    super::note(&format!("no alert was written yet: there is no {}", path.display()));
    Ok(())
}

fn file(store: &Store) -> PathBuf {
    store.alerts()
}

fn severity() -> impl TypedValueParser<Value = Severity> {
    PossibleValuesParser::new(Severity::ALL.iter().map(|word| word.as_str()))
        .try_map(|text| Severity::ALL.iter().copied().find(|word| word.as_str() == text).ok_or("no such severity"))
}

fn category() -> impl TypedValueParser<Value = Category> {
    PossibleValuesParser::new(Category::ALL.iter().map(|word| word.as_str()))
        .try_map(|text| Category::ALL.iter().copied().find(|word| word.as_str() == text).ok_or("no such category"))
}

fn since(text: &str) -> Result<Time, String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    point(text, u64::try_from(now).unwrap_or(u64::MAX))
}

/// A point in time: an age, a day or an RFC 3339 time (both UTC where nothing else is said).
fn point(text: &str, now: u64) -> Result<Time, String> {
    const DAY: u64 = 24 * 3600;
    let wrong =
        || format!("`{text}` is no time: write an age (30m, 12h, 7d), a day (2026-01-31) or 2026-01-31T14:00:00Z");
    let split = text.len() - text.chars().next_back().map_or(0, char::len_utf8);
    let (number, unit) = text.split_at(split);
    let unit = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        "d" => Some(DAY),
        "w" => Some(7 * DAY),
        _ => None,
    };
    if let (Some(unit), Ok(number)) = (unit, number.parse::<u64>()) {
        return Ok(Time(now.saturating_sub(number.saturating_mul(unit).saturating_mul(SECOND))));
    }
    let full = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let stamp: jiff::Timestamp = full.parse().map_err(|_| wrong())?;
    u64::try_from(stamp.as_nanosecond()).map(Time).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use monitor_core::time::{SECOND, Time};

    use super::point;

    #[test]
    fn times_are_ages_days_or_moments() {
        let now = 1_000_000 * SECOND;
        assert_eq!(point("90s", now), Ok(Time(now - 90 * SECOND)));
        assert_eq!(point("2h", now), Ok(Time(now - 7200 * SECOND)));
        assert_eq!(point("99999999w", now), Ok(Time(0)));
        assert_eq!(point("1970-01-02", now), Ok(Time(86_400 * SECOND)));
        assert_eq!(point("1970-01-02T01:00:00+01:00", now), Ok(Time(86_400 * SECOND)));
        for wrong in ["", "h", "-5m", "1.5h", "yesterday", "2026-13-01", "1960-01-01", "5ü"] {
            assert!(point(wrong, now).unwrap_err().contains("is no time"), "{wrong}");
        }
    }
}
