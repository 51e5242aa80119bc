"""An export, and the drift of a notebook that is opened, against a listing of the same environment.

    python tests/benchmarks/locks.py --python ENV/bin/python [--pairs 7]

Each has a process of its own, whose start is not measured. The first call is as when a notebook is
opened; a second one follows. The index is the configured one; its answers are in the
cache, as after a check for updates. The lock of the drift is that of the environment.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from hot_functions import hot_functions
from measure import paired

MEASURED = """
import json, sys
from time import perf_counter
from pkgwidgets.connect import connect
from pkgwidgets.core.lock import Export
from pkgwidgets.operations import export, inventory, restore
python, what, path = sys.argv[1:]
backend = connect(python)
lock = Export(file_name="", text=open(path, encoding="utf-8").read()) if path else None
calls = {
    "listing": lambda: inventory.get_packages(backend),
    "drift": lambda: restore.drift(backend, lock),
    "requirements.txt": lambda: export.export(backend, "requirements.txt"),
    "pylock.toml": lambda: export.export(backend, "pylock.toml"),
}
seconds, found = [], None
for _ in range(2):
    started = perf_counter()
    found = calls[what]()
    seconds.append(perf_counter() - started)
text = found.text if what.endswith(("txt", "toml")) else ""
print(json.dumps([*seconds, text]))
"""
KINDS = ("listing", "drift", "requirements.txt", "pylock.toml")


def measure(python: str, what: str, path: str) -> tuple[tuple[float, float], str]:
    """Measure one kind in a new process; return the seconds of two calls, and the lock."""
    argv = [sys.executable, "-c", MEASURED, python, what, path]
    output = subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout
    first, second, text = json.loads(output)
    return (first, second), text


def main() -> None:
    """Measure, and print the medians and the ratios to a listing."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", required=True)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--profile", choices=KINDS[1:], help="also print what takes the time of it")
    arguments = parser.parse_args()
    python = arguments.python
    with tempfile.TemporaryDirectory(prefix="locks-") as name:
        path = Path(name) / "requirements.txt"
        text = measure(python, "requirements.txt", "")[1]
        path.write_text(text, encoding="utf-8")
        sides = {what: partial(measure, python, what, str(path)) for what in KINDS}
        costs = paired(arguments.pairs, sides)
        print(f"{text.count('==')} distributions, {arguments.pairs} pairs")
        for number, call in enumerate(("first call", "second call")):
            listings = [cost[0][number] for cost in costs["listing"]]
            print(f"{call}: listing {statistics.median(listings) * 1e3:.1f} ms")
            for what in KINDS[1:]:
                own = [cost[0][number] for cost in costs[what]]
                ratio = statistics.median(a / b for a, b in zip(own, listings, strict=True))
                print(f"  {what} {statistics.median(own) * 1e3:.1f} ms, ratio {ratio:.2f}")
        if arguments.profile:
            given = (python, arguments.profile, str(path))
            print(hot_functions(Path(sys.executable), MEASURED, Path(name), given))


if __name__ == "__main__":
    main()
