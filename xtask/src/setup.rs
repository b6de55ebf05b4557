//! `cargo xtask setup`: install what is missing, saying what and why before.

use crate::{ownership, packages, subjects, toolchain};
use anyhow::{Result, bail};

/// Installs, or with `check` only says what is missing (`Ok(false)` then).
pub fn run(check: bool) -> Result<bool> {
    if check {
        let mut missing = toolchain::missing()?;
        missing.extend(packages::missing(packages::BASE));
        missing.extend(packages::node_too_old());
        missing.extend(subjects::missing()?);
        for line in &missing {
            println!("missing: {line}");
        }
        if missing.is_empty() {
            println!("nothing is missing");
        }
        return Ok(missing.is_empty());
    }
    build_needs()?;
    test_needs()?;
    println!("==> everything that the build and the tests need is installed");
    Ok(true)
}

/// What a build needs: the toolchain's parts.
pub fn build_needs() -> Result<()> {
    toolchain::install()
}

/// What the end-to-end tests and the demo need: programs and test subjects.
pub fn test_needs() -> Result<()> {
    packages::require(packages::BASE)?;
    if let Some(problem) = packages::node_too_old() {
        bail!("{problem}");
    }
    // Tests that were interrupted haven't done it themselves.
    ownership::take_back()?;
    subjects::install()
}
