//! Multipart bodies: recorded and odd ones in every split.

use monitor_wire::http::multipart::{End, Head, Piece, Reader, Reject};
use monitor_wire::limits;
use monitor_wire::redact::{Key, fingerprint};
use proptest::prelude::*;

const CURL: &[u8] = include_bytes!("../testdata/multipart/curl");
const NODE: &[u8] = include_bytes!("../testdata/multipart/node");
const PYTHON: &[u8] = include_bytes!("../testdata/multipart/python");

/// The type of a form whose boundary is `b`.
const FORM: &str = "multipart/form-data; boundary=b";

fn key() -> Key {
    Key::from_bytes([7; 32])
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    head: Head,
    content: Vec<u8>,
    complete: bool,
}

type Parts = (Vec<Part>, Result<(), Reject>);

fn take(parts: &mut Vec<Part>, open: &mut bool, piece: Piece<'_>) {
    match piece {
        Piece::Begin(head) => {
            assert!(!*open && head.index as usize == parts.len());
            *open = true;
            parts.push(Part { head, content: Vec::new(), complete: false });
        }
        Piece::Data(bytes) => {
            assert!(*open && !bytes.is_empty());
            parts.last_mut().expect("a part").content.extend_from_slice(bytes);
        }
        Piece::End(End { bytes, complete }) => {
            assert!(std::mem::take(open));
            let part = parts.last_mut().expect("a part");
            assert_eq!(bytes, part.content.len() as u64);
            part.complete = complete;
        }
    }
}

fn feed<'a>(content_type: &str, pieces: impl Iterator<Item = &'a [u8]>) -> Parts {
    let mut reader = Reader::new(&key(), content_type).expect("a multipart type");
    let (mut parts, mut open) = (Vec::new(), false);
    let mut result = Ok(());
    for piece in pieces {
        result = reader.feed(piece, &mut |piece| take(&mut parts, &mut open, piece));
    }
    let end = reader.finish(&mut |piece| take(&mut parts, &mut open, piece));
    assert!(!open && (result.is_ok() || result == end));
    (parts, end)
}

/// The parts, which no split may change.
fn read(content_type: &str, bytes: impl AsRef<[u8]>) -> Parts {
    let bytes = bytes.as_ref();
    let whole = feed(content_type, std::iter::once(bytes));
    assert_eq!(feed(content_type, bytes.chunks(1)), whole, "byte by byte: {}", bytes.escape_ascii());
    for end in (0..bytes.len()).step_by((bytes.len() / 1024).max(1)) {
        let halves = [&bytes[..end], &bytes[end..]];
        assert_eq!(feed(content_type, halves.into_iter()), whole, "at {end}: {}", bytes.escape_ascii());
    }
    whole
}

/// Name, file name, type and content of each part, all of which are complete.
fn short(parts: &[Part]) -> Vec<[String; 4]> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let one = |part: &Part| {
        assert!(part.complete);
        let Head { name, filename, content_type, .. } = &part.head;
        [text(name), text(filename), text(content_type), part.content.escape_ascii().to_string()]
    };
    parts.iter().map(one).collect()
}

/// The contents of a form's parts, and how it ends; those that are cut with an ellipsis.
fn contents(body: &str) -> (Vec<String>, Result<(), Reject>) {
    let (parts, result) = read(FORM, body);
    let one =
        |part: &Part| format!("{}{}", String::from_utf8_lossy(&part.content), if part.complete { "" } else { "…" });
    (parts.iter().map(one).collect(), result)
}

/// The head of a part.
fn head(lines: impl AsRef<[u8]>) -> Head {
    let body = [b"--b\r\n", lines.as_ref(), b"\r\n\r\nx\r\n--b--\r\n"].concat();
    let (mut parts, result) = read(FORM, body);
    assert_eq!((parts.len(), result), (1, Ok(())));
    assert_eq!(parts[0].content, b"x");
    parts.swap_remove(0).head
}

#[test]
fn recorded_forms_are_read() {
    let script = "export default {\\n  fetch() { return new Response(\\\"hi\\\") }\\n};\\n";
    let pixel = "\\x89PNG\\r\\n\\x1a\\n\\x00\\x00\\r\\n--\\r\\n";
    let metadata = "{\\\"main_module\\\":\\\"index.js\\\"}";
    let (parts, result) = read("multipart/form-data; boundary=------------------------d368a50d1c47d0b7", CURL);
    assert_eq!(result, Ok(()));
    assert_eq!(
        short(&parts),
        [
            ["metadata", "-", "application/json", metadata],
            ["index.js", "index.js", "application/javascript+module", script],
            ["odd %22name", "a\\%22b\\c.png", "image/png", pixel],
            ["empty", "-", "-", ""],
        ]
    );
    assert!(parts.iter().all(|part| part.head.flags.is_empty()));
    let (parts, result) = read("Multipart/Form-Data;charset=x; BOUNDARY=\"----formdata-undici-098618482370\"", NODE);
    assert_eq!(result, Ok(()));
    assert_eq!(
        short(&parts),
        [
            ["metadata", "-", "-", metadata],
            ["index.js", "index.js", "application/javascript+module", script],
            ["näme", "a%22b\\c%0A.png", "application/octet-stream", pixel],
            ["empty", "-", "-", ""],
        ]
    );
}

#[test]
fn a_recorded_mail_is_read_with_the_parts_of_its_parts() {
    let (parts, result) = read("multipart/mixed; boundary=\"=_outer\"", PYTHON);
    assert_eq!(result, Ok(()));
    let inner = &parts[1];
    let [first, _, last] = &short(&parts)[..] else { panic!("{parts:?}") };
    assert_eq!(first, &["-", "-", "text/plain; charset=\"us-ascii\"", "first\\n--=_outer2\\nlast"]);
    assert_eq!(last, &["-", "résumé.bin", "application/octet-stream", "AAEC\\n"]);
    assert_eq!(parts[2].head.flags, ["transfer_encoding"]);
    let (parts, result) = read(inner.head.content_type.as_deref().unwrap(), &inner.content);
    assert_eq!(result, Ok(()));
    let contents: Vec<&[u8]> = parts.iter().map(|part| &part.content[..]).collect();
    assert_eq!(contents, [&b"a"[..], b"<b>a</b>"]);
}

#[test]
fn a_prefix_is_cut() {
    let form = "multipart/form-data; boundary=------------------------d368a50d1c47d0b7";
    let (whole, _) = feed(form, std::iter::once(CURL));
    let end = CURL.len() - "\r\n".len();
    for length in 0..end {
        let (parts, result) = feed(form, std::iter::once(&CURL[..length]));
        assert_eq!(result, Err(Reject::Cut), "{length}");
        for (part, whole) in parts.iter().zip(&whole) {
            assert_eq!(part.head, whole.head);
            assert!(if part.complete { part == whole } else { whole.content.starts_with(&part.content) }, "{length}");
        }
    }
    assert_eq!(feed(form, std::iter::once(&CURL[..end])), (whole, Ok(())));
}

#[test]
fn boundaries_end_parts_and_nothing_else_does() {
    for (body, parts) in [
        ("--b\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b--", vec!["1", "2"]),
        ("--b\n\n1\n--b\n\n2\r\n--b--\n", vec!["1", "2\r"]),
        ("before\r\n--b\r\n\r\n1\r\n--b--after\r\n--b\r\n\r\n2\r\n--b--", vec!["1"]),
        ("x--b\r\n\r\n0\r\n--b\r\n\r\n1\r\n--b--", vec!["1"]),
        ("--bb\r\n--b\r\n\r\n1\r\n--b--", vec!["1"]),
        ("--b \t \r\n\r\n1\r\n--b  \r\n\r\n2\r\n--b--", vec!["1", "2"]),
        ("--b--", vec![]),
        // empty parts, with a line end of their own and without
        ("--b\r\n\r\n\r\n--b\r\nX: y\r\n\r\n--b--", vec!["", ""]),
        ("--b\n\n--b\n\n\n--b--", vec!["", ""]),
        // what only begins like one
        ("--b\r\n\r\n\r\n--\r\n--a\r\r\n-\r\n--b--", vec!["\r\n--\r\n--a\r\r\n-"]),
        ("--b\r\n\r\n--a\r\n--b--", vec!["--a"]),
        ("--b\r\n\r\n-\r\n--b--", vec!["-"]),
        ("--b\r\n\r\n\r\n\r\n--b--", vec!["\r\n"]),
        ("--b\r\n\r\n1\r\n--bc\r\n--b-\r\n--b-x\r\n--b x\r\n--b--", vec!["1\r\n--bc\r\n--b-\r\n--b-x\r\n--b x"]),
        ("--b\r\n\r\n1\r\n--b -\r\n--b--", vec!["1\r\n--b -"]),
        ("--b\r\n\r\n1\r\r\n--b--", vec!["1\r"]),
        ("--b\r\n\r\n1\r\n--b\r\r\n--b--", vec!["1\r\n--b\r"]),
        ("--b\r\n\r\n1\r\n--b\rx\r\n--b--", vec!["1\r\n--b\rx"]),
        ("--b\r\n\r\n1\r\n--b\r\r\r\n--b--", vec!["1\r\n--b\r\r"]),
        ("--b\r\n\r\n1\r\n--b \r\n--b--\r\n\r\n2\r\n--b--", vec!["1", "2"]),
        // LF alone only where the first line ends so
        ("--b\r\n\r\n1\n--b\n--b--\r\n--b--", vec!["1\n--b\n--b--"]),
        ("--b\r\n\r\n1\r\n--b\n2\r\n--b--", vec!["1\r\n--b\n2"]),
        ("--b\n\n1\n--b\r\n\r\n2\n--b--", vec!["1", "2"]),
        ("--b\n\n1\n--b\r--b\n--b--", vec!["1\n--b\r--b"]),
    ] {
        let parts = parts.into_iter().map(str::to_owned).collect();
        assert_eq!(contents(body), (parts, Ok(())), "{body:?}");
    }
    for (body, parts) in [
        ("", vec![]),
        ("--b", vec![]),
        ("--b\r\nX: y", vec![]),
        ("--b\r\n\r\n", vec!["…"]),
        ("--b\r\n\r\n1\r\n--b", vec!["1…"]),
        ("--b\r\n\r\n1\r\n--b-", vec!["1…"]),
        ("--b\r\n\r\n1\r\n--b\r\n", vec!["1"]),
        ("no boundary", vec![]),
    ] {
        let parts = parts.into_iter().map(str::to_owned).collect();
        assert_eq!(contents(body), (parts, Err(Reject::Cut)), "{body:?}");
    }
}

#[test]
fn headers() {
    let text = |text: &str| Some(text.to_owned());
    let plain = head("content-disposition:form-data;name=a;filename=b;x=y\r\nCONTENT-TYPE : text/plain");
    let expected = Head { name: text("a"), filename: text("b"), content_type: text("text/plain"), ..Head::default() };
    assert_eq!(plain, expected);
    assert_eq!(head("Content-Disposition: form-data;\r\n\tname=\"a;b=c\" ;\r\n filename=\" d \"").name, text("a;b=c"));
    let folded = head("Content-Disposition: form-data; name = \"a\"x; FileName=\"C:\\dir\\f\\\"g\\\\h\"");
    assert_eq!((folded.name, folded.filename), (text("a"), text("C:\\dir\\f\"g\\h")));
    assert_eq!(head("Content-Disposition: form-data; name=\"open").name, text("open"));
    assert_eq!(head("Content-Disposition: form-data; filename*=UTF-8'de'a%20%c3%bc%zz%").filename, text("a ü%zz%"));
    assert_eq!(head("Content-Disposition: form-data; name=\"\"; ;;x;=;").name, text(""));
    assert_eq!(head("X: y"), Head::default());
    assert_eq!(head(b"Content-Disposition: form-data; name=\"\xff\n\"").flags, ["bad_utf8", "odd_line"]);
    for (lines, flag) in [
        ("no colon", "odd_line"),
        ("--b", "odd_line"),
        ("Content-Disposition: x; name=a\r\nContent-Disposition: x; name=b", "two_dispositions"),
        ("Content-Disposition: x; name=a; name=b", "two_names"),
        ("Content-Disposition: x; filename=a; filename=b", "two_filenames"),
        ("Content-Disposition: x; filename=a; filename*=utf-8''b", "two_filenames"),
        ("Content-Transfer-Encoding: Base64", "transfer_encoding"),
        ("Content-Transfer-Encoding: quoted-printable", "transfer_encoding"),
    ] {
        assert_eq!(head(lines).flags, [flag], "{lines:?}");
    }
    let both = head("Content-Disposition: x; filename*=utf-8''a; filename=a\r\nContent-Transfer-Encoding: 8bit");
    assert_eq!((both.filename, both.flags), (text("a"), vec![]));
}

#[test]
fn types_and_boundaries() {
    let boundary = |content_type: &str| {
        let mut reader = Reader::new(&key(), content_type)?;
        Some(reader.feed(b"--a b--", &mut |_| {}).and_then(|()| reader.finish(&mut |_| {})).is_ok())
    };
    for (content_type, expected) in [
        ("multipart/form-data; boundary=\"a b\"", Some(true)),
        ("multipart/x; boundary=a b", Some(true)),
        ("MULTIPART/mixed ; x=\"boundary=y\"; Boundary=\"a b\"; boundary=c", Some(true)),
        ("multipart/mixed; boundary=ab", Some(false)),
        ("multipart/mixed", None),
        ("multipart/mixed; boundary", None),
        ("multipart/mixed; boundary=", None),
        ("multipart/mixed; boundary=\"a \"", None),
        ("multipart/mixed; boundary=\"ü\"", None),
        ("text/plain; boundary=\"a b\"", None),
        ("multipart", None),
        ("", None),
    ] {
        assert_eq!(boundary(content_type), expected, "{content_type}");
    }
    let long = |length: usize| format!("multipart/mixed; boundary={}", "a".repeat(length));
    assert!(Reader::new(&key(), &long(limits::MULTIPART_BOUNDARY)).is_some());
    assert!(Reader::new(&key(), &long(limits::MULTIPART_BOUNDARY + 1)).is_none());
}

#[test]
fn every_cap() {
    let long = |bytes: usize| format!("--b\r\nX:{}\r\n\r\nx\r\n--b--", "y".repeat(bytes - "X:\r\n\r\n".len()));
    assert_eq!(contents(&long(limits::MULTIPART_HEAD)).1, Ok(()));
    assert_eq!(contents(&long(limits::MULTIPART_HEAD + 1)), (vec![], Err(Reject::TooLong)));
    let endless = format!("--b\r\n\r\n1\r\n--b\r\n{}", "y".repeat(1 << 16));
    assert_eq!(contents(&endless), (vec!["1".to_owned()], Err(Reject::TooLong)));
    let parts = |count: u32| format!("{}--b--", "--b\r\n\r\nx\r\n".repeat(count as usize));
    assert_eq!(contents(&parts(limits::MULTIPART_PARTS)).1, Ok(()));
    let (read, result) = contents(&parts(limits::MULTIPART_PARTS + 1));
    assert_eq!((read.len(), result), (limits::MULTIPART_PARTS as usize, Err(Reject::TooLong)));
    let padded = |blanks: usize| format!("--b\r\n\r\nx\r\n--b{}\r\n\r\ny\r\n--b--", " ".repeat(blanks));
    assert_eq!(contents(&padded(limits::MULTIPART_PADDING)).1, Ok(()));
    assert_eq!(contents(&padded(limits::MULTIPART_PADDING + 1)), (vec!["x…".to_owned()], Err(Reject::TooLong)));
    let name = |length: usize| head(format!("Content-Disposition: x; name={}", "n".repeat(length)));
    for (extra, flags) in [(0, &[][..]), (1, &["cut"][..])] {
        let head = name(limits::NAME + extra);
        assert_eq!(
            (head.name.unwrap().len(), &head.flags[..]),
            (limits::NAME, flags.iter().map(|&flag| flag.to_owned()).collect::<Vec<_>>().as_slice())
        );
    }
}

#[test]
fn tokens_show_nowhere() {
    let token = "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d";
    let hidden = Some(fingerprint(&key(), token.as_bytes()));
    let part = head(format!(
        "Content-Disposition: form-data; name=\"{token}\"; filename=\"{token}\"\r\nContent-Type: {token}\r\nX: {token}"
    ));
    let Head { name, filename, content_type, .. } = &part;
    assert_eq!([name, filename, content_type], [&hidden; 3]);
    let extended = head(format!("Content-Disposition: form-data; filename*=utf-8''%63{}", &token[1..]));
    assert_eq!(extended.filename, hidden);
    let mut reader = Reader::new(&key(), FORM).unwrap();
    reader.feed(format!("--b\r\nX: {token}").as_bytes(), &mut |_| {}).unwrap();
    assert!(!format!("{reader:?}").contains(token));
}

#[test]
fn a_loss_ends_the_body() {
    for (before, expected) in [
        ("--b\r\n\r\n1", vec![(b"1".to_vec(), false)]),
        ("--b\r\n\r\n1\r\n--", vec![(b"1".to_vec(), false)]),
        ("--b\r\n\r\n1\r\n--b\r\nX", vec![(b"1".to_vec(), true)]),
        ("", vec![]),
    ] {
        let mut reader = Reader::new(&key(), FORM).unwrap();
        let (mut parts, mut open) = (Vec::new(), false);
        reader.feed(before.as_bytes(), &mut |piece| take(&mut parts, &mut open, piece)).unwrap();
        reader.gap(&mut |piece| take(&mut parts, &mut open, piece));
        let after = reader.feed(b"\r\n--b\r\n\r\n2\r\n--b--", &mut |piece| take(&mut parts, &mut open, piece));
        assert_eq!((after, reader.finish(&mut |_| panic!("twice"))), (Err(Reject::Lost), Err(Reject::Lost)));
        let parts: Vec<_> = parts.into_iter().map(|part| (part.content, part.complete)).collect();
        assert_eq!(parts, expected, "{before:?}");
    }
    // behind the last boundary nothing counts
    let mut reader = Reader::new(&key(), FORM).unwrap();
    reader.feed(b"--b--", &mut |_| {}).unwrap();
    reader.gap(&mut |_| {});
    assert_eq!(reader.finish(&mut |_| {}), Ok(()));
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&str; 22] = [
        "--b",
        "--b",
        "\r\n--b\r\n",
        "\r\n--b\r\n\r\n",
        "\r\n--b--",
        "\n--b\n",
        "--",
        "-",
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        " ",
        "b",
        "x",
        ":",
        "Content-Disposition: form-data; name=\"a\"\r\n",
        "Content-Type: x\r\n",
        "\r\n\r\n",
        "\0",
        "é",
        "\t",
    ];
    let start = proptest::sample::select(vec!["", "--b\r\n", "--b\r\n\r\n", "--b\n\n", "\r\n--b\r\nX: y\r\n\r\n"]);
    let pieces = proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..32);
    (start, pieces).prop_map(|(start, pieces)| format!("{start}{}", pieces.concat()).into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn no_split_matters(bytes in body(), sizes in proptest::collection::vec(1_usize..12, 1..8)) {
        let mut pieces = Vec::new();
        let (mut rest, mut sizes) = (&bytes[..], sizes.iter().cycle());
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            pieces.push(piece);
            rest = tail;
        }
        prop_assert_eq!(feed(FORM, pieces.into_iter()), feed(FORM, std::iter::once(&bytes[..])));
    }

    /// What was put into a form comes out of it.
    #[test]
    fn parts_come_out_as_they_went_in(parts in proptest::collection::vec(body(), 0..6), crlf: bool) {
        let end = if crlf { "\r\n" } else { "\n" };
        let own = format!("{end}--other");
        let parts: Vec<Vec<u8>> =
            parts.into_iter().filter(|part| !String::from_utf8_lossy(part).contains(&own)).collect();
        let mut whole = Vec::new();
        for part in &parts {
            whole.extend_from_slice(format!("--other{end}X: y{end}{end}").as_bytes());
            whole.extend_from_slice(part);
            whole.extend_from_slice(end.as_bytes());
        }
        whole.extend_from_slice(b"--other--");
        let (read, result) = feed("multipart/mixed; boundary=other", whole.chunks(7));
        prop_assert_eq!(result, Ok(()));
        let read: Vec<Vec<u8>> = read.into_iter().map(|part| part.content).collect();
        prop_assert_eq!(read, parts);
    }
}
