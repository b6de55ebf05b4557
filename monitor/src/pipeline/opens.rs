//! One open seen by two sensors is one open; one that only fanotify saw came by a way that the hooks don't see.
//!
//! fanotify sees every way to a marked file but says neither when nor by what. The hooks of the system calls say both.
//! So what the hooks told first is left out when fanotify repeats it, and what they never tell of is suspicious.

use std::collections::VecDeque;

use monitor_core::event::File;
use monitor_core::id::{FileId, ServerId};

/// How long an open that the hooks told of hides the same open as fanotify reports it, nanoseconds.
const SAME_OPEN: u64 = 2_000_000_000;
/// How long the hooks may take to tell of an open that fanotify has reported, nanoseconds: far longer than a process can
/// be kept from its CPU on a machine that is merely busy.
const LATE: u64 = 1_000_000_000;
/// Most opens that are remembered.
const MAX_OPENS: usize = 16_384;
/// Most opens at a time that the hooks have still to tell of.
const MAX_WAITING: usize = 64;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Opens {
    /// What the hooks told: time, process, file.
    told: VecDeque<(u64, u32, FileId)>,
    waiting: VecDeque<Untold>,
    /// Every hook of the file sensor is armed: what they don't tell of came by none of them.
    pub complete: bool,
    /// When records were lost last.
    lost: u64,
}

/// An open that the hooks haven't told of.
#[derive(Debug)]
pub struct Untold {
    /// When it was reported, `CLOCK_BOOTTIME` in nanoseconds.
    pub boot: u64,
    /// Whose process opened it.
    pub server: ServerId,
    /// What was opened.
    pub file: File,
}

impl Opens {
    /// The hooks told of an open.
    pub fn tell(&mut self, boot: u64, pid: u32, file: FileId) {
        self.told.push_back((boot, pid, file));
        if self.told.len() > MAX_OPENS {
            self.told.pop_front();
        }
    }

    /// Whether the hooks told of an open that fanotify reports now, and that wasn't there to be read at `after` yet.
    pub fn is_told(&mut self, after: u64, pid: u32, file: FileId) -> bool {
        self.told.retain(|(time, _, _)| after.saturating_sub(*time) < SAME_OPEN);
        self.is_known(pid, file)
    }

    /// Records of the hooks were lost: what they tell of is no longer all there is.
    pub const fn lose(&mut self, boot: u64) {
        self.lost = boot;
    }

    /// The hooks have still to tell of this open.
    pub fn expect(&mut self, untold: Untold) {
        if self.complete && self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(untold);
        }
    }

    /// Opens of which the hooks have told nothing, though everything up to `drained` has been judged.
    pub fn untold(&mut self, drained: u64) -> Vec<Untold> {
        let mut due = Vec::new();
        while self.waiting.front().is_some_and(|untold| untold.boot + LATE <= drained) {
            due.extend(self.waiting.pop_front());
        }
        due.retain(|untold| {
            let blurred = self.lost != 0 && self.lost + SAME_OPEN >= untold.boot;
            !blurred && !self.is_known(untold.file.proc.pid, untold.file.file.id)
        });
        due
    }

    fn is_known(&self, pid: u32, file: FileId) -> bool {
        self.told.iter().any(|(_, known, id)| *known == pid && *id == file)
    }
}

#[cfg(test)]
mod tests {
    use monitor_core::event::{File, FileOp, FileRef};
    use monitor_core::id::{FileId, ProcId, ServerId};

    use super::{LATE, Opens, SAME_OPEN, Untold};

    const FILE: FileId = FileId { dev: 1, ino: 2 };

    fn untold(boot: u64) -> Untold {
        let file = File {
            proc: ProcId { pid: 7, start: 1 },
            op: FileOp::Open,
            file: FileRef { path: "/x".to_owned(), id: FILE, cut: false },
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
        Untold { boot, server: ServerId(1), file }
    }

    fn complete() -> Opens {
        Opens { complete: true, ..Opens::default() }
    }

    #[test]
    fn what_the_hooks_told_is_known_until_fanotify_can_no_longer_mean_it() {
        let mut opens = complete();
        opens.tell(10, 7, FILE);
        assert!(!opens.is_told(11, 8, FILE), "another process");
        // However late fanotify was read: it had last been read before.
        assert!(opens.is_told(11, 7, FILE));
        assert!(!opens.is_told(10 + SAME_OPEN, 7, FILE));
    }

    #[test]
    fn an_open_that_no_hook_tells_of_is_handed_out_once_and_late() {
        let mut opens = complete();
        opens.expect(untold(100));
        assert!(opens.untold(99 + LATE).is_empty());
        assert_eq!(opens.untold(100 + LATE).len(), 1);
        assert!(opens.untold(200 + LATE).is_empty());
    }

    #[test]
    fn an_open_that_is_told_late_was_an_ordinary_one() {
        let mut opens = complete();
        opens.expect(untold(100));
        opens.tell(90 + LATE, 7, FILE);
        assert!(opens.untold(100 + LATE).is_empty());
    }

    #[test]
    fn where_records_were_lost_or_hooks_are_missing_nobody_is_accused() {
        let mut opens = complete();
        opens.expect(untold(100));
        opens.lose(150);
        assert!(opens.untold(100 + LATE).is_empty());
        let mut opens = Opens::default();
        opens.expect(untold(100));
        assert!(opens.untold(100 + LATE).is_empty());
    }
}
