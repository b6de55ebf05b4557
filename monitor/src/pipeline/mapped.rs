//! Programs and libraries that watched processes run, to be searched for TLS.

use monitor_core::event::{Event, File, FileOp, Kind};

use super::Pipeline;
use crate::sensor::tls::Mapped;

/// Most that wait to be taken.
const MAX_MAPPED: usize = 4096;

impl Pipeline {
    /// Programs and libraries that watched processes run, since the last call, and how many more there were.
    pub fn take_mapped(&mut self) -> (Vec<Mapped>, u64) {
        (std::mem::take(&mut self.mapped), std::mem::take(&mut self.unmapped))
    }

    /// A program or library that a watched process runs: TLS may be in it.
    pub fn runs(&mut self, mapped: Mapped) {
        if self.mapped.len() < MAX_MAPPED {
            self.mapped.push(mapped);
        } else {
            self.unmapped += 1;
        }
    }

    /// What an event tells of that.
    pub(super) fn mapped(&mut self, event: &Event) {
        let Some(server) = event.server else { return };
        let (pid, file, path) = match &event.kind {
            Kind::Exec(exec) | Kind::Known(exec) => (exec.proc.pid, exec.exe.id, None),
            // The loader opens what it maps. A name is a hint only: the file is searched for what it has.
            Kind::File(File { proc, op: FileOp::Open, file, read: true, write: false, dir: false, .. })
                if file.path.contains(".so") && !file.cut =>
            {
                (proc.pid, file.id, Some(file.path.clone()))
            }
            _ => return,
        };
        self.runs(Mapped { server, pid, file, path });
    }
}
