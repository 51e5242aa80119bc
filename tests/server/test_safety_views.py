"""The panel's advisories and holds over REST."""

from __future__ import annotations

from server.client import Ask

from pkgwidgets.demo import Demo


async def test_advisories_are_those_of_the_panel(ask: Ask, default_garden: Demo) -> None:
    answer = (await ask("GET", "views/advisories")).json
    marks = {name: (mark["count"], mark["safe"]) for name, mark in answer["advisories"].items()}
    assert marks == {"seedshelf": (1, "1.4.2"), "raintable": (1, "")}
    assert answer["notice"] == ""
    settings = default_garden.folder / "env" / "pkgwidgets.toml"
    settings.write_text('[advisories]\nsources = ["http://127.0.0.1:9/"]\n')
    refused = (await ask("GET", "views/advisories")).json
    assert refused["advisories"] == {}
    assert "sends the names and versions" in refused["notice"]
    settings.unlink()
    none = (await ask("GET", "views/advisories")).json
    assert (none["advisories"], none["notice"]) == ({}, "")


async def test_list_has_the_holds_and_a_hold_changes_the_offer(ask: Ask) -> None:
    body = {"versions": "<2.4", "reason": "charts", "until": "2999-12-31"}
    assert (await ask("PUT", "views/holds/raintable", body)).status == 200
    answer = (await ask("GET", "views/packages?check_updates=true")).json
    (limit,) = answer["holds"]["raintable"]
    assert (limit["versions"], limit["held"]) == ("<2.4", True)
    assert limit["text"].endswith("until 2999-12-31: charts")
    assert answer["holds_notice"] == ""
    rows = {row["name"]: row for row in answer["rows"]}
    assert rows["raintable"]["action"] == "explain"
    removed = await ask("DELETE", "views/holds/raintable", {"versions": "<2.4"})
    assert removed.status == 200
    assert "raintable" not in (await ask("GET", "views/packages")).json["holds"]


async def test_refused_hold_says_why(ask: Ask, default_garden: Demo) -> None:
    answer = await ask("PUT", "views/holds/seedshelf", {"versions": "newest"})
    assert (answer.status, answer.code) == (422, "invalid-request")
    assert (await ask("DELETE", "views/holds/seedshelf", {})).status == 422
    (default_garden.folder / "env" / "pkgwidgets.toml").write_text("[[hold]]\nname = 3\n")
    answer = await ask("GET", "views/packages")
    assert answer.json["holds"] == {}
    assert "pkgwidgets.toml" in answer.json["holds_notice"]


async def test_fix_is_a_plan_of_the_panel(ask: Ask) -> None:
    plan = (await ask("POST", "views/plans", {"fix": ["seedshelf"]})).json["plan"]
    assert plan["title"] == "Fix seedshelf"
    assert [(c["name"], c["after"]) for c in plan["changes"]] == [("seedshelf", "1.4.2")]


async def test_state_changes_with_the_holds_of_others(ask: Ask) -> None:
    listed = (await ask("GET", "views/packages")).json["installed"]
    assert (await ask("GET", "views/state")).json["installed"] == listed
    body = {"versions": "<2.4", "reason": "charts"}
    assert (await ask("PUT", "holds/raintable", body)).status == 200
    held = (await ask("GET", "views/state")).json["installed"]
    assert held != listed
    assert (await ask("GET", "views/packages")).json["installed"] == held
