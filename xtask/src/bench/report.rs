//! The results as Markdown, and their place in `docs/benchmarks.md`.

use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::machine::Machine;

/// What stands between these is the verb's; the rest of the page is written by hand.
const BEGIN: &str = "<!-- results: written by `cargo xtask bench` -->";
const END: &str = "<!-- end of results -->";

/// All results of a run.
pub struct Report {
    head: String,
    /// In order.
    pub sections: Vec<Section>,
}

/// One part's results.
pub struct Section {
    title: String,
    text: String,
    /// Tables.
    pub tables: Vec<Table>,
    /// Goals and what came of them.
    pub goals: Vec<Goal>,
}

/// A table.
pub struct Table {
    caption: String,
    head: Vec<String>,
    /// Each with as many cells as the head.
    pub rows: Vec<Vec<String>>,
}

/// A goal, and whether it was met.
pub struct Goal {
    what: String,
    goal: String,
    measured: String,
    met: bool,
}

impl Report {
    /// Without results yet.
    pub fn new(machine: &Machine, conditions: &[String]) -> Self {
        let mut head = machine.list();
        for condition in conditions {
            head.push_str(&format!("- {condition}\n"));
        }
        Self { head, sections: Vec::new() }
    }

    /// Every goal met?
    pub fn met(&self) -> bool {
        self.sections.iter().flat_map(|section| &section.goals).all(|goal| goal.met)
    }

    /// The goals in one table.
    pub fn goals(&self) -> String {
        let head = ["", "goal", "measured", "met"].map(str::to_owned).to_vec();
        let mut table = Table::new("", head);
        for Goal { what, goal, measured, met } in self.sections.iter().flat_map(|section| &section.goals) {
            let met = if *met { "yes" } else { "**no**" };
            table.rows.push([what, goal, measured, met].map(str::to_owned).to_vec());
        }
        table.markdown()
    }

    /// Puts the results into a copy of the page.
    pub fn write(&self, path: &Path) -> Result<()> {
        let page = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let page = replace(&page, &self.markdown())
            .with_context(|| format!("{} has no place for results: `{BEGIN}` … `{END}`", path.display()))?;
        fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
        println!("==> results written to {}", path.display());
        Ok(())
    }

    fn markdown(&self) -> String {
        let mut text = format!("{}\n### Goals\n\n{}", self.head, self.goals());
        for section in &self.sections {
            text.push('\n');
            text.push_str(&section.markdown());
        }
        text
    }
}

impl Section {
    /// Without tables yet.
    pub fn new(title: &str, text: &str) -> Self {
        Self { title: title.to_owned(), text: text.to_owned(), tables: Vec::new(), goals: Vec::new() }
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n{}\n", self.title, self.text);
        for table in &self.tables {
            text.push('\n');
            text.push_str(&table.markdown());
        }
        text
    }
}

impl Table {
    /// Without rows yet.
    pub fn new(caption: &str, head: Vec<String>) -> Self {
        Self { caption: caption.to_owned(), head, rows: Vec::new() }
    }

    fn markdown(&self) -> String {
        let mut text = String::new();
        if !self.caption.is_empty() {
            // Writing to a string never fails.
            let _never = writeln!(text, "**{}**\n", self.caption);
        }
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        text.push_str(&line(&self.head));
        text.push_str(&line(&vec!["---".to_owned(); self.head.len()]));
        self.rows.iter().for_each(|row| text.push_str(&line(row)));
        text
    }
}

impl Goal {
    /// A goal with what was measured.
    pub fn new(what: &str, goal: &str, measured: &str, met: bool) -> Self {
        Self { what: what.to_owned(), goal: goal.to_owned(), measured: measured.to_owned(), met }
    }
}

fn replace(page: &str, results: &str) -> Option<String> {
    let begin = page.find(BEGIN)? + BEGIN.len();
    let end = begin + page[begin..].find(END)?;
    Some(format!("{}\n\n{}\n{}", &page[..begin], results, &page[end..]))
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, Goal, Section, Table, replace};

    #[test]
    fn only_the_results_are_replaced() {
        let page = format!("# By hand\n{BEGIN}\nold\n{END}\nby hand too\n");
        let new = replace(&page, "new\n").unwrap();
        assert_eq!(new, format!("# By hand\n{BEGIN}\n\nnew\n\n{END}\nby hand too\n"));
        assert_eq!(replace(&new, "new\n").unwrap(), new);
        assert!(replace("# By hand\n", "new").is_none());
    }

    #[test]
    fn a_section_is_markdown() {
        let mut section = Section::new("Title", "Text.");
        let mut table = Table::new("Caption", vec!["a".into(), "b".into()]);
        table.rows.push(vec!["1".into(), "2".into()]);
        section.tables.push(table);
        section.goals.push(Goal::new("what", "goal", "measured", true));
        assert_eq!(section.markdown(), "### Title\n\nText.\n\n**Caption**\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n");
    }
}
