//! The sessions of `testdata/`, in every split. See its README.

use std::path::Path;

use monitor_wire::reader::{Item, Reader};
use monitor_wire::redact::Key;

fn read(chunks: &[&[u8]]) -> Vec<Item> {
    let mut reader = Reader::new(&Key::from_bytes([3; 32]));
    let mut items = Vec::new();
    chunks.iter().for_each(|chunk| reader.feed(chunk, &mut items));
    reader.finish(&mut items);
    items
}

fn write(items: &[Item]) -> String {
    let line = |item: &Item| match item {
        Item::Message(message) => match serde_json::to_string(message) {
            Ok(text) => text + "\n",
            Err(error) => panic!("{error}: {message:?}"),
        },
        Item::Noise { bytes } => format!("{{\"noise\":{bytes}}}\n"),
    };
    items.iter().map(line).collect()
}

#[test]
fn sessions_are_read_alike_in_every_split() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut sessions = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "ndjson") {
            continue;
        }
        sessions += 1;
        let bytes = std::fs::read(&path).unwrap();
        let whole = read(&[&bytes]);
        let expected = path.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&expected, write(&whole)).unwrap();
        }
        assert_eq!(write(&whole), std::fs::read_to_string(&expected).unwrap(), "{}", path.display());
        for end in 0..bytes.len() {
            assert_eq!(read(&[&bytes[..end], &bytes[end..]]), whole, "{} at {end}", path.display());
        }
        assert_eq!(read(&bytes.chunks(1).collect::<Vec<_>>()), whole, "{}", path.display());
    }
    assert_eq!(sessions, 8);
}

/// What was written as JSON reads back as the same value: recordings depend on it.
#[test]
fn messages_survive_a_recording() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "ndjson") {
            for item in read(&[&std::fs::read(&path).unwrap()]) {
                let Item::Message(message) = item else { continue };
                let text = serde_json::to_string(&message).unwrap();
                let back: monitor_wire::mcp::Message = serde_json::from_str(&text).unwrap();
                assert_eq!(back, message, "{text}");
            }
        }
    }
}
