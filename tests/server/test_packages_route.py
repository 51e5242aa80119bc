"""`GET /pkgwidgets/packages`."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from pkgwidgets.core import errors
from pkgwidgets.server import kernels, payloads

Fetch = Callable[..., Awaitable[Any]]


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    """Switch our extension on, with anonymous access forbidden by default."""
    ours = {"jpserver_extensions": {"pkgwidgets": True}, "allow_unauthenticated_access": False}
    return {"ServerApp": ours}


async def test_it_lists_the_default_kernels_environment(jp_fetch: Fetch) -> None:
    response = await jp_fetch("pkgwidgets", "packages")
    answer = json.loads(response.body)
    assert answer["success"] is True
    found = {package["id"]: package for package in answer["packages"]}
    assert found["pytest"]["version"] == importlib.metadata.version("pytest")
    assert found["pytest"]["update_available"] is None
    assert Path(found["pytest"]["install_path"]).is_dir()


async def test_it_answers_nobody_without_a_token(
    http_server_client: Any, jp_base_url: str, jp_serverapp: Any
) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await http_server_client.fetch(f"{jp_base_url}pkgwidgets/packages")
    assert refused.value.code == 403


async def test_it_changes_nothing(jp_fetch: Fetch) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch("pkgwidgets", "packages", method="POST", body="{}")
    assert refused.value.code == 405


@pytest.mark.parametrize("word", ["python", "python3", "python3.11"])
def test_the_bare_word_is_the_servers_own_python(word: str) -> None:
    assert kernels.interpreter([word, "-m", "ipykernel"]) == Path(sys.executable)


def test_a_path_is_taken_as_it_is() -> None:
    assert kernels.interpreter(["/opt/other/bin/python"]) == Path("/opt/other/bin/python")


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (errors.InvalidRequest("name", "../x"), 422),
        (errors.PackageNotFound("x"), 404),
        (errors.IndexUnavailable("an index", "no connection"), 502),
        (errors.EnvironmentBusy("somebody"), 409),
        (errors.StalePlan("", ("x is 2, not 1",)), 409),
        (errors.VerificationFailed("t", ("x",)), 500),
    ],
    ids=lambda value: getattr(value, "code", value),
)
def test_an_error_has_its_status_and_says_what_to_do(
    raised: errors.PkgwidgetsError, status: int
) -> None:
    assert payloads.status(raised) == status
    said = json.loads(json.dumps(payloads.error(raised)))
    assert said["success"] is False
    assert said["error"]["code"] == raised.code
    assert said["error"]["hint"] == raised.hint
