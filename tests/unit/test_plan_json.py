"""A plan survives a round trip as text; a modified plan is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.core.kernels import Restart
from pkgwidgets.core.plan_json import (
    CHANGE,
    plan_from_json,
    plan_from_text,
    plan_to_json,
    plan_to_text,
)
from pkgwidgets.core.plans import Change, HeldBack, Plan

UPGRADE = Change(
    id=canonicalize_name("Compost_Log"),
    name="Compost_Log",
    before=Version("0.9"),
    after=Version("1!1.0rc1+wet.2"),
    wheel="compost_log-1!1.0rc1+wet.2-py3-none-any.whl",
    sha256="ab" * 32,
    size=12_400_000,
    hashes=("ab" * 32, "cd" * 32),
    requested=True,
    reason="",
)
REMOVAL = Change(
    id=canonicalize_name("pea"), name="pea", before=Version("1"), requested_after=False
)
NEW = Change(id=canonicalize_name("bean"), name="bean", after=Version("2"), reason="needed by pea")
HELD = HeldBack(
    id=canonicalize_name("Rain"),
    name="Rain",
    kept_version=Version("2.0"),
    latest=Version("3.1"),
    reason='"board" needs rain<3 → 🌧',
    how_to_unblock="3.1",
)
PLAN = Plan(
    requested=("compost-log",),
    changes=(UPGRADE, REMOVAL, NEW),
    held_back=(HELD, replace(HELD, latest=None, how_to_unblock="")),
    environment_fingerprint="0123456789abcdef",
    python=Path("/env with space/bin/python"),
    created=datetime(2026, 11, 2, 9, 30, 0, 123456, tzinfo=UTC),
    allow="all",
    commands=("uv pip install 'x'",),
    undoes="20261101T000000-abc",
    from_save_point=True,
    notes=("cell 1 of ☂.ipynb fails as it is, too",),
)
EMPTY = Plan(
    requested=("everything",),
    changes=(),
    environment_fingerprint="",
    python=Path("/env/bin/python"),
    created=datetime(2026, 11, 2, tzinfo=UTC),
)

Json = dict[str, Any]


@pytest.mark.parametrize("plan", [PLAN, EMPTY], ids=["full", "empty"])
def test_plan_survives_a_round_trip(plan: Plan) -> None:
    restored = plan_from_text(plan_to_text(plan))
    assert restored == plan
    assert restored.id == plan.id
    assert plan_to_text(restored) == plan_to_text(plan)


def test_plan_json_has_every_field_except_restart_and_kernels() -> None:
    plan = {*Plan.__dataclass_fields__, "environment"} - {"environment_fingerprint"}
    assert {*plan_to_json(PLAN)} == plan - {"restart", "kernels"}
    assert len(CHANGE.to_json(UPGRADE)) == len(Change.__dataclass_fields__) + 1  # and its kind
    assert len(plan_to_json(PLAN)["held_back"][0]) == len(HeldBack.__dataclass_fields__)


def test_restart_verdict_is_not_in_the_plan_text() -> None:
    verdict = replace(PLAN, restart=Restart(needed=True, loaded=("pea",)))
    assert plan_from_text(plan_to_text(verdict)) == PLAN


@pytest.mark.parametrize(
    ("change", "kind"), [(UPGRADE, "upgrade"), (REMOVAL, "remove"), (NEW, "install")]
)
def test_change_json_has_its_kind(change: Change, kind: str) -> None:
    assert CHANGE.to_json(change)["kind"] == kind


def test_plan_text_is_ascii_json() -> None:
    text = plan_to_text(PLAN)
    assert text.isascii()
    assert json.loads(text) == plan_to_json(PLAN)


# --- the id


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAN, requested=()),
        replace(PLAN, held_back=()),
        replace(PLAN, created=datetime(2026, 1, 1, tzinfo=UTC)),
        replace(PLAN, commands=()),
        replace(PLAN, notes=()),
        replace(PLAN, allow="self"),
        replace(PLAN, restart=Restart(needed=False)),
        replace(PLAN, changes=(replace(UPGRADE, reason="why not", size=None), REMOVAL, NEW)),
    ],
)
def test_plan_id_depends_only_on_the_changes(other: Plan) -> None:
    assert other.id == PLAN.id
    assert plan_from_text(plan_to_text(other)) == replace(other, restart=None)


def changed(position: int, **facts: Any) -> Callable[[Json], object]:
    return lambda data: data["changes"][position].update(facts)


TAMPERED: dict[str, Callable[[Json], object]] = {
    "another id": lambda data: data.update(id="0" * 16),
    "no id": lambda data: data.pop("id"),
    "another environment": lambda data: data.update(environment="x"),
    "another interpreter": lambda data: data.update(python="/usr/bin/python"),
    "undoes another": lambda data: data.update(undoes="x"),
    "undoes nothing": lambda data: data.update(undoes=None),
    "from the network": lambda data: data.update(from_save_point=False),
    "one change less": lambda data: data["changes"].pop(),
    "one change twice": lambda data: data["changes"].append(data["changes"][0]),
    "another order": lambda data: data["changes"].reverse(),
    "another name": changed(0, id="compost"),
    "another version before": changed(0, before="0.8"),
    "another version": changed(0, after="1!1.0"),
    "a removal": changed(0, after=None),
    "another wheel": changed(0, wheel="x-1-py3-none-any.whl"),
    "another hash": changed(0, sha256="00" * 32),
    "no hash": changed(0, sha256=None),
    "one more hash": changed(0, hashes=["ab" * 32, "cd" * 32, "00" * 32]),
    "no hashes": changed(0, hashes=[]),
    "another mark": changed(0, marked=False),
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED.keys())
def test_modified_plan_is_refused(tamper: Callable[[Json], object]) -> None:
    data = plan_to_json(PLAN)
    tamper(data)
    with pytest.raises(ValueError, match="the plan's id is not the hash of its changes"):
        plan_from_json(data)


# --- invalid plans


@pytest.mark.parametrize(
    "missing", sorted(plan_to_json(PLAN).keys() - {"id", "notes", "holds", "project"})
)
def test_plan_with_a_missing_field_is_refused(missing: str) -> None:
    data = plan_to_json(PLAN)
    del data[missing]
    with pytest.raises(ValueError, match=f"not a plan: .*`{missing}`"):
        plan_from_json(data)


def test_plan_of_an_older_version_changes_no_project() -> None:
    data = plan_to_json(PLAN)
    del data["project"]
    assert plan_from_json(data) == replace(PLAN, project=None)


def test_plan_without_notes_is_read_with_empty_notes() -> None:
    data = plan_to_json(PLAN)
    del data["notes"]
    assert plan_from_json(data) == replace(PLAN, notes=())


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("changes", None),
        ("changes", [None]),
        ("changes", ["x"]),
        ("changes", [{}]),
        ("held_back", [{}]),
        ("held_back", 1),
        ("created", "yesterday"),
        ("created", 5),
        ("python", None),
        ("requested", None),
        ("commands", 1),
    ],
)
def test_plan_with_a_field_of_a_wrong_type_is_refused(part: str, value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        plan_from_json({**plan_to_json(PLAN), part: value})


@pytest.mark.parametrize("version", ["latest", "", 1, [], "1" * 5000])
def test_change_with_an_invalid_version_is_refused(version: object) -> None:
    data = plan_to_json(PLAN)
    data["changes"][0]["after"] = version
    with pytest.raises(ValueError, match=r".+"):
        plan_from_json(data)


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "{}", "1", '"plan"', "NaN", "\x00", "[" * 100_000, '{"a":' * 100_000],
    ids=lambda text: text[:8],
)
def test_invalid_plan_text_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        plan_from_text(text)


def test_truncated_plan_text_is_refused() -> None:
    text = plan_to_text(PLAN)
    for end in range(0, len(text), 97):
        with pytest.raises(ValueError, match=r".+"):
            plan_from_text(text[:end])
