//! Which alerts are written: `[alerts] min_severity` and `[[alerts.suppress]]`. The engine judges all the same, so an
//! alert that is not written still raises those that follow from it.

use monitor_core::alert::{Alert, Fact, Severity};
use monitor_core::config::{AlertsSection, SuppressSection};
use monitor_core::time::Time;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Policy {
    min: Option<Severity>,
    suppress: Vec<SuppressSection>,
    withheld: u64,
    /// What the log says of that, and since when.
    told: Option<(Time, u64)>,
}

/// How often the log says how many alerts were withheld, nanoseconds.
const TELL: u64 = 600_000_000_000;

impl Policy {
    /// The policy of a configuration.
    #[must_use]
    pub fn new(section: &AlertsSection) -> Self {
        Self { min: section.min_severity, suppress: section.suppress.clone(), withheld: 0, told: None }
    }

    /// Whether an alert is written; one that isn't is counted.
    pub fn passes(&mut self, alert: &Alert) -> bool {
        let passes =
            self.min.is_none_or(|min| alert.severity >= min) && !self.suppress.iter().any(|rule| matches(rule, alert));
        self.withheld += u64::from(!passes);
        passes
    }

    /// Says in the log how many alerts were withheld, if there are new ones: now and then, and at the end. Returns how many
    /// it said.
    pub fn tell(&mut self, now: Time, end: bool) -> Option<u64> {
        let (at, before) = self.told.unwrap_or((Time(0), 0));
        if self.withheld == before || (!end && now.0.saturating_sub(at.0) < TELL) {
            return None;
        }
        self.told = Some((now, self.withheld));
        let total = self.withheld;
        tracing::info!(total, "alerts were withheld, as [alerts] min_severity and suppress say");
        Some(total)
    }
}

/// Every key that is given must match; a suppression without any key matches nothing.
fn matches(rule: &SuppressSection, alert: &Alert) -> bool {
    let mut any = false;
    let mut all = true;
    let mut check = |given: bool, fits: bool| {
        any |= given;
        all &= !given || fits;
    };
    check(rule.rule.is_some(), rule.rule.as_deref() == Some(&*alert.rule.id));
    let exe = alert.process.as_ref().map_or("", |process| process.exe.as_str());
    check(rule.exe.is_some(), rule.exe.as_ref().is_some_and(|pattern| pattern.matches(exe)));
    let facts = || alert.evidence.iter().map(|item| &item.fact);
    check(
        rule.path.is_some(),
        rule.path.as_ref().is_some_and(|pattern| facts().any(|fact| path(fact).is_some_and(|p| pattern.matches(p)))),
    );
    check(
        rule.address.is_some(),
        rule.address.is_some_and(|range| facts().filter_map(address).any(|address| range.0.contains(&address))),
    );
    any && all
}

fn path(fact: &Fact) -> Option<&str> {
    match fact {
        Fact::FileOpen(file) | Fact::FileChange(file) => Some(&file.path),
        Fact::UnixConnect { path, .. } => Some(path),
        Fact::Exec { exe, .. } => Some(exe),
        _ => None,
    }
}

fn address(fact: &Fact) -> Option<std::net::IpAddr> {
    match fact {
        Fact::Connect(net) | Fact::Bind(net) => net.address.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use monitor_core::alert::{Alert, Severity};
    use monitor_core::config::FileConfig;

    use monitor_core::time::Time;

    use super::{Policy, TELL};

    /// The snapshot that the engine's tests hold: a credential read.
    fn alert() -> Alert {
        serde_json::from_str(include_str!("../../../monitor-core/tests/snapshots/alert.json")).unwrap()
    }

    fn policy(text: &str) -> Policy {
        Policy::new(&FileConfig::parse(text, "test").unwrap().alerts)
    }

    #[test]
    fn everything_is_written_unless_told_otherwise() {
        assert!(policy("").passes(&alert()));
        assert!(policy("[[alerts.suppress]]").passes(&alert()), "a suppression without keys suppresses nothing");
    }

    #[test]
    fn a_lower_severity_is_withheld_and_counted() {
        let mut policy = policy("[alerts]\nmin_severity = \"high\"");
        let mut low = alert();
        low.severity = Severity::Low;
        assert!(!policy.passes(&low));
        let high = Alert { severity: Severity::High, ..low.clone() };
        assert!(policy.passes(&high));
        let start = Time(TELL);
        assert_eq!(policy.tell(start, false), Some(1));
        assert!(!policy.passes(&low));
        assert_eq!((policy.tell(Time(2 * TELL - 1), false), policy.tell(Time(2 * TELL), false)), (None, Some(2)));
        assert_eq!(policy.tell(Time(2 * TELL), true), None, "nothing new");
        assert!(!policy.passes(&low));
        assert_eq!(policy.tell(Time(2 * TELL), true), Some(3), "the end says it at once");
    }

    #[test]
    fn every_given_key_must_match() {
        let rule = alert().rule.id;
        assert!(!policy(&format!("[[alerts.suppress]]\nrule = \"{rule}\"")).passes(&alert()));
        assert!(policy(&format!("[[alerts.suppress]]\nrule = \"{rule}\"\nexe = \"/no/such\"")).passes(&alert()));
        assert!(policy(&format!("[[alerts.suppress]]\nrule = \"{rule}\"\naddress = \"192.0.2.1\"")).passes(&alert()));
    }
}
