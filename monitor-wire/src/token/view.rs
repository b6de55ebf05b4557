//! Windows that hold an escape, of characters that no encoder has to escape: whoever escapes them anyway wants to hide
//! them. Those that encoders do escape stand in regions only where there is no better place, and have windows of their
//! own.

use super::decode::Context;
use super::region::is_unreserved;

/// Bytes that are looked over at once for something that may begin such an escape.
const BLOCK: usize = 64;

/// Follows the escapes of one stream.
#[derive(Default)]
pub(super) struct View {
    /// Offset up to which it has looked.
    from: u64,
    active: Option<Active>,
}

/// The last characters near an escape.
struct Active {
    window: u64,
    /// Where each of them begins.
    starts: [u64; 8],
    count: u8,
    /// Characters after the last escape.
    since: u8,
}

impl View {
    /// Gives every window that holds an escape, and where it begins; `true` for a short one.
    pub(super) fn advance(&mut self, context: &Context<'_>, mut put: impl FnMut(bool, u64, u64)) {
        loop {
            let Some(active) = &mut self.active else {
                let Some(at) = next(context, self.from) else {
                    self.from = context.end();
                    return;
                };
                self.from = at;
                let Some(unit) = context.unit(at) else { return };
                match is_hidden(unit.byte, unit.len) {
                    true => self.active = Some(Active::before(context, at)),
                    false => self.from = at.saturating_add(unit.len as u64),
                }
                continue;
            };
            let Some(unit) = context.unit(self.from) else { return };
            let is_hidden = is_hidden(unit.byte, unit.len);
            active.push(unit.byte, self.from, is_hidden);
            self.from = self.from.saturating_add(unit.len as u64);
            let [first, _, _, short, ..] = active.starts;
            if active.count >= 5 && active.since < 5 {
                put(true, active.window >> 24, short);
            }
            if active.count >= 8 && active.since < 8 {
                put(false, active.window, first);
            }
            if active.since >= 8 {
                self.active = None;
            }
        }
    }

    /// Forgets what it saw; the stream goes on at an offset.
    pub(super) fn restart(&mut self, at: u64) {
        self.active = None;
        self.from = at;
    }
}

impl Active {
    fn before(context: &Context<'_>, at: u64) -> Self {
        let mut active = Self { window: 0, starts: [0; 8], count: 0, since: u8::MAX };
        for at in at.saturating_sub(7).max(context.start())..at {
            active.push(context.byte(at).unwrap_or(0), at, false);
        }
        active
    }

    fn push(&mut self, byte: u8, start: u64, is_hidden: bool) {
        self.window = self.window >> 8 | u64::from(byte) << 56;
        self.starts.rotate_left(1);
        if let Some(last) = self.starts.last_mut() {
            *last = start;
        }
        self.count = self.count.saturating_add(1).min(8);
        self.since = if is_hidden { 0 } else { self.since.saturating_add(1) };
    }
}

/// Whether a character was escaped that needn't be. `/` and `+` may stand in base64.
const fn is_hidden(byte: u8, len: usize) -> bool {
    len > 1 && (is_unreserved(byte) && len != 2 || matches!(byte, b'/' | b'+'))
}

/// Where the next escape may begin that is worth a look.
fn next(context: &Context<'_>, from: u64) -> Option<u64> {
    let mut at = from.max(context.start());
    // Before the piece, and just behind its beginning, one by one.
    while at < context.base {
        if matches!(context.byte(at), Some(b'%' | b'\\')) {
            return Some(at);
        }
        at = at.saturating_add(1);
    }
    let skipped = usize::try_from(at.saturating_sub(context.base)).ok()?;
    let mut rest = context.piece.get(skipped..)?;
    loop {
        let plain = plain(rest);
        rest = rest.get(plain..)?;
        let block = rest.get(..BLOCK).unwrap_or(rest);
        let mut from = 0;
        while let Some(found) = block.get(from..).and_then(|block| memchr::memchr2(b'%', b'\\', block)) {
            from = from.saturating_add(found);
            if rest.get(from..).is_some_and(may_begin) {
                let left = rest.len().saturating_sub(from) as u64;
                return Some(context.end().saturating_sub(left));
            }
            from = from.saturating_add(1);
        }
        rest = rest.get(block.len()..)?;
        if rest.is_empty() {
            return None;
        }
    }
}

/// How many bytes at the front hold no escape, in whole blocks; without branches within, for vector instructions.
fn plain(bytes: &[u8]) -> usize {
    let next = bytes.get(1..).unwrap_or_default();
    let blocks = bytes.as_chunks::<BLOCK>().0.iter().zip(next.as_chunks::<BLOCK>().0);
    let is_plain = |(block, next): &(&[u8; BLOCK], &[u8; BLOCK])| {
        let mut any = 0;
        for &byte in block.iter() {
            any |= u8::from(byte == b'%') | u8::from(byte == b'\\');
        }
        if any == 0 {
            return true;
        }
        let mut found = 0;
        for (&byte, &next) in block.iter().zip(*next) {
            found |= u8::from(byte == b'%') & u8::from((b'2'..=b'7').contains(&next))
                | u8::from(byte == b'\\') & (u8::from(next == b'u') | u8::from(next == b'x') | u8::from(next == b'/'));
        }
        found == 0
    };
    blocks.take_while(is_plain).count().saturating_mul(BLOCK)
}

/// Whether a hidden character may stand at the front; what isn't there yet may be anything.
fn may_begin(bytes: &[u8]) -> bool {
    let is_digits = |high: u8, low: u8| {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (Some(high), Some(low)) = (digit(high), digit(low)) else { return false };
        u8::try_from(high << 4 | low).is_ok_and(|byte| is_hidden(byte, 3))
    };
    match *bytes {
        [b'%', high, low, ..] | [b'\\', b'x', high, low, ..] => is_digits(high, low),
        [b'\\', b'u', b'0', b'0', high, low, ..] => is_digits(high, low),
        [b'\\', b'u', _, _, _, _, ..] => false,
        [b'%', ..] | [b'\\'] | [b'\\', b'u' | b'x' | b'/', ..] => true,
        _ => false,
    }
}
