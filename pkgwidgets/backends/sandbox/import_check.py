"""A fresh process of an interpreter that imports what it is told and says what failed."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from pkgwidgets.backends.processes import process
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import NOT_TRIED, Report, no_report

from . import bytecode, probes

_LATE = "it did not finish"
_TIMED_OUT = "Timeout (0:"  # what faulthandler writes before it ends the process
_COMPILED = ".bytecode"
"""Where, in a stage, what was compiled beside the environment is kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportCheckLimits:
    """How long a check may take.

    A module, or a kernel, that takes more than `module_seconds` is given up. After
    `optional_seconds` no more of the optional modules is begun.
    """

    module_seconds: float = 60.0
    optional_seconds: float = 20.0


# What `site` writes of a .pth file that raises: the error is the last line of a block.
_BROKEN_START = re.compile(
    r"^Error processing line \d+ of (.+\.pth):\n\n((?:  .*\n)+)", re.MULTILINE
)


class _ReportedResults:
    """What a trial process said, and how it ended."""

    def __init__(self, done: process.CompletedProcess, limits: ImportCheckLimits) -> None:
        marked = (line for line in done.stdout.splitlines() if line.startswith(probes.MARK))
        said = [json.loads(line.removeprefix(probes.MARK)) for line in marked]
        self.modules = [each for each in said if "start" not in each[0]]
        self.finished = [module for step, module, *_ in self.modules if step != "trying"]
        self.end = _failure_text(done, limits)
        self.starts = _broken_starts(done.stderr)
        self.starts |= {each[1]: each[2] for each in said if each[0] == "not started"}
        self.died_starting = ""
        if said and said[-1][0] == "starting":
            self.died_starting = said[-1][1]
            self.starts[self.died_starting] = self.end


class SubprocessImportChecker:
    """Imports in fresh processes; `-I` keeps the user's paths and variables out.

    Beside the environment nothing in it is written, and what is compiled is kept in the stage for
    `hand_over`; in it, what is compiled here makes the user's first import fast.
    """

    def __init__(
        self, interpreter: Interpreter, limits: ImportCheckLimits = ImportCheckLimits()
    ) -> None:
        self._interpreter = interpreter
        self._limits = limits

    def failures(
        self,
        modules: Sequence[str],
        report: Report = no_report,
        *,
        optional: Sequence[str] = (),
        staged: Path | None = None,
        masked: Collection[Path] = (),
    ) -> Mapping[str, str]:
        """Import modules in one process, a new one after each crash or hang; return the errors.

        With `beside`, the libraries of that staged prefix come before the installed ones, and
        `hidden` files are not seen. Among the errors are .pth files that raise when Python starts.
        Of `spare` modules those that time did not suffice for are `UNTRIED`.
        """
        left, needed, errors = [*modules, *optional], len(modules), dict[str, str]()
        began = monotonic()
        while left:
            said = self._imported(left, needed, monotonic() - began, staged, masked, report)
            errors |= said.starts
            if said.died_starting:
                break
            for step, module, *error in said.modules:
                if step in ("failed", "untried"):
                    errors[module] = error[0] if error else NOT_TRIED
            done = len(said.finished)
            left, needed = left[done:], max(0, needed - done)
            if left:  # it ended in the middle of one
                is_late = needed == 0 and said.end.startswith(_LATE)
                errors[left.pop(0)] = NOT_TRIED if is_late else said.end
                needed = max(0, needed - 1)
        self._pardon_alone(errors, [*modules, *optional], staged, masked, report)
        return errors

    def kernel(
        self,
        report: Report = no_report,
        *,
        staged: Path | None = None,
        masked: Collection[Path] = (),
    ) -> str | None:
        """Start a kernel and let it add one and one; say what went wrong, None if nothing did."""
        task = self._task(staged, masked)
        task |= {"flags": ["-I"], "source": probes.START_KERNEL}
        said = self._run(probes.START_KERNEL, task, self._limits.module_seconds * 2, report)
        errors = [error for step, _, *error in said.modules if step == "failed"]
        if errors:
            return str(errors[0][0])
        return None if said.finished else said.end

    def keep_bytecode(self, stage: Path) -> None:
        """Move what was compiled beside the environment to what is now installed in it."""
        bytecode.keep_bytecode(stage / _COMPILED, stage, self._interpreter.prefix)

    def _pardon_alone(
        self,
        errors: dict[str, str],
        tried: Sequence[str],
        staged: Path | None,
        masked: Collection[Path],
        report: Report,
    ) -> None:
        """Forgive what imports alone: modules can stand in each other's way (pip, setuptools).

        What fails of one cause is tried once.
        """
        same = set[str]()
        for module in [m for m in errors if m in tried and len(tried) > 1]:
            error = errors[module]
            if error in same or error == NOT_TRIED or error.startswith(_LATE):
                continue
            alone = self._imported([module], 1, 0.0, staged, masked, report)
            if alone.finished and alone.modules[-1][0] == "fine":
                del errors[module]
            else:
                same.add(error)

    def _imported(
        self,
        modules: Sequence[str],
        needed: int,
        passed: float,
        staged: Path | None,
        masked: Collection[Path],
        report: Report,
    ) -> _ReportedResults:
        task = self._task(staged, masked)
        optional_seconds = self._limits.optional_seconds - passed
        task |= {"modules": list(modules), "needed": needed, "spare": optional_seconds}
        timeout = self._limits.module_seconds * (len(modules) + 1)
        return self._run(probes.IMPORT_CHECK, task, timeout, report)

    def _task(self, staged: Path | None, masked: Collection[Path]) -> dict[str, Any]:
        compiled = staged / _COMPILED if staged is not None else None
        roots = [f"{root}/" for root in (staged, self._interpreter.prefix) if root is not None]
        return {
            "patience": self._limits.module_seconds,
            "beside": staged is not None or bool(masked),
            "hidden": [str(path) for path in masked],
            "libraries": list(self._libraries(staged)),
            "roots": roots if compiled is not None else [],
            "compiled": f"{compiled}/",
        }

    def _run(
        self, source: str, task: Mapping[str, Any], timeout: float, report: Report
    ) -> _ReportedResults:
        waiting = Event(stage=Stage.CHECKING if task["beside"] else Stage.VERIFYING)
        with TemporaryDirectory(prefix="pkgwidgets-trial-") as folder:
            file = Path(folder, "task")
            file.write_text(json.dumps(task), encoding="utf-8")
            done = process.run(
                [str(self._interpreter.python), "-I", "-c", source, str(file), probes.MARK],
                cwd=Path(folder),
                timeout=timeout,
                tick=lambda: report(waiting),
            )
        return _ReportedResults(done, self._limits)

    def _libraries(self, staged: Path | None) -> Iterator[tuple[str, str]]:
        """Yield each library of the environment with what is staged for it."""
        scheme, prefix = self._interpreter.scheme, self._interpreter.prefix
        if staged is not None:
            for folder in dict.fromkeys((scheme["purelib"], scheme["platlib"])):
                yield str(folder), str(staged / folder.relative_to(prefix))


def _failure_text(done: process.CompletedProcess, limits: ImportCheckLimits) -> str:
    if done.returncode is None or _TIMED_OUT in done.stderr:
        return f"{_LATE} within {limits.module_seconds:.0f} seconds"
    if done.returncode < 0:
        return f"it ended the process (signal {-done.returncode})"
    last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
    return f"it ended the process: {last[:300]}"


def _broken_starts(stderr: str) -> dict[str, str]:
    found = {}
    for path, block in _BROKEN_START.findall(stderr):
        found[Path(path).name] = block.strip().splitlines()[-1].strip()[:500]
    return found
