//! Names of io_uring operations (`enum io_uring_op`, include/uapi/linux/io_uring.h).

/// One that acts on a path or an address, changes a file, or moves data between descriptors.
pub const fn opens_or_connects(opcode: u32) -> Option<&'static str> {
    Some(match opcode {
        9 => "SENDMSG",
        13 => "ACCEPT",
        16 => "CONNECT",
        18 => "OPENAT",
        26 => "SEND",
        28 => "OPENAT2",
        30 => "SPLICE",
        33 => "TEE",
        35 => "RENAMEAT",
        36 => "UNLINKAT",
        37 => "MKDIRAT",
        38 => "SYMLINKAT",
        39 => "LINKAT",
        45 => "SOCKET",
        55 => "FTRUNCATE",
        56 => "BIND",
        57 => "LISTEN",
        _ => return None,
    })
}

/// One that moves data on an open file.
pub const fn moves(opcode: u32) -> Option<&'static str> {
    Some(match opcode {
        1 => "READV",
        2 => "WRITEV",
        4 => "READ_FIXED",
        5 => "WRITE_FIXED",
        10 => "RECVMSG",
        22 => "READ",
        23 => "WRITE",
        27 => "RECV",
        47 => "SEND_ZC",
        48 => "SENDMSG_ZC",
        49 => "READ_MULTISHOT",
        58 => "RECV_ZC",
        60 => "READV_FIXED",
        61 => "WRITEV_FIXED",
        _ => return None,
    })
}
