"""Afterwards it is exactly the new environment or the old one, and the journal says which."""

from __future__ import annotations

import py_compile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeKit, Kept, Kit, Oracle
from spoilt_wheels import SpoiltWheel

from pkgwidgets.backends.history.journal import FolderJournal
from pkgwidgets.backends.sandbox.import_check import ImportCheckLimits, SubprocessImportChecker
from pkgwidgets.connect import connect, recovery_archive
from pkgwidgets.core.errors import (
    Cancelled,
    EnvironmentBusy,
    EnvironmentRefused,
    InstallFailed,
    PkgwidgetsError,
    RollbackFailed,
    StageFailed,
    StalePlan,
    TransactionError,
    VerificationFailed,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply, recovery, transactions
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade

ALL_STEPS = (
    "PLAN", "STAGED", "LOCKED", "SAVED", "INTENT", "INSTALLED", "SYNCED", "VERIFIED", "COMMIT",
)  # fmt: skip

on_the_real_one = pytest.mark.parametrize("kit", ["real"], indirect=True)
on_the_fake = pytest.mark.parametrize("kit", ["fake"], indirect=True)
"""For what is decided without the outside world: the real one would only take longer."""


def last(backend: Backend) -> Transaction:
    return backend.journal.transactions()[-1]


def pea(version: str, code: str = "", **more: Any) -> BuiltWheel:
    return BuiltWheel(name="pea", version=version, files={"pea.py": f"{code}\n"}, **more)


# --- as it should be


def test_every_step_is_recorded_in_order(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "bedplanner")
    done = apply.apply_plan(kit.backend, plan)
    assert (done.outcome, done.plan) == (Outcome.COMMITTED, plan)
    assert done.finished is not None
    (found,) = kit.backend.journal.transactions()
    assert (found.id, found.outcome) == (done.id, Outcome.COMMITTED)
    assert kit.backend.journal.steps(done.id) == ALL_STEPS


def test_every_stage_is_reported_with_the_transaction(kit: Kit) -> None:
    told: list[Event] = []
    done = apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "seedshelf"), told.append)
    assert list(dict.fromkeys(event.stage for event in told)) == [
        Stage.FETCHING,
        Stage.CHECKING,
        Stage.SAVING,
        Stage.INSTALLING,
        Stage.VERIFYING,
        Stage.DONE,
    ]
    assert {event.transaction for event in told} == {done.id}
    assert told[-1].text == "seedshelf 1.4.1 → 1.4.2"


@on_the_fake
def test_an_empty_plan_runs_nothing_and_leaves_no_entry(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "beanpoles")
    before = kit.tree()
    with kit.backend.environment.locked("somebody else"):
        done = transactions.apply_and_follow(kit.backend, plan)
    assert (done.outcome, done.changes, done.id) == (Outcome.COMMITTED, (), "")
    assert kit.backend.journal.transactions() in ((), [])
    assert kit.tree() == before


def test_the_stage_is_gone_afterwards(backend: Backend) -> None:
    done = apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    assert sorted(path.name for path in backend.journal.folder(done.id).iterdir()) == [
        "journal",
        "manifest.json",
        "objects",
        "plan.json",
    ]


@on_the_fake
def test_who_holds_the_environment_is_named(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "seedshelf")
    before = kit.tree()
    seen: list[str] = []

    def try_another(event: Event) -> None:
        if event.stage is Stage.SAVING:
            with pytest.raises(EnvironmentBusy) as caught:
                apply.apply_plan(kit.backend, plan)
            seen.append(caught.value.holder)

    busy = pytest.raises(EnvironmentBusy, match="by the other one")
    with kit.backend.environment.locked("the other one"), busy:
        apply.apply_plan(kit.backend, plan)
    assert (kit.tree(), list(kit.backend.journal.transactions())) == (before, [])
    apply.apply_plan(kit.backend, plan, try_another)
    (holder,) = set(seen)
    assert holder.startswith("another session (seedshelf; begun ")


def test_another_session_is_kept_out_too(garden: Demo, backend: Backend) -> None:
    other = connect(garden.python, garden.index_url)
    plan = plan_upgrade(other, "frostcall")

    def try_another(event: Event) -> None:
        if event.stage is Stage.INSTALLING:
            with pytest.raises(EnvironmentBusy):
                apply.apply_plan(other, plan)

    apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"), try_another)
    with pytest.raises(StalePlan):
        apply.apply_plan(other, plan)


def test_an_environment_that_refuses_is_not_touched() -> None:
    kit = FakeKit()
    plan = plan_upgrade(kit.backend, "seedshelf")
    before = kit.tree()
    kit.environment.refused = "It is frozen"
    with pytest.raises(EnvironmentRefused, match="It is frozen"):
        apply.apply_plan(kit.backend, plan)
    assert (kit.tree(), kit.journal.transactions()) == (before, ())


# --- something fails, at any call of anything


class Faults:
    """Counts the calls of every collaborator and raises at one of them."""

    def __init__(self, at: int, error: type[BaseException], *, late: bool) -> None:
        self.left = at
        self.error = error
        self.late = late
        self.struck = ""

    def call(self, name: str, function: Callable[..., Any], args: Any, more: Any) -> Any:
        self.left -= 1
        strikes = self.left == -1
        if strikes:
            self.struck = name
            if not self.late:
                raise self.error
        answer = function(*args, **more)
        if strikes:
            raise self.error
        return answer


class Wrapped:
    """A collaborator whose calls are counted."""

    def __init__(self, inner: object, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found) or name == "locked":
            return found
        label = f"{type(self._inner).__name__}.{name}"
        return lambda *args, **more: self._faults.call(label, found, args, more)


def wrapped(backend: Backend, faults: Faults) -> Backend:
    inner = {f.name: Wrapped(getattr(backend, f.name), faults) for f in fields(backend)}
    inner["worker"] = None  # type: ignore[assignment]
    inner["undo_modules"] = backend.undo_modules  # type: ignore[assignment]
    inner["save_point"] = lambda id: Wrapped(backend.save_point(id), faults)  # type: ignore[assignment]
    return Backend(**inner)  # type: ignore[arg-type]


PLANS: dict[str, Callable[[Backend], Plan]] = {
    "upgrade": lambda backend: plan_upgrade(backend, "bedplanner"),
    "removal": lambda backend: plan_uninstall(backend, "frostcall"),
    "undo": plan_undo,
}


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("name", PLANS)
def test_a_fault_at_any_call_leaves_the_old_or_the_new(
    name: str, error: type[BaseException], late: bool
) -> None:
    kit = FakeKit()
    apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "seedshelf"))
    _strike_everywhere(kit, PLANS[name](kit.backend), error, late=late)


@pytest.mark.slow
def test_a_fault_at_any_call_of_the_real_ones_too(backend: Backend, tree: Oracle) -> None:
    @dataclass
    class Real:
        backend: Backend

        def tree(self) -> object:
            return tree(backend.environment.interpreter.prefix)

    plan = plan_upgrade(backend, "seedshelf")
    _strike_everywhere(Real(backend), plan, KeyboardInterrupt, late=False)


def _strike_everywhere(kit: Any, plan: Plan, error: type[BaseException], *, late: bool) -> None:
    """Apply the same plan again and again, each time with the fault at a later call."""
    before, struck = kit.tree(), list[str]()
    while True:
        known = len(kit.backend.journal.transactions())
        faults = Faults(len(struck), error, late=late)
        with suppress(error, Cancelled):
            apply.apply_plan(wrapped(kit.backend, faults), plan)
        found = kit.backend.journal.transactions()[known:]
        if [done.outcome for done in found] == [Outcome.COMMITTED]:
            break
        assert faults.struck, "nothing was in its way"
        struck.append(faults.struck)
        assert kit.tree() == before, faults.struck
        # Right after its start there is nothing to end yet: the next one does it.
        known_ends = {Outcome.ROLLED_BACK, *([Outcome.STARTED] if ".start" in struck[-1] else [])}
        assert {done.outcome for done in found} <= known_ends, faults.struck
    assert len(struck) > 15
    assert kit.tree() != before


@on_the_fake
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_what_is_raised_is_what_the_caller_can_use(kit: Kit, error: type[BaseException]) -> None:
    def fail(event: Event) -> None:
        if event.stage is Stage.VERIFYING:
            raise error

    plan, before = plan_upgrade(kit.backend, "seedshelf"), kit.tree()
    expected = Cancelled if error is KeyboardInterrupt else error
    with pytest.raises(expected) as caught:
        apply.apply_plan(kit.backend, plan, fail)
    found = last(kit.backend)
    assert (found.outcome, kit.tree()) == (Outcome.ROLLED_BACK, before)
    if isinstance(caught.value, Cancelled):
        assert caught.value.transaction == found.id
        assert found.error == "it was interrupted"


@pytest.mark.parametrize(
    "stage", [Stage.FETCHING, Stage.CHECKING, Stage.SAVING, Stage.INSTALLING, Stage.VERIFYING]
)
def test_a_cancellation_at_any_stage_leaves_the_old(kit: Kit, stage: Stage) -> None:
    def cancel(event: Event) -> None:
        if event.stage is stage:
            raise Cancelled("")

    plan, before = plan_upgrade(kit.backend, "bedplanner"), kit.tree()
    with pytest.raises(Cancelled) as caught:
        apply.apply_plan(kit.backend, plan, cancel)
    found = last(kit.backend)
    assert kit.tree() == before
    assert (found.outcome, caught.value.transaction) == (Outcome.ROLLED_BACK, found.id)
    rolled_back = "INTENT" in kit.backend.journal.steps(found.id)
    assert rolled_back == (stage in (Stage.INSTALLING, Stage.VERIFYING))
    assert apply.apply_plan(kit.backend, plan).outcome is Outcome.COMMITTED


@on_the_fake
def test_a_cancellation_after_the_commit_comes_too_late(kit: Kit) -> None:
    def cancel(event: Event) -> None:
        if event.stage is Stage.DONE:
            raise Cancelled("")

    done = apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "seedshelf"), cancel)
    assert done.outcome is Outcome.COMMITTED


@on_the_fake
def test_a_failure_to_prune_is_harmless(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(backend: Backend) -> None:
        raise OSError(13, "Permission denied")

    for version in range(1, 8):
        kit.publish(pea(f"{version}.0"))
    apply.apply_plan(kit.backend, plan_install(kit.backend, "pea==1.0"))
    for version in range(2, 6):
        apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "pea", version=f"{version}.0"))
    points = kit.backend.save_point
    plan = plan_upgrade(kit.backend, "pea", version="6.0")

    def save_point(id: str) -> Any:
        found = points(id)
        if id == kit.backend.journal.transactions()[0].id:
            monkeypatch.setattr(type(found), "discard", refuse)
        return found

    done = apply.apply_plan(replace(kit.backend, save_point=save_point), plan)
    assert done.outcome is Outcome.COMMITTED


def test_an_interrupt_right_after_the_commit_changes_nothing_any_more() -> None:
    kit = FakeKit()
    record = kit.journal.record

    def interrupted(transaction: str, step: str, **facts: str | int | None) -> None:
        record(transaction, step, **facts)
        if step == "COMMIT":
            kit.kept[transaction].stuck = set(kit.kept[transaction].rows)
            raise KeyboardInterrupt

    plan = plan_upgrade(kit.backend, "seedshelf")
    kit.journal.record = interrupted  # type: ignore[method-assign]
    with suppress(KeyboardInterrupt, PkgwidgetsError):
        apply.apply_plan(kit.backend, plan)
    assert last(kit.backend).outcome is Outcome.COMMITTED


# --- the installer, or what it installs, is bad


def test_an_installer_that_fails_half_way_is_undone() -> None:
    for knob, error in (("fails_before", InstallFailed), ("interrupted_before", Cancelled)):
        for number in (0, 1):
            kit = FakeKit()
            plan, before = plan_upgrade(kit.backend, "bedplanner"), kit.tree()
            setattr(kit.installer, knob, number)
            with pytest.raises(error):
                apply.apply_plan(kit.backend, plan)
            assert kit.tree() == before
            assert last(kit.backend).outcome is Outcome.ROLLED_BACK


def test_an_installer_that_lies_is_found_out() -> None:
    kit = FakeKit()
    plan, before = plan_upgrade(kit.backend, "bedplanner"), kit.tree()
    kit.installer.lies = True
    with pytest.raises(VerificationFailed, match=r"sundrift is 1\.0\.4, not 1\.2\.0"):
        apply.apply_plan(kit.backend, plan)
    assert kit.tree() == before
    assert "sundrift is 1.0.4" in (last(kit.backend).error or "")


def test_what_fails_beside_is_not_installed(kit: Kit) -> None:
    plan, before = plan_upgrade(kit.backend), kit.tree()
    with pytest.raises(StageFailed, match="harvestscale") as caught:
        apply.apply_plan(kit.backend, plan)
    found = last(kit.backend)
    assert (found.outcome, found.id) == (Outcome.ROLLED_BACK, caught.value.transaction)
    assert kit.backend.journal.steps(found.id) == ("PLAN", "ABORTED")
    assert kit.tree() == before


def test_what_failed_before_may_go_on_failing(kit: Kit) -> None:
    kit.edit("bedplanner/layout.py", b"raise ImportError('spoilt')\n")
    done = apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "sundrift"))
    assert done.outcome is Outcome.COMMITTED


POLES = "def poles(*args): return 1\n"


def bad(code: str = POLES, **more: Any) -> BuiltWheel:
    """Return a newer beanpoles, that bedplanner needs."""
    files = {"beanpoles.py": code} | more.pop("files", {})
    return SpoiltWheel(name="beanpoles", version="1.2", files=files, **more)


METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n"

BAD = {
    "1 import raises": bad("raise RuntimeError('no')"),
    "2 import hangs": bad("while True: pass"),
    "3 import kills the process": bad("import os; os.kill(os.getpid(), 9)"),
    "4 needs a module nobody provides": bad("import nobody"),
    "5 conflicts with what is installed": bad(requires=("sundrift>=99",)),
    "6 library missing": bad("import ctypes; ctypes.CDLL('libnothing.so.9')"),
    "7 library of another machine": bad(files={"_bean.so": b"\x7fELF\x02\x01\x01" + bytes(99)}),
    "10 wrong hash in RECORD": bad(record=lambda t: t.replace("s.py,sha256=", "s.py,sha256=A")),
    "11 METADATA of another version": bad(metadata=METADATA.format("beanpoles", "9")),
    "12 METADATA of another project": bad(metadata=METADATA.format("other", "1.2")),
    "13 .pth ends Python": bad(files={"beanpoles.pth": "import sys; sys.exit(3)\n"}),
    "14 .pth shadows the standard library": bad(
        files={
            "beanpoles.pth": "import sys; sys.path.insert(0, sys.path[-1] + '/shadow')\n",
            "shadow/json.py": "raise ImportError('shadow')",
        }
    ),
    "16 overwrites python": bad(files={"{name}-{version}.data/data/bin/python": "#!/bin/sh\n"}),
    "18 another Python": bad(requires_python=">=4"),
    "21 entry point out of the environment": bad(
        entry_points="[console_scripts]\n../../x = beanpoles:poles\n"
    ),
    "22 cut off on the way": bad(damage=lambda data: data[:-10]),
    "23 two members of one name": bad(files={"a/./b.py": "1", "a/b.py": "2"}),
    "24 nothing of what it had": BuiltWheel(name="beanpoles", version="1.2"),
}  # fmt: skip
"""What must not get in; the numbers to 20 are those of the research's list of bad upgrades."""


@pytest.mark.parametrize("wheel", BAD.values(), ids=BAD)
def test_a_bad_upgrade_leaves_the_old(
    backend: Backend, garden: Demo, tree: Oracle, wheel: BuiltWheel
) -> None:
    limits = ImportCheckLimits(module_seconds=0.8)
    checker = SubprocessImportChecker(backend.environment.interpreter, limits)
    backend = replace(backend, import_checker=checker)
    garden.index.publish(wheel)
    prefix = backend.environment.interpreter.prefix
    before = tree(prefix)
    with pytest.raises(PkgwidgetsError):
        apply.apply_plan(backend, plan_upgrade(backend, "beanpoles", version="1.2"))
    assert tree(prefix) == before
    assert {done.outcome for done in backend.journal.transactions()} <= {Outcome.ROLLED_BACK}


HEALED = {
    "8 RECORD lists a file the wheel lacks": bad(record=lambda t: f"{t}ghost.py,sha256=47DEQ,0\n"),
    "9 a file is not in RECORD": bad(
        files={"stray.py": ""}, record=lambda t: t.replace("stray.py", "other.py")
    ),
    "a member above its folder": bad(files={"../evil.py": ""}),
}


@pytest.mark.parametrize("wheel", HEALED.values(), ids=HEALED)
def test_a_record_that_the_installer_mends_can_be_undone_to_the_byte(
    backend: Backend, garden: Demo, tree: Oracle, wheel: BuiltWheel
) -> None:
    garden.index.publish(wheel)
    prefix = backend.environment.interpreter.prefix
    before = tree(prefix)
    with suppress(PkgwidgetsError):
        apply.apply_plan(backend, plan_upgrade(backend, "beanpoles", version="1.2"))
        apply.apply_plan(backend, plan_undo(backend))
    assert tree(prefix) == before


SEEN_BAD = {
    "16 overwrites the environment's own": bad(files={"{name}-{version}.data/data/pyvenv.cfg": ""}),
    "16 overwrites another's script": bad(
        entry_points="[console_scripts]\nseedshelf = beanpoles:poles\n"
    ),
    "17 overwrites another's file": bad(files={"raintable.py": "class RainTable: pass\n"}),
    "25 writes into our folder": bad(files={"{name}-{version}.data/data/.pkgwidgets/lock": ""}),
}


@pytest.mark.parametrize("wheel", SEEN_BAD.values(), ids=SEEN_BAD)
def test_a_wheel_that_takes_what_is_not_its_own_is_refused(
    backend: Backend, garden: Demo, tree: Oracle, wheel: BuiltWheel
) -> None:
    garden.index.publish(wheel)
    before = tree(backend.environment.interpreter.prefix)
    with pytest.raises(EnvironmentRefused, match=r"would overwrite|RECORD of"):
        apply.apply_plan(backend, plan_upgrade(backend, wheel.name, version=wheel.version))
    assert tree(backend.environment.interpreter.prefix) == before
    assert last(backend).outcome is Outcome.ROLLED_BACK


# --- the environment is not what was planned for


def test_a_change_while_it_is_staged_is_noticed_before_anything_is_touched(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "seedshelf")
    trees: list[object] = []

    def meddle(event: Event) -> None:
        if event.stage is Stage.CHECKING and not trees:
            for file in ("METADATA", "RECORD"):
                kit.edit(f"frostcall-1.9.3.dist-info/{file}", b"")
            trees.append(kit.tree())

    with pytest.raises(StalePlan):
        apply.apply_plan(kit.backend, plan, meddle)
    assert [kit.tree()] == trees
    assert "INTENT" not in kit.backend.journal.steps(last(kit.backend).id)


@on_the_fake
def test_a_plan_is_carried_out_once(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "seedshelf")
    apply.apply_plan(kit.backend, plan)
    with pytest.raises(StalePlan, match=r"seedshelf is 1\.4\.2, not 1\.4\.1"):
        apply.apply_plan(kit.backend, plan)


# --- what cannot be put back, and what a crash left


def crashed(backend: Backend, plan: Plan, after: str) -> str:
    """Carry a plan out up to a record, and leave it there as a crash would."""

    class Crash(BaseException):
        pass

    class Cut(Wrapped):
        def record(self, transaction: str, step: str, **facts: str | int | None) -> None:
            backend.journal.record(transaction, step, **facts)
            if step == after:
                raise Crash

    never = Faults(10_000, Crash, late=False)
    cut = replace(backend, journal=Cut(backend.journal, never))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recovery, "end", lambda *_: None)
        with pytest.raises(Crash):
            apply.apply_plan(cut, plan)
    return last(backend).id


@pytest.mark.parametrize("after", ALL_STEPS[1:-1])
def test_what_a_crash_left_is_ended_by_the_next(kit: Kit, after: str) -> None:
    before = kit.tree()
    id = crashed(kit.backend, plan_upgrade(kit.backend, "bedplanner"), after)
    assert last(kit.backend).outcome is Outcome.STARTED
    with kit.backend.environment.locked("recovery"):
        assert recovery.recover(kit.backend) == (id,)
        assert recovery.recover(kit.backend) == ()
    assert kit.tree() == before
    assert (last(kit.backend).outcome, last(kit.backend).error) == (
        Outcome.ROLLED_BACK,
        "it was cut off",
    )


@on_the_fake
def test_what_a_crash_left_is_put_back_before_the_next_plan(kit: Kit) -> None:
    before = kit.tree()
    crashed(kit.backend, plan_upgrade(kit.backend, "seedshelf"), "INSTALLED")
    plan = plan_upgrade(kit.backend, "frostcall")
    assert kit.tree() == before
    assert apply.apply_plan(kit.backend, plan).outcome is Outcome.COMMITTED


def test_what_cannot_be_put_back_blocks_until_it_can() -> None:
    kit = FakeKit()
    plan, before = plan_upgrade(kit.backend, "bedplanner"), kit.tree()
    stuck = kit.environment.site / "sundrift.py"

    def fail(event: Event) -> None:
        if event.stage is Stage.VERIFYING:
            kept: Kept = kit.kept[event.transaction or ""]
            kept.stuck.add(stuck)
            raise RuntimeError

    with pytest.raises(RollbackFailed, match="it is stuck") as caught:
        apply.apply_plan(kit.backend, plan, fail)
    found = last(kit.backend)
    assert (found.outcome, caught.value.transaction) == (Outcome.INCOMPLETE, found.id)
    assert caught.value.kept == str(kit.journal.folder(found.id))
    with pytest.raises(RollbackFailed):
        apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "frostcall"))
    assert len(kit.journal.transactions()) == 1
    kit.kept[found.id].stuck.clear()
    with kit.environment.locked("recovery"):
        assert recovery.recover(kit.backend) == (found.id,)
    assert kit.tree() == before
    assert last(kit.backend).outcome is Outcome.ROLLED_BACK
    assert apply.apply_plan(kit.backend, plan).outcome is Outcome.COMMITTED


@on_the_fake
def test_an_interrupt_right_after_the_start_is_ended(kit: Kit) -> None:
    faults = Faults(10_000, KeyboardInterrupt, late=True)

    class Cut(Wrapped):
        def start(self, plan: Plan) -> Transaction:
            kit.backend.journal.start(plan)
            raise KeyboardInterrupt

    cut = replace(kit.backend, journal=Cut(kit.backend.journal, faults))
    with suppress(KeyboardInterrupt, Cancelled):
        apply.apply_plan(cut, plan_upgrade(kit.backend, "seedshelf"))
    assert last(kit.backend).outcome is Outcome.ROLLED_BACK


def test_a_damaged_journal_of_old_does_not_take_the_environment_back(
    backend: Backend, garden: Demo
) -> None:
    done = apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    file = backend.journal.folder(done.id) / "journal"
    file.write_bytes(file.read_bytes().replace(b'"VERIFIED"', b'"VERIFIEd"'))
    with suppress(PkgwidgetsError):
        apply.apply_plan(backend, plan_upgrade(backend, "frostcall"))
    assert "1.4.2" in (garden.site_packages / "seedshelf.py").read_text()


def test_a_torn_record_is_recovered_from_for_good(backend: Backend) -> None:
    id = crashed(backend, plan_upgrade(backend, "seedshelf"), "INSTALLED")
    with (backend.journal.folder(id) / "journal").open("ab") as file:
        file.write(b'{"v": 1, "n"')
    for _ in range(2):
        with backend.environment.locked("recovery"):
            recovery.recover(backend)
    assert last(backend).outcome is Outcome.ROLLED_BACK


# --- going back


def trees_of_six(kit: Kit) -> Iterator[object]:
    """Install six versions of a project, one after the other; yield the tree before each."""
    kit.publish(*(pea(f"{version}.0", f"x = {version}") for version in range(1, 7)))
    apply.apply_plan(kit.backend, plan_install(kit.backend, "pea==1.0"))
    for version in range(2, 7):
        yield kit.tree()
        apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "pea", version=f"{version}.0"))


@on_the_fake
def test_five_save_points_are_kept(kit: Kit) -> None:
    assert len(list(trees_of_six(kit))) == 5
    done = kit.backend.journal.transactions()
    assert [kit.backend.save_point(each.id).is_intact() for each in done] == [False, *[True] * 5]


def test_the_last_five_are_undone_to_the_byte_without_the_index(kit: Kit) -> None:
    trees = list(trees_of_six(kit))
    kit.go_down()
    for tree in reversed(trees):
        apply.apply_plan(kit.backend, plan_undo(kit.backend))
        assert kit.tree() == tree


def test_a_removal_is_undone_to_the_byte_without_the_index(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    prefix = backend.environment.interpreter.prefix
    before = tree(prefix)
    apply.apply_plan(backend, plan_uninstall(backend, ["seedshelf", "bedplanner", "allotboard"]))
    assert not (prefix / "bin" / "seedshelf").exists()
    assert not (garden.site_packages / "bedplanner").exists()
    garden.index.down = True
    apply.apply_plan(backend, plan_undo(backend))
    assert tree(prefix) == before


@pytest.mark.parametrize("content", [b"# mine\n", None], ids=["edited", "deleted"])
def test_files_that_differ_from_their_record_are_undone_to_the_byte(
    kit: Kit, content: bytes | None
) -> None:
    kit.edit("seedshelf.py", content)
    before = kit.tree()
    apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "seedshelf"))
    apply.apply_plan(kit.backend, plan_undo(kit.backend))
    assert kit.tree() == before


def test_a_save_point_that_is_damaged_after_the_plan_leaves_everything(
    backend: Backend, tree: Oracle
) -> None:
    done = apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    prefix = backend.environment.interpreter.prefix
    plan, before = plan_undo(backend), tree(prefix)
    for kept in (backend.journal.folder(done.id) / "objects").iterdir():
        kept.write_bytes(b"damaged")
    with pytest.raises(TransactionError):
        apply.apply_plan(backend, plan)
    assert tree(prefix) == before
    assert last(backend).outcome is Outcome.ROLLED_BACK


@on_the_real_one
def test_a_folder_that_becomes_a_file_is_upgraded_or_refused(kit: Kit) -> None:
    files = {"pea/__init__.py": "", "pea/data/more": "x"}
    kit.publish(BuiltWheel(name="pea", version="1.0", files=files))
    kit.publish(
        BuiltWheel(name="pea", version="2.0", files={"pea/__init__.py": "", "pea/data": ""})
    )
    apply.apply_plan(kit.backend, plan_install(kit.backend, "pea==1.0"))
    before = kit.tree()
    with suppress(PkgwidgetsError):
        apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "pea"))
        apply.apply_plan(kit.backend, plan_undo(kit.backend))
    assert kit.tree() == before


def test_the_history_is_read_by_another_session(backend: Backend, garden: Demo) -> None:
    done = apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    (found,) = FolderJournal(garden.folder / "env" / ".pkgwidgets", recovery_archive).transactions()
    assert (found.id, found.plan) == (done.id, replace(done.plan, restart=None))


def test_damage_to_an_old_journal_takes_nothing_back(backend: Backend, garden: Demo) -> None:
    """Only the newest can be unfinished: the next begins when the last has ended."""
    done = apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    apply.apply_plan(backend, plan_upgrade(backend, "frostcall"))
    file = backend.journal.folder(done.id) / "journal"
    file.write_bytes(file.read_bytes().replace(b'"COMMIT"', b'"COMMIt"'))
    apply.apply_plan(backend, plan_upgrade(backend, "bedplanner"))
    assert "1.4.2" in (garden.site_packages / "seedshelf.py").read_text()
    (damaged, *_) = backend.journal.transactions()
    assert (damaged.outcome, damaged.error) == (Outcome.INCOMPLETE, "its journal is damaged")


def test_a_new_session_repairs_what_a_crash_left(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    prefix = backend.environment.interpreter.prefix
    before = tree(prefix)
    crashed(backend, plan_upgrade(backend, "seedshelf"), "INSTALLED")
    assert tree(prefix) != before
    assert recovery.recover_if_needed(backend)
    assert tree(prefix) == before
    assert recovery.recover_if_needed(backend) == ()


def test_a_clock_that_was_put_back_hides_no_crash(
    backend: Backend, garden: Demo, tree: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Ahead:
            return cls.fromtimestamp(time.time() + 3600, tz)

    with monkeypatch.context() as ahead:
        ahead.setattr("pkgwidgets.backends.history.journal.datetime", Ahead)
        apply.apply_plan(backend, plan_upgrade(backend, "frostcall"))
    prefix = backend.environment.interpreter.prefix
    before = tree(prefix)
    crashed(backend, plan_upgrade(backend, "seedshelf"), "INSTALLED")
    assert recovery.recover_if_needed(backend)
    assert tree(prefix) == before


def test_no_plan_is_made_on_half_an_environment(backend: Backend) -> None:
    crashed(backend, plan_upgrade(backend, "seedshelf"), "INSTALLED")
    holder = backend.environment.locked("an installer that outlived us")
    with holder, pytest.raises(EnvironmentBusy, match="outlived us"):
        plan_upgrade(backend, "frostcall")
    apply.apply_plan(backend, plan_upgrade(backend, "frostcall"))
    assert [t.outcome for t in backend.journal.transactions()] == [
        Outcome.ROLLED_BACK,
        Outcome.COMMITTED,
    ]


def test_a_file_that_another_owns_too_is_not_taken_from_it(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    twins = [
        BuiltWheel(name=name, version="1", files={"both.py": "x = 1"}) for name in ("pea", "pod")
    ]
    garden.index.publish(*twins)
    apply.apply_plan(backend, plan_install(backend, "pea"))
    apply.apply_plan(backend, plan_install(backend, "pod"))
    before = tree(backend.environment.interpreter.prefix)
    with pytest.raises(EnvironmentRefused, match=r"pea owns 'both\.py', too"):
        apply.apply_plan(backend, plan_uninstall(backend, "pod"))
    assert tree(backend.environment.interpreter.prefix) == before


def test_modules_without_a_source_are_saved_too(
    backend: Backend, garden: Demo, tree: Oracle, tmp_path: Path
) -> None:
    for version in ("1.0", "2.0"):
        source, compiled = tmp_path / "pea.py", tmp_path / "pea.pyc"
        source.write_text(f"x = {version}")
        py_compile.compile(str(source), str(compiled), doraise=True)
        files = {"pea/__init__.pyc": compiled.read_bytes()}
        garden.index.publish(BuiltWheel(name="pea", version=version, files=files))
        if version == "1.0":
            apply.apply_plan(backend, plan_install(backend, "pea"))
    before = (garden.site_packages / "pea" / "__init__.pyc").read_bytes()
    apply.apply_plan(backend, plan_upgrade(backend, "pea"))
    apply.apply_plan(backend, plan_undo(backend))
    assert (garden.site_packages / "pea" / "__init__.pyc").read_bytes() == before
