//! Waiting for a condition, never for a time.

use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// How often a condition is looked at again.
const LOOK: Duration = Duration::from_millis(10);

/// How much longer than usual to wait before a hang is called one: `TRIPLINE_PATIENCE`, for a machine that is emulated.
pub fn patience() -> u32 {
    std::env::var("TRIPLINE_PATIENCE").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Asks until there is an answer; fails when `bound` times [`patience`] is over, naming what it waited for.
pub fn until<T>(what: &str, bound: Duration, mut ask: impl FnMut() -> Option<T>) -> Result<T> {
    let (start, bound) = (Instant::now(), bound * patience());
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if start.elapsed() > bound {
            bail!("waited {} s in vain for {what}", bound.as_secs_f32());
        }
        std::thread::park_timeout(LOOK);
    }
}

/// As [`until`], for a condition without a value.
pub fn until_true(what: &str, bound: Duration, mut holds: impl FnMut() -> bool) -> Result<()> {
    until(what, bound, || holds().then_some(()))
}
