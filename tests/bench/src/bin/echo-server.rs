//! An MCP server over lines that costs next to nothing of its own, so that it hides nothing of what a watcher costs.
//!
//! The tool `e` answers with its argument: the request becomes the answer in place, in the buffer it was read into.
//! The tool `open` opens the file that it is given and answers with the clock just before. Everything else is answered
//! at leisure.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use bench_subjects::shape::{ANSWER_END, ECHO, ECHO_ANSWER, ECHO_CALL, ECHO_END, HEAD};
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// Longest line, and a byte more: an answer may be one longer than its request.
const ROOM: usize = (8 << 20) + 1;

fn main() -> Result<()> {
    // The descriptors themselves: no lock, no buffer.
    let mut input = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let mut output = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let mut buffer = vec![0; ROOM];
    let (mut begin, mut end) = (0, 0);
    loop {
        if end == ROOM - 1 {
            buffer.copy_within(begin..end, 0);
            (begin, end) = (0, end - begin);
        }
        let read = input.read(&mut buffer[end..ROOM - 1])?;
        if read == 0 {
            return Ok(());
        }
        let mut look = end;
        end += read;
        while let Some(at) = memchr::memchr(b'\n', &buffer[look..end]) {
            let next = look + at + 1;
            answer(&mut buffer, begin, next, &mut output)?;
            (begin, look) = (next, next);
        }
        if begin == end {
            (begin, end) = (0, 0);
        }
    }
}

/// Answers the request in `buffer[begin..end]`.
fn answer(buffer: &mut [u8], begin: usize, end: usize, output: &mut File) -> Result<()> {
    let line = &buffer[begin..end];
    let digits = line.get(HEAD.len()..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    let after = HEAD.len() + digits;
    if digits == 0
        || !line.starts_with(HEAD.as_bytes())
        || !line[after..].starts_with(ECHO_CALL.as_bytes())
        || !line.ends_with(ECHO_END.as_bytes())
    {
        return slowly(line, output);
    }
    // The head moves up to where the text begins; the end takes one byte of what follows, which is put back.
    let from = begin + ECHO_CALL.len() - ECHO_ANSWER.len();
    buffer.copy_within(begin..begin + after, from);
    let text = begin + after + ECHO_CALL.len();
    buffer[text - ECHO_ANSWER.len()..text].copy_from_slice(ECHO_ANSWER.as_bytes());
    let last = end - ECHO_END.len();
    let kept = buffer[end];
    buffer[last..last + ANSWER_END.len()].copy_from_slice(ANSWER_END.as_bytes());
    output.write_all(&buffer[from..last + ANSWER_END.len()])?;
    buffer[end] = kept;
    Ok(())
}

fn slowly(line: &[u8], output: &mut File) -> Result<()> {
    let request: Value = serde_json::from_slice(line).context("not JSON")?;
    let Some(id) = request.get("id") else { return Ok(()) };
    let result = match request["method"].as_str() {
        Some("initialize") => json!({
            "protocolVersion": request["params"]["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "echo-server", "version": "1"},
        }),
        Some("tools/list") => tools(),
        Some("tools/call") if request["params"]["name"] == ECHO.name => {
            let text = &request["params"]["arguments"][ECHO.argument];
            json!({"content": [{"type": "text", "text": text}]})
        }
        Some("tools/call") if request["params"]["name"] == "open" => {
            let path = request["params"]["arguments"]["path"].as_str().unwrap_or_default();
            let before = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
            let opened = File::open(path).is_ok();
            let nanoseconds = before.tv_sec() * 1_000_000_000 + before.tv_nsec();
            json!({"content": [{"type": "text", "text": nanoseconds.to_string()}], "isError": !opened})
        }
        _ => json!({}),
    };
    let mut text = json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string();
    text.push('\n');
    Ok(output.write_all(text.as_bytes())?)
}

fn tools() -> Value {
    let tool = |name: &str, argument: &str, description: &str| {
        let schema = json!({"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]});
        json!({"name": name, "description": description, "inputSchema": schema})
    };
    json!({"tools": [
        tool("e", "a", "Answers with its argument."),
        tool("open", "path", "Opens a file and answers with the time."),
    ]})
}
