"""The steps that an import check's process reported, and how the process ended."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pkgwidgets.backends.processes.process import CompletedProcess

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
