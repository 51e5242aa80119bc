"""Transactions on the fake and on the real backend: the old environment or the new one."""

from __future__ import annotations

from contextlib import suppress

import pytest
from fakes import Kit
from transaction_faults import crash_after, last_transaction, trees_of_six_upgrades

from pkgwidgets.core.errors import Cancelled, PkgwidgetsError, StageFailed, StalePlan
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply, recovery
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_upgrade

ALL_STEPS = (
    "PLAN", "STAGED", "LOCKED", "SAVED", "INTENT", "INSTALLED", "SYNCED", "VERIFIED", "COMMIT",
)  # fmt: skip


on_the_real_one = pytest.mark.parametrize("kit", ["real"], indirect=True)


# --- without faults


def test_every_step_is_recorded_in_order(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "bedplanner")
    done = apply.apply_plan(kit.backend, plan)
    assert (done.outcome, done.plan) == (Outcome.COMMITTED, plan)
    assert done.finished is not None
    (transaction,) = kit.backend.journal.transactions()
    assert (transaction.id, transaction.outcome) == (done.id, Outcome.COMMITTED)
    assert kit.backend.journal.steps(done.id) == ALL_STEPS


def test_every_stage_is_reported_with_the_transaction_id(kit: Kit) -> None:
    events: list[Event] = []
    done = apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "seedshelf"), events.append)
    assert list(dict.fromkeys(event.stage for event in events)) == [
        Stage.FETCHING,
        Stage.CHECKING,
        Stage.SAVING,
        Stage.INSTALLING,
        Stage.VERIFYING,
        Stage.DONE,
    ]
    assert {event.transaction for event in events} == {done.id}
    assert events[-1].text == "seedshelf 1.4.1 → 1.4.2"


# --- a fault at any call


@pytest.mark.parametrize(
    "stage", [Stage.FETCHING, Stage.CHECKING, Stage.SAVING, Stage.INSTALLING, Stage.VERIFYING]
)
def test_cancellation_at_any_stage_leaves_the_environment_unchanged(kit: Kit, stage: Stage) -> None:
    def cancel(event: Event) -> None:
        if event.stage is stage:
            raise Cancelled("")

    plan, before = plan_upgrade(kit.backend, "bedplanner"), kit.tree()
    with pytest.raises(Cancelled) as caught:
        apply.apply_plan(kit.backend, plan, cancel)
    transaction = last_transaction(kit.backend)
    assert kit.tree() == before
    was_changed = stage in (Stage.INSTALLING, Stage.VERIFYING)
    assert transaction.outcome is (Outcome.ROLLED_BACK if was_changed else Outcome.ABORTED)
    assert caught.value.transaction == transaction.id
    assert ("INTENT" in kit.backend.journal.steps(transaction.id)) == was_changed
    assert apply.apply_plan(kit.backend, plan).outcome is Outcome.COMMITTED


# --- bad installers and wheels


def test_failed_import_check_prevents_the_installation(kit: Kit) -> None:
    plan, before = plan_upgrade(kit.backend), kit.tree()
    with pytest.raises(StageFailed, match="harvestscale") as caught:
        apply.apply_plan(kit.backend, plan)
    transaction = last_transaction(kit.backend)
    assert (transaction.outcome, transaction.id) == (Outcome.ABORTED, caught.value.transaction)
    assert kit.backend.journal.steps(transaction.id) == ("PLAN", "ABORTED")
    assert kit.tree() == before


def test_module_that_already_failed_to_import_does_not_block(kit: Kit) -> None:
    kit.edit("bedplanner/layout.py", b"raise ImportError('spoilt')\n")
    done = apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "sundrift"))
    assert done.outcome is Outcome.COMMITTED


# --- stale plans


def test_change_during_staging_raises_stale_plan(kit: Kit) -> None:
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
    assert "INTENT" not in kit.backend.journal.steps(last_transaction(kit.backend).id)


# --- incomplete rollbacks and interrupted changes


@pytest.mark.parametrize("after", ALL_STEPS[1:-1])
def test_interrupted_change_is_rolled_back_by_recovery(kit: Kit, after: str) -> None:
    before = kit.tree()
    transaction_id = crash_after(kit.backend, plan_upgrade(kit.backend, "bedplanner"), after)
    assert last_transaction(kit.backend).outcome is Outcome.STARTED
    with kit.backend.environment.locked("recovery"):
        assert recovery.recover(kit.backend) == (transaction_id,)
        assert recovery.recover(kit.backend) == ()
    assert kit.tree() == before
    ended = last_transaction(kit.backend)
    was_saved = after not in ("PLAN", "STAGED", "LOCKED")
    assert ended.outcome is (Outcome.ROLLED_BACK if was_saved else Outcome.ABORTED)
    assert ended.error == "it was interrupted"


# --- undo


def test_last_five_transactions_are_undone_exactly_without_the_index(kit: Kit) -> None:
    trees = list(trees_of_six_upgrades(kit))
    kit.go_down()
    for tree in reversed(trees):
        apply.apply_plan(kit.backend, plan_undo(kit.backend))
        assert kit.tree() == tree


@pytest.mark.parametrize("content", [b"# mine\n", None], ids=["edited", "deleted"])
def test_files_that_differ_from_record_are_undone_exactly(kit: Kit, content: bytes | None) -> None:
    kit.edit("seedshelf.py", content)
    before = kit.tree()
    apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "seedshelf"))
    apply.apply_plan(kit.backend, plan_undo(kit.backend))
    assert kit.tree() == before


@on_the_real_one
def test_folder_that_becomes_a_file_is_undone_or_refused(kit: Kit) -> None:
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
