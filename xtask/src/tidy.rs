//! `cargo xtask tidy`: the rules of the repository that no compiler knows.
//!
//! Each rule is a function from the tree to a list of sentences; an empty list is a pass.

mod crates;
mod links;
mod purity;
mod text;

use crate::shell;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file that git knows or would add: its path from the root, and its text (empty for binary files).
pub struct File {
    /// Relative to the root.
    pub path: PathBuf,
    /// The content, where it is UTF-8.
    pub text: String,
}

impl File {
    /// The path as text.
    pub fn name(&self) -> std::borrow::Cow<'_, str> {
        self.path.to_string_lossy()
    }

    /// The lines before the unit tests, which by convention close the file.
    pub fn code(&self) -> &str {
        self.text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(&self.text)
    }

    fn is_rust(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "rs")
    }
}

/// Runs every rule; `Ok(false)` when one is broken.
pub fn run() -> Result<bool> {
    let files = files()?;
    let rules: [(&str, Vec<String>); 7] = [
        ("crates depend on each other in the one allowed direction", crates::directions()?),
        ("the core and the parsers touch no file, socket or clock, and have no unsafe code", purity::check(&files)),
        ("a file does one job in at most 700 lines", text::length(&files)),
        ("no host of a package registry, no unfinished work, no stray word", text::words(&files)),
        ("lock files hold no download address", text::lock_files(&files)),
        ("every link inside the repository resolves", links::check(&files, &shell::root())),
        ("both licences are there", licences(&files)),
    ];
    let mut fine = true;
    for (rule, problems) in rules {
        println!("    {} {rule}", if problems.is_empty() { "ok  " } else { "FAIL" });
        for problem in &problems {
            println!("         {problem}");
        }
        fine &= problems.is_empty();
    }
    for note in text::long(&files) {
        println!("    note {note}");
    }
    Ok(fine)
}

/// Everything that git tracks or would add.
fn files() -> Result<Vec<File>> {
    let mut command = Command::new("git");
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let list = shell::output(&mut command)?;
    let paths = list.split('\0').filter(|path| !path.is_empty()).map(Path::new);
    Ok(paths
        .filter(|path| path.is_file())
        .map(|path| File { path: path.into(), text: std::fs::read_to_string(path).unwrap_or_default() })
        .collect())
}

fn licences(files: &[File]) -> Vec<String> {
    let wanted = [("LICENSE-MIT", "Permission is hereby granted"), ("LICENSE-APACHE", "Apache License")];
    wanted
        .iter()
        .filter(|(name, words)| !files.iter().any(|file| file.name() == *name && file.text.contains(words)))
        .map(|(name, _)| format!("{name} is missing or is another text"))
        .collect()
}
