"""Copies of environments that this server makes, and plans of copies that were shown.

A copy goes on without the client. It ends with the server, and the next copy removes its rest.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator
from typing import Any, Literal

from pkgwidgets.core.copies import CopyPlan, EnvironmentCopy
from pkgwidgets.core.errors import Cancelled, PkgwidgetsError
from pkgwidgets.core.events import Event, describe
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.operations import copying
from pkgwidgets.presentation import payloads as values
from pkgwidgets.presentation.hints import Face

from . import payloads, progress
from .errors import OperationNotFound, PlanNotFound, RequestRefused
from .plan_store import Owner
from .threads import start_in_thread

State = Literal["running", "done", "failed", "cancelled"]
_MAX_KEPT = 100
"""Plans and copies that are kept; the oldest is dropped first. One runs at a time."""
_MAX_ID_CHARACTERS = 80
_LOOK_SECONDS = 0.1
_log = logging.getLogger(__name__)


class CopyRun:
    """One copy that is being made, or was made; any number of clients may follow it."""

    def __init__(self, plan: CopyPlan) -> None:
        self.id = secrets.token_hex(16)
        self.plan = plan
        self.events: list[Event] = []
        self.copy: EnvironmentCopy | None = None
        self.error: PkgwidgetsError | None = None
        self._cancelled = threading.Event()
        self._ended = threading.Event()

    @property
    def state(self) -> State:
        """How far it is."""
        if not self._ended.is_set():
            return "running"
        if self.error is None:
            return "done"
        return "cancelled" if isinstance(self.error, Cancelled) else "failed"

    @property
    def text(self) -> str:
        """The last step, in words."""
        return describe(self.events[-1]) if self.events else "copying"

    def run(self, backend: Backend) -> None:
        """Make the copy; an error is kept."""
        try:
            self.copy = copying.copy_environment(backend, self.plan, report=self._note)
        except PkgwidgetsError as error:
            self.error = error
        except Exception:
            _log.exception("pkgwidgets could not make the copy %s", self.plan.name)
            self.error = RequestRefused(500, "The server failed; its log has the details")
        finally:
            self._ended.set()

    def cancel(self) -> None:
        """Ask for its end; nothing is left of it then."""
        self._cancelled.set()

    def wait(self) -> None:
        """Wait until it has ended."""
        self._ended.wait()

    def _note(self, event: Event) -> None:
        if self._cancelled.is_set():
            raise Cancelled("")
        if not self.events or describe(self.events[-1]) != describe(event):
            self.events.append(event)  # a step repeats its event while it lasts


class CopyRuns:
    """The copies of one server, by random ids of 128 bits."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, CopyRun] = OrderedDict()
        self._plans: OrderedDict[str, tuple[CopyPlan, Owner]] = OrderedDict()

    def keep(self, plan: CopyPlan, owner: Owner) -> str:
        """Keep a plan for its owner; return the id by which the copy can be made, once."""
        plan_id = secrets.token_hex(16)
        self._plans[plan_id] = (plan, owner)
        _drop_oldest(self._plans)
        return plan_id

    def take(self, plan_id: str, owner: Owner) -> CopyPlan:
        """Remove a plan and return it; raises `PlanNotFound` also for another owner's."""
        plan, kept_for = self._plans.get(plan_id, (None, None))
        if plan is None or kept_for != owner:
            raise PlanNotFound(plan_id[:_MAX_ID_CHARACTERS])
        del self._plans[plan_id]
        return plan

    def start(self, backend: Backend, plan: CopyPlan) -> CopyRun:
        """Begin to make a copy."""
        run = CopyRun(plan)
        self._runs[run.id] = run
        _drop_oldest(self._runs)
        start_in_thread(lambda: run.run(backend))
        return run

    def get(self, run_id: str) -> CopyRun:
        """Return a copy that was started; raises `OperationNotFound`."""
        run = self._runs.get(run_id)
        if run is None:
            raise OperationNotFound(run_id[:_MAX_ID_CHARACTERS])
        return run


def _drop_oldest(kept: OrderedDict[str, Any]) -> None:
    while len(kept) > _MAX_KEPT:
        kept.popitem(last=False)


def operation(run: CopyRun, face: Face) -> dict[str, Any]:
    """Return a copy that was started as JSON."""
    return {
        "id": run.id,
        "name": run.plan.name,
        "state": run.state,
        "text": run.text,
        "environment": None if run.copy is None else values.environment_copy(run.copy),
        "error": None if run.error is None else values.error(run.error, face),
    }


async def stream(run: CopyRun, face: Face, seen: int = 0) -> AsyncGenerator[str, None]:
    """Yield the events after `seen`, and the end, as server-sent events."""
    looks = 0
    while True:
        has_ended = run.state != "running"
        for event in run.events[seen:]:
            seen += 1
            text = payloads.to_json_text(payloads.event(event))
            yield progress.format_event("progress", text, seen)
        if has_ended:
            payload = {"success": run.error is None, "operation": operation(run, face)}
            yield progress.format_event("end", payloads.to_json_text(payload), seen)
            return
        looks += 1
        if looks % round(progress.HEARTBEAT_SECONDS / _LOOK_SECONDS) == 0:
            yield progress.HEARTBEAT
        await asyncio.sleep(_LOOK_SECONDS)
