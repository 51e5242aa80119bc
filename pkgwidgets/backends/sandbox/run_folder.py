"""The folder of one run of notebooks: their copies, the task of the process, and the results."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pkgwidgets.analysis.notebook_runs import SKIP, CellRun, NotebookCode, NotebookRun
from pkgwidgets.analysis.rehearsal_backend import RunLimits
from pkgwidgets.backends.environment.installed_environment import REHEARSAL_VARIABLE
from pkgwidgets.backends.processes import process
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report

from .folder_tree import CopyLimits
from .notebook_copy import copy_project

KERNEL_START_SECONDS = 60.0
"""The time limit for the start of a kernel."""
_MAX_SOCKET_CHARACTERS = 80
"""The longest folder path for sockets: systems limit a socket path to about 100 characters."""
_KERNEL_MARK = "kernel:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Copying:
    """What is copied for each notebook: `root`, or by default the project that is found."""

    root: Path | None = None
    limits: CopyLimits = CopyLimits()


class RunFolder:
    """The folder of one run, with the copies of the notebooks and the results."""

    def __init__(
        self,
        folder: Path,
        scripts: Sequence[NotebookCode],
        staged: Path | None,
        interpreter: Interpreter,
        report: Report,
        copying: Copying,
    ) -> None:
        self._folder, self._scripts, self._interpreter = folder, scripts, interpreter
        self._copies = [
            copy_project(
                script.notebook.parent.resolve() / script.notebook.name,
                folder / f"{number}-work",
                root=copying.root,
                excluded=(folder, *_environment_paths(interpreter)),
                limits=copying.limits,
                tick=partial(report, _copy_event(script)),
            )
            for number, script in enumerate(scripts)
        ]
        for copy in self._copies:
            if copy.note:
                report(Event(stage=Stage.CHECKING, text=copy.note))
        # Results name the original folders and the prefix, not the copies and the stage.
        self._original_paths = [
            pair
            for copy in self._copies
            for pair in ((copy.copy, copy.original), (copy.copy.parent, copy.original.parent))
        ]
        if staged is not None:
            self._original_paths.append((staged, interpreter.prefix))

    def write_guard(self) -> dict[str, list[str]]:
        """Return what a cell may not change: the originals, but for these folders in them."""
        temporary = Path(tempfile.gettempdir()).resolve()
        exempt = (self._folder, temporary, *_environment_paths(self._interpreter))
        protected = {path for copy in self._copies for path in copy.protected}
        return {"protected": sorted(protected), "exempt": sorted(map(str, exempt))}

    def make_task(self, limits: RunLimits) -> dict[str, Any]:
        """Return the task of the process that runs the notebooks."""
        python, folder = str(self._interpreter.python), str(self._folder)
        arguments = [f"{folder}/kernel.py", f"{folder}/kernel-task", _KERNEL_MARK]
        notebooks = [
            {
                "folder": str(copy.folder),
                "sources": script.sources,
                "skipped": [SKIP in markers for markers in script.markers],
            }
            for script, copy in zip(self._scripts, self._copies, strict=True)
        ]
        return {
            "notebooks": notebooks,
            "argv": [python, *arguments, "-f", "{connection_file}"],
            "variables": {
                **inherited_variables(),
                **_installer_variables(self._folder, limits),
                # One order of sets for all runs: another seed would be noise.
                "PYTHONHASHSEED": "0",
                # Our own API in a notebook must not change the live environment.
                REHEARSAL_VARIABLE: str(self._interpreter.prefix),
            },
            "seconds": limits.seconds,
            "start_seconds": KERNEL_START_SECONDS,
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
        for copy_path, original_path in self._original_paths:
            text = text.replace(_json_escaped(copy_path), _json_escaped(original_path))
        answers = json.loads(text)
        return tuple(
            replace(_make_run(script, answer), note=copy.note)
            for script, answer, copy in zip(self._scripts, answers, self._copies, strict=True)
        )


def _environment_paths(interpreter: Interpreter) -> Iterator[Path]:
    """Yield the folders of the environment, for the case that a project holds or is it."""
    scheme = interpreter.scheme
    paths = [scheme["purelib"], scheme["platlib"], scheme["scripts"], interpreter.stdlib]
    for path in (interpreter.prefix, *paths):
        if path is not None:
            yield path
            yield path.resolve()


def _copy_event(script: NotebookCode) -> Event:
    return Event(stage=Stage.CHECKING, text=f"copying the folder of {script.notebook.name}")


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


def inherited_variables() -> dict[str, str]:
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
