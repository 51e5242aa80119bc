"""The panel's routes: what its views show, in the panel's words, for those who may see it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeKit, Oracle
from held_transactions import held_wheel, worker_processes
from jupyter_server.auth import Authorizer
from server.client import Ask
from server.contract import Answer

from pkgwidgets.commands.plan_request import Action, PlanRequest
from pkgwidgets.core.projects import OwningProject
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.server import view_plans
from pkgwidgets.server.handlers import views

Follow = Callable[[str], Awaitable[list[tuple[str, dict[str, Any]]]]]


@pytest.fixture
def follow(http_server_client: Any, jp_auth_header: dict[str, str], jp_base_url: str) -> Follow:
    """Follow a transaction to its end; return the messages of the stream."""

    async def read(transaction_id: str) -> list[tuple[str, dict[str, Any]]]:
        response = await http_server_client.fetch(
            f"{jp_base_url}pkgwidgets/views/transactions/{transaction_id}",
            headers={**jp_auth_header, "Accept": "text/event-stream"},
            request_timeout=120.0,
        )
        messages = []
        for block in response.body.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if line[:1] != ":")
            if fields:
                messages.append((fields["event"], json.loads(fields["data"])))
        return messages

    return read


async def plan_view(ask: Ask, **body: object) -> dict[str, Any]:
    answer = await ask("POST", "views/plans", body)
    assert answer.status == 200, answer.json
    plan: dict[str, Any] = answer.json
    return plan


async def test_list_has_the_header_and_the_rows_of_the_panel(
    ask: Ask, default_garden: Demo
) -> None:
    answer = await ask("GET", "views/packages")
    header, rows = answer.json["header"], answer.json["rows"]
    assert header["title"] == "Packages"
    assert header["where"] == f"{header['place']} · {len(rows)} installed"
    assert (header["refusal"], header["notice"], answer.json["running"]) == ("", "", None)
    assert {"name": "seedshelf", "version": "1.4.1", "requested": True}.items() <= next(
        row for row in rows if row["name"] == "seedshelf"
    ).items()
    assert default_garden.index.requests == []


async def test_checked_rows_have_the_offers_of_the_panel(ask: Ask) -> None:
    answer = await ask("GET", "views/packages?check_updates=true")
    rows = {row["name"]: row for row in answer.json["rows"]}
    assert (rows["seedshelf"]["action"], rows["seedshelf"]["bump"]) == ("upgrade", "patch")
    assert rows["raintable"]["label"] == "Upgrade to 2.4.0…"
    assert answer.json["labels"]["upgrade"] == "Upgrade…"


async def test_offers_are_those_of_the_plan_for_everything(ask: Ask) -> None:
    offers = (await ask("GET", "views/offers")).json
    plan = (await plan_view(ask, upgrade="all"))["plan"]
    assert offers["all"] == {change["name"]: change["after"] for change in plan["changes"]}
    text = "allotboard blocks 1 package: upgrade it to 1.67.0 to free raintable."
    assert offers["unlocks"] == [{"text": text, "names": ["allotboard", "raintable"]}]


async def test_unchanged_list_is_not_sent_again(ask: Ask) -> None:
    first = await ask("GET", "views/packages")
    tag = first.headers["Etag"]
    second = await ask("GET", "views/packages")
    assert second.headers["Etag"] == tag
    assert second.body == first.body


async def test_state_differs_from_the_list_after_a_change(
    ask: Ask, default_garden: Demo, tree: Oracle
) -> None:
    listed = (await ask("GET", "views/packages")).json["installed"]
    prefix = default_garden.folder / "env"
    before = tree(prefix)
    state = (await ask("GET", "views/state")).json
    assert (state["installed"], state["running"]) == (listed, None)
    assert tree(prefix) == before
    await ask("PUT", "packages/seedshelf/upgrade", {})
    assert (await ask("GET", "views/state")).json["installed"] != listed


async def test_one_package_is_checked_again_alone(ask: Ask, default_garden: Demo) -> None:
    answer = await ask("GET", "views/packages?name=Seedshelf&check_updates=true&refresh=true")
    assert [row["name"] for row in answer.json["rows"]] == ["seedshelf"]
    assert "header" not in answer.json
    paths = {path for path in default_garden.index.requests if "simple" in path}
    assert paths == {"/simple/seedshelf/"}


async def test_open_row_has_its_details_and_versions(ask: Ask) -> None:
    detail = (await ask("GET", "views/packages/bedplanner")).json["detail"]
    assert detail["requires"] == ["beanpoles", "sundrift"]
    assert detail["changeable"] is True
    versions = (await ask("GET", "views/versions?name=raintable")).json
    assert versions["installed"] == "2.0.0"
    assert [option["version"] for option in versions["versions"]] == ["3.1.0", "2.4.0", "2.0.0"]
    assert [option["version"] for option in versions["versions"] if option["pick"]] == ["2.4.0"]


async def test_open_row_says_who_published_its_releases(ask: Ask) -> None:
    detail = (await ask("GET", "views/packages/frostcall/publisher")).json["detail"]
    assert detail["publisher"].startswith("The publisher of frostcall changed: 2.0.0 is by GitHub ")
    assert detail["publisher_warns"] is True
    detail = (await ask("GET", "views/packages/sundrift/publisher")).json["detail"]
    assert detail["publisher"].startswith("sundrift 1.2.0 is by GitHub demo-garden/sundrift")
    assert detail["publisher_warns"] is False
    assert (await ask("GET", "views/packages/nothing-such/publisher")).status == 404


async def test_name_with_a_requirement_around_it_finds_its_versions(ask: Ask) -> None:
    answer = await ask("GET", "views/versions?name=pip%20install%20seedshelf%3E%3D1")
    assert answer.json["installed"] == "1.4.1"


async def test_form_offers_names_and_says_what_an_installation_would_bring(
    ask: Ask, default_garden: Demo
) -> None:
    pea = BuiltWheel(name="pea", version="1.0", files={"pea.py": ""}, summary="Peas in pods")
    default_garden.index.publish(pea)
    names = (await ask("GET", "views/suggestions")).json["names"]
    assert {"seedshelf", "raintable"} <= {*names}
    assert default_garden.index.requests == []
    assert (await ask("GET", "views/suggestions?text=pe")).json["names"] == ["pea"]
    preview = (await ask("GET", "views/install-preview?name=pip%20install%20pea")).json
    brings = preview["brings"]
    assert preview["summary"] == "Peas in pods"
    assert brings.startswith("Would bring 1 new (pea) · ")
    for name in ("seedshelf", "nothing-there"):
        answer = await ask("GET", f"views/install-preview?name={name}")
        assert (answer.status, answer.json["brings"]) == (200, "")
        assert answer.json["summary"] == ""


async def test_plan_is_shown_applied_and_undone(
    ask: Ask, follow: Follow, default_garden: Demo
) -> None:
    shown = await plan_view(ask, upgrade=["seedshelf"])
    assert shown["plan"]["title"] == "Upgrade seedshelf"
    assert [change["after"] for change in shown["plan"]["changes"]] == ["1.4.2"]
    assert shown["plan"]["rehearsable"] is False
    started = await ask("POST", f"views/plans/{shown['plan']['id']}", {})
    assert started.status == 202
    messages = await follow(started.json["id"])
    assert [kind for kind, _ in messages].count("end") == 1
    kind, ended = messages[-1]
    assert kind == "end"
    assert ended["running"] is False
    assert ended["outcome"]["kind"] == "ok"
    assert ended["outcome"]["undo"] == "Undo"
    [entry] = (await ask("GET", "views/transactions")).json["entries"]
    assert (entry["outcome"], entry["undo"]) == ("done", "Undo…")
    assert entry["changes"] == ["seedshelf 1.4.1 → 1.4.2"]
    undone = await ask("POST", f"views/transactions/{started.json['id']}/undo", {})
    assert undone.status == 202
    _, ended = (await follow(undone.json["id"]))[-1]
    assert ended["outcome"]["undo"] == "Redo"
    rows = (await ask("GET", "views/packages")).json["rows"]
    assert next(row for row in rows if row["name"] == "seedshelf")["version"] == "1.4.1"


async def test_log_of_the_stream_is_that_of_the_history(ask: Ask, follow: Follow) -> None:
    shown = await plan_view(ask, upgrade=["seedshelf"])
    started = await ask("POST", f"views/plans/{shown['plan']['id']}", {})
    lines: list[str] = []
    for _, task in await follow(started.json["id"]):
        lines = task["log"] if "log" in task else [*lines, *task["lines"]]
    log = (await ask("GET", f"views/transactions/{started.json['id']}")).json["log"]
    assert [line for line in lines if line in log] == lines
    assert any("installing" in line for line in lines)


async def test_plan_can_be_applied_once(ask: Ask, follow: Follow) -> None:
    shown = await plan_view(ask, upgrade=["seedshelf"])
    started = await ask("POST", f"views/plans/{shown['plan']['id']}", {})
    await follow(started.json["id"])
    again = await ask("POST", f"views/plans/{shown['plan']['id']}", {})
    assert (again.status, again.code) == (404, "plan-not-found")


async def test_impossible_plan_has_the_wider_request(ask: Ask) -> None:
    answer = await ask("POST", "views/plans", {"uninstall": ["sundrift"]})
    assert answer.status == 409
    assert answer.json["title"] == "Uninstall sundrift"
    assert answer.json["unlock"].startswith("Uninstall ")
    assert answer.json["unlock"].endswith(" as well…")
    wider = await plan_view(ask, **answer.json["wider"])
    assert len(wider["plan"]["changes"]) > 1


async def test_blocked_upgrade_offers_changes_to_other_packages(ask: Ask) -> None:
    answer = await ask("POST", "views/plans", {"upgrade": ["raintable"], "version": "3.1.0"})
    assert answer.json["unlock"] == "Allow changes to other packages…"
    assert answer.json["wider"] == {
        "upgrade": ["raintable"], "version": "3.1.0", "allow": "all",
    }  # fmt: skip
    assert "--allow" not in answer.json["error"]["hint"]


@pytest.mark.parametrize(
    ("typed", "version", "title"),
    [
        ("pip install seedshelf", "1.4.2", "Change seedshelf to 1.4.2"),
        ("seedshelf>=1", None, "Install seedshelf>=1"),
    ],
)
async def test_typed_text_is_read_as_the_form_reads_it(
    ask: Ask, typed: str, version: str | None, title: str
) -> None:
    body = {"typed": typed, **({"version": version} if version else {})}
    assert (await plan_view(ask, **body))["plan"]["title"] == title


async def test_typed_nonsense_is_refused_in_the_words_of_the_panel(ask: Ask) -> None:
    answer = await ask("POST", "views/plans", {"typed": "!!"})
    assert (answer.status, answer.code) == (422, "invalid-request")
    assert "pkgwidgets/" not in answer.json["error"]["hint"]


async def test_typed_text_with_fields_of_another_request_is_refused(ask: Ask) -> None:
    body = {"typed": "seedshelf", "allow": "all", "upgrade": ["raintable"]}
    answer = await ask("POST", "views/plans", body)
    assert (answer.status, answer.code) == (422, "invalid-request")
    assert "give it without allow, upgrade" in answer.json["error"]["message"]


async def test_undo_has_a_plan(ask: Ask, follow: Follow) -> None:
    shown = await plan_view(ask, upgrade=["seedshelf"])
    started = await ask("POST", f"views/plans/{shown['plan']['id']}", {})
    await follow(started.json["id"])
    undo = await plan_view(ask, undo=started.json["id"])
    assert undo["plan"]["title"] == "Undo: seedshelf"


async def test_refused_upgrade_of_everything_names_what_the_next_plan_leaves_out(
    ask: Ask, follow: Follow
) -> None:
    shown = await plan_view(ask, upgrade="all")
    assert shown["plan"]["minor_only"] is False
    started = await ask("POST", f"views/plans/{shown['plan']['id']}", {})
    _, ended = (await follow(started.json["id"]))[-1]
    assert ended["outcome"]["kind"] == "bad"
    assert ended["outcome"]["without"] == ["harvestscale"]
    again = await plan_view(ask, upgrade="all", without=ended["outcome"]["without"])
    assert again["plan"]["title"] == "Upgrade all, without harvestscale"
    assert "harvestscale" not in {change["name"] for change in again["plan"]["changes"]}
    rows = {row["name"]: row for row in (await ask("GET", "views/packages")).json["rows"]}
    assert rows["harvestscale"]["failed"] is True
    assert (await ask("DELETE", "views/packages/harvestscale/note", {})).status == 200
    rows = {row["name"]: row for row in (await ask("GET", "views/packages")).json["rows"]}
    assert "failed" not in rows["harvestscale"]


async def test_minor_and_patch_only_is_offered_where_it_is_possible(ask: Ask) -> None:
    limited = await plan_view(ask, upgrade=["frostcall", "seedshelf"], step="minor")
    assert limited["plan"]["minor_only"] is True
    assert {change["name"] for change in limited["plan"]["changes"]} == {"seedshelf"}
    one = await plan_view(ask, upgrade=["frostcall"], version="2.0.0")
    assert one["plan"]["minor_only"] is None
    assert (await plan_view(ask, uninstall=["moonsower"]))["plan"]["minor_only"] is None


async def test_change_whose_worker_was_killed_is_recovered_and_told(
    ask: Ask, follow: Follow, published: Callable[..., None], default_garden: Demo, tmp_path: Path
) -> None:
    prefix = default_garden.folder / "env"
    published(held_wheel("1.9.0", tmp_path / "gate", staged=False))
    shown = await plan_view(ask, upgrade=["seedshelf"])
    started = (await ask("POST", f"views/plans/{shown['plan']['id']}", {})).json["id"]
    while "verifying" not in (await ask("GET", f"views/transactions/{started}")).json["log"]:
        await asyncio.sleep(0.05)
    running = (await ask("GET", "views/packages")).json["running"]
    assert running["id"] == started
    assert running["title"].startswith("Changing seedshelf, started by ")
    header = (await ask("GET", "views/packages")).json["header"]
    assert header["where"] == header["place"]  # how many will be installed is unknown
    for process in worker_processes(prefix):
        os.kill(process, signal.SIGKILL)
    _, ended = (await follow(started))[-1]
    assert ended["outcome"]["kind"] == "bad"
    assert "interrupted" in ended["outcome"]["text"]
    listed = (await ask("GET", "views/packages")).json
    assert listed["running"] is None
    assert next(row for row in listed["rows"] if row["name"] == "seedshelf")["version"] == "1.4.1"


async def test_hostile_text_of_metadata_stays_text(ask: Ask, default_garden: Demo) -> None:
    metadata = next(default_garden.site_packages.glob("seedshelf-*.dist-info")) / "METADATA"
    text = metadata.read_text("utf-8")
    metadata.write_text(text.replace("Summary: ", "Summary: <img src=x>\u202e", 1))
    row = next(
        row
        for row in (await ask("GET", "views/packages")).json["rows"]
        if row["name"] == "seedshelf"
    )
    assert "\u202e" not in row["summary"]
    assert "<img src=x>" in row["summary"]  # the views make text nodes of it


def requests_of_all_routes() -> list[tuple[str, str]]:
    """Return a request of each method of each route."""
    return [
        (verb.upper(), path.replace("{name}", "seedshelf").replace("{id}", "0" * 32))
        for path, handler in views.ROUTES.items()
        for verb in ("get", "post", "delete")
        if verb in vars(handler)
    ]


@pytest.mark.parametrize(("method", "path"), requests_of_all_routes())
async def test_nothing_is_shown_without_a_token(ask: Ask, method: str, path: str) -> None:
    answer = await ask(method, path, token=False)
    assert (answer.status, answer.code) == (403, "request-refused")


class OnlyReaders(Authorizer):
    """Every user may read, no user may execute."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return not (resource == "pkgwidgets" and action == "execute")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        request
        for request in requests_of_all_routes()
        if request[0] == "DELETE" or (request[0] == "POST" and request[1] != "views/plans")
    ],
)
async def test_readers_change_nothing(ask: Ask, jp_serverapp: Any, method: str, path: str) -> None:
    jp_serverapp.web_app.settings["authorizer"] = OnlyReaders(parent=jp_serverapp)
    answer: Answer = await ask(method, path, {} if method == "POST" else None)
    assert (answer.status, answer.code) == (403, "request-refused")
    assert (await ask("GET", "views/packages")).status == 200


async def test_unknown_argument_and_field_are_refused(ask: Ask) -> None:
    assert (await ask("GET", "views/packages?path=/etc")).status == 422
    assert (await ask("POST", "views/plans", {"upgrade": "all", "force": True})).status == 422
    assert (await ask("GET", "views/versions")).status == 422


async def test_unknown_transaction_is_told(ask: Ask) -> None:
    answer = await ask("GET", "views/transactions/20260101T000000000000-abcdef")
    assert (answer.status, answer.code) == (404, "transaction-not-found")


@pytest.mark.parametrize(
    ("tool", "action", "switch"),
    [("uv", "upgrade", False), ("uv", "undo", None), ("Poetry", "upgrade", None)],
)
async def test_change_of_the_project_is_offered_where_it_is_possible(
    ask: Ask, tool: str, action: Action, switch: bool | None
) -> None:
    assert (await plan_view(ask, upgrade=["seedshelf"]))["plan"]["project"] is None
    project = OwningProject(tool=tool, file=Path("/p/pyproject.toml"), command="sync")
    backend = replace(FakeKit().backend, project=lambda: project)
    request = PlanRequest(action=action)
    assert view_plans.project_switch(backend, request) is switch
    chosen = view_plans.project_switch(backend, replace(request, project=True))
    assert chosen is (None if switch is None else True)
