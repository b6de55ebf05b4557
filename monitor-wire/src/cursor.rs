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
}
