//! The offsets that the kernel programs need, by name.

use monitor_abi::config::Offsets;

use super::btf::{Btf, BtfError};

/// Looks every offset up. A missing field is a clear error that names struct and field.
pub fn read(btf: &Btf) -> Result<Offsets, BtfError> {
    let at = |name: &str, field: &str| btf.offset(name, field);
    Ok(Offsets {
        task_tgid: at("task_struct", "tgid")?,
        task_pid: at("task_struct", "pid")?,
        task_group_leader: at("task_struct", "group_leader")?,
        // `start_boottime` since 5.5, `real_start_time` before
        task_start_boottime: at("task_struct", "start_boottime").or_else(|_| at("task_struct", "real_start_time"))?,
        task_real_parent: at("task_struct", "real_parent")?,
        task_mm: at("task_struct", "mm")?,
        task_files: at("task_struct", "files")?,
        task_fs: at("task_struct", "fs")?,
        task_signal: at("task_struct", "signal")?,
        task_exit_code: at("task_struct", "exit_code")?,
        task_pid_links: at("task_struct", "pid_links")?,
        signal_live: at("signal_struct", "live")?,
        mm_arg_start: at("mm_struct", "arg_start")?,
        mm_arg_end: at("mm_struct", "arg_end")?,
        fs_pwd: at("fs_struct", "pwd")?,
        files_fdt: at("files_struct", "fdt")?,
        fdtable_max_fds: at("fdtable", "max_fds")?,
        fdtable_fd: at("fdtable", "fd")?,
        file_f_path: at("file", "f_path")?,
        file_f_inode: at("file", "f_inode")?,
        file_f_flags: at("file", "f_flags")?,
        file_private_data: at("file", "private_data")?,
        inode_i_mode: at("inode", "i_mode")?,
        inode_i_ino: at("inode", "i_ino")?,
        inode_i_sb: at("inode", "i_sb")?,
        inode_i_nlink: at("inode", "i_nlink")?,
        sb_s_dev: at("super_block", "s_dev")?,
        sb_s_magic: at("super_block", "s_magic")?,
        dentry_d_parent: at("dentry", "d_parent")?,
        // `d_name` is in an anonymous union with `__d_name` since 6.17
        dentry_d_name: at("dentry", "d_name")?,
        dentry_d_inode: at("dentry", "d_inode")?,
        mount_mnt: at("mount", "mnt")?,
        mount_mnt_parent: at("mount", "mnt_parent")?,
        mount_mnt_mountpoint: at("mount", "mnt_mountpoint")?,
        vfsmount_mnt_root: at("vfsmount", "mnt_root")?,
        binprm_file: at("linux_binprm", "file")?,
        binprm_buf: at("linux_binprm", "buf")?,
        socket_type: at("socket", "type")?,
        socket_sk: at("socket", "sk")?,
        sock_family: at("sock", "__sk_common.skc_family")?,
        sock_num: at("sock", "__sk_common.skc_num")?,
        sock_rcv_saddr: at("sock", "__sk_common.skc_rcv_saddr")?,
        sock_v6_rcv_saddr: at("sock", "__sk_common.skc_v6_rcv_saddr")?,
        sock_daddr: at("sock", "__sk_common.skc_daddr")?,
        sock_dport: at("sock", "__sk_common.skc_dport")?,
        sock_v6_daddr: at("sock", "__sk_common.skc_v6_daddr")?,
        sock_protocol: at("sock", "sk_protocol").unwrap_or(0),
        sock_sk_type: at("sock", "sk_type").unwrap_or(0),
        sock_sk_err: at("sock", "sk_err")?,
        sock_sk_socket: at("sock", "sk_socket")?,
        socket_alloc_inode: at("socket_alloc", "vfs_inode")?,
        unix_peer: at("unix_sock", "peer")?,
        unix_addr: at("unix_sock", "addr")?,
        unix_path: at("unix_sock", "path")?,
        unix_address_len: at("unix_address", "len")?,
        unix_address_name: at("unix_address", "name")?,
        tcp_bytes_sent: at("tcp_sock", "bytes_sent")?,
        tcp_bytes_received: at("tcp_sock", "bytes_received")?,
        proc_inode_pid: at("proc_inode", "pid")?,
        proc_inode_vfs_inode: at("proc_inode", "vfs_inode")?,
        pid_tasks: at("pid", "tasks")?,
        thread_info_status: at("thread_info", "status").unwrap_or(0),
        kiocb_opcode: at("io_kiocb", "opcode").unwrap_or(0),
        kiocb_flags: at("io_kiocb", "flags").unwrap_or(0),
        kiocb_fd: at("io_kiocb", "cqe.fd").unwrap_or(0),
        io_splice_fd_in: at("io_splice", "splice_fd_in").unwrap_or(0),
        io_splice_flags: at("io_splice", "flags").unwrap_or(0),
        sock_cookie: at("sock", "__sk_common.skc_cookie")?,
        inode_i_private: at("inode", "i_private")?,
        // none where the kernel lacks one of them: they tell where a process is, and nothing is judged by that
        ..namespaces(btf).unwrap_or_default()
    })
}

/// The way from a task to the numbers of its namespaces.
fn namespaces(btf: &Btf) -> Result<Offsets, BtfError> {
    let at = |name: &str, field: &str| btf.offset(name, field);
    Ok(Offsets {
        task_nsproxy: at("task_struct", "nsproxy")?,
        nsproxy_mnt: at("nsproxy", "mnt_ns")?,
        nsproxy_net: at("nsproxy", "net_ns")?,
        mnt_namespace_inum: at("mnt_namespace", "ns.inum")?,
        net_inum: at("net", "ns.inum")?,
        task_thread_pid: at("task_struct", "thread_pid")?,
        pid_level: at("pid", "level")?,
        pid_numbers: at("pid", "numbers")?,
        upid_ns: at("upid", "ns")?,
        pid_namespace_inum: at("pid_namespace", "ns.inum")?,
        task_cred: at("task_struct", "cred")?,
        cred_user_ns: at("cred", "user_ns")?,
        user_namespace_inum: at("user_namespace", "ns.inum")?,
        ..Offsets::default()
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_running_kernel_has_them_all() {
        let btf = super::super::btf::Btf::kernel().unwrap();
        let offsets = super::read(&btf).unwrap();
        assert_ne!(offsets.file_f_inode, 0);
        assert_ne!(offsets.kiocb_opcode, 0);
        assert_ne!(offsets.kiocb_fd, 0);
        assert_ne!(offsets.io_splice_fd_in, 0);
        assert_ne!(offsets.task_nsproxy, 0);
    }
}
