"""The server loads the extension without a warning or a wait, and recovers."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import Oracle
from held_transactions import eventually, held_wheel, holding
from jupyter_server.base.handlers import JupyterHandler
from server.client import Ask, Spec, kernel

from pkgwidgets.connect import connect
from pkgwidgets.demo import Demo
from pkgwidgets.operations import planning, transactions
from pkgwidgets.server import app
from pkgwidgets.server.environments import Environments
from pkgwidgets.server.handlers import reads


def test_server_app_imports_neither_pandas_nor_ipywidgets() -> None:
    code = (
        "import sys, pkgwidgets.server.app as app\n"
        "assert app.ROUTES\n"
        "found = {'pandas', 'numpy', 'ipywidgets', 'anywidget', 'IPython'} & {*sys.modules}\n"
        "print(sorted(found))"
    )
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.filterwarnings("error")
async def test_every_route_requires_authentication(ask: Ask, jp_serverapp: Any) -> None:
    """If anonymous access is forbidden, a server warns about routes without authentication."""
    assert (await ask("GET", "packages")).status == 200
    assert jp_serverapp.allow_unauthenticated_access is False
    assert "pkgwidgets" in jp_serverapp.extension_manager.extensions
    checked = [*app.ROUTES.values(), reads.NotFoundHandler]
    for handler in checked:
        assert issubclass(handler, JupyterHandler)
        assert (
            type(jp_serverapp.web_app)._check_handler_auth(jp_serverapp.web_app, "", handler) == []
        )


@pytest.fixture
def interrupted_change(
    garden: Demo, published: Callable[..., None], tmp_path: Path
) -> Iterator[tuple[Demo, str]]:
    """Kill a worker during an upgrade: the files are installed, but not committed."""
    gate = tmp_path / "gate"
    published(held_wheel("1.9.0", gate, staged=False))
    backend = connect(garden.python, garden.index_url, detached=True)
    transaction_id = transactions.start(backend, planning.plan_upgrade(backend, "seedshelf"))
    eventually(lambda: "SYNCED" in backend.journal.steps(transaction_id))
    subprocess.run(["kill", "-9", str(holding(backend))], check=True)
    eventually(lambda: backend.environment.holder() is None)
    yield garden, transaction_id
    gate.touch()


async def test_interrupted_change_is_rolled_back_when_the_server_loads(
    interrupted_change: tuple[Demo, str],
    default_garden: Demo,
    ask: Ask,
    caplog: pytest.LogCaptureFixture,
) -> None:
    garden, transaction_id = interrupted_change
    backend = connect(garden.python)
    until = 600
    while until and backend.journal.steps(transaction_id)[-1:] != ("ROLLED_BACK",):
        until -= 1
        await asyncio.sleep(0.05)
    assert backend.journal.steps(transaction_id)[-1] == "ROLLED_BACK"
    package = (await ask("GET", "packages/by-id/seedshelf")).json["package"]
    # The package is intact, and an interruption is no fault of its version.
    row = [package[name] for name in ("version", "status", "error", "failed_change")]
    assert row == ["1.4.1", "installed", None, ""]
    assert f"from the change {transaction_id}" in caplog.text


class BrokenSpecs:
    """Kernel specifications that cannot be read."""

    def get_all_specs(self) -> dict[str, object]:
        raise OSError("no")


async def test_recovery_error_at_server_start_is_only_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    environments = Environments(BrokenSpecs(), None, None)
    with caplog.at_level(logging.ERROR, "tests"):
        await app.recover(environments, logging.getLogger("tests"))
    assert "could not check for interrupted changes" in caplog.text


async def test_broken_kernel_spec_does_not_prevent_recovery_of_others(
    write_spec: Spec, garden: Demo, default_garden: Demo, jp_serverapp: Any, tree: Oracle
) -> None:
    write_spec("broken", "/no/such/python", "-m", "x")
    write_spec("again", *kernel(garden.python))
    environments = jp_serverapp.web_app.settings["pkgwidgets"].environments
    prefixes = [backend.environment.interpreter.prefix for backend in await environments.all()]
    assert prefixes.count(garden.folder / "env") == 1
