"""The leader: a process that reads, plans and applies in one environment of a cluster.

`python -m` starts it on the environment's host. It reads one request and writes one answer, both as
a line of JSON. It goes on when the process that started it ends. After a preparation it waits for
the commit, which then needs no other leader; if it is gone before that, a new one commits.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic, sleep
from typing import Any, TypeVar

from pkgwidgets.connect import (
    become_leader,
    commit_permits,
    connect,
    load_for_apply,
    release_starter,
    waiting_place,
)
from pkgwidgets.core.error_json import error_to_json
from pkgwidgets.core.errors import (
    Cancelled,
    EnvironmentBusy,
    InvalidRequest,
    PkgwidgetsError,
    WorkerFailed,
)
from pkgwidgets.core.events import Event
from pkgwidgets.core.history import in_force
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plan_json import plan_from_json, plan_to_json
from pkgwidgets.core.redaction import redact
from pkgwidgets.core.transactions import Transaction

from . import messages

# A process loads late what only some requests need: half of its processor time is for imports.
_BUSY_SECONDS = 600.0
"""How long to wait for another process that changes the environment."""
_POLL_SECONDS = 0.1
_WAIT_SECONDS = 120.0
"""How long a leader that has prepared a plan waits for the commit."""

_Request = Mapping[str, Any]
_Result = TypeVar("_Result")
_AnswerOne = Callable[[Callable[[str], str], float, Callable[[], bool]], bool]
"""`WaitingPlace.answer_one`: see there."""


def main() -> None:
    """Answer the request on the standard input; after a preparation, wait for its commit."""
    # Packages and installers may print: only the answer is on the standard output.
    output = os.dup(1)
    os.dup2(2, 1)
    leader = _Leader()
    data = leader.answer(sys.stdin.read()).encode()
    try:
        while data:
            data = data[os.write(output, data) :]
    except BrokenPipeError:  # who asked is gone; what was done stays
        leader.stop_waiting()
    else:
        os.close(output)
        leader.wait()
    os._exit(0)  # a preparation ends with its process, by `atexit`: another process may commit it


class _Leader:
    """What one process answers: a request and, if that was a preparation, the commit of it."""

    def __init__(self) -> None:
        self.wait: Callable[[], None] = lambda: None
        """Commit what was prepared, if that is requested soon."""
        self.stop_waiting: Callable[[], None] = lambda: None
        """Take no commit."""

    def answer(self, text: str) -> str:
        """Return the answer to a request, both as a line of JSON."""
        return _as_answer(lambda: self._work(json.loads(text)))

    def _work(self, request: _Request) -> dict[str, Any]:
        messages.check_format(request)
        work = _WORK[request["do"]]
        if work in (_prepare, _commit, _revert):
            become_leader()
        if work is _prepare:
            load_for_apply()
        # A change may replace the modules that would be loaded later, so it loads all of them
        # first. A look does not, to be fast: if another session upgrades pkgwidgets meanwhile, it
        # may fail.
        detached = work not in (_commit, _revert)
        backend = connect(request.get("python"), request.get("index_url"), detached=detached)
        answer = work(backend, request)
        place = waiting_place(backend, request["change"]) if work is _prepare else None
        if place is not None:
            self.wait = partial(_wait, backend, request, place.answer_one)
            self.stop_waiting = place.close
            answer["waiting"] = place.command
        return answer


def _wait(backend: Backend, prepared: _Request, answer_one: _AnswerOne) -> None:
    """Commit what was prepared if that is requested soon; a revert ends the wait at once."""
    release_starter()
    permits = commit_permits(backend)

    def is_wanted() -> bool:
        return permits.is_granted(prepared["change"])

    def commit(text: str) -> str:
        return _as_answer(lambda: _commit_prepared(backend, prepared, json.loads(text)))

    if not answer_one(commit, _WAIT_SECONDS, is_wanted) and not is_wanted():
        backend.preparations.discard()


def _as_answer(work: Callable[[], Mapping[str, Any]]) -> str:
    """Return the answer with the result of some work, or with its error."""
    try:
        return messages.success(work())
    except PkgwidgetsError as error:
        return messages.failure(error)
    except Exception as error:
        return messages.failure(WorkerFailed("", redact(repr(error))[:500]))


def _survey(backend: Backend, request: _Request) -> dict[str, Any]:
    """Read the environment, and answer the question `plan` if there is one.

    The question is a request for a plan. Names that are not installed are left out of it; without
    any name that is, nothing is planned.
    """
    from .survey import survey

    facts = survey(backend)
    question = _of_installed(request.get("plan"), facts["packages"])
    if question is not None and not facts["problem"]:
        try:
            facts["first"] = _plan(backend, question)
        except PkgwidgetsError as error:
            facts["first"] = {"error": error_to_json(error)}
    return facts


def _of_installed(question: _Request | None, packages: Mapping[str, str]) -> _Request | None:
    if question is None or question["arguments"].get("names") is None:
        return question
    names = [name for name in question["arguments"]["names"] if name in packages]
    return {**question, "arguments": {**question["arguments"], "names": names}} if names else None


def _plan(backend: Backend, request: _Request) -> dict[str, Any]:
    from pkgwidgets.operations import planning

    arguments = request["arguments"]
    match request["kind"]:
        case "upgrade":
            plan = planning.plan_upgrade(backend, **arguments)
        case "install":
            plan = planning.plan_install(backend, **arguments)
        case "uninstall":
            plan = planning.plan_uninstall(backend, **arguments)
        case _:
            plan = planning.plan_undo(backend, _get_applied(backend, arguments["plan"]).id)
    return {"plan": plan_to_json(plan)}


def _prepare(backend: Backend, request: _Request) -> dict[str, Any]:
    from pkgwidgets.operations import preparation

    preparation.prepare_plan(backend, plan_from_json(request["plan"]))
    commit_permits(backend).grant(request["change"])
    return {}


def _commit(backend: Backend, request: _Request) -> dict[str, Any]:
    """Apply a plan that is permitted; a plan that is applied already needs nothing."""
    from pkgwidgets.operations.apply import apply_plan

    plan, change = plan_from_json(request["plan"]), request["change"]
    permits = commit_permits(backend)

    def check_permit(event: Event | None = None) -> None:
        if not permits.is_granted(change):
            raise Cancelled((event and event.transaction) or "")

    def commit() -> str:
        applied = _find_applied(backend, plan.id)
        if applied is None:
            check_permit()
            applied = apply_plan(backend, plan, check_permit, by="a change of the cluster")
        return applied.id

    transaction = _when_free(commit)
    permits.withdraw(change)
    return {"transaction": transaction}


def _commit_prepared(backend: Backend, prepared: _Request, request: _Request) -> dict[str, Any]:
    """Commit what this process has prepared; refuse any other request."""
    if request != {**prepared, "do": "commit"}:
        raise WorkerFailed("", "the request is not the commit of what was prepared")
    return _commit(backend, request)


def _revert(backend: Backend, request: _Request) -> dict[str, Any]:
    """Forbid the commit of a plan, and undo it if it is applied."""
    from pkgwidgets.operations import planning, recovery
    from pkgwidgets.operations.apply import apply_plan

    commit_permits(backend).withdraw(request["change"])

    def recover() -> None:
        # A leader that had the lock before may have committed. A later one misses its permit.
        with backend.environment.locked("an undo of a change of the cluster"):
            recovery.recover(backend)

    def undo() -> bool:
        applied = _find_applied(backend, request["plan"])
        if applied is None:
            return False
        apply_plan(backend, planning.plan_undo(backend, applied.id), by="an undo of the cluster")
        return True

    _when_free(recover)
    return {"undone": _when_free(undo)}


def _find_applied(backend: Backend, plan: str) -> Transaction | None:
    """Return the transaction that applied a plan and was not undone; None without one."""
    history = in_force(backend.journal.transactions())
    return next((entry for entry in reversed(history) if entry.plan.id == plan), None)


def _get_applied(backend: Backend, plan: str) -> Transaction:
    applied = _find_applied(backend, plan)
    if applied is None:
        raise InvalidRequest("plan", plan, "no transaction in force applied it")
    return applied


def _when_free(work: Callable[[], _Result]) -> _Result:
    """Do the work, again while another process has the lock of the environment."""
    deadline = monotonic() + _BUSY_SECONDS
    while True:
        try:
            return work()
        except EnvironmentBusy:
            if monotonic() > deadline:
                raise
            sleep(_POLL_SECONDS)


_WORK: Mapping[str, Callable[[Backend, _Request], dict[str, Any]]] = {
    "survey": _survey,
    "plan": _plan,
    "prepare": _prepare,
    "commit": _commit,
    "revert": _revert,
}

if __name__ == "__main__":
    main()
