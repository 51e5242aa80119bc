"""The steps that an import check's process reported, and how the process ended."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pkgwidgets.backends.processes.process import CompletedProcess
from pkgwidgets.core.events import Event, Stage, describe
from pkgwidgets.core.interfaces import Report

from . import probes

UNFINISHED = "it did not finish"
"""The begin of the error of a module or process that was stopped."""
_FAULTHANDLER_TIMEOUT = "Timeout (0:"  # faulthandler writes this before it ends the process
_MODULE_STEPS = {"trying", "fine", "failed", "needs", "untried"}

# `site` reports a .pth file that raises in this form; the block's last line is the error.
_PTH_ERROR = re.compile(r"^Error processing line \d+ of (.+\.pth):\n\n((?:  .*\n)+)", re.MULTILINE)


class ReportedSteps:
    """The steps that a probe reported, and how its process ended."""

    def __init__(self, completed: CompletedProcess, seconds: float) -> None:
        marked = (line for line in completed.stdout.splitlines() if line.startswith(probes.MARK))
        steps = [json.loads(line.removeprefix(probes.MARK)) for line in marked]
        self.module_steps = [entry for entry in steps if entry[0] in _MODULE_STEPS]
        self.finished = [module for step, module, *_ in self.module_steps if step != "trying"]
        self.failure_text = _failure_text(completed, seconds)
        self.pth_errors = _find_pth_errors(completed.stderr)
        self.pth_errors |= {entry[1]: entry[2] for entry in steps if entry[0] == "not started"}
        read = [paths for step, *paths in steps if step == "read"]
        self.depends_on_place = not read or bool(read[-1])
        self.fatal_pth = ""
        if steps and steps[-1][0] == "starting":
            self.fatal_pth = steps[-1][1]
            self.pth_errors[self.fatal_pth] = self.failure_text


class ImportProgress:
    """Reports which module a probe imports now, and how many of them it imports."""

    def __init__(self, stage: Stage, modules: Sequence[str], report: Report) -> None:
        self._numbers = {module: number for number, module in enumerate(modules, 1)}
        self._report = report
        self._stage_event = Event(stage=stage)
        self._event = self._stage_event

    def read(self, line: str) -> None:
        """Read a line of the output; only the steps of the expected modules count."""
        if not line.startswith(probes.MARK):
            return
        with suppress(ValueError, RecursionError):  # modules can write such lines, too
            match json.loads(line.removeprefix(probes.MARK)):
                case ["trying", str(module)] if module in self._numbers:
                    self._event = self._importing(module)

    def tick(self) -> None:
        """Report the import that runs now."""
        self._report(self._event)

    def _importing(self, module: str) -> Event:
        number, total = self._numbers[module], len(self._numbers)
        count = f", {number} of {total}" if total > 1 else ""
        text = f"{describe(self._stage_event)}: importing {module}{count}"
        return replace(self._stage_event, text=text, done=number, total=total)


def _failure_text(completed: CompletedProcess, seconds: float) -> str:
    if completed.returncode is None or _FAULTHANDLER_TIMEOUT in completed.stderr:
        return f"{UNFINISHED} within {seconds:.0f} seconds"
    if completed.returncode < 0:
        return f"it ended the process (signal {-completed.returncode})"
    last_line = (completed.stderr.strip().splitlines() or ["no error message"])[-1]
    return f"it ended the process: {last_line[:300]}"


def _find_pth_errors(stderr: str) -> dict[str, str]:
    errors = {}
    for path, block in _PTH_ERROR.findall(stderr):
        errors[Path(path).name] = block.strip().splitlines()[-1].strip()[:500]
    return errors
