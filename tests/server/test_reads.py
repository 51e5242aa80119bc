"""The routes that read packages and updates, and their errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from server.client import Ask

from pkgwidgets.core import errors
from pkgwidgets.demo import Demo, catalog
from pkgwidgets.presentation.hints import Face, hint_text
from pkgwidgets.server import payloads


async def test_packages_of_the_default_kernel_are_listed(ask: Ask, default_garden: Demo) -> None:
    answer = await ask("GET", "packages")
    assert answer.status == 200
    packages = {package["id"]: package for package in answer.json["packages"]}
    assert {f"{package['name']}=={package['version']}" for package in packages.values()} == {
        *catalog.INSTALLED
    }
    assert packages["raintable"]["update_available"] is None
    assert Path(packages["raintable"]["install_path"]) == default_garden.site_packages
    assert default_garden.index.requests == []


async def test_packages_with_check_updates_include_latest_versions(ask: Ask) -> None:
    answer = await ask("GET", "packages?check_updates=true")
    packages = {package["id"]: package for package in answer.json["packages"]}
    assert packages["raintable"]["latest_version"] == "3.1.0"
    assert packages["raintable"]["compatible_version"] == "2.4.0"
    assert "allotboard" in packages["raintable"]["blocked_by"]
    assert packages["beanpoles"]["update_available"] is False


@pytest.mark.parametrize(
    "path", ["by-name/Compost_Log", "by-name/compost.LOG", "by-id/compost-log"]
)
async def test_package_is_found_by_name_and_by_id(ask: Ask, path: str) -> None:
    answer = await ask("GET", f"packages/{path}")
    assert answer.status == 200
    assert answer.json["package"]["name"] == "Compost_Log"
    assert answer.json["package"]["id"] == "compost-log"


async def test_package_with_check_updates_includes_the_latest_version(ask: Ask) -> None:
    for path in ("by-name/Frostcall", "by-id/frostcall"):
        answer = await ask("GET", f"packages/{path}?check_updates=true")
        assert answer.json["package"]["latest_version"] == "2.0.0"


@pytest.mark.parametrize("path", ["by-name/nothing-such", "by-id/nothing-such"])
async def test_missing_package_is_404(ask: Ask, path: str) -> None:
    answer = await ask("GET", f"packages/{path}")
    assert (answer.status, answer.code) == (404, "package-not-found")
    assert answer.json["error"]["name"] == "nothing-such"
    assert answer.json["error"]["hint"]


async def test_updates_list_only_outdated_packages(ask: Ask) -> None:
    answer = await ask("GET", "packages/updates")
    names = {update["id"] for update in answer.json["updates"]}
    assert names == {
        "allotboard", "bedplanner", "frostcall", "harvestscale", "raintable", "seedshelf",
        "sundrift",
    }  # fmt: skip


async def test_publishers_are_those_of_the_command_line(ask: Ask) -> None:
    changed = (await ask("GET", "packages/Frostcall/publishers")).json["publishers"]
    assert (changed["id"], changed["before"], changed["after"]) == ("frostcall", "1.9.3", "2.0.0")
    assert (changed["verdict"], changed["is_warning"]) == ("changed", True)
    assert changed["publishers_after"] == ["GitHub frost-mirror/frostcall, release.yml"]
    assert (await ask("GET", "packages/nothing-such/publishers")).status == 404


async def test_updates_of_one_name_request_only_its_project(ask: Ask, default_garden: Demo) -> None:
    answer = await ask("GET", "packages/updates?name=Seedshelf")
    [update] = answer.json["updates"]
    assert (update["version"], update["latest_version"]) == ("1.4.1", "1.4.2")
    assert {path for path in default_garden.index.requests if "simple" in path} == {
        "/simple/seedshelf/"
    }


async def test_known_updates_are_answered_without_a_request(ask: Ask, default_garden: Demo) -> None:
    assert (await ask("GET", "packages/updates?cached=true")).json["updates"] == []
    default_garden.index.fresh_seconds = 600
    assert default_garden.index.requests == []
    await ask("GET", "packages/updates")
    default_garden.index.requests.clear()
    answer = await ask("GET", "packages/updates?cached=true")
    assert {(row["id"], row["latest_version"]) for row in answer.json["updates"]} >= {
        ("seedshelf", "1.4.2"),
        ("raintable", "3.1.0"),
    }
    assert default_garden.index.requests == []


async def test_known_updates_of_one_name_are_refused(ask: Ask) -> None:
    answer = await ask("GET", "packages/updates?cached=true&name=seedshelf")
    assert (answer.status, answer.code) == (422, "invalid-request")


async def test_packages_with_unknown_updates_are_listed(ask: Ask, default_garden: Demo) -> None:
    default_garden.index.down = True
    answer = await ask("GET", "packages/updates")
    assert len(answer.json["updates"]) == len(catalog.INSTALLED)
    for update in answer.json["updates"]:
        assert update["update_available"] is None
        assert "is not available" in update["error"]


async def test_unknown_route_is_404_in_json(ask: Ask) -> None:
    for path in ("nothing/such", "", "../pkgwidgets"):
        answer = await ask("GET", path)
        assert (answer.status, answer.code) == (404, "request-refused")


async def test_wrong_method_is_405_with_the_allowed_ones(ask: Ask) -> None:
    answer = await ask("GET", "packages/seedshelf")
    assert (answer.status, answer.headers["Allow"]) == (405, "DELETE")
    assert answer.json["error"]["message"] == "This method is not allowed here; use DELETE."


@pytest.mark.parametrize(
    "query",
    ["check_updates=yes", "check_updates=true&check_updates=false", "check_update=true",
     "python=/usr/bin/python3", "path=/", "prefix=/usr"],
)  # fmt: skip
async def test_unknown_query_argument_is_refused(ask: Ask, query: str) -> None:
    answer = await ask("GET", f"packages?{query}")
    assert (answer.status, answer.code) == (422, "invalid-request")


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (errors.InvalidRequest("name", "../x"), 422),
        (errors.PackageNotFound("x"), 404),
        (errors.IndexUnavailable("an index", "no connection"), 502),
        (errors.EnvironmentRefused(Path("/p"), "it is not writable"), 403),
        (errors.EnvironmentBusy("somebody"), 409),
        (errors.StalePlan("", ("x is 2, not 1",)), 409),
        (errors.VerificationFailed("t", ("x",)), 409),
        (errors.DiskFailed("t", "/a", "no space left on device"), 507),
        (errors.RollbackFailed("t", ("/a",), "/kept"), 500),
    ],
    ids=lambda value: getattr(value, "code", value),
)
def test_error_has_its_http_status_and_hint(raised: errors.PkgwidgetsError, status: int) -> None:
    assert payloads.http_status(raised) == status
    payload = json.loads(payloads.to_json_text(payloads.error_payload(raised)))
    assert payload["success"] is False
    assert payload["error"]["code"] == raised.code
    assert payload["error"]["message"] == raised.sentence()
    assert payload["error"]["hint"] == hint_text(raised, Face.REST)


async def test_lock_is_exported_in_both_formats(ask: Ask) -> None:
    answer = await ask("GET", "export")
    assert answer.status == 200
    assert answer.json["export"]["file_name"] == "pylock.toml"
    assert answer.json["export"]["text"].startswith('lock-version = "1.0"\n')
    answer = await ask("GET", "export?format=requirements.txt")
    assert "seedshelf==1.4.1 \\\n    --hash=sha256:" in answer.json["export"]["text"]
    assert answer.json["export"]["notes"] == []


async def test_unknown_format_of_a_lock_is_422(ask: Ask) -> None:
    answer = await ask("GET", "export?format=poetry.lock")
    assert (answer.status, answer.code) == (422, "invalid-request")
