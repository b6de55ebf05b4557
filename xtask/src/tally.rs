//! Counting what ran: one line of results per step, and the sum.

use std::time::Duration;

/// What one step came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Tests (or checks) that passed.
    pub passed: u64,
    /// Tests (or checks) that failed.
    pub failed: u64,
    /// Tests marked `#[ignore]`.
    pub ignored: u64,
}

impl Counts {
    /// A step that is one check, not a test runner.
    pub fn check(fine: bool) -> Counts {
        Counts { passed: u64::from(fine), failed: u64::from(!fine), ignored: 0 }
    }

    /// Adds a line of a test runner's output, if it is its closing line.
    pub fn add_line(&mut self, line: &str) {
        let Some(rest) = line.trim_start().strip_prefix("test result: ") else { return };
        let number = |word: &str| -> u64 {
            rest.split([';', '.'])
                .filter_map(|part| part.trim().strip_suffix(word))
                .find_map(|part| part.trim().parse().ok())
                .unwrap_or(0)
        };
        self.passed += number(" passed");
        self.failed += number(" failed");
        self.ignored += number(" ignored");
    }

    /// Settles a test runner's step: one that failed without saying which test did, or ran nothing, has failed.
    pub fn settle(mut self, exited_fine: bool) -> Counts {
        let silent = self.failed == 0 && (!exited_fine || self.passed == 0);
        self.failed += u64::from(silent);
        self
    }
}

/// All steps of a run.
#[derive(Default)]
pub struct Tally {
    rows: Vec<(String, Duration, Counts)>,
}

impl Tally {
    /// Notes one step.
    pub fn add(&mut self, name: &str, took: Duration, counts: Counts) {
        self.rows.push((name.to_owned(), took, counts));
    }

    /// Did everything pass, and did anything run?
    pub fn is_fine(&self) -> bool {
        let sum = self.sum();
        sum.failed == 0 && sum.passed > 0
    }

    /// The table of steps, then the sum alone on the last line.
    pub fn report(&self) -> String {
        let mut text = format!("\n{:<14} {:>8} {:>8} {:>8} {:>8}\n", "step", "seconds", "passed", "failed", "ignored");
        for (name, took, counts) in &self.rows {
            let seconds = took.as_secs_f64();
            let Counts { passed, failed, ignored } = counts;
            text += &format!("{name:<14} {seconds:>8.1} {passed:>8} {failed:>8} {ignored:>8}\n");
        }
        let seconds: f64 = self.rows.iter().map(|row| row.1.as_secs_f64()).sum();
        text += &format!("{:<14} {seconds:>8.1}\n\n", "all");
        let sum = self.sum();
        text + &format!("{} passed, {} failed", sum.passed, sum.failed)
    }

    fn sum(&self) -> Counts {
        let mut sum = Counts::default();
        self.rows.iter().for_each(|row| sum += row.2.clone());
        sum
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_closing_line_of_a_runner() {
        let mut counts = Counts::default();
        counts.add_line("running 3 tests");
        counts
            .add_line("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.02s");
        counts.add_line("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        assert_eq!(counts, Counts { passed: 15, failed: 2, ignored: 1 });
    }

    #[test]
    fn a_runner_that_ran_nothing_has_failed() {
        assert_eq!(Counts::default().settle(true).failed, 1);
    }

    #[test]
    fn a_runner_that_died_without_a_result_has_failed() {
        assert_eq!(Counts { passed: 4, ..Counts::default() }.settle(false).failed, 1);
        assert_eq!(Counts { passed: 4, failed: 2, ignored: 0 }.settle(false).failed, 2);
    }

    #[test]
    fn the_sum_stands_alone_on_the_last_line() {
        let mut tally = Tally::default();
        tally.add("format", Duration::from_secs(1), Counts::check(true));
        tally.add("unit", Duration::from_secs(2), Counts { passed: 9, failed: 1, ignored: 0 });
        assert_eq!(tally.report().lines().last(), Some("10 passed, 1 failed"));
        assert!(!tally.is_fine());
    }
}
