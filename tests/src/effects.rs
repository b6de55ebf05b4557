//! One watched server whose tools are deeds, and the events that the sensors made of them.

use crate::peer::{BOUND, Peer, Transport};
use crate::place::Place;
use crate::{process, subject, wait};
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

/// The server, its client (this process), and its folder.
pub struct Watched {
    /// Its folder: the home, scratch space, events.
    pub place: Place,
    /// Its PID, which `tripline exec` passed on to it.
    pub pid: u32,
    /// Its client's side.
    pub peer: Peer,
}

impl Watched {
    /// Starts `server` by `tripline exec` and shakes hands.
    pub fn start(name: &str, server: &Path, transport: Transport) -> Result<Watched> {
        Self::start_in(Place::new(name)?, server, transport)
    }

    /// The same in a folder that is there already.
    pub fn start_in(place: Place, server: &Path, transport: Transport) -> Result<Watched> {
        let mut command = Command::new(subject::tripline()?);
        command.arg("exec").arg("--config").arg(place.config());
        command.arg("--events").arg(place.events()).arg("--alerts").arg(place.alerts()).arg("--").arg(server);
        command.env("HOME", place.home()).current_dir(place.home()).stderr(File::create(place.stderr())?);
        let mut peer = Peer::start(command, transport)?;
        peer.greet().with_context(|| {
            let said = fs::read_to_string(place.stderr()).unwrap_or_default();
            format!("the server did not start; it said: {}", said.trim())
        })?;
        Ok(Watched { place, pid: peer.pid, peer })
    }

    /// Has the server do a deed; answers the number of the request. Fails if the deed failed.
    pub fn call(&mut self, deed: &str, arguments: Value) -> Result<u64> {
        self.peer.call(deed, arguments)
    }

    /// A path in the scratch folder, as text.
    pub fn scratch(&self, name: &str) -> String {
        self.place.path("scratch").join(name).to_string_lossy().into_owned()
    }

    /// A fresh file in the scratch folder.
    pub fn file(&self, name: &str) -> Result<String> {
        let path = self.scratch(name);
        fs::write(&path, "content\n")?;
        Ok(path)
    }

    /// Waits for an event that has every one of these fields.
    pub fn expect(&self, wanted: &Value) -> Result<Value> {
        expect(&self.place, wanted)
    }

    /// Every event so far.
    pub fn events(&self) -> Vec<Value> {
        events(&self.place)
    }

    /// Lets the server go, and its folder.
    pub fn end(mut self) -> Result<()> {
        self.peer.close()?;
        process::settle(&[], BOUND)?;
        self.place.passed();
        Ok(())
    }
}

/// Waits for an event in a place's `--events` file that has every one of these fields.
pub fn expect(place: &Place, wanted: &Value) -> Result<Value> {
    let mut seen = Vec::new();
    let found = wait::until(&format!("an event with {wanted}"), BOUND, || {
        seen = events(place);
        seen.iter().find(|event| holds(event, wanted)).cloned()
    });
    found.with_context(|| {
        let kind = &wanted["kind"];
        let alike: Vec<String> = seen.iter().filter(|event| event["kind"] == *kind).map(Value::to_string).collect();
        let from = alike.len().saturating_sub(12);
        format!("the last events of that kind:\n  {}", alike[from..].join("\n  "))
    })
}

/// Every event of a place so far.
pub fn events(place: &Place) -> Vec<Value> {
    let text = fs::read_to_string(place.events()).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Whether a value has all that another has; lists and text must be equal.
pub fn holds(value: &Value, wanted: &Value) -> bool {
    match wanted {
        Value::Object(fields) => fields.iter().all(|(name, field)| holds(&value[name], field)),
        other => value == other,
    }
}
