"""The routes of copies: plan, make, list and remove one."""

from __future__ import annotations

import pytest
from server.client import Ask


@pytest.fixture(autouse=True)
def _own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


async def test_copy_is_planned_made_listed_and_removed(ask: Ask) -> None:
    body = {"name": "spring", "only": ["seedshelf"]}
    planned = await ask("POST", "environments", {**body, "plan_only": True})
    assert planned.status == 200
    assert planned.json["environment"] is None
    assert planned.json["copy_plan"]["packages"] == [{"name": "seedshelf", "version": "1.4.1"}]
    assert (await ask("GET", "environments")).json["environments"] == []
    made = await ask("POST", "environments", body)
    assert made.json["environment"]["packages"] == 1
    listed = (await ask("GET", "environments")).json["environments"]
    assert listed == [made.json["environment"]]
    removed = await ask("DELETE", "environments/spring")
    assert removed.json["environment"] == listed[0]
    again = await ask("DELETE", "environments/spring")
    assert (again.status, again.code) == (422, "invalid-request")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "../x"},
        {"name": "spring", "python": "/usr/bin/python3"},
        {"name": "spring", "python": "--help"},
        {"name": "spring", "only": []},
        {"name": "spring", "only": [3]},
        {"name": "spring", "plan_only": "yes"},
        {"name": "spring", "folder": "/tmp"},
    ],
)
async def test_invalid_request_for_a_copy_is_refused(ask: Ask, body: object) -> None:
    answer = await ask("POST", "environments", body)
    assert (answer.status, answer.code) == (422, "invalid-request")
