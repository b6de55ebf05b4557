//! Binary fields in network order, read from the front of a slice.

/// What is left of some bytes. Whatever is asked for and isn't there is `None`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u24(&mut self) -> Option<u32> {
        self.array().map(|[high, middle, low]| u32::from_be_bytes([0, high, middle, low]))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A number in one, two, four or eight bytes, of which the first two bits tell how many (RFC 9000 section 16).
    pub(crate) fn varint(&mut self) -> Option<u64> {
        match self.rest.first()? >> 6 {
            0 => self.u8().map(u64::from),
            1 => self.u16().map(|value| u64::from(value & 0x3fff)),
            2 => self.u32().map(|value| u64::from(value & 0x3fff_ffff)),
            _ => self.u64().map(|value| value & 0x3fff_ffff_ffff_ffff),
        }
    }

    /// A block behind its length in such a number.
    pub(crate) fn block(&mut self) -> Option<Self> {
        let length = self.varint()?;
        self.take(usize::try_from(length).ok()?).map(Self::new)
    }

    /// A block behind its length in one byte.
    pub(crate) fn block8(&mut self) -> Option<Self> {
        let length = self.u8()?;
        self.take(length.into()).map(Self::new)
    }

    /// A block behind its length in two bytes.
    pub(crate) fn block16(&mut self) -> Option<Self> {
        let length = self.u16()?;
        self.take(length.into()).map(Self::new)
    }

    /// All that is left as 16-bit numbers; `None` when half of one is left over.
    pub(crate) fn numbers(self) -> Option<Vec<u16>> {
        let (pairs, odd) = self.rest.as_chunks();
        odd.is_empty().then(|| pairs.iter().map(|&pair| u16::from_be_bytes(pair)).collect())
    }

    pub(crate) fn array<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        let (array, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*array)
    }
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn takes_what_is_there_and_nothing_else() {
        let mut cursor = Cursor::new(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 42, 0, 2, 9, 9]);
        assert_eq!(cursor.u8(), Some(1));
        assert_eq!(cursor.u16(), Some(0x0203));
        assert_eq!(cursor.u24(), Some(0x0004_0506));
        assert_eq!(cursor.u32(), Some(0x0708_090a));
        assert_eq!(cursor.block8().unwrap().rest(), [42]);
        assert_eq!(cursor.block16().unwrap().numbers(), Some(vec![0x0909]));
        assert!(cursor.is_empty());
        assert_eq!(cursor.u8(), None);
        assert_eq!(cursor.take(1), None);
        assert_eq!(cursor.take(0), Some(&[][..]));
        assert_eq!(Cursor::new(&[1, 2, 3]).numbers(), None);
        assert!(Cursor::new(&[4, 2, 3]).block8().is_none());
    }

    /// The examples of RFC 9000 appendix A.1.
    #[test]
    fn numbers_have_the_length_that_they_say() {
        let cases: [(&[u8], u64); 5] = [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
            (&[0x40, 0x25], 37),
        ];
        for (bytes, value) in cases {
            let mut cursor = Cursor::new(bytes);
            assert_eq!((cursor.varint(), cursor.is_empty()), (Some(value), true), "{bytes:x?}");
            for end in 0..bytes.len() {
                assert_eq!(Cursor::new(&bytes[..end]).varint(), None, "{bytes:x?} at {end}");
            }
        }
        assert_eq!(Cursor::new(&[0x40, 2, 7, 8, 9]).block().map(|block| block.rest()), Some(&[7, 8][..]));
        assert!(Cursor::new(&[3, 7, 8]).block().is_none());
    }
}
