"""All that is promised about speed, in one table: ours, the build before, the peer, hit or miss.

    python tests/benchmarks/all.py [--rows start check ...] [--pairs 5] [--no-profile]

Every figure is the median of a paired run; the ratio is the median of the ratios within the pairs.
It measures as a user starts: processes of their own, DataFrames where users get them. Run it on a
machine that does nothing else. A profile of what is left follows, for each group.

To measure often, keep the installed builds: `PKGWIDGETS_BUILDS=DIR`.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import cast

from builds import BEFORE, builds
from table import Group, Row, lines

GROUPS = ("start", "check", "apply")
"""The modules of benchmarks, in the order of the table."""


def main() -> None:
    """Measure, and print the table and the profiles."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", nargs="+", choices=GROUPS, default=GROUPS, metavar="GROUP")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--no-profile", action="store_true")
    arguments = parser.parse_args()
    builds()  # both are made before anything is measured
    groups = {name: cast("Group", import_module(name)) for name in arguments.rows}
    rows: list[Row] = []
    for name, group in groups.items():
        print(f"measuring: {name}", flush=True)
        rows += group.rows(arguments.pairs)
    print(f"\n{arguments.pairs} pairs; before: {BEFORE}; half: ours with half of the distributions")
    print("\n".join(lines(rows)))
    missed = sum(not row.is_hit for row in rows)
    print(f"{len(rows) - missed} of {len(rows)} rows are hits")
    if not arguments.no_profile:
        for name, group in groups.items():
            print(f"\n{name}: what takes the processor's time now")
            print(group.profile(), flush=True)


if __name__ == "__main__":
    main()
