//! The runtimes that profiles build on.

use std::sync::LazyLock;

use serde::Deserialize;

use super::model::Runtime;

/// Text of the shipped runtimes.
const TEXT: &str = include_str!("../../../profiles/data/runtimes.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    runtime: Vec<Runtime>,
}

// a test parses the file: it is never empty here
static RUNTIMES: LazyLock<Vec<Runtime>> =
    LazyLock::new(|| toml::from_str::<File>(TEXT).map(|file| file.runtime).unwrap_or_default());

/// The runtime of this name.
#[must_use]
pub fn get(name: &str) -> Option<&'static Runtime> {
    RUNTIMES.iter().find(|runtime| runtime.name == name)
}

/// The names of all runtimes.
#[must_use]
pub fn names() -> Vec<&'static str> {
    RUNTIMES.iter().map(|runtime| runtime.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_runtimes_parse() {
        let file: File = toml::from_str(TEXT).expect("profiles/data/runtimes.toml");
        assert!(!file.runtime.is_empty());
    }
}
