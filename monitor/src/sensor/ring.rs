//! One BPF ring buffer, seen from its only reader: records are looked at where they lie, and leave when the reader says.
//!
//! Layout and protocol: kernel/bpf/ringbuf.c (5.8 and later). A page with the consumer's position, a page with the
//! producer's, then the data, mapped twice in a row so that no record is ever in two parts. A record is a header of eight
//! bytes, whose first four hold its length and two flags, and its bytes, rounded up to eight. Positions only ever grow.

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use aya::Ebpf;
use aya::maps::Map;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::unistd::{SysconfVar, sysconf};

use super::load::{SensorError, chain};

/// `BPF_RINGBUF_HDR_SZ` (include/uapi/linux/bpf.h).
const HEADER: usize = 8;
/// `BPF_RINGBUF_BUSY_BIT`: still being written.
const BUSY: u32 = 1 << 31;
/// `BPF_RINGBUF_DISCARD_BIT`: to be passed over.
const DISCARD: u32 = 1 << 30;
/// Freed bytes that aren't told of one by one: the producers read the word that this writes.
const TELL: usize = 64 << 10;

/// Where a record lies in its ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Position of its first byte.
    at: usize,
    /// Its length in bytes.
    len: u32,
}

impl Spot {
    /// Length of the record in bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.len as usize
    }

    /// Position after the record: everything before it may be freed once nothing there is needed.
    #[must_use]
    pub const fn end(self) -> usize {
        self.at.wrapping_add(self.len()).next_multiple_of(8)
    }
}

/// See the module documentation.
pub struct Ring {
    /// The map, for whoever waits for it.
    map: OwnedFd,
    /// The page that is ours.
    consumer: NonNull<AtomicUsize>,
    /// The page that is the kernel's, and the data behind it.
    producer: NonNull<AtomicUsize>,
    page: NonZeroUsize,
    size: usize,
    /// Where the next record begins that was not looked at.
    next: usize,
    /// Up to where it is free, and up to where the kernel knows.
    free: usize,
    told: usize,
}

impl Ring {
    /// Takes the ring of this name out of the loaded object. Once only.
    pub(super) fn take(ebpf: &mut Ebpf, name: &str) -> Result<Self, SensorError> {
        let wrong = |what: &str| SensorError::Object(format!("{name}: {what}"));
        let Some(Map::RingBuf(map)) = ebpf.take_map(name) else { return Err(wrong("no such ring")) };
        let size = map.info().map_err(|error| SensorError::Object(chain(&error)))?.max_entries() as usize;
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|size| usize::try_from(size).ok());
        let page = page.and_then(NonZeroUsize::new).ok_or_else(|| wrong("no page size"))?;
        let map_pages = |len: NonZeroUsize, access, offset: usize| {
            let offset = i64::try_from(offset).unwrap_or(i64::MAX);
            // SAFETY: a new mapping of this map, as the kernel allows it; it outlives the descriptor.
            unsafe { mmap(None, len, access, MapFlags::MAP_SHARED, map.fd().as_fd(), offset) }
                .map_err(|errno| wrong(&format!("cannot be mapped: {}", errno.desc())))
        };
        let consumer = map_pages(page, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, 0)?.cast::<AtomicUsize>();
        let all = page.saturating_add(2 * size);
        let producer = map_pages(all, ProtFlags::PROT_READ, page.get())?.cast::<AtomicUsize>();
        // SAFETY: just mapped; the kernel keeps the word there.
        let next = unsafe { consumer.as_ref() }.load(Ordering::Acquire);
        let map = map.fd().as_fd().try_clone_to_owned().map_err(|error| wrong(&error.to_string()))?;
        Ok(Self { map, consumer, producer, page, size, next, free: next, told: next })
    }

    /// The next record that was not looked at yet. It stays where it is until it is [freed](Self::free).
    pub fn next(&mut self) -> Option<Spot> {
        loop {
            // SAFETY: mapped as long as `self` lives.
            let produced = unsafe { self.producer.as_ref() }.load(Ordering::Acquire);
            if produced == self.next {
                return None;
            }
            // SAFETY: a header lies at every position between the two, aligned to eight bytes and within the first half.
            let word = unsafe { self.data(self.next).cast::<AtomicU32>().as_ref() }.load(Ordering::Acquire);
            if word & BUSY != 0 {
                return None;
            }
            let spot = Spot { at: self.next.wrapping_add(HEADER), len: word & !(BUSY | DISCARD) };
            self.next = spot.end();
            if word & DISCARD == 0 {
                return Some(spot);
            }
        }
    }

    /// Whether something was put into the ring that was not looked at: it may still be in the making.
    #[must_use]
    pub fn has_more(&self) -> bool {
        // SAFETY: mapped as long as `self` lives.
        unsafe { self.producer.as_ref() }.load(Ordering::SeqCst) != self.next
    }

    /// The bytes of a record that was found and not freed.
    #[must_use]
    pub fn record(&self, spot: Spot) -> &[u8] {
        // SAFETY: `next` found it, and nothing from the first position that isn't free is written to again. Its length is
        // at most the ring's, which is mapped twice in a row.
        unsafe { std::slice::from_raw_parts(self.data(spot.at).as_ptr(), spot.len()) }
    }

    /// Everything before `end` (of a [`Spot`]) is needed no more.
    pub fn free(&mut self, end: usize) {
        self.free = end;
        if end.wrapping_sub(self.told) >= TELL {
            self.tell();
        }
    }

    /// Everything that was looked at is needed no more.
    pub const fn free_all(&mut self) {
        self.free = self.next;
    }

    /// Tells the kernel what is free.
    pub fn tell(&mut self) {
        if self.told != self.free {
            self.told = self.free;
            // SAFETY: mapped as long as `self` lives. The kernel pairs this with an acquiring load.
            unsafe { self.consumer.as_ref() }.store(self.free, Ordering::Release);
        }
    }

    /// The byte at a position.
    const fn data(&self, position: usize) -> NonNull<u8> {
        let offset = self.page.get() + (position & (self.size - 1));
        // SAFETY: the size is a power of two, so this is within the mapping.
        unsafe { self.producer.cast::<u8>().add(offset) }
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: mapped in `take` with these lengths; nobody else has the pointers.
        unsafe {
            let _unmapped = munmap(self.consumer.cast(), self.page.get());
            let _unmapped = munmap(self.producer.cast(), self.page.get() + 2 * self.size);
        }
    }
}

// SAFETY: the pointers are to mappings that are this value's own; positions are atomic.
unsafe impl Send for Ring {}

#[cfg(test)]
pub mod tests {
    //! A ring in memory of our own, and a kernel that writes into it.

    use std::fs::File;
    use std::num::NonZeroUsize;
    use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

    use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

    use super::{BUSY, HEADER, Ring};

    const SIZE: usize = 64 << 10;
    const PAGE: usize = 4096;

    impl Ring {
        /// One without a kernel. Its second half isn't the first one again, so it is never to be filled.
        pub fn in_memory() -> Self {
            let map = |len: usize| {
                let len = NonZeroUsize::new(len).unwrap();
                // SAFETY: new memory that nobody else has.
                unsafe {
                    mmap_anonymous(None, len, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE)
                }
                .unwrap()
                .cast::<AtomicUsize>()
            };
            let fd = File::open("/dev/null").unwrap().into();
            let page = NonZeroUsize::new(PAGE).unwrap();
            let (consumer, producer) = (map(PAGE), map(PAGE + 2 * SIZE));
            Self { map: fd, consumer, producer, page, size: SIZE, next: 0, free: 0, told: 0 }
        }

        /// Reserves a record, as the kernel does; returns where.
        pub fn reserve(&mut self, bytes: &[u8]) -> usize {
            // SAFETY: mapped as long as `self` lives.
            let produced = unsafe { self.producer.as_ref() };
            let at = produced.load(Ordering::Relaxed);
            let end = at + (HEADER + bytes.len()).next_multiple_of(8);
            assert!(end <= SIZE);
            let word = u32::try_from(bytes.len()).unwrap() | BUSY;
            // SAFETY: within the mapping, and nobody reads it before the position is told.
            unsafe {
                self.data(at).cast::<AtomicU32>().as_ref().store(word, Ordering::Release);
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.data(at + HEADER).as_ptr(), bytes.len());
            }
            produced.store(end, Ordering::Release);
            at
        }

        /// That record is complete.
        pub fn submit(&mut self, at: usize) {
            // SAFETY: a header lies there.
            unsafe { self.data(at).cast::<AtomicU32>().as_ref() }.fetch_and(!BUSY, Ordering::Release);
        }
    }

    #[test]
    fn a_record_is_seen_when_it_is_complete_and_once() {
        let mut ring = Ring::in_memory();
        assert!(!ring.has_more());
        let (one, two) = (ring.reserve(b"one"), ring.reserve(b"second"));
        ring.submit(two);
        assert!(ring.next().is_none() && ring.has_more(), "the first is in the making");
        ring.submit(one);
        let seen = [ring.next().unwrap(), ring.next().unwrap()];
        assert_eq!(seen.map(|spot| ring.record(spot).to_vec()), [b"one".to_vec(), b"second".to_vec()]);
        assert!(ring.next().is_none() && !ring.has_more());
    }
}
