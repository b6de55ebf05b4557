//! What a reader keeps is bounded, whatever comes. Alone in its file, since it counts the whole process's memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use monitor_wire::reader::Reader;
use monitor_wire::redact::Key;

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
