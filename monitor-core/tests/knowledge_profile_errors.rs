//! What is wrong with a profile of one's own, in one line that names the place.

use monitor_core::profile::Profile;

#[test]
fn errors_name_the_place() {
    let head = "name = \"mine\"\nversion = 1\nsummary = \"s\"\n";
    for (rest, wanted) in [
        ("colour = 1\n", "mine.toml:4:1: unknown field `colour`"),
        ("network = \"all\"\n", "mine.toml:4:11: network: unknown variant `all`"),
        ("hosts = [{ host = \"https://x\" }]\n", "mine.toml:4:"),
        ("hosts = [{ host = \"X.org\" }]\n", "`X.org` is no host name"),
        ("hosts = [{ host = \"x.org\", port = 70000 }]\n", "mine.toml:4:"),
        ("[[servers]]\npackages = [\"left-pad\"]\n", "`left-pad` is no package: write npm:NAME or pypi:NAME"),
        ("[[servers]]\nkey = \"x\"\n", "mine.toml: servers entry 1 has no condition"),
        ("reads = [\"a[b]\"]\n", "mine.toml:4:"),
        ("runtimes = [\"cobol\"]\n", "mine.toml: unknown runtime `cobol`: known are base, node, python, native"),
        ("[[children]]\nprograms = [\"/bin/sh\"]\n", "programs are file names, not paths"),
        ("[[children]]\nprograms = []\n", "names no program"),
        ("[tools.x]\ny = { effect = \"eats\" }\n", "mine.toml:5:"),
        (
            "[tools.x]\ny = { apis = [{ method = \"GET\", path = \"p\", host = \"h\" }] }\n",
            "an API path starts with `/`",
        ),
        ("summary = \"twice\"\n", "mine.toml:4:"),
        ("= 1\n", "mine.toml:4:1"),
    ] {
        let error = Profile::parse(&format!("{head}{rest}"), "mine.toml").expect_err(rest).to_string();
        assert!(error.contains(wanted), "{rest}: {error}");
        assert!(!error.contains('\n'), "one line: {error}");
    }
    for (text, wanted) in [
        ("", "mine.toml:1:1: missing field `name`"),
        ("name = \"No\"\nversion = 1\nsummary = \"\"", "mine.toml:1:8: name: a profile's name is"),
        ("name = \"a\"\nversion = 0\nsummary = \"\"", "mine.toml:2:11: version: versions count from 1"),
    ] {
        let error = Profile::parse(text, "mine.toml").expect_err(text).to_string();
        assert!(error.contains(wanted), "{error}");
    }
    assert!(Profile::parse(head, "mine.toml").is_ok());
}
