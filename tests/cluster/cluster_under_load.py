"""Tasks and newcomers during an upgrade of four environments of registry packages.

`python tests/cluster/cluster_under_load.py` runs at least 2,000 tasks before, during and after an
upgrade. Each returns its prefix, the version that its worker has loaded, and the installed one.
Ten workers start meanwhile. It prints two tables. It fails if a task ran on a mixed set, or if a
worker joined with another version than the new one.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from cluster.cluster_tasks import loaded_and_installed, version_of
from cluster.dask_processes import Stand
from cluster.registry_environments import (
    NEW,
    PYTHONS,
    RegistryEnvironment,
    fetch,
    registry_stand,
)

from pkgwidgets.core.events import Event

TASKS = 2000
NEWCOMERS = 10
_AT_ONCE = 40
_TASK_SECONDS = 0.02
_FOLLOWING_TASKS = 200
"""Tasks after the upgrade, at least."""

Answer = tuple[str, str, str]


class Load:
    """Runs tasks in portions, and keeps what they answer with the phase in which they began."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self.answers: list[tuple[str, Answer]] = []

    def run(self, phase: str) -> None:
        """Run one portion of tasks on all workers."""
        start = len(self.answers)
        futures = self._stand.dask.client.map(
            loaded_and_installed,
            [self._stand.name] * _AT_ONCE,
            range(start, start + _AT_ONCE),
            [_TASK_SECONDS] * _AT_ONCE,
            pure=False,
        )
        found: list[Answer] = self._stand.dask.client.gather(futures)
        self.answers += [(phase, answer) for answer in found]


class Newcomers:
    """Starts workers one after another, at each step of an upgrade and then until all are."""

    def __init__(self, stand: Stand, places: Sequence[RegistryEnvironment]) -> None:
        self._stand = stand
        self._places = places
        self.names: list[str] = []

    def start_one(self, event: Event | None = None) -> None:
        """Start the next worker, if one is left; with an event, at its step of an environment."""
        number = len(self.names)
        if number == NEWCOMERS or (event is not None and ": " not in event.text):
            return
        place = self._places[number % len(self._places)]
        name = f"n{number}"
        self._stand.dask.start_worker(place.python, name, variables=place.variables, wait=False)
        self.names.append(name)

    def ends(self) -> Counter[str]:
        """Wait for all; return how many joined with which version, and how many did not."""
        client, ends = self._stand.dask.client, Counter[str]()
        for name in self.names:
            if not self._stand.dask.has_joined(name):
                ends["did not join"] += 1
                continue
            future = client.submit(version_of, self._stand.name, workers=[name], pure=False)
            ends[f"joined with {future.result(120)}"] += 1
        return ends


def main() -> None:
    """Run tasks and start workers during one upgrade; print what they got."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ["XDG_DATA_HOME"] = str(folder / "data")
        wheels = folder / "wheels"
        wheels.mkdir()
        registry = fetch(wheels)
        more = [registry.make(folder / f"new{number}", "3.11") for number in range(2)]
        for place in more:
            stack.callback(place.index.close)
        stand = stack.enter_context(registry_stand(folder, registry))
        own = [place for place in stand.environments if isinstance(place, RegistryEnvironment)]
        load, newcomers = Load(stand), Newcomers(stand, [*more, *own])
        started = monotonic()
        seconds = _upgrade(stand, load, newcomers)
        ends = newcomers.ends()
        failed = _print_tasks(load) + _print_newcomers(ends)
        print(f"{len(PYTHONS)} environments, Python {', '.join(PYTHONS)}; the upgrade took "
              f"{seconds:.0f} s, all {monotonic() - started:.0f} s")  # fmt: skip
    sys.exit(1 if failed else 0)


def _upgrade(stand: Stand, load: Load, newcomers: Newcomers) -> float:
    """Upgrade while tasks run and workers start; return the seconds that it took."""
    plan = stand.service.plan_upgrade(stand.name)
    while len(load.answers) < TASKS - _FOLLOWING_TASKS * 2:
        load.run("before")
    started = monotonic()
    with ThreadPoolExecutor(1) as pool:
        applied = pool.submit(stand.service.apply, plan, report=newcomers.start_one)
        while not applied.done():
            load.run("during")
        applied.result()
    seconds = monotonic() - started
    while len(newcomers.names) < NEWCOMERS:
        newcomers.start_one()
    target = max(TASKS, len(load.answers) + _FOLLOWING_TASKS)
    while len(load.answers) < target:
        load.run("after")
    return seconds


def _print_tasks(load: Load) -> int:
    """Print the tasks by phase; return how many ran on a mixed set."""
    print(f"{'tasks began':12}{'old':>8}{'new':>8}{'mixed':>8}{'prefixes':>10}")
    all_mixed = 0
    for phase in ("before", "during", "after"):
        answers = [answer for began, answer in load.answers if began == phase]
        mixed = sum(loaded != installed for _, loaded, installed in answers)
        new = sum(loaded == installed == NEW for _, loaded, installed in answers)
        prefixes = len({prefix for prefix, _, _ in answers})
        old = len(answers) - mixed - new
        print(f"{phase:12}{old:8}{new:8}{mixed:8}{prefixes:10}")
        all_mixed += mixed
    print(f"{len(load.answers)} tasks, {all_mixed} on a mixed set")
    return all_mixed


def _print_newcomers(ends: Counter[str]) -> int:
    """Print how the newcomers ended; return how many joined with another version than the new."""
    for end, count in sorted(ends.items()):
        print(f"{count:3} newcomers {end}")
    joined = sum(count for end, count in ends.items() if end.startswith("joined"))
    return joined - ends[f"joined with {NEW}"]


if __name__ == "__main__":
    main()
