//! Tokens that are known by their form alone.

use std::ops::Range;

use zeroize::Zeroizing;

use super::decode::{Context, Unescape, sextet};
use super::marks::Marks;
use super::region::variety;
use super::set::Set;
use super::{Encoding, Hit, Kind};
use crate::limits;
use crate::redact::{self, form, scan};

/// Bytes before a mark that may belong to its token.
const BEFORE: u64 = 128;

/// Bytes that a capture grows by while it looks for its end, at least.
const STEP: usize = 256;

/// Least different bytes of a token. A placeholder has fewer: `ghp_xxxxxxxxxxxxxxxx0`.
const VARIETY: usize = 8;

/// Looks for forms in one stream.
#[derive(Default)]
pub(super) struct Forms {
    /// Offset up to which everything was judged.
    done: u64,
    pending: Option<Capture>,
    key_id: Option<u64>,
}

/// Text that may hold a token, up to its end.
struct Capture {
    start: u64,
    bytes: Zeroizing<Vec<u8>>,
    /// Where the mark stands in it.
    mark: usize,
    ending: Ending,
    /// Where the end is looked for.
    from: usize,
}

/// What ends a capture.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The first byte that no token has.
    Byte,
    /// The label of a PEM block must tell first whether it is a secret.
    Label,
    /// `-----END` of a PEM block.
    Armour(Kind),
    /// `-----` behind that.
    Close(Kind),
}

impl Forms {
    /// Adds the tokens whose end is certain now.
    pub(super) fn advance(&mut self, set: &Set, context: &Context<'_>, hits: &mut Vec<Hit>) {
        if let Some(mut capture) = self.pending.take() {
            let at = capture.start.saturating_add(capture.bytes.len() as u64);
            if !capture.grow(context, at) {
                self.pending = Some(capture);
                return;
            }
            self.judge(set, &capture, false, hits);
        }
        let mut marks = Marks::new(context, self.done);
        while let Some(mark) = marks.next(context, self.done) {
            let mut capture = Capture::new(context, mark, self.done);
            let at = mark;
            if !capture.grow(context, at) {
                self.pending = Some(capture);
                return;
            }
            self.judge(set, &capture, false, hits);
            // Never twice the same.
            self.done = self.done.max(mark.saturating_add(1));
        }
    }

    /// No more bytes come.
    pub(super) fn end(&mut self, set: &Set, is_cut: bool, hits: &mut Vec<Hit>) {
        if let Some(capture) = self.pending.take() {
            self.judge(set, &capture, is_cut, hits);
        }
    }

    /// The stream goes on at an offset, without what was before.
    pub(super) fn restart(&mut self, at: u64) {
        *self = Self { done: at, pending: None, key_id: None };
    }

    /// Whether something may be a token whose end isn't there yet.
    pub(super) const fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Offset of the end of the last id of an AWS access key.
    pub(super) const fn key_id(&self) -> Option<u64> {
        self.key_id
    }

    fn judge(&mut self, set: &Set, capture: &Capture, is_cut: bool, hits: &mut Vec<Hit>) {
        let bytes = &capture.bytes;
        self.done = capture.start.saturating_add(bytes.len() as u64);
        let is_cut = is_cut || bytes.len() >= limits::TOKEN_FORM;
        let mut add = |kind: Kind, span: Range<usize>, is_whole: bool| {
            let start = capture.start.saturating_add(span.start as u64);
            let end = capture.start.saturating_add(span.end as u64);
            let is_whole = is_whole && !(is_cut && span.end == bytes.len());
            if kind == Kind::AwsKeyId {
                self.key_id = Some(end);
            }
            hits.extend(bytes.get(span).and_then(|token| hit(set, kind, token, start, is_whole)));
        };
        match capture.ending {
            Ending::Label => {}
            Ending::Armour(kind) => add(kind, capture.mark..bytes.len(), false),
            Ending::Close(kind) => add(kind, capture.mark..bytes.len(), true),
            Ending::Byte => {
                let mut at = 0;
                while let Some(word) = scan::next_word(bytes, at) {
                    at = word.end;
                    let glued = word.end.saturating_sub(2).max(word.start);
                    if let Some(length) = bytes.get(glued..).and_then(form::fingerprint_length) {
                        at = glued.saturating_add(length);
                        continue;
                    }
                    let rest = bytes.get(word.start..).unwrap_or_default();
                    if let Some(length) = scan::integrity(rest) {
                        at = word.start.saturating_add(length);
                        continue;
                    }
                    let grant = || form::grant(bytes, &word).map(|span| (Kind::McpOauth, span));
                    let Some((kind, span)) = form::strong(bytes, &word).or_else(grant) else { continue };
                    at = at.max(span.end);
                    let token = bytes.get(span.clone()).unwrap_or_default();
                    match kind {
                        Kind::Jwt if is_kube(token) => add(Kind::KubeServiceAccount, span, is_signed(token)),
                        Kind::Jwt => add(kind, span, is_signed(token)),
                        _ => add(kind, span, true),
                    }
                }
            }
        }
    }
}

impl Capture {
    /// Around the mark at an offset, as far back as belongs to it.
    fn new(context: &Context<'_>, mark: u64, floor: u64) -> Self {
        let floor = floor.max(context.start()).max(mark.saturating_sub(BEFORE));
        let mut start = mark;
        while start > floor
            && context
                .byte(start.saturating_sub(1))
                .is_some_and(|byte| form::is_word(byte) || matches!(byte, b'.' | b'@'))
        {
            start = start.saturating_sub(1);
        }
        let bytes = context.copy(start, mark);
        let armour = form::ARMOUR.as_bytes();
        let is_armour = armour.iter().zip(mark..).all(|(&byte, at)| context.byte(at) == Some(byte));
        let (ending, skip) = if is_armour { (Ending::Label, armour.len()) } else { (Ending::Byte, 0) };
        let from = bytes.len().saturating_add(skip);
        Self { start, mark: bytes.len(), bytes, ending, from }
    }

    /// Takes what belongs to it from an offset on; `true` once its end is there.
    fn grow(&mut self, context: &Context<'_>, at: u64) -> bool {
        for mut rest in context.from(at) {
            while !rest.is_empty() {
                let room = limits::TOKEN_FORM.saturating_sub(self.bytes.len());
                let step = STEP.max(self.bytes.len()).min(room);
                let (head, tail) = rest.split_at_checked(step).unwrap_or((rest, &[]));
                self.append(head);
                rest = tail;
                if self.is_complete() || self.bytes.len() >= limits::TOKEN_FORM {
                    return true;
                }
            }
        }
        false
    }

    /// In memory that is wiped, which a vector that grows leaves behind unwiped.
    fn append(&mut self, bytes: &[u8]) {
        let needed = self.bytes.len().saturating_add(bytes.len());
        if needed > self.bytes.capacity() {
            let mut larger =
                Zeroizing::new(Vec::with_capacity(needed.saturating_mul(2).min(limits::TOKEN_FORM).max(needed)));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Looks for the end in what is new, and cuts off what stands behind.
    fn is_complete(&mut self) -> bool {
        loop {
            let new = self.bytes.get(self.from..).unwrap_or_default();
            match self.ending {
                Ending::Byte => {
                    let is_token = |byte: &u8| form::is_base64(*byte) || matches!(byte, b'.' | b':' | b'@');
                    match new.iter().position(|byte| !is_token(byte)) {
                        Some(end) => return self.cut(end),
                        None => self.from = self.bytes.len(),
                    }
                    return false;
                }
                Ending::Label => {
                    let window = new.get(..64).unwrap_or(new);
                    let Some(end) = memchr::memmem::find(window, b"-----") else {
                        return new.len() >= 64 && self.cut(0);
                    };
                    match form::armour(new) {
                        Some(kind) => self.ending = Ending::Armour(kind),
                        None => return self.cut(end),
                    }
                    self.from = self.from.saturating_add(end).saturating_add(5);
                }
                Ending::Armour(kind) => {
                    const END: &[u8] = b"-----END";
                    let Some(end) = memchr::memmem::find(new, END) else {
                        self.from = self.from.max(self.bytes.len().saturating_sub(END.len()));
                        return false;
                    };
                    self.from = self.from.saturating_add(end).saturating_add(END.len());
                    self.ending = Ending::Close(kind);
                }
                Ending::Close(_) => {
                    let window = new.get(..64).unwrap_or(new);
                    return match memchr::memmem::find(window, b"-----") {
                        Some(end) => self.cut(end.saturating_add(5)),
                        None => new.len() >= 64 && self.cut(0),
                    };
                }
            }
        }
    }

    fn cut(&mut self, end: usize) -> bool {
        self.bytes.truncate(self.from.saturating_add(end));
        true
    }
}

/// A token by its form, unless it is known: then it is found for itself.
pub(super) fn hit(set: &Set, kind: Kind, token: &[u8], start: u64, whole: bool) -> Option<Hit> {
    if variety(token) < VARIETY {
        return None;
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(token.len()));
    let mut escapes = Unescape::default();
    let is_armour = matches!(kind, Kind::PrivateKey | Kind::Armoured);
    if is_armour {
        token.iter().for_each(|&byte| escapes.push(byte, |byte, _| plain.push(byte)));
    } else {
        plain.extend_from_slice(token);
    }
    let hash = set.key.hash(&plain);
    let encoding = match escapes.escaped {
        true => Encoding::Escaped,
        false => Encoding::Plain,
    };
    let end = start.saturating_add(token.len() as u64);
    (!set.has(&hash)).then(|| Hit {
        kind,
        fingerprint: redact::shown(&hash),
        encoding,
        start,
        end,
        len: plain.len(),
        known: false,
        whole,
    })
}

/// Whether a JSON Web Token has its signature (RFC 7515 section 7.1).
fn is_signed(token: &[u8]) -> bool {
    token.split(|&byte| byte == b'.').count() == 3 && !token.ends_with(b".")
}

/// Whether a JSON Web Token says that it is a Kubernetes service account's.
pub(super) fn is_kube(token: &[u8]) -> bool {
    let Some(payload) = token.split(|&byte| byte == b'.').nth(1) else { return false };
    let mut text = Zeroizing::new(Vec::with_capacity(payload.len()));
    for quad in payload.chunks(4) {
        let bits = quad.iter().fold(0_u32, |bits, &byte| bits << 6 | u32::from(sextet(byte).unwrap_or(0)));
        let missing = 4_usize.saturating_sub(quad.len());
        let bits = bits << (6_usize.saturating_mul(missing));
        text.extend_from_slice(bits.to_be_bytes().get(1..4_usize.saturating_sub(missing)).unwrap_or_default());
    }
    memchr::memmem::find(&text, b"kubernetes.io").is_some()
        || memchr::memmem::find(&text, b"system:serviceaccount:").is_some()
}
