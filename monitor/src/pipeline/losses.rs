//! What is told of the sensors themselves: what they lost, and what they don't see.

use monitor_core::event::{Blind, Event, Kind, Loss};
use monitor_core::id::{ProcId, ServerId};
use monitor_core::time::Time;

use super::Pipeline;
use super::clock::boot_now;

impl Pipeline {
    /// A sensor serves nothing.
    pub fn blind(&mut self, sensor: &str, reason: &str) {
        let blind = Blind { sensor: sensor.to_owned(), reason: reason.to_owned() };
        self.event(Event { time: self.clock.now(), server: None, kind: Kind::Blind(blind) });
    }

    /// Something was lost since `from`.
    pub fn lost(&mut self, sensor: &str, reason: &str, from: Time, count: u64, caused_by: Option<ProcId>) {
        self.opens.lose(boot_now());
        let loss = Loss { sensor: sensor.to_owned(), reason: reason.to_owned(), from, count, caused_by };
        let server = caused_by.and_then(|proc| self.hosts.server_of(proc.pid));
        self.event(Event { time: self.clock.now().max(self.last), server, kind: Kind::Loss(loss) });
    }

    /// As [`Self::lost`], by the doing of a server's own processes. False, and nothing told, if there is no such server.
    pub fn lost_by(&mut self, id: ServerId, sensor: &str, reason: &str, from: Time, count: u64) -> bool {
        let Some(root) = self.engine.state().servers.get(id).map(|server| server.start.root) else { return false };
        self.opens.lose(boot_now());
        let loss = Loss { sensor: sensor.to_owned(), reason: reason.to_owned(), from, count, caused_by: Some(root) };
        self.event(Event { time: self.clock.now().max(self.last), server: Some(id), kind: Kind::Loss(loss) });
        true
    }

    /// A sensor doesn't see all that it should, though nothing that it saw was lost.
    pub fn left_out(&mut self, sensor: &str, reason: &str, count: u64) {
        let time = self.clock.now().max(self.last);
        let (sensor, reason) = (sensor.to_owned(), reason.to_owned());
        let loss = Loss { sensor, reason, from: time, count, caused_by: None };
        self.event(Event { time, server: None, kind: Kind::Loss(loss) });
    }
}
