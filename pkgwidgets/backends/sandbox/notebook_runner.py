"""Run notebooks in scratch kernels, on an environment or on one with staged packages."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from pkgwidgets.analysis.notebook_runs import (
    NotebookCode,
    NotebookRun,
    parse_markers,
)
from pkgwidgets.analysis.rehearsal_backend import RunLimits
from pkgwidgets.backends.processes import process, temp_dirs
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report, no_report

from . import borrowed_ipykernel, probes
from .folder_tree import CopyLimits
from .notebook_reader import read_notebook
from .run_folder import KERNEL_START_SECONDS, Copying, RunFolder, inherited_variables


class KernelNotebookRunner:
    """Run notebooks with nbclient, each in its own kernel and its own copy of its project.

    Nothing is written into the environment: bytecode goes to a temporary folder. An environment
    without ipykernel borrows that of this process, if both have the same Python version.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        limits: CopyLimits = CopyLimits(),
        *,
        root: Path | None = None,
    ) -> None:
        self._interpreter = interpreter
        self._copying = Copying(root=root, limits=limits)

    def read(self, notebook: Path) -> NotebookCode:
        """Read the code of a notebook; raise `InvalidRequest` if it is not a notebook."""
        cells = read_notebook(notebook)
        return NotebookCode(
            notebook=notebook,
            sources=tuple(cell.source for cell in cells),
            markers=tuple(parse_markers(cell.source, cell.tags) for cell in cells),
        )

    def run(
        self,
        scripts: Sequence[NotebookCode],
        *,
        staged: Path | None = None,
        masked: Collection[Path] = (),
        limits: RunLimits | None = None,
        report: Report = no_report,
    ) -> tuple[NotebookRun, ...]:
        """Run notebooks one after the other; an exception of `report` ends them and their kernels.

        With `staged`, the libraries of that staged prefix come before the installed ones; `masked`
        files are not found. Raises `InvalidRequest` without nbclient, or if a notebook's project
        cannot be copied; `EnvironmentRefused` if the process that runs the notebooks fails.
        """
        if importlib.util.find_spec("nbclient") is None:
            reason = 'a rehearsal needs nbclient: `pip install "pkgwidgets[impact]"`'
            raise InvalidRequest("rehearsal", None, reason)
        with temp_dirs.temporary_folder("pkgwidgets-rehearsal-") as folder:
            run_folder = RunFolder(
                folder, scripts, staged, self._interpreter, report, self._copying
            )
            task = run_folder.make_task(limits or RunLimits())
            kernel_task = self._kernel_task(folder, staged, masked, limits or RunLimits())
            kernel_task |= run_folder.write_guard()
            (folder / "kernel-task").write_text(json.dumps(kernel_task), encoding="utf-8")
            (folder / "kernel.py").write_text(probes.REHEARSAL_KERNEL, encoding="utf-8")
            (folder / "task").write_text(json.dumps(task), encoding="utf-8")
            report_progress = _progress_reporter(
                folder / "progress", scripts, report, upgraded=staged is not None
            )
            with _kill_kernel_on_error(folder / "kernel-group"):
                completed = process.run(
                    [
                        str(process.this_python()),
                        "-P",
                        "-c",
                        probes.RUN_NOTEBOOKS,
                        str(folder / "task"),
                    ],
                    cwd=folder,
                    environment=inherited_variables(),
                    tick=report_progress,
                )
                report_progress()
                return run_folder.read_results(completed)

    def temporary_directory(self) -> AbstractContextManager[Path]:
        """Return a temporary folder for a stage; after a kill, a later call removes it."""
        return temp_dirs.temporary_folder("pkgwidgets-stage-")

    def _kernel_task(
        self, folder: Path, staged: Path | None, masked: Collection[Path], limits: RunLimits
    ) -> dict[str, Any]:
        scheme, prefix = self._interpreter.scheme, self._interpreter.prefix
        live = dict.fromkeys((scheme["purelib"], scheme["platlib"]))
        libraries = [
            (str(library), str(staged / library.relative_to(prefix)))
            for library in live
            if staged is not None
        ]
        return {
            "timeout_seconds": KERNEL_START_SECONDS,
            "is_staged": True,
            "masked": [str(path) for path in masked],
            "libraries": libraries,
            "roots": [f"{root}/" for root in (staged, prefix) if root is not None],
            "bytecode": f"{folder / 'compiled'}/",
            "block_network": not limits.network,
            "borrowed": borrowed_ipykernel.borrowable_ipykernel(self._interpreter),
        }


@contextmanager
def _kill_kernel_on_error(group_file: Path) -> Iterator[None]:
    """Kill the process group of a kernel whose runner was ended before it could do so."""
    try:
        yield
    except BaseException:
        with suppress(OSError, ValueError):
            group = int(group_file.read_text("ascii"))
            if group > 1:  # 0 would be the group of this process
                os.killpg(group, signal.SIGKILL)
        raise


def _progress_reporter(
    progress: Path, scripts: Sequence[NotebookCode], report: Report, *, upgraded: bool
) -> Callable[[], None]:
    """Return a function that reports newly started cells, or else repeats the last report."""
    variant = "with the new versions" if upgraded else "with the installed versions"
    last_event = Event(stage=Stage.CHECKING, text=f"starting a kernel {variant}")
    line_count = 0

    def report_progress() -> None:
        nonlocal last_event, line_count
        text = progress.read_text("utf-8") if progress.exists() else ""
        new_lines = text.splitlines()[line_count : text.count("\n")]
        for line in new_lines:
            notebook, done, total = json.loads(line)
            name = scripts[notebook].notebook.name
            description = f"rehearsing {name} {variant}, cell {done} of {total}"
            last_event = Event(stage=Stage.CHECKING, text=description, done=done, total=total)
            line_count += 1
            report(last_event)
        if not new_lines:
            report(last_event)

    return report_progress
