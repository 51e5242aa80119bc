"""A fresh process of an interpreter that imports what it is told and says what failed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pkgwidgets.core.interfaces import Report, ignore
from pkgwidgets.core.model import Event, Interpreter, Stage

from . import process

_PATIENCE = 60.0
"""Seconds that the import of one module may take before it is given up."""
_MARK = "pkgwidgets-trial:"
_TIMED_OUT = "Timeout (0:"  # what faulthandler writes before it ends the process

# One line before and one after each module, so that a crash or a hang names its culprit.
# What the modules print goes to standard error; os.write passes by what they do to sys.stdout.
_PROBE = """
import faulthandler, importlib, json, os, sys
out = os.dup(1)
os.dup2(2, 1)
mark = sys.argv[2]
watched = open(os.dup(2), "w")
def say(*what, write=os.write, dumps=json.dumps):
    write(out, (mark + dumps(what) + "\\n").encode())
modules, beside, patience = json.loads(sys.argv[1])
sys.path[:0] = beside
for module in modules:
    say("start", module)
    faulthandler.dump_traceback_later(patience, exit=True, file=watched)
    try:
        importlib.import_module(module)
    except BaseException as error:
        say("failed", module, type(error).__name__ + ": " + str(error)[:500])
    else:
        say("fine", module)
os._exit(0)
"""


class _Said:
    """What a trial process said, and how it ended."""

    def __init__(self, done: process.Completed) -> None:
        marked = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
        self.said = [json.loads(line.removeprefix(_MARK)) for line in marked]
        self.steps = [step for step, *_ in self.said]
        if done.returncode is None or _TIMED_OUT in done.stderr:
            self.end = f"it did not finish within {_PATIENCE:.0f} seconds"
        elif done.returncode < 0:
            self.end = f"it ended the process (signal {-done.returncode})"
        else:
            last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
            self.end = f"it ended the process: {last[:300]}"


class ImportTrial:
    """Imports in fresh processes; `-I` keeps the user's paths and variables out.

    Beside the environment nothing in it may be written, so bytecode is not (`-B`); in it, what is
    compiled here makes the user's first import fast.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def failing(
        self, modules: Sequence[str], report: Report = ignore, *, beside: Path | None = None
    ) -> Mapping[str, str]:
        """Import modules in one process, a new one after each crash or hang; return the errors.

        With `beside`, the libraries of that staged prefix come first on the path.
        """
        left, errors = list(modules), dict[str, str]()
        while left:
            done = self._run(left, beside, report)
            for step, module, *error in done.said:
                if step == "failed":
                    errors[module] = error[0]
            finished = [module for step, module, *_ in done.said if step != "start"]
            left = left[len(finished) :]
            if left:  # it ended in the middle of one
                errors[left.pop(0)] = done.end
        # Modules can stand in each other's way in one process (pip, then setuptools).
        together = [m for m in errors if len(modules) > 1 and not errors[m].startswith("it did")]
        for module in together:
            if self._run([module], beside, report).steps == ["start", "fine"]:
                del errors[module]
        return errors

    def _run(self, modules: Sequence[str], beside: Path | None, report: Report) -> _Said:
        libraries = [str(path) for path in self._libraries(beside)]
        task = json.dumps([list(modules), libraries, _PATIENCE])
        flags = "-I" if beside is None else "-IB"
        waiting = Event(stage=Stage.CHECKING if beside is not None else Stage.VERIFYING)
        with TemporaryDirectory(prefix="pkgwidgets-trial-") as folder:
            done = process.run(
                [str(self._interpreter.python), flags, "-c", _PROBE, task, _MARK],
                cwd=Path(folder),
                timeout=_PATIENCE * (len(modules) + 1),
                tick=lambda: report(waiting),
            )
        return _Said(done)

    def _libraries(self, beside: Path | None) -> list[Path]:
        if beside is None:
            return []
        scheme, prefix = self._interpreter.scheme, self._interpreter.prefix
        folders = (scheme["purelib"], scheme["platlib"])
        return [beside / folder.relative_to(prefix) for folder in dict.fromkeys(folders)]
