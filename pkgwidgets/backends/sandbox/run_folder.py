"""The folder of one run of notebooks: their copies, the task of the process, and the results."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
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

from .notebook_copy import CopyLimits, copy_notebook_folder

KERNEL_START_SECONDS = 60.0
"""The time limit for the start of a kernel."""
_MAX_SOCKET_CHARACTERS = 80
"""The longest folder path for sockets: systems limit a socket path to about 100 characters."""
_KERNEL_MARK = "kernel:"


class RunFolder:
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
        for copy_path, original_path in self._original_paths.items():
            text = text.replace(copy_path, original_path)
        answers = json.loads(text)
        return tuple(
            _make_run(script, answer) for script, answer in zip(self._scripts, answers, strict=True)
        )


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
