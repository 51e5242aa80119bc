"""Shared by tests of transactions: wheels, a fault at any call, a crash after any record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from fakes import Kit

from pkgwidgets.core.errors import Cancelled, InstallFailed
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import UNCHANGED_OUTCOMES, Outcome, Transaction
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply, recovery
from pkgwidgets.operations.planning import plan_install, plan_upgrade


def last_transaction(backend: Backend) -> Transaction:
    return backend.journal.transactions()[-1]


def pea(version: str, code: str = "", **more: Any) -> BuiltWheel:
    return BuiltWheel(name="pea", version=version, files={"pea.py": f"{code}\n"}, **more)


class Faults:
    """Counts the calls of every collaborator and raises at one of them."""

    def __init__(self, at: int, error: type[BaseException], *, late: bool) -> None:
        self.calls_left = at
        self.error = error
        self.late = late
        self.failed_call = ""

    def call(self, name: str, function: Callable[..., Any], args: Any, more: Any) -> Any:
        self.calls_left -= 1
        fails = self.calls_left == -1
        if fails:
            self.failed_call = name
            if not self.late:
                raise self.error
        answer = function(*args, **more)
        if fails:
            raise self.error
        return answer


class FailingInstaller:
    """An installer that installs, and then fails."""

    def __init__(self, backend: Backend) -> None:
        self._inner = backend.installer

    def stage(self, plan: Plan, folder: Path, report: Report) -> None:
        self._inner.stage(plan, folder, report)

    def install(self, plan: Plan, report: Report) -> None:
        self._inner.install(plan, report)
        raise InstallFailed("", ("uv",), 1, "the disk is on fire")


class Wrapped:
    """A collaborator whose calls are counted."""

    def __init__(self, inner: object, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if not callable(attribute) or name == "locked":
            return attribute
        label = f"{type(self._inner).__name__}.{name}"
        return lambda *args, **more: self._faults.call(label, attribute, args, more)


def wrapped(backend: Backend, faults: Faults) -> Backend:
    inner = {f.name: Wrapped(getattr(backend, f.name), faults) for f in fields(backend)}
    inner["worker"] = None  # type: ignore[assignment]
    inner["limits"] = lambda: faults.call("limits", backend.limits, (), {})  # type: ignore[assignment]
    inner["without_installers"] = backend.without_installers  # type: ignore[assignment]
    inner["writable_kernel"] = backend.writable_kernel  # type: ignore[assignment]
    inner["undo_modules"] = backend.undo_modules  # type: ignore[assignment]
    inner["save_point"] = lambda transaction_id: Wrapped(backend.save_point(transaction_id), faults)  # type: ignore[assignment]
    return Backend(**inner)  # type: ignore[arg-type]


def fail_at_every_call(kit: Any, plan: Plan, error: type[BaseException], *, late: bool) -> None:
    """Apply the same plan repeatedly, each time with the fault at a later call."""
    before, failed_calls = kit.tree(), list[str]()
    while True:
        known = len(kit.backend.journal.transactions())
        faults = Faults(len(failed_calls), error, late=late)
        with suppress(error, Cancelled):
            apply.apply_plan(wrapped(kit.backend, faults), plan)
        new_transactions = kit.backend.journal.transactions()[known:]
        if [done.outcome for done in new_transactions] == [Outcome.COMMITTED]:
            break
        assert faults.failed_call, "nothing was in its way"
        failed_calls.append(faults.failed_call)
        assert kit.tree() == before, faults.failed_call
        # Right after its start there is nothing to end yet: the next one does it.
        known_ends = {
            *UNCHANGED_OUTCOMES,
            *([Outcome.STARTED] if ".start" in failed_calls[-1] else []),
        }
        assert {done.outcome for done in new_transactions} <= known_ends, faults.failed_call
    assert len(failed_calls) > 15
    assert kit.tree() != before


def crash_after(backend: Backend, plan: Plan, after: str) -> str:
    """Apply a plan up to a record and interrupt it there, as a crash would."""

    class Crash(BaseException):
        pass

    class CrashingJournal(Wrapped):
        def record(self, transaction: str, step: str, **facts: str | int | None) -> None:
            backend.journal.record(transaction, step, **facts)
            if step == after:
                raise Crash

    no_faults = Faults(10_000, Crash, late=False)
    crashing_backend = replace(backend, journal=CrashingJournal(backend.journal, no_faults))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recovery, "end", lambda *_: None)
        with pytest.raises(Crash):
            apply.apply_plan(crashing_backend, plan)
    return last_transaction(backend).id


def trees_of_six_upgrades(kit: Kit) -> Iterator[object]:
    """Install six versions of a project, one after the other; yield the tree before each."""
    kit.publish(*(pea(f"{version}.0", f"x = {version}") for version in range(1, 7)))
    apply.apply_plan(kit.backend, plan_install(kit.backend, "pea==1.0"))
    for version in range(2, 7):
        yield kit.tree()
        apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "pea", version=f"{version}.0"))
