//! The TLS libraries that a session's servers run.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use monitor_core::id::{FileId, ServerId};
use procfs::process::{MMPermissions, MMapPath, Process};

use super::Session;
use crate::discover::{Start, find_command};
use crate::pipeline::Pipeline;
use crate::regular;
use crate::sensor::tls::{Libraries, Mapped, Told};

impl Session {
    /// Gets ready to attach, where the kernel took the programs.
    pub(super) fn open_libraries(&mut self) {
        if self.hooks.iter().any(|hook| hook.program.sensor == "tls" && hook.refused.is_some()) {
            return;
        }
        match Libraries::new() {
            Ok(libraries) => self.libraries = Some(libraries),
            Err(error) => {
                tracing::warn!(%error, "TLS connections can't be read");
                self.pipeline.blind("tls", &format!("its thread can't be had: {error}"));
            }
        }
    }

    /// Asks for what the servers run by now, and attaches to what was found.
    pub(super) fn attach_libraries(&mut self) {
        let (mapped, mut unasked) = self.pipeline.take_mapped();
        let Some(libraries) = &mut self.libraries else { return };
        for mapped in mapped {
            if !libraries.mapped(mapped) {
                unasked += 1;
            }
        }
        for told in libraries.attach(self.sensors.ebpf()) {
            tell(&mut self.pipeline, told);
        }
        if unasked > 0 {
            self.pipeline.left_out("tls", "table_full", unasked);
        }
    }

    /// The session's first server is going to execute this: attaches to its TLS library, if that is in the program, before
    /// its first instruction. Opens what the command names, so that it is for a command that root was given.
    pub fn attach_ahead(&mut self, start: &Start) {
        let server = ServerId(self.next);
        for program in programs(&start.exe) {
            let told = self.libraries.as_mut();
            let told = told.and_then(|libraries| libraries.ahead(self.sensors.ebpf(), &program, server));
            if let Some(told) = told {
                tell(&mut self.pipeline, told);
            }
        }
    }

    /// A process that runs already is part of a server: what it runs was not seen to be mapped.
    pub(super) fn runs_already(&mut self, pid: u32, server: ServerId) {
        if self.libraries.is_none() {
            return;
        }
        if let Ok(meta) = std::fs::metadata(format!("/proc/{pid}/exe")) {
            let file = FileId { dev: meta.dev(), ino: meta.ino() };
            self.pipeline.runs(Mapped { server, pid, file, path: None });
        }
        let Ok(maps) =
            i32::try_from(pid).map_or(Err(()), |pid| Process::new(pid).and_then(|it| it.maps()).map_err(drop))
        else {
            return;
        };
        for map in maps.into_iter().filter(|map| map.perms.contains(MMPermissions::EXECUTE)) {
            if let (MMapPath::Path(path), (Ok(major), Ok(minor))) =
                (map.pathname, (map.dev.0.try_into(), map.dev.1.try_into()))
            {
                let file = FileId { dev: nix::libc::makedev(major, minor), ino: map.inode };
                let path = Some(path.to_string_lossy().into_owned());
                self.pipeline.runs(Mapped { server, pid, file, path });
            }
        }
    }

    /// Lets go of libraries of servers that aren't watched any more.
    pub(super) fn release_libraries(&mut self) {
        let Self { libraries, sensors, pipeline, .. } = self;
        if let Some(libraries) = libraries {
            libraries.release(sensors.ebpf(), |server| pipeline.is_live(server));
        }
    }
}

/// A program, and for a script those that its first line names. A hint: whatever is executed is looked into again.
fn programs(exe: &Path) -> Vec<PathBuf> {
    let mut programs = vec![exe.to_path_buf()];
    let mut head = [0; 256];
    let Ok(len) = regular::open(exe).and_then(|(mut file, _)| file.read(&mut head)) else { return programs };
    if let Some(line) = head[..len].strip_prefix(b"#!").and_then(|rest| rest.split(|byte| *byte == b'\n').next()) {
        let line = String::from_utf8_lossy(line).into_owned();
        programs.extend(line.split_whitespace().filter_map(|word| find_command(word.as_ref()).ok()));
    }
    programs
}

fn tell(pipeline: &mut Pipeline, told: Told) {
    match told {
        Told::Attached(path) => tracing::debug!(path = %path.display(), "reading what TLS takes and gives"),
        Told::Refused(path, error) => {
            tracing::warn!(path = %path.display(), error, "TLS connections of this library can't be read");
            pipeline.left_out("tls", "refused", 1);
        }
    }
}
