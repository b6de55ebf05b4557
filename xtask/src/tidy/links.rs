//! Links from one file of the repository to another.

use super::File;
use std::path::Path;

/// Relative links in Markdown whose target is not there.
pub fn check(files: &[File], root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    let pages = files.iter().filter(|file| file.path.extension().is_some_and(|extension| extension == "md"));
    for page in pages {
        let folder = root.join(page.path.parent().unwrap_or(Path::new("")));
        for (number, target) in targets(&page.text) {
            let path = target.split('#').next().unwrap_or("");
            let there = match path.strip_prefix('/') {
                Some(rooted) => root.join(rooted).exists(),
                None => path.is_empty() || folder.join(path).exists(),
            };
            if !there {
                problems.push(format!("{}:{number} links to {target}, which is not there", page.name()));
            }
        }
    }
    problems
}

/// Every target inside the repository with its line number, outside of code blocks.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or("");
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push((index + 1, target.to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_link_is_named_and_an_outside_one_is_left_alone() {
        let root = std::env::temp_dir();
        let page = File {
            path: "page.md".into(),
            text: "[a](https://host.invalid/x) [b](#here)\n```\n[c](not-a-link)\n```\n[d](no-such-file.md#part)\n"
                .into(),
        };
        assert_eq!(check(&[page], &root), ["page.md:5 links to no-such-file.md#part, which is not there"]);
    }
}
