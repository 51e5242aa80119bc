"""The routes that plan and change packages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes import Oracle
from held_transactions import PATIENCE, held_wheel
from server.client import Ask

from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel


async def versions(ask: Ask) -> dict[str, str]:
    answer = await ask("GET", "packages")
    return {package["id"]: package["version"] for package in answer.json["packages"]}


async def test_upgrade_returns_package_and_transaction(ask: Ask) -> None:
    answer = await ask("PUT", "packages/Seedshelf/upgrade")
    assert answer.status == 200
    assert answer.json["package"]["version"] == "1.4.2"
    assert answer.json["package"]["last_upgraded"] is not None
    assert answer.json["transaction"]["outcome"] == "committed"
    [change] = answer.json["transaction"]["changes"]
    assert (change["before"], change["after"]) == ("1.4.1", "1.4.2")
    assert (await versions(ask))["seedshelf"] == "1.4.2"


async def test_upgrade_installs_the_given_version(ask: Ask, default_garden: Demo) -> None:
    answer = await ask("PUT", "packages/raintable/upgrade", {"version": "2.4.0", "allow": "self"})
    assert answer.json["package"]["version"] == "2.4.0"


async def test_step_limits_a_plan_an_upgrade_and_an_upgrade_of_everything(ask: Ask) -> None:
    plan = await ask("POST", "plans", {"upgrade": "all", "step": "patch"})
    assert [change["id"] for change in plan.json["plan"]["changes"]] == ["seedshelf"]
    nothing = await ask("PUT", "packages/frostcall/upgrade", {"step": "minor"})
    assert (nothing.json["transaction"]["id"], nothing.json["package"]["version"]) == (
        None,
        "1.9.3",
    )
    everything = await ask("PUT", "packages/upgrade-all", {"step": "patch"})
    succeeded = {row["id"]: row["success"] for row in everything.json["results"]}
    assert (succeeded["seedshelf"], succeeded["frostcall"]) == (True, False)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "plans", {"install": ["pea"], "step": "minor"}),
        ("POST", "plans", {"upgrade": ["seedshelf"], "version": "1.4.2", "step": "minor"}),
        ("PUT", "packages/upgrade-all", {"step": "huge"}),
        ("PUT", "packages/upgrade-all", {"skip_failing": "yes"}),
        ("PUT", "packages/upgrade-all", {"step": "minor", "plan": "0" * 32}),
    ],
)
async def test_step_that_cannot_apply_is_refused(
    ask: Ask, method: str, path: str, body: dict[str, object]
) -> None:
    answer = await ask(method, path, body)
    assert (answer.status, answer.code) == (422, "invalid-request")


async def test_upgrade_of_an_up_to_date_package_does_nothing(ask: Ask) -> None:
    answer = await ask("PUT", "packages/beanpoles/upgrade", {})
    assert (answer.status, answer.json["transaction"]["id"]) == (200, None)
    assert answer.json["transaction"]["changes"] == []
    assert (await ask("GET", "transactions")).json["transactions"] == []


async def test_upgrade_blocked_by_another_package_is_409(ask: Ask) -> None:
    answer = await ask("PUT", "packages/raintable/upgrade", {"version": "3.1.0"})
    assert (answer.status, answer.code) == (409, "plan-impossible")
    assert "allotboard" in answer.json["error"]["explanation"]
    assert (await versions(ask))["raintable"] == "2.0.0"


async def test_failed_upgrade_is_a_note_until_one_succeeds(
    ask: Ask, default_garden: Demo, published: Callable[..., None], tree: Oracle
) -> None:
    before = tree(default_garden.folder / "env")
    answer = await ask("PUT", "packages/harvestscale/upgrade")
    assert (answer.status, answer.code) == (409, "stage-failed")
    assert answer.json["transaction"]["outcome"] == "aborted"
    assert answer.json["error"]["transaction"] == answer.json["transaction"]["id"]
    assert tree(default_garden.folder / "env") == before
    failed = (await ask("GET", "packages/by-id/harvestscale")).json["package"]
    assert (failed["status"], failed["error"]) == ("installed", None)
    assert failed["failed_change"].startswith("The upgrade failed: harvestscale 3.3.0 cannot be")
    published(BuiltWheel(name="harvestscale", version="3.3.1", files={"harvestscale.py": ""}))
    repaired = await ask("PUT", "packages/harvestscale/upgrade", {"version": "3.3.1"})
    assert repaired.json["package"]["version"] == "3.3.1"
    assert repaired.json["package"]["failed_change"] == ""


async def test_note_can_be_dismissed(ask: Ask) -> None:
    await ask("PUT", "packages/harvestscale/upgrade")
    answer = await ask("DELETE", "packages/Harvestscale/note")
    assert (answer.status, answer.json["package"]["failed_change"]) == (200, "")
    assert (await ask("DELETE", "packages/harvestscale/note")).status == 200  # nothing to do
    assert (await ask("DELETE", "packages/nowhere/note")).code == "package-not-found"


async def test_upgrade_of_everything_can_skip_what_fails(ask: Ask) -> None:
    refused = await ask("PUT", "packages/upgrade-all")
    assert (refused.status, refused.code) == (409, "stage-failed")
    assert '"skip_failing": true' in refused.json["error"]["hint"]
    noted = [p["id"] for p in (await ask("GET", "packages")).json["packages"] if p["failed_change"]]
    assert noted == ["harvestscale"]


async def test_upgrade_of_everything_skips_what_fails_at_once(ask: Ask) -> None:
    body = {"skip_failing": True}
    early = await ask("PUT", "packages/upgrade-all", body, headers={"Prefer": "respond-async"})
    assert (early.status, early.code) == (422, "invalid-request")
    done = await ask("PUT", "packages/upgrade-all", body)
    assert (done.status, done.json["transaction"]["outcome"]) == (200, "committed")
    results = {row["id"]: row for row in done.json["results"]}
    assert results["seedshelf"]["success"]
    assert "harvestscale 3.3.0 cannot be imported" in results["harvestscale"]["error"]
    outcomes = [t["outcome"] for t in (await ask("GET", "transactions")).json["transactions"]]
    assert outcomes == ["committed", "aborted"]


async def test_upgrade_all_returns_a_result_for_each_package(
    ask: Ask, default_garden: Demo
) -> None:
    default_garden.index.withdraw("harvestscale", "3.3.0")
    answer = await ask("PUT", "packages/upgrade-all")
    assert answer.status == 200
    results = {result["id"]: result for result in answer.json["results"]}
    assert results["seedshelf"]["success"] is True
    assert (results["raintable"]["before"], results["raintable"]["after"]) == ("2.0.0", "3.1.0")
    assert all(result["success"] and result["error"] is None for result in results.values())
    assert (await versions(ask))["allotboard"] == "1.67.0"
    assert (await ask("GET", "packages/updates")).json["updates"] == []


async def test_failed_upgrade_all_reports_the_error_for_each_package(ask: Ask) -> None:
    answer = await ask("PUT", "packages/upgrade-all", {})
    assert (answer.status, answer.code) == (409, "stage-failed")
    assert {result["success"] for result in answer.json["results"]} == {False}
    assert "harvestscale" in answer.json["results"][0]["error"]
    assert (await versions(ask))["seedshelf"] == "1.4.1"


async def test_shown_plan_is_applied_exactly_and_only_once(
    ask: Ask, published: Callable[..., None]
) -> None:
    shown = (await ask("POST", "plans", {"upgrade": ["seedshelf"]})).json["plan"]
    assert [change["after"] for change in shown["changes"]] == ["1.4.2"]
    assert (await versions(ask))["seedshelf"] == "1.4.1"
    published(BuiltWheel(name="seedshelf", version="1.5.0", files={"seedshelf.py": ""}))
    done = await ask("PUT", "packages/seedshelf/upgrade", {"plan": shown["id"]})
    assert done.status == 200, done.json
    assert done.json["package"]["version"] == "1.4.2"
    again = await ask("PUT", "packages/seedshelf/upgrade", {"plan": shown["id"]})
    assert (again.status, again.code) == (404, "plan-not-found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "packages/frostcall/upgrade"),
        ("PUT", "packages/upgrade-all"),
        ("POST", "packages/install"),
        ("DELETE", "packages/seedshelf"),
    ],
)
async def test_plan_for_another_route_is_refused(ask: Ask, method: str, path: str) -> None:
    shown = (await ask("POST", "plans", {"upgrade": ["seedshelf"]})).json["plan"]
    answer = await ask(method, path, {"plan": shown["id"]})
    assert (answer.status, answer.code) == (404, "plan-not-found")
    assert (await versions(ask))["seedshelf"] == "1.4.1"


async def test_plan_made_before_a_change_is_stale(ask: Ask) -> None:
    shown = (await ask("POST", "plans", {"upgrade": ["seedshelf"]})).json["plan"]
    await ask("PUT", "packages/seedshelf/upgrade")
    answer = await ask("PUT", "packages/seedshelf/upgrade", {"plan": shown["id"]})
    assert (answer.status, answer.code) == (409, "stale-plan")


async def test_plan_for_everything_can_be_applied(ask: Ask, default_garden: Demo) -> None:
    default_garden.index.withdraw("harvestscale", "3.3.0")
    shown = (await ask("POST", "plans", {"upgrade": "all"})).json["plan"]
    assert shown["requested"] == ["everything"]
    answer = await ask("PUT", "packages/upgrade-all", {"plan": shown["id"]})
    assert {result["id"] for result in answer.json["results"]} == {
        c["id"] for c in shown["changes"]
    }


async def test_plan_lists_held_back_packages_with_reasons(ask: Ask) -> None:
    shown = (await ask("POST", "plans", {"upgrade": ["raintable"]})).json["plan"]
    [kept] = shown["held_back"]
    assert (kept["stays"], kept["latest"]) == ("2.4.0", "3.1.0")
    assert "allotboard" in kept["reason"]


async def test_install_and_uninstall_work_by_name(ask: Ask, published: Callable[..., None]) -> None:
    published(BuiltWheel(name="Pea_Pod", version="1.0", files={"peapod.py": ""}))
    installed = await ask("POST", "packages/install", {"requirement": "pea.pod>=1"})
    assert installed.status == 200
    assert installed.json["package"]["id"] == "pea-pod"
    assert installed.json["package"]["requested"] is True
    gone = await ask("DELETE", "packages/PEA-pod")
    assert gone.json["transaction"]["changes"][0]["kind"] == "remove"
    assert "pea-pod" not in await versions(ask)


async def test_install_and_uninstall_work_by_plan(ask: Ask, published: Callable[..., None]) -> None:
    published(BuiltWheel(name="peapod", version="1.0", files={"peapod.py": ""}))
    shown = (await ask("POST", "plans", {"install": "peapod"})).json["plan"]
    installed = await ask("POST", "packages/install", {"plan": shown["id"]})
    assert installed.json["package"]["version"] == "1.0"
    shown = (await ask("POST", "plans", {"uninstall": ["peapod"]})).json["plan"]
    assert (await ask("DELETE", "packages/peapod", {"plan": shown["id"]})).status == 200
    assert "peapod" not in await versions(ask)


async def test_several_requirements_are_installed_at_once(
    ask: Ask, published: Callable[..., None]
) -> None:
    published(
        BuiltWheel(name="peapod", version="1.0", files={"peapod.py": ""}),
        BuiltWheel(name="beanpod", version="2.0", files={"beanpod.py": ""}),
    )
    both = ["peapod>=1", "beanpod"]
    plan = await ask("POST", "plans", {"install": both})
    assert plan.json["plan"]["requested"] == both
    answer = await ask("POST", "packages/install", {"requirement": both})
    assert answer.json["package"]["id"] == "peapod"
    assert {change["id"] for change in answer.json["transaction"]["changes"]} == {
        "peapod",
        "beanpod",
    }
    installed = await versions(ask)
    assert (installed["peapod"], installed["beanpod"]) == ("1.0", "2.0")


async def test_uninstall_of_a_needed_package_is_409(ask: Ask) -> None:
    answer = await ask("DELETE", "packages/beanpoles")
    assert (answer.status, answer.code) == (409, "still-needed")
    assert answer.json["error"]["needed_by"] == ["bedplanner"]


async def test_install_of_an_unknown_project_is_404(ask: Ask) -> None:
    answer = await ask("POST", "packages/install", {"requirement": "nothing-such"})
    assert (answer.status, answer.code) == (404, "project-not-found")


async def test_undo_restores_the_environment_and_is_in_the_history(
    ask: Ask, default_garden: Demo, tree: Oracle
) -> None:
    before = tree(default_garden.folder / "env")
    done = (await ask("PUT", "packages/seedshelf/upgrade")).json["transaction"]
    default_garden.index.down = True
    back = await ask("POST", f"transactions/{done['id']}/undo", {})
    assert back.status == 200
    assert back.json["transaction"]["undoes"] == done["id"]
    assert tree(default_garden.folder / "env") == before
    transactions = (await ask("GET", "transactions")).json["transactions"]
    assert [transaction["id"] for transaction in transactions] == [
        back.json["transaction"]["id"],
        done["id"],
    ]
    twice = await ask("POST", f"transactions/{done['id']}/undo", {})
    assert (twice.status, twice.code) == (422, "invalid-request")
    assert twice.json["error"]["reason"] == f"{back.json['transaction']['id']} undid it already"


async def test_undo_by_plan_undoes_the_transaction(ask: Ask) -> None:
    done = (await ask("PUT", "packages/seedshelf/upgrade")).json["transaction"]
    shown = (await ask("POST", "plans", {"undo": "last"})).json["plan"]
    assert shown["undoes"] == done["id"]
    assert shown["from_save_point"] is True
    back = await ask("POST", f"transactions/{done['id']}/undo", {"plan": shown["id"]})
    assert back.json["transaction"]["undoes"] == done["id"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "", None), ("DELETE", "", None), ("POST", "/undo", {})],
)
async def test_unknown_transaction_is_404(ask: Ask, method: str, path: str, body: object) -> None:
    answer = await ask(method, f"transactions/20260101T000000000000-abcdef{path}", body)
    assert (answer.status, answer.code) == (404, "transaction-not-found")


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@asynccontextmanager
async def running_upgrade(
    ask: Ask, published: Callable[..., None], gate: Path
) -> AsyncIterator[str]:
    """Start an upgrade that waits, in its own installed file, until the gate file exists."""
    published(held_wheel("1.9.0", gate, staged=False))
    answer = await ask("PUT", "packages/seedshelf/upgrade", {}, headers={"Prefer": "respond-async"})
    assert answer.status == 202
    assert answer.headers["Preference-Applied"] == "respond-async"
    transaction_id = answer.json["transaction"]["id"]
    assert answer.headers["Location"].endswith(f"/pkgwidgets/transactions/{transaction_id}")
    try:
        yield transaction_id
    finally:
        gate.touch()
        await wait_for_end(ask, transaction_id)


async def wait_for_end(ask: Ask, transaction_id: str) -> dict[str, Any]:
    until = asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < until:
        status: dict[str, Any] = (await ask("GET", f"transactions/{transaction_id}")).json
        if status["transaction"]["outcome"] != "started":
            return status
        await asyncio.sleep(0.05)
    raise AssertionError(f"{transaction_id} did not end")


async def test_running_upgrade_is_visible_and_blocks_others(
    ask: Ask, published: Callable[..., None], gate: Path
) -> None:
    async with running_upgrade(ask, published, gate) as transaction_id:
        assert (await ask("GET", "packages/by-id/seedshelf")).json["package"][
            "status"
        ] == "upgrading"
        busy = await ask("PUT", "packages/frostcall/upgrade")
        assert (busy.status, busy.code) == (409, "environment-busy")
        gate.touch()
        status = await wait_for_end(ask, transaction_id)
        assert status["transaction"]["outcome"] == "committed"
        stages = [event["stage"] for event in status["events"]]
        assert stages.index("fetching") < stages.index("saving") < stages.index("verifying")
        package = (await ask("GET", "packages/by-id/seedshelf")).json["package"]
        assert (package["status"], package["version"]) == ("installed", "1.9.0")
        late = await ask("DELETE", f"transactions/{transaction_id}")
        assert (late.status, late.code) == (409, "too-late")


async def test_running_upgrade_can_be_cancelled(
    ask: Ask, published: Callable[..., None], gate: Path, default_garden: Demo
) -> None:
    async with running_upgrade(ask, published, gate) as transaction_id:
        answer = await ask("DELETE", f"transactions/{transaction_id}")
        assert answer.status == 202
        status = await wait_for_end(ask, transaction_id)
        assert status["transaction"]["outcome"] == "aborted"
        assert status["transaction"]["error"] == "Cancelled."
        assert (await versions(ask))["seedshelf"] == "1.4.1"


async def test_upgrade_events_are_streamed(
    ask: Ask,
    published: Callable[..., None],
    gate: Path,
    http_server_client: Any,
    jp_auth_header: dict[str, str],
    jp_base_url: str,
) -> None:
    async with running_upgrade(ask, published, gate) as transaction_id:
        parts: list[bytes] = []

        async def follow(**headers: str) -> str:
            parts.clear()
            response = await http_server_client.fetch(
                f"{jp_base_url}pkgwidgets/transactions/{transaction_id}",
                headers={**jp_auth_header, "Accept": "text/event-stream", **headers},
                streaming_callback=parts.append,
                request_timeout=PATIENCE,
            )
            assert response.headers["Content-Type"] == "text/event-stream"
            return b"".join(parts).decode()

        following = asyncio.ensure_future(follow())
        while not parts:  # the events come while it runs
            await asyncio.sleep(0.01)
        assert b"event: end" not in b"".join(parts)
        gate.touch()
        whole = [message.splitlines() for message in (await following).split("\n\n")]
        events = [message for message in whole if message and not message[0].startswith(":")]
        assert [message[1] for message in events[:-1]] == ["event: progress"] * (len(events) - 1)
        stages = [json.loads(message[2].removeprefix("data: "))["stage"] for message in events[:-1]]
        assert stages[0] == "fetching"
        assert "verifying" in stages
        assert events[-1][1] == "event: end"
        last = json.loads(events[-1][2].removeprefix("data: "))
        assert last["transaction"]["outcome"] == "committed"
        # The end, and the events sent together with it: a resumed stream may repeat them.
        rest = await follow(**{"Last-Event-ID": events[-1][0].removeprefix("id: ")})
        assert rest.count("event: ") < len(events)
        assert rest.count("event: end") == 1
        again = (await follow()).split("\n\n")[:-1]
        for n, message in enumerate(again):  # wherever a stream ends, no event is lost
            rest = await follow(**{"Last-Event-ID": message.splitlines()[0].removeprefix("id: ")})
            assert rest.count("event: ") >= max(1, len(again) - n - 1)
