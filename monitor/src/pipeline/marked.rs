//! What fanotify saw of marked files, which no system call need have told of.

use monitor_core::event::{Event, File, FileOp, Kind};

use super::Pipeline;
use super::opens::Untold;
use crate::sensor::changes::Changed;
use crate::sensor::fanotify::Opened;

impl Pipeline {
    /// An open that fanotify saw and that was read at `boot` (`CLOCK_BOOTTIME`, nanoseconds), but not yet at `after`: the
    /// two are far apart where there was much to judge in between.
    pub fn opened(&mut self, after: u64, boot: u64, opened: Opened) {
        if self.opens.is_told(after, opened.pid, opened.file.id) || opened.dir {
            return;
        }
        let Some(proc) = self.known(opened.pid) else { return };
        let file = File {
            proc,
            op: FileOp::Open,
            file: opened.file,
            // An event of this group doesn't tell the mode: the worse is assumed.
            read: true,
            write: false,
            create: false,
            path_only: false,
            dir: false,
            unlinked: false,
            to: None,
            via: None,
            by: "fanotify".to_owned(),
        };
        let server = self.hosts.server_of(opened.pid);
        // What is executed is opened too, by no call that opens.
        if let Some(server) = server.filter(|_| !opened.program) {
            self.opens.expect(Untold { boot, server, file: file.clone() });
        }
        self.event(Event { time: self.clock.wall(boot).max(self.last), server, kind: Kind::File(file) });
    }

    /// A change of a server's store that fanotify saw, at `boot` (`CLOCK_BOOTTIME`, nanoseconds). Those by watched
    /// processes are left out: their system calls tell, and tell more.
    pub fn changed(&mut self, boot: u64, changed: Changed) {
        if self.watches(changed.pid) {
            return;
        }
        let Some(proc) = self.known(changed.pid) else { return };
        let file = File {
            proc,
            op: changed.op,
            file: changed.file,
            read: false,
            write: true,
            create: changed.op == FileOp::Create,
            path_only: false,
            dir: false,
            unlinked: changed.unlinked,
            to: changed.to,
            via: None,
            by: "fanotify".to_owned(),
        };
        self.event(Event { time: self.clock.wall(boot).max(self.last), server: None, kind: Kind::File(file) });
    }
}
