//! What a reader keeps is bounded, whatever comes. Alone in its file, since it counts the whole process's memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use monitor_wire::http::coding::{Decoder, Reject};
use monitor_wire::http::multipart;
use monitor_wire::reader::Reader;
use monitor_wire::redact::Key;
use monitor_wire::token::{Scanner, Set};
use monitor_wire::{http, limits, quic, sse};

#[path = "quic/seal.rs"]
mod seal;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came; only sizes are counted beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the pointer came from the system's allocator, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Most bytes that were allocated at once, beyond those at the start, while `bytes` of `body` passed between `head` and
/// `tail`, in pieces of 64 KiB.
fn peak(head: &str, body: &str, tail: &str, bytes: usize) -> usize {
    let piece = body.repeat(65_536 / body.len());
    let mut items = Vec::new();
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let mut reader = Reader::new(&Key::from_bytes([1; 32]));
    reader.feed(head.as_bytes(), &mut items);
    for _ in 0..bytes / piece.len() {
        reader.feed(piece.as_bytes(), &mut items);
        items.clear();
    }
    reader.feed(tail.as_bytes(), &mut items);
    drop((reader, items));
    PEAK.load(Relaxed) - before
}

#[test]
fn readers_keep_little() {
    a_reader_keeps_little();
    an_http_reader_keeps_little();
    an_http2_reader_keeps_little();
    decoders_keep_their_windows();
    readers_of_bodies_keep_little();
    a_token_scanner_keeps_little();
    a_quic_reader_keeps_little();
}

fn a_reader_keeps_little() {
    let call = r#"{"id":1,"method":"tools/call","params":{"name":"t","arguments":{"x":"#;
    let tools = r#"{"id":1,"result":{"tools":[0"#;
    let long = "v ".repeat(3000);
    // 256 arguments of 4 KiB, 4096 declarations with short names: what one message may hold is about 1 MiB.
    for (name, head, body, tail, most) in [
        ("a long string", format!("{call}\""), "long text ", "\"}}}\n", 64 << 10),
        ("a long answer", r#"{"id":1,"result":""#.to_owned(), "long text ", "\"}\n", 64 << 10),
        ("noise", String::new(), "noise ", "\n", 64 << 10),
        ("a long number", call.to_owned(), "1", "}}}\n", 64 << 10),
        ("a long key", format!("{call}0,\""), "key", "\":1}}}\n", 64 << 10),
        ("a long id", "{\"id\":[0".to_owned(), ",1", "]}\n", 64 << 10),
        ("small arguments", format!("{call}[0"), ",1", "]}}}\n", 256 << 10),
        ("one key", format!("{call}0"), ",\"x\":1", "}}}\n", 512 << 10),
        ("large arguments", format!("{call}[0"), &format!(",\"{long}\""), "]}}}\n", 2 << 20),
        ("nesting", call.to_owned(), "[", "\n", 128 << 10),
        ("tools", tools.to_owned(), ",{\"name\":\"tool\",\"x\":1}", "]}}\n", 2 << 20),
        ("a batch", "[0".to_owned(), ",{\"method\":\"m\"}", "]\n", 4 << 20),
        ("lines", String::new(), "{\"method\":\"m\"}\n", "\n", 4 << 20),
    ] {
        // Plain text goes over the cap of a message too; of what is slow to read, less shows the same.
        let bytes = if body.contains("text") || body.contains("noise") { 17 << 20 } else { 1 << 20 };
        let peak = peak(&head, body, tail, bytes);
        assert!(peak < most, "{name}: {peak} bytes");
    } // Between messages hardly anything: a stream may be silent for days, and there are thousands of them.
    let before = NOW.load(Relaxed);
    let mut reader = Reader::new(&Key::from_bytes([1; 32]));
    let mut items = Vec::new();
    reader.feed(format!("{call}\"{}\"}}}}}}\n", "long text ".repeat(7000)).as_bytes(), &mut items);
    assert_eq!(items.len(), 1);
    drop(items);
    let held = NOW.load(Relaxed) - before;
    assert!(held < 14 << 10, "between messages: {held} bytes");
}

fn an_http_reader_keeps_little() {
    let chunked = "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let key = Key::from_bytes([1; 32]);
    // A buffer that grows has its old memory beside the new one; what is made of a head is less than that.
    let head = 4 * limits::HTTP_HEAD;
    for (name, start, piece, most) in [
        ("a long body", "PUT / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", "long text ", 4 << 10),
        ("a long chunk", &format!("{chunked}ffffffffffff\r\n"), "long text ", 4 << 10),
        ("many chunks", chunked, "2;x=y\r\nab\r\n", 4 << 10),
        ("trailers", &format!("{chunked}0\r\n"), "Name: value\r\n", 4 << 10),
        ("a long line", "GET /", "a", head),
        ("many headers", "GET / HTTP/1.1\r\n", "a:b\r\n", head),
        ("odd bytes", "GET /", "\u{85}", head),
        ("something else", "", "{\"noise\":1}\n", 4 << 10),
    ] {
        // in pieces, so that a head has to be collected
        let pieces = piece.repeat(1000);
        let before = NOW.load(Relaxed);
        PEAK.store(before, Relaxed);
        let mut reader = http::Reader::requests(&key);
        let mut messages = Vec::new();
        reader.feed(start.as_bytes(), &mut messages);
        for _ in 0..100 {
            reader.feed(pieces.as_bytes(), &mut messages);
            messages.clear();
        }
        let peak = PEAK.load(Relaxed) - before;
        assert!(peak < most, "{name}: {peak} bytes");
    }
    // A head as large as can be, of what grows most when it is written as text: four bytes for each, and what redaction
    // makes of it beside that.
    let before = NOW.load(Relaxed);
    let (mut requests, mut responses) = (http::Reader::requests(&key), http::Reader::responses(&key));
    let mut messages = Vec::new();
    let largest = format!("GET /{} HTTP/1.1\r\n\r\n", "\u{85}".repeat(limits::HTTP_HEAD / 2 - 16));
    PEAK.store(before, Relaxed);
    largest.as_bytes().chunks(1000).for_each(|piece| requests.feed(piece, &mut messages));
    assert_eq!(messages.len(), 2);
    let peak = PEAK.load(Relaxed) - before;
    assert!(peak < 1 << 20, "the largest head: {peak} bytes");
    // Between messages a reader has no memory of its own beside what it is.
    messages = Vec::new();
    for _ in 0..100 {
        requests.feed(b"PUT / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", &mut messages);
        responses.expect("HEAD");
        responses.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", &mut messages);
    }
    assert_eq!(messages.len(), 400);
    messages = Vec::new();
    drop((largest, messages));
    assert_eq!(NOW.load(Relaxed), before);
    assert!(size_of::<http::Reader>() < 512, "{} bytes", size_of::<http::Reader>());
}

fn an_http2_reader_keeps_little() {
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    };
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let [data, headers, reset, push, continuation] = [0, 1, 3, 5, 9];
    // What a table counts is about what it takes; a deque that grows has its old memory beside the new one.
    let (table, block) = (5 * limits::HPACK_TABLE / 2, 3 * limits::HTTP_HEAD);
    let open = frame(headers, 4, 1, b"\x83\x86\x84");
    let largest = b"\x3f\xe1\xff\x03";
    type Frames<'a> = Box<dyn Fn(u32) -> Vec<u8> + 'a>;
    let cases: [(&str, Frames, usize); 9] = [
        ("a long body", Box::new(|_| frame(data, 0, 1, &[b'x'; 4096])), 4 << 10),
        ("padding", Box::new(|_| frame(data, 8, 1, &[255; 256])), 4 << 10),
        ("something unknown", Box::new(|_| frame(99, 0, 1, &[b'x'; 4096])), 4 << 10),
        ("resets", Box::new(|number| frame(reset, 0, 2 * number + 3, &[0; 4])), 8 << 10),
        ("heads", Box::new(|number| frame(headers, 5, 2 * number + 3, b"\x82\x86\x84")), 4 << 10),
        ("streams", Box::new(|number| frame(headers, 4, 2 * number + 3, b"\x82\x86\x84")), 160 << 10),
        ("a long head", Box::new(|_| frame(continuation, 0, 1, &[0x82; 1000])), block),
        (
            "many small fields remembered",
            Box::new(|number| {
                frame(headers, 4, 2 * number + 3, &[&largest[..], &b"\x40\x01a\x01b".repeat(99)].concat())
            }),
            table + (160 << 10),
        ),
        (
            "large ones",
            Box::new(|number| {
                let field = [&b"\x40\x01a\x7f\xa1\x3e"[..], &[b'b'; 8096]].concat();
                frame(headers, 5, 2 * number + 3, &[&largest[..], &field.repeat(5)].concat())
            }),
            table + block,
        ),
    ];
    for (name, next, most) in cases {
        let begin = if next(0)[3] == continuation { frame(headers, 0, 1, b"") } else { open.clone() };
        let before = NOW.load(Relaxed);
        let mut reader = http::h2::Reader::requests(&Key::from_bytes([1; 32]));
        let mut messages = Vec::new();
        reader.feed(&preface, &mut messages);
        reader.feed(&begin, &mut messages);
        PEAK.store(NOW.load(Relaxed), Relaxed);
        let mut given = 0;
        for number in 0..1000 {
            let bytes = next(number);
            given = given.max(bytes.capacity());
            reader.feed(&bytes, &mut messages);
            messages = Vec::new();
        }
        let peak = PEAK.load(Relaxed) - before - given;
        assert!(peak < most, "{name}: {peak} bytes");
    }
    // Between requests hardly anything is left, beside what the encoder had it remember.
    let key = Key::from_bytes([1; 32]);
    let before = NOW.load(Relaxed);
    let mut reader = http::h2::Reader::responses(&key);
    let mut messages = Vec::new();
    reader.feed(&frame(4, 0, 0, b""), &mut messages);
    for number in 0..100 {
        reader.feed(&frame(headers, 4, 2 * number + 1, b"\x88"), &mut messages);
        reader.feed(&frame(data, 1, 2 * number + 1, b"ok"), &mut messages);
        reader.feed(&frame(push, 4, 1, b"\0\0\0\x02\x82"), &mut messages);
    }
    assert_eq!(messages.len(), 200);
    messages = Vec::new();
    drop(messages);
    let held = NOW.load(Relaxed) - before;
    assert!(held < 512, "between messages: {held} bytes");
    assert!(size_of::<http::h2::Reader>() < 512, "{} bytes", size_of::<http::h2::Reader>());
}

/// Most bytes that were allocated at once while this ran.
fn peak_of(run: impl FnOnce()) -> usize {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    run();
    PEAK.load(Relaxed) - before
}

fn decoders_keep_their_windows() {
    let zeros = include_bytes!("../testdata/coding/zeros.br");
    // Frames of zstd with a window of 8 MiB, of blocks that repeat one byte, and of one that is never whole.
    let frame = b"\x28\xb5\x2f\xfd\0\x68";
    // A buffer that grows has its old memory beside the new one.
    let repeats = [&frame[..], &b"\x02\0\x10a".repeat(150)].concat();
    let block = [&frame[..], b"\x04\0\x10", &[0xff; 131_071]].concat();
    let gzip = include_bytes!("../testdata/coding/python.gz").repeat(200);
    for (name, coding, body, most) in [
        ("a window of br", "br", &zeros[..], 18 << 20),
        ("a window of zstd", "zstd", &repeats, 22 << 20),
        ("a block of zstd", "zstd", &block, 512 << 10),
        ("many members of gzip", "gzip", &gzip, 64 << 10),
        ("two codings", "gzip, gzip", &gzip, 128 << 10),
    ] {
        let peak = peak_of(|| {
            let before = NOW.load(Relaxed);
            let mut decoder = Decoder::new(coding).expect("a known coding");
            for piece in body.chunks(1000) {
                let _ = decoder.feed(piece, &mut |_| {});
                let held = NOW.load(Relaxed) - before;
                let told = decoder.memory();
                assert!(told.abs_diff(held) < 16 << 10, "{name}: holds {held} bytes, says {told}");
            }
        });
        assert!(peak < most, "{name}: {peak} bytes");
    }
    // A reject gives the memory back.
    let before = NOW.load(Relaxed);
    let mut decoder = Decoder::new("br, zstd").expect("two known codings");
    let result = decoder.feed(&repeats, &mut |_| {});
    assert_eq!(
        (NOW.load(Relaxed), result, decoder.reject()),
        (before, Err(Reject::Malformed), Some(Reject::Malformed))
    );
}

fn readers_of_bodies_keep_little() {
    let key = Key::from_bytes([1; 32]);
    for (name, text) in [
        ("data", "data: long text "),
        ("lines of data", "data: x\n"),
        ("a type", "event: long "),
        ("types", "event: xxxxxxxxx\n"),
        ("an id", "id: xxxxxxxxxxx"),
        ("a name", "long"),
        ("events", "data: x\n\n"),
    ] {
        // in one line, where there is no other
        let (start, rest) = text.split_at(text.find(' ').unwrap_or(0));
        let piece = if text.ends_with('\n') { text.repeat(1000) } else { rest.repeat(1000) };
        let peak = peak_of(|| {
            let mut reader = sse::Reader::new(&key);
            reader.feed(start.as_bytes(), &mut |_| {});
            (0..100).for_each(|_| reader.feed(piece.as_bytes(), &mut |_| {}));
        });
        assert!(peak < 8 << 10, "{name}: {peak} bytes");
    }
    for (name, start, text) in [
        ("a long part", "--b\r\n\r\n", "long text "),
        ("what begins like a boundary", "--b\r\n\r\n", "\r\n--"),
        ("blanks", "--b\r\n\r\n\r\n--b", " "),
        ("a long header", "--b\r\n", "x"),
        ("many headers", "--b\r\n", "a:b\r\n"),
        ("odd headers", "--b\r\nContent-Disposition: x; name=", "\u{85}"),
        ("many parts", "", "--b\r\nContent-Type: x\r\n\r\n\r\n"),
        ("a long preamble", "", "text\r\n"),
    ] {
        let piece = text.repeat(100);
        let peak = peak_of(|| {
            let mut reader = multipart::Reader::new(&key, "multipart/form-data; boundary=b").expect("a boundary");
            let _ = reader.feed(start.as_bytes(), &mut |_| {});
            (0..1000).for_each(|_| _ = reader.feed(piece.as_bytes(), &mut |_| {}));
        });
        assert!(peak < 8 * limits::MULTIPART_HEAD, "{name}: {peak} bytes");
    }
}

fn a_token_scanner_keeps_little() {
    let mut set = Set::new(&Key::from_bytes([1; 32]));
    let token = "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d";
    let long: String = (0..2000_u32).map(|number| format!("{:04x}", number.wrapping_mul(40_503) & 0xffff)).collect();
    for token in [token, &long, "hunter2!"] {
        assert!(set.add(token.as_bytes()).is_ok());
    }
    // What all scanners share is made once.
    Scanner::new().feed(&set, b"any text", &mut Vec::new());
    let part = format!("{}{}", &long[..300], &token[..40]);
    let armour = "-----BEGIN PRIVATE KEY-----";
    for (name, piece, most) in [
        ("text", "some text, and more of it; ", 4 << 10),
        ("a token", token, 512 << 10),
        ("parts of tokens", &part, 64 << 10),
        ("a long token without its end", &long[..7999], 64 << 10),
        ("short tokens", "hunter2!", 512 << 10),
        ("private keys without end", armour, 64 << 10),
        ("web tokens", "eyJhbGciOiJIUzI1NiJ9.", 64 << 10),
        ("base64", "aB3dE5gH", 64 << 10),
    ] {
        let pieces = piece.repeat(16_384_usize.div_ceil(piece.len()));
        let before = NOW.load(Relaxed);
        PEAK.store(before, Relaxed);
        let mut scanner = Scanner::new();
        let mut hits = Vec::new();
        for size in [1000, 16_384] {
            for piece in pieces.as_bytes().chunks(size) {
                scanner.feed(&set, piece, &mut hits);
                hits.clear();
            }
        }
        let peak = PEAK.load(Relaxed) - before;
        assert!(peak < most, "{name}: {peak} bytes");
        // There are thousands of streams, and most are silent.
        drop(hits);
        scanner.feed(&set, &b". ".repeat(10_000), &mut Vec::new());
        let held = NOW.load(Relaxed) - before;
        assert!(held <= limits::TOKEN_CARRY, "{name}, idle: {held} bytes");
    }
    assert!(size_of::<Scanner>() < 512, "{} bytes", size_of::<Scanner>());
}

/// Hellos that never end, each with its last byte first, so that all the room is taken at once; and packets of hundreds
/// of pieces that aren't worth their room.
fn a_quic_reader_keeps_little() {
    let hello = limits::TLS_HELLO as u64 + 4;
    let many: Vec<u8> = (0..300).flat_map(|_| seal::crypto(0, &[])).collect();
    for (name, frames, packets, most) in [
        ("one hello", seal::crypto(hello - 1, b"x"), 1, hello + (8 << 10)),
        ("hellos", seal::crypto(hello - 1, b"x"), 100, limits::QUIC_CONNECTIONS as u64 * hello + (8 << 10)),
        ("small pieces", many, 100, 32 << 10),
    ] {
        let packet = |id: u64| seal::padded(&seal::Header::new(seal::V1, &id.to_be_bytes(), 0), &frames);
        let packets: Vec<_> = (0..packets).map(packet).collect();
        let before = NOW.load(Relaxed);
        PEAK.store(before, Relaxed);
        let mut reader = quic::Reader::new();
        for packet in &packets {
            reader.feed(packet, packet.len());
        }
        let peak = PEAK.load(Relaxed) - before;
        assert!(peak as u64 <= most, "{name}: {peak} bytes");
        reader.end();
        drop(reader);
        assert_eq!(NOW.load(Relaxed), before, "{name}");
    }
}
