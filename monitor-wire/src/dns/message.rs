//! One message: its question, and what the answer section says of that (RFC 1035 section 4.1).

use std::net::IpAddr;

use super::name::Name;
use super::record::{A, AAAA, Data, HTTPS, IN, Record, SVCB, Service};
use super::{Answer, Reject, words};
use crate::cursor::Cursor;
use crate::limits;

/// Bytes of a header.
const HEADER: usize = 12;
/// Asks for every type, or every class (RFC 1035 sections 3.2.3 and 3.2.5).
const ANY: u16 = 255;

/// Reads one message, a question or an answer.
pub fn parse(message: &[u8]) -> Result<Answer, Reject> {
    if message.len() > limits::DNS_MESSAGE {
        return Err(Reject::TooLong);
    }
    let mut header = Cursor::new(message);
    let mut number = || header.u16().ok_or(Reject::Malformed);
    let (id, flags, questions, records) = (number()?, number()?, number()?, number()?);
    if flags >> 11 & 15 != 0 {
        return Err(Reject::Opcode);
    }
    if questions != 1 {
        return Err(Reject::Questions);
    }
    let (name, kind, class, at) = question(message).ok_or(Reject::Malformed)?;
    let answer = flags >> 15 == 1;
    let mut chain = Chain {
        kind,
        answer: Answer {
            id,
            name: name.text(),
            of: words::of(kind),
            answer,
            rcode: String::new(),
            aliases: Vec::new(),
            addresses: Vec::new(),
            ttl: 0,
            cut: false,
        },
        ttl: None,
        names: Vec::new(),
    };
    if answer {
        let truncated = flags >> 9 & 1 == 1;
        chain.answer.rcode = words::rcode(flags & 15);
        let records = answers(message, at, records, truncated).ok_or(Reject::Malformed)?;
        // Other classes have names of their own (RFC 1035 section 3.2.4).
        if class == IN || class == ANY {
            chain.follow(name, &records);
        }
        chain.answer.cut |= truncated;
        chain.answer.ttl = chain.ttl.unwrap_or(0);
    }
    Ok(chain.answer)
}

/// Name, type and class of the question, and where the answers begin.
fn question(message: &[u8]) -> Option<(Name, u16, u16, usize)> {
    let (name, at) = Name::read(message, HEADER)?;
    let mut cursor = Cursor::new(message.get(at..)?);
    let (kind, class) = (cursor.u16()?, cursor.u16()?);
    Some((name, kind, class, at.checked_add(4)?))
}

/// The answer section. A server that truncates may do so in the middle of a record.
fn answers(message: &[u8], mut at: usize, count: u16, truncated: bool) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    for _ in 0..count {
        let Some((record, end)) = Record::read(message, at) else {
            return truncated.then_some(records);
        };
        records.push(record);
        at = end;
    }
    Some(records)
}

/// The names from the question's on, one standing for the next, and what is said of them.
struct Chain {
    /// Type asked for.
    kind: u16,
    answer: Answer,
    ttl: Option<u32>,
    /// All of them, the question's first.
    names: Vec<Name>,
}

impl Chain {
    /// Records come in any order, so each step looks through all of them.
    fn follow(&mut self, name: Name, records: &[Record]) {
        self.names.push(name.clone());
        let mut name = name;
        loop {
            self.collect(&name, records);
            let Some((next, ttl)) = self.next(&name, records) else { return };
            self.least(ttl);
            if !self.add_name(&next) {
                return;
            }
            name = next;
        }
    }

    /// What is said of the name itself.
    fn collect(&mut self, name: &Name, records: &[Record]) {
        let of_name = || records.iter().filter(|record| record.owner == *name);
        let of_services = || of_name().filter(|record| self.wants(record.kind));
        // Where there is an alias, the services beside it don't count (RFC 9460 section 2.4.1).
        let aliased = of_services().any(|record| matches!(&record.data, Data::Service(Service { alias: true, .. })));
        for record in of_name() {
            match &record.data {
                Data::Address(address) if self.wants(record.kind) => {
                    self.least(record.ttl);
                    self.add_address(*address);
                }
                Data::Service(service) if self.wants(record.kind) && !aliased => {
                    self.least(record.ttl);
                    service.hints.iter().for_each(|hint| self.add_address(*hint));
                    // The root stands for the owner (RFC 9460 section 2.5.2).
                    if !service.target.is_root() {
                        self.add_name(&service.target);
                    }
                }
                Data::Broken => self.answer.cut = true,
                _ => {}
            }
        }
    }

    /// The name that this one stands for.
    fn next(&self, name: &Name, records: &[Record]) -> Option<(Name, u32)> {
        let alias = records.iter().filter(|record| record.owner == *name).find_map(|record| match &record.data {
            Data::Alias(target) => Some((target.clone(), record.ttl)),
            Data::Service(Service { alias: true, target, .. }) if self.wants(record.kind) && !target.is_root() => {
                Some((target.clone(), record.ttl))
            }
            _ => None,
        });
        // Servers write out the alias that a DNAME makes, but needn't have (RFC 6672 section 3.1).
        alias.or_else(|| {
            records.iter().find_map(|record| match &record.data {
                Data::Subtree(target) => name.moved(&record.owner, target).map(|name| (name, record.ttl)),
                _ => None,
            })
        })
    }

    /// Clients take no address of a type that they didn't ask for.
    fn wants(&self, kind: u16) -> bool {
        self.kind == kind || (self.kind == ANY && [A, AAAA, SVCB, HTTPS].contains(&kind))
    }

    fn least(&mut self, ttl: u32) {
        self.ttl = Some(self.ttl.map_or(ttl, |least| least.min(ttl)));
    }

    /// False if it was there already, or there is no room for it.
    fn add_name(&mut self, name: &Name) -> bool {
        if self.names.contains(name) {
            return false;
        }
        if self.answer.aliases.len() == limits::DNS_ALIASES {
            self.answer.cut = true;
            return false;
        }
        self.answer.aliases.push(name.text());
        self.names.push(name.clone());
        true
    }

    fn add_address(&mut self, address: IpAddr) {
        if self.answer.addresses.contains(&address) {
            return;
        }
        if self.answer.addresses.len() == limits::DNS_ADDRESSES {
            self.answer.cut = true;
            return;
        }
        self.answer.addresses.push(address);
    }
}
