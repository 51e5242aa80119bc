"""A notebook server in this process. Its fixtures replace the event loop, so they stay here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403 - this is how its fixtures are had
from server.client import Ask, Spec, kernel
from server.contract import Answer, Contract

from pkgwidgets.demo import Demo
from pkgwidgets.server import app


@pytest.fixture  # type: ignore[no-redef]
def jp_server_config() -> dict[str, Any]:
    """Enable the extension, with anonymous access forbidden by default."""
    return {
        "ServerApp": {
            "jpserver_extensions": {"pkgwidgets": True},
            "allow_unauthenticated_access": False,
        },
        "MultiKernelManager": {"default_kernel_name": "garden"},
    }


@pytest.fixture
def write_spec(jp_data_dir: Path, jp_environ: None) -> Spec:
    """Write kernel specifications."""

    def write(name: str, *argv: str, language: str = "python", **env: str) -> None:
        folder = jp_data_dir / "kernels" / name
        folder.mkdir(parents=True, exist_ok=True)
        content = {"argv": argv, "display_name": name, "language": language, "env": env}
        (folder / "kernel.json").write_text(json.dumps(content), "utf-8")

    return write


@pytest.fixture
def default_garden(
    garden: Demo,
    write_spec: Spec,
    monkeypatch: pytest.MonkeyPatch,
    jp_asyncio_loop: asyncio.AbstractEventLoop,
) -> Iterator[Demo]:
    """Make the garden the environment of the default kernel, and use its index.

    Request this fixture before the server starts.
    """
    monkeypatch.setenv("UV_DEFAULT_INDEX", garden.index_url)
    write_spec("garden", *kernel(garden.python))
    tasks: list[asyncio.Task[None]] = []
    recover = app.recover

    async def recovering(*given: Any) -> None:
        tasks.append(asyncio.ensure_future(recover(*given)))
        await tasks[-1]

    monkeypatch.setattr(app, "recover", recovering)
    yield garden
    # Remove the garden only after recovery has looked at it.
    jp_asyncio_loop.run_until_complete(asyncio.gather(*tasks))


@pytest.fixture
def ask(
    default_garden: Demo,
    jp_serverapp: Any,
    http_server_client: Any,
    jp_auth_header: dict[str, str],
    jp_base_url: str,
) -> Ask:
    contract = Contract(jp_base_url)

    async def request(
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        token: bool = True,
    ) -> Answer:
        sent = raw if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        url = f"{jp_base_url}pkgwidgets/{path}"
        response = await http_server_client.fetch(
            url,
            method=method,
            body=sent,
            headers={**(jp_auth_header if token else {}), **kind, **(headers or {})},
            allow_nonstandard_methods=True,
            raise_error=False,
            request_timeout=120.0,
            follow_redirects=False,
        )
        answer = Answer(
            status=response.code,
            body=response.body,
            headers=response.headers,
            json=json.loads(response.body),
        )
        assert contract.problems(method, urlsplit(url).path, answer) == []
        return answer

    return request
