//! Content codings (RFC 9110 section 8.4): what a body holds, as its bytes pass.
//!
//! Decoded are `gzip` (RFC 1952), `deflate` (with zlib's frame, RFC 1950, or without, as browsers take it too), `br`
//! (RFC 7932) and `zstd` (RFC 8878), and two of them one inside the other. Anything else is [`Unreadable`], by name:
//! `compress`, the codings with dictionaries (`dcb`, `dcz`, RFC 9842), `aes128gcm`, and what nobody registered.
//!
//! Lenient where receivers are: what follows the end of the compressed data is passed over.

mod brotli;
mod gzip;
mod inflate;
mod zlib;
mod zstd;

use crate::limits;

/// Takes the codings from one body, from its first byte.
///
/// What it gives doesn't depend on how the bytes are split into calls, but for the last bytes before a malformed `br` body is
/// refused: one split may give a few more of them. Nothing is collected; the memory is that of the codings' windows
/// ([`limits::ZSTD_WINDOW`] says which), and is given back at the first reject.
pub struct Decoder {
    /// The outermost first.
    stages: Vec<Layer>,
    state: State,
    /// Bytes of the body.
    taken: u64,
    decoded: u64,
}

/// Why nothing of a body is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// A coding that isn't known: its name, lower case, at most 32 bytes.
    Coding(String),
    /// More than [`limits::HTTP_CODINGS`].
    TooMany,
}

/// Why the rest of a body isn't decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// Not what the coding says.
    Malformed,
    /// It was decoded whole, and its checksum is another one's: receivers may have refused it at the end.
    Checksum,
    /// More came out than [`limits::HTTP_DECODED`] and [`limits::HTTP_DECODED_RATIO`] permit.
    TooLong,
    /// It wants a window larger than [`limits::ZSTD_WINDOW`].
    Window,
    /// It wants a dictionary, which isn't in it.
    Dictionary,
    /// Bytes of it are missing.
    Lost,
    /// It ended before the coding did.
    Cut,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was fed.
    Empty,
    Open,
    Over(Reject),
}

struct Layer {
    stage: Stage,
    /// Bytes that came out.
    out: u64,
}

/// Bytes of a body after which the cap of what comes out grows. At these places all that is known has come out, whatever the
/// split, so the cap ends a body at the same byte.
const STRIDE: u64 = 64 << 10;

enum Stage {
    Gzip(gzip::Gzip),
    Deflate(zlib::Deflate),
    Brotli(brotli::Brotli),
    Zstd(zstd::Zstd),
}

/// What takes decoded bytes, and may end the decoding.
type Sink<'a> = dyn FnMut(&[u8]) -> Result<(), Reject> + 'a;

impl std::fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The windows hold what hasn't been redacted.
        formatter.debug_struct("Decoder").field("decoded", &self.decoded).finish_non_exhaustive()
    }
}

impl Decoder {
    /// For a body with this `Content-Encoding`: the value of one such field as [`super::Headers`] keeps it, or of several
    /// joined by commas. `identity` and no coding at all leave the body as it is.
    pub fn new(content_encoding: &str) -> Result<Self, Unreadable> {
        let mut stages = Vec::new();
        // The last one was applied last.
        for name in content_encoding.rsplit(',').map(str::trim) {
            let name = name.to_ascii_lowercase();
            let stage = match name.as_str() {
                "" | "identity" => continue,
                "gzip" | "x-gzip" => Stage::Gzip(gzip::Gzip::new()),
                "deflate" => Stage::Deflate(zlib::Deflate::new()),
                "br" => Stage::Brotli(brotli::Brotli::new()),
                "zstd" => Stage::Zstd(zstd::Zstd::new()),
                _ => return Err(Unreadable::new(&name)),
            };
            if stages.len() >= limits::HTTP_CODINGS {
                return Err(Unreadable::TooMany);
            }
            stages.push(Layer { stage, out: 0 });
        }
        Ok(Self { stages, state: State::Empty, taken: 0, decoded: 0 })
    }

    /// The body has no coding: what is fed comes out as it is, without a cap.
    pub fn is_identity(&self) -> bool {
        self.stages.is_empty() && !matches!(self.state, State::Over(_))
    }

    /// Takes the next bytes of the body and gives what they hold to `visit`; where pieces begin and end depends on the
    /// split. After a reject, which is answered from then on, nothing more is given.
    pub fn feed(&mut self, bytes: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<(), Reject> {
        if let State::Over(reject) = self.state {
            return Err(reject);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.state = State::Open;
        let mut rest = bytes;
        while !rest.is_empty() {
            let passed = self.taken.checked_rem(STRIDE).unwrap_or_default();
            let earned = self.taken.saturating_sub(passed).saturating_mul(limits::HTTP_DECODED_RATIO);
            let room = usize::try_from(STRIDE.saturating_sub(passed)).unwrap_or(usize::MAX);
            let (piece, tail) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            rest = tail;
            self.taken = self.taken.saturating_add(piece.len() as u64);
            let decoded = &mut self.decoded;
            let result = run(&mut self.stages, piece, limits::HTTP_DECODED.saturating_add(earned), &mut |piece| {
                *decoded = decoded.saturating_add(piece.len() as u64);
                visit(piece);
                Ok(())
            });
            result.map_err(|reject| self.stop(reject))?;
        }
        Ok(())
    }

    /// Bytes of the body were lost: what follows can't be decoded. Without a coding nothing depends on them, and it goes
    /// on; whoever takes what comes out must be told of the loss in either case.
    pub fn gap(&mut self) {
        if !self.is_identity() && self.reject().is_none() {
            self.stop(Reject::Lost);
        }
    }

    /// Says that the body is over. A body without any byte is complete whatever its coding: the answer to `HEAD` is one.
    pub fn finish(&mut self) -> Result<(), Reject> {
        match self.state {
            State::Over(reject) => Err(reject),
            State::Open if !self.stages.iter().all(|layer| layer.stage.is_complete()) => Err(self.stop(Reject::Cut)),
            State::Open | State::Empty => Ok(()),
        }
    }

    /// Why nothing more is decoded.
    pub const fn reject(&self) -> Option<Reject> {
        if let State::Over(reject) = self.state { Some(reject) } else { None }
    }

    /// Bytes that came out.
    pub const fn decoded(&self) -> u64 {
        self.decoded
    }

    /// Bytes of memory that it holds now, but for a few kilobytes: at most about 50 KiB for gzip and deflate each, 20 MiB for
    /// br, 13 MiB for zstd. They grow with what has come out, and whoever reads many bodies has to bound their sum.
    pub fn memory(&self) -> usize {
        self.stages.iter().map(|layer| layer.stage.memory()).fold(0, usize::saturating_add)
    }

    fn stop(&mut self, reject: Reject) -> Reject {
        self.state = State::Over(reject);
        self.stages = Vec::new();
        reject
    }
}

impl Unreadable {
    fn new(name: &str) -> Self {
        let end = name.floor_char_boundary(limits::HTTP_CODING_NAME);
        Self::Coding(name.get(..end).unwrap_or_default().to_owned())
    }
}

impl std::fmt::Display for Unreadable {
    /// The coding's name, or `too_many`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Coding(name) => name,
            Self::TooMany => "too_many",
        })
    }
}

impl Reject {
    /// The reason in a word, for counters and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Checksum => "checksum",
            Self::TooLong => "too_long",
            Self::Window => "window",
            Self::Dictionary => "dictionary",
            Self::Lost => "lost",
            Self::Cut => "cut",
        }
    }
}

impl Stage {
    fn feed(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), Reject> {
        match self {
            Self::Gzip(stage) => stage.feed(bytes, sink),
            Self::Deflate(stage) => stage.feed(bytes, sink),
            Self::Brotli(stage) => stage.feed(bytes, sink),
            Self::Zstd(stage) => stage.feed(bytes, sink),
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Gzip(stage) => stage.memory(),
            Self::Deflate(stage) => stage.memory(),
            Self::Brotli(stage) => stage.memory(),
            Self::Zstd(stage) => stage.memory(),
        }
    }

    /// The compressed data ended here, so that the body may.
    const fn is_complete(&self) -> bool {
        match self {
            Self::Gzip(stage) => stage.is_complete(),
            Self::Deflate(stage) => stage.is_complete(),
            Self::Brotli(stage) => stage.is_complete(),
            Self::Zstd(stage) => stage.is_complete(),
        }
    }
}

/// Sends bytes through the layers, of each of which so many may come out.
fn run(layers: &mut [Layer], bytes: &[u8], cap: u64, sink: &mut Sink<'_>) -> Result<(), Reject> {
    let Some((Layer { stage, out }, inner)) = layers.split_first_mut() else { return sink(bytes) };
    stage.feed(bytes, &mut |piece| {
        let room = usize::try_from(cap.saturating_sub(*out)).unwrap_or(usize::MAX);
        let within = piece.get(..room).unwrap_or(piece);
        *out = out.saturating_add(within.len() as u64);
        if !within.is_empty() {
            run(inner, within, cap, sink)?;
        }
        if within.len() < piece.len() { Err(Reject::TooLong) } else { Ok(()) }
    })
}
