//! The lines on the wire: JSON-RPC as MCP has it, of a chosen size.

/// Most digits of an id: the place for them is fixed, so that a line is made by writing digits into a template.
pub const DIGITS: usize = 7;
/// First id of a measured call: all of them have [`DIGITS`] digits.
pub const FIRST_ID: u64 = 1_000_000;

/// Where the digits of the id stand in a request.
pub const ID_AT: usize = HEAD.len();

/// How every message here begins.
pub const HEAD: &str = r#"{"jsonrpc":"2.0","id":"#;

/// What follows the id in a call of the echo server's tool.
pub const ECHO_CALL: &str = r#","method":"tools/call","params":{"name":"e","arguments":{"a":""#;
/// How such a call ends.
pub const ECHO_END: &str = "\"}}}\n";
/// What follows the id in the answer; the text of the request follows.
pub const ECHO_ANSWER: &str = r#","result":{"content":[{"type":"text","text":""#;
/// How the answer ends: one byte longer than [`ECHO_END`].
pub const ANSWER_END: &str = "\"}]}}\n";

/// Name and argument of the tool to call.
#[derive(Debug, Clone, Copy)]
pub struct Tool<'a> {
    /// Tool.
    pub name: &'a str,
    /// Its argument that is a text.
    pub argument: &'a str,
}

/// The echo server's own.
pub const ECHO: Tool<'static> = Tool { name: "e", argument: "a" };

/// A call of `size` bytes with its line end (or the fewest it takes), and room for the id at [`ID_AT`].
#[must_use]
pub fn call(tool: Tool<'_>, size: usize) -> Vec<u8> {
    let zeros = "0".repeat(DIGITS);
    let Tool { name, argument } = tool;
    let head =
        format!(r#"{HEAD}{zeros},"method":"tools/call","params":{{"name":"{name}","arguments":{{"{argument}":""#);
    let text = size.saturating_sub(head.len() + ECHO_END.len());
    let mut line = head.into_bytes();
    line.resize(line.len() + text, b'x');
    line.extend_from_slice(ECHO_END.as_bytes());
    line
}

/// Writes an id into a call.
pub fn number(line: &mut [u8], mut id: u64) {
    for place in line[ID_AT..ID_AT + DIGITS].iter_mut().rev() {
        *place = b'0' + (id % 10) as u8;
        id /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::{ECHO, ECHO_CALL, FIRST_ID, HEAD, call, number};

    #[test]
    fn a_call_has_its_size_and_is_json() {
        for size in [100, 65_536] {
            let mut line = call(ECHO, size);
            number(&mut line, FIRST_ID + 42);
            assert_eq!(line.len(), size);
            let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(value["id"], FIRST_ID + 42);
            assert_eq!(value["params"]["name"], "e");
            assert!(line.starts_with(format!("{HEAD}{}{ECHO_CALL}", FIRST_ID + 42).as_bytes()));
        }
    }
}
