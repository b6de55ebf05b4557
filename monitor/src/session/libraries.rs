//! The TLS libraries that a session's servers run.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Session;
use crate::discover::{Start, find_command};
use crate::pipeline::Pipeline;
use crate::sensor::tls::{Libraries, Told};

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
        let mapped = self.pipeline.take_mapped();
        let Some(libraries) = &mut self.libraries else { return };
        let mut unasked = 0;
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

    /// A process is going to execute this: attaches to its TLS library, if that is in the program, before its first
    /// instruction.
    pub fn attach_ahead(&mut self, start: &Start) {
        for program in programs(&start.exe) {
            let program =
                Path::new(&format!("/proc/{}/root", start.pid)).join(program.strip_prefix("/").unwrap_or(&program));
            let told = self.libraries.as_mut();
            let told = told.and_then(|libraries| libraries.ahead(self.sensors.ebpf(), &program, start.pid));
            if let Some(told) = told {
                tell(&mut self.pipeline, told);
            }
        }
    }

    /// Lets go of libraries that no server runs any more.
    pub(super) fn release_libraries(&mut self) {
        let Self { libraries, sensors, pipeline, .. } = self;
        if let Some(libraries) = libraries {
            libraries.release(sensors.ebpf(), |pid| pipeline.watches(pid));
        }
    }
}

/// A program, and for a script those that its first line names. A hint: whatever is executed is looked into again.
fn programs(exe: &Path) -> Vec<PathBuf> {
    let mut programs = vec![exe.to_path_buf()];
    let mut head = [0; 256];
    let Ok(len) = File::open(exe).and_then(|mut file| file.read(&mut head)) else { return programs };
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
