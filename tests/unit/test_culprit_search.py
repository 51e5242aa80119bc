"""The culprit search holds back the upgrades that break notebooks, and no others."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, log2
from pathlib import Path

import pytest
from culprit_cases import (
    MAX_PACKAGES,
    counting_cells,
    kit_with,
    randomly_failing_cell,
    search_culprits,
)
from fakes import FakeEnvironment, FakeKit
from scratch_notebooks import FakeKnownGood, FakeNotebookRunner, crops, write

from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend
from pkgwidgets.core.errors import NotebookUntried
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import culprit_search


def majors(count: int) -> list[BuiltWheel]:
    """Return wheels like those of `crops`, all good; each module holds its major version."""
    return [
        BuiltWheel(
            name=f"crop{number}",
            version=f"{major}.0.0",
            files={f"crop{number}.py": f"major = {major}\n"},
        )
        for number in range(1, count + 1)
        for major in (1, 2)
    ]


def test_one_rehearsal_suffices_without_culprits(tmp_path: Path) -> None:
    result = search_culprits(
        kit_with(*crops(4)), write(tmp_path / "a.ipynb", *counting_cells(1, 2))
    )
    assert (result.rehearsals, result.culprits) == (1, {})
    assert len(result.plan.changes) == 4


@pytest.mark.parametrize("bad", range(1, MAX_PACKAGES + 1))
def test_one_culprit_is_found_and_held_back(bad: int, tmp_path: Path) -> None:
    kit = kit_with(*crops(MAX_PACKAGES, [bad]))
    result = search_culprits(
        kit, write(tmp_path / "a.ipynb", *counting_cells(*range(1, MAX_PACKAGES + 1)))
    )
    assert list(result.culprits) == [f"crop{bad}"]
    assert result.rehearsals <= 2 + log2(MAX_PACKAGES)
    assert f"crop{bad}" not in {change.id for change in result.plan.changes}
    assert len(result.plan.changes) == MAX_PACKAGES - 1
    (held_back,) = result.plan.held_back
    assert str(held_back).startswith(
        f"crop{bad} 1.0.0, not 2.0.0: it breaks cell {bad} of a.ipynb (ZeroDivisionError: "
    )


@pytest.mark.parametrize("bad", [(1, 2), (1, 8), (4, 5), (7, 8), (3, 6)])
def test_two_culprits_in_separate_cells_are_found(bad: tuple[int, int], tmp_path: Path) -> None:
    kit = kit_with(*crops(MAX_PACKAGES, bad))
    result = search_culprits(
        kit, write(tmp_path / "a.ipynb", *counting_cells(*range(1, MAX_PACKAGES + 1)))
    )
    assert sorted(result.culprits) == [f"crop{number}" for number in bad]
    assert result.rehearsals <= 2 + 2 * log2(MAX_PACKAGES)


@pytest.mark.parametrize("bad", [(1, 2), (1, 8), (4, 5), (7, 8), (3, 6)])
def test_culprit_hidden_behind_another_is_found(bad: tuple[int, int], tmp_path: Path) -> None:
    kit = kit_with(*crops(MAX_PACKAGES, bad))
    whole = "\n".join(counting_cells(*range(1, MAX_PACKAGES + 1)))
    result = search_culprits(kit, write(tmp_path / "a.ipynb", whole))
    assert sorted(result.culprits) == [f"crop{number}" for number in bad]
    assert result.rehearsals <= 3 + 2 * ceil(log2(MAX_PACKAGES))


def test_follow_up_failures_are_attributed_to_the_same_culprit(tmp_path: Path) -> None:
    kit = kit_with(*crops(4, [3]))
    cells = ["import crop3\nn = crop3.count()", "n + 1", "n + 2"]
    assert list(search_culprits(kit, write(tmp_path / "a.ipynb", *cells)).culprits) == ["crop3"]


def test_culprits_of_several_notebooks_are_found(tmp_path: Path) -> None:
    kit = kit_with(*crops(4, [2, 4]))
    first = write(tmp_path / "a.ipynb", *counting_cells(2))
    second = write(tmp_path / "b.ipynb", *counting_cells(4))
    result = search_culprits(kit, first, second)
    cells = {name: cell.place for name, cell in result.culprits.items() if cell}
    assert cells == {"crop2": "cell 1 of a.ipynb", "crop4": "cell 1 of b.ipynb"}


def test_dependents_of_the_culprit_are_held_back_too(tmp_path: Path) -> None:
    """The resolver holds crop1 back with crop4, which it requires; crop1 is no culprit."""
    kit = kit_with(*crops(4, [4], crop1=("crop4>=2",)))
    result = search_culprits(kit, write(tmp_path / "a.ipynb", *counting_cells(1, 2, 3, 4)))
    assert list(result.culprits) == ["crop4"]
    assert [change.id for change in result.plan.changes] == ["crop2", "crop3"]


def test_culprit_that_needs_another_upgrade_is_held_back_alone(tmp_path: Path) -> None:
    """crop4 comes before crop1, which requires it, so that every rehearsed plan is possible."""
    kit = kit_with(*crops(4, [1], crop1=("crop4>=2",)))
    result = search_culprits(kit, write(tmp_path / "a.ipynb", *counting_cells(1, 2, 3, 4)))
    assert list(result.culprits) == ["crop1"]
    assert [change.id for change in result.plan.changes] == ["crop2", "crop3", "crop4"]


def test_upgrade_that_fails_to_import_is_held_back_without_rehearsal(tmp_path: Path) -> None:
    broken = BuiltWheel(name="crop3", version="2.0.0", files={"crop3.py": "raise ImportError\n"})
    wheels = [w for w in crops(3) if w.filename != broken.filename]
    result = search_culprits(
        kit_with(*wheels, broken), write(tmp_path / "a.ipynb", *counting_cells(1))
    )
    assert (result.rehearsals, result.culprits) == (1, {"crop3": None})
    assert "cannot be imported" in result.plan.held_back[0].reason


def test_cell_that_fails_already_refuses_the_plan(tmp_path: Path) -> None:
    notebook = write(tmp_path / "a.ipynb", "1 / 0", *counting_cells(1))
    with pytest.raises(NotebookUntried) as caught:
        search_culprits(kit_with(*crops(3)), notebook)
    assert caught.value.cells == ("cell 1 of a.ipynb (ZeroDivisionError: division by zero)",)


def test_cell_that_fails_already_refuses_no_plan_without_changes(tmp_path: Path) -> None:
    wheels = [wheel for wheel in crops(3) if wheel.version[0] == "1"]
    result = search_culprits(kit_with(*wheels), write(tmp_path / "a.ipynb", "1 / 0"))
    assert (result.plan.changes, result.culprits) == ((), {})


def test_cell_that_fails_already_holds_nothing_back_if_that_is_allowed(tmp_path: Path) -> None:
    result = search_culprits(
        kit_with(*crops(3)),
        write(tmp_path / "a.ipynb", "1 / 0", *counting_cells(1)),
        allow_untried=True,
    )
    assert (result.rehearsals, result.culprits) == (1, {})
    assert result.plan.notes == (
        "Cell 1 of a.ipynb fails with the current versions, too, so no upgrade is held back for it",
    )


def test_plan_is_empty_if_every_upgrade_breaks_a_cell(tmp_path: Path) -> None:
    kit = kit_with(*crops(3, [1, 2, 3]))
    result = search_culprits(kit, write(tmp_path / "a.ipynb", *counting_cells(1, 2, 3)))
    assert not result.plan
    assert sorted(result.culprits) == ["crop1", "crop2", "crop3"]


def test_package_with_a_breaking_new_dependency_is_held_back(tmp_path: Path) -> None:
    """The breaking package is new: the package that requires it is held back."""
    rival = BuiltWheel(name="rival", version="1.0.0", files={"rival.py": "x = 1\n"})
    wheels = [*crops(2, (), crop2=("rival",))]
    kit = FakeKit(FakeEnvironment({}), [*wheels, rival], ["crop1==1.0.0", "crop2==1.0.0"])
    cell = "try:\n    import rival\n    found = 1\nexcept ImportError:\n    found = 0\nprint(found)"
    result = search_culprits(kit, write(tmp_path / "a.ipynb", cell))
    assert "crop2" in result.culprits
    assert "rival" not in {change.id for change in result.plan.changes}


def test_each_culprit_of_a_cell_is_reported_with_its_own_error(tmp_path: Path) -> None:
    kit = kit_with(*crops(2, [1, 2]))
    second_first = (
        "import crop1, crop2\ntry:\n    crop2.count()\n"
        "except ZeroDivisionError:\n    raise ValueError('two')\ncrop1.count()"
    )
    result = search_culprits(kit, write(tmp_path / "a.ipynb", second_first))
    reasons = {held_back.name: held_back.reason for held_back in result.plan.held_back}
    assert "ZeroDivisionError" in reasons["crop1"]
    assert "ValueError: two" in reasons["crop2"]


@pytest.mark.parametrize("pair", [(1, 2), (1, 8), (4, 5), (3, 6), (7, 8)])
def test_one_of_two_jointly_breaking_upgrades_is_held_back(
    pair: tuple[int, int], tmp_path: Path
) -> None:
    """Either alone breaks nothing, so it suffices to hold the second one back."""
    one, other = pair
    kit = kit_with(*majors(MAX_PACKAGES))
    both = f"import crop{one}, crop{other}\nx = 1 // (4 - crop{one}.major - crop{other}.major)"
    result = search_culprits(kit, write(tmp_path / "a.ipynb", "1", both, "2"))
    assert list(result.culprits) == [f"crop{other}"]
    assert [str(held_back) for held_back in result.plan.held_back] == [
        f"crop{other} 1.0.0, not 2.0.0: it breaks cell 2 of a.ipynb "
        "(ZeroDivisionError: integer division or modulo by zero)"
    ]
    upgraded = {change.id for change in result.plan.changes}
    assert upgraded == {f"crop{n}" for n in range(1, MAX_PACKAGES + 1) if n != other}
    assert result.rehearsal.passed
    assert result.rehearsals <= 2 + ceil(log2(MAX_PACKAGES))


def test_one_of_each_jointly_breaking_pair_is_held_back(tmp_path: Path) -> None:
    kit = kit_with(*majors(MAX_PACKAGES))
    cells = [
        f"import crop{one}, crop{other}\nx = 1 // (4 - crop{one}.major - crop{other}.major)"
        for one, other in ((1, 6), (3, 4))
    ]
    result = search_culprits(kit, write(tmp_path / "a.ipynb", *cells))
    cell = {name: cell.number for name, cell in result.culprits.items() if cell}
    assert cell == {"crop6": 1, "crop4": 2}
    assert len(result.plan.changes) == MAX_PACKAGES - 2
    assert result.rehearsals <= 2 + ceil(log2(MAX_PACKAGES)) * 2


def roots(*needs: tuple[str, ...]) -> list[BuiltWheel]:
    """Return a bad `root` 2, and `crop2` 1 and 2 with these requirements on it."""
    root = "def depth():\n    return 1 // {by}\n"
    return [
        *(
            BuiltWheel(
                name="root", version=f"{n}.0.0", files={"root.py": root.format(by=1 - n // 2)}
            )
            for n in (1, 2)
        ),
        *(
            replace(wheel, requires=needs[int(wheel.version[0]) - 1])
            for wheel in crops(2)
            if wheel.name == "crop2"
        ),
    ]


def test_culprit_that_comes_with_another_upgrade_is_held_back_alone(tmp_path: Path) -> None:
    """The old crop2 forbids the new root; the new one accepts both."""
    others = [wheel for wheel in crops(4) if wheel.name != "crop2"]
    kit = kit_with(*roots(("root<2",), ("root",)), *others)
    result = search_culprits(
        kit, write(tmp_path / "a.ipynb", *counting_cells(1, 2), "import root\nroot.depth()")
    )
    assert list(result.culprits) == ["root"]
    (held_back,) = result.plan.held_back
    assert held_back.reason.startswith("it breaks cell 3 of a.ipynb (ZeroDivisionError: ")
    upgraded = [change.id for change in result.plan.changes]
    assert upgraded == ["crop1", "crop2", "crop3", "crop4"]
    assert result.rehearsals <= 2 + ceil(log2(5))


def test_mutually_required_culprits_are_both_held_back_and_named(tmp_path: Path) -> None:
    others = [wheel for wheel in crops(4) if wheel.name != "crop2"]
    kit = kit_with(*roots(("root<2",), ("root>=2",)), *others)
    result = search_culprits(
        kit, write(tmp_path / "a.ipynb", *counting_cells(1, 2), "import root\nroot.depth()")
    )
    assert sorted(result.culprits) == ["crop2", "root"]
    reasons = {held_back.name: held_back.reason for held_back in result.plan.held_back}
    assert reasons["root"].startswith("it breaks cell 3 of a.ipynb (ZeroDivisionError: ")
    assert reasons["root"].endswith("). It must change together with crop2 2.0.0")
    assert reasons["crop2"].endswith("). It must change together with root 2.0.0")
    assert [change.id for change in result.plan.changes] == ["crop1", "crop3", "crop4"]
    assert result.rehearsals <= 2 + ceil(log2(4))


# --- random cells


def test_random_output_holds_nothing_back_and_is_noted(tmp_path: Path) -> None:
    kit = kit_with(*crops(4, [3]))
    notebook = write(
        tmp_path / "a.ipynb", "import random\nrandom.random()", *counting_cells(1, 2, 3)
    )
    result = search_culprits(kit, notebook)
    assert list(result.culprits) == ["crop3"]
    assert result.plan.notes == (
        "Cell 1 of a.ipynb does not behave the same in each run, so no upgrade is held back for it",
    )
    assert result.plan.notes[0] in str(result.plan)


def test_repeated_cell_run_is_reported_once(tmp_path: Path) -> None:
    kit, texts = kit_with(*crops(2, [2])), list[str]()
    rehearsal_backend = RehearsalBackend(FakeNotebookRunner(kit.environment), FakeKnownGood())
    notebook = write(tmp_path / "a.ipynb", *counting_cells(1, 2))
    culprit_search.find_culprits(
        kit.backend, rehearsal_backend, [notebook], report=lambda event: texts.append(event.text)
    )
    assert texts.count("cell 2, again") == 1


@pytest.mark.parametrize("outcomes", [".x", ".x.", ".x....."])
def test_error_that_only_the_new_versions_raise_holds_something_back(
    outcomes: str, tmp_path: Path
) -> None:
    """Even if it does not recur: what breaks a notebook now and then is not to be applied."""
    kit = kit_with(*crops(3))
    cell = randomly_failing_cell(tmp_path / "tosses", (outcome == "x" for outcome in outcomes))
    result = search_culprits(kit, write(tmp_path / "a.ipynb", cell, *counting_cells(1, 2, 3)))
    assert len(result.culprits) == 1
    assert result.rehearsal.regressions == ()


@pytest.mark.parametrize("outcomes", ["x", "xx", ".xx", ".x..x", ".x...x"])
def test_random_failure_holds_nothing_back(outcomes: str, tmp_path: Path) -> None:
    """The runs alternate: without the plan, with it, without it, with it."""
    kit = kit_with(*crops(MAX_PACKAGES))
    cell = randomly_failing_cell(tmp_path / "tosses", (outcome == "x" for outcome in outcomes))
    result = search_culprits(
        kit, write(tmp_path / "a.ipynb", cell, *counting_cells(*range(1, MAX_PACKAGES + 1)))
    )
    assert result.culprits == {}
    assert len(result.plan.changes) == MAX_PACKAGES
    assert result.rehearsals == 1
    if outcomes != "x":  # which was an error that it had before
        (note,) = result.plan.notes
        assert note.startswith("Cell 1 of a.ipynb ")
