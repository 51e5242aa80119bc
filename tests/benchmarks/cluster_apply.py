"""What an apply on a cluster costs: processor seconds, and pauses of the scheduler.

    python tests/benchmarks/cluster_apply.py [--pairs 5]

Four environments of registry packages, each with a worker and its nanny. The processor seconds are
those of this process and of all that it started, beside four applies of `PackageService`. All get
the address of an index: an apply that reads it from the configuration asks uv for it. A pause
is the longest time between two answers of the scheduler, beside that of Dask's `PipInstall`.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from threading import Event as Flag
from threading import Thread
from time import monotonic, sleep

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))

from cluster.dask_processes import Stand
from cluster.registry_environments import fetch, registry_stand
from distributed import Client, PipInstall

from pkgwidgets import PackageService, Plan
from pkgwidgets.cluster import ClusterService

MAX_PROCESSOR_RATIO = 1.1
_SUBREAPER = 36
"""`PR_SET_CHILD_SUBREAPER` of prctl(2): what detaches itself stays a descendant."""
_IDLE_SECONDS = 15.0
_PING_SECONDS = 0.01


def main() -> None:
    """Measure, and print a line for the processor and one for each pause."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    pairs = parser.parse_args().pairs
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ["XDG_DATA_HOME"] = str(folder / "data")
        (folder / "wheels").mkdir()
        registry = fetch(folder / "wheels")
        stand = stack.enter_context(registry_stand(folder, registry))
        print(f"{len(stand.environments)} environments, {pairs} pairs, {os.cpu_count()} cores")
        _print_processor(stand, pairs)
        _print_pauses(stand)


def _print_processor(stand: Stand, pairs: int) -> None:
    services = [
        PackageService(place.python, index_url=place.index_url) for place in stand.environments
    ]
    # All indexes have the same files.
    cluster = ClusterService(stand.dask.client, index_url=stand.environments[0].index_url)
    ours, fours = [], []
    for number in range(-1, pairs):
        plan = cluster.plan_upgrade(stand.name)
        our = _processor_of(partial(cluster.apply, plan, restart=False, hold=False))
        cluster.undo(restart=False, hold=False)
        plans = [service.plan_upgrade(stand.name) for service in services]
        four = _processor_of(partial(_apply_each, services, plans))
        for service in services:
            service.undo()
        if number >= 0:
            ours.append(our)
            fours.append(four)
    ratio = median(our / four for our, four in zip(ours, fours, strict=True))
    print(
        f"processor of an apply on the cluster {median(ours):6.2f} s   of four applies "
        f"{median(fours):6.2f} s   ratio {ratio:5.2f}   "
        f"{'hit' if ratio <= MAX_PROCESSOR_RATIO else 'miss'}",
        flush=True,
    )


def _apply_each(services: Sequence[PackageService], plans: Sequence[Plan]) -> None:
    for service, plan in zip(services, plans, strict=True):
        service.apply(plan)


def _processor_of(work: Callable[[], object]) -> float:
    """Return the processor seconds of this process and its descendants during some work."""
    before = _processor()
    work()
    sleep(1)  # what detached itself ends
    return _processor() - before


def _processor() -> float:
    """Return the seconds of this process, its descendants, and of those that they waited for."""
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _print_pauses(stand: Stand) -> None:
    """Print the longest pause of the scheduler: idle, in our apply, and in `PipInstall`."""
    with _pauses(stand) as longest:
        sleep(_IDLE_SECONDS)
        idle = longest()
    plan = stand.service.plan_upgrade(stand.name)
    with _pauses(stand) as longest:
        stand.service.apply(plan, restart=False, hold=False)
        ours = longest()
    stand.service.undo(restart=False, hold=False)
    with _pauses(stand) as longest:
        stand.dask.client.register_plugin(PipInstall([f"{stand.name}=={stand.new}"]))
        pip = longest()
    for what, pause in (("idle", idle), ("our apply", ours), ("PipInstall", pip)):
        print(
            f"longest pause of the scheduler, {what:11}{pause:7.3f} s"
            f"   above idle {max(0.0, pause - idle):7.3f} s"
        )


@contextmanager
def _pauses(stand: Stand) -> Iterator[Callable[[], float]]:
    """Ask the scheduler again and again in a block; yield what tells the longest pause so far."""
    done, longest = Flag(), 0.0

    def ask() -> None:
        nonlocal longest
        with Client(stand.dask.address, set_as_default=False) as client:
            last = monotonic()
            while not done.wait(_PING_SECONDS):
                client.run_on_scheduler(os.getpid)
                now = monotonic()
                longest, last = max(longest, now - last - _PING_SECONDS), now

    asking = Thread(target=ask)
    asking.start()
    sleep(2)  # it is connected
    longest = 0.0
    try:
        yield lambda: longest
    finally:
        done.set()
        asking.join()


if __name__ == "__main__":
    main()
