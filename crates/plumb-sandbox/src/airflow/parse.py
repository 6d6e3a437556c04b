"""Reads DAG files for the sandbox without running them.

Python itself finds the syntax errors. What is left is walked statement by statement: literals, names, a few harmless
functions and the calls that make DAGs and tasks are worked out; everything else becomes an opaque value. No module of
the file is ever imported, so a DAG file can do nothing here. In case it can after all, this process gives up what reading
does not take, and has no environment to show.

The rest of this program is in describe.py, which is appended to this file.

stdin:  {"version": "3.3.2", "missing": ["airflow.providers.amazon"], "files": {"/dags/a.py": "text", ...}}
stdout: {"/dags/a.py": {"dags": [...]} or {"error": "Traceback ..."}, ...}
"""

import _string
import ast
import base64
import datetime
import hashlib
import json
import operator
import string
import sys
import time
import traceback

sys.setrecursionlimit(3000)
MOST_STEPS = 500_000
# Of one file.
MOST_SECONDS = 5
MOST_JSON = 4 << 20
# Of the whole process, in bytes and in seconds of computing.
MOST_MEMORY = 1 << 30
MOST_COMPUTING = 25


def confine():
    """Gives up other files, other processes, and more memory and time than DAG files take."""
    try:
        import resource
    except ImportError:  # Windows has no such limits. The time is the caller's to limit as well.
        return
    for name, most in (("RLIMIT_AS", MOST_MEMORY), ("RLIMIT_CPU", MOST_COMPUTING), ("RLIMIT_FSIZE", 0),
                       ("RLIMIT_NPROC", 0), ("RLIMIT_CORE", 0)):
        try:
            limit = getattr(resource, name)
            _, hard = resource.getrlimit(limit)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(limit, (most, most))
        except (AttributeError, ValueError, OSError):  # Not every system has every one.
            pass


# What comes along with Airflow and its Databricks and Amazon providers.
SHIPPED = {"airflow", "pendulum", "dateutil", "pytz", "jinja2", "attr", "attrs", "sqlalchemy", "requests", "boto3",
           "botocore", "croniter", "pydantic", "yaml", "pandas", "numpy", "databricks", "httpx", "tenacity", "rich",
           "structlog", "packaging", "typing_extensions", "__future__"}


class Failed(Exception):
    """The file fails in Airflow too: the kind of error, and its message."""

    def __init__(self, kind, message, line=None):
        super().__init__(message)
        self.kind, self.message, self.line = kind, message, line


class Opaque:
    """Something that is not worked out. `path` is its dotted name, or empty."""

    def __init__(self, path=""):
        self.path = path


class Call(Opaque):
    """A call of something opaque, with its arguments."""

    def __init__(self, path, args, kwargs):
        super().__init__("")
        self.of, self.args, self.kwargs = path, args, kwargs


class Dag(Opaque):
    def __init__(self, kwargs):
        super().__init__("")
        self.kwargs, self.tasks = kwargs, {}


class Group(Opaque):
    def __init__(self, prefix):
        super().__init__("")
        self.prefix, self.tasks = prefix, []


class Task(Opaque):
    def __init__(self, task_id, operator_path, kwargs, dag):
        super().__init__("")
        self.task_id, self.operator, self.kwargs, self.dag, self.downstream = task_id, operator_path, kwargs, dag, []
        # The operator that its class extends, where the file has a class of its own.
        self.base = operator_path


class Function:
    def __init__(self, node, scope):
        self.node, self.scope = node, scope


# What a task returned, where another one is given it.
XCOM = "airflow.xcom"

PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), range, datetime.datetime, datetime.date,
         datetime.time, datetime.timedelta, datetime.tzinfo)


def is_plain(value):
    """Whether it is a value of the file's own, and no object of this program or of the interpreter."""
    if isinstance(value, dict):
        return all(is_plain(k) and is_plain(v) for k, v in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(is_plain(v) for v in value)
    return isinstance(value, PLAIN)


class Formatter(string.Formatter):
    """`str.format` of plain values. The real one follows attributes, and from any object of the interpreter it is four
    steps to every module that there is; here an attribute is never followed, and what is not plain is `?`."""

    def get_field(self, name, args, kwargs):
        first, rest = _string.formatter_field_name_split(name)
        value = self.get_value(first, args, kwargs)
        for is_attribute, key in rest:
            if is_attribute or not isinstance(value, (dict, list, tuple, str)):
                return Opaque(), first
            value = value[key]
        return value, first

    def convert_field(self, value, conversion):
        return super().convert_field(value, conversion) if is_plain(value) else Opaque()

    def format_field(self, value, spec):
        return super().format_field(value, spec) if is_plain(value) else "?"


def formatted(template):
    return lambda *args, **kwargs: Formatter().vformat(template, args, kwargs)


class Returned(Exception):
    def __init__(self, value):
        self.value = value


class Stop(Exception):
    """`break` and `continue`."""

    def __init__(self, on):
        self.on = on


BUILTINS = {
    "len": len, "str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict, "tuple": tuple,
    "set": set, "frozenset": frozenset, "range": range, "enumerate": enumerate, "zip": zip, "sorted": sorted,
    "reversed": reversed, "min": min, "max": max, "sum": sum, "any": any, "all": all, "abs": abs, "repr": repr,
    "isinstance": None, "print": None, "getattr": None, "setattr": None, "hasattr": None, "globals": None,
    "locals": None, "super": None, "type": None, "object": None, "property": None, "staticmethod": None, "open": None,
    "iter": None, "next": None, "map": None, "filter": None, "round": round, "ord": ord, "chr": chr, "bytes": bytes,
    "format": None, "hash": None, "id": None, "vars": None, "exec": None, "eval": None, "__import__": None,
    "__name__": "dag", "__file__": "", "Exception": Exception, "ImportError": ImportError,
    "ModuleNotFoundError": ModuleNotFoundError, "ValueError": ValueError, "KeyError": KeyError,
    "TypeError": TypeError, "RuntimeError": RuntimeError, "NameError": NameError, "AttributeError": AttributeError,
    "BaseException": BaseException, "NotImplemented": None, "Ellipsis": ...,
}

FUNCTIONS = {
    "json.loads": json.loads, "json.dumps": json.dumps,
    "datetime.timedelta": datetime.timedelta, "datetime.datetime": datetime.datetime,
    "datetime.datetime.fromisoformat": datetime.datetime.fromisoformat,
    "base64.b64decode": base64.b64decode,
}

METHODS = {
    str: {"join", "replace", "split", "rsplit", "strip", "lstrip", "rstrip", "lower", "upper", "title",
          "startswith", "endswith", "splitlines", "partition", "encode", "zfill", "removeprefix", "removesuffix"},
    bytes: {"decode"},
    dict: {"get", "items", "keys", "values", "copy", "update", "pop", "setdefault"},
    list: {"append", "extend", "copy", "index", "pop", "insert", "sort", "reverse"},
    tuple: {"index"},
    set: {"add", "union"},
    datetime.timedelta: {"total_seconds"},
    datetime.datetime: {"isoformat", "replace"},
}

OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.BitOr: operator.or_, ast.BitAnd: operator.and_,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}


class Reader:
    def __init__(self, path, version, missing):
        self.path, self.version, self.major, self.missing = path, version, int(version.split(".")[0]), missing
        self.dags, self.within, self.groups, self.steps, self.line = [], [], [], 0, 1
        # What the classes of the file extend.
        self.bases = {}
        self.until = time.monotonic() + MOST_SECONDS

    # Statements

    def run(self, body, scope):
        for node in body:
            self.line = node.lineno
            self.statement(node, scope)

    def statement(self, node, scope):
        match node:
            case ast.Expr(value=value):
                self.value(value, scope)
            case ast.Assign(targets=targets, value=value):
                value = self.value(value, scope)
                for target in targets:
                    self.assign(target, value, scope)
            case ast.AnnAssign(target=target, value=value):
                if value is not None:
                    self.assign(target, self.value(value, scope), scope)
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                scope[name] = self.combine(op, self.name(name, scope), self.value(value, scope))
            case ast.Import(names=names):
                for alias in names:
                    self.importable(alias.name)
                    name = alias.asname or alias.name.split(".")[0]
                    scope[name] = Opaque(alias.name if alias.asname else name)
            case ast.ImportFrom(module=module, names=names, level=level):
                if level == 0:
                    self.importable(module)
                for alias in names:
                    scope[alias.asname or alias.name] = self.imported(module or "", alias.name)
            case ast.With(items=items, body=body):
                entered = []
                for item in items:
                    value = self.value(item.context_expr, scope)
                    if isinstance(value, Dag):
                        self.within.append(value)
                        entered.append(self.within)
                    elif isinstance(value, Group):
                        self.groups.append(value)
                        entered.append(self.groups)
                    if item.optional_vars is not None:
                        self.assign(item.optional_vars, value, scope)
                self.run(body, scope)
                for stack in entered:
                    stack.pop()
            case ast.If(test=test, body=body, orelse=orelse):
                truth = self.value(test, scope)
                # What cannot be known is taken to be true.
                self.run(body if isinstance(truth, Opaque) or truth else orelse, scope)
            case ast.For(target=target, iter=source, body=body):
                for item in self.items(self.value(source, scope)):
                    self.step()
                    self.assign(target, item, scope)
                    try:
                        self.run(body, scope)
                    except Stop as stop:
                        if not stop.on:
                            break
            case ast.Break() | ast.Continue():
                raise Stop(isinstance(node, ast.Continue))
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
                try:
                    self.run(body, scope)
                    self.run(orelse, scope)
                except Failed as failed:
                    for handler in handlers:
                        if self.catches(handler.type, failed.kind):
                            self.run(handler.body, scope)
                            break
                    else:
                        raise
                finally:
                    self.run(final, scope)
            case ast.Raise(exc=exc):
                raise self.raised(exc, scope)
            case ast.Assert(test=test):
                if not self.value(test, scope):
                    raise Failed("AssertionError", "")
            case ast.FunctionDef(name=name):
                for decorator in node.decorator_list:
                    self.value(decorator, scope)
                scope[name] = Opaque(name) if node.decorator_list else Function(node, scope)
            case ast.ClassDef(name=name, bases=bases):
                # Airflow imports a file by this name (airflow/utils/file.py, get_unique_dag_module_name).
                stem = self.path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
                module = f"unusual_prefix_{hashlib.sha1(self.path.encode()).hexdigest()}_{stem}"
                above = [getattr(self.value(base, scope), "path", "") for base in bases]
                self.bases[f"{module}.{name}"] = self.bases.get(above[0], above[0]) if above else ""
                scope[name] = Opaque(f"{module}.{name}")
            case ast.AsyncFunctionDef(name=name):
                scope[name] = Opaque(name)
            case ast.Return(value=value):
                raise Returned(None if value is None else self.value(value, scope))
            case ast.Delete(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Name):
                        scope.pop(target.id, None)

    def assign(self, target, value, scope):
        match target:
            case ast.Name(id=name):
                scope[name] = value
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                values = self.items(value) if not isinstance(value, Opaque) else [Opaque()] * len(targets)
                for one, part in zip(targets, values):
                    self.assign(one, part, scope)
            case ast.Subscript(value=of, slice=key):
                holder = self.value(of, scope)
                if isinstance(holder, (dict, list)):
                    holder[self.value(key, scope)] = value

    def importable(self, module):
        top = module.split(".")[0]
        if self.major < 3 and (module == "airflow.sdk" or module.startswith("airflow.sdk.")):
            raise Failed("ModuleNotFoundError", "No module named 'airflow.sdk'")
        for name in self.missing:
            if module == name or module.startswith(f"{name}."):
                raise Failed("ModuleNotFoundError", f"No module named '{name}'")
        if top not in SHIPPED and top not in sys.stdlib_module_names:
            raise Failed("ModuleNotFoundError", f"No module named '{top}'")

    def imported(self, module, name):
        if module in ("airflow", "airflow.version") and name in ("__version__", "version"):
            return self.version
        return Opaque(f"{module}.{name}")

    def catches(self, node, kind):
        if node is None:
            return True
        names = [n.id for n in (node.elts if isinstance(node, ast.Tuple) else [node]) if isinstance(n, ast.Name)]
        above = {"ModuleNotFoundError": ["ImportError"], "KeyError": ["LookupError"]}.get(kind, [])
        return any(name in [kind, "Exception", "BaseException", *above] for name in names)

    def raised(self, node, scope):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            words = [str(self.value(arg, scope)) for arg in node.args]
            return Failed(node.func.id, ", ".join(words))
        return Failed(node.id if isinstance(node, ast.Name) else "Exception", "")

    # Expressions

    def step(self):
        self.steps += 1
        if self.steps > MOST_STEPS or time.monotonic() > self.until:
            raise Failed("airflow.exceptions.AirflowTaskTimeout", "DagBag import timeout for " + self.path)

    def items(self, value):
        return [] if isinstance(value, (Opaque, Function)) else list(value)

    def name(self, name, scope):
        if name in scope:
            return scope[name]
        if name in BUILTINS:
            return Opaque(name) if BUILTINS[name] is None else BUILTINS[name]
        raise Failed("NameError", f"name '{name}' is not defined")

    def value(self, node, scope):
        self.step()
        if hasattr(node, "lineno"):
            self.line = node.lineno
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.name(name, scope)
            case ast.List(elts=elts):
                return self.elements(elts, scope)
            case ast.Tuple(elts=elts):
                return tuple(self.elements(elts, scope))
            case ast.Set(elts=elts):
                return {v for v in self.elements(elts, scope) if not isinstance(v, (dict, list))}
            case ast.Dict(keys=keys, values=values):
                made = {}
                for key, value in zip(keys, values):
                    value = self.value(value, scope)
                    if key is None:
                        made.update({} if isinstance(value, Opaque) else value)
                    else:
                        made[self.value(key, scope)] = value
                return made
            case ast.JoinedStr(values=values):
                return "".join(self.text(v, scope) for v in values)
            case ast.FormattedValue():
                return self.text(node, scope)
            case ast.Attribute(value=of, attr=attr):
                return self.attribute(self.value(of, scope), attr)
            case ast.Subscript(value=of, slice=key):
                return self.subscript(self.value(of, scope), self.value(key, scope))
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*(None if part is None else self.value(part, scope) for part in (lower, upper, step)))
            case ast.Call():
                return self.call(node, scope)
            case ast.BinOp(left=left, op=op, right=right):
                return self.combine(op, self.value(left, scope), self.value(right, scope))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.combine(op, self.value(left, scope), self.value(right, scope))
            case ast.BoolOp(op=op, values=values):
                value = None
                for part in values:
                    value = self.value(part, scope)
                    if bool(value) == isinstance(op, ast.Or):
                        break
                return value
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                value = self.value(operand, scope)
                return Opaque() if isinstance(value, Opaque) else not value
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value = self.value(operand, scope)
                return Opaque() if isinstance(value, Opaque) else -value
            case ast.IfExp(test=test, body=body, orelse=orelse):
                truth = self.value(test, scope)
                return self.value(body if isinstance(truth, Opaque) or truth else orelse, scope)
            case ast.ListComp(elt=elt, generators=generators) | ast.GeneratorExp(elt=elt, generators=generators):
                return [self.value(elt, inner) for inner in self.scopes(generators, scope)]
            case ast.SetComp(elt=elt, generators=generators):
                return {self.value(elt, inner) for inner in self.scopes(generators, scope)}
            case ast.DictComp(key=key, value=value, generators=generators):
                return {self.value(key, inner): self.value(value, inner) for inner in self.scopes(generators, scope)}
            case ast.NamedExpr(target=target, value=value):
                value = self.value(value, scope)
                self.assign(target, value, scope)
                return value
            case ast.Starred(value=value):
                return self.value(value, scope)
        return Opaque()

    def elements(self, nodes, scope):
        made = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                made.extend(self.items(self.value(node.value, scope)))
            else:
                made.append(self.value(node, scope))
        return made

    def scopes(self, generators, scope):
        first, *rest = generators
        for item in self.items(self.value(first.iter, scope)):
            inner = dict(scope)
            self.assign(first.target, item, inner)
            if all(self.value(test, inner) for test in first.ifs):
                if rest:
                    yield from self.scopes(rest, inner)
                else:
                    yield inner

    def text(self, node, scope):
        if isinstance(node, ast.FormattedValue):
            value = self.value(node.value, scope)
            if not is_plain(value):
                return "?"
            value = {114: repr, 115: str, 97: ascii}.get(node.conversion, lambda v: v)(value)
            return format(value, self.text(node.format_spec, scope) if node.format_spec else "")
        return str(self.value(node, scope))

    def attribute(self, of, attr):
        if isinstance(of, Task) and attr == "output":
            return Call(XCOM, [of.task_id], {})
        if isinstance(of, (Dag, Task, Group)):
            return (of, attr)
        if isinstance(of, Opaque):
            path = f"{of.path}.{attr}" if of.path else ""
            return Opaque(path)
        if isinstance(of, str) and attr == "format":
            return formatted(of)
        if attr in METHODS.get(type(of), ()):
            return getattr(of, attr)
        if attr.startswith("_"):
            return Opaque()
        if isinstance(of, (str, bytes, dict, list, tuple, set, int, float)) and not hasattr(of, attr):
            raise Failed("AttributeError", f"'{type(of).__name__}' object has no attribute '{attr}'")
        return Opaque()

    def subscript(self, of, key):
        if isinstance(of, (Opaque, Function)) or isinstance(key, Opaque):
            return Opaque()
        try:
            return of[key]
        except (KeyError, IndexError, TypeError) as error:
            raise Failed(type(error).__name__, str(error)) from error

    def combine(self, op, left, right):
        if isinstance(op, (ast.RShift, ast.LShift)):
            first, then = (left, right) if isinstance(op, ast.RShift) else (right, left)
            self.chain(first, then)
            return right
        if isinstance(left, Opaque) or isinstance(right, Opaque) or type(op) not in OPERATORS:
            return Opaque()
        if isinstance(op, ast.Mod) and isinstance(left, (str, bytes)) and not is_plain(right):
            return Opaque()
        try:
            return OPERATORS[type(op)](left, right)
        except (TypeError, ValueError, ZeroDivisionError) as error:
            raise Failed(type(error).__name__, str(error)) from error

    def members(self, value):
        if isinstance(value, Task):
            return [value]
        if isinstance(value, Group):
            return value.tasks
        if isinstance(value, (list, tuple, set)):
            return [task for part in value for task in self.members(part)]
        return []

    def chain(self, first, then):
        for above in self.members(first):
            for below in self.members(then):
                if below.task_id not in above.downstream:
                    above.downstream.append(below.task_id)

    def call(self, node, scope):
        function = self.value(node.func, scope)
        args, kwargs = self.elements(node.args, scope), {}
        for keyword in node.keywords:
            value = self.value(keyword.value, scope)
            if keyword.arg is None:
                kwargs.update(value if isinstance(value, dict) else {})
            else:
                kwargs[keyword.arg] = value
        self.line = node.lineno
        if isinstance(function, Function):
            return self.function(function, args, kwargs)
        if isinstance(function, tuple) and len(function) == 2:
            return self.method(*function, args)
        if isinstance(function, Opaque):
            return self.opaque(function.path, args, kwargs)
        if not callable(function):
            raise Failed("TypeError", f"'{type(function).__name__}' object is not callable")
        if function in (str, repr, bytes) and not is_plain(args):
            return Opaque()
        # Opaque parts may stand inside of what harmless functions only pass on.
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if any(isinstance(arg, Opaque) for arg in [*args, *kwargs.values()]):
                return Opaque()
            raise Failed(type(error).__name__, str(error)) from error

    def function(self, function, args, kwargs):
        inner, spec = dict(function.scope), function.node.args
        names = [a.arg for a in [*spec.posonlyargs, *spec.args]]
        for name, default in zip(names[len(names) - len(spec.defaults):], spec.defaults):
            inner[name] = self.value(default, function.scope)
        for name, default in zip([a.arg for a in spec.kwonlyargs], spec.kw_defaults):
            if default is not None:
                inner[name] = self.value(default, function.scope)
        inner.update(zip(names, args))
        if spec.vararg:
            inner[spec.vararg.arg] = tuple(args[len(names):])
        known = {*names, *(a.arg for a in spec.kwonlyargs)}
        inner.update({k: v for k, v in kwargs.items() if k in known})
        if spec.kwarg:
            inner[spec.kwarg.arg] = {k: v for k, v in kwargs.items() if k not in known}
        inner[function.node.name] = function
        try:
            self.run(function.node.body, inner)
        except Returned as returned:
            return returned.value
        return None

    def method(self, of, name, args):
        if name in ("set_downstream", "set_upstream") and args:
            self.chain(*((of, args[0]) if name == "set_downstream" else (args[0], of)))
        return Opaque()

    def opaque(self, path, args, kwargs):
        plain = not any(isinstance(v, (Opaque, Function)) for v in [*args, *kwargs.values()])
        if path in FUNCTIONS and plain:
            try:
                return FUNCTIONS[path](*args, **kwargs)
            except Exception as error:
                kind = type(error)
                name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
                raise Failed(name, str(error)) from error
        last = path.rsplit(".", 1)[-1]
        if path.startswith("airflow.") and last == "DAG":
            return self.dag(args, kwargs)
        if last == "TaskGroup":
            return self.group(args, kwargs)
        if last in ("chain", "cross_downstream") and path.startswith("airflow."):
            for first, then in zip(args, args[1:]):
                self.chain(first, then)
            return None
        if "task_id" in kwargs and last[:1].isupper():
            return self.task(path, kwargs)
        return Call(path, args, kwargs)

    # What Airflow makes of it

    def dag(self, args, kwargs):
        if args:
            kwargs = {"dag_id": args[0], **kwargs}
        if self.major >= 3:
            for gone in ("schedule_interval", "timetable", "concurrency", "default_view", "orientation",
                         "sla_miss_callback", "full_filepath"):
                if gone in kwargs:
                    raise Failed("TypeError", f"DAG.__init__() got an unexpected keyword argument '{gone}'")
        dag_id = kwargs.get("dag_id")
        if not isinstance(dag_id, str):
            raise Failed("TypeError", "DAG.__init__() missing 1 required positional argument: 'dag_id'")
        if not dag_id or not all(c.isalnum() or c in "_.-" for c in dag_id):
            raise Failed("ValueError", f"The key {dag_id!r} has to be made of alphanumeric characters, dashes, dots, "
                                       "and underscores exclusively")
        for tag in self.items(kwargs.get("tags") or []):
            if isinstance(tag, str) and len(tag) > 100:
                raise Failed("airflow.exceptions.AirflowException", "tag cannot be longer than 100 characters")
        dag = Dag(kwargs)
        self.dags.append(dag)
        return dag

    def group(self, args, kwargs):
        name = kwargs.get("group_id", args[0] if args else "")
        above = self.groups[-1].prefix if self.groups else ""
        own = f"{name}." if kwargs.get("prefix_group_id", True) and isinstance(name, str) else ""
        return Group(above + own)

    def task(self, path, kwargs):
        dag = kwargs.get("dag") if isinstance(kwargs.get("dag"), Dag) else (self.within[-1] if self.within else None)
        prefix = self.groups[-1].prefix if self.groups else ""
        task = Task(f"{prefix}{kwargs['task_id']}", path, kwargs, dag)
        task.base = self.bases.get(path) or path
        for group in self.groups:
            group.tasks.append(task)
        if dag is not None:
            if task.task_id in dag.tasks:
                kind = "airflow.sdk.exceptions" if self.major >= 3 else "airflow.exceptions"
                words = f"Task id '{task.task_id}' has already been added to the DAG"
                raise Failed(f"{kind}.DuplicateTaskIdFound", words)
            dag.tasks[task.task_id] = task
        return task
