"""A call by position changes its meaning if the parameters changed places."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from pkgwidgets import PackageService, demo
from pkgwidgets.connect import connect
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation

RELEASES = [
    BuiltWheel(name="trowel", version=version, files={"trowel.py": source})
    for version, source in (
        ("1.0", "def f(a=1, b=2):\n    return a - b\n"),
        ("2.0", "def f(b=2, a=1):\n    return a - b\n"),
    )
]
CALLS = {
    "trowel.f(10, 20)": "changes",
    "trowel.f(10, b=20)": "breaks",
    "trowel.f(a=10, b=20)": "none",
}


def main() -> int:
    """Print the worst that is found of each call; return 1 if it is not what happens."""
    faults = 0
    with tempfile.TemporaryDirectory() as place, demo.start(Path(place, "env")) as garden:
        garden.index.publish(*RELEASES)
        scheme = connect(garden.python, garden.index_url).environment.interpreter.scheme
        WheelInstallation(
            wheel=RELEASES[0], python=garden.python, scheme=scheme, requested=True
        ).run()
        service = PackageService(python=garden.python, index_url=garden.index_url)
        plan = service.plan_upgrade("trowel")
        for call, expected in CALLS.items():
            file = Path(place, "a.ipynb")
            cell = {"cell_type": "code", "source": f"import trowel\n{call}"}
            file.write_text(json.dumps({"nbformat": 4, "cells": [cell]}))
            worst = service.values.impact(plan, file)[0]
            print(f"{call:24} {worst.severity.value}: {worst.finding}")
            faults += worst.severity.value != expected
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
