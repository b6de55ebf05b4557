//! What the demo prints, read back: its steps, what was asked in each, and which alerts came of it.

use anyhow::{Context, Result};

/// One step, or what came after the last one.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// The tool that was called, or `nobody`.
    pub asked: String,
    /// Severity and category of each alert that ordinary use must not cause, in alphabetical order.
    pub alerts: Vec<(String, String)>,
    /// Whether it says that nothing came.
    pub quiet: bool,
}

/// The steps of the timeline, by their numbers, and what came after them.
pub fn steps(text: &str) -> Result<Vec<Step>> {
    let (timeline, _) = text.split_once("\nExpected, and what came\n").context("no summary")?;
    let mut steps: Vec<Step> = Vec::new();
    for line in timeline.lines() {
        if begins(line, steps.len() + 1) || line == "After the server had ended" {
            steps.push(Step { asked: String::new(), alerts: Vec::new(), quiet: false });
        }
        // What comes before the first step is the opening.
        let Some(step) = steps.last_mut() else { continue };
        let Some(row) = line.strip_prefix("    ") else { continue };
        let words: Vec<&str> = row.split_whitespace().collect();
        match words[..] {
            ["asked", tool, ..] => step.asked = tool.to_owned(),
            ["ALERT", severity, category] if !matches!(severity, "info" | "low") => {
                step.alerts.push((severity.to_owned(), category.to_owned()));
            }
            ["quiet", "no", "alert"] => step.quiet = true,
            _ => {}
        }
    }
    steps.iter_mut().for_each(|step| step.alerts.sort());
    Ok(steps)
}

/// Whether a line begins the step with this number.
fn begins(line: &str, number: usize) -> bool {
    line.strip_prefix(&format!("{number:>2}  ")).is_some_and(|title| !title.starts_with(' '))
}
