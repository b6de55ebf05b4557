//! Arming job by job: the best set of hooks that this kernel takes, found by really loading, attaching and using it.

use std::error::Error;
use std::fs::File;
use std::io;

use aya::programs::{
    BtfTracePoint, CgroupAttachMode, CgroupSkb, CgroupSock, CgroupSockAddr, FEntry, FExit, Lsm, Program as Loaded,
    TracePoint, UProbe,
};
use aya::{Btf as AyaBtf, Ebpf};

use super::hooks::{Backend, Hook, JOBS, Job, Program, Set};
use super::load::{HookStatus, SensorError, chain};
use super::self_test;

/// A cgroup link (kernel 5.7 and later) always allows others beside it, and refuses the flag that says so.
const MODE: CgroupAttachMode = CgroupAttachMode::Single;

/// What a kernel without trampolines answers: refused, not supported (`ENOTSUPP` of the kernel's own, and the public
/// one), no such call.
const NO_TRAMPOLINE: [i32; 4] = [nix::libc::EPERM, 524, nix::libc::EOPNOTSUPP, nix::libc::ENOSYS];

/// In the environment: `tracepoint` leaves the better hooks alone, for comparison and when one is suspected.
pub const CHOICE: &str = "TRIPLINE_HOOKS";

/// Arms every job. A hook that nothing replaces and that is refused is an error.
pub fn all(ebpf: &mut Ebpf, btf: &AyaBtf, cgroup: &File) -> Result<Vec<HookStatus>, SensorError> {
    let chosen = std::env::var_os(CHOICE).is_some_and(|choice| choice == Backend::Tracepoint.word());
    let no_trampolines = chosen.then(|| format!("{CHOICE} says so"));
    let mut arming = Arming { ebpf, btf, cgroup, no_trampolines, statuses: Vec::new() };
    for job in JOBS {
        arming.job(job)?;
    }
    Ok(arming.statuses)
}

struct Arming<'a> {
    ebpf: &'a mut Ebpf,
    btf: &'a AyaBtf,
    cgroup: &'a File,
    /// Why this kernel takes no trampolines, once one was refused: no other is tried then.
    no_trampolines: Option<String>,
    statuses: Vec<HookStatus>,
}

/// Why a program or a set can't serve.
struct Refusal {
    reason: String,
    /// The kernel takes no trampolines at all.
    for_good: bool,
    /// The kernel has no such system call.
    absent: bool,
}

impl Arming<'_> {
    fn job(&mut self, job: &Job) -> Result<(), SensorError> {
        let mut passed_over: Option<String> = None;
        let Some((last, better)) = job.sets.split_last() else { return Ok(()) };
        for set in better {
            match self.whole(set) {
                Ok(()) => {
                    self.statuses.extend(set.programs.iter().map(|program| HookStatus {
                        program: *program,
                        refused: None,
                        absent: false,
                        backend: set.backend,
                        passed_over: passed_over.clone(),
                    }));
                    return Ok(());
                }
                Err(reason) => {
                    let text = passed_over.get_or_insert_default();
                    if !text.contains(&reason) {
                        let gap = if text.is_empty() { "" } else { "; " };
                        text.push_str(&format!("{gap}{}: {reason}", set.backend.word()));
                    }
                }
            }
        }
        for program in last.programs {
            let refusal = self.one(program).err();
            let absent = refusal.as_ref().is_some_and(|refusal| refusal.absent);
            let refused = refusal.map(|refusal| refusal.reason);
            if let (true, Some(reason)) = (program.required, &refused) {
                let (sensor, program, reason) = (program.sensor, program.name, reason.clone());
                return Err(SensorError::Required { sensor, program, reason });
            }
            let passed_over = passed_over.clone();
            let backend = last.backend;
            self.statuses.push(HookStatus { program: *program, refused, absent, backend, passed_over });
        }
        Ok(())
    }

    /// All of a set, proved; or nothing of it.
    fn whole(&mut self, set: &Set) -> Result<(), String> {
        if set.backend.needs_trampoline()
            && let Some(reason) = &self.no_trampolines
        {
            return Err(reason.clone());
        }
        let mut outcome = Ok(());
        for program in set.programs {
            if let Err(refusal) = self.one(program) {
                outcome = Err(if refusal.for_good {
                    let reason = format!("this kernel takes no BPF trampolines ({})", refusal.reason);
                    self.no_trampolines.insert(reason).clone()
                } else {
                    format!("{}: {}", program.name, refusal.reason)
                });
                break;
            }
        }
        let outcome = outcome.and_then(|()| self_test::prove(self.ebpf, set.proof));
        if outcome.is_err() {
            for program in set.programs {
                self.remove(program);
            }
        }
        outcome
    }

    /// Loads and attaches one program.
    fn one(&mut self, program: &Program) -> Result<(), Refusal> {
        let Some(loaded) = self.ebpf.program_mut(program.name) else {
            return Err(Refusal { reason: "not in the object".to_owned(), for_good: false, absent: false });
        };
        attach(loaded, program.hook, self.btf, self.cgroup).map_err(|error| Refusal {
            reason: chain(error.as_ref()).trim_end_matches(". Verifier output: ").to_owned(),
            for_good: matches!(program.hook, Hook::Lsm(_) | Hook::Fentry(_) | Hook::Fexit(_))
                && errno(error.as_ref()).is_some_and(|number| NO_TRAMPOLINE.contains(&number)),
            absent: matches!(program.hook, Hook::SyscallExit(_)) && errno(error.as_ref()) == Some(nix::libc::ENOENT),
        })
    }

    /// Takes a program out of the kernel again.
    fn remove(&mut self, program: &Program) {
        // One that was never loaded can't be unloaded, which is as well.
        let _not_loaded = match self.ebpf.program_mut(program.name) {
            Some(Loaded::Lsm(hook)) => hook.unload(),
            Some(Loaded::FEntry(hook)) => hook.unload(),
            Some(Loaded::FExit(hook)) => hook.unload(),
            _ => Ok(()),
        };
    }
}

fn attach(loaded: &mut Loaded, hook: Hook, btf: &AyaBtf, cgroup: &File) -> Result<(), Box<dyn Error>> {
    match hook {
        Hook::BtfTracepoint(name) => {
            let program: &mut BtfTracePoint = loaded.try_into()?;
            program.load(name, btf)?;
            program.attach()?;
        }
        Hook::RenamedBtfTracepoint(name, before) => {
            let program: &mut BtfTracePoint = loaded.try_into()?;
            program.load(name, btf).or_else(|_| program.load(before, btf))?;
            program.attach()?;
        }
        Hook::SyscallExit(calls) => {
            let program: &mut TracePoint = loaded.try_into()?;
            program.load()?;
            let mut last = None;
            let mut attached = 0;
            for call in calls {
                match program.attach("syscalls", &format!("sys_exit_{call}")) {
                    Ok(_link) => attached += 1,
                    Err(error) => last = Some(error),
                }
            }
            if let (0, Some(error)) = (attached, last) {
                return Err(error.into());
            }
        }
        Hook::Lsm(name) => {
            let program: &mut Lsm = loaded.try_into()?;
            program.load(name, btf)?;
            program.attach()?;
        }
        Hook::Fentry(name) => {
            let program: &mut FEntry = loaded.try_into()?;
            program.load(name, btf)?;
            program.attach()?;
        }
        Hook::Fexit(name) => {
            let program: &mut FExit = loaded.try_into()?;
            program.load(name, btf)?;
            program.attach()?;
        }
        Hook::Packets(kind) => {
            let program: &mut CgroupSkb = loaded.try_into()?;
            program.load()?;
            program.attach(cgroup, kind, MODE)?;
        }
        Hook::Tls(_) => {
            let program: &mut UProbe = loaded.try_into()?;
            program.load()?;
        }
        Hook::Cgroup(_) => match loaded {
            Loaded::CgroupSockAddr(program) => attach_address(program, cgroup)?,
            Loaded::CgroupSock(program) => attach_socket(program, cgroup)?,
            _ => return Err("not a cgroup program".into()),
        },
    }
    Ok(())
}

fn attach_address(program: &mut CgroupSockAddr, cgroup: &File) -> Result<(), Box<dyn Error>> {
    program.load()?;
    program.attach(cgroup, MODE)?;
    Ok(())
}

fn attach_socket(program: &mut CgroupSock, cgroup: &File) -> Result<(), Box<dyn Error>> {
    program.load()?;
    program.attach(cgroup, MODE)?;
    Ok(())
}

/// The kernel's answer somewhere among an error's causes.
fn errno(error: &(dyn Error + 'static)) -> Option<i32> {
    let mut at = Some(error);
    while let Some(cause) = at {
        if let Some(number) = cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return Some(number);
        }
        at = cause.source();
    }
    None
}
