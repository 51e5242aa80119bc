"""The copies of environments of this user, in one folder.

An environment cannot be moved: its scripts name its path. So each is made in its place, and its
mark says when it is complete. A kill at any step leaves a mark that is not complete, and the next
call removes what it names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from pkgwidgets.backends.environment.installed_environment import InstalledEnvironment
from pkgwidgets.backends.store import filesystem, forks, lock
from pkgwidgets.backends.store.fail_points import reach
from pkgwidgets.backends.store.journal_file import as_disk_failed
from pkgwidgets.core.copies import BuiltCopy, CopyPlan, EnvironmentCopy, RunningProgram
from pkgwidgets.core.environment import Distribution, Interpreter
from pkgwidgets.core.interfaces import Report

from . import kernel_spec, marks
from .marks import Mark, State

if TYPE_CHECKING:
    from pkgwidgets.backends.config.index_selection import SourceFactory

    from .copy_builder import CopyBuilder

_STATE = ".pkgwidgets"
"""The folder of the marks and of the lock; no copy can have this name. Each copy has its own."""
_REMOVAL = "the removal of this copy"


class FolderCopies:
    """The copies of this user; `source` is the environment that new ones are made of."""

    def __init__(
        self,
        source: InstalledEnvironment,
        sources: SourceFactory,
        root: Path | None = None,
        find_kernel_folder: Callable[[str], Path | None] = kernel_spec.kernel_folder,
    ) -> None:
        self._source = source
        self._root = root or platformdirs.user_data_path("pkgwidgets") / "environments"
        self._find_kernel_folder = find_kernel_folder
        self._sources = sources

    @property
    def _builder(self) -> CopyBuilder:
        # Late: each panel lists the copies, and few make one.
        from .copy_builder import CopyBuilder

        return CopyBuilder(self._source, self._sources, self._inheritable)

    @property
    def _place(self) -> Path:
        return self._root / _STATE

    def _inheritable(self) -> AbstractContextManager[tuple[int, ...]]:
        return forks.inheritable(lock.descriptor_of(self._place))

    def folder(self, name: str) -> Path:
        """Return the folder of a copy, which may not exist."""
        return self._root / name

    def find_python(self, python: str | None) -> Interpreter:
        """Return the Python for a copy; raise `EnvironmentRefused` if there is none."""
        if python is None:
            return self._source.interpreter
        return self._builder.find_python(python)

    def kernel_folder(self, name: str) -> Path | None:
        """Return the folder of the kernel of a copy; None if Jupyter is not installed here."""
        return self._find_kernel_folder(name)

    def foreign(self, name: str) -> Path | None:
        """Return the folder that a copy needs and that is not of a copy; None without one."""
        folder, kernel = self.folder(name), self.kernel_folder(name)
        if filesystem.find(folder) is not None and name not in marks.read_marks(self._place):
            return folder
        if kernel is None or filesystem.find(kernel) is None:
            return None
        return None if kernel_spec.is_of_copy(kernel, name) else kernel

    @contextmanager
    def locked(self, holder: str) -> Iterator[None]:
        """Let no other process make or remove a copy in a block; uv inherits the lock."""
        with as_disk_failed(""):
            filesystem.make_folders(self._root)
        with lock.hold_lock(self._place, holder):
            yield

    def recover(self) -> None:
        """Finish or remove what was interrupted."""
        with as_disk_failed(""):
            for mark in marks.read_marks(self._place).values():
                if mark.state is State.BUILT:
                    self._offer(mark)
                elif mark.state is not State.COMPLETE:
                    self._remove(mark)

    def listed(self) -> Sequence[EnvironmentCopy]:
        """Return the complete copies, by name."""
        found = marks.read_marks(self._place).values()
        return tuple(
            mark.to_copy(self._root)
            for mark in found
            if mark.state is State.COMPLETE and self.folder(mark.name).is_dir()
        )

    def unpackable_reason(self, distribution: Distribution) -> str | None:
        """Return why the files of an installed distribution cannot be copied; None if they can."""
        return self._builder.unpackable_reason(distribution)

    def build(self, plan: CopyPlan, report: Report) -> None:
        """Make the environment of a plan, without offering it. Raises `CopyFailed`."""
        with as_disk_failed(""):
            mark = marks.mark_of(plan, self.kernel_folder(plan.name), datetime.now(UTC))
            marks.write_mark(self._place, mark)
        reach("COPY:marked")
        self._builder.build(plan, report)

    def inspect(self, plan: CopyPlan, report: Report) -> BuiltCopy:
        """Read what was built, and import its modules."""
        return self._builder.inspect(plan, report)

    def complete(self, plan: CopyPlan, notes: Sequence[str]) -> EnvironmentCopy:
        """Offer what was built, durably, with its kernel."""
        with as_disk_failed(""):
            filesystem.sync_all(plan.folder)
            built = replace(
                marks.read_marks(self._place)[plan.name], state=State.BUILT, notes=tuple(notes)
            )
            marks.write_mark(self._place, built)
            reach("COPY:built")
            return self._offer(built).to_copy(self._root)

    def _offer(self, mark: Mark) -> Mark:
        if mark.kernel_folder:
            python = self.folder(mark.name) / "bin" / "python"
            label = f"Python {mark.python_version} ({mark.name})"
            kernel_spec.write_kernel(Path(mark.kernel_folder), mark.name, python, label)
        reach("COPY:kernel")
        complete = replace(mark, state=State.COMPLETE)
        marks.write_mark(self._place, complete)
        reach("COPY:complete")
        return complete

    def running_in(self, name: str) -> Sequence[RunningProgram]:
        """Return what runs in a copy, as far as this user may see it; not this process."""
        from pkgwidgets.backends.processes.programs import running_programs

        return running_programs(self.folder(name))

    def keep(self, name: str) -> None:
        """Note durably that a complete copy is to stay."""
        mark = marks.read_marks(self._place)[name]
        with as_disk_failed(""):
            marks.write_mark(self._place, replace(mark, kept=True))

    def remove(self, name: str) -> None:
        """Remove a copy, complete or not, with its kernel; no other files.

        Raises `EnvironmentBusy` while its packages are changed, by any process.
        """
        mark = marks.read_marks(self._place).get(name)
        if mark is not None:
            with self._unchanging(name), as_disk_failed(""):
                self._remove(mark)

    def _unchanging(self, name: str) -> AbstractContextManager[object]:
        """Let nothing change the packages of a copy; one that never changed has no lock."""
        place = self.folder(name) / _STATE
        return lock.hold_lock(place, _REMOVAL) if place.is_dir() else nullcontext()

    def _remove(self, mark: Mark) -> None:
        marks.write_mark(self._place, replace(mark, state=State.REMOVING))
        if mark.kernel_folder:
            kernel_spec.remove_kernel(Path(mark.kernel_folder), mark.name)
        folder = self.folder(mark.name)
        if not folder.is_symlink():
            filesystem.remove_tree(folder)
        marks.remove_mark(self._place, mark.name)
