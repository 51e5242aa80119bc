"""Check imports in fresh processes of the environment's interpreter."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from pkgwidgets.backends.processes import process
from pkgwidgets.backends.processes.account import Account
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.events import Stage
from pkgwidgets.core.interfaces import (
    NEEDS,
    NOT_TRIED,
    ImportCheck,
    Report,
    is_untried,
    no_report,
)
from pkgwidgets.core.preparations import BYTECODE_FOLDER

from . import bytecode, probes
from .import_steps import UNFINISHED, ImportProgress, ReportedSteps
from .new_files import new_files_removed


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportCheckLimits:
    """The time limits of an import check.

    A module that takes more than `module_seconds` is stopped, and so is a kernel. It is tried once
    more, alone, for `last_seconds`: some modules compile code, and machines are busy. After
    `optional_seconds`, no further optional module is imported.
    """

    module_seconds: float = 60.0
    last_seconds: float = 300.0
    optional_seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class _Overlay:
    """What modules are imported from before it is installed; nothing is staged or masked then."""

    staged: Path | None = None
    masked: Collection[Path] = ()
    watched: Collection[Path] = ()


class SubprocessImportChecker:
    """Import modules in fresh processes; `-I` ignores the user's paths and Python's variables.

    Other variables are those of the process that asks, without credentials: modules read them.

    A check of a stage writes nothing into the environment: its bytecode stays in the stage until
    `keep_bytecode`. A check of the environment compiles in place, so the user's first import is
    fast. Other files that modules create in the environment are removed after each process.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        limits: ImportCheckLimits = ImportCheckLimits(),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._interpreter = interpreter
        self._limits = limits
        self._variables = variables

    def check(
        self,
        modules: Sequence[str],
        report: Report = no_report,
        *,
        optional: Sequence[str] = (),
        staged: Path | None = None,
        masked: Collection[Path] = (),
        watched: Collection[Path] = (),
    ) -> ImportCheck:
        """Import modules in one process, or a new one after each crash or hang.

        The errors are texts by module. They include .pth files that raise when Python starts. With
        `staged`, the libraries of that staged prefix come before the installed ones; `masked` files
        are not found. The error of an `optional` module without time left is `NOT_TRIED`. That of a
        module that lacks something outside of the environment begins with `NEEDS`.

        The result depends on the place if a module opened or mapped a file at a `watched` path.
        Also if a process ended before it could tell.
        """
        overlay = _Overlay(staged, masked, watched)
        remaining, required_count, errors = [*modules, *optional], len(modules), dict[str, str]()
        depends_on_place, started = False, monotonic()
        while remaining:
            results = self._import_modules(
                remaining, required_count, monotonic() - started, overlay, report
            )
            errors |= results.pth_errors
            depends_on_place |= results.depends_on_place
            if results.fatal_pth:
                break
            for step, module, *error in results.module_steps:
                if step in ("failed", "untried"):
                    errors[module] = error[0] if error else NOT_TRIED
                elif step == "needs":
                    errors[module] = f"{NEEDS}{error[0]}"
            finished_count = len(results.finished)
            remaining = remaining[finished_count:]
            required_count = max(0, required_count - finished_count)
            if remaining:  # the process ended during an import
                is_late = required_count == 0 and results.failure_text.startswith(UNFINISHED)
                errors[remaining.pop(0)] = NOT_TRIED if is_late else results.failure_text
                required_count = max(0, required_count - 1)
        depends_on_place |= self._try_alone(errors, [*modules, *optional], overlay, report)
        return ImportCheck(errors=errors, depends_on_place=depends_on_place)

    def kernel(
        self,
        report: Report = no_report,
        *,
        staged: Path | None = None,
        masked: Collection[Path] = (),
    ) -> str | None:
        """Start a kernel that adds 1 and 1; return the error, or None if it works."""
        seconds = self._limits.module_seconds
        task = self._task(_Overlay(staged, masked), seconds)
        task |= {"flags": ["-I"], "source": probes.START_KERNEL}
        results = self._run(probes.START_KERNEL, task, seconds * 2, report)
        errors = [error for step, _, *error in results.module_steps if step == "failed"]
        if errors:
            return str(errors[0][0])
        return None if results.finished else results.failure_text

    def keep_bytecode(self, stage: Path) -> None:
        """Move the bytecode in the stage to the installed sources."""
        bytecode.keep_bytecode(stage / BYTECODE_FOLDER, stage, self._interpreter.prefix)

    def _try_alone(
        self,
        errors: dict[str, str],
        modules: Sequence[str],
        overlay: _Overlay,
        report: Report,
    ) -> bool:
        """Drop the errors of modules that import alone: modules can conflict (pip, setuptools).

        One that did not finish gets more time. Modules with the same error are tried once. Return
        whether one that imports alone depends on the place.
        """
        seen_errors, depends_on_place = set[str](), False
        for module in [name for name in errors if name in modules]:
            error = errors[module]
            is_late = error.startswith(UNFINISHED)
            if error in seen_errors or is_untried(error) or (len(modules) == 1 and not is_late):
                continue
            seconds = self._limits.last_seconds if is_late else self._limits.module_seconds
            results = self._import_modules([module], 1, 0.0, overlay, report, seconds)
            if results.finished and results.module_steps[-1][0] == "fine":
                del errors[module]
                depends_on_place |= results.depends_on_place
                continue
            seen_errors.add(error)
            if is_late and not results.finished:
                errors[module] = results.failure_text
        return depends_on_place

    def _import_modules(
        self,
        modules: Sequence[str],
        required_count: int,
        elapsed_seconds: float,
        overlay: _Overlay,
        report: Report,
        seconds: float | None = None,
    ) -> ReportedSteps:
        seconds = self._limits.module_seconds if seconds is None else seconds
        task = self._task(overlay, seconds)
        optional_seconds = self._limits.optional_seconds - elapsed_seconds
        task |= {
            "modules": list(modules),
            "required_count": required_count,
            "optional_seconds": optional_seconds,
            "watched": list(map(str, overlay.watched)),
        }
        timeout = seconds * (len(modules) + 1)
        return self._run(probes.IMPORT_CHECK, task, timeout, report)

    def _task(self, overlay: _Overlay, seconds: float) -> dict[str, Any]:
        staged = overlay.staged
        bytecode_folder = staged / BYTECODE_FOLDER if staged is not None else None
        roots = [f"{root}/" for root in (staged, self._interpreter.prefix) if root is not None]
        return {
            "timeout_seconds": seconds,
            "is_staged": staged is not None or bool(overlay.masked),
            "masked": [str(path) for path in overlay.masked],
            "libraries": list(self._libraries(staged)),
            "roots": roots if bytecode_folder is not None else [],
            "bytecode": f"{bytecode_folder}/",
            "prefix": str(self._interpreter.prefix),
        }

    def _run(
        self, source: str, task: Mapping[str, Any], timeout: float, report: Report
    ) -> ReportedSteps:
        stage = Stage.CHECKING if task["is_staged"] else Stage.VERIFYING
        progress = ImportProgress(stage, task.get("modules", ()), report)
        with TemporaryDirectory(prefix="pkgwidgets-trial-") as folder:
            file = Path(folder, "task")
            file.write_text(json.dumps(task), encoding="utf-8")
            account = Account.of_environment(self._interpreter.prefix)
            account.give(Path(folder))
            with new_files_removed(Path(folder), self._interpreter.prefix):
                completed = process.run(
                    [str(self._interpreter.python), "-I", "-c", source, str(file), probes.MARK],
                    cwd=Path(folder),
                    environment=process.program_environment(self._variables),
                    timeout=timeout,
                    tick=progress.tick,
                    on_line=progress.read,
                    account=account,
                )
        return ReportedSteps(completed, task["timeout_seconds"])

    def _libraries(self, staged: Path | None) -> Iterator[tuple[str, str]]:
        """Yield the library folders of the environment, each with its staged folder."""
        scheme, prefix = self._interpreter.scheme, self._interpreter.prefix
        if staged is not None:
            for folder in dict.fromkeys((scheme["purelib"], scheme["platlib"])):
                yield str(folder), str(staged / folder.relative_to(prefix))
