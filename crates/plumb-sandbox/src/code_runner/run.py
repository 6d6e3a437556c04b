"""Runs the code of one task: `run.py SPEC`. What came of it is written beside SPEC, as `result.json`."""

import json
import linecache
import os
import signal
import sys
import threading
import traceback
import types

OWN = __file__
# Cells of another language, and of no code at all.
WHOLE = ("sql", "scala", "r", "sh", "fs", "run", "md-sandbox")


def say(text):
    print(f"plumb: {text}", flush=True)


def end_with_sandbox(pipe):
    # The sandbox holds the other end, also when it is killed: nothing of this task may outlive it.
    while os.read(pipe, 1):
        pass
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(9)


def confine(megabytes):
    try:
        import resource
    except ImportError:
        return say("this platform has no limit of memory: none is set")
    if sys.platform == "darwin":
        say("macOS does not keep to limits of memory")
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    except (OSError, ValueError) as why:
        say(f"no limit of memory is set: {why}")


class NotebookExit(BaseException):
    """Not an Exception: `except Exception` in a notebook must not keep it from ending."""


class Widgets:
    def __init__(self, values):
        self._values = dict(values)

    def get(self, name):
        if name not in self._values:
            raise ValueError(f"InputWidgetNotDefined: No input widget named {name} is defined")
        return self._values[name]

    def getAll(self):
        return dict(self._values)

    def text(self, name, defaultValue="", label=None):
        self._values.setdefault(name, defaultValue)

    def dropdown(self, name, defaultValue="", choices=(), label=None):
        self.text(name, defaultValue)

    combobox = multiselect = dropdown

    def remove(self, name):
        self._values.pop(name, None)

    def removeAll(self):
        self._values.clear()


class Notebook:
    def exit(self, value):
        raise NotebookExit(str(value))


class DbUtils:
    def __init__(self, values):
        self.widgets = Widgets(values)
        self.notebook = Notebook()


def python_of(number, cell):
    """The Python of a cell, with as many lines as the cell; None where it is in another language."""
    lines = cell.split("\n")
    for at, line in enumerate(lines):
        if not line.strip():
            continue
        word = line.split()[0]
        if word == "%md":
            return None
        if word == "%python":
            lines[at] = ""
        elif word.startswith("%%") or word[1:] in WHOLE and word.startswith("%"):
            say(f"cell {number} was not run: {line.strip()}")
            return None
        break
    for at, line in enumerate(lines):
        if line.startswith(("%", "!")):
            say(f"a line of cell {number} was not run: {line.strip()}")
            lines[at] = ""
    return "\n".join(lines)


def show(*values, **_):
    print(*values, sep="\n")


def run(spec, scope):
    kind = spec["kind"]
    if kind == "file":
        with open(spec["file"], "rb") as file:
            source = file.read()
        scope["__file__"] = spec["file"]
        exec(compile(source, spec["file"], "exec", dont_inherit=True), scope)
    elif kind == "notebook":
        scope.update(dbutils=DbUtils(spec["widgets"]), display=show)
        for number, cell in enumerate(spec["cells"], 1):
            source = python_of(number, cell)
            if source is None:
                continue
            name = f"cell {number}"
            # So that a traceback shows the line.
            linecache.cache[name] = (len(source), None, source.splitlines(True), name)
            exec(compile(source, name, "exec", dont_inherit=True), scope)
    else:
        import importlib
        import importlib.metadata as metadata

        package, point = spec["package"], spec["entry_point"]
        try:
            points = [one for one in metadata.distribution(package).entry_points if one.name == point]
        except metadata.PackageNotFoundError:
            points = []
        called = points[0].load() if points else getattr(importlib.import_module(package), point)
        called()


def trace():
    kind, why, tb = sys.exc_info()
    while tb is not None and tb.tb_frame.f_code.co_filename == OWN:
        tb = tb.tb_next
    return "".join(traceback.format_exception(kind, why, tb))


def main():
    path = sys.argv[1]
    with open(path, encoding="utf-8") as file:
        spec = json.load(file)
    pipe = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(1, 2)
    for note in spec["notes"]:
        say(note)
    threading.Thread(target=end_with_sandbox, args=(pipe,), daemon=True).start()
    sys.argv = [spec["name"], *spec["arguments"]]
    sys.path[:0] = spec["path"]
    # The code is `__main__`, not this file.
    module = types.ModuleType("__main__")
    kept = sys.modules["__main__"]
    sys.modules["__main__"] = module
    confine(spec["memory_mb"])
    error = value = told = None
    try:
        run(spec, module.__dict__)
    except NotebookExit as end:
        value = end.args[0]
    except SystemExit as end:
        if end.code not in (None, 0):
            error, told = f"SystemExit: {end.code}", trace()
    except BaseException as why:
        words = str(why)
        error, told = type(why).__name__ + (f": {words}" if words else ""), trace()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    del kept
    with open(os.path.join(os.path.dirname(path), "result.json"), "w", encoding="utf-8") as file:
        json.dump({"error": error, "error_trace": told, "value": value}, file)
    # Not by way of what the code left behind: threads, exit handlers.
    os._exit(1 if error else 0)


main()
