//! How fast tokens are looked for: `cargo run --release -p monitor-wire --example token_throughput [FILE…]`.

use monitor_wire::redact::Key;
use monitor_wire::token::{Scanner, Set};

/// Bytes of each kind of input.
const SIZE: usize = 8 << 20;

/// Seconds that this thread has run, so that a busy machine doesn't matter.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|field| field.parse::<f64>().ok()).unwrap_or_default() / 1e9
}

/// The same numbers in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> Vec<u8> {
        (0..length).map(|_| alphabet[self.next() as usize % alphabet.len()]).collect()
    }
}

const WORD: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Tokens as they are on a host: most of 40 to 60 characters, some web tokens and private keys.
fn set(count: usize, short: bool) -> Set {
    let mut set = Set::new(&Key::from_bytes([1; 32]));
    let mut random = Random(7);
    for number in 0..count {
        let token = match number % 10 {
            0 => [b"cfut_".as_slice(), &random.text(WORD, 48)].concat(),
            1 => [b"ghp_".as_slice(), &random.text(WORD, 36)].concat(),
            2 => random.text(BASE64, 40),
            3 => random.text(b"0123456789abcdef", 64),
            4 => {
                let parts = [random.text(URL, 80), random.text(URL, 600), random.text(URL, 342)];
                [b"eyJ".as_slice(), &parts.join(&b"."[..])].concat()
            }
            5 => [b"-----BEGIN PRIVATE KEY-----\n".as_slice(), &random.text(BASE64, 1600)].concat(),
            6 if short => random.text(WORD, 10),
            _ => random.text(WORD, 40),
        };
        set.add(&token).expect("a good token");
    }
    set
}

fn measure(name: &str, set: &Set, bytes: &[u8], size: usize) {
    let mut scanner = Scanner::new();
    let mut hits = Vec::new();
    let start = busy();
    let mut fed = 0;
    while fed < 1 << 30 && busy() - start < 2.0 {
        for piece in bytes.chunks(size) {
            scanner.feed(set, piece, &mut hits);
            assert!(hits.len() < 5000, "{:?}", hits.last());
            hits.clear();
        }
        fed += bytes.len();
    }
    let seconds = busy() - start;
    let tried = scanner.stats().tried as f64 / fed as f64 * 1e6;
    println!("{name:<36} {:>6.2} GB/s {tried:>10.3} tries/MB", fed as f64 / seconds / 1e9);
}

fn repeated(text: &str) -> Vec<u8> {
    text.bytes().cycle().take(SIZE).collect()
}

/// Objects as an API answers with them.
fn json(random: &mut Random) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < SIZE {
        let id = String::from_utf8(random.text(b"0123456789abcdef", 32)).expect("hex");
        let name = String::from_utf8(random.text(b"abcdefghijklmnopqrstuvwxyz", 9)).expect("letters");
        let row = format!(
            "{{\"id\":\"{id}\",\"name\":\"{name}.example.com\",\"type\":\"A\",\"content\":\"192.0.2.{}\",\
             \"proxiable\":true,\"ttl\":{},\"meta\":{{\"auto_added\":false,\"source\":\"primary\"}},\
             \"comment\":\"a \\\"{name}\\\"\\nline\",\
             \"created_on\":\"2026-01-02T03:04:05.{}Z\"}},",
            random.next() % 256,
            random.next() % 9000,
            random.next() % 1_000_000,
        );
        text.extend_from_slice(row.as_bytes());
    }
    text
}

fn main() {
    let source = include_str!("../src/redact/scan.rs");
    let mut random = Random(3);
    let mut kinds = vec![
        ("JSON".to_owned(), json(&mut random)),
        ("source".to_owned(), repeated(source)),
        ("base64".to_owned(), random.text(BASE64, SIZE)),
        ("base64 for URLs".to_owned(), random.text(URL, SIZE)),
        ("hex".to_owned(), random.text(b"0123456789abcdef", SIZE)),
        ("random".to_owned(), (0..SIZE).map(|_| random.next() as u8).collect()),
        ("URL-encoded".to_owned(), repeated("%7B%22name%22%3A%22a%20b%22%2C%22path%22%3A%22%2Fhome%2Fuser%2Fx%22%7D")),
        ("JSON within JSON".to_owned(), repeated(r#"{\"type\":\"text\",\"text\":\"a \\\"b\\\"\\n\"},"#)),
        ("snake_case".to_owned(), repeated("some_long_name = other_name_of(the_thing);\n")),
    ];
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).expect("a readable file");
        kinds.push((path, bytes));
    }
    let tokens = set(1000, false);
    for (name, bytes) in &kinds {
        measure(name, &tokens, bytes, 16 << 10);
    }
    measure("JSON, pieces of 1 KiB", &tokens, &kinds[0].1, 1 << 10);
    measure("JSON, pieces of 100 bytes", &tokens, &kinds[0].1, 100);
    measure("JSON, no tokens", &set(0, false), &kinds[0].1, 16 << 10);
    measure("JSON, 8000 tokens", &set(8000, false), &kinds[0].1, 16 << 10);
    let tokens = set(1000, true);
    measure("JSON, a tenth of the tokens short", &tokens, &kinds[0].1, 16 << 10);

    let mut known = Set::new(&Key::from_bytes([1; 32]));
    let token = "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d";
    let long = "z9".to_owned() + &String::from_utf8(random.text(WORD, 8000)).expect("letters");
    for token in [token, &long] {
        known.add(token.as_bytes()).expect("a good token");
    }
    for (name, text) in [
        ("a known token again and again", format!("{token} ")),
        ("a part of it", token[20..45].to_owned()),
        ("a part of a long one", long[..175].to_owned()),
        ("a long one without its end", long[..7000].to_owned()),
        ("a form again and again", "ghp_aB3dE5gH7jK9mN1pQ ".to_owned()),
        ("marks", "sk-".to_owned()),
        ("armour", "-----BEGIN PRIVATE KEY----- ".to_owned()),
        ("armour, closed", "-----BEGIN A PRIVATE KEY----------END-----".to_owned()),
        ("web tokens", "eyJ".to_owned()),
        ("colons", ":".to_owned()),
        ("grants", "u:0123456789abcdef:".to_owned()),
        ("hidden escapes", "%41".to_owned()),
    ] {
        measure(name, &known, &repeated(&text), 16 << 10);
    }
}
