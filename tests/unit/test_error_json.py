"""Errors survive the way to another process as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from error_examples import EXAMPLES, error_types

from pkgwidgets.core.error_json import error_from_json, error_to_json
from pkgwidgets.core.errors import (
    EnvironmentRefused,
    InvalidRequest,
    PkgwidgetsError,
    PlanImpossible,
    TransactionError,
    VerificationFailed,
)

TOLD = [
    PkgwidgetsError(),
    TransactionError("t"),
    VerificationFailed("t", ()),
    *(error for error, _, _ in EXAMPLES),
]


def test_error_examples_cover_every_class() -> None:
    assert {type(error) for error in TOLD} == {*error_types()}


@pytest.mark.parametrize("error", TOLD, ids=lambda error: type(error).__name__)
def test_error_survives_a_json_round_trip(error: PkgwidgetsError) -> None:
    again = error_from_json(json.loads(json.dumps(error_to_json(error))))
    assert type(again) is type(error)
    assert again.facts == error.facts
    assert {name: type(fact) for name, fact in again.facts.items()} == {
        name: type(fact) for name, fact in error.facts.items()
    }
    assert (str(again), again.hint) == (str(error), error.hint)


@pytest.mark.parametrize(
    ("with_default", "with_value"),
    [
        (
            EnvironmentRefused(Path("/bin/python"), "read-only"),
            EnvironmentRefused(Path("/bin/python"), "read-only", usable=False),
        ),
        (PlanImpossible(("pea",), "no"), PlanImpossible(("pea",), "no", ("bean",))),
        (
            InvalidRequest("transaction", "t", "no"),
            InvalidRequest("transaction", "t", "no", (), ("pea",)),
        ),
    ],
    ids=["usable", "blockers", "undo"],
)
def test_later_added_field_is_written_only_if_it_differs_from_its_default(
    with_default: PkgwidgetsError, with_value: PkgwidgetsError
) -> None:
    """Older journals lack the field, and an older pkgwidgets refuses unknown keys."""
    old, new = error_to_json(with_default), error_to_json(with_value)
    assert len(new) == len(old) + 1
    assert error_from_json(old).facts == with_default.facts
    assert error_from_json(new).facts == with_value.facts


def test_value_without_json_form_is_sent_as_its_repr() -> None:
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
        {"code": "environment-refused", "python": "/x", "reason": "y", "usable": "no"},
        {"code": "plan-impossible", "requirements": [], "explanation": "x", "blockers": "pea"},
        {"code": "invalid-request", "field": "name", "value": "x"},
        {"code": "still-needed", "names": "pea", "needed_by": []},
        {"code": "still-needed", "names": [1], "needed_by": []},
        {"code": "install-failed", "transaction": "t", "argv": [], "returncode": "1", "output": ""},
        ["package-not-found"],
        "package-not-found",
        None,
    ],
)
def test_invalid_error_json_is_refused(facts: object) -> None:
    with pytest.raises(ValueError, match=r"code|facts|expected"):
        error_from_json(facts)
