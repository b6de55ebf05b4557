"""Runs a command on a terminal of its own, presses a key once it says `up`, and passes on what it prints.

    terminal.py KEY COMMAND [ARGUMENT…]      KEY: a letter, pressed together with Ctrl

Exits as the command did; 128 + the signal where one ended it.
"""

import fcntl
import os
import pty
import signal
import struct
import sys
import termios

key, command = bytes([ord(sys.argv[1]) & 0x1F]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    # whoever runs this in the background has it ignored, and a shell can't trap what was
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
pressed = False
seen = b""
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:  # the other side is closed
        break
    if not data:
        break
    seen += data
    os.write(1, data)
    if not pressed and b"up" in seen:
        pressed = True
        os.write(terminal, key)
_, status = os.waitpid(pid, 0)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
