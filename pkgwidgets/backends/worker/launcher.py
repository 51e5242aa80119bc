"""Starts a process that carries a plan out, and goes on when its starter is gone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import packaging
import uv

from pkgwidgets.backends.config.index_settings import SourceFactory
from pkgwidgets.backends.config.index_sources import IndexSources
from pkgwidgets.backends.environment.interpreter import INTERPRETER
from pkgwidgets.backends.history.event_log import EventLog
from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.processes import process
from pkgwidgets.backends.store import filesystem
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.error_json import error_from_json
from pkgwidgets.core.errors import ApplierFailed, DiskFailed
from pkgwidgets.core.events import Event
from pkgwidgets.core.json_values import JsonShape
from pkgwidgets.core.plan_json import plan_from_json, plan_to_json
from pkgwidgets.core.plans import Plan

from . import code_snapshot, initiator

_FORMAT = 1
_SOURCES = JsonShape(IndexSources, parts=(JsonShape(NetworkSettings),))

# `-I` keeps the working directory and the user's variables out. What we need may lie where it
# does not look, in a user's own folder or beside the sources: there it is what its starter runs.
_MAIN = """
import sys
sites = [n for n, place in enumerate(sys.path) if place.endswith("-packages")] + [len(sys.path)]
sys.path[sites[0]:sites[0]] = sys.argv[2:]
from importlib import import_module
import_module(sys.argv[1]).main()
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplyRequest:
    """What an applier is told: over its standard input, since others can see a command line.

    The interpreter as its starter sees it, and the sources, because what they were found out from
    is not where the applier runs; they are None where none is needed.
    """

    plan: Plan
    interpreter: Interpreter
    sources: IndexSources | None
    asked_by: str

    def to_text(self) -> str:
        """Return what `from_text` reads."""
        found = {
            "format": _FORMAT,
            "plan": plan_to_json(self.plan),
            "interpreter": json.dumps(INTERPRETER.to_json(self.interpreter)),
            "sources": None if self.sources is None else _SOURCES.to_json(self.sources),
            "asked_by": self.asked_by,
        }
        return json.dumps(found)

    @classmethod
    def from_text(cls, text: str) -> ApplyRequest:
        """Read an order; raises ValueError for one that is cut off, or of another version."""
        found: dict[str, Any] = json.loads(text)
        if found.get("format") != _FORMAT:
            raise ValueError("the order is of another version of pkgwidgets: restart the kernel")
        return cls(
            plan=plan_from_json(found["plan"]),
            interpreter=INTERPRETER.from_json(json.loads(found["interpreter"])),
            sources=None if found["sources"] is None else _SOURCES.from_json(found["sources"]),
            asked_by=str(found["asked_by"]),
        )


class WorkerLauncher:
    """Carries the plans of one environment out in processes of their own.

    Each process runs `main()` of the module `entry_point`.
    """

    def __init__(
        self,
        environment: Interpreter,
        sources: SourceFactory,
        folder: Callable[[str], Path],
        entry_point: str,
    ) -> None:
        self._environment = environment
        self._sources = sources
        self._folder = folder
        self._entry_point = entry_point
        code_snapshot.install_finder()

    def start(self, plan: Plan) -> str:
        """Start the process, wait until the transaction has begun, and return its id.

        Raises what kept it from beginning, `ApplierFailed` if the process did not get so far.
        """
        order = ApplyRequest(
            plan=plan,
            interpreter=self._environment,
            sources=self._needed(plan),
            asked_by=initiator.kind(sys.argv[0]),
        )
        try:
            argv = [sys.executable, "-I", "-c", _MAIN, self._entry_point, *_package_folders()]
            started = process.start(
                argv, stdin=order.to_text(), cwd=_detach_target(self._environment)
            )
        except OSError as error:
            raise ApplierFailed(
                "", f"it cannot be started: {filesystem.os_error_text(error)}"
            ) from error
        try:
            return _read_start(started)
        finally:
            started.leave()

    def events(self, transaction: str, seen: int = 0) -> tuple[Sequence[Event], int]:
        """Return what was told since `seen`, and what to give the next time."""
        return EventLog(self._folder(transaction)).read(seen)

    def cancel(self, transaction: str) -> None:
        """Ask a transaction to end; it notices at its next event. Raises `DiskFailed`."""
        folder = self._folder(transaction)
        try:
            EventLog(folder).cancel()
        except OSError as error:
            raise DiskFailed(transaction, str(folder), filesystem.os_error_text(error)) from error

    def _needed(self, plan: Plan) -> IndexSources | None:
        if plan.from_save_point or not plan.pins:
            return None
        return self._sources()


def _read_start(started: process.DetachedProcess) -> str:
    answer = started.line()
    try:
        found = json.loads(answer)
        if "begun" in found:
            return str(found["begun"])
        raised = error_from_json(found["failed"])
    except (ValueError, KeyError, TypeError):
        last = (started.last_words().splitlines() or ["it ended without a word"])[-1]
        raise ApplierFailed("", last[:500]) from None
    raise raised


def _package_folders() -> list[str]:
    """Return the folders in which an applier finds us and what we need.

    Us as we are here, who write the order that it reads.
    """
    import msgspec  # late: only a starter asks where it is

    packages = (
        code_snapshot.CURRENT.package(),
        Path(msgspec.__file__).parent,
        Path(packaging.__file__).parent,
        Path(uv.__file__).parent,
    )
    return list(dict.fromkeys(str(package.parent) for package in packages))


def _detach_target(environment: Interpreter) -> Path:
    """Return a folder away from any notebook, that nobody deletes."""
    return environment.prefix if environment.prefix.is_dir() else Path("/")
