"""The routes that look: packages, updates, and how errors are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from server.asking import Ask

from pkgwidgets.core import errors
from pkgwidgets.demo import Demo, catalog
from pkgwidgets.presentation.hints import Face, hint_text
from pkgwidgets.server import error_status


async def test_it_lists_the_default_kernels_environment(ask: Ask, planted: Demo) -> None:
    answer = await ask("GET", "packages")
    assert answer.status == 200
    found = {each["id"]: each for each in answer.json["packages"]}
    assert {f"{each['name']}=={each['version']}" for each in found.values()} == {*catalog.INSTALLED}
    assert found["raintable"]["update_available"] is None
    assert Path(found["raintable"]["install_path"]) == planted.site_packages
    assert planted.index.requests == []


async def test_it_says_what_is_newer_if_it_is_asked_to(ask: Ask) -> None:
    answer = await ask("GET", "packages?check_updates=true")
    found = {each["id"]: each for each in answer.json["packages"]}
    assert found["raintable"]["latest_version"] == "3.1.0"
    assert found["raintable"]["compatible_version"] == "2.4.0"
    assert "allotboard" in found["raintable"]["blocked_by"]
    assert found["beanpoles"]["update_available"] is False


@pytest.mark.parametrize(
    "path", ["by-name/Compost_Log", "by-name/compost.LOG", "by-id/compost-log"]
)
async def test_one_package(ask: Ask, path: str) -> None:
    answer = await ask("GET", f"packages/{path}")
    assert answer.status == 200
    assert answer.json["package"]["name"] == "Compost_Log"
    assert answer.json["package"]["id"] == "compost-log"


async def test_one_package_and_what_is_newer(ask: Ask) -> None:
    for path in ("by-name/Frostcall", "by-id/frostcall"):
        answer = await ask("GET", f"packages/{path}?check_updates=true")
        assert answer.json["package"]["latest_version"] == "2.0.0"


@pytest.mark.parametrize("path", ["by-name/nothing-such", "by-id/nothing-such"])
async def test_a_package_that_is_not_there(ask: Ask, path: str) -> None:
    answer = await ask("GET", f"packages/{path}")
    assert (answer.status, answer.code) == (404, "package-not-found")
    assert answer.json["error"]["name"] == "nothing-such"
    assert answer.json["error"]["hint"]


async def test_updates_are_what_is_out_of_date(ask: Ask) -> None:
    answer = await ask("GET", "packages/updates")
    found = {each["id"] for each in answer.json["updates"]}
    assert found == {
        "allotboard", "bedplanner", "frostcall", "harvestscale", "raintable", "seedshelf",
        "sundrift",
    }  # fmt: skip


async def test_the_update_of_one_package(ask: Ask, planted: Demo) -> None:
    answer = await ask("GET", "packages/updates?name=Seedshelf")
    [found] = answer.json["updates"]
    assert (found["version"], found["latest_version"]) == ("1.4.1", "1.4.2")
    assert {path for path in planted.index.requests if "simple" in path} == {"/simple/seedshelf/"}


async def test_unknown_is_not_up_to_date(ask: Ask, planted: Demo) -> None:
    planted.index.down = True
    answer = await ask("GET", "packages/updates")
    assert len(answer.json["updates"]) == len(catalog.INSTALLED)
    for each in answer.json["updates"]:
        assert each["update_available"] is None
        assert "is not available" in each["error"]


async def test_what_is_not_there_says_so_in_json(ask: Ask) -> None:
    for path in ("nothing/such", "", "../pkgwidgets"):
        answer = await ask("GET", path)
        assert (answer.status, answer.code) == (404, "request-refused")


async def test_a_method_that_is_not_there_says_which_are(ask: Ask) -> None:
    answer = await ask("GET", "packages/seedshelf")
    assert (answer.status, answer.headers["Allow"]) == (405, "DELETE")
    assert answer.json["error"]["message"] == "This is not answered here, but DELETE is."


@pytest.mark.parametrize(
    "query",
    ["check_updates=yes", "check_updates=true&check_updates=false", "check_update=true",
     "python=/usr/bin/python3", "path=/", "prefix=/usr"],
)  # fmt: skip
async def test_an_argument_that_is_not_understood_is_refused(ask: Ask, query: str) -> None:
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
def test_an_error_has_its_status_and_says_what_to_do(
    raised: errors.PkgwidgetsError, status: int
) -> None:
    assert error_status.http_status(raised) == status
    said = json.loads(error_status.to_json_text(error_status.error_payload(raised)))
    assert said["success"] is False
    assert said["error"]["code"] == raised.code
    assert said["error"]["message"] == raised.sentence()
    assert said["error"]["hint"] == hint_text(raised, Face.REST)
