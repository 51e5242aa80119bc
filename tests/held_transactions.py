"""Transactions that wait at a stage until the test opens a gate."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend, ImportCheck, ImportChecker, Report, no_report
from pkgwidgets.demo.wheel_builder import BuiltWheel

StartUpgrade = Callable[[str], "subprocess.Popen[str]"]
"""Starts a process that plans, starts and follows an upgrade, and prints each step."""

PATIENCE = 90.0
"""Seconds after which a test gives up, and a gate opens without its file."""

_CODE = """\
import os, time
is_staged = f"{{os.sep}}stage{{os.sep}}" in os.path.abspath(__file__)
until = time.monotonic() + {patience}
while is_staged == {staged} and not os.path.exists({gate!r}) and time.monotonic() < until:
    time.sleep(0.01)
"""


def held_wheel(version: str, gate: Path, *, staged: bool) -> BuiltWheel:
    """Return a seedshelf whose import waits for a file, either staged or installed."""
    code = _CODE.format(patience=PATIENCE, staged=staged, gate=str(gate))
    return BuiltWheel(
        name="seedshelf",
        version=version,
        files={"seedshelf.py": code},
        entry_points="[console_scripts]\nseedshelf = seedshelf:main\n",
    )


class HeldImportChecker:
    """An import checker that reports repeatedly until the gate file exists."""

    def __init__(self, inner: ImportChecker, gate: Path, stage: Stage) -> None:
        self._inner = inner
        self._gate = gate
        self._stage = stage

    def check(self, modules: Sequence[str], report: Report = no_report, **more: Any) -> ImportCheck:
        stage = Stage.VERIFYING if more.get("staged") is None else Stage.CHECKING
        until = time.monotonic() + PATIENCE
        while stage is self._stage and not self._gate.exists() and time.monotonic() < until:
            report(Event(stage=stage))
            time.sleep(0.01)
        return self._inner.check(modules, report, **more)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


def line(child: subprocess.Popen[str]) -> str:
    """Return the next line that a process prints."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def eventually(condition: Callable[[], object]) -> None:
    """Wait until the condition holds; fail after `PATIENCE` seconds."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.01)


def holding(backend: Backend) -> int:
    """Return the process that has locked an environment."""
    holder = backend.environment.holder()
    assert holder is not None
    return int(holder.rpartition("(process ")[2].rstrip(")"))


def alive(pid: int) -> bool:
    """Return whether a process still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def worker_processes(prefix: Path) -> list[int]:
    """Return the worker processes of an environment."""
    processes = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            if b"pkgwidgets.worker" in command and (folder / "cwd").readlink() == prefix:
                processes.append(int(folder.name))
        except OSError:
            continue
    return [pid for pid in processes if alive(pid)]
