"""Each file operation of real changes gets a kill and a disk error, one at a time.

`python tests/faults/operation_matrix.py` tries all and prints its figures; with `8` every eighth.
The operations are those of a dry run with the real uv, on an environment as pip leaves it.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bad_index_server import environment
from faults import tree
from faults.tiny_environment import run_and_kill

from pkgwidgets import recover
from pkgwidgets.backends.store import fail_points
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import EnvironmentRefused, PkgwidgetsError, RollbackFailed
from pkgwidgets.core.interfaces import Backend, ImportCheck, Report, no_report
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_undo, plan_uninstall, plan_upgrade

READS = ("sha256",)
"""Operations that cannot leave anything behind: they only fail."""
SCRIPT = "[console_scripts]\ntop = top:main\n"


def release(name: str, version: str, *requires: str, **more: Any) -> BuiltWheel:
    files = {
        f"{name}/__init__.py": f"version = {version!r}\n",
        f"{name}/only_{version[0]}/data.txt": f"{name} {version}\n",
    }
    return BuiltWheel(name=name, version=version, requires=requires, files=files, **more)


RELEASES = tuple(
    wheel
    for version in ("1.0", "2.0")
    for wheel in (
        release("dep", version),
        release("top", version, f"dep=={version}", entry_points=SCRIPT),
    )
)


@dataclass(frozen=True, order=True)
class Operation:
    """A function of the store and the path that it is called with."""

    name: str
    path: str


@contextmanager
def traced() -> Iterator[list[Operation]]:
    """Yield the operations that really run in the block, in order; those that read, too."""
    operations: list[Operation] = []
    fail_points.watch = lambda name, path: operations.append(Operation(name, str(path)))
    try:
        yield operations
    finally:
        fail_points.watch = None


@contextmanager
def failing(number: int, code: int) -> Iterator[list[str]]:
    """Let one operation that writes fail, counted from 1; yield its name once it has failed."""
    failed: list[str] = []
    reached = 0

    def watch(name: str, path: str | Path) -> None:
        nonlocal reached
        reached += name not in READS
        if name not in READS and reached == number:
            failed.append(name)
            raise OSError(code, os.strerror(code), str(path))

    fail_points.watch = watch
    try:
        yield failed
    finally:
        fail_points.watch = None


class NothingImported:
    """An import checker that finds no failures: imports change no file of the environment."""

    def check(self, *args: Any, **more: Any) -> ImportCheck:
        return ImportCheck(errors={})

    def kernel(self, report: Report = no_report, **more: Any) -> str | None:
        return None

    def keep_bytecode(self, stage: Path) -> None:
        """Keep nothing."""


CHANGES: dict[str, Callable[[Backend], object]] = {
    "upgrade": lambda backend: apply.apply_plan(backend, plan_upgrade(backend, "top")),
    "uninstall": lambda backend: apply.apply_plan(backend, plan_uninstall(backend, "top")),
    "undo": lambda backend: apply.apply_plan(backend, plan_undo(backend)),
}


@dataclass
class Place:
    """An environment with top and dep, of which only top is requested, and a copy of it."""

    folder: Path
    url: str
    publish: Callable[..., None] | None = None

    @classmethod
    def create(cls, folder: Path, url: str, change: str) -> Place:
        """Make an environment in which a change is possible."""
        place = cls(folder, url)
        python = environment(place.prefix, [wheel for wheel in RELEASES if wheel.version == "1.0"])
        (info,) = python.parents[1].glob("lib/python*/site-packages/dep-1.0.dist-info")
        record = (info / "RECORD").read_text().splitlines()
        (info / "RECORD").write_text("\n".join(r for r in record if "REQUESTED" not in r) + "\n")
        (info / "REQUESTED").unlink()
        if change == "undo":
            CHANGES["upgrade"](place.backend)
        shutil.copytree(place.prefix, folder / "kept", symlinks=True)
        return place

    @property
    def prefix(self) -> Path:
        return self.folder / "environment"

    @property
    def backend(self) -> Backend:
        return replace(
            connect(self.prefix / "bin" / "python", self.url), import_checker=NothingImported()
        )

    def reset(self) -> None:
        shutil.rmtree(self.prefix)
        shutil.copytree(self.folder / "kept", self.prefix, symlinks=True)

    def digest(self) -> str:
        """Return the state once a new session has begun: it removes what a trial left."""
        self.backend.environment.read_only_reason()
        return tree.digest(self.prefix)

    def recover(self) -> int:
        """Do what `recover.pyz` does, in this process; return its exit code."""
        with redirect_stdout(StringIO()):
            return recover.main([str(self.prefix / ".pkgwidgets/txn/any/recover.pyz")])

    @property
    def is_committed(self) -> bool:
        """Whether the newest transaction is one of this run, and committed."""
        journal = self.backend.journal
        known = len([*(self.folder / "kept" / ".pkgwidgets").glob("txn/*")])
        ended = journal.transactions()[known:]
        return bool(ended) and "COMMIT" in journal.steps(ended[-1].id)

    @property
    def is_open(self) -> bool:
        return (self.prefix / ".pkgwidgets" / "open").exists()


@dataclass
class Figures:
    """What was tried for one change, and what was wrong."""

    change: str
    operations: list[Operation] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        names = Counter(operation.name for operation in self.operations)
        by_name = ", ".join(f"{count} {name}" for name, count in sorted(names.items()))
        outcomes = ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items()))
        return (
            f"{self.change}: {len(self.operations)} operations ({by_name})\n"
            f"  {outcomes} in {self.seconds:.0f} s; {len(self.faults)} faults"
        )


def try_change(folder: Path, url: str, change: str, every: int) -> Figures:
    """Kill and break every n-th operation of a change."""
    place, started = Place.create(folder, url, change), time.monotonic()
    figures, old = Figures(change), place.digest()
    place.reset()
    with traced() as operations:
        CHANGES[change](place.backend)
    figures.operations = [entry for entry in operations if entry.name not in READS]
    states = {old: "old", place.digest(): "new"}
    for number in range(1, len(figures.operations) + 1, every):
        where = f"{number}: {figures.operations[number - 1]}"
        for kind, attempt in (("killed", kill_at), ("failed", fail_at)):
            place.reset()
            outcome, fault = attempt(place, change, number, states)
            figures.outcomes[f"{kind} → {outcome}"] += 1
            if fault:
                figures.faults.append(f"{change} {kind} at {where}: {fault}")
    figures.seconds = time.monotonic() - started
    return figures


def kill_at(place: Place, change: str, number: int, states: dict[str, str]) -> tuple[str, str]:
    """Kill at an operation and recover; return the state, and what is wrong with it."""
    if not run_and_kill(lambda: CHANGES[change](place.backend), f"operation#{number}"):
        return "not reached", "the operation was not reached"
    return _recovered(place, states)


def fail_at(place: Place, change: str, number: int, states: dict[str, str]) -> tuple[str, str]:
    """Fail at an operation and recover; return the state, and what is wrong with it."""
    error: BaseException | None = None
    with failing(number, errno.EIO) as failed:
        try:
            CHANGES[change](place.backend)
        except PkgwidgetsError as raised:
            error = raised
        except OSError as raised:
            return "raw error", f"{raised!r} is no error of pkgwidgets"
    if not failed:
        return "not reached", "the operation was not reached"
    state = states.get(place.digest(), "neither")
    promised = "new" if error is None else "old"
    if state != promised and not isinstance(error, RollbackFailed):
        return state, f"the environment is {state} after {error!r}"
    if isinstance(error, EnvironmentRefused) and place.is_open:
        return state, "a refused plan left an open transaction"
    return _recovered(place, states)


def _recovered(place: Place, states: dict[str, str]) -> tuple[str, str]:
    code = place.recover()
    state = states.get(place.digest(), "neither")
    if code != 0 or place.is_open:
        return state, f"recovery returned {code}"
    expected = "new" if place.is_committed else "old"
    return state, "" if state == expected else f"the environment is {state}, not {expected}"


def main(argv: Sequence[str]) -> int:
    every = int(argv[0]) if argv else 1
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder, DemoIndex(RELEASES) as index:
        os.environ |= {"UV_CACHE_DIR": f"{folder}/uv", "XDG_CACHE_HOME": f"{folder}/cache"}
        for change in CHANGES:
            figures = try_change(Path(folder, change), index.url, change, every)
            print(figures, flush=True)
            faults += figures.faults
    print(*faults, sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
