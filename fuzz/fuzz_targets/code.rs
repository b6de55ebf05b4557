//! A program is read alike each time, nothing that is kept of it outgrows its cap, a token that stands in it never shows, and
//! nothing before a request hides it unless the answer says so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_wire::code::{Code, read};
use monitor_wire::limits;
use monitor_wire::redact::Key;

const TOKEN: &str = "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d";

fn code(text: &str) -> Code {
    let code = read(&Key::from_bytes([1; 32]), text, None);
    assert!(code.requests.len() <= limits::CODE_REQUESTS && code.token_in_code.len() <= limits::CODE_FOUND);
    for request in &code.requests {
        assert!(request.path.len() <= limits::CODE_SEGMENTS + 3);
        assert!([&request.query, &request.body].into_iter().flatten().all(|names| names.len() <= limits::CODE_NAMES));
        let _ = request.matches("GET", &request.path_text());
    }
    code
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(code(&text), code(&text));
    let planted = format!(
        "async () => {{ const t = '{TOKEN}'; fetch('https://a.example/{TOKEN}', {{ method: t }}); {text}\n\
         ;cloudflare.request({{ method: 'DELETE', path: t, query: {{ [t]: t }}, body: {{ [t]: t }} }}); }}"
    );
    let shown = format!("{:?}", code(&planted));
    assert!(text.contains(TOKEN) || !shown.contains(TOKEN), "{shown}");
    // a constant list of names keeps what follows in sight
    let after = format!("async () => {{ try {{ if (accountId) {{ {text}\n}} }} catch {{}} await cloudflare.request({{ method: 'DELETE', path: '/a' }}); }}");
    let after = code(&after);
    let open = text.contains(['}', '/', '`', 'r', 't', 'b', 'c', '\\']);
    assert!(open || !after.is_complete() || after.requests.iter().any(|request| request.may_change()));
});
