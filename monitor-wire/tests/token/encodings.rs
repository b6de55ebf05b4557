//! Known tokens, however they are written.

use monitor_wire::token::Encoding;
use proptest::prelude::*;

use super::{TOKEN, all, base64, known, scan, set};

/// Tokens of many lengths and alphabets.
fn tokens() -> Vec<Vec<u8>> {
    let long = super::long(700);
    let pem: String = (0..40)
        .map(|line| {
            format!("{}\n", base64(format!("line {line:02} of a made up key, more or less it").as_bytes(), false))
        })
        .collect();
    vec![
        TOKEN.into(),
        b"hunter2!".to_vec(),
        b"aB3dE5gH7".to_vec(),
        b"p@ss/w0rd\"\\%4".to_vec(),
        b"aB3dE5gH7jK9mN1".to_vec(),
        b"0123456789abcdef0123456789abcde7".to_vec(),
        b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_vec(),
        b"user-1:aB3dE5gH7jK9mN1p:aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA".to_vec(),
        b"@#$&*()/:;<=>?[]{}|^`!,@@#$&*(1".to_vec(),
        "pässwörd-ünd-möre-öf-ät".into(),
        vec![1, 200, 3, 250, 7, 9, 11, 13, 255, 254, 0, 17, 99, 98, 97, 96, 5, 4],
        long.into_bytes(),
        format!("-----BEGIN PRIVATE KEY-----\n{pem}-----END PRIVATE KEY-----").into_bytes(),
    ]
}

fn hex(bytes: &[u8], upper: bool) -> String {
    bytes.iter().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect()
}

fn percent(bytes: &[u8], every: bool, upper: bool) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    bytes
        .iter()
        .map(|&byte| match (plain(byte) && !every, upper) {
            (true, _) => char::from(byte).to_string(),
            (false, true) => format!("%{byte:02X}"),
            (false, false) => format!("%{byte:02x}"),
        })
        .collect()
}

fn json(text: &str, slash: bool) -> String {
    let quoted = serde_json::to_string(text).expect("text");
    let text = &quoted[1..quoted.len() - 1];
    if slash { text.replace('/', "\\/") } else { text.to_owned() }
}

/// Every way to write a token, and what it is called.
fn written(token: &[u8]) -> Vec<(Encoding, Vec<u8>)> {
    let mut ways = vec![(Encoding::Plain, token.to_vec())];
    for upper in [false, true] {
        ways.push((Encoding::Hex, hex(token, upper).into_bytes()));
        ways.push((Encoding::Percent, percent(token, true, upper).into_bytes()));
        ways.push((Encoding::Percent, percent(token, false, upper).into_bytes()));
    }
    ways.push((Encoding::Utf16, token.iter().flat_map(|&byte| [byte, 0]).collect()));
    if let Ok(text) = std::str::from_utf8(token) {
        ways.push((Encoding::Escaped, json(text, false).into_bytes()));
        ways.push((Encoding::Escaped, json(text, true).into_bytes()));
        for upper in [false, true] {
            let escape = |char: char| match upper {
                true => format!("\\u{:04X}", u32::from(char)),
                false => format!("\\u{:04x}", u32::from(char)),
            };
            ways.push((Encoding::Escaped, text.chars().map(escape).collect::<String>().into_bytes()));
        }
    }
    ways.push((Encoding::Escaped, token.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>().into_bytes()));
    for way in &mut ways {
        if way.1 == token {
            way.0 = Encoding::Plain;
        }
    }
    ways
}

#[test]
fn a_token_is_found_however_it_is_written() {
    for token in tokens() {
        let set = set(&[&token]);
        for (encoding, text) in written(&token) {
            for before in ["", " ", "x=", "0123456", "0123456789abcdef0"] {
                let stream = [before.as_bytes(), &text, b" and more"].concat();
                let start = before.len() as u64;
                let hits = known(&all(&set, &stream));
                let end = start + text.len() as u64;
                assert_eq!(hits, [(encoding, start, end)], "{}", String::from_utf8_lossy(&stream));
            }
        }
    }
}

#[test]
fn a_token_is_found_in_base64_of_something_larger() {
    for token in tokens() {
        let set = set(&[&token]);
        for before in [0, 1, 2, 7, 12, 17] {
            for after in [0, 2] {
                let text = [&b"<<<<<<<>>>>>>>>???\xff\xfe"[..before], &token, &b"~\xff?"[..after]].concat();
                for url in [false, true] {
                    let stream = base64(&text, url);
                    let hits = all(&set, stream.as_bytes());
                    let hits: Vec<_> = hits.iter().filter(|hit| hit.known).collect();
                    assert_eq!(hits.len(), 1, "{stream}");
                    assert_eq!(hits[0].encoding, Encoding::Base64);
                    assert_eq!((hits[0].start, hits[0].len), ((before * 8 / 6) as u64, token.len()));
                    assert_eq!(hits[0].end, ((before + token.len()) * 8).div_ceil(6) as u64);
                }
            }
        }
    }
}

#[test]
fn base64_may_be_escaped_in_turn() {
    let token = b"@#$&*()/:;<=>?[]{}|^`!,@@#$&*(1??>>??>>";
    let set = set(&[token]);
    for before in 0..3 {
        let text = base64(&[&b"xy"[..before.min(2)], token.as_slice()].concat(), false);
        assert!(text.contains('/'), "{text}");
        for escaped in [
            text.replace('/', "\\/"),
            text.replace('/', "%2F").replace('+', "%2B"),
            text.replace('/', "%2f").replace('+', "%2b"),
            percent(text.as_bytes(), true, true),
            text.replace('/', "\\u002f"),
        ] {
            let hits = all(&set, escaped.as_bytes());
            assert_eq!(hits.iter().filter(|hit| hit.known).count(), 1, "{escaped}");
        }
    }
}

#[test]
fn every_split_in_two_and_every_place() {
    let set = set(&[TOKEN.as_bytes()]);
    for (encoding, text) in written(TOKEN.as_bytes()) {
        for lead in 0..17 {
            let stream = [&b"................."[..lead], &text, b"."].concat();
            for split in 0..stream.len() {
                let (head, tail) = stream.split_at(split);
                let found = known(&scan(&set, [head, tail]));
                assert_eq!(found, [(encoding, lead as u64, (lead + text.len()) as u64)], "{split}");
            }
        }
    }
}

#[test]
fn a_prefix_is_no_token() {
    let set = set(&[TOKEN.as_bytes()]);
    for (_, text) in written(TOKEN.as_bytes()) {
        for end in 0..text.len() {
            assert_eq!(known(&scan(&set, [&text[..end]])), [], "{}", String::from_utf8_lossy(&text[..end]));
        }
    }
}

#[test]
fn escaping_some_characters_hides_nothing() {
    let set = set(&[TOKEN.as_bytes()]);
    for at in 0..TOKEN.len() {
        for every in [1, 2, 3, 5, 9, 60] {
            let escape = |(index, char): (usize, char)| match index >= at && (index - at) % every == 0 {
                true if index % 2 == 0 => format!("%{:02x}", u32::from(char)),
                true => format!("\\u{:04x}", u32::from(char)),
                false => char.to_string(),
            };
            let text: String = TOKEN.chars().enumerate().map(escape).collect();
            let hits = all(&set, format!("{{\"a\":\"{text}\"}}").as_bytes());
            assert_eq!(hits.iter().filter(|hit| hit.known).count(), 1, "{text}");
        }
    }
}

#[test]
fn a_private_key_is_found_in_json_and_in_lines_of_base64() {
    let pem = tokens().pop().unwrap();
    let set = set(&[&pem]);
    let text = serde_json::to_string(std::str::from_utf8(&pem).unwrap()).unwrap();
    assert_eq!(known(&all(&set, text.as_bytes())).len(), 1);
    let base64 = base64(&pem, false);
    let mut found = 0;
    for line in [64, 76] {
        let lines: Vec<&str> = base64.as_bytes().chunks(line).map(|line| std::str::from_utf8(line).unwrap()).collect();
        for end in ["\n", "\r\n", "\\n"] {
            found += known(&all(&set, lines.join(end).as_bytes())).len();
        }
    }
    // A break within the region hides it.
    assert!(found >= 3, "{found}");
}

#[test]
fn a_backslash_before_it_does_not_hide_it() {
    for token in ["npm_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2", "u0041-but-not-an-escape", "41aB3dE5gH7jK9mN1p"] {
        let set = set(&[token.as_bytes()]);
        for before in ["\\", "C:\\\\", "%", "100%", "\\\\\\"] {
            let stream = format!("{before}{token}.");
            let hits = known(&all(&set, stream.as_bytes()));
            assert!(
                hits.contains(&(Encoding::Plain, before.len() as u64, (stream.len() - 1) as u64)),
                "{stream}: {hits:?}"
            );
        }
    }
}

#[test]
fn tokens_back_to_back_and_one_that_begins_another() {
    let longer = format!("{TOKEN}xYz");
    let set = set(&[TOKEN.as_bytes(), longer.as_bytes(), b"z9y8x7w6v5u4t3s2r1q0"]);
    let stream = format!("{TOKEN}{TOKEN}{longer}z9y8x7w6v5u4t3s2r1q0{TOKEN}");
    let length = TOKEN.len() as u64;
    let found: Vec<_> = known(&all(&set, stream.as_bytes())).into_iter().map(|(_, start, end)| (start, end)).collect();
    let third = 2 * length;
    let last = third + length + 3;
    assert_eq!(
        found,
        [
            (0, length),
            (length, 2 * length),
            (third, third + length),
            (third, last),
            (last, last + 20),
            (last + 20, last + 20 + length),
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_token_in_any_split(
        token in prop_oneof!["[a-zA-Z0-9]{8,80}", "[ -~]{16,60}", "[a-z0-9_]{12,20}"],
        way in 0_usize..40,
        before in prop::collection::vec(any::<u8>(), 0..40),
        after in prop::collection::vec(any::<u8>(), 0..20),
        sizes in prop::collection::vec(1_usize..60, 1..8),
    ) {
        let mut set = monitor_wire::token::Set::new(&super::key());
        prop_assume!(set.add(token.as_bytes()).is_ok());
        let mut ways = written(token.as_bytes());
        let lead = way % 3;
        let larger = [&before[..lead.min(before.len())], token.as_bytes(), &after[..]].concat();
        ways.push((Encoding::Base64, base64(&larger, way % 2 == 0).into_bytes()));
        let (encoding, text) = ways.swap_remove(way % ways.len());
        // One that holds the mark of an encoding may be mistaken for encoded, see the module.
        let is_half = token.contains(['%', '\\']);
        prop_assume!(!is_half || matches!(encoding, Encoding::Plain | Encoding::Base64 | Encoding::Hex));
        // What stands before must not make an escape of the beginning, nor go on with base64.
        let stream = [&before[..], b".", &text, &after[..]].concat();
        let mut pieces = Vec::new();
        let mut rest = &stream[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() { break; }
            let (head, tail) = rest.split_at((*size).min(rest.len()));
            pieces.push(head);
            rest = tail;
        }
        let hits = scan(&set, pieces);
        prop_assert_eq!(&hits, &scan(&set, [&stream[..]]));
        let start = before.len() as u64 + 1;
        // A token that ends with half an escape is there as it is, too.
        let found = hits.iter().filter(|hit| hit.known).any(|hit| {
            (hit.encoding == encoding || is_half) && (encoding == Encoding::Base64 || hit.start == start)
        });
        prop_assert!(found, "{encoding:?} {hits:?} {}", String::from_utf8_lossy(&stream));
    }
}
