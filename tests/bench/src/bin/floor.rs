//! The floor: programs that do nothing, on the hooks that Tripline uses.
//!
//! `floor OBJECT` attaches them, prints `armed N`, and lets go of them when its input ends. What it costs is what hooks
//! alone cost on this kernel. The hooks are read from Tripline's own table, so the two can't grow apart.

use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result, bail};
use aya::programs::{BtfTracePoint, CgroupAttachMode, CgroupSkb, CgroupSock, CgroupSockAddr, Program, TracePoint};
use aya::{Btf, Ebpf};
use monitor::sensor::hooks::{Backend, Hook, JOBS};
use monitor::sensor::load::cgroup_root;
use monitor::sensor::tracefs;

fn main() -> Result<()> {
    let path = std::env::args().nth(1).context("usage: floor OBJECT")?;
    let object = std::fs::read(&path).with_context(|| format!("cannot read {path}"))?;
    tracefs::ensure()?;
    let floor = Floor {
        object,
        btf: Btf::from_sys_fs()?,
        cgroup: File::open(cgroup_root().context("no cgroup v2 tree is mounted")?)?,
    };
    // What is loaded stays attached while it lives.
    let mut held = Vec::new();
    let mut hooks = 0;
    let tracepoints = JOBS.iter().flat_map(|job| job.sets).filter(|set| set.backend == Backend::Tracepoint);
    for program in tracepoints.flat_map(|set| set.programs) {
        // A server's programs carry these, if they have TLS at all: on those of the bench they are on nothing.
        if matches!(program.hook, Hook::Tls(_)) {
            continue;
        }
        let (ebpf, attached) = floor.attach(program.name, program.hook)?;
        if attached == 0 && program.required {
            bail!("no hook for {}", program.name);
        }
        hooks += attached;
        held.push(ebpf);
    }
    println!("armed {hooks}");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

struct Floor {
    object: Vec<u8>,
    btf: Btf,
    cgroup: File,
}

impl Floor {
    /// Attaches the program that does nothing in place of `name`: an object of its own each, for a BTF tracepoint's
    /// program is bound to its hook when it is loaded.
    fn attach(&self, name: &str, hook: Hook) -> Result<(Ebpf, usize)> {
        let mut ebpf = Ebpf::load(&self.object)?;
        let ours = match hook {
            Hook::BtfTracepoint(_) | Hook::RenamedBtfTracepoint(..) => "noop_btf",
            Hook::SyscallExit(_) => "noop_exit",
            Hook::Packets(_) => "noop_packet",
            Hook::Cgroup(_) => name,
            Hook::Tls(_) => bail!("{name} attaches to no hook of the kernel's"),
            Hook::Lsm(_) | Hook::Fentry(_) | Hook::Fexit(_) => bail!("{name} needs a trampoline; the floor has none"),
        };
        let program = ebpf.program_mut(ours).with_context(|| format!("the floor has no program for {name}"))?;
        let mut attached = 0;
        match (hook, program) {
            (Hook::BtfTracepoint(point) | Hook::RenamedBtfTracepoint(point, _), program) => {
                let program: &mut BtfTracePoint = program.try_into()?;
                program.load(point, &self.btf)?;
                attached += usize::from(program.attach().is_ok());
            }
            (Hook::SyscallExit(calls), program) => {
                let program: &mut TracePoint = program.try_into()?;
                program.load()?;
                // A kernel lacks some calls; Tripline goes without them too.
                for call in calls {
                    attached += usize::from(program.attach("syscalls", &format!("sys_exit_{call}")).is_ok());
                }
            }
            (Hook::Packets(kind), program) => {
                let program: &mut CgroupSkb = program.try_into()?;
                program.load()?;
                attached += usize::from(program.attach(&self.cgroup, kind, CgroupAttachMode::Single).is_ok());
            }
            (Hook::Cgroup(_), Program::CgroupSockAddr(program)) => {
                let program: &mut CgroupSockAddr = program;
                program.load()?;
                attached += usize::from(program.attach(&self.cgroup, CgroupAttachMode::Single).is_ok());
            }
            (Hook::Cgroup(_), Program::CgroupSock(program)) => {
                let program: &mut CgroupSock = program;
                program.load()?;
                attached += usize::from(program.attach(&self.cgroup, CgroupAttachMode::Single).is_ok());
            }
            _ => bail!("the floor's program for {name} is of another kind"),
        }
        Ok((ebpf, attached))
    }
}
