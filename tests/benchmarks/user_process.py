"""A user's process with pkgwidgets, and uv's: what each call costs in an environment."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

import uv
from builds import Build, scratch
from measure import Cost, run, run_for_output

IMPORTED_BEFORE = "import json, sys, pandas"
START = """
from pkgwidgets import PackageService
service = PackageService(sys.argv[1], index_url=sys.argv[2])
"""
MEASURED = f"""
{IMPORTED_BEFORE}
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import perf_counter

def cost():
    parts = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
    return perf_counter(), sum(part.ru_utime + part.ru_stime for part in parts)

def measure(run):
    before = cost()
    run()
    after = cost()
    memory = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    return after[0] - before[0], after[1] - before[1], memory

def start():
    global service
    from pkgwidgets import PackageService
    service = PackageService(sys.argv[1], index_url=sys.argv[2])

calls = {{
    "start": start,
    "check": lambda: service.check_for_updates(),
    "refresh": lambda: service.check_for_updates(refresh=True),
    "list": lambda: service.get_packages(),
    "plan": lambda: service.plan_upgrade("project-7"),
}}
print(json.dumps([measure(calls[name]) for name in sys.argv[3:]]))
"""
AS_VALUES = f"""
import sys
{START}
ask = service.values.updates if hasattr(service, "values") else service.list_updates
ask()
"""
ANSWERS = f"""
{IMPORTED_BEFORE}
{START}
rows = service.values.updates()
print(json.dumps({{row.id: row.latest_version for row in rows if row.update_available}}))
"""
_numbers = count()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """An environment and the index that it is checked against."""

    python: Path
    url: str

    def ours(self, build: Build, cache_folder: Path, *calls: str) -> list[Cost]:
        """Start a process, as a user does; return the cost of each call in it."""
        argv: list[str | Path] = [
            build.python,
            "-c",
            MEASURED,
            self.python,
            self.url,
            "start",
            *calls,
        ]
        costs = json.loads(run_for_output(argv, self._variables(cache_folder))[1])
        return [Cost(seconds=s, processor=p, memory=m) for s, p, m in costs]

    def as_values(self, build: Build, cache_folder: Path) -> Cost:
        """Start a process that checks for updates without DataFrames; return its cost."""
        argv: list[str | Path] = [build.python, "-c", AS_VALUES, self.python, self.url]
        return run(argv, self._variables(cache_folder))

    def uv(self, cache_folder: Path, *arguments: str) -> Cost:
        """Let uv list the packages, or what the arguments say of it."""
        return run(self._uv_list(*arguments), self._variables(cache_folder))

    def _uv_list(self, *arguments: str) -> list[str]:
        argv = [uv.find_uv_bin(), "pip", *(arguments or ("list",)), "--quiet"]
        argv += ["--python", str(self.python)]
        return argv if not arguments else [*argv, "--index-url", self.url]

    def uv_answers(self, cache_folder: Path, *arguments: str) -> dict[str, str]:
        """Return what uv lists as installed, or as outdated, with the versions."""
        argv = [*self._uv_list(*arguments), "--format", "json"]
        found = json.loads(run_for_output(argv, self._variables(cache_folder))[1])
        return {each["name"]: each.get("latest_version", each["version"]) for each in found}

    def our_answers(self, build: Build, cache_folder: Path) -> dict[str, str]:
        """Return the packages with a newer release, and its version."""
        argv: list[str | Path] = [build.python, "-c", ANSWERS, self.python, self.url]
        answers: dict[str, str] = json.loads(run_for_output(argv, self._variables(cache_folder))[1])
        return answers

    def _variables(self, cache_folder: Path) -> dict[str, str]:
        return {"XDG_CACHE_HOME": str(cache_folder), "UV_CACHE_DIR": str(cache_folder / "uv")}


def empty_caches() -> Path:
    """Return an empty folder for the caches of pkgwidgets and of uv."""
    folder = scratch() / f"cache-{next(_numbers)}"
    folder.mkdir()
    return folder


@cache
def caches_of(*key: object) -> Path:
    """Return a folder for caches that is kept for a key."""
    return empty_caches()


def average(costs: Iterable[Cost]) -> Cost:
    """Return the average of several runs."""
    costs = list(costs)
    whole = total(costs)
    seconds, processor = whole.seconds / len(costs), whole.processor / len(costs)
    return Cost(seconds=seconds, processor=processor, memory=whole.memory)


def total(costs: Iterable[Cost]) -> Cost:
    """Return the sum of several runs."""
    costs = list(costs)
    return Cost(
        seconds=sum(cost.seconds for cost in costs),
        processor=sum(cost.processor for cost in costs),
        memory=max(cost.memory for cost in costs),
    )
