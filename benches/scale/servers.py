"""Servers in processes of their own, the commands that are measured on them, and what they were asked."""
import collections, json, os, re, statistics, subprocess, sys, urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Sandbox:
    """`plumb sandbox` on a free port."""

    def __init__(self, plumb, options=()):
        self.child = subprocess.Popen([plumb, "sandbox", *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        addresses = json.loads(self.child.stdout.readline() or "{}")
        if not addresses:
            raise SystemExit("plumb sandbox did not start")
        self.url, self.emr = addresses["databricks"], addresses.get("emr")

    def send(self, method, path):
        with urllib.request.urlopen(urllib.request.Request(self.url + path, method=method), timeout=120) as answer:
            return json.load(answer)

    def forget(self):
        self.send("DELETE", "/_sandbox/requests")

    def asked(self):
        """How many requests came since `forget`, and how many of each of those that are still known (the last 20,000)."""
        entries = self.send("GET", "/_sandbox/requests")
        operation = lambda entry: re.sub(r"/[0-9]{6,}", "/ID", re.sub(r"(/workspace-files/import-file)/.*", r"\1", entry["path"]))
        counted = collections.Counter(operation(entry) for entry in entries)
        return (entries[-1]["n"] if entries else 0), counted

    def refused(self):
        """What the sandbox does not serve or had not, as path and status: why a program cannot work on it."""
        entries = self.send("GET", "/_sandbox/requests")
        return sorted({(f"{entry['method']} {entry['path']}", entry["status"]) for entry in entries if entry["status"] in (404, 501)})[:20]

    def cpu(self):
        """CPU seconds of the server so far."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.child.kill()
        self.child.wait()


class Delay:
    """A server before a sandbox's, which lets each request wait."""

    def __init__(self, sandbox, milliseconds):
        port = sandbox.url.rsplit(":", 1)[1]
        command = [sys.executable, str(HERE / "delay.py"), port, str(milliseconds)]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.child.stdout.readline())}"

    def stop(self):
        self.child.kill()
        self.child.wait()


class Ran:
    """A command that ended: CPU seconds, wall seconds, megabytes at most, exit code, and what it printed."""

    def __init__(self, told, folder):
        self.cpu, self.wall, self.mb = told["cpu"], told["wall"], told["mb"]
        self.code, self.ended = told["code"], told["ended"]
        self.out, self.err = (folder / "stdout").read_text(errors="replace"), (folder / "stderr").read_text(errors="replace")


def measure(command, project, scratch, environment, seconds):
    """Runs a command in a project's folder, for so long at most, and says what it took. The environment is this and no more."""
    told = scratch / "took"
    told.unlink(missing_ok=True)
    with open(scratch / "stdout", "w") as out, open(scratch / "stderr", "w") as err:
        whole = [sys.executable, "-S", "-E", str(HERE / "measure.py"), str(seconds), str(told), *map(str, command)]
        subprocess.run(whole, cwd=project, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, check=True)
    return Ran(json.loads(told.read_text()), scratch)


def environment(home, databricks=None, emr=None, **more):
    """Nothing of whoever runs this but where programs are."""
    known = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}
    if databricks:
        known |= {"DATABRICKS_HOST": databricks, "DATABRICKS_TOKEN": "any"}
    if emr:
        known |= {"AWS_ENDPOINT_URL": emr, "AWS_ACCESS_KEY_ID": "plumb", "AWS_SECRET_ACCESS_KEY": "sandbox"}
    return known | more


def median(values):
    return statistics.median(values)
