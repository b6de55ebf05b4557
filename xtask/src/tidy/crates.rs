//! Which crate may depend on which.

use crate::shell;
use anyhow::Result;
use serde_json::Value;

/// Every crate of the workspace and the crates of ours that it may use.
const ALLOWED: &[(&str, &[&str])] = &[
    ("bench-ebpf", &[]),
    ("bench-subjects", &["monitor", "monitor-core", "monitor-wire"]),
    ("monitor", &["monitor-abi", "monitor-core", "monitor-wire"]),
    ("monitor-abi", &[]),
    ("monitor-core", &["monitor-wire"]),
    ("monitor-ebpf", &["monitor-abi"]),
    ("monitor-wire", &[]),
    ("sample-server", &[]),
    ("tests", &["monitor", "monitor-abi", "monitor-core", "monitor-wire"]),
    ("xtask", &[]),
];

/// What cargo itself says, compared with the table.
pub fn directions() -> Result<Vec<String>> {
    let mut command = shell::cargo();
    command.args(["metadata", "--format-version=1", "--no-deps"]);
    Ok(judge(&serde_json::from_str(&shell::output(&mut command)?)?))
}

fn judge(metadata: &Value) -> Vec<String> {
    let empty = Vec::new();
    let packages = metadata["packages"].as_array().unwrap_or(&empty);
    let name = |value: &Value| value["name"].as_str().unwrap_or("").to_owned();
    let ours: Vec<String> = packages.iter().map(name).collect();
    let mut problems = Vec::new();
    for package in packages {
        let from = name(package);
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == from) else {
            problems.push(format!("crate {from} is not in the table of directions (xtask/src/tidy/crates.rs)"));
            continue;
        };
        let uses = package["dependencies"].as_array().unwrap_or(&empty).iter().map(name);
        for to in uses.filter(|to| ours.contains(to) && !allowed.contains(&to.as_str())) {
            problems.push(format!("{from} must not depend on {to}"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_crate_that_reaches_the_wrong_way_is_named() {
        let metadata = json!({"packages": [
            {"name": "monitor-core", "dependencies": [{"name": "monitor"}, {"name": "serde"}, {"name": "monitor-wire"}]},
            {"name": "monitor", "dependencies": [{"name": "monitor-core"}]},
            {"name": "monitor-wire", "dependencies": []},
        ]});
        assert_eq!(judge(&metadata), ["monitor-core must not depend on monitor"]);
    }

    #[test]
    fn a_crate_nobody_thought_of_is_named() {
        let problems = judge(&json!({"packages": [{"name": "helpers", "dependencies": []}]}));
        assert!(problems[0].contains("helpers"), "{problems:?}");
    }
}
