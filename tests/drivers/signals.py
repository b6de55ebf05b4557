"""Says which signals reach it: prints `up`, then the name of each; ends with status 7 at SIGTERM."""

import os
import signal
import sys


def say(text):
    os.write(1, text.encode() + b"\n")


def handler(number, _):
    say(signal.Signals(number).name)
    if number == signal.SIGTERM:
        sys.exit(7)


for name in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGWINCH):
    signal.signal(name, handler)
say("up")
while True:
    signal.pause()
