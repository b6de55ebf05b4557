//! The parts of a body don't depend on how its bytes are split, what is kept of their headers stays within its caps, and a
//! token never shows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_wire::http::multipart::{Head, Piece, Reader, Reject};
use monitor_wire::limits;
use monitor_wire::redact::Key;

const TOKEN: &str = "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d";

type Parts = (Vec<(Head, Vec<u8>, bool)>, Result<(), Reject>);

fn read<'a>(content_type: &str, pieces: impl Iterator<Item = &'a [u8]>, gap: Option<usize>) -> Option<Parts> {
    let mut reader = Reader::new(&Key::from_bytes([1; 32]), content_type)?;
    let (mut parts, mut open) = (Vec::<(Head, Vec<u8>, bool)>::new(), false);
    let mut visit = |piece: Piece<'_>| match piece {
        Piece::Begin(head) => {
            assert!(!open && head.index as usize == parts.len() && head.index < limits::MULTIPART_PARTS);
            for (text, cap) in
                [(&head.name, limits::NAME), (&head.filename, limits::NAME), (&head.content_type, limits::HTTP_VALUE)]
            {
                assert!(text.as_ref().is_none_or(|text| text.len() <= cap));
            }
            open = true;
            parts.push((head, Vec::new(), false));
        }
        Piece::Data(bytes) => {
            assert!(open && !bytes.is_empty());
            parts.last_mut().unwrap().1.extend_from_slice(bytes);
        }
        Piece::End(end) => {
            assert!(open);
            open = false;
            let part = parts.last_mut().unwrap();
            assert_eq!(end.bytes, part.1.len() as u64);
            part.2 = end.complete;
        }
    };
    for (index, piece) in pieces.enumerate() {
        if gap == Some(index) {
            reader.gap(&mut visit);
        }
        let _ = reader.feed(piece, &mut visit);
    }
    let result = reader.finish(&mut visit);
    assert!(!open);
    Some((parts, result))
}

fuzz_target!(|bytes: &[u8]| {
    let size = usize::from(bytes.last().copied().unwrap_or_default()).max(2);
    // A seed begins with its boundary.
    let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let boundary = match std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix("--")) {
        Some(boundary) if !boundary.is_empty() && !boundary.contains(['"', '\\']) => boundary,
        _ => "b",
    };
    let content_type = format!("multipart/form-data; boundary=\"{boundary}\"");
    let Some(whole) = read(&content_type, std::iter::once(bytes), None) else { return };
    assert_eq!(read(&content_type, bytes.chunks(1), None).as_ref(), Some(&whole));
    assert_eq!(read(&content_type, bytes.chunks(size), None).as_ref(), Some(&whole));
    let (head, tail) = bytes.split_at(bytes.len().min(size));
    let _ = read(&content_type, [head, tail].into_iter(), Some(1));
    // Whatever is a type, with whatever boundary.
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = read(&format!("multipart/{text}"), [head, tail].into_iter(), None);
    }
    // A token stays hidden whatever comes after it.
    let mut planted = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{TOKEN}\"; filename=\"{TOKEN}\"\r\nContent-Type: {TOKEN}\r\n"
    )
    .into_bytes();
    planted.extend_from_slice(bytes);
    let (parts, _) = read(&content_type, std::iter::once(&planted[..]), None).unwrap();
    if let Some((head, ..)) = parts.first() {
        let given = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
        assert!(given || !format!("{head:?}").contains(TOKEN), "{head:?}");
    }
});
