//! HPACK (RFC 7541), the decoder: header blocks become fields.

mod huffman;
mod table;

use std::borrow::Cow;

use self::table::Table;
use crate::http::head::Reason;
use crate::limits;

/// Most bytes of an integer behind its first (RFC 7541 section 5.1): 2³² takes no more.
const INTEGER: usize = 5;

/// A string: in the block as it is, or decoded.
type Text<'a> = Cow<'a, [u8]>;

/// The state of one direction. Header blocks must come in order, none left out.
pub(super) struct Decoder {
    table: Table,
}

/// Where in a block its decoder is.
struct Block<'a> {
    rest: &'a [u8],
}

impl Decoder {
    pub(super) const fn new() -> Self {
        Self { table: Table::new() }
    }

    /// Gives each field of a whole block to `each`, name and value. What isn't indexed, or must never be, is a field
    /// like any other. After an error the state is lost.
    pub(super) fn decode(&mut self, block: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), Reason> {
        let mut block = Block { rest: block };
        let mut list: usize = 0;
        let mut field = |name: &[u8], value: &[u8]| {
            // A byte of the block may stand for a whole entry.
            list = list.saturating_add(table::size(name, value));
            if list > limits::HPACK_LIST {
                return Err(Reason::TooLong);
            }
            each(name, value);
            Ok(())
        };
        while let Some(&first) = block.rest.first() {
            match first {
                0x80.. => {
                    let index = block.integer(7).ok_or(Reason::Malformed)?;
                    let (name, value) = self.table.get(index).ok_or(Reason::Malformed)?;
                    field(name, value)?;
                }
                0x40.. => {
                    let (name, value) = self.literal(&mut block, 6).ok_or(Reason::Malformed)?;
                    field(&name, &value)?;
                    let name = name.into_owned();
                    self.table.insert(&name, &value);
                }
                0x20.. => {
                    let most = block.integer(5).ok_or(Reason::Malformed)?;
                    if !self.table.resize(most) {
                        return Err(Reason::TooLong);
                    }
                }
                _ => {
                    let (name, value) = self.literal(&mut block, 4).ok_or(Reason::Malformed)?;
                    field(&name, &value)?;
                }
            }
        }
        Ok(())
    }

    /// A field of which at most the name is in the table (RFC 7541 section 6.2).
    fn literal<'table, 'block: 'table>(
        &'table self,
        block: &mut Block<'block>,
        prefix: u32,
    ) -> Option<(Text<'table>, Text<'block>)> {
        let name = match block.integer(prefix)? {
            0 => block.string()?,
            index => Cow::Borrowed(self.table.get(index)?.0),
        };
        Some((name, block.string()?))
    }
}

impl<'a> Block<'a> {
    /// An integer that begins in the last `prefix` bits of a byte (RFC 7541 section 5.1).
    fn integer(&mut self, prefix: u32) -> Option<usize> {
        let mask = 0xff_u8.unbounded_shr(8_u32.saturating_sub(prefix));
        let (&first, mut rest) = self.rest.split_first()?;
        let mut value = u64::from(first & mask);
        if first & mask == mask {
            let mut shift = 0;
            for _ in 0..INTEGER {
                let (&byte, tail) = rest.split_first()?;
                rest = tail;
                value = value.checked_add(u64::from(byte & 0x7f).checked_shl(shift)?)?;
                shift = shift.saturating_add(7);
                if byte & 0x80 == 0 {
                    self.rest = rest;
                    return u32::try_from(value).ok()?.try_into().ok();
                }
            }
            return None;
        }
        self.rest = rest;
        value.try_into().ok()
    }

    /// A string (RFC 7541 section 5.2).
    fn string(&mut self) -> Option<Text<'a>> {
        let coded = self.rest.first()? & 0x80 != 0;
        let length = self.integer(7)?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        if coded { huffman::decode(text).map(Cow::Owned) } else { Some(Cow::Borrowed(text)) }
    }
}

#[cfg(test)]
mod tests;
