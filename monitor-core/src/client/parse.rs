//! A client's configuration file to the servers that it names.
//!
//! The file may hold anything and be large (`~/.claude.json` keeps a history): it is walked once, what isn't asked for is
//! skipped and not kept, and a value of the wrong type is skipped too. Environment values are never taken.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::jsonc;
use super::places::Format;

/// Largest file that is worth reading, bytes.
pub const MAX_BYTES: usize = 16 << 20;
/// Most servers that one file may name.
const MAX_SERVERS: usize = 256;
/// Most project folders that one file may name.
const MAX_FOLDERS: usize = 256;
/// Most words of a command line, as in [`crate::event::Exec::argv`].
const MAX_WORDS: usize = 64;
/// Longest word, bytes; a longer one fits nothing.
const MAX_WORD: usize = 4096;
/// Longest name that is kept, characters.
const MAX_NAME: usize = 128;

/// A server as a client knows it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// The name that the client's user gave it; at most 128 characters, any of them.
    pub name: String,
    /// Program and arguments as written, `${…}` and all; empty for a remote server. Arguments may hold a secret.
    pub command: Vec<String>,
}

/// A name and a length: arguments may hold secrets, and what can be printed will be.
impl fmt::Debug for Declared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Declared({:?}, {} words)", self.name, self.command.len())
    }
}

/// What a file names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFile {
    /// Its servers, in order; at most 256.
    pub servers: Vec<Declared>,
    /// Folders of projects that it knows (`~/.claude.json`): they may have lists of their own. At most 256.
    pub folders: Vec<String>,
    /// It could be read to its end and nothing was left out.
    pub whole: bool,
}

/// Reads a file. Never fails: what was read before an error counts, and `whole` tells.
#[must_use]
pub fn parse(text: &str, format: Format) -> ClientFile {
    let mut file = ClientFile::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_BYTES {
        return file;
    }
    let read = match format {
        Format::Toml => toml::Deserializer::parse(text).is_ok_and(|toml| Document::read(&mut file, toml)),
        Format::Json => {
            let plain = Document::read(&mut file, &mut serde_json::Deserializer::from_str(text));
            plain || {
                file = ClientFile::default();
                Document::read(&mut file, &mut serde_json::Deserializer::from_str(&jsonc::plain(text)))
            }
        }
    };
    file.whole = read && file.servers.len() < MAX_SERVERS && file.folders.len() < MAX_FOLDERS;
    file
}

/// Everything that isn't asked for, of whatever type.
macro_rules! skip {
    ($($method:ident: $kind:ty),*) => { $(
        fn $method<E: Error>(self, _: $kind) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    )* };
}

macro_rules! skip_sequence {
    () => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Default::default())
        }
    };
}

macro_rules! skip_null {
    () => {
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    };
}

macro_rules! anything {
    () => {
        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("anything")
        }
    };
}

macro_rules! seed {
    ($kind:ident) => {
        impl<'de> DeserializeSeed<'de> for $kind<'_> {
            type Value = ();

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.deserialize_any(self)
            }
        }
    };
}

/// The file itself, or what it holds for one project.
struct Document<'a> {
    file: &'a mut ClientFile,
    /// Below `mcp` (opencode, VS Code, OpenClaw), where names of servers may stand too.
    nested: bool,
    /// Below `projects`.
    project: bool,
}

impl Document<'_> {
    fn read<'de, D: Deserializer<'de>>(file: &mut ClientFile, deserializer: D) -> bool {
        Document { file, nested: false, project: false }.deserialize(deserializer).is_ok()
    }
}

seed!(Document);

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    anything!();
    skip!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);
    skip_null!();
    skip_sequence!();

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { file, nested, project } = self;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "mcpServers" | "servers" | "context_servers" | "mcp_servers" | "amp.mcpServers" => {
                    map.next_value_seed(Servers { file })?;
                }
                "mcp" if !nested && !project => {
                    map.next_value_seed(Document { file, nested: true, project })?;
                }
                "projects" if !nested && !project => map.next_value_seed(Projects { file })?,
                _ if nested => map.next_value_seed(Server { file, name: &key })?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// `projects` of `~/.claude.json`: folder to what is configured for it.
struct Projects<'a> {
    file: &'a mut ClientFile,
}

seed!(Projects);

impl<'de> Visitor<'de> for Projects<'_> {
    type Value = ();

    anything!();
    skip!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);
    skip_null!();
    skip_sequence!();

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(folder) = map.next_key::<String>()? {
            if folder.starts_with('/') && folder.len() <= MAX_WORD && self.file.folders.len() < MAX_FOLDERS {
                self.file.folders.push(folder);
            }
            map.next_value_seed(Document { file: self.file, nested: false, project: true })?;
        }
        Ok(())
    }
}

/// Name to server.
struct Servers<'a> {
    file: &'a mut ClientFile,
}

seed!(Servers);

impl<'de> Visitor<'de> for Servers<'_> {
    type Value = ();

    anything!();
    skip!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);
    skip_null!();
    skip_sequence!();

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            map.next_value_seed(Server { file: self.file, name: &name })?;
        }
        Ok(())
    }
}

/// One server; what has neither a command nor an address is none.
struct Server<'a> {
    file: &'a mut ClientFile,
    name: &'a str,
}

seed!(Server);

impl<'de> Visitor<'de> for Server<'_> {
    type Value = ();

    anything!();
    skip!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);
    skip_null!();
    skip_sequence!();

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut command, mut arguments, mut remote) = (Vec::new(), Vec::new(), false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "command" => map.next_value_seed(Words(&mut command))?,
                "args" => map.next_value_seed(Words(&mut arguments))?,
                "url" | "serverUrl" | "httpUrl" => {
                    remote = true;
                    map.next_value::<IgnoredAny>()?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if (command.is_empty() && !remote) || self.file.servers.len() >= MAX_SERVERS {
            return Ok(());
        }
        if !command.is_empty() {
            command.append(&mut arguments);
            command.truncate(MAX_WORDS);
        }
        self.file.servers.push(Declared { name: self.name.chars().take(MAX_NAME).collect(), command });
        Ok(())
    }
}

/// Words of a command line: one, a list, or Zed's `{ path, args }`.
struct Words<'a>(&'a mut Vec<String>);

impl Words<'_> {
    fn push(self, word: String) {
        if self.0.len() < MAX_WORDS {
            // a cut word would fit what it isn't
            self.0.push(if word.len() > MAX_WORD { String::from("\0") } else { word });
        }
    }
}

seed!(Words);

impl<'de> Visitor<'de> for Words<'_> {
    type Value = ();

    anything!();
    skip_null!();

    fn visit_str<E: Error>(self, word: &str) -> Result<(), E> {
        self.push(word.to_owned());
        Ok(())
    }

    fn visit_bool<E: Error>(self, word: bool) -> Result<(), E> {
        self.push(word.to_string());
        Ok(())
    }

    fn visit_i64<E: Error>(self, word: i64) -> Result<(), E> {
        self.push(word.to_string());
        Ok(())
    }

    fn visit_u64<E: Error>(self, word: u64) -> Result<(), E> {
        self.push(word.to_string());
        Ok(())
    }

    fn visit_f64<E: Error>(self, word: f64) -> Result<(), E> {
        self.push(word.to_string());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Words(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut arguments = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "path" | "command" => map.next_value_seed(Words(self.0))?,
                "args" => map.next_value_seed(Words(&mut arguments))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        self.0.append(&mut arguments);
        self.0.truncate(MAX_WORDS);
        Ok(())
    }
}
