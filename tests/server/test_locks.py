"""The routes of locks: compare with one, and plan and apply a return to it."""

from __future__ import annotations

import pytest
from server.client import Ask

LOCK = "seedshelf==1.4.2\nbeanpoles==1.1.0\n"


async def test_drift_from_a_lock_is_listed(ask: Ask) -> None:
    answer = await ask("POST", "drift", {"text": LOCK})
    assert answer.status == 200
    assert answer.json["locked"] == 2
    rows = {row["name"]: row for row in answer.json["drift"]}
    assert rows["seedshelf"] == {
        "name": "seedshelf",
        "locked": "1.4.2",
        "installed": "1.4.1",
        "difference": "other version",
    }
    assert rows["raintable"]["difference"] == "not in the lock"
    assert "beanpoles" not in rows


async def test_plan_for_a_lock_is_applied_by_its_id(ask: Ask) -> None:
    plan = (await ask("POST", "plans", {"restore": {"text": LOCK}})).json["plan"]
    assert [change["id"] for change in plan["changes"]] == ["seedshelf"]
    done = await ask("PUT", "packages/restore", {"plan": plan["id"]})
    assert done.status == 200
    assert [result["success"] for result in done.json["results"]] == [True]
    again = await ask("PUT", "packages/restore", {"plan": plan["id"]})
    assert again.status == 404


@pytest.mark.parametrize(
    "body",
    [
        {"restore": "pylock.toml"},
        {"restore": {}},
        {"restore": {"path": "/etc/passwd"}},
        {"restore": {"text": LOCK, "as_of": "2026-01-01"}},
        {"restore": {"text": 3}},
        {"restore": {"as_of": "yesterday"}},
    ],
)
async def test_invalid_request_for_a_lock_is_refused(ask: Ask, body: object) -> None:
    answer = await ask("POST", "plans", body)
    assert (answer.status, answer.code) == (422, "invalid-request")


@pytest.mark.parametrize("route", ["plans", "drift"])
async def test_hostile_lock_is_one_error(ask: Ask, route: str) -> None:
    lock = {"text": "--index-url http://evil.example\n"}
    answer = await ask("POST", route, lock if route == "drift" else {"restore": lock})
    assert (answer.status, answer.code) == (422, "lock-unreadable")
