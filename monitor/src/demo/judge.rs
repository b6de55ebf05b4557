//! Whether exactly the expected alerts came.

use super::follow::Seen;

/// An alert that has to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// `token_theft` …
    pub category: &'static str,
    /// `high` …
    pub severity: &'static str,
    /// What it is about: a path, `address:port` or a program.
    pub object: String,
}

/// Each expected alert with the one that came for it, and those that nobody expected.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// In the order of expectation.
    pub expected: Vec<(&'a Expected, Option<&'a Seen>)>,
    /// Of medium severity or more, and nobody's.
    pub surplus: Vec<&'a Seen>,
}

impl Verdict<'_> {
    /// Everything that had to come, and nothing else.
    pub fn is_good(&self) -> bool {
        self.surplus.is_empty() && self.expected.iter().all(|(_, came)| came.is_some())
    }
}

/// Matches one to one: an alert stands for one expectation only.
pub fn judge<'a>(expected: &'a [Expected], alerts: &'a [Seen]) -> Verdict<'a> {
    let mut left: Vec<&Seen> = alerts.iter().collect();
    let expected = expected.iter().map(|wanted| {
        let at = left.iter().position(|alert| fits(alert, wanted));
        (wanted, at.map(|at| left.remove(at)))
    });
    let expected = expected.collect();
    left.retain(|alert| is_loud(alert));
    Verdict { expected, surplus: left }
}

/// Severe enough that ordinary use must not cause it.
pub fn is_loud(alert: &Seen) -> bool {
    !matches!(alert.severity.as_str(), "info" | "low")
}

fn fits(alert: &Seen, wanted: &Expected) -> bool {
    alert.category == wanted.category && alert.severity == wanted.severity && alert.objects.contains(&wanted.object)
}

#[cfg(test)]
mod tests {
    use super::{Expected, judge};
    use crate::demo::follow::Seen;

    fn seen(category: &str, severity: &str, object: &str) -> Seen {
        Seen::sample(category, severity, object)
    }

    fn expected(category: &'static str, severity: &'static str) -> Expected {
        Expected { category, severity, object: "/x".into() }
    }

    #[test]
    fn exactly_the_expected_alerts_are_good() {
        let wanted = [expected("evasion", "medium"), expected("token_theft", "high")];
        let both = [seen("token_theft", "high", "/x"), seen("evasion", "medium", "/x")];
        assert!(judge(&wanted, &both).is_good());
        assert!(!judge(&wanted, &both[..1]).is_good(), "one is missing");
        let more = [both.to_vec(), vec![seen("evasion", "medium", "/x")]].concat();
        assert_eq!(judge(&wanted, &more).surplus.len(), 1, "one alert stands for one expectation");
        let quiet = [both.to_vec(), vec![seen("sensor", "low", "/y")]].concat();
        assert!(judge(&wanted, &quiet).is_good(), "low ones are no failure");
    }

    #[test]
    fn category_severity_and_object_all_count() {
        let wanted = [expected("evasion", "medium")];
        for other in [("sensor", "medium", "/x"), ("evasion", "high", "/x"), ("evasion", "medium", "/y")] {
            assert!(!judge(&wanted, &[seen(other.0, other.1, other.2)]).is_good());
        }
    }
}
