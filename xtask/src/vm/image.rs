//! What the guest's file system holds: programs with their libraries, and folders, at the paths that they have here.

use super::cpio::Archive;
use crate::shell;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

enum Entry {
    Folder,
    File(PathBuf),
    Text(String),
    Link(PathBuf),
}

/// A file system in the making.
#[derive(Default)]
pub struct Image {
    entries: BTreeMap<PathBuf, Entry>,
}

impl Image {
    /// One with the folders that every guest needs, and the links of a merged `/usr`.
    pub fn new() -> Image {
        let mut image = Image::default();
        let below = ["var/spool", "usr/bin", "usr/lib", "usr/lib64", "usr/sbin"];
        for folder in ["dev", "proc", "sys", "run", "tmp", "etc", "root"].into_iter().chain(below) {
            image.put(&Path::new("/").join(folder), Entry::Folder);
        }
        for name in ["bin", "lib", "lib64", "sbin"] {
            image.put(&Path::new("/").join(name), Entry::Link(Path::new("usr").join(name)));
        }
        image.put(Path::new("/var/run"), Entry::Link("/run".into()));
        image
    }

    /// A program (or library) with its loader and libraries, at the path where it is here.
    pub fn program(&mut self, path: &Path) -> Result<()> {
        self.file(path)?;
        // A static program has none, and ldd says so by failing.
        let output = Command::new("ldd").arg(path).output().context("cannot start `ldd`")?;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let library = line.split("=>").last().unwrap_or_default().split_whitespace().next().unwrap_or_default();
            if library.starts_with('/') {
                self.file(Path::new(library))?;
            }
        }
        Ok(())
    }

    /// A program found on the PATH.
    pub fn named(&mut self, name: &str) -> Result<()> {
        let path = shell::probe("sh", &["-c", &format!("PATH=$PATH:/usr/sbin:/sbin command -v {name}")]);
        let path = path.filter(|path| path.starts_with('/')).with_context(|| format!("no program `{name}`"))?;
        self.program(Path::new(&path))
    }

    /// One file, and the links that lead to it.
    pub fn file(&mut self, path: &Path) -> Result<()> {
        let mut at = path.to_owned();
        while let Ok(target) = fs::read_link(&at) {
            self.put(&settled(&at)?, Entry::Link(target.clone()));
            at = at.parent().unwrap_or(Path::new("/")).join(target);
        }
        self.put(&settled(&at)?, Entry::File(at));
        Ok(())
    }

    /// A symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.put(Path::new(path), Entry::Link(target.into()));
    }

    /// A file with this content.
    pub fn text(&mut self, path: &str, content: &str) {
        self.put(Path::new(path), Entry::Text(content.to_owned()));
    }

    /// A folder with everything in it; links stay links. `skip` leaves out what has this file name.
    pub fn tree(&mut self, folder: &Path, skip: &[&str]) -> Result<()> {
        let here = settled(folder)?;
        self.put(&here, Entry::Folder);
        let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| skip.contains(&name)) {
                continue;
            }
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                self.tree(&path, skip)?;
            } else if kind.is_symlink() {
                self.put(&here.join(entry.file_name()), Entry::Link(fs::read_link(&path)?));
            } else if kind.is_file() {
                self.put(&here.join(entry.file_name()), Entry::File(path));
            }
        }
        Ok(())
    }

    /// Writes it; answers its size in bytes.
    pub fn write(&self, to: &Path) -> Result<u64> {
        let file = File::create(to).with_context(|| format!("cannot write {}", to.display()))?;
        let mut archive = Archive::new(BufWriter::new(file));
        for (path, entry) in &self.entries {
            let name = path.strip_prefix("/").unwrap_or(path).to_string_lossy();
            match entry {
                Entry::Folder => archive.folder(&name)?,
                Entry::Text(text) => archive.file(&name, 0o755, text.as_bytes())?,
                Entry::Link(target) => archive.link(&name, &target.to_string_lossy())?,
                Entry::File(source) => {
                    let content = fs::read(source).with_context(|| format!("cannot read {}", source.display()))?;
                    let mode = fs::metadata(source)?.permissions().mode();
                    archive.file(&name, mode, &content)?;
                }
            }
        }
        archive.finish()?.flush()?;
        Ok(fs::metadata(to)?.len())
    }

    fn put(&mut self, path: &Path, entry: Entry) {
        for above in path.ancestors().skip(1).filter(|above| above.parent().is_some()) {
            self.entries.entry(above.to_owned()).or_insert(Entry::Folder);
        }
        self.entries.insert(path.to_owned(), entry);
    }
}

/// The path with its folder's links followed, but not its last component's.
fn settled(path: &Path) -> Result<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(path.to_owned()) };
    let real = fs::canonicalize(folder).with_context(|| format!("no folder {}", folder.display()))?;
    Ok(real.join(name))
}
