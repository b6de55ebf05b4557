//! Evidence and gaps in words.

use monitor_core::alert::{Confidence, Fact, FileFact, Gap, MemoryFact, NetFact};

use crate::cli::out::{millisecond, plain};

/// What was seen, in one line.
#[must_use]
pub fn fact(fact: &Fact) -> String {
    match fact {
        Fact::FileOpen(file) | Fact::FileChange(file) => self::file(file),
        Fact::Connect(net) | Fact::Bind(net) => self::net(net),
        Fact::UnixConnect { path, service, result } => {
            let service = service.as_ref().map(|service| format!(", which gives {}", plain(service)));
            format!("connected to the socket {}{}: {}", plain(path), service.unwrap_or_default(), plain(result))
        }
        Fact::Token { token, form, encoding, host, places } => {
            let to = host.as_deref().map_or_else(String::new, |host| format!(" to {host}"));
            let kept = if places.is_empty() { String::new() } else { format!(", kept in {}", places.join(", ")) };
            format!("token {token} ({form}, {encoding}){to}{kept}")
        }
        Fact::Dns { name, of, server } => {
            format!("asked the name server {} for {}, type {}", plain(server), plain(name), plain(of))
        }
        Fact::Tls { sni, alpn, ja4, ech } => {
            let whom = sni.as_ref().map_or_else(|| "nobody by name".to_owned(), |name| plain(name));
            let inner = if *ech { ", and perhaps for somebody else inside" } else { "" };
            let offered = if alpn.is_empty() { String::new() } else { format!("; offers {}", plain(&alpn.join(", "))) };
            format!("began TLS, asking for {whom}{inner}{offered}; JA4 {}", plain(ja4))
        }
        Fact::HttpRequest { method, host, path, token, tls, detail, .. } => {
            let mut text = format!("sent {} {} to {}", plain(method), plain(path), plain(host));
            text += if *tls { " inside TLS" } else { " in clear" };
            if let Some(token) = token {
                text += &format!(", with the token {}", plain(token));
            }
            if let Some(detail) = detail {
                text += &format!(": {}", plain(detail));
            }
            text
        }
        Fact::Exec { exe, argv, memfd, unlinked, script, preload, abi } => {
            let mut text = format!("executed {}", plain(exe));
            if let Some(script) = script {
                text += &format!(" with the script {}", plain(script));
            }
            if !argv.is_empty() {
                text += &format!(": {}", command(argv));
            }
            if *memfd {
                text += " (a program in memory, without a file)";
            } else if *unlinked {
                text += " (its file has no name any more)";
            }
            if !preload.is_empty() {
                text += &format!("; code is injected by {}", plain(&preload.join(", ")));
            }
            if abi.is_some() {
                text += "; a 32-bit program";
            }
            text
        }
        Fact::Ptrace(memory) | Fact::Memory(memory) => self::memory(memory),
        Fact::Mcp { tool, field, request, detail } => {
            let mut text = "MCP".to_owned();
            for (name, value) in [("tool", tool), ("at", field), ("request", request)] {
                if let Some(value) = value {
                    text += &format!(" {name} {}", plain(value));
                }
            }
            if let Some(detail) = detail {
                text += &format!(": {}", plain(detail));
            }
            text
        }
        Fact::Socket { family, protocol } => format!("made a {} socket, protocol {protocol}", plain(family)),
        Fact::Opaque { what, detail, abi, io_uring } => {
            let abi = abi.as_ref().map(|abi| format!(" by a {} system call", plain(abi))).unwrap_or_default();
            let ring = if *io_uring { " through io_uring" } else { "" };
            format!("{}{abi}{ring}: {}", plain(what), plain(detail))
        }
        Fact::Loss { sensor, reason, from, lost } => {
            format!("the {} sensor {} ({lost}) since {}", plain(sensor), loss(reason), millisecond(*from))
        }
        Fact::Blind { sensor, reason } => format!("the {} sensor is blind: {}", plain(sensor), plain(reason)),
        Fact::More { count } => format!("{count} more that are not kept"),
    }
}

/// What was missed, in one line.
#[must_use]
pub fn gap(gap: &Gap) -> String {
    let sensor = plain(&gap.sensor);
    let from = millisecond(gap.from);
    match (gap.to, gap.count) {
        (None, 0) => format!("the {sensor} sensor is blind since {from}: {}", plain(&gap.reason)),
        (None, count) => format!("the {sensor} sensor {} since {from} ({count}), and may still", loss(&gap.reason)),
        (Some(to), count) => {
            let count = if count == 0 { "nobody knows how many".to_owned() } else { count.to_string() };
            format!("the {sensor} sensor {} ({count}), from {from} to {}", loss(&gap.reason), millisecond(to))
        }
    }
}

/// What a confidence means.
#[must_use]
pub const fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Strong => "it was seen as it is told",
        Confidence::Medium => "part of it is inferred",
        Confidence::Weak => "look for an innocent explanation first",
    }
}

/// Arguments as somebody would type them, as far as that can be told.
#[must_use]
pub fn command(argv: &[String]) -> String {
    let quoted = |arg: &String| {
        let bare = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+~".contains(c);
        if !arg.is_empty() && arg.chars().all(bare) {
            arg.clone()
        } else {
            format!("'{}'", plain(arg).replace('\'', "'\\''"))
        }
    };
    argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn file(file: &FileFact) -> String {
    let verb = match file.op.as_str() {
        "open" => "opened",
        "open_read" => "opened for reading",
        "open_write" => "opened for writing",
        "open_read_write" => "opened for reading and writing",
        "use" => "used a descriptor of",
        "rename" => "renamed",
        "link" => "made a hard link to",
        "symlink" => "made a symbolic link at",
        "unlink" => "removed",
        "chmod" => "changed mode or owner of",
        "truncate" => "truncated",
        "create" => "created",
        "map_exec" => "mapped for execution",
        other => other,
    };
    let mut text = format!("{} {}", plain(verb), plain(&file.path));
    if let Some(to) = &file.to {
        text += &format!(" → {}", plain(to));
    }
    if let Some(via) = &file.via {
        text += &format!(", passed as {}", plain(via));
    }
    if let Some(same) = &file.same_as {
        text += &format!(", the same file as {}", plain(same));
    }
    if let Some(kind) = &file.credential {
        text += &format!(" [credential: {}]", plain(kind));
    }
    text
}

fn net(net: &NetFact) -> String {
    let verb = match net.op.as_str() {
        "connect" => "connected to",
        "send" => "sent to",
        "bind" => "bound",
        "listen" => "listened on",
        "accept" => "accepted from",
        other => other,
    };
    let address = if net.address.contains(':') { format!("[{}]", net.address) } else { net.address.clone() };
    let name = net.name.as_ref().map(|name| format!(" ({})", plain(name))).unwrap_or_default();
    let mut text = format!("{} {}:{}{name}, {}, {}", plain(verb), plain(&address), net.port, net.proto, net.role);
    if !net.result.is_empty() {
        text += &format!(": {}", plain(&net.result));
    }
    if let Some(sent) = net.sent {
        text += &format!(", {sent} bytes sent");
    }
    if let Some(abi) = &net.abi {
        text += &format!(", by a {} system call", plain(abi));
    }
    if net.io_uring {
        text += ", through io_uring";
    }
    text
}

fn memory(memory: &MemoryFact) -> String {
    let verb = match memory.op.as_str() {
        "ptrace_attach" => "attached a debugger to",
        "process_vm_readv" => "read memory of",
        "process_vm_writev" => "wrote memory of",
        "proc_mem" => "opened the memory of",
        "proc_environ" => "opened the environment of",
        "proc_maps" => "opened the memory map of",
        "proc_fd" => "opened descriptors of",
        "pidfd_getfd" => "took a descriptor from",
        other => other,
    };
    let path = memory.path.as_ref().map(|path| format!(" through {}", plain(path))).unwrap_or_default();
    let result = match memory.ok {
        Some(true) => "",
        Some(false) => ": refused",
        None => ": result not known",
    };
    format!("{} process {}{path}{result}", plain(verb), memory.target_pid)
}

/// The words of [`monitor_core::event::Loss::reason`].
fn loss(reason: &str) -> String {
    match reason {
        "ring_full" => "lost records, because they came faster than they were read".to_owned(),
        "sequence_gap" => "lost records, as their numbers show".to_owned(),
        "read_fault" => "could not read bytes that a process passed".to_owned(),
        "cut" => "lost what was longer than is kept".to_owned(),
        "splice" => "saw bytes pass inside the kernel, whose content is not known".to_owned(),
        "io_uring" => "saw bytes pass through io_uring, whose content is not known".to_owned(),
        "late" => "got records too late to judge them in order".to_owned(),
        "table_full" => "had no room left and forgot the oldest".to_owned(),
        "queue_overflow" => "lost opens, because the kernel's queue was full".to_owned(),
        "too_many" => "left credential files out, because there are too many to look at".to_owned(),
        "unmarked" => "could not mark a credential file".to_owned(),
        other => format!("lost something ({})", plain(other)),
    }
}

#[cfg(test)]
mod tests {
    use monitor_core::alert::{Fact, Gap, Stamp};
    use monitor_core::time::Time;

    use super::{command, fact, gap};

    #[test]
    fn evidence_reads_as_a_sentence() {
        let text = r#"{"kind":"file_open","path":"/home/u/.ssh/id_rsa","via":"../x","op":"open_read","dev":1,"ino":2,"credential":"ssh_key"}"#;
        assert_eq!(
            fact(&serde_json::from_str::<Fact>(text).unwrap()),
            "opened for reading /home/u/.ssh/id_rsa, passed as ../x [credential: ssh_key]"
        );
        let text = r#"{"kind":"connect","op":"connect","proto":"tcp","address":"::1","port":443,"name":"a.example","role":"internet","result":"ok"}"#;
        assert_eq!(
            fact(&serde_json::from_str::<Fact>(text).unwrap()),
            "connected to [::1]:443 (a.example), tcp, internet: ok"
        );
        let text = r#"{"kind":"http_request","method":"PUT","host":"a.example","path":"/x","token":"fp:1","exchange":0,"tls":true}"#;
        assert_eq!(
            fact(&serde_json::from_str::<Fact>(text).unwrap()),
            "sent PUT /x to a.example inside TLS, with the token fp:1"
        );
    }

    #[test]
    fn a_gap_says_whether_it_lasts() {
        let from = Stamp(Time(1_700_000_000_000_000_000));
        let blind = Gap { sensor: "memory".into(), reason: "refused".into(), from, to: None, count: 0 };
        assert_eq!(gap(&blind), "the memory sensor is blind since 2023-11-14 22:13:20.000: refused");
        let lost = Gap { reason: "ring_full".into(), to: Some(from), count: 3, ..blind };
        assert!(gap(&lost).contains("faster than they were read (3), from"), "{}", gap(&lost));
    }

    #[test]
    fn arguments_stay_apart() {
        let argv = ["sh", "-c", "a b", "", "it's\n"].map(str::to_owned);
        assert_eq!(command(&argv), "sh -c 'a b' '' 'it'\\''s\\n'");
    }
}
