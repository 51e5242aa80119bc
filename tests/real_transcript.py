"""Print how an environment of real packages is checked, upgraded and undone.

    python tests/real_transcript.py tests/real/environments/kaggle.txt [--folder DIR] [--keep]

The list has exact versions. Those after the line `# --no-deps` are installed last and without their
dependencies, so that the environment has conflicts. It is made by uv with Python 3.11, in a
temporary folder or in DIR; with `--keep` an environment that is there already is used.
The packages come from the configured index: gigabytes, and minutes. Steps: check for updates, plan
the upgrade of everything, apply it, compare `uv pip check` before and after, undo it, and compare
all paths with those before. A refused plan is followed by the next one, which leaves out what broke
a package.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import uv
from fakes import Row
from faults import tree

from pkgwidgets import PackageService, PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.core.plans import Plan

PYTHON = "3.11"
FORCED = "# --no-deps"
ATTEMPTS = 3
WIDTH = 160

Result = TypeVar("Result")


def main() -> None:
    """Make the environment, and print its transcript, each line at once."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("list", type=Path, help="exact versions, one a line")
    parser.add_argument("--folder", type=Path, help="where the environment is made")
    parser.add_argument("--keep", action="store_true", help="use the environment that is there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pkgwidgets-real-") as temporary:
        prefix = arguments.folder or Path(temporary) / "env"
        if not (arguments.keep and prefix.exists()):
            make_environment(prefix, arguments.list)
        print_transcript(prefix)


def make_environment(prefix: Path, requirements: Path) -> None:
    """Install what a list has; the part after `FORCED` without dependencies."""
    whole, _, forced = requirements.read_text("utf-8").partition(FORCED)
    python = str(prefix / "bin" / "python")
    run_uv("venv", "--python", PYTHON, str(prefix))
    run_uv("pip", "install", "--python", python, "--requirement", "-", text=whole)
    if forced:
        run_uv("pip", "install", "--python", python, "--no-deps", *forced.split())


def run_uv(*argv: str, text: str | None = None) -> None:
    """Run uv; it prints its own errors."""
    subprocess.run([uv.find_uv_bin(), *argv, "--quiet"], input=text, text=True, check=True)


def print_transcript(prefix: Path) -> None:
    """Check, plan, apply and undo, and print a line or more on each."""
    service = PackageService(prefix / "bin" / "python")
    installed = service.values.packages()
    before = tree.rows(prefix)
    files = sum(1 for row in before if row[1] == "file")
    print(f"{len(installed)} distributions, {files} files, Python {service.python_version}")
    conflicts = problems(service.python)
    show_list("uv pip check before", conflicts)

    seconds, updates = timed(lambda: service.values.updates(report=ignore))
    newer = sum(1 for row in updates if row.update_available)
    blocked = sum(1 for row in updates if row.blocked_by)
    failed = [f"{row.name}: {row.error}" for row in updates if row.error]
    print(f"check: {seconds:.1f} s, {newer} updates, {blocked} blocked")
    show_list("rows with an error", failed)

    if not any(upgrade_everything(service) for _ in range(ATTEMPTS)):
        show_tree("after the refusals", prefix, before)
        return
    after = problems(service.python)
    show_list("uv pip check after", after)
    show_list("new problems", sorted(set(after) - set(conflicts)))

    seconds, done = timed(lambda: service.undo(report=ignore))
    print(f"undo: {seconds:.1f} s, {done.outcome}")
    show_tree("after the undo", prefix, before)


def upgrade_everything(service: PackageService) -> bool:
    """Plan and apply the upgrade of everything; return whether it was committed."""
    seconds, plan = timed(lambda: service.plan_upgrade(report=ignore))
    print(f"plan of everything: {seconds:.1f} s, {len(plan.changes)} changes")
    show_list("held back", [str(package) for package in plan.held_back])
    show_list("notes", list(plan.warnings))
    return apply(service, plan)


def apply(service: PackageService, plan: Plan) -> bool:
    """Apply a plan, print what came of it, and return whether it was committed."""
    stages: dict[str, float] = {}
    notes: list[str] = []

    def remember(event: Event) -> None:
        stages.setdefault(str(event.stage), perf_counter())
        if " not tried" in event.text:
            notes.append(event.text)

    def run() -> str:
        try:
            return str(service.apply(plan, report=remember).outcome)
        except PkgwidgetsError as error:
            return f"{error.code}: {error}"

    seconds, outcome = timed(run)
    ends = [*list(stages.values())[1:], perf_counter()]
    parts = [
        f"{name} {end - start:.0f}" for (name, start), end in zip(stages.items(), ends, strict=True)
    ]
    print(f"apply: {seconds:.1f} s ({', '.join(parts)}), {outcome}")
    show_list("modules not tried", list(dict.fromkeys(notes)))
    return outcome == "committed"


def problems(python: Path) -> list[str]:
    """Return what `uv pip check` finds, one a line."""
    argv = [uv.find_uv_bin(), "pip", "check", "--python", str(python)]
    output = subprocess.run(argv, capture_output=True, text=True, check=False).stderr
    return [line for line in output.splitlines() if line.startswith("The package ")]


def timed(function: Callable[[], Result]) -> tuple[float, Result]:
    """Call a function; return its seconds and its result."""
    started = perf_counter()
    result = function()
    return perf_counter() - started, result


def ignore(event: Event) -> None:
    """Show no progress bar."""


def show_list(title: str, lines: list[str]) -> None:
    """Print the number of lines, and each in short form."""
    print(f"{title}: {len(lines) or 'none'}")
    for line in lines:
        print(f"  {line if len(line) <= WIDTH else line[: WIDTH - 1] + '…'}")


def show_tree(title: str, prefix: Path, before: tuple[Row, ...]) -> None:
    """Print whether all paths are as before, and which differ."""
    differing = sorted({row[0] for row in {*before} ^ {*tree.rows(prefix)}})
    show_list(f"paths that differ {title}", differing)


if __name__ == "__main__":
    main()
