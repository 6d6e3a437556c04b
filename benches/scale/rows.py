"""The rows of the table: what each does, at which sizes, and what it may take."""
import json, math, shutil, subprocess

import projects
from servers import Delay, Sandbox, environment, measure

LATENCY = 50
PAGE = 100
APPLY = ["apply", "--yes", "--override", "max-deletes", "--override", "max-change-percent"]


class Broken(Exception):
    """A run that did not do what it was measured for."""


class World:
    """The binary, a scratch folder, and the workspaces that rows share."""

    def __init__(self, plumb, scratch, seconds):
        self.plumb, self.scratch, self.seconds = plumb, scratch, seconds
        (scratch / "home").mkdir(exist_ok=True)
        self.live = {}
        # The servers are this machine's own.
        usage = subprocess.run([plumb, "plan", "--help"], capture_output=True, text=True, check=True).stdout
        self.pace = ["--pace", "none"] if "--pace" in usage else []

    def run(self, project, *words, url=None, emr=None, codes=(0,), says=None, times=None):
        """Runs plumb in a project, and sees that it did what it was to do: nothing is fast because it said less. `times` is a
        text and how often it has to be there."""
        ran = measure([self.plumb, *words, *self.pace], project, self.scratch, environment(self.scratch / "home", url, emr), self.seconds)
        if ran.ended:
            return ran
        if ran.code not in codes or (says and says not in ran.out + ran.err):
            tail = "\n".join((ran.out + ran.err).splitlines()[-15:])
            raise Broken(f"plumb {' '.join(words)}: exit {ran.code}, expected {codes} and `{says}`:\n{tail}")
        if times and ran.out.count(times[0]) != times[1]:
            raise Broken(f"plumb {' '.join(words)}: `{times[0]}` is there {ran.out.count(times[0])} times, expected {times[1]}")
        return ran

    def project(self, count, timeout=3600):
        return projects.project(self.scratch / f"jobs-{count}", count, timeout)

    def workspace(self, count):
        """A workspace that a project of so many jobs was applied to. A row that changes it takes it out."""
        if count not in self.live:
            self.live[count] = self.applied(self.project(count))
        return self.live[count]

    def applied(self, project, *words):
        """A workspace of its own that a project was applied to."""
        sandbox = Sandbox(self.plumb)
        try:
            if self.run(project, *APPLY, *words, url=sandbox.url).ended:
                raise Broken(f"what is there to begin with could not be applied in {self.seconds} s")
        except BaseException:
            sandbox.stop()
            raise
        return sandbox

    def keep(self, count, sandbox):
        """Takes a workspace over that was applied just now."""
        if count in self.live:
            sandbox.stop()
        else:
            self.live[count] = sandbox

    def close(self):
        for sandbox in self.live.values():
            sandbox.stop()


def share(count, known):
    """A limit at a size that has none of its own: in proportion to that of the next larger size, and what a start takes."""
    if count in known:
        return known[count]
    larger = min((size for size in known if size > count), default=max(known))
    return round(known[larger] * count / larger + 0.1, 2)


def memory(count, most, at):
    """The same in megabytes: a start takes 60."""
    return most if count == at else round(60 + (most - 60) * count / at)


def took(ran, sandbox=None, **more):
    facts = {"cpu": ran.cpu, "wall": ran.wall, "mb": ran.mb, "ended": ran.ended}
    if sandbox:
        facts["requests"], by = sandbox.asked()
        facts["by"] = dict(by.most_common(6))
    return facts | more


class Row:
    """A row: `prepare` once for a size, `run` three times, `limits` of the medians as (fact, at most)."""

    name, work, full, small, growth = "", "", (), (), ()
    # Facts beside CPU, wall and memory that have a column: name and heading.
    shows = ()

    def prepare(self, world, count):
        pass

    def limits(self, count):
        return []


class Validate(Row):
    name, work = "validate", "validate, {} files"
    full, small, growth = (1_000, 10_000), (100, 1_000), ("cpu",)

    def prepare(self, world, count):
        return world.project(count)

    def run(self, world, count, project):
        return took(world.run(project, "validate"))

    def limits(self, count):
        return [("cpu", share(count, {10_000: 1.0})), ("mb", memory(count, 150, 10_000))]


class Plan(Row):
    name, work = "plan", "plan, nothing to do, {} jobs"
    full, small, growth = (1_000, 10_000), (100, 1_000), ("cpu", "requests")

    def prepare(self, world, count):
        return world.workspace(count), world.project(count)

    def run(self, world, count, prepared):
        sandbox, project = prepared
        sandbox.forget()
        ran = world.run(project, "plan", "--detailed-exitcode", url=sandbox.url, says=f"{count} resources up to date")
        return took(ran, sandbox)

    def limits(self, count):
        # A page holds 100 jobs; what is beside the pages does not grow.
        requests = 110 if count == 10_000 else count // PAGE + 10
        return [("cpu", share(count, {1_000: 0.3, 10_000: 2.5})), ("mb", memory(count, 250, 10_000)), ("requests", requests)]


class Code(Row):
    name, work = "code", "plan, nothing to do, a job of {} files of 20 KB in 5 folders"
    full, small, growth = (500, 5_000), (50, 500), ("cpu",)

    def prepare(self, world, count):
        project = projects.with_code(world.scratch / f"code-{count}", count)
        return world.applied(project), project

    def run(self, world, count, prepared):
        sandbox, project = prepared
        sandbox.forget()
        ran = world.run(project, "plan", "--detailed-exitcode", url=sandbox.url, says="1 resource up to date")
        return took(ran, sandbox)

    def restore(self, world, count, prepared):
        prepared[0].stop()

    def limits(self, count):
        # The listing of jobs, that of the trees, and one of each folder of the tree: no file is asked for.
        return [("cpu", share(count, {5_000: 0.6})), ("requests", 12)]


class PlanFar(Plan):
    name, work = "plan-50ms", "the same at 50 ms a request, {} jobs"
    growth = ()

    def run(self, world, count, prepared):
        sandbox, project = prepared
        delay = Delay(sandbox, LATENCY)
        try:
            sandbox.forget()
            ran = world.run(project, "plan", "--detailed-exitcode", url=delay.url, says=f"{count} resources up to date")
        finally:
            delay.stop()
        return took(ran, sandbox)

    def limits(self, count):
        # Of a single page, the start is as long as the request.
        start = 0.1 if count < 1_000 else 0
        return [("wall", round(1.15 * math.ceil(count / PAGE) * LATENCY / 1000 + start, 3))]


class Change(Row):
    name, work = "change", "change of all {} jobs at 50 ms a request"
    full, small = (1_000,), (100,)
    shows = (("each", "requests an object"),)

    def prepare(self, world, count):
        return world.workspace(count), world.project(count), [3600]

    def run(self, world, count, prepared):
        sandbox, project, timeout = prepared
        timeout[0] += 60
        projects.change(project, count, timeout[0])
        delay = Delay(sandbox, LATENCY)
        try:
            sandbox.forget()
            ran = world.run(project, *APPLY, url=delay.url)
        finally:
            delay.stop()
        facts = took(ran, sandbox)
        return facts | {"each": facts["requests"] / count}

    def restore(self, world, count, prepared):
        # It is not any more what others take it for.
        world.live.pop(count).stop()

    def limits(self, count):
        # At a hundred jobs what is asked once (the lease, the pages) is a part of it.
        return [("each", 2.2 if count >= 1_000 else 2.5)]


class Creates(Row):
    name, work = "creates", "plan of {} creates"
    full, small, growth = (1_000, 10_000), (100, 1_000), ("cpu",)

    def prepare(self, world, count):
        return world.project(count), Sandbox(world.plumb)

    def run(self, world, count, prepared):
        project, sandbox = prepared
        sandbox.forget()
        told = (": Change 0", count)
        return took(world.run(project, "plan", url=sandbox.url, says=f"{count} to create", times=told), sandbox)

    def restore(self, world, count, prepared):
        prepared[1].stop()

    def limits(self, count):
        return [("cpu", share(count, {10_000: 6.0})), ("mb", memory(count, 500, 10_000))]


class History(Row):
    """Jobs that were applied some commits ago, each of which was changed by one commit since."""

    name, work = "history", "plan of 200 changes in a repository of {} commits"
    full, small, growth = (300, 3_000), (300, 1_000), ("cpu",)
    CHANGES = 200

    def prepare(self, world, count):
        jobs = 1_000 if count >= 3_000 else 300
        project = projects.project(world.scratch / f"history-{count}", jobs, commits=count)
        projects.git(project, "checkout", "--quiet", f"main~{self.CHANGES}")
        sandbox = world.applied(project, "--override", "branch")
        projects.git(project, "checkout", "--quiet", "main")
        return project, sandbox

    def run(self, world, count, prepared):
        project, sandbox = prepared
        sandbox.forget()
        told = (": Change ", self.CHANGES)
        return took(world.run(project, "plan", url=sandbox.url, says=f"{self.CHANGES} to update", times=told), sandbox)

    def restore(self, world, count, prepared):
        prepared[1].stop()
        shutil.rmtree(prepared[0])

    def limits(self, count):
        return [("cpu", share(count, {300: 0.5, 1_000: 0.6, 3_000: 1.0}))]


class Deletes(Row):
    name, work = "deletes", "plan of {} deletes"
    full, small, growth = (300, 2_000, 3_000), (100, 1_000), ("cpu",)

    def prepare(self, world, count):
        sandbox, project = world.workspace(count), world.project(count)
        projects.remove(project)
        return sandbox, project

    def run(self, world, count, prepared):
        sandbox, project = prepared
        sandbox.forget()
        ran = world.run(project, "plan", url=sandbox.url, codes=(0, 3), says=f"{count} to delete",
                        times=("will be deleted", count))
        return took(ran, sandbox)

    def limits(self, count):
        return [("cpu", share(count, {2_000: 1.0, 3_000: 1.5}))]


class Apply(Row):
    name, work = "apply", "apply of {} creates"
    full, small, growth = (1_000, 10_000), (100, 1_000), ("cpu", "requests")
    shows = (("each", "requests an object"),)

    def prepare(self, world, count):
        return world.project(count), []

    def run(self, world, count, prepared):
        project, last = prepared
        while last:
            last.pop().stop()
        sandbox = Sandbox(world.plumb)
        last.append(sandbox)
        ran = world.run(project, *APPLY, url=sandbox.url)
        facts = took(ran, sandbox)
        return facts | {"each": facts["requests"] / count, "server": sandbox.cpu()}

    def restore(self, world, count, prepared):
        for sandbox in prepared[1]:
            if self.whole:
                world.keep(count, sandbox)
            else:
                sandbox.stop()

    def limits(self, count):
        # One call an object, the pages before and after, and what the lease takes.
        pages = 2 * math.ceil(count / PAGE) + 30
        return [("cpu", share(count, {1_000: 1.5, 10_000: 15.0})), ("requests", count + pages)]


class Embedded(Row):
    """The same project on a target with `sandbox: true`, and on a sandbox in a process of its own; which is first changes."""

    name, work = "sandbox", "apply of {} creates, `sandbox: true`"
    full, small = (1_000,), (100,)
    shows = (("times", "× a separate sandbox"),)

    def prepare(self, world, count):
        return world.project(count)

    def run(self, world, count, project):
        shutil.rmtree(project / ".plumb", ignore_errors=True)
        sandbox = Sandbox(world.plumb)
        try:
            apart = world.run(project, *APPLY, url=sandbox.url)
        finally:
            sandbox.stop()
        ran = world.run(project, *APPLY, "--target", "sand")
        return took(ran, times=ran.wall / apart.wall)

    def limits(self, count):
        return [("times", 1.5)]


class Emr(Row):
    name, work = "emr", "EMR inventory, {} ended clusters of 6 pipelines"
    full, small, growth = (200, 2_000), (200,), ()

    def prepare(self, world, count):
        seed = world.scratch / "emr.json"
        seed.write_text(json.dumps(projects.emr_seed(count)))
        sandbox = Sandbox(world.plumb, ["--emr", "empty", "--seed", str(seed)])
        return sandbox, projects.emr_project(world.scratch / "emr")

    def run(self, world, count, prepared):
        sandbox, project = prepared
        sandbox.forget()
        return took(world.run(project, "emr", "inventory", emr=sandbox.emr, says="pipeline-a"), sandbox)

    def restore(self, world, count, prepared):
        prepared[0].stop()

    def limits(self, count):
        return [("requests", 150)]


ROWS = [Validate, Apply, Plan, PlanFar, Code, Deletes, Change, Creates, History, Embedded, Emr]
