//! Does nothing, and ends: a child that a server starts. `idle wait` ends when it is stopped, a minute later at most.

use std::time::Duration;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("wait") {
        std::thread::sleep(Duration::from_secs(60));
    }
}
