"""`make.py OUT`: writes every case under OUT/CASE/{old,new}, and OUT/cases.json with the manifests and the truth.

With PySpark where there is Java, else what pyarrow can write; what is left out is named. The truth that is written by
hand has to be that of the oracle.
"""

import concurrent.futures
import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import cases
import oracle
import write


def has_java():
    """Whether a Java runs."""
    java = shutil.which("java")
    return java is not None and subprocess.run([java, "-version"], capture_output=True).returncode == 0


def check(case):
    """What the oracle finds of a case, which has to be what its author wrote."""
    found, truth = oracle.compare(case), case.truth
    wrong = [] if found.verdict == truth.verdict else [f"verdict: {truth.verdict} is written, {found.verdict} is found"]
    if truth.verdict != "none":
        for name in ("only_old", "only_new", "rows", "cells"):
            if getattr(found, name) != getattr(truth, name):
                wrong.append(f"{name}: {getattr(truth, name)!r} is written, {getattr(found, name)!r} is found")
        if found.old_rows != found.matched + found.only_old or found.new_rows != found.matched + found.only_new:
            wrong.append("the rows that matched and those that did not are not all")
    elif found.cause is not None and truth.causes["rows"] not in ("?", found.cause):
        wrong.append(f"cause: {truth.causes['rows']} is written, {found.cause} is found")
    hypotheses = found.schema if found.schema in cases.CAUSES else None
    if (
        truth.verdict != "none"
        and hypotheses != truth.causes.get("schema")
        and found.schema != truth.causes.get("schema")
    ):
        wrong.append(f"schema: {truth.causes.get('schema')} is written, {found.schema} is found")
    return found, [f"{case.name}: {text}" for text in wrong]


def side_of(case, which, side):
    """A side of the output in the manifest. `@DATA@` is where the data is."""
    return {"path": f"@DATA@/{case.name}/{which}{side.path}", "format": side.format, **side.manifest}


def described(case, found):
    output = {
        "name": "out",
        "old": side_of(case, "old", case.old),
        "new": side_of(case, "new", case.new),
        **case.output,
    }
    truth = dataclasses.asdict(case.truth)
    known = case.truth.verdict != "none"
    truth |= {name: getattr(found, name) if known else None for name in ("matched", "old_rows", "new_rows", "within")}
    # As text: the order of columns means something.
    return {
        "name": case.name,
        "unit": case.unit,
        "period": case.period,
        "output": json.dumps(output, ensure_ascii=False),
        "canaries": case.canaries,
        "truth": truth,
    }


def identity(side):
    """What decides the bytes of a side before anything happens to the folder."""
    fields = dataclasses.asdict(
        dataclasses.replace(
            side, after=[], manifest={}, below="", path="", read_rows=None, read_columns=None, state=None
        )
    )
    return repr(fields)


def write_all(out, spark, arrow):
    """Writes every side that can be written, each content once. Returns the cases that are left out."""
    left_out, jobs = [], {}
    for case in cases.CASES:
        sides = {"old": case.old, "new": case.new}
        if spark is None and not all(side.writer == "raw" or arrow.can(side) for side in sides.values()):
            left_out.append(case.name)
            continue
        for which, side in sides.items():
            jobs.setdefault(identity(side), []).append((side, out / case.name / f"{which}{side.below}"))

    def one(job):
        (first, folder), *rest = job
        if first.writer != "raw":
            writer = arrow if spark is None or first.writer == "pyarrow" else spark
            folder.parent.mkdir(parents=True, exist_ok=True)
            writer.write(first, folder)
            for _, other in rest:
                write.copy(folder, other)
        for side, where in job:
            where.parent.mkdir(parents=True, exist_ok=True)
            write.finish(side, where)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(one, job) for job in jobs.values()]:
            done.result()
    return left_out


def main(out):
    started = time.monotonic()
    checked = [check(case) for case in cases.CASES]
    wrong = [text for _, texts in checked for text in texts]
    if wrong:
        sys.exit("the truth and the oracle do not agree:\n" + "\n".join(wrong))
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        spark = write.Spark(pathlib.Path(scratch)) if has_java() else None
        left_out = write_all(out, spark, write.Arrow())
        if spark is not None:
            spark.stop()
    if left_out:
        print(f"without Java, {len(left_out)} cases are left out: {', '.join(left_out)}")
    told = [described(case, found) for case, (found, _) in zip(cases.CASES, checked) if case.name not in left_out]
    (out / "cases.json").write_text(
        json.dumps({"left_out": left_out, "hypotheses": cases.CAUSES, "cases": told}, ensure_ascii=False, indent=1)
    )
    writer = "pyarrow" if spark is None else "Spark"
    print(f"{len(told)} cases written by {writer} in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve())
