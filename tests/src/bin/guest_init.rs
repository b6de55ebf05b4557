//! The first process of the virtual machine: mounts what a system has, runs the test binaries, says the sum, and ends.
//!
//! `/etc/guest/runs` has a line for each run, as a shell would take it: `NAME=VALUE… BINARY TEST…` (no test = all). The last
//! line of output is `N passed, N failed`.

use anyhow::{Context, Result};
use nix::libc;
use nix::mount::{MsFlags, mount};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn main() {
    let (mut passed, mut failed) = (0, 0);
    match prepare().and_then(|()| fs::read_to_string("/etc/guest/runs").context("no list of runs")) {
        Ok(runs) => {
            for line in runs.lines() {
                let (more_passed, more_failed) = run(line).unwrap_or_else(|error| {
                    println!("{line}: {error:#}");
                    (0, 1)
                });
                passed += more_passed;
                failed += more_failed;
            }
        }
        Err(error) => {
            println!("the guest cannot be prepared: {error:#}");
            failed += 1;
        }
    }
    println!("{passed} passed, {failed} failed");
    // SAFETY: sync and reboot take no memory; with QEMU's -no-reboot the machine ends.
    unsafe {
        libc::sync();
        libc::reboot(libc::RB_AUTOBOOT);
    }
}

/// Everything that an init does before services start.
fn prepare() -> Result<()> {
    let mounts = [
        ("proc", "/proc", "proc"),
        ("sysfs", "/sys", "sysfs"),
        ("devtmpfs", "/dev", "devtmpfs"),
        ("tmpfs", "/run", "tmpfs"),
        ("securityfs", "/sys/kernel/security", "securityfs"),
        ("cgroup2", "/sys/fs/cgroup", "cgroup2"),
    ];
    for (source, target, kind) in mounts {
        fs::create_dir_all(target)?;
        mount(Some(source), target, Some(kind), MsFlags::empty(), None::<&str>)
            .with_context(|| format!("cannot mount {target}"))?;
    }
    fs::create_dir_all("/dev/pts")?;
    mount(Some("devpts"), "/dev/pts", Some("devpts"), MsFlags::empty(), None::<&str>)?;
    loopback()?;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let active = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    let up = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let up = up.split_whitespace().next().unwrap_or_default();
    println!("kernel {}, {up} s after its start, active LSMs {}", release.trim(), active.trim());
    Ok(())
}

/// Brings `lo` up: SIOCSIFFLAGS with IFF_UP.
fn loopback() -> Result<()> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
    // SAFETY: ifreq is plain data for which zero is a value, and the kernel only reads it here.
    let result = unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = *from as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&socket), libc::SIOCSIFFLAGS, &raw const request)
    };
    nix::errno::Errno::result(result).context("cannot bring loopback up")?;
    Ok(())
}

/// Runs one test binary; answers what passed and failed.
fn run(line: &str) -> Result<(u64, u64)> {
    println!("\n$ {line}");
    let mut words = line.split_whitespace().peekable();
    let mut environment = Vec::new();
    while let Some(entry) = words.peek().and_then(|word| word.split_once('=')) {
        environment.push(entry);
        words.next();
    }
    let mut command = Command::new(words.next().context("no binary")?);
    command.arg("--test-threads=1").args(words).env_clear().env("HOME", "/root").env("TERM", "dumb");
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin").envs(environment);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let (mut passed, mut failed, mut said) = (0, 0, false);
    for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
        let line = line?;
        println!("{line}");
        if let Some(result) = line.strip_prefix("test result: ") {
            let number = |word: &str| -> u64 {
                let part = result.split([';', '.']).find_map(|part| part.trim().strip_suffix(word));
                part.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
            };
            passed += number(" passed");
            failed += number(" failed") + number(" ignored");
            said = true;
        }
    }
    let fine = child.wait()?.success();
    // One that ran nothing, or died before it said what it did, has failed.
    failed += u64::from((!said || passed == 0 || !fine) && failed == 0);
    Ok((passed, failed))
}
