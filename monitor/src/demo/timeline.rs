//! What a person sees: for each step what was asked, what was done, and what Tripline made of it.

use std::io::{self, Write};

use monitor_core::ledger::{CallRecord, Observed};
use serde_json::Value;

use super::follow::Seen;
use super::ground::Ground;
use super::judge::Verdict;
use super::paint::{self, Ink, Paint, WIDTH, fit, wrap};
use super::subject::Subject;
use super::{cloud, world};

/// Where texts begin, behind number and label.
const INDENT: usize = 12;
/// More effects of one call than these are counted.
const MOST_EFFECTS: usize = 6;

/// Prints; paths of the home are shortened, addresses get their parts' names.
#[derive(Debug)]
pub struct Timeline {
    paint: Paint,
    home: String,
    /// Long texts, and what stands for them.
    shorter: Vec<(String, String)>,
    number: usize,
}

impl Timeline {
    /// For this home and this server.
    pub fn new(ground: &Ground, subject: &Subject) -> Self {
        let home = ground.home().to_string_lossy().into_owned();
        let api = (format!("{}:443", cloud::ADDRESS), format!("{} (api.cloudflare.com)", cloud::ADDRESS));
        let shorter = [(home.clone(), "~".to_owned()), api].into_iter().chain(subject.short_name()).collect();
        Self { paint: Paint::for_stdout(), home, shorter, number: 0 }
    }

    /// Who plays, and where.
    pub fn opening(&self, title: &str, trojan: &str) -> io::Result<()> {
        self.row("server", Ink::Strong, title)?;
        self.row("hostile", Ink::Plain, trojan)?;
        let names = [
            format!("{} plays api.cloudflare.com", cloud::ADDRESS),
            format!("{} the internet", world::DROP.0),
            format!("{} the metadata service", world::METADATA.0),
        ];
        self.row("stage", Ink::Plain, &names.join(", "))?;
        self.row("", Ink::Plain, &format!("~ is {}, in memory; every secret in it is made up", self.home))
    }

    /// A heading.
    pub fn part(&self, title: &str) -> io::Result<()> {
        self.line(&format!("\n{}", self.paint.text(Ink::Strong, title)))
    }

    /// A step begins.
    pub fn step(&mut self, title: &str) -> io::Result<()> {
        self.number += 1;
        self.line("")?;
        for (at, line) in wrap(title, WIDTH - 4).iter().enumerate() {
            let number = if at == 0 { self.number.to_string() } else { String::new() };
            self.line(&format!("{number:>2}  {}", self.paint.text(Ink::Strong, line)))?;
        }
        Ok(())
    }

    /// A tool is called.
    pub fn asked(&self, tool: &str, arguments: &Value) -> io::Result<()> {
        let shown = arguments.as_object().into_iter().flatten().map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), |text| self.short(text));
            format!(" {name}={value}")
        });
        self.row("asked", Ink::Plain, &format!("{tool}{}", shown.collect::<String>()))
    }

    /// Nobody asked; a process ran.
    pub fn ran(&self, argv: &[String]) -> io::Result<()> {
        self.row("asked", Ink::Faint, "nobody")?;
        self.row("did", Ink::Plain, &format!("ran {}", self.short(&argv.join(" "))))
    }

    /// What was seen during a call, and what explains it.
    pub fn did(&self, call: &CallRecord) -> io::Result<()> {
        let shown: Vec<&Observed> = call.observed.iter().filter(|effect| is_worth_a_line(effect)).collect();
        for effect in shown.iter().take(MOST_EFFECTS) {
            let verb = match effect.kind.as_str() {
                "file_read" => "read",
                "file_change" => "changed",
                "connect" | "unix_connect" => "connected to",
                "exec" => "started",
                "listen" => "listened on",
                "http_request" => "sent",
                other => other,
            };
            let (ink, why) = match effect.explained.as_str() {
                "call" => (Ink::Good, "explained by the call"),
                "profile" => (Ink::Good, "explained by the profile"),
                "tail" => (Ink::Good, "explained by the call's tail"),
                _ => (Ink::Bad, "not explained"),
            };
            let text = fit(&format!("{verb} {}", self.short(&effect.object)), WIDTH - INDENT - 27);
            self.line(&format!("    {:<8}{text}  {}", "did", self.paint.text(ink, why)))?;
        }
        let more = shown.len().saturating_sub(MOST_EFFECTS) as u64 + call.more;
        if more > 0 {
            self.row("", Ink::Faint, &format!("and {more} more, see `tripline calls`"))?;
        }
        Ok(())
    }

    /// What came to the other side.
    pub fn arrived(&self, text: &str) -> io::Result<()> {
        self.row("arrived", Ink::Faint, text)
    }

    /// What Tripline said to it.
    pub fn alerts(&self, alerts: &[Seen]) -> io::Result<()> {
        if alerts.is_empty() {
            return self.row("quiet", Ink::Good, "no alert");
        }
        for alert in alerts {
            let ink = paint::severity(&alert.severity);
            let head = format!("{:<9}{:<18}", alert.severity, alert.category);
            self.line(&format!("    {}{}", self.paint.text(ink, "ALERT   "), self.paint.text(ink, head.trim_end())))?;
            for line in wrap(&self.short(&alert.summary), WIDTH - INDENT) {
                self.line(&format!("{:INDENT$}{line}", ""))?;
            }
        }
        Ok(())
    }

    /// Expected beside come.
    pub fn summary(&self, verdict: &Verdict<'_>) -> io::Result<()> {
        self.part("Expected, and what came")?;
        let row = |severity: &str, category: &str, object: &str| {
            format!("{severity:<9} {category:<18} {}", fit(&self.short(object), WIDTH - 46))
        };
        for (wanted, came) in &verdict.expected {
            let (ink, word) = if came.is_some() { (Ink::Good, "came") } else { (Ink::Worst, "DID NOT COME") };
            let row = row(wanted.severity, wanted.category, &wanted.object);
            self.line(&format!("    {row} {}", self.paint.text(ink, word)))?;
        }
        for alert in &verdict.surplus {
            let object = alert.objects.last().map_or("", String::as_str);
            let row = row(&alert.severity, &alert.category, object);
            self.line(&format!("    {row} {}", self.paint.text(Ink::Worst, "UNEXPECTED")))?;
            for line in wrap(&self.short(&alert.summary), WIDTH - INDENT) {
                self.line(&format!("{:INDENT$}{line}", ""))?;
            }
        }
        let missing = verdict.expected.iter().filter(|(_, came)| came.is_none()).count();
        let (ink, text) = match (missing, verdict.surplus.len()) {
            (0, 0) => (Ink::Good, format!("All {} expected alerts came, and no other.", verdict.expected.len())),
            (missing, surplus) => (Ink::Worst, format!("{missing} did not come, {surplus} came that nobody expected.")),
        };
        self.line(&format!("\n{}", self.paint.text(ink, &text)))
    }

    fn row(&self, label: &str, ink: Ink, text: &str) -> io::Result<()> {
        for (at, line) in wrap(text, WIDTH - INDENT).iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            self.line(&format!("    {label:<8}{}", self.paint.text(ink, line)))?;
        }
        Ok(())
    }

    fn short(&self, text: &str) -> String {
        self.shorter.iter().fold(text.to_owned(), |text, (long, short)| text.replace(long, short))
    }

    /// Not `println!`: a reader that has gone away must not end the demo before it has cleaned up.
    fn line(&self, text: &str) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{}", text.trim_end())
    }
}

/// What every program of its kind does is left out, looking up names among it; it is in the record.
fn is_worth_a_line(effect: &Observed) -> bool {
    effect.explained != "runtime" && !(effect.kind == "unix_connect" && effect.object.ends_with("/nscd/socket"))
}
