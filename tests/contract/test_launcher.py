"""Plans applied by a worker: started, followed and cancelled, as a fake and as a process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

import pytest
from fakes import FakeKit, FakeWorker, Kept, Kit
from held_transactions import HeldImportChecker, eventually, held_wheel, worker_processes

from pkgwidgets.backends.processes import process
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import (
    Cancelled,
    EnvironmentBusy,
    EnvironmentRefused,
    InstallFailed,
    InvalidRequest,
    PkgwidgetsError,
    RollbackFailed,
    StageFailed,
    StalePlan,
    TooLate,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import UNCHANGED_OUTCOMES, Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply, recovery, transactions
from pkgwidgets.operations.planning import plan_undo, plan_upgrade


@dataclass(frozen=True)
class WorkerKit:
    """An environment whose plans a worker applies, and a gate that stops them."""

    kit: Kit
    backend: Backend
    gate: Path

    def held_at(self, stage: Stage) -> tuple[Backend, Plan]:
        """Return a plan that waits at a stage until the gate is open."""
        if isinstance(self.kit, FakeKit):
            inner = self.kit.backend
            checker = HeldImportChecker(inner.import_checker, self.gate, stage)
            slow = replace(inner, import_checker=checker)  # type: ignore[arg-type]
            backend = replace(slow, worker=FakeWorker(slow))
        else:
            wheel = held_wheel("1.9", self.gate, staged=stage is Stage.CHECKING)
            self.kit.publish(wheel)
            backend = self.backend
        return backend, plan_upgrade(backend, "seedshelf")

    def wait_for(self, backend: Backend, transaction_id: str, stage: Stage) -> None:
        """Wait until a transaction reports a stage."""
        applier = backend.worker
        assert applier is not None
        eventually(lambda: stage in {event.stage for event in applier.events(transaction_id)[0]})


@pytest.fixture
def worker_kit(kit: Kit, request: pytest.FixtureRequest, tmp_path: Path) -> WorkerKit:
    if isinstance(kit, FakeKit):
        backend = replace(kit.backend, worker=FakeWorker(kit.backend))
    else:
        garden: Demo = request.getfixturevalue("garden")
        backend = connect(garden.python, garden.index_url, detached=True)
    return WorkerKit(kit, backend, tmp_path / "gate")


on_the_real_one = pytest.mark.parametrize("kit", ["real"], indirect=True)
HOLDS = [Stage.CHECKING, Stage.VERIFYING]


# --- started and followed


def test_started_transaction_is_found_and_followed_to_its_end(worker_kit: WorkerKit) -> None:
    backend, plan = worker_kit.held_at(Stage.CHECKING)
    assert transactions.running(backend) is None
    transaction_id = transactions.start(backend, plan)
    transaction = transactions.running(backend)
    assert transaction is not None
    assert (transaction.id, transaction.plan.id, transaction.outcome) == (
        transaction_id,
        plan.id,
        Outcome.STARTED,
    )
    events: list[Event] = []
    worker_kit.gate.touch()
    done = transactions.follow(backend, transaction_id, events.append)
    assert (done.id, done.outcome, done.plan.id) == (transaction_id, Outcome.COMMITTED, plan.id)
    assert list(dict.fromkeys(event.stage for event in events)) == [
        Stage.FETCHING,
        Stage.CHECKING,
        Stage.SAVING,
        Stage.INSTALLING,
        Stage.VERIFYING,
        Stage.DONE,
    ]
    assert {event.transaction for event in events} == {transaction_id}
    assert transactions.running(backend) is None
    assert backend.environment.holder() is None


def test_apply_and_follow_returns_the_plan_object_it_was_given(worker_kit: WorkerKit) -> None:
    plan = plan_upgrade(worker_kit.backend, "bedplanner")
    done = transactions.apply_and_follow(worker_kit.backend, plan)
    assert done.plan is plan
    assert done.outcome is Outcome.COMMITTED
    assert [transaction.id for transaction in worker_kit.kit.backend.journal.transactions()] == [
        done.id
    ]


def test_next_transaction_can_start_after_following_the_last(worker_kit: WorkerKit) -> None:
    before = worker_kit.kit.tree()
    for _ in range(3):
        transactions.apply_and_follow(
            worker_kit.backend, plan_upgrade(worker_kit.backend, "seedshelf")
        )
        transactions.apply_and_follow(worker_kit.backend, plan_undo(worker_kit.backend))
    assert worker_kit.kit.tree() == before


def test_environment_is_unlocked_after_following(
    worker_kit: WorkerKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "_prune_save_points", lambda backend: time.sleep(0.5))
    transactions.apply_and_follow(worker_kit.backend, plan_upgrade(worker_kit.backend, "seedshelf"))
    assert worker_kit.backend.environment.holder() is None


def test_finished_transaction_can_be_followed_again(worker_kit: WorkerKit) -> None:
    done = transactions.apply_and_follow(
        worker_kit.backend, plan_upgrade(worker_kit.backend, "seedshelf")
    )
    again = transactions.follow(worker_kit.backend, done.id)
    assert (again.id, again.outcome) == (done.id, Outcome.COMMITTED)


def test_two_threads_can_follow_one_transaction(worker_kit: WorkerKit) -> None:
    backend, plan = worker_kit.held_at(Stage.CHECKING)
    transaction_id = transactions.start(backend, plan)
    events: list[Event] = []
    other = Thread(target=transactions.follow, args=(backend, transaction_id, events.append))
    other.start()
    worker_kit.wait_for(backend, transaction_id, Stage.CHECKING)
    worker_kit.gate.touch()
    assert transactions.follow(backend, transaction_id).outcome is Outcome.COMMITTED
    other.join()
    assert events[0].stage is Stage.FETCHING
    assert events[-1].stage is Stage.DONE


def test_last_event_is_repeated_while_nothing_happens(worker_kit: WorkerKit) -> None:
    backend, plan = worker_kit.held_at(Stage.CHECKING)
    events: list[Event] = []

    def report(event: Event) -> None:
        events.append(event)
        if [past.stage for past in events].count(Stage.CHECKING) == 5:
            worker_kit.gate.touch()

    assert transactions.apply_and_follow(backend, plan, report).outcome is Outcome.COMMITTED


# --- immediate refusals


def test_second_transaction_is_refused_and_names_the_first(
    worker_kit: WorkerKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_process(*args: object, **more: object) -> None:
        raise AssertionError("a process was started")

    backend, plan = worker_kit.held_at(Stage.CHECKING)
    transaction_id = transactions.start(backend, plan)
    with monkeypatch.context() as patch:
        patch.setattr(process, "start", no_process)
        with pytest.raises(EnvironmentBusy, match=r"seedshelf; started \d\d:\d\d:\d\d UTC"):
            transactions.start(backend, plan)
        with pytest.raises(EnvironmentBusy):
            transactions.apply_and_follow(backend, plan)
    worker_kit.gate.touch()
    transactions.follow(backend, transaction_id)
    assert [transaction.id for transaction in backend.journal.transactions()] == [transaction_id]


def test_plan_without_changes_starts_no_transaction(worker_kit: WorkerKit) -> None:
    plan = plan_upgrade(worker_kit.backend, "beanpoles")
    assert transactions.apply_and_follow(worker_kit.backend, plan).id == ""
    with pytest.raises(InvalidRequest, match="changes nothing"):
        transactions.start(worker_kit.backend, plan)


def test_unknown_transaction_cannot_be_followed_or_cancelled(worker_kit: WorkerKit) -> None:
    transactions.apply_and_follow(worker_kit.backend, plan_upgrade(worker_kit.backend, "seedshelf"))
    for transaction_id in ("", "unknown", "../txn", "0" * 300):
        for ask in (transactions.follow, transactions.cancel):
            with pytest.raises(InvalidRequest):
                ask(worker_kit.backend, transaction_id)


# --- errors of the worker


def test_stale_plan_starts_no_transaction(worker_kit: WorkerKit) -> None:
    plan = plan_upgrade(worker_kit.backend, "seedshelf")
    transactions.apply_and_follow(worker_kit.backend, plan)
    with pytest.raises(StalePlan, match=r"seedshelf is now 1\.4\.2 \(it was 1\.4\.1\)") as caught:
        transactions.apply_and_follow(worker_kit.backend, plan)
    assert isinstance(caught.value.differences, tuple)
    assert len(worker_kit.backend.journal.transactions()) == 1


def test_failure_of_the_worker_is_raised_with_its_details(worker_kit: WorkerKit) -> None:
    before = worker_kit.kit.tree()
    with pytest.raises(StageFailed, match="harvestscale") as caught:
        transactions.apply_and_follow(worker_kit.backend, plan_upgrade(worker_kit.backend))
    (transaction,) = worker_kit.backend.journal.transactions()
    assert caught.value.transaction == transaction.id
    assert any("harvestscale" in problem for problem in caught.value.problems)
    assert worker_kit.kit.tree() == before
    with pytest.raises(StageFailed) as later:
        transactions.follow(worker_kit.backend, transaction.id)
    assert later.value.facts == caught.value.facts


@on_the_real_one
def test_failed_installer_reports_its_command(worker_kit: WorkerKit, garden: Demo) -> None:
    plan = plan_upgrade(worker_kit.backend, "seedshelf")
    garden.index.down = True
    with pytest.raises(InstallFailed) as caught:
        transactions.apply_and_follow(worker_kit.backend, plan)
    assert caught.value.returncode != 0
    assert "install" in caught.value.argv
    assert caught.value.transaction == worker_kit.backend.journal.transactions()[-1].id


@on_the_real_one
def test_environment_frozen_after_planning_is_not_changed(
    worker_kit: WorkerKit, garden: Demo
) -> None:
    plan = plan_upgrade(worker_kit.backend, "seedshelf")
    (garden.folder / "env" / "conda-meta").mkdir()
    (garden.folder / "env" / "conda-meta" / "frozen").touch()
    with pytest.raises((StalePlan, EnvironmentRefused), match="frozen"):
        transactions.apply_and_follow(worker_kit.backend, plan)
    assert list(worker_kit.backend.journal.transactions()) == []


@on_the_real_one
def test_refusal_of_the_worker_names_the_interpreter(worker_kit: WorkerKit, garden: Demo) -> None:
    files = {"seedshelf.py": "", "raintable.py": ""}
    worker_kit.kit.publish(BuiltWheel(name="seedshelf", version="1.9", files=files))
    before = worker_kit.kit.tree()
    with pytest.raises(EnvironmentRefused, match="raintable") as caught:
        transactions.apply_and_follow(
            worker_kit.backend, plan_upgrade(worker_kit.backend, "seedshelf")
        )
    assert caught.value.python == garden.python
    assert worker_kit.kit.tree() == before


# --- cancelled


@pytest.mark.parametrize("stage", HOLDS)
def test_cancelled_transaction_leaves_the_environment_unchanged(
    worker_kit: WorkerKit, stage: Stage
) -> None:
    backend, plan = worker_kit.held_at(stage)
    before = worker_kit.kit.tree()
    transaction_id = transactions.start(backend, plan)
    worker_kit.wait_for(backend, transaction_id, stage)
    transactions.cancel(backend, transaction_id)
    with pytest.raises(Cancelled) as caught:
        transactions.follow(backend, transaction_id)
    assert caught.value.transaction == transaction_id
    assert worker_kit.kit.tree() == before
    assert backend.journal.transactions()[-1].outcome in UNCHANGED_OUTCOMES
    assert ("INTENT" in backend.journal.steps(transaction_id)) == (stage is Stage.VERIFYING)
    transactions.cancel(backend, transaction_id)  # a second request to cancel
    assert backend.environment.holder() is None


def test_committed_transaction_cannot_be_cancelled(worker_kit: WorkerKit) -> None:
    done = transactions.apply_and_follow(
        worker_kit.backend, plan_upgrade(worker_kit.backend, "seedshelf")
    )
    after = worker_kit.kit.tree()
    with pytest.raises(TooLate, match="undo") as caught:
        transactions.cancel(worker_kit.backend, done.id)
    assert caught.value.transaction == done.id
    assert worker_kit.kit.tree() == after


class UnexpectedError(Exception):
    """An unexpected error of a report function."""


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (UnexpectedError, UnexpectedError),
        (KeyboardInterrupt, Cancelled),
        (lambda: Cancelled(""), Cancelled),
    ],
    ids=["mistake", "interrupt", "cancelled"],
)
@pytest.mark.parametrize("stage", HOLDS)
def test_exception_from_the_reporter_cancels_the_transaction(
    worker_kit: WorkerKit,
    stage: Stage,
    raised: Callable[[], BaseException],
    expected: type[BaseException],
) -> None:
    def report(event: Event) -> None:
        if event.stage is stage:
            raise raised()

    backend, plan = worker_kit.held_at(stage)
    before = worker_kit.kit.tree()
    with pytest.raises(expected):
        transactions.apply_and_follow(backend, plan, report)
    assert worker_kit.kit.tree() == before
    assert backend.journal.transactions()[-1].outcome in UNCHANGED_OUTCOMES
    assert backend.environment.holder() is None


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (UnexpectedError, UnexpectedError),
        (KeyboardInterrupt, TooLate),
        (lambda: Cancelled(""), None),
    ],
    ids=["mistake", "interrupt", "cancelled"],
)
def test_exception_from_the_reporter_after_commit_changes_nothing(
    worker_kit: WorkerKit, raised: Callable[[], BaseException], expected: type[BaseException] | None
) -> None:
    def report(event: Event) -> None:
        if event.stage is Stage.DONE:
            raise raised()

    plan = plan_upgrade(worker_kit.backend, "seedshelf")
    if expected is None:
        assert (
            transactions.apply_and_follow(worker_kit.backend, plan, report).outcome
            is Outcome.COMMITTED
        )
    else:
        with pytest.raises(expected):
            transactions.apply_and_follow(worker_kit.backend, plan, report)
    assert worker_kit.backend.journal.transactions()[-1].outcome is Outcome.COMMITTED


# --- interrupted workers


def crash(backend: Backend, plan: Plan, at: Stage) -> str:
    """Apply a plan here and leave it interrupted, as after a crash."""

    class Crash(BaseException):
        pass

    def report(event: Event) -> None:
        if event.stage is at:
            raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recovery, "end", lambda *_: None)
        patch.setattr(recovery, "finish", lambda *_: None)
        with pytest.raises(Crash):
            apply.apply_plan(backend, plan, report)
    return backend.journal.transactions()[-1].id


@pytest.mark.parametrize("stage", [Stage.FETCHING, Stage.SAVING, *HOLDS])
def test_following_an_interrupted_change_rolls_it_back(worker_kit: WorkerKit, stage: Stage) -> None:
    before = worker_kit.kit.tree()
    transaction_id = crash(
        worker_kit.kit.backend, plan_upgrade(worker_kit.kit.backend, "seedshelf"), stage
    )
    assert transactions.running(worker_kit.backend) is None
    with pytest.raises(PkgwidgetsError, match="it was interrupted"):
        transactions.follow(worker_kit.backend, transaction_id)
    assert worker_kit.kit.tree() == before
    assert worker_kit.backend.journal.transactions()[-1].outcome in UNCHANGED_OUTCOMES


@on_the_real_one
def test_no_worker_process_is_left_running(worker_kit: WorkerKit, garden: Demo) -> None:
    transactions.apply_and_follow(worker_kit.backend, plan_upgrade(worker_kit.backend, "seedshelf"))
    eventually(lambda: worker_processes(garden.folder / "env") == [])


def test_path_that_cannot_be_rolled_back_is_named_and_kept(tmp_path: Path) -> None:
    kit = FakeKit()
    backend, plan = WorkerKit(kit, kit.backend, tmp_path / "gate").held_at(Stage.VERIFYING)
    stuck = kit.environment.site / "seedshelf.py"

    def report(event: Event) -> None:
        if event.stage is Stage.VERIFYING:
            kept: Kept = kit.kept[event.transaction or ""]
            kept.stuck.add(stuck)
            raise UnexpectedError

    with pytest.raises(RollbackFailed, match="it is stuck") as caught:
        transactions.apply_and_follow(backend, plan, report)
    (transaction,) = backend.journal.transactions()
    assert (caught.value.transaction, transaction.outcome) == (transaction.id, Outcome.INCOMPLETE)
    assert caught.value.differences == (f"{stuck}: it is stuck",)
    assert caught.value.kept == str(kit.journal.folder(transaction.id))
    with pytest.raises(RollbackFailed):
        transactions.follow(backend, transaction.id)
