"""Time the impact of a plan on a notebook, with generated packages and an own index.

    python tests/benchmarks/impact.py [--cells 100] [--packages 6] [--modules 8] [--runs 5]

Each package has so many modules of a hundred functions; the cells use all of them, and every tenth
use breaks. What a module costs is its reading, twice. *plan* is what uv takes to resolve,
and is not part of the aim; *processor* is what this process used itself.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from pkgwidgets import PackageService, demo
from pkgwidgets.connect import connect
from pkgwidgets.core.interfaces import no_report
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation

AIM = 3.0
"""Seconds, for 100 cells and 6 packages."""


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, default in (("cells", 100), ("packages", 6), ("modules", 8), ("runs", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, demo.start(Path(folder, "demo")) as garden:
        notebook = _notebook(Path(folder), arguments.cells, arguments.packages, arguments.modules)
        scheme = connect(garden.python, garden.index_url).environment.interpreter.scheme
        for number in range(arguments.packages):
            old, new = (_wheel(number, version, arguments.modules) for version in ("1.0", "2.0"))
            garden.index.publish(old, new)
            WheelInstallation(wheel=old, python=garden.python, scheme=scheme, requested=True).run()
        service = PackageService(garden.python, index_url=garden.index_url)
        started_at = perf_counter()
        names = [f"made-{number}" for number in range(arguments.packages)]
        plan = service.plan_upgrade(names, report=no_report)
        planned = perf_counter() - started_at
        times, used, breaks = [], [], 0
        for _ in range(arguments.runs):
            started_at, busy = perf_counter(), process_time()
            frame = service.impact(plan, notebook, report=no_report)
            times.append(perf_counter() - started_at)
            used.append(process_time() - busy)
            breaks = int((frame["severity"] == "breaks").sum())
    print(f"{arguments.cells} cells, {len(plan.changes)} packages, {breaks} break; seconds")
    print(f"plan    {planned:6.2f}")
    print(f"first   {times[0]:6.2f}   aim {AIM:.0f}")
    print(f"impact  {median(times):6.2f}   aim {AIM:.0f}   processor {median(used):.2f}")


def _wheel(number: int, version: str, modules: int) -> BuiltWheel:
    package, files = f"made_{number}", {}
    kept = range(100) if version == "1.0" else [n for n in range(100) if n % 10]
    for module in range(modules):
        lines = [f"def f{n}(a, b={n}, *, c=None):\n    return a + b\n" for n in kept]
        files[f"{package}/part_{module}.py"] = "\n".join(lines)
    stars = "\n".join(f"from .part_{module} import *" for module in range(modules))
    files[f"{package}/__init__.py"] = f"{stars}\n"
    return BuiltWheel(name=f"made-{number}", version=version, files=files)


def _notebook(folder: Path, cells: int, packages: int, modules: int) -> Path:
    imports = "\n".join(f"import made_{number}" for number in range(packages))
    texts = [imports]
    for cell in range(1, cells):
        uses = [
            f"made_{n}.part_{cell % modules}.f{(cell * 7 + n) % 100}({n}, c=made_{n}.f{cell % 100})"
            for n in range(packages)
        ]
        texts.append("\n".join(uses))
    file = folder / "notes.ipynb"
    written = [{"cell_type": "code", "source": text} for text in texts]
    file.write_text(json.dumps({"cells": written, "nbformat": 4}))
    return file


if __name__ == "__main__":
    main()
