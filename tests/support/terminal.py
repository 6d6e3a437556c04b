"""Runs a command on a terminal of its own, and says what was shown on it.

The one argument is JSON: `command`, `env`, `folder`, `rows`, `columns`, and `answers`: pairs of a text to wait for and of what
is typed then. Prints everything that the terminal got; ends with the command's exit code.
"""

import fcntl
import json
import os
import pty
import struct
import sys
import termios

asked = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    # Before the command asks for it.
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", asked["rows"], asked["columns"], 0, 0))
    os.chdir(asked["folder"])
    os.execve(asked["command"][0], asked["command"], asked["env"])
shown, answers = b"", list(asked["answers"])
while True:
    try:
        part = os.read(terminal, 65536)
    except OSError:
        break
    if not part:
        break
    shown += part
    while answers and answers[0][0].encode() in shown:
        os.write(terminal, answers.pop(0)[1].encode())
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(status))
