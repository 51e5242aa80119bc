"""A tiny environment on the real disk with the fakes as its engine, to be broken in all ways."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

from fakes import FakeEnvironment, FakeKit
from faults import tree

from pkgwidgets import recover
from pkgwidgets.backends.history.journal import FolderJournal
from pkgwidgets.backends.store import filesystem
from pkgwidgets.backends.store.lock import hold_lock
from pkgwidgets.backends.store.savepoint import FolderSavePoint
from pkgwidgets.connect import recovery_archive
from pkgwidgets.core.plans import Plan
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_upgrade

OLD = {
    "pea/__init__.py": "x = 1\n",
    "pea/same.py": "the same in both\n",
    "pea/gone.py": "only in the old one\n",
    "pea/data/table.csv": "1,2\n",
    "pea.pth": "# old\n",
}
NEW = {
    "pea/__init__.py": "x = 2\n",
    "pea/same.py": "the same in both\n",
    "pea/fresh.py": "only in the new one\n",
    "pea/deep/er/module.py": "",
    "pea.pth": "# new\n",
}
WHEELS = (
    BuiltWheel(name="pea", version="1.0", files=OLD),
    BuiltWheel(name="pea", version="2.0", files=NEW),
)


_working: list[object] = []


def at_work() -> bool:
    """Tell whether it is the engine that writes, and not we."""
    return _working != []


@contextmanager
def _work() -> Iterator[None]:
    _working.append(None)
    try:
        yield
    finally:
        _working.pop()


class FolderDisk(MutableMapping[Path, bytes]):
    """The fakes' disk in a folder; files are written as installers do, by temp and rename."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix

    def __getitem__(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError:
            raise KeyError(path) from None

    def __setitem__(self, path: Path, content: bytes) -> None:
        with _work():
            self._write(path, content)

    def __delitem__(self, path: Path) -> None:
        if not path.is_file():
            raise KeyError(path)
        with _work():
            self._remove(path)

    def _write(self, path: Path, content: bytes) -> None:
        for folder in reversed(path.parents):
            if not folder.exists():
                filesystem.make_folder(folder)
        beside = path.with_name(f".tmp{filesystem.name_of(path.name)[:6]}")  # as uv names them
        with filesystem.opened(beside, anew=True) as file:
            filesystem.write(file, content)
        filesystem.set_mode(beside, 0o644)
        filesystem.replace(beside, path)

    def _remove(self, path: Path) -> None:
        filesystem.remove(path)
        folder = path.parent
        while folder.name != "lib" and not any(folder.iterdir()):
            filesystem.remove_folder(folder)
            folder = folder.parent

    def __iter__(self) -> Iterator[Path]:
        walked = os.walk(self._prefix)
        return iter(sorted(Path(folder, name) for folder, _, names in walked for name in names))

    def __len__(self) -> int:
        return len(list(iter(self)))


class PlotEnvironment(FakeEnvironment):
    """The fake one, but with the real lock."""

    @contextmanager
    def locked(self, holder: str) -> Iterator[None]:
        with hold_lock(self.interpreter.prefix / ".pkgwidgets", holder):
            yield


class Plot:
    """An environment in a folder that has pea 1.0, and an index that has 2.0, too."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.place = prefix / ".pkgwidgets"
        self.environment = PlotEnvironment(FolderDisk(prefix), prefix)
        kit = FakeKit(self.environment, WHEELS, ())
        self.installer = kit.installer
        self.journal = FolderJournal(self.place, recovery_archive)
        self.backend = replace(kit.backend, journal=self.journal, save_point=self._save_point)

    def _save_point(self, transaction_id: str) -> FolderSavePoint:
        return FolderSavePoint(self.journal.folder(transaction_id), self.prefix)

    @classmethod
    def planted(cls, prefix: Path) -> Plot:
        """Make a new one, in place of what is there."""
        shutil.rmtree(prefix, ignore_errors=True)
        plot = cls(prefix)
        plot.installer.put(WHEELS[0], requested=True)
        (prefix / "lib" / "mine.py").write_text("of nobody\n")
        (prefix / "lib" / "pea" / "data").chmod(0o750)
        plot.place.mkdir(mode=0o700)
        (plot.place / "lock").touch(0o600)
        return plot

    def plan(self) -> Plan:
        return plan_upgrade(self.backend, "pea")

    def upgrade(self) -> None:
        apply.apply_plan(self.backend, self.plan())

    def recover(self) -> int:
        """Do what `recover.pyz` does, in this process; return its exit code."""
        with redirect_stdout(StringIO()):
            return recover.main([str(self.place / "txn" / "any" / "recover.pyz")])

    def digest(self) -> str:
        return tree.digest(self.prefix)

    def leftovers(self) -> list[str]:
        """Return what only an open transaction has, and our names outside of our folder."""
        ours = [self.place / "open", self.place / "trash", *self.place.glob("txn/*/recover.pyz")]
        ours += [*self.place.glob("txn/*/reserve"), *self.place.glob("txn/*/stage")]
        ours += [*self.prefix.glob("lib/**/.*")]
        return [str(path.relative_to(self.prefix)) for path in ours if os.path.lexists(path)]

    def last_steps(self) -> tuple[str, ...]:
        ids = self.journal.ids()
        return self.journal.steps(ids[-1]) if ids else ()


def states(folder: Path) -> tuple[str, str]:
    """Return the digests of the old and of the new environment, of an undisturbed run."""
    plot = Plot.planted(folder / "undisturbed")
    old = plot.digest()
    plot.upgrade()
    return old, plot.digest()


def forked() -> int:
    """Fork; a server of another test may run in a thread, which the child has no use for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def killed(work: Callable[[], object], point: str = "") -> bool:
    """Do something in a child that dies at a point; tell whether it died there.

    What the child raises is no death: it is printed, and the answer is False.
    """
    child = forked()
    if child == 0:
        try:
            filesystem._reached.clear()
            filesystem.fail_point = point
            sys.stdout = sys.stderr
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
