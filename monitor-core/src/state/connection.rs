//! Open connections: what is needed to judge them again at their end.

use crate::event::Net;
use crate::explain::Explained;
use crate::id::ServerId;
use crate::time::Time;

/// A connection of a watched process.
#[derive(Debug)]
pub struct Connection {
    /// How it was made.
    pub net: Net,
    /// The server it belongs to.
    pub server: ServerId,
    /// When it was made.
    pub opened: Time,
    /// What explained it then.
    pub explained: Explained,
    /// A datagram socket that only had its default destination set: nothing was sent yet, as when the resolver sorts
    /// addresses.
    pub silent: bool,
    /// It is known to have been made, or to have failed.
    pub settled: bool,
    /// Bytes sent that were judged already.
    pub sent: u64,
}
