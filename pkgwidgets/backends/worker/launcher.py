"""Start the worker: a process that applies a plan and goes on when its starter ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import packaging
import uv

from pkgwidgets.backends.config.index_selection import SourceFactory
from pkgwidgets.backends.config.index_sources import IndexSources
from pkgwidgets.backends.history.event_log import EventLog
from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.processes import process
from pkgwidgets.backends.store import filesystem
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.error_json import error_from_json
from pkgwidgets.core.errors import DiskFailed, WorkerFailed
from pkgwidgets.core.events import Event
from pkgwidgets.core.json_values import JsonShape
from pkgwidgets.core.limits import NO_LIMITS, DeclaredMetadata, Limit, Limits
from pkgwidgets.core.plan_json import plan_from_json, plan_to_json
from pkgwidgets.core.plans import Plan

from . import code_snapshot, initiator

_FORMAT = 2
_INTERPRETER = JsonShape(Interpreter)
_SOURCES = JsonShape(
    IndexSources, optional=("cutoff_setting",), parts=(JsonShape(NetworkSettings),)
)
_LIMITS = JsonShape(
    Limits, optional=("cutoffs",), parts=(JsonShape(Limit), JsonShape(DeclaredMetadata))
)

# `-I` ignores the working directory and the user's variables. Packages that the worker needs may
# be elsewhere, in the user's site folder or beside the sources: the starter passes their folders.
#
# A worker lives for one plan: it collects no cycles, neither while it works nor when it ends.
_MAIN = """
import gc, sys
gc.disable()
sites = [n for n, place in enumerate(sys.path) if place.endswith("-packages")] + [len(sys.path)]
sys.path[sites[0]:sites[0]] = sys.argv[2:]
from importlib import import_module
import_module(sys.argv[1]).main()
gc.freeze()
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplyRequest:
    """What the worker reads from its standard input; other users can see a command line.

    `interpreter` is as the starter sees it. `sources` are resolved by the starter, because their
    configuration may not exist where the worker runs; None if the plan needs no index. So are the
    `limits`, whose overrides the check after the installation needs. `variables` are those that
    modules see when they are imported, without credentials.
    """

    plan: Plan
    interpreter: Interpreter
    sources: IndexSources | None
    asked_by: str
    requested_by: str = ""
    variables: Mapping[str, str] | None = None
    limits: Limits = NO_LIMITS

    def to_text(self) -> str:
        """Return the request as JSON text for `from_text`."""
        values = {
            "format": _FORMAT,
            "plan": plan_to_json(self.plan),
            "interpreter": json.dumps(_INTERPRETER.to_json(self.interpreter)),
            "sources": None if self.sources is None else _SOURCES.to_json(self.sources),
            "asked_by": self.asked_by,
            "requested_by": self.requested_by,
            "limits": _LIMITS.to_json(self.limits),
        }
        if self.variables is not None:
            values["variables"] = dict(self.variables)
        return json.dumps(values)

    @classmethod
    def from_text(cls, text: str) -> ApplyRequest:
        """Parse a request; raise ValueError if it is truncated or of another version."""
        values: dict[str, Any] = json.loads(text)
        if values.get("format") != _FORMAT:
            raise ValueError("another version of pkgwidgets sent the request; restart the kernel")
        return cls(
            plan=plan_from_json(values["plan"]),
            interpreter=_INTERPRETER.from_json(json.loads(values["interpreter"])),
            sources=None if values["sources"] is None else _SOURCES.from_json(values["sources"]),
            asked_by=str(values["asked_by"]),
            requested_by=str(values.get("requested_by", "")),
            variables=values.get("variables"),
            limits=_LIMITS.from_json(values["limits"]),
        )


class WorkerLauncher:
    """Applies the plans of one environment, each in its own worker process.

    The worker runs `main()` of the module `entry_point`. `folder` returns the folder of a
    transaction.
    """

    def __init__(
        self,
        environment: Interpreter,
        sources: SourceFactory,
        limits: Callable[[], Limits],
        folder: Callable[[str], Path],
        entry_point: str,
    ) -> None:
        self._environment = environment
        self._sources = sources
        self._limits = limits
        self._folder = folder
        self._entry_point = entry_point

    def start(self, plan: Plan, requested_by: str = "") -> str:
        """Start the worker, wait until the transaction has begun, and return its id.

        `requested_by` is the user who requests it, by default that of this process.

        Raises the error that the worker sends instead, `WorkerFailed` if it sends nothing.
        """
        request = ApplyRequest(
            plan=plan,
            interpreter=self._environment,
            sources=self._sources_for(plan),
            asked_by=initiator.kind(sys.argv[0]),
            requested_by=initiator.shown_name(requested_by) or initiator.requester(),
            variables=process.program_environment(),
            limits=self._limits(),
        )
        try:
            argv = [
                str(process.this_python()),
                "-I",
                "-c",
                _MAIN,
                self._entry_point,
                *_package_folders(),
            ]
            worker = process.start(
                argv, stdin=request.to_text(), cwd=_detach_target(self._environment)
            )
        except OSError as error:
            raise WorkerFailed(
                "", f"it cannot be started: {filesystem.os_error_text(error)}"
            ) from error
        try:
            return _read_start(worker)
        finally:
            worker.detach()

    def events(self, transaction: str, seen: int = 0) -> tuple[Sequence[Event], int]:
        """Return the events after `seen`, and the value to pass as `seen` next time."""
        return EventLog(self._folder(transaction)).read(seen)

    def cancel(self, transaction: str) -> None:
        """Ask a transaction to end; it notices at its next event. Raises `DiskFailed`."""
        folder = self._folder(transaction)
        try:
            EventLog(folder).cancel()
        except OSError as error:
            raise DiskFailed(transaction, str(folder), filesystem.os_error_text(error)) from error

    def _sources_for(self, plan: Plan) -> IndexSources | None:
        if plan.from_save_point or not plan.pins:
            return None
        return self._sources()


def _read_start(worker: process.DetachedProcess) -> str:
    line = worker.line()
    try:
        reply = json.loads(line)
        if "begun" in reply:
            return str(reply["begun"])
        error = error_from_json(reply["failed"])
    except (ValueError, KeyError, TypeError):
        message = (worker.last_words().splitlines() or ["it ended without an error message"])[-1]
        raise WorkerFailed("", message[:500]) from None
    raise error


def _package_folders() -> list[str]:
    """Return the import folders for the worker: those of pkgwidgets and its dependencies.

    That of pkgwidgets has the code of this process, which writes the request.
    """
    import msgspec  # late: only a starter needs it

    packages = (
        code_snapshot.current().package(),
        Path(msgspec.__file__).parent,
        Path(packaging.__file__).parent,
        Path(uv.__file__).parent,
    )
    return list(dict.fromkeys(str(package.parent) for package in packages))


def _detach_target(environment: Interpreter) -> Path:
    """Return a working directory for the worker that stays: no notebook's folder."""
    return environment.prefix if environment.prefix.is_dir() else Path("/")
