"""Time the search for loaded distributions, with this environment's own modules.

    python tests/benchmarks/loaded.py [--modules 1500] [--runs 20]

Imports what is installed here until there are so many modules. *First* reads every RECORD; *again*
is what each later listing costs; *more* is the look after some modules were added.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from statistics import median
from time import perf_counter

from pkgwidgets.connect import connect
from pkgwidgets.notebook.loaded_packages import LoadedPackages

AIM = 30.0
"""Milliseconds, for each look after the first."""
PACKAGES = ("pandas", "IPython", "nbconvert")


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--modules", type=int, default=1500)
    parser.add_argument("--runs", type=int, default=20)
    arguments = parser.parse_args()
    loaded = LoadedPackages(connect())
    remaining = _import(list(_names()), arguments.modules)
    started_at = perf_counter()
    versions = loaded.versions()
    first = perf_counter() - started_at
    print(f"{len(sys.modules)} modules of {len(versions)} distributions; milliseconds")
    print(f"first    {first * 1000:8.1f}")
    for what, look in (("again", loaded.versions), ("in full", loaded.loaded_packages)):
        times = [_timed(look) for _ in range(arguments.runs)]
        print(f"{what:8} {median(times):8.1f}   aim {AIM:.0f}")
    _import(remaining, len(sys.modules) + 50)
    print(f"more     {_timed(loaded.versions):8.1f}")


def _timed(look: object) -> float:
    started_at = perf_counter()
    assert callable(look)
    look()
    return (perf_counter() - started_at) * 1000


def _names() -> list[str]:
    names = []
    for name in PACKAGES:
        with suppress(ImportError):
            package = importlib.import_module(name)
            names += [
                module.name
                for module in pkgutil.walk_packages(package.__path__, f"{name}.", lambda _: None)
                if ".test" not in module.name and not module.name.endswith("__main__")
            ]
    return names


def _import(names: list[str], count: int) -> list[str]:
    """Import until there are `count` modules; return the remaining names."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        while names and len(sys.modules) < count:
            with suppress(Exception, SystemExit):
                importlib.import_module(names.pop(0))
    return names


if __name__ == "__main__":
    main()
