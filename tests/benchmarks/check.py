"""The update check, the listing and a plan: against uv, the earlier build, and half the packages.

    python tests/benchmarks/check.py [--pages DIR] [--environment TAR] [--pairs 5]

DIR holds one `<id>.json.gz` a project, its PEP 691 page; TAR the `*.dist-info` folders of an
environment that has them. Without them, pages and an environment of the same sizes are made here.
The index is served on loopback by a process of its own, 30 ms away, with ETags and gzip.

Each measurement is a process of its own, as a user starts one: it imports pandas, then pkgwidgets,
creates a service, and asks for DataFrames. Only the call itself is measured, with what it imports.
uv is started each time, as it always is.
"""

from __future__ import annotations

import argparse
import atexit
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from builds import Build, builds, scratch
from hot_functions import hot_functions
from index_server import make_environment, make_pages, serve_pages, serve_wheels
from measure import Cost, paired
from packaging.version import Version
from table import Row, lines, row
from user_process import (
    IMPORTED_BEFORE,
    START,
    World,
    average,
    caches_of,
    empty_caches,
    total,
)

PROJECTS = 388
FEWER = 286
AIM_MIB = 100
AGAIN = 5
"""Calls whose average is the cost of a call in a process that made it before."""
PROFILED = f"{IMPORTED_BEFORE}{START}for _ in range(int(sys.argv[3])): service.check_for_updates()"
OUTDATED = ("list", "--outdated")
DRY_RUN = ("install", "--dry-run", "--upgrade-package", "project-7", "project-7")
Sides = dict[str, Callable[[], Cost]]
_servers = ExitStack()
"""The servers that this process started."""
atexit.register(_servers.close)


def rows(pairs: int) -> list[Row]:
    """Measure the rows."""
    many, fewer, double = world(PROJECTS), world(FEWER), world(2 * PROJECTS)
    return [
        *_network_rows(many, double, pairs, f"{PROJECTS} projects"),
        *_network_rows(fewer, None, pairs, f"{FEWER} projects"),
        *_fresh_rows(many, double, pairs),
        *_listing_rows(many, double, pairs),
        *_plan_rows(pairs),
    ]


def profile() -> str:
    """Return the functions that take most processor seconds of a first and of a cold check."""
    python, place = builds().now.python, world(PROJECTS)
    arguments = [str(place.python), place.url]
    texts = []
    for name, calls in (("cold", "1"), ("first in a new process", "1"), ("again, 20 times", "21")):
        variables = {"XDG_CACHE_HOME": str(scratch() / "profiled")}
        hot = hot_functions(python, PROFILED, scratch(), [*arguments, calls], env=variables)
        texts.append(f"  {name}\n{hot}")
    return "\n".join(texts)


def _network_rows(place: World, double: World | None, pairs: int, what: str) -> list[Row]:
    """Return the rows of a check without a cache, and of one that asks again."""
    cold = _both(lambda build: place.ours(build, empty_caches(), "check")[1])
    cold["peer"] = lambda: place.uv(empty_caches(), *OUTDATED)
    again: Sides = {
        "ours": partial(_asked_again, place, builds().now),
        "before": partial(_asked_again, place, builds().before),
        "peer": lambda: place.uv(caches_of(place), *OUTDATED),
    }
    if double is not None:
        cold["large"] = lambda: double.ours(builds().now, empty_caches(), "check")[1]
        again["large"] = partial(_asked_again, double, builds().now)
    cold_costs, again_costs = paired(pairs, cold), paired(pairs, again)
    found = [
        row(f"cold check, {what}", cold_costs, part="seconds", against="peer", aim=0.6),
        row(f"cold check, {what}", cold_costs, part="processor", against="peer", aim=0.6),
        row(f"revalidating, {what}", again_costs, part="seconds", against="peer", aim=0.3),
    ]
    if double is None:
        return found
    return [
        *found,
        _memory_row(place, pairs),
        _growth("cold check", cold_costs),
        _growth("revalidating", again_costs),
    ]


def _memory_row(place: World, pairs: int) -> Row:
    """Return the row of the peak memory of a cold check as values, without pandas."""
    sides = _both(lambda build: place.as_values(build, empty_caches()))
    sides["peer"] = lambda: place.uv(empty_caches(), *OUTDATED)
    measured = row("", paired(pairs, sides), part="memory", against="peer", aim=1)
    what = f"cold check as values, share of {AIM_MIB} MiB"
    return replace(measured, what=what, ratio=measured.ours / AIM_MIB)


def _fresh_rows(place: World, double: World, pairs: int) -> list[Row]:
    """Return the rows of a check whose answers are all fresh."""
    steps = ("check", *["check"] * AGAIN)
    first: dict[str, list[Cost]] = {}
    again: dict[str, list[Cost]] = {}
    started: dict[str, list[Cost]] = {}
    sides: dict[str, Callable[[], list[Cost]]] = {
        "ours": partial(_fresh, place, builds().now, *steps),
        "before": partial(_fresh, place, builds().before, *steps),
        "large": partial(_fresh, double, builds().now, *steps),
        "peer": lambda: [place.uv(caches_of(place), *OUTDATED)] * len(("start", *steps)),
    }
    for side, costs in paired(pairs, sides).items():
        first[side] = [cost[1] for cost in costs]
        again[side] = [average(cost[2:]) for cost in costs]
        started[side] = [total(cost[:2]) if side != "peer" else cost[0] for cost in costs]
    what = "first check in a new process"
    return [
        row(what, first, part="seconds", against="peer", aim=0.15),
        row(what, first, part="processor", against="peer", aim=0.15),
        row(f"import, service and {what}", started, part="seconds", against="before", aim=1),
        _growth(what, first),
        row("the next checks in it", again, part="seconds", against="peer", aim=0.03),
        _growth("the next checks in it", again),
    ]


def _listing_rows(place: World, double: World, pairs: int) -> list[Row]:
    """Return the rows of a listing in a process that has listed before."""
    steps = ("list", *["list"] * AGAIN)

    def listed(of: World, build: Build) -> Cost:
        return average(of.ours(build, caches_of(of, build), *steps)[2:])

    sides: Sides = {
        "ours": partial(listed, place, builds().now),
        "before": partial(listed, place, builds().before),
        "large": partial(listed, double, builds().now),
        "peer": lambda: average(place.uv(caches_of(place)) for _ in range(AGAIN)),
    }
    costs = paired(pairs, sides)
    return [
        row("`get_packages()` again", costs, part="seconds", against="peer", aim=0.2),
        _growth("`get_packages()` again", costs),
    ]


def _plan_rows(pairs: int) -> list[Row]:
    """Return the rows of a plan for one package."""
    place, double = wheel_world(PROJECTS), wheel_world(2 * PROJECTS)

    def planned(of: World, build: Build) -> Cost:
        return of.ours(build, caches_of(of, build), "plan")[1]

    sides: Sides = {
        "ours": partial(planned, place, builds().now),
        "before": partial(planned, place, builds().before),
        "large": partial(planned, double, builds().now),
        "peer": lambda: place.uv(caches_of(place), *DRY_RUN),
    }
    costs = paired(pairs, sides)
    return [
        row("a plan for one package", costs, part="seconds", against="peer", aim=1.3),
        row("a plan for one package", costs, part="processor", against="peer", aim=1.3),
        _growth("a plan for one package", costs),
    ]


def _growth(what: str, costs: dict[str, list[Cost]]) -> Row:
    """Return the row of twice the packages: twice the processor time is linear."""
    grown = {"ours": costs["large"], "half": costs["ours"]}
    return row(f"{what}, twice the packages", grown, part="processor", against="half", aim=2)


def _both(run_once: Callable[[Build], Cost]) -> Sides:
    return {
        "ours": partial(run_once, builds().now),
        "before": partial(run_once, builds().before),
    }


def _asked_again(place: World, build: Build) -> Cost:
    """Return the cost of asking for all pages, which are unchanged, in a process of its own."""
    folder = caches_of(place, build)
    place.ours(build, folder, "check")
    return place.ours(build, folder, "refresh")[1]


def _fresh(place: World, build: Build, *calls: str) -> list[Cost]:
    """Return the costs of calls in a process of its own, while all answers are fresh."""
    folder = caches_of(place, build)
    place.ours(build, folder, "check")
    return place.ours(build, folder, *calls)


@cache
def world(projects: int) -> World:
    """Return an environment of so many packages, with the index that serves them.

    Of the files that `PKGWIDGETS_BENCH_PAGES` and `PKGWIDGETS_BENCH_ENVIRONMENT` name, if they are
    so many; else of files that are made here.
    """
    pages, tar = (
        Path(value) if (value := os.environ.get(f"PKGWIDGETS_BENCH_{name}")) else None
        for name in ("PAGES", "ENVIRONMENT")
    )
    if pages is None or len(list(pages.iterdir())) != projects:
        pages, tar = make_pages(scratch() / f"pages-{projects}", projects), None
    python = make_environment(scratch() / f"checked-{projects}", tar, pages)
    return World(python=python, url=_servers.enter_context(serve_pages(pages)))


@cache
def wheel_world(projects: int) -> World:
    """Return an environment of so many packages, with an index that serves their wheels."""
    pages = make_pages(scratch() / f"wheels-{projects}", projects)
    python = make_environment(scratch() / f"planned-{projects}", None, pages)
    return World(python=python, url=_servers.enter_context(serve_wheels(projects)))


def main() -> None:
    """Measure, print the table, and how the answers differ from uv's."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages")
    parser.add_argument("--environment")
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    for name in ("pages", "environment"):
        if getattr(arguments, name):
            os.environ[f"PKGWIDGETS_BENCH_{name.upper()}"] = getattr(arguments, name)
    print("\n".join(lines(rows(arguments.pairs))))
    compare_answers(world(PROJECTS))


def compare_answers(place: World) -> None:
    """Print how the two differ; uv lists no newer pre-release of an installed one."""
    mine, theirs = (
        place.our_answers(builds().now, empty_caches()),
        place.uv_answers(empty_caches(), *OUTDATED),
    )
    installed = place.uv_answers(empty_caches())
    differ = {name for name, _ in set(mine.items()) ^ set(theirs.items())}
    early = {
        name for name in differ if Version(installed[name]).is_prerelease and name not in theirs
    }
    print(f"answers: {len(installed)} names, {len(theirs)} outdated by uv and {len(mine)} by us;")
    print(f"  {len(differ - early)} differ {sorted(differ - early)}")
    for name in sorted(early):
        print(f"  {name} {installed[name]} is a pre-release: {mine[name]} by us, nothing by uv")


if __name__ == "__main__":
    main()
