"""What the panel's plan view and progress view show over REST."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from packaging.utils import canonicalize_name

from pkgwidgets.commands.plan_request import PROJECT_ACTIONS, PlanRequest
from pkgwidgets.core.errors import (
    Cancelled,
    InvalidRequest,
    PkgwidgetsError,
    ReleasesAtFault,
    StillNeeded,
)
from pkgwidgets.core.history import find_transaction, is_undo, undoable
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.core.typed_requirement import project_name, strip_command
from pkgwidgets.operations import inventory
from pkgwidgets.operations import transactions as operations
from pkgwidgets.presentation import request_titles
from pkgwidgets.presentation.hints import Face, render
from pkgwidgets.presentation.outcome_payload import outcome_payload, unchanged_payload
from pkgwidgets.presentation.plan_payload import plan_payload
from pkgwidgets.presentation.request_titles import RequestTitles
from pkgwidgets.presentation.task_payload import TaskProgress
from pkgwidgets.presentation.wider_request import unlock_label

from . import payloads, plan_body, progress
from .environments import Environments
from .event_feed import EventFeeds
from .threads import run_in_thread

_Fields = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedView:
    """A plan as the plan view shows it, for the kernel that the panel belongs to."""

    environments: Environments
    backend: Backend
    kernel: str | None

    async def with_kernels(self, plan: Plan) -> Plan:
        """Return a plan with the restart verdict of the own kernel, and with the other kernels."""
        kernels = await self.environments.affected_kernels(self.backend, plan)
        own = next((kernel for kernel in kernels if kernel.id == self.kernel), None)
        others = [kernel for kernel in kernels if kernel is not own]
        return replace(
            plan,
            restart=None if own is None or self.kernel is None else own.restart,
            kernels=tuple(kernel.kernel for kernel in others),
        )


def typed_request(backend: Backend, text: str, version: str | None) -> PlanRequest:
    """Return the request for what was typed into the form; raises `InvalidRequest`.

    A version of an installed package is an upgrade to it, so that an older one can be chosen.
    """
    name, requirement = project_name(text), strip_command(text)
    if not version:
        return plan_body.install((requirement,))
    installed = {info.id for info in inventory.get_packages(backend)}
    if canonicalize_name(name) in installed:
        return plan_body.upgrade((name,), version)
    return plan_body.install((f"{requirement}=={version}",))


def titles_of(request: PlanRequest, history: Sequence[Transaction]) -> RequestTitles:
    """Return the titles of a request."""
    match request.action:
        case "upgrade":
            return request_titles.upgrade_titles(request.names or None, request.version)
        case "install":
            return request_titles.install_titles(", ".join(request.names))
        case "uninstall":
            return request_titles.uninstall_titles(request.names)
        case "restore":
            return request_titles.restore_titles()
        case "fix":
            return request_titles.fix_titles(request.names or None)
        case "undo":
            undone = (
                find_transaction(history, request.names[0]) if request.names else undoable(history)
            )
            if undone is None:
                raise InvalidRequest("transaction", None, "the history has no such transaction")
            return request_titles.undo_titles(undone, history)


def wider_body(request: PlanRequest, error: PkgwidgetsError | None = None) -> _Fields | None:
    """Return the body of a wider request that may succeed; None if there is none."""
    if isinstance(error, StillNeeded):
        return {"uninstall": [*error.names, *error.needed_by]}
    if request.action not in ("upgrade", "install") or request.allow == "all" or request.project:
        return None
    names: object = list(request.names) if request.names else "all"
    limits = {"version": request.version, "step": request.step}
    given = {field: value for field, value in limits.items() if value}
    return {request.action: names, **given, "allow": "all"}


def plan_fields(plan: Plan, plan_id: str, request: PlanRequest, titles: RequestTitles) -> _Fields:
    """Return the answer about a plan: what the view shows, and a wider request.

    `minor_only` tells whether major upgrades are left out; None if the request cannot do that.
    """
    is_limited = request.step == "minor" if request.action == "upgrade" else None
    shown = {
        **plan_payload(plan),
        "id": plan_id,
        "title": titles.of(plan),
        "rehearsable": False,
        "minor_only": None if request.version else is_limited,
    }
    return {"plan": shown, "progress_title": titles.progress, "wider": wider_body(request)}


def project_switch(backend: Backend, request: PlanRequest) -> bool | None:
    """Return whether the project changes, too; None where there is nothing to choose."""
    project = backend.project() if request.action in PROJECT_ACTIONS else None
    return request.project if project is not None and project.can_change else None


def failure_fields(error: PkgwidgetsError, request: PlanRequest, titles: RequestTitles) -> _Fields:
    """Return more fields for the answer about a request for which there is no plan."""
    wider = wider_body(request, error)
    unlock = unlock_label(error) if wider is not None else ""
    return {"title": titles.plan, "unlock": unlock, "wider": wider}


async def outcome_of(view: PlannedView, transaction_id: str) -> Mapping[str, Any]:
    """Return how a transaction ended, as the progress view shows it.

    `without` names what the next plan for everything leaves out.
    """
    backend = view.backend
    try:
        transaction = await run_in_thread(partial(operations.follow, backend, transaction_id))
    except Cancelled as error:
        return unchanged_payload("off", render(error, Face.PANEL))
    except PkgwidgetsError as error:
        failed = unchanged_payload("bad", render(error, Face.PANEL))
        if isinstance(error, ReleasesAtFault) and error.can_skip:
            return {**failed, "without": list(error.kept)}
        return failed
    plan = await view.with_kernels(transaction.plan)
    history = await run_in_thread(lambda: tuple(backend.journal.transactions()))
    ended = replace(transaction, plan=plan)
    outcome = outcome_payload(ended, is_undo=bool(plan.undoes) and is_undo(ended, history))
    # Without certainty about what is loaded, the details say what it depends on.
    is_certain = plan.restart is None or bool(plan.restart.loaded)
    return outcome if is_certain else {**outcome, "loaded": ""}


async def task_stream(
    feeds: EventFeeds, view: PlannedView, transaction: Transaction
) -> AsyncGenerator[str, None]:
    """Yield what the progress view shows of a transaction, as server-sent events.

    Each `task` message has the new lines of the log; the last one, `end`, has the outcome. A client
    that comes again gets all from the start.
    """
    feed = feeds.join(view.backend, transaction.id)
    so_far = (datetime.now(UTC) - transaction.started).total_seconds()
    task = TaskProgress(request_titles.running_title(transaction), so_far)
    try:
        seen, log = 0, list[str]()
        yield _task_message("task", task.payload, log)
        while True:
            is_finished = feed.finished is not None
            batch = await feed.next_batch(seen, progress.HEARTBEAT_SECONDS)
            if batch is not None:
                for event in batch.events:
                    task.follow(event)
                yield _task_message("task", task.payload, log)
                seen, log = batch.after, task.payload["log"]
            elif is_finished:
                outcome = await outcome_of(view, transaction.id)
                yield _task_message("end", task.end(dict(outcome)), log)
                return
            elif feed.finished is None:
                yield progress.HEARTBEAT
    finally:
        feeds.leave(feed)


def _task_message(event_type: str, task: Mapping[str, Any], sent: Sequence[str]) -> str:
    """Return a message with a task; of its log only the lines after those that were sent."""
    log = task["log"]
    is_longer = log[: len(sent)] == sent
    news = {"lines": log[len(sent) :]} if is_longer else {"log": log}
    fields = {name: value for name, value in task.items() if name != "log"}
    return f"event: {event_type}\ndata: {payloads.to_json_text({**fields, **news})}\n\n"
