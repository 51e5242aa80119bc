"""What is prepared while a plan is read is taken over by its transaction, or thrown away."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import Kit
from faults.tiny_environment import fork
from transaction_faults import pea

from pkgwidgets.backends.sandbox.preparations import FolderPreparations
from pkgwidgets.core.errors import Cancelled, DiskFailed, PkgwidgetsError, StageFailed, StalePlan
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend, ImportCheck
from pkgwidgets.core.preparations import ImportResult
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade
from pkgwidgets.operations.preparation import prepare_plan


class CountedChecker:
    """An import checker that remembers what it was asked of a stage."""

    def __init__(self, backend: Backend) -> None:
        self._inner = backend.import_checker
        self.staged: list[Path] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def check(self, modules: Sequence[str], *args: Any, **more: Any) -> ImportCheck:
        if more.get("staged") is not None:
            self.staged.append(more["staged"])
        return self._inner.check(modules, *args, **more)


def counted(backend: Backend) -> tuple[Backend, CountedChecker]:
    checker = CountedChecker(backend)
    return replace(backend, import_checker=checker), checker


def is_prepared(kit: Kit, plan_id: str, tmp_path: Path) -> bool:
    return kit.backend.preparations.take(plan_id, tmp_path / "stage") is not None


# --- taken over


class CountedFolders:
    """The affected distributions; counts how often all RECORD files are read for them."""

    def __init__(self, backend: Backend) -> None:
        self._inner = backend.bystanders
        self.readings = 0

    def __getattr__(self, name: str) -> Any:
        self.readings += name == "sharing_folders"
        return getattr(self._inner, name)


def test_preparation_does_not_read_what_only_the_transaction_compares(kit: Kit) -> None:
    counted_folders: Any = CountedFolders(kit.backend)
    plan = plan_upgrade(kit.backend, "seedshelf")
    prepare_plan(replace(kit.backend, bystanders=counted_folders), plan)
    assert counted_folders.readings == 1, "they are read to choose the modules"
    assert apply.apply_plan(kit.backend, plan).outcome is Outcome.COMMITTED


@pytest.mark.parametrize("names", ["seedshelf", ["bedplanner", "seedshelf"]])
def test_transaction_needs_neither_the_index_nor_a_second_check(
    kit: Kit, names: str | list[str]
) -> None:
    backend, checker = counted(kit.backend)
    plan = plan_upgrade(backend, names)
    before = kit.tree()
    prepare_plan(backend, plan)
    assert kit.tree() == before
    assert len(checker.staged) == 1
    kit.go_down()
    done = apply.apply_plan(backend, plan)
    assert done.outcome is Outcome.COMMITTED
    assert len(checker.staged) == 1
    assert not is_prepared(kit, plan.id, Path("/nowhere"))
    apply.apply_plan(backend, plan_undo(backend))
    assert kit.tree() == before


def test_prepared_uninstall_ends_as_an_unprepared_one(kit: Kit) -> None:
    plan = plan_uninstall(kit.backend, "seedshelf")
    prepare_plan(kit.backend, plan)
    apply.apply_plan(kit.backend, plan)
    assert "seedshelf" not in kit.backend.environment.distributions()


def test_dependent_that_fails_already_stays_excused(kit: Kit) -> None:
    pod = BuiltWheel(name="pod", version="1.0", files={"pod.py": ""}, requires=("pea",))
    kit.publish(pea("1.0"), pod)
    apply.apply_plan(kit.backend, plan_install(kit.backend, "pod"))
    kit.edit("pod.py", b"raise OSError\n")
    kit.publish(pea("2.0"))
    plan = plan_upgrade(kit.backend, "pea")
    prepare_plan(kit.backend, plan)
    assert apply.apply_plan(kit.backend, plan).outcome is Outcome.COMMITTED


# --- thrown away


def test_plan_that_would_fail_is_reported_and_leaves_nothing(kit: Kit, tmp_path: Path) -> None:
    kit.publish(pea("1.0", "raise OSError"))
    plan, before = plan_install(kit.backend, "pea"), kit.tree()
    with pytest.raises(StageFailed, match=r"OSError|it raises"):
        prepare_plan(kit.backend, plan)
    assert kit.tree() == before
    assert not is_prepared(kit, plan.id, tmp_path)
    assert kit.backend.journal.transactions() == ()


@pytest.mark.parametrize("stage", [Stage.FETCHING, Stage.CHECKING])
def test_cancelled_preparation_leaves_nothing(kit: Kit, tmp_path: Path, stage: Stage) -> None:
    def cancel(event: Event) -> None:
        if event.stage is stage:
            raise Cancelled("")

    plan, before = plan_upgrade(kit.backend, "bedplanner"), kit.tree()
    with pytest.raises(Cancelled):
        prepare_plan(kit.backend, plan, cancel)
    assert kit.tree() == before
    assert not is_prepared(kit, plan.id, tmp_path)
    assert apply.apply_plan(kit.backend, plan).outcome is Outcome.COMMITTED


def test_change_while_a_plan_is_prepared_is_noticed(kit: Kit, tmp_path: Path) -> None:
    plan = plan_upgrade(kit.backend, "bedplanner")

    def interfere(event: Event) -> None:
        kit.edit("bedplanner/__init__.py", b"# edited\n")

    with pytest.raises(StalePlan):
        prepare_plan(kit.backend, plan, interfere)
    assert not is_prepared(kit, plan.id, tmp_path)


def test_change_after_a_plan_was_prepared_is_noticed(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "bedplanner")
    prepare_plan(kit.backend, plan)
    kit.edit("bedplanner/__init__.py", b"# edited\n")
    before = kit.tree()
    with pytest.raises(StalePlan):
        apply.apply_plan(kit.backend, plan)
    assert kit.tree() == before


def test_preparation_is_for_one_plan(kit: Kit) -> None:
    backend, checker = counted(kit.backend)
    other, plan = (plan_upgrade(backend, name) for name in ("seedshelf", "bedplanner"))
    prepare_plan(backend, other)
    apply.apply_plan(backend, plan)
    assert len(checker.staged) == 2


def test_next_preparation_replaces_the_last_one(kit: Kit, tmp_path: Path) -> None:
    first, second = (plan_upgrade(kit.backend, name) for name in ("seedshelf", "bedplanner"))
    prepare_plan(kit.backend, first)
    prepare_plan(kit.backend, second)
    assert not is_prepared(kit, first.id, tmp_path)
    assert is_prepared(kit, second.id, tmp_path)


def test_plan_without_changes_and_undo_need_no_preparation(kit: Kit, tmp_path: Path) -> None:
    apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "seedshelf"))
    for plan in (plan_upgrade(kit.backend, "seedshelf"), plan_undo(kit.backend)):
        prepare_plan(kit.backend, plan)
        assert not is_prepared(kit, plan.id, tmp_path)


# --- folders


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "env/.pkgwidgets"
    place.mkdir(parents=True)
    return place


def preparations(place: Path, **variables: str) -> FolderPreparations:
    return FolderPreparations(place, lambda: variables)


def prepare(made: FolderPreparations, plan_id: str = "plan") -> None:
    with made.begin(plan_id) as preparation:
        preparation.stage.mkdir()
        (preparation.stage / "pea.py").touch()
        preparation.complete(ImportResult(excused=frozenset({"pod"}), needs={"pod": "a display"}))


def folders(place: Path) -> list[str]:
    return sorted(path.name for path in (place / "prepared").glob("*"))


def test_result_and_stage_are_taken_over_by_another_process(place: Path, tmp_path: Path) -> None:
    made = preparations(place)
    prepare(made)
    result = preparations(place).take("plan", tmp_path / "stage")
    assert result == ImportResult(excused=frozenset({"pod"}), needs={"pod": "a display"})
    assert [path.name for path in (tmp_path / "stage").iterdir()] == ["pea.py"]
    assert folders(place) == []
    assert preparations(place).take("plan", tmp_path / "again") is None
    made.discard()


def test_result_holds_for_the_variables_that_modules_saw(place: Path, tmp_path: Path) -> None:
    made = preparations(place, DISPLAY=":0")
    prepare(made)
    assert preparations(place).take("plan", tmp_path / "stage") is None
    assert not (tmp_path / "stage").exists()
    assert preparations(place, DISPLAY=":0").take("plan", tmp_path / "stage") is not None
    made.discard()


@pytest.mark.parametrize("damage", ["stage", "result.json"])
def test_damaged_preparation_is_not_taken(place: Path, tmp_path: Path, damage: str) -> None:
    made = preparations(place)
    prepare(made)
    (folder,) = (place / "prepared").iterdir()
    if damage == "stage":
        shutil.rmtree(folder / damage)
    else:
        (folder / damage).write_text("{")
    assert preparations(place).take("plan", tmp_path / "stage") is None
    made.discard()


def test_preparation_of_a_running_process_is_kept(place: Path) -> None:
    made = preparations(place)
    prepare(made)
    other = preparations(place)
    prepare(other, "another plan")
    assert len(folders(place)) == 2
    made.discard()
    other.discard()
    assert folders(place) == []


@pytest.mark.parametrize("ends_early", [True, False])
def test_preparation_of_an_ended_process_is_discarded(place: Path, *, ends_early: bool) -> None:
    child = fork()
    if child == 0:
        made = preparations(place)
        with made.begin("plan") as preparation:
            preparation.stage.mkdir()
            if not ends_early:
                preparation.complete(ImportResult())
            os._exit(0)
    os.waitpid(child, 0)
    assert len(folders(place)) == 1
    preparations(place).discard()
    assert folders(place) == []


@pytest.mark.parametrize(
    ("name", "age", "kept"), [("new-1", 0, 1), ("new-1", 99, 0), ("old", 0, 0)]
)
def test_half_made_preparation_is_discarded(place: Path, name: str, age: int, kept: int) -> None:
    folder = place / "prepared" / name
    folder.mkdir(parents=True)
    os.utime(folder, (time.time() - age,) * 2)
    preparations(place).discard()
    assert len(folders(place)) == kept


def test_place_that_cannot_be_written_is_reported(place: Path) -> None:
    (place / "prepared").touch()
    with pytest.raises(DiskFailed) as caught, preparations(place).begin("plan"):
        pass
    assert isinstance(caught.value, PkgwidgetsError)
    assert caught.value.path.startswith(str(place))
