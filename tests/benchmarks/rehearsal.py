"""Time a rehearsal against two plain nbclient runs; count rehearsals of a culprit search.

    python tests/benchmarks/rehearsal.py [--pairs 3] [--seconds 5] [--packages 12]

The notebook works for that many seconds. Both sides run it in turn (A B A B), each time with a new
kernel, in an environment with wheels made here. The medians count. The goal is an overhead of at
most 10 % and 2 seconds. The culprit search has culprits at random places, each in its own cell or
all in one. The goal is 2 + ceil(log2(n)) · k rehearsals.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from math import ceil, log2
from pathlib import Path
from statistics import median
from time import perf_counter

sys.path.append(str(Path(__file__).parent.parent))

from fakes import FakeEnvironment, FakeKit
from scratch_notebooks import FakeKnownGood, FakeNotebookRunner, crops, write

from pkgwidgets import PackageService
from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend
from pkgwidgets.demo import start
from pkgwidgets.operations import culprit_search

_PLAIN = """
import sys, nbformat
from nbclient import NotebookClient
for _ in range(2):
    NotebookClient(nbformat.read(sys.argv[1], as_version=4), timeout=600).execute()
"""


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--packages", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        del os.environ[name]
    os.environ.update(PIP_CONFIG_FILE=os.devnull, UV_NO_CONFIG="1")
    overhead(arguments.pairs, arguments.seconds)
    count(arguments.packages, random.Random(arguments.seed))


def overhead(pairs: int, seconds: float) -> None:
    """Print the time of a rehearsal and of two plain runs in kernels of this Python."""
    with start() as garden, tempfile.TemporaryDirectory() as folder:
        work = f"import time\nuntil = time.monotonic() + {seconds / 2}\n"
        work += "while time.monotonic() < until: pass"
        notebook = write(Path(folder) / "a.ipynb", work, work, "1 + 1")
        service = PackageService(garden.python, index_url=garden.index_url)
        plan = service.plan_upgrade("seedshelf", report=lambda event: None)
        ours, theirs = [], []
        for _ in range(pairs):
            began = perf_counter()
            subprocess.run([sys.executable, "-c", _PLAIN, str(notebook)], check=True)
            theirs.append(perf_counter() - began)
            began = perf_counter()
            service.rehearse(plan, notebook, report=lambda event: None)
            ours.append(perf_counter() - began)
    mine, other = median(ours), median(theirs)
    aim = other * 1.1 + 2
    print(f"{pairs} pairs, a notebook of {seconds:g} s, in seconds (medians)")
    print(f"two plain runs {other:.2f}   rehearsal {mine:.2f}   aim at most {aim:.2f}")
    print(f"overhead {mine - other:+.2f} s ({(mine / other - 1) * 100:+.0f} %)")


def count(packages: int, chance: random.Random) -> None:
    """Print how many rehearsals a culprit search takes, with fakes of everything else."""
    print(f"\n{packages} upgrades; rehearsals, of 20 random choices: median, most, aim")
    for culprits in (0, 1, 2, 3):
        aim = 2 + ceil(log2(packages)) * culprits if culprits else 1
        for whole in (False, True):
            needed = [
                count_rehearsals(
                    packages, chance.sample(range(1, packages + 1), culprits), whole=whole
                )
                for _ in range(20)
            ]
            where = "in one cell" if whole else "in cells of their own"
            print(f"{culprits} {where:22}{median(needed):6.1f}{max(needed):4}{aim:4}")


def count_rehearsals(packages: int, bad: Sequence[int], *, whole: bool) -> int:
    """Return the number of rehearsals; raise AssertionError if other culprits are found."""
    wheels = crops(packages, bad)
    installed = [f"crop{number}==1.0.0" for number in range(1, packages + 1)]
    kit = FakeKit(FakeEnvironment({}), wheels, installed)
    cells = [f"import crop{n}\ncrop{n}.count()" for n in range(1, packages + 1)]
    with tempfile.TemporaryDirectory() as folder:
        notebook = write(Path(folder) / "a.ipynb", *(["\n".join(cells)] if whole else cells))
        stand = RehearsalBackend(FakeNotebookRunner(kit.environment), FakeKnownGood())
        search = culprit_search.find_culprits(kit.backend, stand, [notebook])
    assert sorted(search.culprits) == sorted(f"crop{number}" for number in bad), search.culprits
    return search.rehearsals


if __name__ == "__main__":
    main()
