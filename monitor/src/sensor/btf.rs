//! Field offsets from the running kernel's type information.
//!
//! A reader for just this question: `aya_obj` keeps its queries private, and the crates that answer any question build
//! 150 000 owned types for it. Format: `Documentation/bpf/btf.rst`; the input is the kernel's own, but lengths are
//! checked all the same.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use thiserror::Error;

/// Where the kernel shows its own type information.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xeb9f;
const KIND_INT: u32 = 1;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_TYPEDEF: u32 = 8;
const KIND_VOLATILE: u32 = 9;
const KIND_CONST: u32 = 10;
const KIND_FUNC: u32 = 12;
const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_DECL_TAG: u32 = 17;
const KIND_ENUM64: u32 = 19;
/// How deep anonymous structs and unions are followed.
const NESTING: u32 = 8;

/// Why a field's offset can't be had.
#[derive(Debug, Error)]
pub enum BtfError {
    /// The kernel shows no type information.
    #[error("cannot read {VMLINUX}: {0}; this kernel was built without CONFIG_DEBUG_INFO_BTF, which Tripline needs")]
    Absent(std::io::Error),
    /// The bytes aren't BTF as documented.
    #[error("{VMLINUX} is malformed at byte {0}")]
    Malformed(usize),
    /// No such struct.
    #[error("this kernel has no struct {0}")]
    NoStruct(String),
    /// No such field.
    #[error("struct {0} of this kernel has no field {1}")]
    NoField(String, String),
}

/// The kernel's types, indexed by struct name.
pub struct Btf {
    data: Vec<u8>,
    strings: usize,
    /// Position of each type, by id; id 0 is void.
    types: Vec<u32>,
    structs: HashMap<String, u32>,
    functions: std::collections::HashSet<String>,
}

impl Btf {
    /// Reads the running kernel's types.
    pub fn kernel() -> Result<Self, BtfError> {
        Self::read(Path::new(VMLINUX))
    }

    /// Reads a BTF file.
    pub fn read(path: &Path) -> Result<Self, BtfError> {
        Self::parse(fs::read(path).map_err(BtfError::Absent)?)
    }

    /// Whether the kernel has a function (or BTF tracepoint typedef) of this name.
    #[must_use]
    pub fn has_function(&self, name: &str) -> bool {
        self.functions.contains(name)
    }

    /// Byte offset of `field` (a path such as `__sk_common.skc_family`) in `struct name`.
    pub fn offset(&self, name: &str, field: &str) -> Result<u32, BtfError> {
        let id = *self.structs.get(name).ok_or_else(|| BtfError::NoStruct(name.to_owned()))?;
        let missing = || BtfError::NoField(name.to_owned(), field.to_owned());
        let mut at = id;
        let mut offset = 0;
        for part in field.split('.') {
            let (bits, next) = self.member(at, part, 0)?.ok_or_else(missing)?;
            offset += bits / 8;
            at = next;
        }
        Ok(offset)
    }

    fn parse(data: Vec<u8>) -> Result<Self, BtfError> {
        let mut btf = Self {
            data,
            strings: 0,
            types: vec![0],
            structs: HashMap::new(),
            functions: std::collections::HashSet::new(),
        };
        if btf.u16(0)? != MAGIC {
            return Err(BtfError::Malformed(0));
        }
        let header = btf.u32(4)? as usize;
        let types = header + btf.u32(8)? as usize;
        let types_end = types + btf.u32(12)? as usize;
        btf.strings = header + btf.u32(16)? as usize;
        let mut at = types;
        while at < types_end {
            let info = btf.u32(at + 4)?;
            let (kind, vlen) = ((info >> 24) & 0x1f, (info & 0xffff) as usize);
            let id = u32::try_from(btf.types.len()).map_err(|_| BtfError::Malformed(at))?;
            btf.types.push(u32::try_from(at).map_err(|_| BtfError::Malformed(at))?);
            if matches!(kind, KIND_STRUCT | KIND_FUNC | KIND_TYPEDEF) {
                let name = btf.string(btf.u32(at)?)?.to_owned();
                if kind == KIND_STRUCT {
                    // The first of a name wins: later ones are other drivers' private structs.
                    btf.structs.entry(name).or_insert(id);
                } else if kind == KIND_FUNC || name.starts_with("btf_trace_") {
                    btf.functions.insert(name);
                }
            }
            at += 12 + tail(kind, vlen);
        }
        Ok(btf)
    }

    /// Offset in bits and type of a member, looked for in anonymous members too.
    fn member(&self, id: u32, name: &str, depth: u32) -> Result<Option<(u32, u32)>, BtfError> {
        let id = self.strip(id)?;
        let at = self.position(id)?;
        let info = self.u32(at + 4)?;
        let kind = (info >> 24) & 0x1f;
        if !matches!(kind, KIND_STRUCT | KIND_UNION) || depth > NESTING {
            return Ok(None);
        }
        for n in 0..(info & 0xffff) as usize {
            let member = at + 12 + n * 12;
            let (label, inner, raw) = (self.u32(member)?, self.u32(member + 4)?, self.u32(member + 8)?);
            // kind_flag: the upper 8 bits are a bitfield's size
            let bits = if info >> 31 == 1 { raw & 0x00ff_ffff } else { raw };
            let label = self.string(label)?;
            if label == name {
                return Ok(Some((bits, inner)));
            }
            if label.is_empty()
                && let Some((inside, found)) = self.member(inner, name, depth + 1)?
            {
                return Ok(Some((bits + inside, found)));
            }
        }
        Ok(None)
    }

    /// Follows typedefs and qualifiers.
    fn strip(&self, mut id: u32) -> Result<u32, BtfError> {
        for _ in 0..32 {
            let at = self.position(id)?;
            match (self.u32(at + 4)? >> 24) & 0x1f {
                KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST => id = self.u32(at + 8)?,
                _ => return Ok(id),
            }
        }
        Ok(id)
    }

    fn position(&self, id: u32) -> Result<usize, BtfError> {
        match self.types.get(id as usize) {
            Some(&at) if id != 0 => Ok(at as usize),
            _ => Err(BtfError::Malformed(id as usize)),
        }
    }

    fn string(&self, offset: u32) -> Result<&str, BtfError> {
        let start = self.strings + offset as usize;
        let bytes = self.data.get(start..).ok_or(BtfError::Malformed(start))?;
        let len = bytes.iter().position(|byte| *byte == 0).ok_or(BtfError::Malformed(start))?;
        std::str::from_utf8(&bytes[..len]).map_err(|_| BtfError::Malformed(start))
    }

    fn u16(&self, at: usize) -> Result<u16, BtfError> {
        let bytes = self.data.get(at..at + 2).ok_or(BtfError::Malformed(at))?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&self, at: usize) -> Result<u32, BtfError> {
        let bytes = self.data.get(at..at + 4).ok_or(BtfError::Malformed(at))?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}

/// Bytes that follow the 12 common ones of a type.
const fn tail(kind: u32, vlen: usize) -> usize {
    match kind {
        KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
        KIND_ARRAY => 12,
        KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => vlen * 12,
        KIND_ENUM | KIND_FUNC_PROTO => vlen * 8,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{Btf, BtfError};

    #[test]
    fn fields_of_the_running_kernel() {
        let btf = Btf::kernel().unwrap();
        assert_eq!(btf.offset("path", "mnt").unwrap(), 0);
        assert_eq!(btf.offset("path", "dentry").unwrap(), 8);
        assert!(btf.offset("file", "f_path").unwrap() > 0, "also where it is in an anonymous union");
        assert!(btf.offset("sock", "__sk_common.skc_daddr").is_ok());
        assert!(btf.has_function("do_exit") || btf.has_function("vfs_open"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let btf = Btf::kernel().unwrap();
        assert!(matches!(btf.offset("no_such_struct", "x"), Err(BtfError::NoStruct(_))));
        let error = btf.offset("file", "f_nothing").unwrap_err();
        assert_eq!(error.to_string(), "struct file of this kernel has no field f_nothing");
    }

    #[test]
    fn garbage_is_refused() {
        assert!(matches!(Btf::parse(vec![0; 64]), Err(BtfError::Malformed(0))));
        assert!(Btf::parse(vec![0x9f, 0xeb, 1, 0]).is_err());
    }
}
