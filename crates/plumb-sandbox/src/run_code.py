"""Runs one task's code: `run_code.py SPEC`. SPEC is JSON; how it ended is written beside it, as `result.json`."""

import json
import os
import signal
import sys
import threading
import traceback


def end_with_parent(pipe):
    # The emulator holds the other end: when it is gone, or closes it, nothing of this task may go on.
    while os.read(pipe, 1):
        pass
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(9)


def confine(megabytes):
    try:
        import resource
    except ImportError:
        print("plumb: this platform has no limit of memory: none is set", flush=True)
        return
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    except (OSError, ValueError) as why:
        print(f"plumb: no limit of memory is set: {why}", flush=True)


class NotebookExit(BaseException):
    pass


class Widgets:
    def __init__(self, values):
        self.values = dict(values)

    def get(self, name):
        return self.values[name]

    def text(self, name, default="", label=None):
        self.values.setdefault(name, default)


class Notebook:
    def exit(self, value):
        raise NotebookExit(value)


class DbUtils:
    def __init__(self, values):
        self.widgets = Widgets(values)
        self.notebook = Notebook()


def run(spec):
    kind = spec["kind"]
    if kind == "file":
        with open(spec["file"], "rb") as file:
            source = file.read()
        scope = {"__name__": "__main__", "__file__": spec["file"], "__builtins__": __builtins__}
        exec(compile(source, spec["file"], "exec"), scope)
    elif kind == "notebook":
        scope = {"__name__": "__main__", "__builtins__": __builtins__, "dbutils": DbUtils(spec["named"])}
        for number, cell in enumerate(spec["cells"], 1):
            first = cell.lstrip().split("\n", 1)[0]
            if first.startswith(("%", "!")):
                print(f"plumb: cell {number} is not run: {first}", flush=True)
                continue
            exec(compile(cell, f"cell {number}", "exec"), scope)
    else:
        import importlib
        import importlib.metadata as metadata

        point, package = spec["entry_point"], spec["package"]
        try:
            points = metadata.distribution(package).entry_points
        except metadata.PackageNotFoundError:
            points = []
        found = [one for one in points if one.name == point]
        called = found[0].load() if found else getattr(importlib.import_module(package), point)
        called()


def main():
    path = sys.argv[1]
    with open(path, encoding="utf-8") as file:
        spec = json.load(file)
    pipe = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(1, 2)
    threading.Thread(target=end_with_parent, args=(pipe,), daemon=True).start()
    confine(spec["memory_mb"])
    sys.argv = [spec["name"], *spec["arguments"]]
    sys.path[:0] = spec["path"]
    error = trace = value = None
    try:
        run(spec)
    except NotebookExit as end:
        value = str(end.args[0]) if end.args else ""
    except SystemExit as end:
        if end.code not in (None, 0):
            error = f"SystemExit: {end.code}"
    except BaseException as why:
        error = f"{type(why).__name__}: {why}" if str(why) else type(why).__name__
        trace = traceback.format_exc()
        print(trace, end="", flush=True)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    sys.stdout.flush()
    folder = os.path.dirname(path)
    with open(os.path.join(folder, "result.json"), "w", encoding="utf-8") as file:
        json.dump({"error": error, "error_trace": trace, "value": value}, file)
    sys.stdout.flush()
    if hasattr(os, "killpg"):
        # Neither what the task started and left behind.
        os.killpg(0, signal.SIGKILL)
    os._exit(1 if error else 0)


main()
