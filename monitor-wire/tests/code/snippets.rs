//! The snippets of `testdata/code`, against what is expected of them and what node saw them do. See its README.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use monitor_wire::code::{Code, Match, read};
use monitor_wire::redact::redact;

use super::{ACCOUNT, key};

fn snippets() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/code");
    let is_snippet = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "js" || extension == "ts");
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(is_snippet);
    all.sort();
    all
}

fn write(code: &Code) -> String {
    let mut lines: Vec<String> = code.requests.iter().map(|request| serde_json::to_string(request).unwrap()).collect();
    let rest = Code { requests: Vec::new(), ..code.clone() };
    lines.push(serde_json::to_string(&rest).unwrap());
    lines.join("\n") + "\n"
}

#[test]
fn snippets_are_read_as_expected() {
    let all = snippets();
    assert!(all.len() >= 100, "{}", all.len());
    for path in all {
        let code = read(&key(), &std::fs::read_to_string(&path).unwrap(), None);
        let expected = path.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&expected, write(&code)).unwrap();
        }
        assert_eq!(write(&code), std::fs::read_to_string(&expected).unwrap(), "{}", path.display());
        let text = serde_json::to_string(&code).unwrap();
        assert_eq!(serde_json::from_str::<Code>(&text).unwrap(), code);
    }
}

/// The requests that were made, as `.observed` tells them and the reader of HTTP gives them: method, host, path.
fn observed(path: &Path) -> Vec<(String, String, String)> {
    let text = std::fs::read_to_string(path.with_extension("observed")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('!'));
    let part = |line: &str, at: usize| redact(&key(), line.split(' ').nth(at).unwrap()).into_owned();
    lines.map(|line| (part(line, 0), part(line, 1), part(line, 2))).collect()
}

#[test]
fn what_node_saw_is_listed_or_the_answer_is_not_complete() {
    let mut complete = 0;
    for path in snippets() {
        let text = std::fs::read_to_string(&path).unwrap();
        for account in [None, Some(ACCOUNT)] {
            let code = read(&key(), &text, account);
            complete += usize::from(code.is_complete());
            for (method, host, target) in observed(&path) {
                let fits = code.requests.iter().any(|request| {
                    let same = request.host.as_ref().is_none_or(|known| *known == host);
                    same && request.matches(&method, &target) != Match::No
                });
                assert!(
                    fits || !code.is_complete_but_for_values(),
                    "{}: {method} {host} {target} in {code:#?}",
                    path.display()
                );
            }
        }
    }
    // it says so often enough to be of use
    assert!(complete >= 80, "{complete}");
}

/// A request that is sure is one that node saw, where the program came to its end.
#[test]
fn what_is_sure_was_seen() {
    let mut sure = 0;
    for path in snippets() {
        let text = std::fs::read_to_string(&path).unwrap();
        if std::fs::read_to_string(path.with_extension("observed")).unwrap().contains('!') {
            continue;
        }
        let code = read(&key(), &text, Some(ACCOUNT));
        let seen = observed(&path);
        for request in code.requests.iter().filter(|request| request.is_sure()) {
            sure += 1;
            let made = seen.iter().any(|(method, _, target)| request.matches(method, target) != Match::No);
            assert!(made, "{}: {request:?}", path.display());
        }
    }
    assert!(sure >= 60, "{sure}");
}

/// Each snippet says what it can't tell by the reason that is right for it.
#[test]
fn reasons_are_the_right_ones() {
    let wanted: BTreeMap<&str, &str> = BTreeMap::from([
        ("arguments", "unknown_name"),
        ("breaks-out", "syntax"),
        ("closure-list", "indirect_call"),
        ("constructor-chain", "reflection"),
        ("constructor-computed", "reflection"),
        ("constructor-hidden", "indirect_call"),
        ("division-trap", "syntax"),
        ("dynamic-method", "dynamic_method"),
        ("dynamic-path", "dynamic_path"),
        ("eval", "eval"),
        ("fetch-host", "unknown_host"),
        ("for-each-zone", "dynamic_segment"),
        ("function-constructor", "eval"),
        ("generator", "dynamic_path"),
        ("global-this", "reflection"),
        ("handed-on", "handed_on"),
        ("handed-on-array", "handed_on"),
        ("import", "dynamic_import"),
        ("other-member", "indirect_call"),
        ("prototype", "reflection"),
        ("proxy", "reflection"),
        ("redefined", "redefines"),
        ("reflect", "reflection"),
        ("replace-regex", "dynamic_path"),
        ("unclosed", "syntax"),
        ("url-pathname", "dynamic_path"),
    ]);
    let mut found = 0;
    for path in snippets() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let Some(reason) = wanted.get(name) else { continue };
        found += 1;
        let code = read(&key(), &std::fs::read_to_string(&path).unwrap(), None);
        let reasons = serde_json::to_string(&code.reasons).unwrap();
        assert!(reasons.contains(&format!("\"{reason}\"")), "{name}: {reasons}");
        assert!(!code.is_complete(), "{name}");
    }
    assert_eq!(found, wanted.len());
}
