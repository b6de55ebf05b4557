//! What the agent writes before and while the programs run.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Offsets of kernel struct fields, in bytes, from the running kernel's BTF; written into read-only data before load.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[expect(missing_docs, reason = "each name is struct_field of the kernel")]
pub struct Offsets {
    pub task_tgid: u32,
    pub task_pid: u32,
    pub task_group_leader: u32,
    pub task_start_boottime: u32,
    pub task_real_parent: u32,
    pub task_mm: u32,
    pub task_files: u32,
    pub task_fs: u32,
    pub task_signal: u32,
    pub task_exit_code: u32,
    pub task_pid_links: u32,
    pub signal_live: u32,
    pub mm_arg_start: u32,
    pub mm_arg_end: u32,
    pub fs_pwd: u32,
    pub files_fdt: u32,
    pub fdtable_max_fds: u32,
    pub fdtable_fd: u32,
    pub file_f_path: u32,
    pub file_f_inode: u32,
    pub file_f_flags: u32,
    pub file_private_data: u32,
    pub inode_i_mode: u32,
    pub inode_i_ino: u32,
    pub inode_i_sb: u32,
    pub inode_i_nlink: u32,
    pub sb_s_dev: u32,
    pub sb_s_magic: u32,
    pub dentry_d_parent: u32,
    pub dentry_d_name: u32,
    pub dentry_d_inode: u32,
    pub mount_mnt: u32,
    pub mount_mnt_parent: u32,
    pub mount_mnt_mountpoint: u32,
    pub vfsmount_mnt_root: u32,
    pub binprm_file: u32,
    pub binprm_buf: u32,
    pub socket_type: u32,
    pub socket_sk: u32,
    pub sock_family: u32,
    pub sock_num: u32,
    pub sock_rcv_saddr: u32,
    pub sock_v6_rcv_saddr: u32,
    pub sock_daddr: u32,
    pub sock_dport: u32,
    pub sock_v6_daddr: u32,
    pub sock_protocol: u32,
    pub sock_sk_type: u32,
    pub sock_sk_err: u32,
    pub sock_sk_socket: u32,
    pub socket_alloc_inode: u32,
    pub unix_peer: u32,
    pub unix_addr: u32,
    pub unix_path: u32,
    pub unix_address_len: u32,
    pub unix_address_name: u32,
    pub tcp_bytes_sent: u32,
    pub tcp_bytes_received: u32,
    pub proc_inode_pid: u32,
    pub proc_inode_vfs_inode: u32,
    pub pid_tasks: u32,
    pub thread_info_status: u32,
    pub kiocb_opcode: u32,
    pub kiocb_flags: u32,
    pub kiocb_fd: u32,
    pub sock_cookie: u32,
    pub inode_i_private: u32,
    pub task_nsproxy: u32,
    pub nsproxy_mnt: u32,
    pub nsproxy_net: u32,
    pub mnt_namespace_inum: u32,
    pub net_inum: u32,
    pub task_thread_pid: u32,
    pub pid_level: u32,
    pub pid_numbers: u32,
    pub upid_ns: u32,
    pub pid_namespace_inum: u32,
    pub task_cred: u32,
    pub cred_user_ns: u32,
    pub user_namespace_inum: u32,
    pub io_splice_fd_in: u32,
    pub io_splice_flags: u32,
}

/// What the agent says of a process in scope.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Scope {
    /// Start of the process (`group_leader->start_boottime`); 0 until its first event when user space put it there.
    pub start: u64,
    /// Server id, from 1.
    pub server: u32,
    /// `SCOPE_…` bits.
    pub flags: u32,
}

/// The root has not executed its command yet: nothing it does is reported.
pub const SCOPE_PENDING: u32 = 1;
/// Not known to be a server yet.
pub const SCOPE_UNDECIDED: u32 = 2;

/// Set in [`Scope::server`] of a process that is undecided; the rest is the thread group it began with. Servers have
/// numbers below this.
pub const SCOPE_CANDIDATE: u32 = 1 << 31;

/// State of the agent's reader and switches, one entry.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Control {
    /// 1 while the reader sleeps on the rings: the next record wakes it.
    pub asleep: u32,
    /// The agent's own thread group: never reported.
    pub agent: u32,
    /// 1: every new process outside the scopes starts as undecided (`run`).
    pub discover: u32,
    /// Zero.
    pub pad: u32,
}

/// Which process made a connection, by socket cookie.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Conn {
    /// Start of the process.
    pub start: u64,
    /// Thread group id.
    pub tgid: u32,
    /// Server.
    pub scope: u32,
}

const _: () = assert!(size_of::<Offsets>() == 328 && size_of::<Scope>() == 16 && size_of::<Control>() == 16);
