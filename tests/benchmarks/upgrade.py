"""A whole upgrade against plain `uv pip install` of the same pins, in one paired run.

    python tests/benchmarks/upgrade.py [--pairs 5] [--index-url URL]

The packages are pandas and numpy: about 3,200 files, from a warm cache, in two environments made
by uv. Our side does what a cell does after planning: a process of its own stages, checks, saves,
installs and verifies. uv only installs. Also measured: the time of a save point, of a rollback and
of a recovery, with and without something to do. The last number is how long a file is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import uv

from pkgwidgets.backends.store.savepoint import FolderSavePoint
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import VerificationFailed
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.operations import apply, planning, recovery, transactions, verification

OLD = ("pandas==2.2.2", "numpy==1.26.4")
CHECKS = (Stage.CHECKING, Stage.VERIFYING)
MANY = 5000
PROBE = """
import os, select, sys, time
paths, longest, since = sys.argv[1:], 0.0, None
print("ready", flush=True)
while not select.select([0], [], [], 0.001)[0]:
    now = time.perf_counter()
    if all(map(os.path.exists, paths)):
        since = None
    else:
        since = now if since is None else since
        longest = max(longest, now - since)
print(longest)
"""
CUT_OFF = """
import sys
from pkgwidgets.connect import connect
from pkgwidgets.operations import apply, planning
backend = connect(sys.argv[1])
apply.apply_plan(backend, planning.plan_upgrade(backend, "many"))
"""


def main() -> None:
    """Measure, and print the results with their aims."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--index-url")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pkgwidgets-bench-") as name:
        folder = Path(name)
        os.environ["UV_CACHE_DIR"] = str(folder / "cache")
        os.environ["XDG_CACHE_HOME"] = str(folder / "ours")
        index = ["--default-index", arguments.index_url] if arguments.index_url else []
        ours, theirs = (make_environment(folder / side, index) for side in ("a", "b"))
        backend = connect(ours, arguments.index_url, detached=True)
        plan = planning.plan_upgrade(backend, ["pandas", "numpy"], allow="all")
        print(f"{plan}\n")
        compare(backend, plan, theirs, index, arguments.pairs)
        parts(connect(ours, arguments.index_url))
        recover_many(folder / "many")


def compare(backend: Backend, plan: Plan, theirs: Path, index: list[str], pairs: int) -> None:
    """Apply and undo on both sides, in turn."""
    whole, checks, plain, missing = list[float](), list[float](), list[float](), list[float]()
    site = backend.environment.interpreter.scheme["purelib"]
    probed = [site / "pandas/__init__.py", site / "numpy/__init__.py"]
    run_uv("install", theirs, *plan.pins, *index)  # both caches are warm from here on
    run_uv("install", theirs, *OLD, *index)
    for number in range(pairs + 1):
        with watch_absence(probed) as longest:
            seconds, spent = timed(backend, plan)
        started_at = perf_counter()
        run_uv("install", theirs, "--offline", "--no-deps", *plan.pins)
        if number:  # the first warms ours up
            plain.append(perf_counter() - started_at)
            whole.append(seconds)
            checks.append(spent)
            missing.append(longest[0])
        transactions.apply_and_follow(backend, planning.plan_undo(backend))
        plan = planning.plan_upgrade(backend, ["pandas", "numpy"], allow="all")
        run_uv("install", theirs, "--offline", "--no-deps", *OLD)
    more = [a - b for a, b in zip(whole, plain, strict=True)]
    print(f"{pairs} pairs, medians                     seconds    aim")
    show("uv", median(plain))
    show("ours, whole", median(whole))
    show("  of it checks and verification", median(checks))
    show("ours less uv", median(more), 1.5)
    show(
        "ours less uv, without the checks", median(m - c for m, c in zip(more, checks, strict=True))
    )
    show("a file is missing, p95", sorted(missing)[int(len(missing) * 0.95)], 0.5)


def timed(backend: Backend, plan: Plan) -> tuple[float, float]:
    """Apply a plan; return its seconds, and those spent on checks."""
    started_at = last = perf_counter()
    stage: Stage | None = None
    spent = 0.0

    def report(event: Event) -> None:
        nonlocal last, stage, spent
        now = perf_counter()
        if stage in CHECKS:
            spent += now - last
        last, stage = now, event.stage

    transactions.apply_and_follow(backend, plan, report)
    return perf_counter() - started_at, spent


def parts(backend: Backend) -> None:
    """Time a save point of all files, a rollback, and a recovery with nothing to do."""
    plan = planning.plan_upgrade(backend, ["pandas", "numpy"], allow="all")
    paths = backend.records.touched_paths(plan, None)
    prefix = backend.environment.interpreter.prefix
    print(f"\n{len(paths)} files")
    ahead = [saved(prefix, paths, ahead=True) for _ in range(5)]
    show("save point, read ahead as it is", median(ahead), 0.15)
    show("save point, not read ahead", median(saved(prefix, paths) for _ in range(5)))
    show("rollback", rolled_back(backend, plan), 0.5)
    times = 1000
    started_at = perf_counter()
    for _ in range(times):
        recovery.recover_if_needed(backend)
    per_look = (perf_counter() - started_at) / times
    started_at = perf_counter()
    for _ in range(times):
        (prefix / "nothing").exists()
    one = (perf_counter() - started_at) / times
    print(f"{'nothing to recover':38}{per_look * 1e6:8.1f} µs; one stat {one * 1e6:.1f} µs")


def saved(prefix: Path, paths: Collection[Path], *, ahead: bool = False) -> float:
    """Return the seconds of a save point; with `ahead`, its files were hashed before."""
    folder = prefix / ".pkgwidgets" / "txn" / "bench"
    folder.mkdir(parents=True)
    save_point = FolderSavePoint(folder, prefix)
    sleep(0.1)  # the last one has just changed how often each file is linked
    if ahead:
        save_point.prehash(paths)
        sleep(1)
    started_at = perf_counter()
    save_point.save(paths)
    taken = perf_counter() - started_at
    shutil.rmtree(folder)
    return taken


def rolled_back(backend: Backend, plan: Plan) -> float:
    """Return the seconds of a rollback after a complete installation."""
    started_at: list[float] = []

    def report(event: Event) -> None:
        if event.stage is Stage.RESTORING:
            started_at.append(perf_counter())

    problems = verification.problems_after
    verification.problems_after = lambda *_: (("made to fail",), ())
    try:
        apply.apply_plan(backend, plan, report)
    except VerificationFailed:
        return perf_counter() - started_at[0]
    finally:
        verification.problems_after = problems
    raise AssertionError("it was committed")


def recover_many(folder: Path) -> None:
    """Interrupt an upgrade of 5,000 files after the installation, and time the recovery."""
    from pkgwidgets.demo.wheel_builder import BuiltWheel

    modules = {f"many/m{n}.py": f"N = {n}\n" * 400 for n in range(MANY)}
    index = folder / "index"
    index.mkdir(parents=True)
    for version in ("1.0", "2.0"):
        built = BuiltWheel(
            name="many", version=version, files={**modules, "many/__init__.py": version}
        )
        (index / built.filename).write_bytes(built.data)
    python = folder / "env" / "bin" / "python"
    subprocess.run([uv.find_uv_bin(), "venv", "-q", str(folder / "env")], check=True)
    links = ["--no-index", "--find-links", str(index)]
    run_uv("install", python, "many==1.0", *links)
    os.environ.update(UV_FIND_LINKS=str(index), UV_NO_INDEX="1")
    backend = connect(python)
    plan = planning.plan_upgrade(backend, "many")
    argv = [sys.executable, "-c", CUT_OFF, str(python)]
    subprocess.run(argv, env={**os.environ, "PKGWIDGETS_FAIL": "INSTALLED:synced"}, check=False)
    print(f"\n{MANY} files, cut off when they were installed: {plan}")
    started_at = perf_counter()
    recovered = recovery.recover_if_needed(backend)
    show(f"recovery of {len(recovered)}", perf_counter() - started_at, 5.0)


@contextmanager
def watch_absence(paths: list[Path]) -> Iterator[list[float]]:
    """Check every millisecond whether files exist; record the longest absence."""
    argv = [sys.executable, "-S", "-c", PROBE, *map(str, paths)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    longest: list[float] = []
    yield longest
    output, _ = process.communicate()
    longest.append(float(output))


def make_environment(folder: Path, index: list[str]) -> Path:
    """Make an environment with the old versions and their bytecode."""
    subprocess.run([uv.find_uv_bin(), "venv", "-q", str(folder)], check=True)
    python = folder / "bin" / "python"
    run_uv("install", python, *OLD, *index)
    subprocess.run([str(python), "-c", "import pandas"], check=True)
    return python


def run_uv(verb: str, python: Path, *arguments: str) -> None:
    """Run `uv pip`."""
    argv = [uv.find_uv_bin(), "pip", verb, "-q", "--python", str(python), *arguments]
    subprocess.run(argv, check=True)


def show(what: str, seconds: float, aim: float | None = None) -> None:
    """Print one figure."""
    print(f"{what:38}{seconds:8.3f}{aim if aim is not None else '':>7}")


if __name__ == "__main__":
    main()
