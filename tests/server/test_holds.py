"""Holds over REST: list, hold, release; with the user, the history and the minimum age."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from server.client import Ask

from pkgwidgets.demo import Demo

TOMORROW = str(datetime.now().astimezone().date() + timedelta(days=1))


@pytest.fixture(autouse=True)
def _no_settings(default_garden: Demo) -> None:
    (default_garden.folder / "env" / "pkgwidgets.toml").unlink(missing_ok=True)


async def own_holds(ask: Ask) -> list[dict[str, Any]]:
    holds = (await ask("GET", "holds")).json["holds"]
    return [hold for hold in holds if hold["source"] == "pkgwidgets.toml"]


async def test_hold_limits_plans_until_it_is_removed(ask: Ask) -> None:
    free = (await ask("POST", "plans", {"upgrade": "all"})).json["plan"]["changes"]
    body = {"versions": "<2.4", "reason": "charts.ipynb", "until": TOMORROW}
    done = await ask("PUT", "holds/RainTable", body)
    assert (done.status, done.json["transaction"]["outcome"]) == (200, "committed")
    (change,) = done.json["transaction"]["holds"]
    assert (change["name"], change["versions"], change["before"]) == ("raintable", "<2.4", "")
    (hold,) = await own_holds(ask)
    user = done.json["transaction"]["requested_by"]
    assert user
    facts = {key: hold[key] for key in ("name", "versions", "reason", "until", "by", "active")}
    assert facts == {**body, "name": "raintable", "by": user, "active": True}
    assert hold["since"].endswith(("Z", "+00:00"))
    held = (await ask("POST", "plans", {"upgrade": "all"})).json["plan"]["changes"]
    assert {c["id"] for c in free} - {c["id"] for c in held} == {"raintable"}
    removed = await ask("DELETE", "holds/raintable")
    assert removed.json["transaction"]["holds"][0]["after"] == ""
    assert await own_holds(ask) == []


async def test_hold_without_versions_keeps_the_installed_one(ask: Ask) -> None:
    await ask("PUT", "holds/seedshelf")
    (hold,) = await own_holds(ask)
    assert (hold["versions"], hold["reason"], hold["until"]) == ("==1.4.1", "", None)
    again = await ask("PUT", "holds/seedshelf")
    assert (again.status, again.json["transaction"]["id"]) == (200, None)
    assert (await ask("PUT", "holds/nowhere")).code == "package-not-found"


async def test_one_of_two_holds_can_be_removed_and_the_change_undone(ask: Ask) -> None:
    for versions in ("<3", "!=2.4.0"):
        await ask("PUT", "holds/raintable", {"versions": versions})
    removed = await ask("DELETE", "holds/raintable", {"versions": "!=2.4.0"})
    assert [hold["versions"] for hold in await own_holds(ask)] == ["<3"]
    undone = await ask("POST", f"transactions/{removed.json['transaction']['id']}/undo", {})
    assert undone.status == 200
    assert [hold["versions"] for hold in await own_holds(ask)] == ["<3", "!=2.4.0"]
    assert (await ask("DELETE", "holds/seedshelf")).code == "invalid-request"


async def test_hold_can_be_followed(ask: Ask) -> None:
    answer = await ask("PUT", "holds/seedshelf", {}, headers={"Prefer": "respond-async"})
    assert (answer.status, "transactions/" in answer.headers["Location"]) == (202, True)
    transaction = answer.json["transaction"]["id"]
    followed = await ask(
        "GET", f"transactions/{transaction}", headers={"Accept": "application/json"}
    )
    assert followed.json["transaction"]["id"] == transaction


@pytest.mark.parametrize(
    "body",
    [
        {"versions": "newest"},
        {"versions": ""},
        {"versions": 3},
        {"reason": "a\nb"},
        {"reason": "x" * 201},
        {"until": "2001-01-01"},
        {"until": "tomorrow"},
        {"until": 20300101},
        {"who": "me"},
    ],
)
async def test_bad_hold_is_refused(ask: Ask, default_garden: Demo, body: object) -> None:
    answer = await ask("PUT", "holds/seedshelf", body)
    assert (answer.status, answer.code) == (422, "invalid-request")
    assert not (default_garden.folder / "env" / "pkgwidgets.toml").exists()


async def test_minimum_age_is_listed_with_its_exceptions(ask: Ask, default_garden: Demo) -> None:
    plain = (await ask("GET", "holds")).json["minimum_age"]
    assert plain == {"seconds": 0, "packages": {}, "indexes": {}}
    text = (
        '[min-age]\nage = "7d"\n\n[min-age.packages]\nseedshelf = "1 day"\nraintable = "0 days"\n'
    )
    (default_garden.folder / "env" / "pkgwidgets.toml").write_text(text)
    answer = (await ask("GET", "holds")).json
    days = {"seedshelf": 86400, "raintable": 0}
    assert answer["minimum_age"] == {"seconds": 7 * 86400, "packages": days, "indexes": {}}
    rows = {(hold["name"], hold["versions"]) for hold in answer["holds"]}
    assert {("", "at least 7d old"), ("seedshelf", "at least 24 hours old")} <= rows


async def test_broken_settings_are_named_with_their_line(ask: Ask, default_garden: Demo) -> None:
    (default_garden.folder / "env" / "pkgwidgets.toml").write_text("[[hold]]\nname = 3\n")
    answer = await ask("GET", "holds")
    assert answer.code == "policy-unreadable"
    assert "pkgwidgets.toml" in answer.json["error"]["message"]
