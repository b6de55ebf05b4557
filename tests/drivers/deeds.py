"""What a trojaned package, or a thief beside it, does: deeds as data.

    deeds.py FILE NAME      do the deeds that FILE (JSON) lists under NAME

A deed is an object with `do` and the fields of that deed. Each one reports itself on standard error as one line of JSON,
so that a test can tell a deed that failed from one that nobody noticed. A deed with `"may_fail": true` is an attempt.
"""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import plain_http

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_NAME, PTRACE_SEIZE, PTRACE_DETACH = 15, 0x4206, 17

#: What the deeds of this process have read so far; a later deed may send it.
loot = bytearray()


def address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def read(deed):
    path, how = deed["path"], deed.get("how", "plain")
    folder, name = os.path.split(path)
    if how == "relative":
        handle = os.open(name, os.O_RDONLY, dir_fd=os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
    elif how in ("symlink", "hardlink"):
        alias = os.path.join(deed["scratch"], "notes.txt")
        (os.symlink if how == "symlink" else os.link)(path, alias)
        handle = os.open(alias, os.O_RDONLY)
    elif how == "proc-fd":
        handle = os.open(f"/proc/self/fd/{os.open(path, os.O_PATH)}", os.O_RDONLY)
    else:
        handle = os.open(path, os.O_RDONLY)
    with os.fdopen(handle, "rb") as file:
        loot.extend(file.read(1 << 20))


def write(deed):
    with open(deed["path"], "a" if deed.get("append") else "w") as file:
        file.write(deed.get("text", "x\n"))


def send(kind, deed):
    to = address(deed["to"])
    with socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET, kind) as sock:
        sock.settimeout(5)
        sock.connect(to)
        if deed.get("loot"):
            sock.send(bytes(loot) or b"nothing")
        elif "text" in deed:
            sock.send(deed["text"].encode())


def unix(deed):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(deed["path"])


def listen(deed):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(address(deed["on"]))
    sock.listen()
    kept.append(sock)


kept = []  # listeners stay open as long as the process lives


def spawn(deed):
    subprocess.run(deed["argv"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def rename(deed):
    name = deed["name"].encode()
    LIBC.prctl(PR_SET_NAME, ctypes.c_char_p(name), 0, 0, 0)


def daemon(deed):
    """Double fork and a session of its own; answers once the grandchild is done, so that a test can go on."""
    done, tell = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.close(done)
            fine = all(perform(deed["deeds"]))
            os.write(tell, b"y" if fine else b"n")
            os._exit(0)
        os._exit(0)
    os.close(tell)
    os.wait()
    if os.read(done, 1) != b"y":
        raise OSError("the grandchild failed")


def memfd(deed):
    """Runs a program from anonymous memory."""
    handle = os.memfd_create("libupdate", 0)
    with open(shutil.which(deed["argv"][0]), "rb") as file:
        os.write(handle, file.read())
    subprocess.run(deed["argv"], executable=f"/proc/self/fd/{handle}", pass_fds=[handle], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def dropped(deed):
    """Runs a program that it has just written to a temporary folder."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        program = os.path.join(folder, "helper")
        shutil.copy(shutil.which(deed["argv"][0]), program)
        subprocess.run(deed["argv"], executable=program, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def deleted(deed):
    """Runs a program whose file is gone by then."""
    program = os.path.join(deed["folder"], "helper")
    shutil.copy(shutil.which(deed["argv"][0]), program)
    handle = os.open(program, os.O_RDONLY)
    os.unlink(program)
    subprocess.run(deed["argv"], executable=f"/proc/self/fd/{handle}", pass_fds=[handle], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def agent(deed):
    """Has a socket where an SSH agent has its own, and listens to one client until that has gone."""
    folder = os.path.dirname(deed["socket"])
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder, 0o700)
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(deed["socket"] + ".new")
            sock.listen()
            # whoever waits for the name finds somebody who answers
            os.rename(deed["socket"] + ".new", deed["socket"])
            sock.settimeout(20)
            peer, _ = sock.accept()
            with peer:
                peer.settimeout(20)
                while peer.recv(1 << 12):
                    pass
    finally:
        shutil.rmtree(folder)


def receive(deed):
    """Takes a descriptor that somebody else opened, and reads it."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(deed["socket"])
        sock.listen()
        sock.settimeout(20)
        peer, _ = sock.accept()
        with peer:
            _, handles, _, _ = socket.recv_fds(peer, 16, 1)
            loot.extend(os.read(handles[0], 1 << 16))


def give(deed):
    """The other side of `receive`."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(deed["socket"])
        socket.send_fds(sock, [b"here"], [os.open(deed["path"], os.O_RDONLY)])


def ptrace(deed):
    pid = int(deed["pid"])
    LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if LIBC.ptrace(PTRACE_SEIZE, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def memory(deed):
    """Reads a server's stack by process_vm_readv; its address stands in /proc/PID/stat."""
    pid = int(deed["pid"])
    with open(f"/proc/{pid}/stat") as file:
        stack = int(file.read().rpartition(")")[2].split()[25])

    class Span(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

    buffer = ctypes.create_string_buffer(64)
    ours, theirs = Span(ctypes.addressof(buffer), 64), Span(stack, 64)
    got = LIBC.process_vm_readv(pid, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)
    if got <= 0:
        raise OSError(ctypes.get_errno(), "process_vm_readv")


def forge(deed):
    """Puts a request into this server's own input, as if the client had sent it; needs a client that uses pipes."""
    request = {"jsonrpc": "2.0", "id": 9999, "method": "tools/call", "params": {"name": deed["tool"], "arguments": deed["arguments"]}}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
            with open(f"/proc/self/fdinfo/{name}") as file:
                reads = int(next(line for line in file if line.startswith("flags")).split()[1], 8) & os.O_ACCMODE == os.O_RDONLY
        except OSError:
            continue
        if target.startswith("pipe:") and reads:
            with open(f"/proc/self/fd/{name}", "wb", buffering=0) as pipe:
                pipe.write(json.dumps(request).encode() + b"\n")
            return
    raise OSError("no pipe to read from")


def waits_for_input(server):
    """Whether a thread of the server stands in read(2) of a pipe."""
    for task in os.listdir(f"/proc/{server}/task"):
        try:
            with open(f"/proc/{server}/task/{task}/syscall") as file:
                number, handle = file.read().split()[:2]
            if number == "0" and os.readlink(f"/proc/{server}/fd/{int(handle, 16)}").startswith("pipe:"):
                return True
        except (OSError, ValueError):
            continue
    return False


def forge_to_reader(deed):
    """Forges once the server stands in the call that will read it."""
    end = time.monotonic() + 10
    while not waits_for_input(deed["server"]):
        if time.monotonic() > end:
            raise TimeoutError("the server never waited for input")
        time.sleep(0.001)
    forge(deed)


def forge_later(deed):
    """Has a child forge while the server goes on."""
    order = dict(deed, do="forge-to-reader", server=os.getpid())
    if os.fork() == 0:
        os._exit(0 if all(list(perform([order]))) else 1)


def forge_http(deed):
    """Has a child call a tool of its own server over HTTP, once that listens; it writes the file `done` after the
    answer, where one is named."""
    if os.fork() != 0:
        return
    plain_http.until("the server to listen", lambda: plain_http.listens(deed["port"]))
    plain_http.play(deed["port"], [{"do": "open"}, {"do": "call", "tool": deed["tool"], "arguments": deed["arguments"]}])
    if "done" in deed:
        plain_http.touch(deed["done"])
    os._exit(0)


DEEDS = {
    "read": read,
    "write": write,
    "await": lambda deed: plain_http.until(deed["path"], lambda: os.path.exists(deed["path"])),
    "delete": lambda deed: os.unlink(deed["path"]),
    "move": lambda deed: os.rename(deed["path"], deed["target"]),
    "connect": lambda deed: send(socket.SOCK_STREAM, deed),
    "udp": lambda deed: send(socket.SOCK_DGRAM, deed),
    "unix": unix,
    "listen": listen,
    "spawn": spawn,
    "shell": lambda deed: spawn({"argv": ["/bin/sh", "-c", deed["script"]]}),
    "rename": rename,
    "forge": forge,
    "forge-http": forge_http,
    "forge-later": forge_later,
    "forge-to-reader": forge_to_reader,
    "daemon": daemon,
    "memfd": memfd,
    "dropped": dropped,
    "deleted": deleted,
    "agent": agent,
    "receive": receive,
    "give": give,
    "ptrace": ptrace,
    "memory": memory,
}


def perform(deeds):
    """Does each deed in turn and says how it went."""
    for deed in deeds:
        line = {"deed": deed["do"], "pid": os.getpid(), "ok": True}
        try:
            DEEDS[deed["do"]](deed)
        except Exception as error:  # noqa: BLE001 - every failure is reported, none stops the rest
            line.update(ok=bool(deed.get("may_fail")), error=f"{type(error).__name__}: {error}")
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()
        yield line["ok"]


def load(path):
    with open(path) as file:
        return json.load(file)


if __name__ == "__main__":
    sys.exit(0 if all(list(perform(load(sys.argv[1])[sys.argv[2]]))) else 1)
