//! Usage, standard streams and exit status, whatever the verb.

use std::fs::File;
use std::process::Stdio;

use super::{Ground, Ran, command, tripline};

/// Verbs that print something without needing anything.
const PRINTING: &[&[&str]] = &[
    &["--help"],
    &["--version"],
    &["rules", "list"],
    &["rules", "list", "--json"],
    &["rules", "explain", "TL-CRED-001"],
    &["profile", "list"],
    &["profile", "show", "cloudflare"],
    &["profile", "show", "cloudflare", "--json"],
];

#[test]
fn version_is_the_crates() {
    assert_eq!(tripline(&["--version"]).fine(), format!("tripline {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_is_2_and_named() {
    for (args, word) in [
        (&["frobnicate"][..], "frobnicate"),
        (&["rules", "frobnicate"], "frobnicate"),
        (&["rules", "list", "--frobnicate"], "--frobnicate"),
        (&["replay"], "<FILE>"),
        (&["attach"], "--pid"),
        (&["attach", "--pid", "x"], "invalid digit"),
        (&["exec"], "<COMMAND>"),
        (&["exec", "-o", "f", "--", "true"], "-o"),
        (&["exec", "--output", "f", "--", "true"], "--output"),
        (&["record", "--", "true"], "--output"),
        (&["record", "-o", "f", "--pid", "1", "--", "true"], "cannot be used with"),
        (&["alerts", "list", "--severity", "awful"], "possible values: info, low, medium, high, critical"),
        (&["alerts", "list", "--category", "crime"], "token_theft"),
        (&["alerts", "list", "--since", "yesterday"], "is no time"),
        (&["config", "check"], "<FILE>"),
        (&["profile", "check"], "<FILE>"),
    ] {
        let ran = tripline(args);
        assert_eq!(ran.status, 2, "{args:?}: {ran:?}");
        ran.says(&[word]);
        assert_eq!(ran.stdout, "", "{args:?}");
    }
    assert_eq!(tripline(&[]).status, 2);
}

#[test]
fn a_closed_pipe_ends_a_verb_quietly() {
    for args in PRINTING {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(args).stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{args:?}");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
}

#[test]
fn a_closed_standard_error_is_no_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = command(&["rules", "explain", "TL-NO-SUCH"]).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

#[test]
fn a_full_disk_under_standard_output_is_told() {
    for args in PRINTING {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command(args).stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Ran { status: output.status.code().unwrap(), stdout: String::new(), stderr }
            .fails(1, &["cannot write to standard output", "No space left"]);
    }
}

#[test]
fn colour_is_for_terminals_only() {
    let ground = Ground::new();
    for args in PRINTING {
        let plain = super::Ran::of(command(args).env_remove("NO_COLOR")).fine();
        assert!(!plain.contains('\x1b'), "{args:?}");
    }
    // script(1) gives a terminal.
    let line = format!("{} rules list", env!("CARGO_BIN_EXE_tripline"));
    let typescript = ground.text("typescript");
    for (no_color, expected) in [("", true), ("1", false)] {
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &line, &typescript]).env("NO_COLOR", no_color).env("TERM", "xterm");
        let output = script.stdin(Stdio::null()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).contains("\x1b["), expected, "NO_COLOR={no_color:?}");
    }
}
