"""What one plan for a cluster costs, beside the same for its slowest environment.

    python tests/benchmarks/cluster_plan.py [--environments 8] [--distributions 388] [--pairs 3]

Every environment is a demo with so many distributions more, and has one worker with a nanny. All
run on this machine. With fewer cores than environments they wait for each other, as hosts of their
own would not. So each is compared twice: the commands run one after another, and then
all at once, so that they wait for each other, too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
    """Measure, and print two lines for drift and two for a plan."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--environments", type=int, default=8)
    parser.add_argument("--distributions", type=int, default=388)
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parser.parse_args()
    # Nannies pass it on to leaders, which would compile all modules each time; commands drop it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
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
        url = gardens[0].index_url
        service = ClusterService(dask.client, index_url=url)
        service.drift()
        listing = [_command(garden, "packages") for garden in gardens]
        planning = [_command(garden, "plan", NAME, "--index-url", url) for garden in gardens]
        print(
            f"{arguments.environments} environments × {arguments.distributions} distributions, "
            f"{arguments.pairs} pairs, {os.cpu_count()} cores"
        )
        _compare("drift", service.drift, listing, arguments.pairs)
        _compare("plan", lambda: service.plan_upgrade(NAME), planning, arguments.pairs)


def _compare(
    what: str, work: Callable[[], object], commands: Sequence[Sequence[str | Path]], pairs: int
) -> None:
    """Print the time of some work beside the slowest command, run alone and with the others."""
    ours, alone, together = [], [], []
    for _ in range(pairs):
        alone.append(max(run(command).seconds for command in commands))
        ours.append(_seconds(work))
        with ThreadPoolExecutor(len(commands)) as pool:
            together.append(max(cost.seconds for cost in pool.map(run, commands)))
    for how, others in (("alone", alone), ("all at once", together)):
        ratio = median(one / other for one, other in zip(ours, others, strict=True))
        more = median(one - other for one, other in zip(ours, others, strict=True))
        is_hit = ratio <= MAX_DRIFT_RATIO if what == "drift" else more <= MAX_PLAN_SECONDS
        print(
            f"{what:6}{median(ours):6.2f} s   slowest command, {how:12}{median(others):6.2f} s"
            f"   ratio {ratio:5.2f}   more {more:+6.2f} s   {'hit' if is_hit else 'miss'}",
            flush=True,
        )


def _command(garden: Demo, *words: str) -> list[str | Path]:
    return [garden.python, "-m", "pkgwidgets", *words, "--json", "--python", garden.python]


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


if __name__ == "__main__":
    main()
