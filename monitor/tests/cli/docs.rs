//! `docs/cli.md` is what `--help` says, verb by verb.

use std::fmt::Write as _;
use std::path::Path;

use super::command;

const HEAD: &str = "\
# Command line

<!-- Made from the help texts; don't edit. After a change: `TRIPLINE_BLESS=1 cargo test -p monitor --test cli docs` -->

Every verb and its options, as `tripline VERB --help` prints them. Exit status: `exec` returns the server's own (125: could not
arm, 126 and 127 as a shell has them); of every other verb 0 is fine, 1 failed, 2 wrong usage or configuration.
";

#[test]
fn docs_are_what_help_says() {
    let mut page = HEAD.to_owned();
    describe(&mut Vec::new(), &mut page);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    if std::env::var_os("TRIPLINE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let present = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        present == page,
        "docs/cli.md is out of date: run `TRIPLINE_BLESS=1 cargo test -p monitor --test cli docs` and commit the result"
    );
}

/// The verb's section, then those of the verbs below it.
fn describe(verb: &mut Vec<String>, page: &mut String) {
    let args: Vec<&str> = verb.iter().map(String::as_str).chain(["--help"]).collect();
    let output = command(&args).env("COLUMNS", "100").output().unwrap();
    assert!(output.status.success(), "{args:?}");
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(!help.contains("[possible values: ]"), "{args:?}");
    let title = [&["tripline".to_owned()], verb.as_slice()].concat().join(" ");
    let text: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _infallible = write!(page, "\n## {title}\n\n```text\n{}\n```\n", text.join("\n").trim_end());
    for below in verbs(&help) {
        verb.push(below);
        describe(verb, page);
        verb.pop();
    }
}

/// The verbs that a help text lists.
fn verbs(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|verb| verb != "help")
        .collect()
}
