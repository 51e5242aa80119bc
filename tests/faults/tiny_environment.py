"""A tiny environment on the real disk, with the fake installer, for fault injection."""

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
from pkgwidgets.backends.sandbox.preparations import FolderPreparations
from pkgwidgets.backends.store import fail_points, filesystem
from pkgwidgets.backends.store.lock import hold_lock
from pkgwidgets.backends.store.savepoint import FolderSavePoint
from pkgwidgets.connect import recovery_archive
from pkgwidgets.core.plans import Plan
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_upgrade
from pkgwidgets.operations.preparation import prepare_plan

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


_writers: list[object] = []


def installer_is_writing() -> bool:
    """Return whether the installer is writing, rather than pkgwidgets."""
    return _writers != []


@contextmanager
def _installer_writes() -> Iterator[None]:
    _writers.append(None)
    try:
        yield
    finally:
        _writers.pop()


class FolderDisk(MutableMapping[Path, bytes]):
    """The fakes' disk in a folder; it writes a temporary file and renames it, as installers do."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix

    def __getitem__(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError:
            raise KeyError(path) from None

    def __setitem__(self, path: Path, content: bytes) -> None:
        with _installer_writes():
            self._write(path, content)

    def __delitem__(self, path: Path) -> None:
        if not path.is_file():
            raise KeyError(path)
        with _installer_writes():
            self._remove(path)

    def _write(self, path: Path, content: bytes) -> None:
        for folder in reversed(path.parents):
            if not folder.exists():
                filesystem.make_folder(folder)
        beside = path.with_name(f".tmp{filesystem.short_name(path.name)[:6]}")  # as uv names them
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


class LockableFakeEnvironment(FakeEnvironment):
    """The fake environment, but with the real lock."""

    @contextmanager
    def locked(self, holder: str) -> Iterator[None]:
        with hold_lock(self.interpreter.prefix / ".pkgwidgets", holder):
            yield


class TinyEnvironment:
    """An environment in a folder with pea 1.0, and an index with pea 2.0."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.place = prefix / ".pkgwidgets"
        self.environment = LockableFakeEnvironment(FolderDisk(prefix), prefix)
        kit = FakeKit(self.environment, WHEELS, ())
        self.installer = kit.installer
        self.journal = FolderJournal(self.place, recovery_archive)
        self.backend = replace(
            kit.backend,
            journal=self.journal,
            save_point=self._save_point,
            preparations=FolderPreparations(self.place, dict),
        )

    def _save_point(self, transaction_id: str) -> FolderSavePoint:
        return FolderSavePoint(self.journal.folder(transaction_id), self.prefix)

    @classmethod
    def create(cls, prefix: Path) -> TinyEnvironment:
        """Create a new environment in place of an existing one."""
        shutil.rmtree(prefix, ignore_errors=True)
        env = cls(prefix)
        env.installer.put(WHEELS[0], requested=True)
        (prefix / "lib" / "mine.py").write_text("of nobody\n")
        (prefix / "lib" / "pea" / "data").chmod(0o750)
        env.place.mkdir(mode=0o700)
        (env.place / "lock").touch(0o600)
        return env

    def plan(self) -> Plan:
        return plan_upgrade(self.backend, "pea")

    def upgrade(self) -> None:
        apply.apply_plan(self.backend, self.plan())

    def prepare_and_upgrade(self) -> None:
        plan = self.plan()
        prepare_plan(self.backend, plan)
        apply.apply_plan(self.backend, plan)

    def recover(self) -> int:
        """Do what `recover.pyz` does, in this process; return its exit code."""
        with redirect_stdout(StringIO()):
            return recover.main([str(self.place / "txn" / "any" / "recover.pyz")])

    def digest(self) -> str:
        return tree.digest(self.prefix)

    def leftovers(self) -> list[str]:
        """Return files of an open transaction, and temporary files outside our folder."""
        ours = [self.place / "open", self.place / "trash", *self.place.glob("txn/*/recover.pyz")]
        ours += [*self.place.glob("txn/*/reserve"), *self.place.glob("txn/*/stage")]
        ours += [*self.prefix.glob("lib/**/.*")]
        return [str(path.relative_to(self.prefix)) for path in ours if os.path.lexists(path)]

    def last_steps(self) -> tuple[str, ...]:
        ids = self.journal.ids()
        return self.journal.steps(ids[-1]) if ids else ()


def undisturbed_digests(folder: Path) -> tuple[str, str]:
    """Return the digests of the environment before and after an undisturbed upgrade."""
    env = TinyEnvironment.create(folder / "undisturbed")
    old = env.digest()
    env.upgrade()
    return old, env.digest()


def fork() -> int:
    """Fork without the warning about threads: a server of another test may run in one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def run_and_kill(work: Callable[[], object], point: str = "") -> bool:
    """Call `work` in a child process that is killed at `point`; return whether it was killed.

    If the child raises, the traceback is printed and the result is False.
    """
    child = fork()
    if child == 0:
        try:
            fail_points.reached.clear()
            fail_points.fail_point = point
            sys.stdout = sys.stderr
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
