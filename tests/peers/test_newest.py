"""The pure part of `newest`, and its talk to GitHub against a `gh` of the test's own. Asks nobody."""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
LOADER = importlib.machinery.SourceFileLoader("newest", str(HERE / "newest"))
newest = importlib.util.module_from_spec(importlib.util.spec_from_loader("newest", LOADER))
LOADER.exec_module(newest)

GH = """#!/usr/bin/env python3
import json, os, sys
body = sys.stdin.read() if "--input" in sys.argv else ""
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([sys.argv[1:], json.loads(body or "null")]) + "\\n")
method = sys.argv[sys.argv.index("--method") + 1]
print(open(os.environ["ISSUES"]).read() if method == "GET" else '{"number": 7}')
"""


def row(package, before, after, asked=True):
    return {"package": package, "from": before, "to": after, "step": newest.step(before, after), "asked": asked}


def report(changes=(), tests=(), **more):
    one = {"name": "moto", "file": "requirements-moto.txt", "changes": list(changes), "beyond": [], **more}
    if tests:
        one["tests"] = list(tests)
    return {"format": "plumb.newest/v1", "lists": [one]}


def test_of(passed, tail=""):
    return {"command": "./tests/run --test peers emr", "passed": passed, "tail": tail}


class Lists(unittest.TestCase):
    def test_pins_are_read_and_anything_else_is_refused(self):
        self.assertEqual(newest.pins("# why\nA_b.C==1.0  # x\n\nd==2!3.0+x\n"), {"a-b-c": "1.0", "d": "2!3.0+x"})
        for wrong in ["a>=1", "a", "-r other.txt", "a==1; python_version<'3'", "a @ https://x"]:
            with self.assertRaises(newest.Mistake, msg=wrong):
                newest.pins(wrong)

    def test_the_part_that_changed_is_told(self):
        for before, after, wanted in [
            ("3.3.2", "3.3.3", "patch"),
            ("3.3.2", "3.4.0", "minor"),
            ("3.3", "3.3.1", "patch"),
            ("3.9.1", "3.10.0", "minor"),
            ("2.11.2", "3.0.0", "major"),
            ("1.0", "1!1.0", "patch"),
            ("2025.10.22", "2026.1.1", "major"),
            ("1.0", "1.0.post1", "patch"),
            (None, "1.0", "other"),
            ("1.0", None, "other"),
            ("abc", "1.0", "major"),
        ]:
            self.assertEqual(newest.step(before, after), wanted, (before, after))

    def test_what_is_asked_for_comes_first(self):
        rows = newest.changes({"a": "1", "z": "1", "same": "1", "gone": "1"}, {"a": "2", "z": "2", "same": "1"}, ["Z<3"])
        told = [(one["package"], one["to"], one["asked"]) for one in rows]
        self.assertEqual(told, [("z", "2", True), ("a", "2", False), ("gone", None, False)])

    def test_a_list_keeps_its_words_and_its_order(self):
        self.assertEqual(newest.written("# why\na==1\nc==1\n", {"a": "2", "c": "1", "b": "3"}), "# why\na==2\nb==3\nc==1\n")
        asked_first = newest.written("moto==1\nboto3==1\ncffi==1\nold==1\n", {"boto3": "2", "moto": "1", "cffi": "1", "new": "5"})
        self.assertEqual(asked_first, "moto==1\nboto3==2\ncffi==1\nnew==5\n")

    def test_a_package_that_has_to_match_another_waits_for_it(self):
        asks = newest.matched(["pyspark<5", "duckdb-cli"], {"duckdb-cli": "DuckDB.extension"}, {"duckdb-extension": "1.5.5"})
        self.assertEqual(asks, ["pyspark<5", "duckdb-cli==1.5.5"])
        self.assertEqual(newest.matched(["a<3"], {}, {}), ["a<3"])

    def test_what_does_not_fit_is_named(self):
        lists = {
            "a": {"file": "requirements-a.txt", "asks": ["x<3", "y"], "alone": True, "tests": ["--test peers gone::"]},
            "b": {"file": "requirements-none.txt", "asks": ["x"], "tests": []},
        }
        texts = {"requirements-a.txt": "x==1\nmore==1\n", "requirements-c.txt": ""}
        self.assertEqual(
            newest.problems(lists, texts, ["emr"]),
            [
                "requirements-c.txt is in no list of newest.toml",
                "a: requirements-a.txt does not pin y",
                "a: requirements-a.txt pins more, which is not asked for",
                "a: no peer is called gone",
                "b: there is no requirements-none.txt",
            ],
        )

    def test_every_list_of_the_repository_fits(self):
        newest.check(newest.load())


class Issues(unittest.TestCase):
    def test_a_patch_that_passes_is_nothing_to_look_at(self):
        patch = report([row("boto3", "1.44.5", "1.44.8"), row("certifi", "2025.1", "2026.1", asked=False)], [test_of(True)])
        self.assertEqual(newest.worth(patch), ([], []))
        self.assertEqual(newest.steps(patch, None, []), [])

    def test_a_failure_and_a_new_minor_open_one(self):
        minor = report([row("boto3", "1.44.5", "1.45.0")], [test_of(True)])
        (opened,) = newest.steps(minor, "https://x/run/1", [])
        self.assertEqual(opened["open"]["title"], "New: boto3 1.45.0")
        self.assertIn("| boto3 | 1.44.5 | 1.45.0 | minor |", opened["open"]["body"])
        self.assertIn("`./tests/run --test peers emr` passed.", opened["open"]["body"])
        self.assertIn("[The run](https://x/run/1)", opened["open"]["body"])
        self.assertEqual(opened["open"]["labels"], ["newest-versions"])
        failed = report([row("boto3", "1.44.5", "1.44.8")], [test_of(False, "boom")])
        self.assertEqual(newest.steps(failed, None, [])[0]["open"]["title"], "The newest versions of moto fail")
        self.assertIn("```text\nboom\n```", newest.body(failed, None))
        unresolved = report(failed="a needs b<2")
        self.assertEqual(newest.worth(unresolved), (["moto"], []))
        self.assertIn("cannot be resolved", newest.body(unresolved, None))

    def test_there_is_one_and_it_is_edited_only_when_it_says_something_else(self):
        minor = report([row("boto3", "1.44.5", "1.45.0")])
        body = newest.body(minor, "https://x/run/1")
        issues = [{"number": 9, "body": body}, {"number": 4, "body": body}, {"number": 2, "body": "of somebody else"}]
        self.assertEqual(newest.steps(minor, "https://x/run/2", issues), [{"close": 9, "why": "#4 tells of the same."}])
        other = report([row("boto3", "1.44.5", "1.46.0")])
        (edited,) = newest.steps(other, None, [{"number": 4, "body": body}])
        self.assertEqual((edited["edit"], edited["to"]["title"]), (4, "New: boto3 1.46.0"))
        (closed,) = newest.steps(report(), None, [{"number": 4, "body": body}])
        self.assertEqual(closed["close"], 4)
        self.assertEqual(newest.steps(report(), None, [{"number": 4, "body": body, "pull_request": {}}]), [])

    def test_what_tests_print_stays_in_its_fence(self):
        tail = "\x1b[31m@everyone\n````\n# head\n" + "x" * 1000 + "\n" * 5 + "end"
        says = newest.body(report([row("a", "1", "1.0.1")], [test_of(False, newest.plain(tail))]), None)
        self.assertNotIn("\x1b", says)
        self.assertEqual(says.count("```"), 2, says)
        self.assertNotIn("x" * 201, says)
        many = report([row("a", "1", "1.0.1")], [test_of(False, "\n".join("y" * 199 for _ in range(40)))] * 20)
        self.assertLess(len(newest.body(many, None)), 62_000)
        hostile = newest.body(report([row("a|b](x)", "1", "2\n# x")]), None)
        self.assertIn("| a?b??x? | 1 | 2???x | major |", hostile)


class GitHub(unittest.TestCase):
    def keep(self, text, issues):
        with tempfile.TemporaryDirectory() as folder:
            at = Path(folder)
            (at / "gh").write_text(GH)
            (at / "gh").chmod(0o755)
            (at / "issues.json").write_text(json.dumps(issues))
            (at / "report.json").write_text(json.dumps(text))
            env = {
                "PATH": f"{folder}:{os.environ['PATH']}",
                "CALLS": str(at / "calls"),
                "ISSUES": str(at / "issues.json"),
                "GITHUB_REPOSITORY": "plumb-dev/plumb",
            }
            command = [sys.executable, str(HERE / "newest"), "--issue", str(at / "report.json")]
            done = subprocess.run(command, env=env, text=True, capture_output=True, check=False)
            calls = (at / "calls").read_text().splitlines() if (at / "calls").exists() else []
            return done, [json.loads(call) for call in calls]

    def test_one_issue_is_opened_updated_and_closed(self):
        minor = report([row("boto3", "1.44.5", "1.45.0")])
        done, calls = self.keep(minor, [])
        self.assertEqual((done.returncode, done.stdout), (0, "opened #7\n"), done.stderr)
        self.assertIn("labels=newest-versions&state=open&creator=github-actions%5Bbot%5D", calls[0][0][3])
        self.assertEqual(calls[1][0][:4], ["api", "--method", "POST", "repos/plumb-dev/plumb/issues"])
        self.assertEqual(calls[1][1]["title"], "New: boto3 1.45.0")
        body = newest.body(minor, None)
        done, calls = self.keep(report([row("boto3", "1", "2")]), [{"number": 4, "body": body}])
        self.assertEqual((done.stdout, calls[1][0][2:4]), ("updated #4\n", ["PATCH", "repos/plumb-dev/plumb/issues/4"]))
        done, calls = self.keep(report(), [{"number": 4, "body": body}])
        self.assertEqual(done.stdout, "closed #4\n")
        self.assertEqual([call[0][2] for call in calls], ["GET", "POST", "PATCH"])
        done, calls = self.keep(minor, [{"number": 4, "body": body}])
        self.assertEqual((done.stdout, len(calls)), ("", 1))

    def test_what_is_no_report_is_refused(self):
        done, calls = self.keep({"lists": []}, [])
        self.assertEqual((done.returncode, calls), (1, []))
        self.assertIn("is no report of tests/peers/newest", done.stderr)


if __name__ == "__main__":
    unittest.main()
