//! What may stand in a file, and how much of it.

use super::File;

/// Above this a file does more than one job.
const TOO_LONG: usize = 700;
/// Above this it is worth a look.
const LONG: usize = 400;

/// Files whose code is too long.
pub fn length(files: &[File]) -> Vec<String> {
    longer_than(files, TOO_LONG).map(|(file, lines)| format!("{} has {lines} lines", file.name())).collect()
}

/// Files that are worth a look.
pub fn long(files: &[File]) -> Vec<String> {
    longer_than(files, LONG).map(|(file, lines)| format!("{} has {lines} lines of code", file.name())).collect()
}

fn longer_than(files: &[File], limit: usize) -> impl Iterator<Item = (&File, usize)> {
    let written = files.iter().filter(|file| file.is_rust() && !file.text.contains("@generated"));
    written.map(|file| (file, file.code().lines().count())).filter(move |(_, lines)| *lines > limit)
}

/// Words that have no place here, in two halves so that this file does not hold them.
const WORDS: &[(&str, &str, &str)] = &[
    ("registry.", "npmjs", "host of a package registry"),
    ("pypi.", "org", "host of a package registry"),
    ("python", "hosted.org", "host of a package registry"),
    ("static.", "crates.io", "host of a package registry"),
    ("index.", "crates.io", "host of a package registry"),
    ("static.", "rust-lang.org", "host of a package registry"),
    ("deb.", "debian.org", "host of a package registry"),
    ("security.", "debian.org", "host of a package registry"),
    ("proxy.", "golang.org", "host of a package registry"),
    ("/wo", "rk/", "path of one machine"),
    ("/root/.", "cargo", "path of one machine"),
    ("/root/.", "rustup", "path of one machine"),
    ("TO", "DO", "unfinished work: do it or file an issue"),
    ("FIX", "ME", "unfinished work: do it or file an issue"),
    ("XX", "X:", "unfinished work: do it or file an issue"),
    ("sub", "agent", "not a word of this project"),
];

/// Occurrences of those words.
pub fn words(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            for (head, tail, why) in WORDS {
                if line.contains(&format!("{head}{tail}")) {
                    problems.push(format!("{}:{} holds `{head}{tail}`: {why}", file.name(), number + 1));
                }
            }
        }
    }
    problems
}

/// A lock file that names where a package was downloaded from binds everybody to that place.
pub fn lock_files(files: &[File]) -> Vec<String> {
    let is_lock = |file: &&File| {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name == "package-lock.json" || name.starts_with("requirements")
    };
    let mut problems = Vec::new();
    for file in files.iter().filter(is_lock) {
        for (number, line) in file.text.lines().enumerate() {
            // An npm lock's `resolved`; an option line of a pip requirements file.
            let is_option = line.starts_with("--") && !line.starts_with("--hash");
            if line.contains("\"resolved\": \"http") || is_option {
                problems.push(format!("{}:{} names a download address", file.name(), number + 1));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: String) -> File {
        File { path: path.into(), text }
    }

    #[test]
    fn tests_do_not_count_as_code() {
        let body = "x\n".repeat(600);
        let long = file("a/src/lib.rs", format!("{body}\n#[cfg(test)]\nmod tests {{\n{body}}}\n"));
        let longer = file("a/src/more.rs", "x\n".repeat(701));
        let made = file("a/src/made.rs", format!("// @generated\n{}", "x\n".repeat(900)));
        let files = [long, longer, made];
        assert_eq!(length(&files), ["a/src/more.rs has 701 lines"]);
        assert_eq!(super::long(&files).len(), 2);
    }

    #[test]
    fn a_stray_word_is_named_with_its_line() {
        let problems = words(&[file("README.md", format!("fine\nsee {}{}\n", "pypi.", "org"))]);
        assert!(problems[0].starts_with("README.md:2 "), "{problems:?}");
    }

    #[test]
    fn a_download_address_in_a_lock_file_is_named() {
        let text = "\"node_modules/a\": {\n  \"resolved\": \"https://host.invalid/a.tgz\"\n";
        assert_eq!(lock_files(&[file("tests/package-lock.json", text.into())]).len(), 1);
        assert!(lock_files(&[file("docs/page.md", text.into())]).is_empty());
    }
}
