"""What one plan for a cluster costs, beside the same for its slowest environment alone.

    python tests/benchmarks/cluster_plan.py [--environments 8] [--distributions 388] [--pairs 5]

Every environment is a demo with so many distributions more, and has one worker with a nanny. All
run on this machine, so on one with fewer cores than environments they wait for each other.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parent.parent))

from cluster.dask_processes import dask_processes, share_own_packages
from filled_environment import fill
from measure import run

from pkgwidgets import demo
from pkgwidgets.cluster import ClusterService
from pkgwidgets.demo import Demo

NAME = "seedshelf"
MAX_DRIFT_RATIO = 1.5
MAX_PLAN_SECONDS = 0.5
"""What a plan for all may take longer than the slowest plan of one environment."""


def main() -> None:
    """Measure, and print a line for drift and one for a plan."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--environments", type=int, default=8)
    parser.add_argument("--distributions", type=int, default=388)
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ["XDG_DATA_HOME"] = str(folder / "data")
        dask = stack.enter_context(dask_processes(folder))
        gardens = []
        for number in range(arguments.environments):
            garden = stack.enter_context(demo.start(folder / f"env{number}"))
            fill(garden.site_packages, arguments.distributions - 11)
            share_own_packages(garden)
            dask.start_worker(garden.python, f"w{number}", wait=False)
            gardens.append(garden)
        stack.callback(dask.close)
        dask.wait()
        service = ClusterService(dask.client, index_url=gardens[0].index_url)
        listings, drifts, plans, own_plans = [], [], [], []
        service.drift()
        for _ in range(arguments.pairs):
            listings.append(max(run(_command(garden, "packages")).seconds for garden in gardens))
            drifts.append(_seconds(service.drift))
            url = gardens[0].index_url
            own = [_command(garden, "plan", NAME, "--index-url", url) for garden in gardens]
            own_plans.append(max(run(command).seconds for command in own))
            plans.append(_seconds(lambda: service.plan_upgrade(NAME)))
    ratio = median(d / own for d, own in zip(drifts, listings, strict=True))
    more = median(p - own for p, own in zip(plans, own_plans, strict=True))
    print(
        f"{arguments.environments} environments × {arguments.distributions} distributions, "
        f"{arguments.pairs} pairs, {os.cpu_count()} cores"
    )
    print(f"drift  {median(drifts):6.2f} s  slowest listing {median(listings):6.2f} s  "
          f"ratio {ratio:5.2f}  {_verdict(ratio <= MAX_DRIFT_RATIO)}")  # fmt: skip
    print(f"plan   {median(plans):6.2f} s  slowest own plan {median(own_plans):5.2f} s  "
          f"more {more:4.2f} s  {_verdict(more <= MAX_PLAN_SECONDS)}")  # fmt: skip


def _command(garden: Demo, *words: str) -> list[str | Path]:
    return [garden.python, "-m", "pkgwidgets", *words, "--json", "--python", garden.python]


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _verdict(is_hit: bool) -> str:
    return "hit" if is_hit else "miss"


if __name__ == "__main__":
    main()
