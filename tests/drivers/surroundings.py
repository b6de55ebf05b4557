"""Prints, as JSON, everything about its surroundings that a program could notice: two runs that differ only in how they
were started must print the same."""

import json
import os
import resource
import signal
import stat
import sys


def status():
    """What the kernel says of this process, without what differs from run to run."""
    wanted = ("Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd", "NoNewPrivs", "Seccomp",
              "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "Threads", "TracerPid", "Cpus_allowed", "THP_enabled")
    with open("/proc/self/status") as file:
        pairs = (line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        return {name: value for name, value in pairs if name in wanted}


def descriptors():
    """Every open descriptor with its kind and flags."""
    found = {}
    for name in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            mode = os.fstat(int(name)).st_mode
            with open(f"/proc/self/fdinfo/{name}") as file:
                flags = next(line for line in file if line.startswith("flags")).split()[1]
        except OSError:
            continue  # the one that listed the folder
        found[name] = [stat.S_IFMT(mode), flags]
    return found


def children():
    try:
        os.waitpid(-1, os.WNOHANG)
        return "has children"
    except ChildProcessError:
        return "none"


def read(path):
    with open(path) as file:
        return file.read().strip()


print(json.dumps({
    "argv": sys.argv,
    "children": children(),
    "cgroup": read("/proc/self/cgroup"),
    "cwd": os.getcwd(),
    "descriptors": descriptors(),
    "environment": {name.decode("latin1"): value.decode("latin1") for name, value in sorted(os.environb.items())},
    "exe": os.readlink("/proc/self/exe"),
    "group": [os.getpgrp() == os.getpid(), os.getsid(0) == os.getpid()],
    "interpreter": sys.executable,
    "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")},
    "namespaces": {name: os.readlink(f"/proc/self/ns/{name}") for name in sorted(os.listdir("/proc/self/ns"))},
    "nice": os.nice(0),
    "oom": read("/proc/self/oom_score_adj"),
    "pending": [int(number) for number in signal.sigpending()],
    "personality": read("/proc/self/personality"),
    "scheduler": [os.sched_getscheduler(0), sorted(os.sched_getaffinity(0))],
    "slack": read("/proc/self/timerslack_ns"),
    "status": status(),
    "tty": [os.isatty(number) for number in range(3)],
}, sort_keys=True))
