//! Hostile programs end in a reason, on a small stack; caps hold; secrets don't show.

use monitor_wire::code::{Code, Reason, Segment, read};
use monitor_wire::limits;
use monitor_wire::redact::fingerprint;
use proptest::prelude::*;

use super::{code, key};

/// Reads on a stack of 1 MiB, half of what a thread has.
fn on_a_small_stack(text: String) -> Code {
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(move || code(&text)).unwrap();
    thread.join().unwrap()
}

fn check(code: &Code) {
    assert!(code.requests.len() <= limits::CODE_REQUESTS && code.token_in_code.len() <= limits::CODE_FOUND);
    for request in &code.requests {
        // one more may say that there were others, and a segment of which the end isn't known is two
        assert!(request.path.len() <= limits::CODE_SEGMENTS + 3, "{}", request.path.len());
        for names in [&request.query, &request.body].into_iter().flatten() {
            assert!(names.len() <= limits::CODE_NAMES);
        }
    }
}

#[test]
fn nesting_ends_in_a_reason() {
    let many = 50_000;
    for (before, middle, after) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{", "", "}"),
        ("({a:", "1", "})"),
        ("f(", "1", ")"),
        ("a[", "1", "]"),
        ("`${", "1", "}`"),
        ("() => ", "1", ""),
        ("x => {", "", "}"),
        ("async () => ", "1", ""),
        ("function f() {", "", "}"),
        ("class A { a() {", "", "} }"),
        ("if (1) ", ";", ""),
        ("if (1) ; else ", ";", ""),
        ("for (;;) ", ";", ""),
        ("a: ", ";", ""),
        ("1 ? 1 : ", "1", ""),
        ("1 ? ", "1", " : 1"),
        ("a = ", "1", ""),
        ("! ", "1", ""),
        ("- ", "1", ""),
        ("await ", "1", ""),
        ("new ", "a", ""),
        ("yield ", "1", ""),
        ("const [", "a", "] = 1"),
        ("const {a: ", "b", "} = 1"),
        ("x = f<", "a", ">(1)"),
        ("let a: Array<", "a", ">"),
        ("let a: ", "{ b: 1 }", "[]"),
        ("(a: ", "b", ") => 1"),
        ("...", "", ""),
    ] {
        let text = [before.repeat(many), middle.to_owned(), after.repeat(many)].concat();
        let code = on_a_small_stack(text);
        assert!(!code.is_complete(), "{before}");
    }
}

#[test]
fn what_isnt_deep_is_read_however_long_it_is() {
    let many = 2_000;
    let parts = "\"\" + ".repeat(many);
    let chain = ".then(x => x)".repeat(60);
    for text in [
        format!("async () => cloudflare.request({{ method: \"GET\", path: {parts}\"/a\" }})"),
        format!("async () => cloudflare.request({{ method: \"GET\", path: \"/a\" }}){chain}"),
        format!(
            "async () => {{ {} return cloudflare.request({{ method: \"GET\", path: \"/a\" }}); }}",
            ";".repeat(many)
        ),
        format!("async () => ({}cloudflare.request({{ method: \"GET\", path: \"/a\" }}))", "0, ".repeat(many)),
    ] {
        let code = on_a_small_stack(text.clone());
        assert!(code.is_complete(), "{:?} {}", code.reasons, &text[..40]);
        assert!(code.requests.len() == 1 && code.requests[0].is_sure());
    }
}

#[test]
fn functions_that_call_each_other_end_in_a_reason() {
    let chain: String = (0..500).map(|at| format!("const f{at} = () => f{}();", at + 1)).collect();
    let code = on_a_small_stack(format!("async () => {{ {chain} const f500 = () => 1; return f0(); }}"));
    assert!(code.reasons.contains(&Reason::TooDeep), "{:?}", code.reasons);
    // each calls the next one twice
    let tree: String = (0..60).map(|at| format!("const f{at} = () => [f{0}(), f{0}()];", at + 1)).collect();
    let code = on_a_small_stack(format!("async () => {{ const f60 = () => 1; {tree} return f0(); }}"));
    assert!(!code.is_complete(), "{:?}", code.reasons);
    // as does one that calls itself
    let code = on_a_small_stack("async () => { const f = n => [f(n), f(n), f(n), f(n)]; return f(1); }".to_owned());
    assert_eq!(code.requests, []);
    let code = on_a_small_stack("async () => { const f = g => g(g); return f(f); }".to_owned());
    assert!(!code.is_complete());
}

#[test]
fn long_programs_are_not_read_or_not_followed_to_the_end() {
    let at_most = "\n".repeat(limits::CODE);
    assert!(code(&at_most).is_complete());
    assert_eq!(code(&(at_most + "\n")).reasons.into_iter().collect::<Vec<_>>(), [Reason::TooLong]);
    assert!(code(&"a;".repeat(limits::CODE / 2)).reasons.contains(&Reason::TooLong));
    assert!(code(&"a;".repeat(limits::CODE / 10)).reasons.contains(&Reason::TooMany));
    let list = "1,".repeat(100_000);
    let code =
        code(&format!("async () => {{ for (const x of [{list}]) cloudflare.request({{ path: `/a/${{x}}` }}); }}"));
    assert!(code.reasons.contains(&Reason::TooMany));
    check(&code);
}

/// Texts that double, values that multiply and lists that grow cost steps, so that a short program ends soon too.
#[test]
fn work_that_multiplies_is_bounded() {
    let choice = "let s = (q ? 'a' : 'b')".to_owned() + &" + (q ? 'a' : 'b')".repeat(40);
    let double = "let s = 'a';".to_owned() + &"s += s;".repeat(5_000);
    let lists = "let a = [1]; for (;;) {".to_owned() + &"a = a.concat(a); a = [...a, ...a];".repeat(500) + "}";
    let spread = "let a = {b: 1}; for (;;) {".to_owned() + &"a = {...a, ...a, c: [a]};".repeat(500) + "}";
    let calls = "const l = [".to_owned() + &"1,".repeat(300) + "]; const m = l.map(() => l.map(() => l.map(() => l)));";
    for body in [choice, double, lists, spread, calls] {
        let code = on_a_small_stack(format!("async () => {{ const q = accountId; {body} }}"));
        check(&code);
    }
}

#[test]
fn what_is_more_than_is_kept_is_said() {
    let body: String =
        (0..300).map(|at| format!("await cloudflare.request({{ method: 'GET', path: '/a/{at}' }});")).collect();
    let code = code(&format!("async () => {{ {body} }}"));
    assert_eq!(code.requests.len(), limits::CODE_REQUESTS);
    assert!(code.reasons.contains(&Reason::TooMany));
    let long = super::code(&format!("async () => fetch('https://a.example{}')", "/a".repeat(100)));
    check(&long);
    assert!(long.reasons.contains(&Reason::DynamicPath));
    assert_eq!(long.requests[0].path.last(), Some(&Segment::Rest));
    let text = super::code(&format!("async () => fetch('https://a.example/{}')", "a".repeat(limits::CODE_TEXT)));
    assert!(text.reasons.contains(&Reason::UnknownHost), "{:?}", text.reasons);
}

#[test]
fn secrets_never_show() {
    let token = "cfut_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f1a2b3c4d";
    let fp = fingerprint(&key(), token.as_bytes());
    for text in [
        format!("async () => fetch('https://a.example/{token}/x?{token}=1', {{ method: '{}' }})", &token[..31]),
        format!("async () => fetch('https://{token}.example/')"),
        format!("async () => cloudflare.request({{ method: '{token}', path: '/a/{token}', body: {{ {token}: 1 }} }})"),
        format!("async () => cloudflare.request({{ path: '/a', query: {{ {token}: 1 }}, body: '{token}' }})"),
        format!("async () => {{ const a = '{}'; fetch(`https://a.example/${{a}}{}`); }}", &token[..20], &token[20..]),
        format!("async () => {{ const a = [...'{token}'].join(''); return `x{token}y${{a}}`; }}"),
    ] {
        let code = code(&text);
        let shown = format!("{code:?} {}", serde_json::to_string(&code).unwrap());
        assert!(!shown.contains(token) && !shown.to_lowercase().contains(&token.to_lowercase()), "{text}: {shown}");
        assert!(!shown.contains(&token[5..45]), "{shown}");
    }
    let code = read(&key(), &format!("async () => {{ const a = '{token}'; }}"), None);
    assert_eq!(code.token_in_code, [fp]);
}

/// Pieces that programs are made of, in any order.
fn soup() -> impl Strategy<Value = String> {
    let pieces = [
        "async",
        "() =>",
        "=>",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "`",
        "${",
        "cloudflare",
        ".request",
        "fetch",
        "method",
        "path",
        ":",
        ",",
        ";",
        "=",
        "+",
        "+=",
        "/",
        "/a/",
        "'/zones'",
        "\"GET\"",
        "const",
        "let",
        "var",
        "a",
        "b",
        "x",
        "if",
        "else",
        "for",
        "of",
        "in",
        "while",
        "do",
        "return",
        "await",
        "yield",
        "function",
        "*",
        "class",
        "extends",
        "static",
        "get",
        "new",
        "this",
        "typeof",
        "...",
        "?.",
        "?",
        "??",
        "&&",
        "||",
        "!",
        "<",
        ">",
        "as",
        "type",
        "interface",
        "\n",
        "//",
        "/*",
        "*/",
        "\\u0061",
        "1",
        ".5",
        "0x",
        "1n",
        "try",
        "catch",
        "finally",
        "switch",
        "case",
        "default",
        "break",
        "#p",
        ".map(",
        ".then(",
        ".push(",
        ".join(",
        "Promise.all(",
        "Object.assign(",
        "JSON.stringify(",
        "eval(",
        "import(",
        "@",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..60).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_ends_in_an_answer(text in ".{0,400}") {
        check(&code(&text));
    }

    #[test]
    fn any_pieces_end_in_an_answer(text in soup()) {
        let first = code(&text);
        check(&first);
        prop_assert_eq!(&code(&text), &first);
        // alone, as the body of a function, it says at least as much
        check(&code(&format!("async () => {{ {text} }}")));
    }

    /// Whatever stands before, a request that follows is listed, or the answer isn't complete.
    #[test]
    fn nothing_hides_a_request(text in soup()) {
        let code = code(&format!("async () => {{ {text}\n;cloudflare.request({{ method: 'DELETE', path: '/zones/abc' }}); }}"));
        let listed = code.requests.iter().any(|request| request.may_change());
        // what returns or throws before it, and a comment, hide it for good
        let over = ["return", "//", "/*", "*/", "break", "function", "class", "=>"].iter().any(|word| text.contains(word));
        prop_assert!(listed || over || !code.is_complete());
    }
}
