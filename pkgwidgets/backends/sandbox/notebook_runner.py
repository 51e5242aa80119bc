"""Run notebooks in scratch kernels, on an environment or on one with staged packages."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from pkgwidgets.analysis.notebook_runs import (
    SKIP,
    CellRun,
    NotebookCode,
    NotebookRun,
    parse_markers,
)
from pkgwidgets.analysis.rehearsal_backend import RunLimits
from pkgwidgets.backends.environment.installed_environment import REHEARSAL_VARIABLE
from pkgwidgets.backends.processes import process, temp_dirs
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.errors import EnvironmentRefused, InvalidRequest
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report, no_report

from . import borrowed_ipykernel, probes
from .notebook_copy import CopyLimits, copy_notebook_folder
from .notebook_reader import read_notebook

_KERNEL_START_SECONDS = 60.0
_MAX_SOCKET_CHARACTERS = 80
"""The longest folder path for sockets: systems limit a socket path to about 100 characters."""
_KERNEL_MARK = "kernel:"


class KernelNotebookRunner:
    """Run notebooks with nbclient, each in its own kernel and its own copy of the folder.

    Nothing is written into the environment: bytecode goes to a temporary folder. An environment
    without ipykernel borrows that of this process, if both have the same Python version.
    """

    def __init__(self, interpreter: Interpreter, copy_limits: CopyLimits = CopyLimits()) -> None:
        self._interpreter = interpreter
        self._copy_limits = copy_limits

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
        files are not found. Raises `InvalidRequest` without nbclient, or if a notebook's folder
        cannot be copied; `EnvironmentRefused` if the process that runs the notebooks fails.
        """
        if importlib.util.find_spec("nbclient") is None:
            reason = 'a rehearsal needs nbclient: `pip install "pkgwidgets[impact]"`'
            raise InvalidRequest("rehearsal", None, reason)
        with temp_dirs.temporary_folder("pkgwidgets-rehearsal-") as folder:
            run_folder = _RunFolder(
                folder, scripts, staged, self._interpreter, report, self._copy_limits
            )
            task = run_folder.make_task(limits or RunLimits())
            kernel_task = self._kernel_task(folder, staged, masked, limits or RunLimits())
            (folder / "kernel-task").write_text(json.dumps(kernel_task), encoding="utf-8")
            (folder / "kernel.py").write_text(probes.REHEARSAL_KERNEL, encoding="utf-8")
            (folder / "task").write_text(json.dumps(task), encoding="utf-8")
            report_progress = _progress_reporter(
                folder / "progress", scripts, report, upgraded=staged is not None
            )
            with _kill_kernel_on_error(folder / "kernel-group"):
                completed = process.run(
                    [sys.executable, "-P", "-c", probes.RUN_NOTEBOOKS, str(folder / "task")],
                    cwd=folder,
                    environment=_inherited_variables(),
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
            "timeout_seconds": _KERNEL_START_SECONDS,
            "is_staged": True,
            "masked": [str(path) for path in masked],
            "libraries": libraries,
            "roots": [f"{root}/" for root in (staged, prefix) if root is not None],
            "bytecode": f"{folder / 'compiled'}/",
            "block_network": not limits.network,
            "borrowed": borrowed_ipykernel.borrowable_ipykernel(self._interpreter),
        }


class _RunFolder:
    """The folder of one run, with the copies of the notebooks and the results."""

    def __init__(
        self,
        folder: Path,
        scripts: Sequence[NotebookCode],
        staged: Path | None,
        interpreter: Interpreter,
        report: Report,
        copy_limits: CopyLimits,
    ) -> None:
        self._folder, self._scripts, self._interpreter = folder, scripts, interpreter
        self._copies = [
            copy_notebook_folder(
                script.notebook.resolve(),
                folder / f"work-{number}" / "copy",
                partial(report, _copy_event(script)),
                copy_limits,
            )
            for number, script in enumerate(scripts)
        ]
        # Results name the original folders and the prefix, not the copies and the stage.
        self._original_paths = {
            _json_escaped(copy.parent): _json_escaped(script.notebook.resolve().parent)
            for copy, script in zip(self._copies, scripts, strict=True)
        }
        if staged is not None:
            self._original_paths[_json_escaped(staged)] = _json_escaped(interpreter.prefix)

    def make_task(self, limits: RunLimits) -> dict[str, Any]:
        """Return the task of the process that runs the notebooks."""
        python, folder = str(self._interpreter.python), str(self._folder)
        arguments = [f"{folder}/kernel.py", f"{folder}/kernel-task", _KERNEL_MARK]
        notebooks = [
            {
                "folder": str(copy.parent),
                "sources": script.sources,
                "skipped": [SKIP in markers for markers in script.markers],
            }
            for script, copy in zip(self._scripts, self._copies, strict=True)
        ]
        return {
            "notebooks": notebooks,
            "argv": [python, *arguments, "-f", "{connection_file}"],
            "variables": {
                **_inherited_variables(),
                **_installer_variables(self._folder, limits),
                # One order of sets for all runs: another seed would be noise.
                "PYTHONHASHSEED": "0",
                # Our own API in a notebook must not change the live environment.
                REHEARSAL_VARIABLE: str(self._interpreter.prefix),
            },
            "seconds": limits.seconds,
            "start_seconds": _KERNEL_START_SECONDS,
            "sockets": f"{folder}/k",
            "transport": "ipc" if len(folder) < _MAX_SOCKET_CHARACTERS else "tcp",
            "kernel_log": f"{folder}/kernel-log",
            "progress": f"{folder}/progress",
            "answer": f"{folder}/answer",
            "group_file": f"{folder}/kernel-group",
            "folder": folder,
            "parent_pid": os.getpid(),
        }

    def read_results(self, completed: process.CompletedProcess) -> tuple[NotebookRun, ...]:
        """Read the results, with the original paths in place of the copies."""
        last_line = (completed.stderr.strip().splitlines() or ["no error message"])[-1][:500]
        try:
            text = (self._folder / "answer").read_text("utf-8")
        except OSError as error:
            reason = f"The process that runs notebooks ended: {last_line}"
            raise EnvironmentRefused(self._interpreter.python, reason) from error
        for copy_path, original_path in self._original_paths.items():
            text = text.replace(copy_path, original_path)
        answers = json.loads(text)
        return tuple(
            _make_run(script, answer) for script, answer in zip(self._scripts, answers, strict=True)
        )


def _copy_event(script: NotebookCode) -> Event:
    return Event(stage=Stage.CHECKING, text=f"copying the folder of {script.notebook.name}")


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


def _make_run(script: NotebookCode, answer: Mapping[str, Any]) -> NotebookRun:
    failure = f"no kernel starts ({answer['failure']})" if answer["failure"] else ""
    cells = tuple(
        CellRun(
            number=number,
            source=source,
            outputs=tuple(cell["outputs"]),
            seconds=cell["seconds"],
            markers=script.markers[number - 1],
            aborted=failure or cell["ended"],
        )
        for number, (source, cell) in enumerate(
            zip(script.sources, answer["cells"], strict=True), 1
        )
    )
    return NotebookRun(script=script, cells=cells, seconds=answer["seconds"], failure=failure)


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


def _inherited_variables() -> dict[str, str]:
    """Return our environment variables without `JPY_*`, which describe this process's kernel."""
    return {name: value for name, value in os.environ.items() if not name.startswith("JPY_")}


def _installer_variables(folder: Path, limits: RunLimits) -> dict[str, str]:
    """Return the variables that stop pip and uv in a notebook from changing the environment.

    `pip install` only prints what it would do. `pip uninstall` has no dry run, and fails on a
    missing requirements file. uv finds no Python. Source:
    https://pip.pypa.io/en/stable/topics/configuration
    """
    user_config = os.environ.get("PIP_CONFIG_FILE", "")
    lines = Path(user_config).read_text("utf-8") if Path(user_config).is_file() else ""
    config = folder / "pip.conf"
    config.write_text(f"{lines}\n[uninstall]\nrequirement = {folder}/none\n", "utf-8")
    variables = {
        "PYTHONDONTWRITEBYTECODE": "1",
        "PIP_DRY_RUN": "1",
        "PIP_CONFIG_FILE": str(config),
        "UV_PYTHON": f"{folder}/none",
    }
    return variables if limits.network else {**variables, "PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}


def _json_escaped(path: Path) -> str:
    """Return a path as it is escaped inside a JSON string."""
    return json.dumps(str(path))[1:-1]
