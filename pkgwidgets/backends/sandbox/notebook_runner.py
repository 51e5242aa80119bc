"""Scratch kernels: notebooks run on an environment, or with a stage laid over it, and are gone."""

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

from pkgwidgets.analysis.notebook_file import code_cells
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

_KERNEL_START_SECONDS = 60.0
_MAX_SOCKET_CHARACTERS = 80
"""Characters of a folder in which sockets can be: all in all a system allows about a hundred."""
_MARK = "kernel:"


class KernelNotebookRunner:
    """Runs notebooks with nbclient, each in a kernel and a copy of its folder of its own.

    Nothing in the environment is written: bytecode is kept apart, and thrown away with the rest.
    An environment without ipykernel is lent this process's own, where the Pythons are alike.
    """

    def __init__(self, interpreter: Interpreter, copy_limits: CopyLimits = CopyLimits()) -> None:
        self._interpreter = interpreter
        self._copy_limits = copy_limits

    def read(self, notebook: Path) -> NotebookCode:
        """Read the code of a notebook; raises `InvalidRequest` for what is none."""
        try:
            code = code_cells(notebook.read_bytes())
        except OSError as error:
            raise InvalidRequest("notebook", str(notebook), error.strerror or "") from error
        except ValueError as error:
            raise InvalidRequest("notebook", str(notebook), str(error)) from error
        return NotebookCode(
            notebook=notebook,
            sources=tuple(cell.source for cell in code),
            markers=tuple(parse_markers(cell.source, cell.tags) for cell in code),
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
        """Run notebooks one after the other; what `report` raises ends them, and their kernels.

        With the staged prefix `beside` before the installed files, of which `hidden` ones are not
        seen. Raises `InvalidRequest` without nbclient, or if a notebook's folder cannot be copied.
        """
        if importlib.util.find_spec("nbclient") is None:
            missing = 'a rehearsal needs nbclient: `pip install "pkgwidgets[impact]"`'
            raise InvalidRequest("rehearsal", None, missing)
        with temp_dirs.temporary_folder("pkgwidgets-rehearsal-") as folder:
            scratch = _Folder(folder, scripts, staged, self._interpreter, report, self._copy_limits)
            task = scratch.task(limits or RunLimits())
            kernel = self._kernel_task(folder, staged, masked, limits or RunLimits())
            (folder / "kernel-task").write_text(json.dumps(kernel), encoding="utf-8")
            (folder / "kernel.py").write_text(probes.REHEARSAL_KERNEL, encoding="utf-8")
            (folder / "task").write_text(json.dumps(task), encoding="utf-8")
            tell = _progress_reporter(
                folder / "progress", scripts, report, upgraded=staged is not None
            )
            with _removed_at_end(folder / "at-work"):
                done = process.run(
                    [sys.executable, "-P", "-c", probes.RUN_NOTEBOOKS, str(folder / "task")],
                    cwd=folder,
                    environment=_variables(),
                    tick=tell,
                )
                tell()
                return scratch.answer(done)

    def temporary_directory(self) -> AbstractContextManager[Path]:
        """Return a folder for what is staged; it is gone after the block, or if we are killed."""
        return temp_dirs.temporary_folder("pkgwidgets-stage-")

    def _kernel_task(
        self, folder: Path, staged: Path | None, masked: Collection[Path], limits: RunLimits
    ) -> dict[str, Any]:
        scheme, prefix = self._interpreter.scheme, self._interpreter.prefix
        live = dict.fromkeys((scheme["purelib"], scheme["platlib"]))
        libraries = [
            (str(each), str(staged / each.relative_to(prefix)))
            for each in live
            if staged is not None
        ]
        return {
            "patience": _KERNEL_START_SECONDS,
            "beside": True,
            "hidden": [str(path) for path in masked],
            "libraries": libraries,
            "roots": [f"{root}/" for root in (staged, prefix) if root is not None],
            "compiled": f"{folder / 'compiled'}/",
            "alone": not limits.network,
            "lent": borrowed_ipykernel.borrowable_ipykernel(self._interpreter),
        }


class _Folder:
    """Where the copies and the answers of one run are."""

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
                partial(report, _copy_with_progress(script)),
                copy_limits,
            )
            for number, script in enumerate(scripts)
        ]
        # What is said of a place of ours is said of the one that it stands for.
        self._places = {
            _quoted(copy.parent): _quoted(script.notebook.resolve().parent)
            for copy, script in zip(self._copies, scripts, strict=True)
        }
        if staged is not None:
            self._places[_quoted(staged)] = _quoted(interpreter.prefix)

    def task(self, limits: RunLimits) -> dict[str, Any]:
        """Return what the process is told that runs them."""
        python, folder = str(self._interpreter.python), str(self._folder)
        own = [f"{folder}/kernel.py", f"{folder}/kernel-task", _MARK]
        notebooks = [
            {
                "file": str(copy),
                "skipped": [n for n, said in enumerate(script.markers, 1) if SKIP in said],
            }
            for script, copy in zip(self._scripts, self._copies, strict=True)
        ]
        return {
            "notebooks": notebooks,
            "argv": [python, *own, "-f", "{connection_file}"],
            "variables": {
                **_variables(),
                **_block_installers(self._folder, limits),
                # A notebook may upgrade packages itself, and would do so in earnest.
                REHEARSAL_VARIABLE: str(self._interpreter.prefix),
            },
            "seconds": limits.seconds,
            "patience": _KERNEL_START_SECONDS,
            "sockets": f"{folder}/k",
            "transport": "ipc" if len(folder) < _MAX_SOCKET_CHARACTERS else "tcp",
            "said": f"{folder}/said",
            "progress": f"{folder}/progress",
            "answer": f"{folder}/answer",
            "at_work": f"{folder}/at-work",
            "folder": folder,
            "asked_by": os.getpid(),
        }

    def answer(self, done: process.CompletedProcess) -> tuple[NotebookRun, ...]:
        """Read what came out, in terms of the places that the copies stand for."""
        last = (done.stderr.strip().splitlines() or ["without a word"])[-1][:500]
        try:
            text = (self._folder / "answer").read_text("utf-8")
        except OSError as error:
            reason = f"the process that runs notebooks ended: {last}"
            raise EnvironmentRefused(self._interpreter.python, reason) from error
        for ours, theirs in self._places.items():
            text = text.replace(ours, theirs)
        answers = json.loads(text)
        return tuple(
            _run(script, said) for script, said in zip(self._scripts, answers, strict=True)
        )


def _copy_with_progress(script: NotebookCode) -> Event:
    return Event(stage=Stage.CHECKING, text=f"copying the folder of {script.notebook.name}")


@contextmanager
def _removed_at_end(at_work: Path) -> Iterator[None]:
    """End what a kernel started, where whoever ran it was ended before it could."""
    try:
        yield
    except BaseException:
        with suppress(OSError, ValueError):
            group = int(at_work.read_text("ascii"))
            if group > 1:  # 0 would be our own
                os.killpg(group, signal.SIGKILL)
        raise


def _run(script: NotebookCode, said: Mapping[str, Any]) -> NotebookRun:
    failure = f"no kernel starts ({said['failure']})" if said["failure"] else ""
    cells = tuple(
        CellRun(
            number=number,
            source=source,
            outputs=tuple(cell["outputs"]),
            seconds=cell["seconds"],
            markers=script.markers[number - 1],
            aborted=failure or cell["ended"],
        )
        for number, (source, cell) in enumerate(zip(script.sources, said["cells"], strict=True), 1)
    )
    return NotebookRun(script=script, cells=cells, seconds=said["seconds"], failure=failure)


def _progress_reporter(
    progress: Path, scripts: Sequence[NotebookCode], report: Report, *, upgraded: bool
) -> Callable[[], None]:
    """Return what reports each cell that was begun, and the last again and again while it lasts."""
    how = "with the plan" if upgraded else "as it is"
    last = Event(stage=Stage.CHECKING, text=f"starting a scratch kernel, {how}")
    seen = 0

    def tell() -> None:
        nonlocal last, seen
        text = progress.read_text("utf-8") if progress.exists() else ""
        begun = text.splitlines()[seen : text.count("\n")]
        for line in begun:
            notebook, done, total = json.loads(line)
            name = scripts[notebook].notebook.name
            said = f"rehearsing {name} {how}, cell {done} of {total}"
            last = Event(stage=Stage.CHECKING, text=said, done=done, total=total)
            seen += 1
            report(last)
        if not begun:
            report(last)

    return tell


def _variables() -> dict[str, str]:
    """Return what a kernel of the user's would see: all of ours, but for what makes us a kernel."""
    return {name: value for name, value in os.environ.items() if not name.startswith("JPY_")}


def _block_installers(folder: Path, limits: RunLimits) -> dict[str, str]:
    """Return what keeps the installers that a notebook calls from changing the environment.

    pip says what it would install; it has no such way for what it would uninstall, and stops at a
    list that is not there. uv finds no Python. https://pip.pypa.io/en/stable/topics/configuration
    """
    configured = os.environ.get("PIP_CONFIG_FILE", "")
    lines = Path(configured).read_text("utf-8") if Path(configured).is_file() else ""
    config = folder / "pip.conf"
    config.write_text(f"{lines}\n[uninstall]\nrequirement = {folder}/none\n", "utf-8")
    kept = {
        "PYTHONDONTWRITEBYTECODE": "1",
        "PIP_DRY_RUN": "1",
        "PIP_CONFIG_FILE": str(config),
        "UV_PYTHON": f"{folder}/none",
    }
    return kept if limits.network else {**kept, "PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}


def _quoted(path: Path) -> str:
    """Return a path as it is written inside of a JSON text."""
    return json.dumps(str(path))[1:-1]
