"""A public index server, from the registry: check, plan, apply, undo, a wrong password."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import uv
from bad_index_server import environment
from plan_cases import changes_of
from release_world import reasons, release, versions

from pkgwidgets.connect import connect
from pkgwidgets.core.errors import IndexUnavailable, ProjectNotFound
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import inventory, transactions
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_upgrade

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_index_cache")]

SERVER = "pypiserver[passlib]==2.4.2"
PASSWORD_LINE = "kim:$apr1$1vCXZfHt$UpgvBaF3DS9hHKEIRsJCL/\n"
"""Of htpasswd; the tests never use its password."""
PUBLISHED = (
    release("fern", "1.0"),
    release("fern", "2.0", "Moss.Bed>=2"),
    release("Moss.Bed", "1.0"),
    release("Moss.Bed", "2.0+cu.1"),
    BuiltWheel(name="kelp", version="1.0"),
    BuiltWheel(name="kelp", version="9.0", requires_python=">=3.99"),
)
INSTALLED = (*PUBLISHED[0:3:2], PUBLISHED[4], release("private", "1.0"))

Start = Callable[..., str]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("server") / "venv"
    subprocess.run([uv.find_uv_bin(), "venv", "--quiet", str(folder)], check=True)
    install = [uv.find_uv_bin(), "pip", "install", "--quiet", "--python", str(folder)]
    subprocess.run([*install, SERVER], check=True)
    return folder / "bin" / "pypi-server"


@pytest.fixture
def start(command: Path, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts the server with options, and returns its URL."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for wheel in PUBLISHED:
        (folder / wheel.filename).write_bytes(wheel.data)
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(_running(command, folder, options))


@contextmanager
def _running(command: Path, folder: Path, options: tuple[str, ...]) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    argv = [str(command), "run", "-i", "127.0.0.1", "-p", str(port), *options, str(folder)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port, server)
            yield f"http://127.0.0.1:{port}/simple/"
        finally:
            server.kill()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server did not start")


def test_packages_of_a_real_server_are_upgraded_and_restored(start: Start, tmp_path: Path) -> None:
    dead = "http://127.0.0.1:9/simple/"
    url = start("--fallback-url", dead, "-P", ".", "-a", ".")
    backend = connect(environment(tmp_path / "environment", INSTALLED), url)
    rows = {str(row.id): row for row in inventory.check_for_updates(backend)}
    assert (rows["fern"].latest_version, rows["moss-bed"].latest_version) == ("2.0", "2.0+cu.1")
    assert "the redirect to http://127.0.0.1:9 failed" in str(rows["private"].error)
    plan = plan_upgrade(backend)
    assert changes_of(plan) == ["fern 1.0 → 2.0", "Moss.Bed 1.0 → 2.0+cu.1"]
    assert set(reasons(plan)) == {"kelp", "private"}
    transactions.apply_and_follow(backend, plan)
    assert versions(backend)["moss-bed"] == "2.0+cu.1"
    transactions.apply_and_follow(backend, plan_undo(backend))
    assert (versions(backend)["fern"], versions(backend)["moss-bed"]) == ("1.0", "1.0")


def test_unknown_project_and_wrong_password_are_told_apart(start: Start, tmp_path: Path) -> None:
    url = start("--disable-fallback", "-P", ".", "-a", ".")
    python = environment(tmp_path / "environment", INSTALLED)
    with pytest.raises(ProjectNotFound):
        plan_install(connect(python, url), "absent")
    (tmp_path / "htpasswd").write_text(PASSWORD_LINE)
    denied = start("--disable-fallback", "-P", str(tmp_path / "htpasswd"), "-a", "list,download")
    with pytest.raises(IndexUnavailable, match="it answered HTTP 401"):
        plan_install(connect(python, denied), "absent")
    wrong = denied.replace("http://", "http://kim:wrong@")
    with pytest.raises(IndexUnavailable, match="it answered HTTP 403") as caught:
        plan_upgrade(connect(python, wrong))
    assert "wrong@" not in str(caught.value)
