//! Text at the end of a file of a package, for one scenario: what somebody added to a release. The file itself stays; a
//! copy lies over it in the tests' own mounts.

use crate::place::Place;
use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// The mounts; they go with it.
#[derive(Default)]
pub struct Appended(Vec<PathBuf>);

impl Appended {
    /// Lays the copies over their files.
    pub fn new(texts: &BTreeMap<String, String>, place: &Place) -> Result<Appended> {
        let mut appended = Appended::default();
        for (number, (path, text)) in texts.iter().enumerate() {
            let path = PathBuf::from(place.fill(path, None));
            let before = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let copy = place.path(&format!("scratch/appended-{number}"));
            fs::write(&copy, before + &place.fill(text, None))?;
            let none: Option<&str> = None;
            mount(Some(&copy), &path, none, MsFlags::MS_BIND, none)
                .with_context(|| format!("cannot lay a copy over {}", path.display()))?;
            appended.0.push(path);
        }
        Ok(appended)
    }
}

impl Drop for Appended {
    fn drop(&mut self) {
        for path in &self.0 {
            if let Err(error) = umount2(path, MntFlags::MNT_DETACH) {
                eprintln!("{} stays covered: {error}", path.display());
            }
        }
    }
}
