"""An error that is told to another process is raised there as it was here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pkgwidgets.core.error_json import error_from_json, error_to_json
from pkgwidgets.core.errors import (
    ApplierFailed,
    Cancelled,
    DiskFailed,
    EnvironmentBusy,
    EnvironmentRefused,
    IndexUnavailable,
    InstallerUnavailable,
    InstallFailed,
    InvalidRequest,
    PackageNotFound,
    PkgwidgetsError,
    PlanImpossible,
    ProjectNotFound,
    ResolutionFailed,
    RollbackFailed,
    StageFailed,
    StalePlan,
    StillNeeded,
    TooLate,
    TransactionError,
    VerificationFailed,
)

TOLD = [
    PkgwidgetsError(),
    InvalidRequest("name", "a b", "it holds a space"),
    InvalidRequest("name", 3),
    PackageNotFound("pea"),
    ProjectNotFound("pea", "http://h/simple/"),
    IndexUnavailable("http://h/simple/", "it answered 503"),
    EnvironmentRefused(Path("/usr/bin/python"), "/usr is read-only"),
    EnvironmentBusy("root in a kernel (process 7)"),
    InstallerUnavailable(("the uv package", "PATH")),
    PlanImpossible(("pea", "bean"), "bean needs pea<1."),
    ResolutionFailed("no route"),
    StillNeeded(("pea",), ("bean",)),
    TransactionError("t"),
    StalePlan("t", ("pea is 2, not 1", "bean is 1, not absent")),
    StageFailed("t", ("pea fails: x",)),
    InstallFailed("t", ("uv", "pip"), -9, "no space \N{BULLET} left\n"),
    VerificationFailed("t", ()),
    Cancelled("t"),
    TooLate("t"),
    ApplierFailed("t", "it was cut off"),
    DiskFailed("t", "/env/.pkgwidgets/open", "no space left on device"),
    RollbackFailed("t", ("/a: no space",), "/env/.pkgwidgets/txn/t"),
]


def kinds(root: type[PkgwidgetsError] = PkgwidgetsError) -> set[type[PkgwidgetsError]]:
    branches = [kind for kind in root.__subclasses__() if kind.__module__ == root.__module__]
    return {root}.union(*map(kinds, branches))


def test_every_kind_is_told_here() -> None:
    assert {type(error) for error in TOLD} == kinds()


@pytest.mark.parametrize("error", TOLD, ids=lambda error: type(error).__name__)
def test_it_is_the_same_on_the_other_side(error: PkgwidgetsError) -> None:
    again = error_from_json(json.loads(json.dumps(error_to_json(error))))
    assert type(again) is type(error)
    assert again.facts == error.facts
    assert {name: type(fact) for name, fact in again.facts.items()} == {
        name: type(fact) for name, fact in error.facts.items()
    }
    assert (str(again), again.hint) == (str(error), error.hint)


def test_what_json_does_not_know_is_told_as_it_is_shown() -> None:
    again = error_from_json(json.loads(json.dumps(error_to_json(InvalidRequest("plan", {1, 2})))))
    assert again.facts == {"field": "plan", "value": "{1, 2}", "reason": ""}


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"code": "of a later version", "name": "pea"},
        {"code": ["package-not-found"], "name": "pea"},
        {"code": "package-not-found"},
        {"code": "package-not-found", "name": "pea", "more": 1},
        {"code": "package-not-found", "name": None},
        {"code": "still-needed", "names": "pea", "needed_by": []},
        {"code": "still-needed", "names": [1], "needed_by": []},
        {"code": "install-failed", "transaction": "t", "argv": [], "returncode": "1", "output": ""},
    ],
)
def test_what_is_no_error_of_ours_is_not_made_into_one(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"code|facts|expected"):
        error_from_json(facts)
