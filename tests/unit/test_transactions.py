"""Whatever call fails, a transaction ends with the old environment or the new one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeKit, Kept, Kit
from transaction_faults import (
    Faults,
    Wrapped,
    crash_after,
    fail_at_every_call,
    last_transaction,
    pea,
    trees_of_six_upgrades,
)

from pkgwidgets.core.errors import (
    Cancelled,
    EnvironmentBusy,
    EnvironmentRefused,
    InstallFailed,
    PkgwidgetsError,
    RollbackFailed,
    StalePlan,
    VerificationFailed,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.operations import apply, recovery, transactions
from pkgwidgets.operations.incomplete import BLOCKED
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade

# --- without faults


def test_empty_plan_changes_nothing_and_leaves_no_history_entry(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "beanpoles")
    before = kit.tree()
    with kit.backend.environment.locked("somebody else"):
        done = transactions.apply_and_follow(kit.backend, plan)
    assert (done.outcome, done.changes, done.id) == (Outcome.COMMITTED, (), "")
    assert kit.backend.journal.transactions() in ((), [])
    assert kit.tree() == before


def test_holder_of_the_lock_is_named(kit: Kit) -> None:
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
    assert holder.startswith("another session (seedshelf; started ")


def test_read_only_environment_is_unchanged() -> None:
    kit = FakeKit()
    plan = plan_upgrade(kit.backend, "seedshelf")
    before = kit.tree()
    kit.environment.refused = "It is frozen"
    with pytest.raises(EnvironmentRefused, match="It is frozen"):
        apply.apply_plan(kit.backend, plan)
    assert (kit.tree(), kit.journal.transactions()) == (before, ())


PLANS: dict[str, Callable[[Backend], Plan]] = {
    "upgrade": lambda backend: plan_upgrade(backend, "bedplanner"),
    "removal": lambda backend: plan_uninstall(backend, "frostcall"),
    "undo": plan_undo,
}


# --- a fault at any call


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("name", PLANS)
def test_fault_at_any_call_leaves_the_old_or_the_new_environment(
    name: str, error: type[BaseException], late: bool
) -> None:
    kit = FakeKit()
    apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "seedshelf"))
    fail_at_every_call(kit, PLANS[name](kit.backend), error, late=late)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_exception_is_raised_after_rollback_and_interrupt_as_cancelled(
    kit: Kit, error: type[BaseException]
) -> None:
    def fail(event: Event) -> None:
        if event.stage is Stage.VERIFYING:
            raise error

    plan, before = plan_upgrade(kit.backend, "seedshelf"), kit.tree()
    expected = Cancelled if error is KeyboardInterrupt else error
    with pytest.raises(expected) as caught:
        apply.apply_plan(kit.backend, plan, fail)
    transaction = last_transaction(kit.backend)
    assert (transaction.outcome, kit.tree()) == (Outcome.ROLLED_BACK, before)
    if isinstance(caught.value, Cancelled):
        assert caught.value.transaction == transaction.id
        assert transaction.error == "it was cancelled"


def test_cancellation_after_commit_has_no_effect(kit: Kit) -> None:
    def cancel(event: Event) -> None:
        if event.stage is Stage.DONE:
            raise Cancelled("")

    done = apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "seedshelf"), cancel)
    assert done.outcome is Outcome.COMMITTED


def test_failure_to_prune_save_points_is_ignored(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(backend: Backend) -> None:
        raise OSError(13, "Permission denied")

    for version in range(1, 8):
        kit.publish(pea(f"{version}.0"))
    apply.apply_plan(kit.backend, plan_install(kit.backend, "pea==1.0"))
    for version in range(2, 6):
        apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "pea", version=f"{version}.0"))
    points = kit.backend.save_point
    plan = plan_upgrade(kit.backend, "pea", version="6.0")

    def save_point(transaction_id: str) -> Any:
        point = points(transaction_id)
        if transaction_id == kit.backend.journal.transactions()[0].id:
            monkeypatch.setattr(type(point), "discard", refuse)
        return point

    done = apply.apply_plan(replace(kit.backend, save_point=save_point), plan)
    assert done.outcome is Outcome.COMMITTED


def test_interrupt_after_commit_keeps_the_commit() -> None:
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
    assert last_transaction(kit.backend).outcome is Outcome.COMMITTED


# --- bad installers and wheels


def test_installer_failure_half_way_is_rolled_back() -> None:
    for knob, error in (("fails_before", InstallFailed), ("interrupted_before", Cancelled)):
        for number in (0, 1):
            kit = FakeKit()
            plan, before = plan_upgrade(kit.backend, "bedplanner"), kit.tree()
            setattr(kit.installer, knob, number)
            with pytest.raises(error):
                apply.apply_plan(kit.backend, plan)
            assert kit.tree() == before
            assert last_transaction(kit.backend).outcome is Outcome.ROLLED_BACK


def test_installer_that_skips_a_change_fails_verification() -> None:
    kit = FakeKit()
    plan, before = plan_upgrade(kit.backend, "bedplanner"), kit.tree()
    kit.installer.lies = True
    with pytest.raises(VerificationFailed, match=r"sundrift is 1\.0\.4, not 1\.2\.0"):
        apply.apply_plan(kit.backend, plan)
    assert kit.tree() == before
    assert "sundrift is 1.0.4" in (last_transaction(kit.backend).error or "")


# --- stale plans


def test_plan_can_be_applied_only_once(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "seedshelf")
    apply.apply_plan(kit.backend, plan)
    with pytest.raises(StalePlan, match=r"seedshelf is now 1\.4\.2 \(it was 1\.4\.1\)"):
        apply.apply_plan(kit.backend, plan)


# --- incomplete rollbacks and interrupted changes


def test_interrupted_change_is_rolled_back_before_the_next_plan(kit: Kit) -> None:
    before = kit.tree()
    crash_after(kit.backend, plan_upgrade(kit.backend, "seedshelf"), "INSTALLED")
    plan = plan_upgrade(kit.backend, "frostcall")
    assert kit.tree() == before
    assert apply.apply_plan(kit.backend, plan).outcome is Outcome.COMMITTED


def stick(kit: FakeKit, path: Path) -> Report:
    """Return a report that fails an upgrade at its end, and lets one path not be restored."""

    def fail(event: Event) -> None:
        if event.stage is Stage.VERIFYING:
            kept: Kept = kit.kept[event.transaction or ""]
            kept.stuck.add(path)
            raise RuntimeError

    return fail


def test_failed_rollback_blocks_changes_until_it_succeeds() -> None:
    kit = FakeKit()
    plan, before = plan_upgrade(kit.backend, "bedplanner"), kit.tree()
    stuck = kit.environment.site / "sundrift.py"
    fail = stick(kit, stuck)
    with pytest.raises(RollbackFailed, match="it is stuck") as caught:
        apply.apply_plan(kit.backend, plan, fail)
    transaction = last_transaction(kit.backend)
    assert (transaction.outcome, caught.value.transaction) == (Outcome.INCOMPLETE, transaction.id)
    assert caught.value.kept == str(kit.journal.folder(transaction.id))
    assert caught.value.paths == (str(stuck),)
    for refused in (
        lambda: apply.apply_plan(kit.backend, plan),
        lambda: plan_upgrade(kit.backend, "sundrift"),
    ):
        with pytest.raises(RollbackFailed):
            refused()
    assert len(kit.journal.transactions()) == 1
    everything = plan_upgrade(kit.backend)
    assert "sundrift" in {entry.id for entry in everything.held_back if entry.reason == BLOCKED}
    kit.kept[transaction.id].stuck.clear()
    with kit.environment.locked("recovery"):
        assert recovery.recover(kit.backend) == (transaction.id,)
    assert kit.tree() == before
    assert last_transaction(kit.backend).outcome is Outcome.ROLLED_BACK
    assert apply.apply_plan(kit.backend, plan).outcome is Outcome.COMMITTED


def test_change_of_other_paths_is_possible_while_a_rollback_is_incomplete() -> None:
    kit = FakeKit()
    stuck = kit.environment.site / "sundrift.py"
    fail = stick(kit, stuck)
    with pytest.raises(RollbackFailed) as caught:
        apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "bedplanner"), fail)
    other = apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "frostcall"))
    assert other.outcome is Outcome.COMMITTED
    apply.apply_plan(kit.backend, plan_undo(kit.backend, other.id))
    kit.kept[caught.value.transaction].stuck.clear()
    with kit.environment.locked("recovery"):
        assert recovery.recover(kit.backend) == (caught.value.transaction,)
    outcomes = {entry.id: entry.outcome for entry in kit.journal.transactions()}
    assert outcomes[caught.value.transaction] is Outcome.ROLLED_BACK


def test_interrupt_right_after_the_start_is_rolled_back(kit: Kit) -> None:
    faults = Faults(10_000, KeyboardInterrupt, late=True)

    class CrashingJournal(Wrapped):
        def start(self, plan: Plan) -> Transaction:
            kit.backend.journal.start(plan)
            raise KeyboardInterrupt

    crashing_backend = replace(kit.backend, journal=CrashingJournal(kit.backend.journal, faults))
    with suppress(KeyboardInterrupt, Cancelled):
        apply.apply_plan(crashing_backend, plan_upgrade(kit.backend, "seedshelf"))
    assert last_transaction(kit.backend).outcome is Outcome.ABORTED


# --- undo


def test_five_save_points_are_kept(kit: Kit) -> None:
    assert len(list(trees_of_six_upgrades(kit))) == 5
    done = kit.backend.journal.transactions()
    assert [kit.backend.save_point(transaction.id).is_intact() for transaction in done] == [
        False,
        *[True] * 5,
    ]
