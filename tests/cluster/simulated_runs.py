"""Changes of up to 500 simulated environments: how long they take, and how they end.

`python tests/cluster/simulated_runs.py [--runs 40]` prints two tables. The code of the change is
the real one; latencies and failures come from seeds. It fails if a run ends neither all old nor all
new.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from cluster.simulated_cluster import (
    RARE,
    ROUGH,
    Faults,
    MemoryLog,
    SimulatedEnvironment,
    VirtualLoop,
    let_leaders_end,
    make_environments,
    run,
)

from pkgwidgets.cluster.participants import ApplyLimits
from pkgwidgets.cluster.two_phase import Settlement, TwoPhaseApply, waves
from pkgwidgets.cluster.values import ClusterOutcome

COUNTS = (2, 8, 32, 125, 500)
LIMITS = ApplyLimits(prepare_seconds=60, commit_seconds=60, revert_seconds=60)


def apply(environments: list[SimulatedEnvironment]) -> tuple[Settlement, int, float]:
    """Apply, and let later clients undo what one leaves; return the end, clients and seconds."""

    async def main(loop: VirtualLoop) -> tuple[Settlement, int, float]:
        log, clients = MemoryLog(), 1
        settled = await TwoPhaseApply(environments, log, limits=LIMITS).apply()
        while settled.outcome is ClusterOutcome.INCOMPLETE:
            clients += 1
            settled = await TwoPhaseApply(environments, log, limits=LIMITS).revert("interrupted")
        seconds = loop.time()
        await let_leaders_end(environments)
        return settled, clients, seconds

    return run(main)[0]


def print_times() -> None:
    """Print how the time grows with the number of environments, without faults."""
    smooth = Faults()
    one = smooth.latency + smooth.work / 2
    print(f"{'environments':>12}{'waves':>7}{'seconds':>9}{'one after another':>19}")
    for count in COUNTS:
        _, _, seconds = apply(make_environments(count, 1, smooth))
        rounds = 1 + len(list(waves(range(count))))
        print(f"{count:12}{rounds:7}{seconds:9.0f}{2 * count * one:19.0f}")
    print(f"a wave ends with its slowest call: up to {2 * smooth.latency + smooth.work:.0f} s")


def print_ends(runs: int, faults: Faults, what: str) -> int:
    """Print how changes of 500 environments with faults end; return how many ended mixed."""
    ends, by_later, mixed = Counter[str](), 0, 0
    for seed in range(runs):
        environments = make_environments(COUNTS[-1], seed, faults)
        settled, clients, _ = apply(environments)
        new = {environment.is_new for environment in environments}
        is_new = settled.outcome is ClusterOutcome.COMMITTED
        if new == {is_new}:
            ends["all new" if is_new else "all old"] += 1
        else:
            mixed += 1
        by_later += clients > 1
    print(
        f"{runs} runs of {COUNTS[-1]} environments with {what} faults: {ends['all old']} all old, "
        f"{ends['all new']} all new, {mixed} mixed; {by_later} ended by a later client"
    )
    return mixed


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=40)
    arguments = parser.parse_args()
    print_times()
    mixed = print_ends(arguments.runs, ROUGH, "some") + print_ends(arguments.runs, RARE, "rare")
    sys.exit(1 if mixed else 0)


if __name__ == "__main__":
    main()
