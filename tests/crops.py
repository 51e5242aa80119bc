"""What the tests of the search for culprits share: projects that break cells, and notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fakes import FakeEnvironment, FakeKit
from scratch_notebooks import FakeKnownGood, FakeScratch

from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import culprit_search

MOST = 8
"""Of so many packages the double of the resolver tries all combinations."""


def field(*wheels: BuiltWheel) -> FakeKit:
    """An environment with the 1.0.0 of each, and an index with all."""
    installed = [f"{wheel.name}=={wheel.version}" for wheel in wheels if wheel.version[0] == "1"]
    return FakeKit(FakeEnvironment({}), wheels, installed)


def examined(kit: FakeKit, *notebooks: Path) -> culprit_search.CulpritSearchResult:
    stand = RehearsalBackend(FakeScratch(kit.environment), FakeKnownGood())
    return culprit_search.find_culprits(kit.backend, stand, notebooks)


def counting(*numbers: int) -> list[str]:
    """One cell for each."""
    return [f"import crop{number}\ncrop{number}.count()" for number in numbers]


def tossing(tosses: Path, outcomes: Iterable[bool]) -> str:
    """Return a cell that fails where the next outcome says so, however often it is run."""
    tosses.write_text("".join("x" if fails else "." for fails in outcomes))
    return (
        f"from pathlib import Path\ntosses = Path({str(tosses)!r})\ntext = tosses.read_text()\n"
        "x = tosses.write_text(text[1:])\nif text[:1] == 'x':\n    raise RuntimeError('by chance')"
    )
