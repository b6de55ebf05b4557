//! Where functions are in an ELF file (64-bit, little-endian: every machine that Tripline runs on).
//!
//! The file may be anybody's: what it says of itself is checked and bounded, and read in pieces, so that a program of a
//! hundred megabytes takes no more memory than a small one. Nothing is mapped: its owner could cut it meanwhile.

use std::io;

use memchr::memmem;

/// Bytes that are read at a time.
const PIECE: usize = 64 << 10;
/// Longest table that is searched; node's are some ten megabytes. Of a file four are read at most.
const MAX_TABLE: u64 = 64 << 20;
/// Most sections and segments that are looked at.
const MAX_HEADERS: u16 = 1024;
/// Most places of its string table at which a name is looked for.
const MAX_PLACES: usize = 64;

/// Reads at a place, as `pread(2)` does: all that was asked for, or an error.
pub trait ReadAt {
    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// Whatever the file says; `UnexpectedEof` beyond its end.
    fn fill(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for std::fs::File {
    fn fill(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }
}

/// Offsets in the file of the functions of these names, in their order; `None` for one that is not defined there. Symbols
/// for linking come first, then those for debugging.
///
/// # Errors
/// If it is no such ELF file, or says of itself what can't be.
pub fn functions(file: &impl ReadAt, names: &[&str]) -> io::Result<Vec<Option<u64>>> {
    let head = Head::read(file)?;
    let mut found = vec![None; names.len()];
    for kind in [SHT_DYNSYM, SHT_SYMTAB] {
        // a file has one of each at most
        if let Some(table) = head.sections.iter().find(|section| section.kind == kind)
            && let Some(strings) = head.sections.get(table.link as usize)
        {
            let places = places(file, strings, names)?;
            if places.iter().any(|places| !places.is_empty()) {
                head.search(file, table, &places, &mut found)?;
            }
        }
        // What is for linking is enough: symbols for debugging are many more.
        if found.iter().any(Option::is_some) {
            break;
        }
    }
    Ok(found)
}

const SHT_SYMTAB: u32 = 2;
const SHT_DYNSYM: u32 = 11;
const PT_LOAD: u32 = 1;
const STT_FUNC: u8 = 2;
/// Bytes of an `Elf64_Sym`.
const SYMBOL: usize = 24;

/// What of the headers matters (`Elf64_Ehdr`, elf.h).
struct Head {
    sections: Vec<Section>,
    segments: Vec<Segment>,
}

/// `Elf64_Shdr`.
struct Section {
    kind: u32,
    link: u32,
    offset: u64,
    size: u64,
}

/// A `PT_LOAD` of `Elf64_Phdr`.
struct Segment {
    offset: u64,
    address: u64,
    size: u64,
}

impl Head {
    fn read(file: &impl ReadAt) -> io::Result<Self> {
        let mut head = [0; 64];
        file.fill(&mut head, 0)?;
        // class 2: 64-bit; data 1: little-endian
        if !head.starts_with(b"\x7fELF\x02\x01") {
            return Err(wrong("it is no 64-bit ELF file"));
        }
        let sections = table(file, long(&head, 40), short(&head, 58), short(&head, 60), 64)?;
        let sections = sections.chunks_exact(64).map(|entry| Section {
            kind: word(entry, 4),
            link: word(entry, 40),
            offset: long(entry, 24),
            size: long(entry, 32),
        });
        let segments = table(file, long(&head, 32), short(&head, 54), short(&head, 56), 56)?;
        let segments = segments.chunks_exact(56).filter(|entry| word(entry, 0) == PT_LOAD).map(|entry| Segment {
            offset: long(entry, 8),
            address: long(entry, 16),
            size: long(entry, 32),
        });
        Ok(Self { sections: sections.collect(), segments: segments.collect() })
    }

    /// Goes through a table of symbols (`Elf64_Sym`) for those whose names are at these places.
    fn search(
        &self,
        file: &impl ReadAt,
        table: &Section,
        places: &[Vec<u32>],
        found: &mut [Option<u64>],
    ) -> io::Result<()> {
        pieces(file, table, SYMBOL, |_, piece| {
            for symbol in piece.chunks_exact(SYMBOL) {
                // name (0), info (4), section (6), value (8)
                let (name, info, section) = (word(symbol, 0), symbol.get(4).copied().unwrap_or(0), short(symbol, 6));
                if info & 0xf != STT_FUNC || section == 0 {
                    continue;
                }
                for (places, found) in places.iter().zip(found.iter_mut()) {
                    if found.is_none() && places.contains(&name) {
                        *found = self.offset(long(symbol, 8));
                    }
                }
            }
        })
    }

    /// Where the byte at an address is in the file.
    fn offset(&self, address: u64) -> Option<u64> {
        let holds =
            |segment: &&Segment| address.checked_sub(segment.address).is_some_and(|within| within < segment.size);
        let segment = self.segments.iter().find(holds)?;
        segment.offset.checked_add(address - segment.address)
    }
}

/// Where in a string table each name ends one of its strings: tables share ends, so that what stands before it says
/// nothing.
fn places(file: &impl ReadAt, strings: &Section, names: &[&str]) -> io::Result<Vec<Vec<u32>>> {
    let wanted: Vec<Vec<u8>> = names.iter().map(|name| [name.as_bytes(), b"\0"].concat()).collect();
    let finders: Vec<memmem::Finder<'_>> = wanted.iter().map(memmem::Finder::new).collect();
    let longest = wanted.iter().map(Vec::len).max().unwrap_or(0);
    let mut places = vec![Vec::new(); names.len()];
    let mut kept: Vec<u8> = Vec::new();
    pieces(file, strings, 1, |at, piece| {
        // A name may lie over the border of two pieces; none is found twice.
        let before = kept.len();
        let start = at - before as u64;
        kept.extend_from_slice(piece);
        for (finder, places) in finders.iter().zip(&mut places) {
            for place in finder.find_iter(&kept).filter(|place| place + finder.needle().len() > before) {
                if let (Ok(place), true) = (u32::try_from(start + place as u64), places.len() < MAX_PLACES) {
                    places.push(place);
                }
            }
        }
        kept.drain(..kept.len().saturating_sub(longest.saturating_sub(1)));
    })?;
    Ok(places)
}

/// Hands out a section in whole entries of `entry` bytes, with the place of each piece in it.
fn pieces(file: &impl ReadAt, section: &Section, entry: usize, mut each: impl FnMut(u64, &[u8])) -> io::Result<()> {
    if section.size > MAX_TABLE {
        return Err(wrong("one of its tables is too long"));
    }
    let mut buffer = vec![0; PIECE / entry * entry];
    let mut at = 0;
    while at < section.size {
        let len = (section.size - at).min(buffer.len() as u64);
        let piece = &mut buffer[..len as usize];
        let offset = section.offset.checked_add(at).ok_or_else(|| wrong("a table lies beyond all files"))?;
        file.fill(piece, offset)?;
        each(at, piece);
        at += len;
    }
    Ok(())
}

/// A table of headers.
fn table(file: &impl ReadAt, offset: u64, entry: u16, count: u16, expected: u16) -> io::Result<Vec<u8>> {
    if count == 0 || offset == 0 {
        return Ok(Vec::new());
    }
    if entry != expected || count > MAX_HEADERS {
        return Err(wrong("its headers are not those of a 64-bit ELF file"));
    }
    let mut bytes = vec![0; usize::from(entry) * usize::from(count)];
    file.fill(&mut bytes, offset)?;
    Ok(bytes)
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::process::Command;

    use super::functions;

    #[test]
    fn a_real_library_s_functions_are_where_readelf_says() {
        // The C library of whatever runs this test, by its own name for itself.
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let path = maps.lines().filter_map(|line| line.split_whitespace().nth(5)).find(|path| path.contains("libc.so"));
        let path = path.unwrap().to_owned();
        let found = functions(&File::open(&path).unwrap(), &["getpid", "no_such_function", "strlen_not"]).unwrap();
        assert!(found[0].is_some() && found[1].is_none() && found[2].is_none(), "{found:?}");
        // binutils come with gcc, which the build needs
        let output = Command::new("readelf").args(["--dyn-syms", "-W", &path]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find(|line| line.contains(" getpid@")).unwrap();
        let value = u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap();
        // a shared library's text is mapped at its own offset, or a page of alignment further
        assert_eq!(found[0].unwrap() & 0xfff, value & 0xfff, "{line}");
    }

    #[test]
    fn what_is_no_elf_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for text in ["", "#!/bin/sh\n", "\x7fELF"] {
            std::fs::write(&path, text).unwrap();
            assert!(functions(&File::open(&path).unwrap(), &["SSL_read"]).is_err(), "{text:?}");
        }
    }

    /// A small library: `SSL_read` at address 0x1010 of a segment that lies at 0x200 in the file.
    fn library() -> Vec<u8> {
        let mut file = vec![0; 0x400];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"\x7fELF\x02\x01\x01");
        put(32, &64_u64.to_le_bytes()); // segments
        put(40, &0x300_u64.to_le_bytes()); // sections
        put(54, &56_u16.to_le_bytes());
        put(56, &1_u16.to_le_bytes());
        put(58, &64_u16.to_le_bytes());
        put(60, &3_u16.to_le_bytes());
        // a loaded segment: kind, offset, address, size in the file
        put(64, &1_u32.to_le_bytes());
        put(72, &0x200_u64.to_le_bytes());
        put(80, &0x1000_u64.to_le_bytes());
        put(96, &0x100_u64.to_le_bytes());
        // two symbols, of which the second is a function of section 1
        put(0x100 + 24, &8_u32.to_le_bytes());
        put(0x100 + 28, &[0x12, 0, 1, 0]);
        put(0x100 + 32, &0x1010_u64.to_le_bytes());
        put(0x140, b"\0unused_SSL_read\0");
        // sections: symbols for linking, with their strings in section 2
        put(0x340 + 4, &11_u32.to_le_bytes());
        put(0x340 + 24, &0x100_u64.to_le_bytes());
        put(0x340 + 32, &48_u64.to_le_bytes());
        put(0x340 + 40, &2_u32.to_le_bytes());
        put(0x380 + 4, &3_u32.to_le_bytes());
        put(0x380 + 24, &0x140_u64.to_le_bytes());
        put(0x380 + 32, &17_u64.to_le_bytes());
        file
    }

    impl super::ReadAt for Vec<u8> {
        fn fill(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
            let from = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)?.get(..buffer.len()));
            buffer.copy_from_slice(from.ok_or(std::io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }
    }

    #[test]
    fn a_name_is_the_end_of_a_string_and_an_address_lies_in_a_segment() {
        assert_eq!(functions(&library(), &["SSL_read", "read", "SSL_rea"]).unwrap(), [Some(0x210), None, None]);
    }

    /// Every byte of it, in turn, is something else: whatever comes of it, it comes in bounded time, and without a panic.
    #[test]
    fn whatever_a_file_says_of_itself_is_survived() {
        let library = library();
        let (mut same, mut other, mut refused) = (0, 0, 0);
        for at in 0..library.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = library.clone();
                bytes[at] = value;
                match functions(&bytes, &["SSL_read"]) {
                    Ok(found) if found == [Some(0x210)] => same += 1,
                    Ok(_) => other += 1,
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(same > 0 && other > 0 && refused > 0, "{same} {other} {refused}");
    }
}
