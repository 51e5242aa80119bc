"""A copy of a real environment against `uv venv` and `uv pip sync` of the same pins.

    python tests/benchmarks/copy_environment.py --python ENV/bin/python [--pairs 5] [--no-check]

ENV is an environment whose releases are in uv's cache, or come into it with the run that is not
counted. The index is the configured one. The copy is planned before; the plan and the check of the
imports are shown apart, because uv does neither; `--no-check` leaves the check out. Copies go to a
temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import uv
from measure import paired

OURS = """
import json, sys
from time import perf_counter
from pkgwidgets.backends.copies.copy_builder import CopyBuilder
from pkgwidgets.connect import connect
from pkgwidgets.core.copies import BuiltCopy
from pkgwidgets.operations import copying
backend = connect(sys.argv[1])
started = perf_counter()
plan = copying.plan_copy(backend, "measured")
planned = perf_counter() - started
inspect, checked = CopyBuilder.inspect, []
def timed(self, *given):
    started = perf_counter()
    try:
        if sys.argv[2] == "no-check":
            versions = {package.id: package.version for package in given[0].packages}
            return BuiltCopy(versions=versions, failures={})
        return inspect(self, *given)
    finally:
        checked.append(perf_counter() - started)
CopyBuilder.inspect = timed
started = perf_counter()
try:
    copying.copy_environment(backend, plan)
    failure = ""
except Exception as error:
    failure = str(error)[:300]
whole = perf_counter() - started
pins = [f"{package.id}=={package.version}" for package in plan.packages if package.from_index]
print(json.dumps([whole - sum(checked), sum(checked), planned, pins, failure]))
if not failure:
    copying.remove_copy(backend, "measured")
"""


def ours(python: str, folder: Path, check: str) -> tuple[float, float, float, list[str]]:
    """Copy once; return the seconds of the copy, its check and its plan, and the pins."""
    environment = {**os.environ, "XDG_DATA_HOME": str(folder / "data")}
    output = subprocess.run(
        [sys.executable, "-c", OURS, python, check],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    whole, checked, planned, pins, failure = json.loads(output)
    if failure:
        print(f"not offered: {failure}", file=sys.stderr)
    return whole, checked, planned, pins


def by_uv(python: str, pins: list[str], folder: Path) -> float:
    """Make an environment and sync the pins; return the seconds of both."""
    pin_file, target = folder / "pins.txt", folder / "by-uv"
    pin_file.write_text("\n".join(pins), encoding="utf-8")
    subprocess.run(["rm", "-rf", target], check=True)
    program = uv.find_uv_bin()
    started = perf_counter()
    subprocess.run([program, "venv", "-q", "--python", python, target], check=True)
    new = str(target / "bin" / "python")
    argv = [program, "pip", "sync", "-q", "--python", new, str(pin_file)]
    subprocess.run(argv, check=True)
    return perf_counter() - started


def main() -> None:
    """Measure, and print the medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", required=True)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--no-check", action="store_true", help="do not import the modules")
    arguments = parser.parse_args()
    python = arguments.python
    with tempfile.TemporaryDirectory(prefix="copies-") as name:
        folder = Path(name)
        check = "no-check" if arguments.no_check else "check"
        pins = ours(python, folder, check)[3]
        runs: list[tuple[float, float, float]] = []

        def copy_once() -> float:
            runs.append(ours(python, folder, check)[:3])
            return runs[-1][0]

        costs = paired(
            arguments.pairs, {"ours": copy_once, "uv": lambda: by_uv(python, pins, folder)}
        )
    ratio = statistics.median(a / b for a, b in zip(costs["ours"], costs["uv"], strict=True))
    counted = runs[-arguments.pairs :]
    print(f"{len(pins)} distributions, {arguments.pairs} pairs")
    print(
        f"copy {statistics.median(costs['ours']):.2f} s, uv {statistics.median(costs['uv']):.2f} s"
    )
    print(f"ratio {ratio:.2f}")
    for index, text in ((1, "check of the imports"), (2, "plan")):
        print(f"{text} {statistics.median(run[index] for run in counted):.2f} s")


if __name__ == "__main__":
    main()
