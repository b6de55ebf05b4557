//! The core and the parsers never meet the outside world.

use super::File;

/// Crates that stay pure.
const PURE: [&str; 2] = ["monitor-core", "monitor-wire"];

/// What they may not name, and why.
const BANNED: &[(&str, &str)] = &[
    ("std::fs", "files are read by `monitor`"),
    ("std::net::Tcp", "sockets belong to `monitor`"),
    ("std::net::Udp", "sockets belong to `monitor`"),
    ("std::env", "the environment is read by `monitor`"),
    ("std::process", "processes belong to `monitor`"),
    ("std::thread", "the engine is one thread's"),
    ("SystemTime::now", "time comes in with the event"),
    ("Instant::now", "time comes in with the event"),
    ("Timestamp::now", "time comes in with the event"),
    ("Zoned::now", "time comes in with the event"),
    ("thread_rng", "the same input gives the same alerts"),
    ("RandomState", "the same input gives the same alerts"),
];

/// Looks at the code outside of tests.
pub fn check(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    for name in PURE {
        let root = format!("{name}/src/lib.rs");
        let lib = files.iter().find(|file| file.name() == root);
        if !lib.is_some_and(|file| file.text.contains("#![forbid(unsafe_code)]")) {
            problems.push(format!("{root} lacks #![forbid(unsafe_code)]"));
        }
        let folder = format!("{name}/src/");
        for file in files.iter().filter(|file| file.is_rust() && file.name().starts_with(&folder)) {
            problems.extend(banned(file));
        }
    }
    problems
}

fn banned(file: &File) -> Vec<String> {
    // A module of its own for tests is named tests.rs or lies below tests/.
    if file.path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs") {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for (number, line) in file.code().lines().enumerate() {
        let code = line.split("//").next().unwrap_or("");
        for (words, why) in BANNED.iter().filter(|(words, _)| code.contains(words)) {
            problems.push(format!("{}:{} uses {words}: {why}", file.name(), number + 1));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_clock_in_the_core_is_named_and_one_in_a_test_is_not() {
        let lib = file("monitor-core/src/lib.rs", "#![forbid(unsafe_code)]\nlet now = Instant::now();\n");
        let wire = file(
            "monitor-wire/src/lib.rs",
            "#![forbid(unsafe_code)]\n// not std::fs\n#[cfg(test)]\nmod tests { use std::fs; }\n",
        );
        let problems = check(&[lib, wire]);
        assert_eq!(problems, ["monitor-core/src/lib.rs:2 uses Instant::now: time comes in with the event"]);
    }

    #[test]
    fn unsafe_code_must_be_forbidden() {
        let problems = check(&[file("monitor-core/src/lib.rs", ""), file("monitor-wire/src/lib.rs", "")]);
        assert_eq!(problems.len(), 2);
    }
}
