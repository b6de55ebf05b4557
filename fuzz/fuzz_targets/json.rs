//! The tokeniser gives the same events however the bytes are split, and they nest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_wire::json::{Event, Step, Tokenizer};

/// The events as text, so that pieces of one string join; and whether the document is whole.
fn tokens<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (String, bool, bool) {
    let mut tokenizer = Tokenizer::new();
    let mut text = String::new();
    let mut depth = 0_i64;
    for chunk in chunks {
        let mut rest = chunk;
        loop {
            let event = match tokenizer.next(&mut rest) {
                Step::More => break,
                Step::Invalid => return (text + "!", false, false),
                Step::Event(event) => event,
            };
            match event {
                Event::Key(whole) => text.push_str(&format!("\u{3}KeyStart\u{3}{whole}\u{3}KeyEnd\u{3}")),
                Event::String(whole) => text.push_str(&format!("\u{3}StringStart\u{3}{whole}\u{3}StringEnd\u{3}")),
                Event::Text(piece) => text.push_str(piece),
                Event::Char { value, escaped } => text.extend([value, '\u{1}'].iter().take(1 + usize::from(escaped))),
                Event::Deep(bytes) => text.extend(bytes.iter().map(|&byte| char::from(byte))),
                Event::ObjectStart | Event::ArrayStart => depth += 1,
                Event::ObjectEnd | Event::ArrayEnd => depth -= 1,
                _ => {}
            }
            let pieces =
                matches!(event, Event::Key(_) | Event::String(_) | Event::Text(_) | Event::Char { .. } | Event::Deep(_));
            if !pieces {
                text.push_str(&format!("\u{3}{event:?}\u{3}"));
            }
            assert!((0..=128).contains(&depth));
        }
        assert!(rest.is_empty());
    }
    assert!(!tokenizer.is_complete() || depth == 0);
    (text, tokenizer.is_complete(), tokenizer.invalid_text())
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = tokens(std::iter::once(bytes));
    assert_eq!(tokens(bytes.chunks(1)), whole);
    assert_eq!(tokens(bytes.chunks(usize::from(size).max(2))), whole);
});
