"""How long a change takes: whole, prepared, repeated, of many packages, of one, and its undo.

Each run is a process of the build's Python that plans and applies in a fresh copy of an
environment, as a cell does. Its processor time includes the worker's. The peer is plain uv with the
same pins, offline, from a warm cache.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median

import uv
from builds import Build, builds, install, make_venv, scratch
from hot_functions import hot_functions
from measure import Cost, paired, run, run_for_output
from table import Part, Row, row

SCIENCE = (
    "pandas==2.2.2", "numpy==1.26.4", "altair==5.4.0", "seaborn==0.13.2", "scikit-learn==1.5.1",
    "statsmodels==0.14.2", "plotly==5.23.0", "xarray==2024.7.0", "bokeh==3.5.1",
)  # fmt: skip
"""pandas and numpy, and packages that depend on them."""
MANY = (
    "asttokens", "attrs", "blinker", "cachetools", "certifi", "charset-normalizer", "click",
    "colorama", "cycler", "decorator", "executing", "filelock", "idna", "importlib-metadata",
    "iniconfig", "itsdangerous", "jinja2", "mako", "markdown-it-py", "more-itertools", "packaging",
    "parso", "platformdirs", "pluggy", "prompt-toolkit", "pygments", "pyparsing", "pytz",
    "requests", "rich", "tabulate", "toolz", "tqdm", "traitlets", "typing-extensions", "tzdata",
    "urllib3", "wcwidth", "werkzeug", "zipp", "babel", "docutils", "greenlet", "sqlparse",
)  # fmt: skip
"""Packages of which the newest releases of this day are upgraded."""
MANY_DAY = "2024-01-01"
ONE = ("idna==3.4", "certifi", "six")

DRIVER = """
import ctypes, json, os, resource, sys, time
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: the worker's time counts, too
from pkgwidgets import PackageService

def processor():
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))

service, names = PackageService(sys.argv[1]), sys.argv[2].split(",")
costs = {}
for step in sys.argv[3:]:
    started_at, before = time.perf_counter(), processor()
    if step == "plan":
        plan = service.plan_upgrade(names if names != ["all"] else None, allow="all")
    elif step == "undo":
        plan = service.plan_undo()
    elif step == "prepare":
        service.prepare(plan)
    else:
        service.apply(plan)
    costs[step] = [time.perf_counter() - started_at, processor() - before]
print(json.dumps({"costs": costs, "pins": list(plan.pins)}))
"""
"""Plan, prepare, apply and undo; print the costs of the last time of each step."""
PROFILED = """
import sys
from pkgwidgets.connect import connect
from pkgwidgets.operations import apply, planning
backend = connect(sys.argv[1])
apply.apply_plan(backend, planning.plan_upgrade(backend, sys.argv[2].split(","), allow="all"))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change to measure: the environment that is copied, the names, and the steps."""

    environment: Callable[[], Path]
    names: str
    steps: Sequence[str]


def rows(pairs: int) -> list[Row]:
    """Measure the rows."""
    science = partial(Change, environment=_science, names="pandas,numpy")
    whole = science(steps=["plan", "apply"])
    again = science(steps=["plan", "apply", "undo", "apply", "plan", "apply"])
    undo = science(steps=["plan", "apply", "undo", "apply"])
    many = Change(environment=_many, names="all", steps=["plan", "apply"])
    one = Change(environment=_one, names="idna", steps=["plan", "apply"])
    first = _measure(pairs, whole)
    proven = _measure(pairs, again, before=whole)
    undone, forty, single = (_measure(pairs, change) for change in (undo, many, one))
    return [
        _row("apply pandas and numpy", first, "seconds", 0.4),
        _row("apply pandas and numpy", first, "processor", 0.6),
        _row("the same after an undo", proven, "seconds", 0.25),
        _row("the same after an undo", proven, "processor", 0.35),
        _prepared_row(pairs, science(steps=["plan", "prepare", "apply"])),
        _row("apply 40 packages", forty, "seconds", 0.4),
        _row("apply one pure package", single, "seconds", 0.5),
        _row("undo pandas and numpy", undone, "seconds", 0.7),
    ]


def profile() -> str:
    """Return the functions that take most processor seconds of our own in an apply."""
    target = _copy(_science(), "profiled")
    return hot_functions(
        builds().now.python, PROFILED, scratch(), [str(target), "pandas,numpy"], env=_variables()
    )


def _measure(pairs: int, change: Change, before: Change | None = None) -> dict[str, list[Cost]]:
    sides = {
        "ours": partial(_apply, builds().now, change),
        "before": partial(_apply, builds().before, before or change),
    }
    return {side: [cost for cost, _ in found] for side, found in paired(pairs, sides).items()}


def _row(what: str, costs: Mapping[str, Sequence[Cost]], part: Part, aim: float) -> Row:
    return row(f"{what}, {part}", costs, part=part, against="before", aim=aim)


def _prepared_row(pairs: int, change: Change) -> Row:
    """Return the seconds from the click to the verified change, less those of plain uv."""
    sides = {"ours": partial(_apply, builds().now, change)}
    found = paired(pairs, sides)["ours"]
    theirs = [_plain(pins) for _, pins in found]
    ours = [cost.seconds for cost, _ in found]
    more = median(own - other for own, other in zip(ours, theirs, strict=True))
    return Row(
        what="prepared, seconds more than plain uv", ours=median(ours), before=None,
        peer=median(theirs), unit="s", ratio=more, aim=1.5, against="peer",
    )  # fmt: skip


def _apply(build: Build, change: Change) -> tuple[Cost, list[str]]:
    """Run the steps in a fresh copy; return the cost of the last one, and the pins."""
    target = _copy(change.environment(), "copy")
    argv: list[str | Path] = [build.python, "-c", DRIVER, target, change.names, *change.steps]
    _, output = run_for_output(argv, _variables())
    result = json.loads(output.splitlines()[-1])
    seconds, processor = result["costs"]["apply"]
    return Cost(seconds=seconds, processor=processor, memory=0.0), result["pins"]


def _plain(pins: Sequence[str]) -> float:
    """Return the seconds of plain uv for the same pins, in a fresh copy."""
    target = _copy(_science(), "plain")
    argv = [uv.find_uv_bin(), "pip", "install", "-q", "--offline", "--no-deps", "--python"]
    return run([*argv, target, *pins], _variables()).seconds


def _copy(environment: Path, name: str) -> Path:
    """Copy an environment, without what the last run left; return the interpreter."""
    folder = scratch() / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(scratch() / "apply-cache", ignore_errors=True)
    shutil.copytree(environment, folder, symlinks=True)
    return folder / "bin" / "python"


def _variables() -> dict[str, str]:
    """Return variables with a cache of uv that all runs share, and an empty cache of pkgwidgets."""
    cache_folder = os.environ.get("UV_CACHE_DIR") or str(scratch() / "uv-cache")
    return {"UV_CACHE_DIR": cache_folder, "XDG_CACHE_HOME": str(scratch() / "apply-cache")}


@cache
def _science() -> Path:
    return _made("science", *SCIENCE)


@cache
def _many() -> Path:
    return _made("many", "--exclude-newer", MANY_DAY, *MANY)


@cache
def _one() -> Path:
    return _made("one", *ONE)


def _made(name: str, *arguments: str) -> Path:
    folder = scratch() / name
    install(make_venv(folder), *arguments)
    return folder
