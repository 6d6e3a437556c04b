"""Runs a command and says what it took: `measure.py SECONDS FILE COMMAND…` writes one line of JSON to FILE.

It is a process of its own, because the memory that is counted of a child begins with what its parent holds.
"""
import json, os, signal, sys, threading, time


def main():
    seconds, out, command = float(sys.argv[1]), sys.argv[2], sys.argv[3:]
    ended = []
    began = time.monotonic()
    child = os.posix_spawnp(command[0], command, os.environ)

    def end():
        ended.append(True)
        os.kill(child, signal.SIGKILL)

    timer = threading.Timer(seconds, end)
    timer.start()
    _, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - began
    timer.cancel()
    with open(out, "w") as file:
        json.dump({
            "cpu": usage.ru_utime + usage.ru_stime, "wall": wall, "mb": usage.ru_maxrss / 1024,
            "code": os.waitstatus_to_exitcode(status), "ended": bool(ended),
        }, file)


main()
