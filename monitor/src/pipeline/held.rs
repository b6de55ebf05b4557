//! Events that wait until somebody knows whose they are, within bounds of number and bytes.

use std::collections::VecDeque;
use std::io;

use monitor_core::event::{Event, Kind};

/// Most events held for one candidate; beyond that the oldest go, which is counted.
pub const MAX_HELD: usize = 4096;
/// The same in bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Held {
    /// In order, each with what it takes.
    events: VecDeque<(Event, usize)>,
    bytes: usize,
    dropped: u64,
}

impl Held {
    /// Keeps an event; the oldest make room.
    pub fn push(&mut self, event: Event) {
        let bytes = weight(&event);
        self.events.push_back((event, bytes));
        self.bytes += bytes;
        while self.events.len() > MAX_HELD || self.bytes > MAX_BYTES {
            self.drop_oldest();
        }
    }

    /// Makes room for others: of what it holds, the oldest eighth goes.
    pub fn give_way(&mut self) {
        let most = self.bytes.saturating_sub((self.bytes / 8).max(1));
        while self.bytes > most {
            self.drop_oldest();
        }
    }

    /// What it takes, about.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Events that had to go.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes over how many had to go before.
    pub const fn dropped_before(&mut self, dropped: u64) {
        self.dropped = dropped;
    }

    /// What waits.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().map(|(event, _)| event)
    }

    /// Takes out everything; how many had to go stays known.
    pub fn take(&mut self) -> impl Iterator<Item = Event> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.events).into_iter().map(|(event, _)| event)
    }

    fn drop_oldest(&mut self) {
        if let Some((_, bytes)) = self.events.pop_front() {
            self.bytes -= bytes;
            self.dropped += 1;
        }
    }
}

/// About what an event takes in memory.
fn weight(event: &Event) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let more = match &event.kind {
        Kind::File(file) => {
            file.file.path.len() + text(&file.via) + file.to.as_ref().map_or(0, String::len) + file.by.len()
        }
        Kind::Known(exec) | Kind::Exec(exec) => {
            let words = exec.argv.iter().chain(&exec.preload).map(|word| word.len() + size_of::<String>());
            let script = exec.script.as_ref().map_or(0, |script| script.path.len());
            exec.exe.path.len() + exec.cwd.len() + script + words.sum::<usize>()
        }
        Kind::Unix(unix) => unix.path.len(),
        Kind::Opaque(opaque) => opaque.detail.len(),
        // its values are small and many: each takes more than its text
        Kind::Mcp(mcp) => 3 * length(&mcp.message),
        Kind::Http(http) => 3 * length(&http.message),
        Kind::Token(_) | Kind::KnownToken(_) => 512,
        Kind::Tls(tls) => 3 * length(&tls.hello),
        Kind::Dns(dns) => 3 * length(&dns.answer),
        _ => 0,
    };
    size_of::<(Event, usize)>() + more
}

/// How long a value is as text.
fn length(value: &impl serde::Serialize) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    let _never = serde_json::to_writer(&mut count, value);
    count.0
}

#[cfg(test)]
mod tests {
    use monitor_core::event::{Event, Kind, Unix};
    use monitor_core::id::ProcId;
    use monitor_core::time::Time;

    use super::{Held, MAX_BYTES, MAX_HELD};

    fn event(time: u64, length: usize) -> Event {
        let (path, op, result) = ("x".repeat(length), String::new(), String::new());
        Event {
            time: Time(time),
            server: None,
            kind: Kind::Unix(Unix { proc: ProcId { pid: 1, start: 1 }, path, op, result }),
        }
    }

    #[test]
    fn the_oldest_go_by_number_and_by_bytes_and_are_counted() {
        let mut held = Held::default();
        for time in 0..MAX_HELD as u64 + 10 {
            held.push(event(time, 1));
        }
        assert_eq!((held.iter().count(), held.dropped()), (MAX_HELD, 10));
        assert_eq!(held.iter().next().unwrap().time, Time(10));
        let mut held = Held::default();
        for time in 0..100 {
            held.push(event(time, 100_000));
        }
        assert!(held.bytes() <= MAX_BYTES && held.bytes() > MAX_BYTES - 200_000);
        assert_eq!(held.iter().count() as u64 + held.dropped(), 100);
        let before = held.bytes();
        held.give_way();
        assert!(held.bytes() < before - before / 9 && held.bytes() > before / 2);
        while held.bytes() > 0 {
            held.give_way();
        }
        assert_eq!(held.dropped(), 100);
        assert_eq!(held.take().count(), 0);
    }
}
