"""Shared by tests of the culprit search: kits, notebooks and cells."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fakes import FakeEnvironment, FakeKit
from scratch_notebooks import FakeKnownGood, FakeNotebookRunner

from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import culprit_search

MAX_PACKAGES = 8
"""The number of packages for which the fake resolver tries all combinations."""


def kit_with(*wheels: BuiltWheel) -> FakeKit:
    """Return a kit with version 1.0.0 of each installed, and all on the index."""
    installed = [f"{wheel.name}=={wheel.version}" for wheel in wheels if wheel.version[0] == "1"]
    return FakeKit(FakeEnvironment({}), wheels, installed)


def search_culprits(
    kit: FakeKit, *notebooks: Path, allow_untried: bool = False
) -> culprit_search.CulpritSearchResult:
    rehearsal_backend = RehearsalBackend(FakeNotebookRunner(kit.environment), FakeKnownGood())
    return culprit_search.find_culprits(
        kit.backend, rehearsal_backend, notebooks, allow_untried=allow_untried
    )


def counting_cells(*numbers: int) -> list[str]:
    """Return one cell for each number."""
    return [f"import crop{number}\ncrop{number}.count()" for number in numbers]


def randomly_failing_cell(tosses: Path, outcomes: Iterable[bool]) -> str:
    """Return a cell whose runs fail according to these outcomes, one after the other."""
    tosses.write_text("".join("x" if fails else "." for fails in outcomes))
    return (
        f"from pathlib import Path\ntosses = Path({str(tosses)!r})\ntext = tosses.read_text()\n"
        "x = tosses.write_text(text[1:])\nif text[:1] == 'x':\n    raise RuntimeError('by chance')"
    )
