"""How long a change says nothing: the longest time between two events, for each stage.

    python tests/benchmarks/silence.py

It upgrades pandas and numpy, with packages that depend on them, in a process of this Python, and
undoes that. A panel that hears nothing for over a second looks dead. So no stage may be silent for
longer; the script ends with 1 if one is.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from apply import SCIENCE
from builds import install, make_venv

from pkgwidgets.connect import connect
from pkgwidgets.core.events import Event, describe
from pkgwidgets.core.interfaces import Report
from pkgwidgets.operations import apply, planning

AIM_SECONDS = 1.0

Silence = tuple[float, str]


def main() -> None:
    """Change an environment, and print the longest silence of each stage."""
    with tempfile.TemporaryDirectory(prefix="pkgwidgets-silence-") as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        python = make_venv(folder / "science")
        install(python, *SCIENCE)
        backend = connect(python)
        longest = 0.0
        plan = planning.plan_upgrade(backend, ["pandas", "numpy"], allow="all")
        for title, step in (
            ("plan", lambda report: planning.plan_upgrade(backend, allow="all", report=report)),
            ("apply", lambda report: apply.apply_plan(backend, plan, report)),
            ("undo", lambda report: apply.apply_plan(backend, planning.plan_undo(backend), report)),
        ):
            longest = max(longest, shown_silences(title, step))
    sys.exit(longest > AIM_SECONDS)


def shown_silences(title: str, step: Callable[[Report], object]) -> float:
    """Run a step; print the longest silence after each stage's events, and return the longest."""
    silences = dict[str, Silence]()
    stage, text, last = "start", "", perf_counter()

    def hear(next_stage: str, next_text: str) -> None:
        nonlocal stage, text, last
        now = perf_counter()
        silences[stage] = max(silences.get(stage, (0.0, "")), (now - last, text))
        stage, text, last = next_stage, next_text, now

    def report(event: Event) -> None:
        hear(event.stage.value, describe(event))

    step(report)
    hear("", "")
    for name, (seconds, words) in silences.items():
        print(f"{title:6} {name:11} {seconds:6.2f} s  after: {words[:70]}")
    return max(seconds for seconds, _ in silences.values())


if __name__ == "__main__":
    main()
