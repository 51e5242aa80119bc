"""Plans are rehearsed on notebooks, with test doubles for everything outside."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import FakeKit
from scratch_notebooks import FakeKnownGood, FakeNotebookRunner, write

from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend
from pkgwidgets.analysis.run_comparison import Verdict
from pkgwidgets.core.errors import (
    Cancelled,
    EnvironmentRefused,
    InvalidRequest,
    StalePlan,
    StillNeeded,
)
from pkgwidgets.core.events import Event
from pkgwidgets.operations import known_good, planning, rehearsal
from pkgwidgets.operations.transactions import apply_and_follow

USE = "import frostcall\nfrostcall.frost_tonight(1)"


@pytest.fixture
def kit() -> FakeKit:
    return FakeKit()


@pytest.fixture
def runner(kit: FakeKit) -> FakeNotebookRunner:
    return FakeNotebookRunner(kit.environment)


@pytest.fixture
def rehearsal_backend(runner: FakeNotebookRunner) -> RehearsalBackend:
    return RehearsalBackend(runner, FakeKnownGood())


def test_cells_are_compared_before_and_after(
    kit: FakeKit, rehearsal_backend: RehearsalBackend, tmp_path: Path
) -> None:
    notebook = write(tmp_path / "a.ipynb", "1 + 1", USE)
    plan = planning.plan_upgrade(kit.backend, "frostcall")
    before = kit.tree()
    result = rehearsal.rehearse(kit.backend, rehearsal_backend, plan, [notebook])
    assert [cell.verdict for cell in result.cells] == [Verdict.SAME, Verdict.BROKEN]
    assert result.cells[1].before.text == "True"
    assert result.cells[1].after.error.startswith("AttributeError")
    assert {path: kit.disk[path] for path in kit.disk if path.is_relative_to("/fake")} == before


def test_third_run_happens_only_if_a_cell_differs(
    kit: FakeKit, rehearsal_backend: RehearsalBackend, runner: FakeNotebookRunner, tmp_path: Path
) -> None:
    plan = planning.plan_upgrade(kit.backend, "frostcall")
    rehearsal.rehearse(kit.backend, rehearsal_backend, plan, [write(tmp_path / "a.ipynb", "1")])
    assert runner.runs == [False, True]
    rehearsal.rehearse(kit.backend, rehearsal_backend, plan, [write(tmp_path / "b.ipynb", USE)])
    assert runner.runs[2:] == [False, True, False]


def test_flaky_cell_does_not_fail_the_rehearsal(
    kit: FakeKit, rehearsal_backend: RehearsalBackend, tmp_path: Path
) -> None:
    notebook = write(tmp_path / "a.ipynb", "import time; time.perf_counter_ns()")
    plan = planning.plan_upgrade(kit.backend, "frostcall")
    result = rehearsal.rehearse(kit.backend, rehearsal_backend, plan, [notebook])
    assert [cell.verdict for cell in result.cells] == [Verdict.FLAKY]
    assert result.passed


def test_environment_changed_during_rehearsal_raises_stale_plan(
    kit: FakeKit, rehearsal_backend: RehearsalBackend, tmp_path: Path
) -> None:
    """An installer in a cell, or another process, changes it."""
    other, done = planning.plan_upgrade(kit.backend, "seedshelf"), list[str]()

    def change(event: Event) -> None:
        if not done and event.text == "cell 1":
            done.append(apply_and_follow(kit.backend, other).id)

    plan = planning.plan_upgrade(kit.backend, "frostcall")
    notebook = write(tmp_path / "a.ipynb", "1")
    with pytest.raises(StalePlan, match="seedshelf"):
        rehearsal.rehearse(kit.backend, rehearsal_backend, plan, [notebook], report=change)


def test_plan_without_changes_runs_notebooks_once(
    kit: FakeKit, rehearsal_backend: RehearsalBackend, runner: FakeNotebookRunner, tmp_path: Path
) -> None:
    plan = planning.plan_upgrade(kit.backend, "beanpoles")
    result = rehearsal.rehearse(
        kit.backend, rehearsal_backend, plan, [write(tmp_path / "a.ipynb", "1")]
    )
    assert (result.passed, runner.runs) == (True, [False])


def test_uninstalled_package_cannot_be_imported_in_the_rehearsal(
    kit: FakeKit, rehearsal_backend: RehearsalBackend, tmp_path: Path
) -> None:
    plan = planning.plan_uninstall(kit.backend, "frostcall")
    result = rehearsal.rehearse(
        kit.backend, rehearsal_backend, plan, [write(tmp_path / "a.ipynb", USE)]
    )
    assert result.cells[0].after.error == "ModuleNotFoundError: No module named 'frostcall'"


def test_stale_plan_and_missing_notebook_are_refused(
    kit: FakeKit, rehearsal_backend: RehearsalBackend, runner: FakeNotebookRunner, tmp_path: Path
) -> None:
    plan = planning.plan_upgrade(kit.backend, "frostcall")
    with pytest.raises(InvalidRequest, match="No notebook was given"):
        rehearsal.rehearse(kit.backend, rehearsal_backend, plan, [])
    with pytest.raises(InvalidRequest, match="not a valid notebook"):
        rehearsal.rehearse(kit.backend, rehearsal_backend, plan, [tmp_path / "none.ipynb"])
    apply_and_follow(kit.backend, planning.plan_upgrade(kit.backend, "seedshelf"))
    with pytest.raises(StalePlan):
        rehearsal.rehearse(kit.backend, rehearsal_backend, plan, [write(tmp_path / "a.ipynb", "1")])
    assert runner.runs == []


def test_interrupt_cancels_the_rehearsal(
    kit: FakeKit, rehearsal_backend: RehearsalBackend, tmp_path: Path
) -> None:
    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt

    plan = planning.plan_upgrade(kit.backend, "frostcall")
    notebook = write(tmp_path / "a.ipynb", "1")
    with pytest.raises(Cancelled):
        rehearsal.rehearse(kit.backend, rehearsal_backend, plan, [notebook], report=interrupt)


# --- known good


def test_known_good_plan_returns_to_the_versions_of_a_clean_run(
    kit: FakeKit, rehearsal_backend: RehearsalBackend, tmp_path: Path
) -> None:
    notebook = write(tmp_path / "a.ipynb", USE)
    plan = planning.plan_upgrade(kit.backend, ["frostcall", "bedplanner"])
    rehearsal.rehearse(kit.backend, rehearsal_backend, plan, [notebook])
    before = kit.environment.distributions()
    apply_and_follow(kit.backend, plan)
    back = known_good.plan_known_good(kit.backend, rehearsal_backend, notebook)
    assert [str(change) for change in back.changes] == [
        "bedplanner 2.3.0 → 2.1.0",
        "frostcall 2.0.0 → 1.9.3",
        "sundrift 1.2.0 → 1.0.4",
    ]
    apply_and_follow(kit.backend, back)
    now = kit.environment.distributions()
    assert [str(distribution) for distribution in now] == [
        str(distribution) for distribution in before
    ]
    assert not known_good.plan_known_good(kit.backend, rehearsal_backend, notebook)


def test_notebook_that_never_ran_clean_has_no_known_good_plan(
    kit: FakeKit, rehearsal_backend: RehearsalBackend, tmp_path: Path
) -> None:
    notebook = write(tmp_path / "a.ipynb", "1 / 0")
    plan = planning.plan_upgrade(kit.backend, "frostcall")
    rehearsal.rehearse(kit.backend, rehearsal_backend, plan, [notebook])
    with pytest.raises(InvalidRequest, match="no rehearsal of it ran without an error"):
        known_good.plan_known_good(kit.backend, rehearsal_backend, notebook)


def test_known_good_plan_does_not_break_a_later_package(
    kit: FakeKit, rehearsal_backend: RehearsalBackend, tmp_path: Path
) -> None:
    """bedplanner was installed later and requires the newer sundrift."""
    notebook = write(tmp_path / "a.ipynb", "1")
    plan = planning.plan_uninstall(kit.backend, "bedplanner")
    apply_and_follow(kit.backend, plan)
    nothing = planning.plan_upgrade(kit.backend, "beanpoles")
    rehearsal.rehearse(kit.backend, rehearsal_backend, nothing, [notebook])
    apply_and_follow(kit.backend, planning.plan_install(kit.backend, "bedplanner>=2.3"))
    with pytest.raises(StillNeeded, match="bedplanner"):
        known_good.plan_known_good(kit.backend, rehearsal_backend, notebook)


def test_read_only_environment_refuses_the_known_good_plan(
    kit: FakeKit, rehearsal_backend: RehearsalBackend, tmp_path: Path
) -> None:
    notebook = write(tmp_path / "a.ipynb", "1")
    plan = planning.plan_upgrade(kit.backend, "frostcall")
    rehearsal.rehearse(kit.backend, rehearsal_backend, plan, [notebook])
    kit.environment.refused = "it is read-only"
    with pytest.raises(EnvironmentRefused, match="read-only"):
        known_good.plan_known_good(kit.backend, rehearsal_backend, notebook)
