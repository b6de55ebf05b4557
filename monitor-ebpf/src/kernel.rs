//! Kernel memory: field access through the offsets that the agent read from the running kernel's BTF.

use core::mem::MaybeUninit;

use aya_ebpf::bindings::{pt_regs, task_struct};
use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use aya_ebpf::helpers::{bpf_get_current_task_btf, bpf_probe_read_user, bpf_task_pt_regs};
use monitor_abi::config::Offsets;
use monitor_abi::header::{FLAG_COMPAT, FLAG_URING};

/// Filled by the agent before load; the verifier treats it as constants.
#[unsafe(no_mangle)]
pub static OFFSETS: Offsets = ZERO;

const ZERO: Offsets = {
    // SAFETY: Offsets is plain integers, for which all-zero is a value.
    unsafe { core::mem::zeroed() }
};

/// Reads one offset.
macro_rules! offset {
    ($field:ident) => {
        // SAFETY: the static lives for ever; volatile because the agent, not the compiler, knows the value.
        u64::from(unsafe { core::ptr::read_volatile(&raw const $crate::kernel::OFFSETS.$field) })
    };
}
pub(crate) use offset;

/// Reads a value at `base + offset`; zero if that memory can't be read (the pointer came from a racing structure).
///
/// Without a branch, because the helper itself fills with zeros what it can't read (`bpf_probe_read_kernel_common`,
/// kernel/trace/bpf_trace.c): a dozen reads with two ways each are more than the verifier of 6.1 follows.
#[inline(always)]
pub fn read<T: Copy + Default>(base: u64, offset: u64) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper checks the address and writes all of `value`, which is plain integers, in any case.
    unsafe {
        let _failed =
            bpf_probe_read_kernel(value.as_mut_ptr().cast(), size_of::<T>() as u32, (base + offset) as *const _);
        value.assume_init()
    }
}

/// Reads a value of the current process's memory.
#[inline(always)]
pub fn read_user<T: Copy>(address: u64) -> Option<T> {
    // SAFETY: bpf_probe_read_user checks the address and fails rather than faulting.
    unsafe { bpf_probe_read_user(address as *const T) }.ok()
}

/// The running task.
#[inline(always)]
pub fn current() -> *mut task_struct {
    // SAFETY: always valid in a tracing program.
    unsafe { bpf_get_current_task_btf() }
}

/// System-call argument `n` (0 to 5) of the call that is now returning. The argument registers still hold what the
/// process passed: only the return-value register is overwritten.
#[inline(always)]
pub fn argument(n: usize) -> u64 {
    // SAFETY: bpf_task_pt_regs takes the trusted pointer of current() and gives the saved user registers.
    let regs = unsafe { bpf_task_pt_regs(current()) } as *const pt_regs;
    register(regs, n)
}

#[cfg(bpf_target_arch = "x86_64")]
#[inline(always)]
fn register(regs: *const pt_regs, n: usize) -> u64 {
    // SAFETY: regs points at pt_regs of the current task.
    unsafe {
        match n {
            0 => (*regs).rdi,
            1 => (*regs).rsi,
            2 => (*regs).rdx,
            3 => (*regs).r10,
            4 => (*regs).r8,
            _ => (*regs).r9,
        }
    }
}

#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
fn register(regs: *const pt_regs, n: usize) -> u64 {
    // On arm64 x0 holds the return value at exit; the kernel keeps the first argument in orig_x0, which follows
    // regs[31], sp, pc and pstate (struct pt_regs, arch/arm64/include/asm/ptrace.h).
    // SAFETY: regs points at pt_regs of the current task.
    unsafe { if n == 0 { *(regs as *const u64).add(34) } else { *(regs as *const u64).add(n) } }
}

/// The system call that the current task is in.
#[derive(Clone, Copy)]
pub struct Call {
    /// Its number in the table of `compat`; 0 or -1 for kernel threads and io_uring's workers.
    pub number: u32,
    /// Made by the 32-bit table (`int 0x80`, or a 32-bit program), or by x32.
    pub compat: bool,
}

/// Which system call led here, for hooks below the table.
#[cfg(bpf_target_arch = "x86_64")]
#[inline(always)]
pub fn call() -> Call {
    /// `__X32_SYSCALL_BIT` (arch/x86/include/uapi/asm/unistd.h).
    const X32: u64 = 0x4000_0000;
    /// `TS_COMPAT` (arch/x86/include/asm/thread_info.h).
    const COMPAT: u32 = 2;
    // SAFETY: bpf_task_pt_regs takes the trusted pointer of current() and gives the saved user registers.
    let number = unsafe { (*(bpf_task_pt_regs(current()) as *const pt_regs)).orig_rax };
    // thread_info is the first member of task_struct (CONFIG_THREAD_INFO_IN_TASK).
    let status: u32 = read(current() as u64, offset!(thread_info_status));
    let compat = offset!(thread_info_status) != 0 && status & COMPAT != 0;
    Call { number: (number & !X32) as u32, compat: compat || number & X32 != 0 && number >> 32 == 0 }
}

/// Which system call led here. 32-bit ones aren't told apart on this architecture.
#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
pub fn call() -> Call {
    // struct pt_regs (arch/arm64/include/asm/ptrace.h): regs[31], sp, pc, pstate, orig_x0, syscallno.
    // SAFETY: bpf_task_pt_regs takes the trusted pointer of current() and gives the saved user registers.
    let number = unsafe { *(bpf_task_pt_regs(current()) as *const i32).add(70) };
    Call { number: number as u32, compat: false }
}

/// How the running operation came here, where that wasn't a system call of the 64-bit table: `FLAG_COMPAT`, `FLAG_URING`.
#[inline(always)]
pub fn origin() -> u16 {
    let call = call();
    if call.compat {
        return FLAG_COMPAT;
    }
    // 0: io_uring's own threads have no system call; -1: kernel threads
    let uring = call.number == IO_URING_ENTER || call.number == 0 || call.number == u32::MAX;
    if uring { FLAG_URING } else { 0 }
}

/// `io_uring_enter` (include/uapi/asm-generic/unistd.h).
const IO_URING_ENTER: u32 = 426;

/// The task behind a `struct pid *`, by what it is for: 0 if there is none any more.
#[inline(always)]
pub fn task_of(pid: u64) -> u64 {
    let link: u64 = read(pid, offset!(pid_tasks));
    if link == 0 { 0 } else { link.wrapping_sub(offset!(task_pid_links)) }
}

/// Group leader's start time of `task`.
#[inline(always)]
pub fn start_of(task: u64) -> u64 {
    let leader: u64 = read(task, offset!(task_group_leader));
    read(leader, offset!(task_start_boottime))
}

/// Numbers of a task's namespaces, as `/proc/PID/ns/*` shows them: pid, mnt, net, user. Zeros where the kernel's types
/// don't lead there.
#[inline(always)]
pub fn namespaces(task: u64) -> [u32; 4] {
    if offset!(task_nsproxy) == 0 {
        return [0; 4];
    }
    let proxy: u64 = read(task, offset!(task_nsproxy));
    let mnt: u64 = read(proxy, offset!(nsproxy_mnt));
    let net: u64 = read(proxy, offset!(nsproxy_net));
    // The process's own one is that of the innermost of its numbers: `struct pid { …, level, numbers[] }` with
    // `struct upid { nr, ns }` (include/linux/pid.h, task_active_pid_ns).
    let pid: u64 = read(task, offset!(task_thread_pid));
    let level = u64::from(read::<u32>(pid, offset!(pid_level)));
    let innermost = pid + offset!(pid_numbers) + level * (offset!(upid_ns) + 8);
    let pid: u64 = read(innermost, offset!(upid_ns));
    let cred: u64 = read(task, offset!(task_cred));
    let user: u64 = read(cred, offset!(cred_user_ns));
    [
        read(pid, offset!(pid_namespace_inum)),
        read(mnt, offset!(mnt_namespace_inum)),
        read(net, offset!(net_inum)),
        read(user, offset!(user_namespace_inum)),
    ]
}

/// Follows a field of the running task: the verifier knows the type of what lies there (from BTF), so that the load is one
/// instruction, not a call. A pointer that turns out bad reads as zero (`BPF_PROBE_MEM`).
///
/// # Safety
/// `base` came from [`current`], or from this function with a pointer's offset; `offset` is that of a field as large as
/// `T`. The verifier refuses the program otherwise.
#[inline(always)]
unsafe fn follow<T: Copy>(base: *const u8, offset: u64) -> T {
    // SAFETY: as the caller promises; volatile, so that the load stays the one the verifier can check.
    unsafe { base.add(offset as usize).cast::<T>().read_volatile() }
}

/// `struct file *` behind descriptor `fd` of the current process; 0 if there is none.
#[inline(always)]
pub fn file_of(fd: u64) -> u64 {
    let (files, fdt, max, table) =
        (offset!(task_files), offset!(files_fdt), offset!(fdtable_max_fds), offset!(fdtable_fd));
    // SAFETY: current()->files->fdt->{max_fds, fd}, by the offsets of those fields.
    let (max, table) = unsafe {
        let fdt: *const u8 = follow(follow(current().cast(), files), fdt);
        (follow::<u32>(fdt, max), follow::<u64>(fdt, table))
    };
    if fd >= u64::from(max) {
        return 0;
    }
    read(table, fd * 8)
}

/// How many descriptors the current process's table has room for.
#[inline(always)]
pub fn descriptors() -> u64 {
    let (files, fdt, max) = (offset!(task_files), offset!(files_fdt), offset!(fdtable_max_fds));
    // SAFETY: current()->files->fdt->max_fds, by the offsets of those fields.
    let max: u32 = unsafe {
        let fdt: *const u8 = follow(follow(current().cast(), files), fdt);
        follow(fdt, max)
    };
    u64::from(max)
}

/// An inode's identity.
#[derive(Clone, Copy, Default)]
pub struct Inode {
    pub address: u64,
    pub ino: u64,
    pub dev: u32,
    pub magic: u32,
    pub mode: u32,
    pub nlink: u32,
}

/// Identity of the inode at `address`.
#[inline(always)]
pub fn inode(address: u64) -> Inode {
    let sb: u64 = read(address, offset!(inode_i_sb));
    Inode {
        address,
        ino: read(address, offset!(inode_i_ino)),
        dev: read(sb, offset!(sb_s_dev)),
        magic: read::<u64>(sb, offset!(sb_s_magic)) as u32,
        mode: u32::from(read::<u16>(address, offset!(inode_i_mode))),
        nlink: read(address, offset!(inode_i_nlink)),
    }
}

/// Inode of an open file.
#[inline(always)]
pub fn inode_of(file: u64) -> Inode {
    inode(read(file, offset!(file_f_inode)))
}
