"""Fixtures of all tests: a clean process, the demo environment and the hash oracle."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeKit, Kit, Oracle
from faults.tree import rows

from pkgwidgets import PackageService, demo
from pkgwidgets.connect import connect
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

_LONGEST = frozenset({
    "test_damage.py", "test_fuzz.py", "test_lower_bounds.py", "test_mutations.py",
    "test_plan_checks.py", "test_rehearsal.py", "test_self_upgrade.py", "test_upgrades.py",
})  # fmt: skip


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Spare each worker a grammar that its import would build for seconds: see lean_jupyter."""
    node.gateway.remote_exec("import sys; sys.modules['rfc3987_syntax'] = None").waitclose()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that take minutes, so that they do not run last."""
    items.sort(key=lambda item: item.path.name not in _LONGEST)


@pytest.fixture(scope="session", autouse=True)
def _clean_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ignore the machine's configuration, and share one download cache."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("PIP_", "UV_")):
                patch.delenv(name)
        patch.setenv("UV_CACHE_DIR", str(tmp_path_factory.mktemp("uv-cache")))
        patch.setenv("UV_NO_CONFIG", "1")
        patch.setenv("UV_HTTP_RETRIES", "0")
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        yield


@pytest.fixture(scope="session", autouse=True)
def _hears_interrupts() -> None:
    """Hear interrupts also where a shell's `… &` has them ignored; what tests start does too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def empty_index_cache(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Use an empty index cache, and do not wait before retries."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr("pkgwidgets.backends.http.client.sleep", lambda seconds: None)


@pytest.fixture(scope="session")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Use one path for every garden, so that its interpreter is queried only once."""
    return tmp_path_factory.mktemp("gardens") / "garden"


@pytest.fixture
def garden(_place: Path, empty_index_cache: None) -> Iterator[Demo]:
    """Start a fresh demo environment and its index."""
    with demo.start(_place) as running:
        _keep_known(running, _place.with_name("pyvenv.cfg"))
        yield running


def _keep_known(garden: Demo, kept: Path) -> None:
    """Give each garden the first one's `pyvenv.cfg`, so that its interpreter is known already.

    A test may have written into the kept one: then this garden's is kept from now on.
    """
    own = garden.folder / "env" / "pyvenv.cfg"
    if kept.exists() and kept.read_bytes() == own.read_bytes():
        own.unlink()
        own.hardlink_to(kept)
    else:
        kept.unlink(missing_ok=True)
        kept.hardlink_to(own)


@pytest.fixture
def service(garden: Demo) -> PackageService:
    return PackageService(garden.python, index_url=garden.index_url)


@pytest.fixture
def backend(garden: Demo) -> Backend:
    return connect(garden.python, garden.index_url)


@pytest.fixture
def published(garden: Demo) -> Callable[..., None]:
    """Publish more wheels on the garden's index."""
    return garden.index.publish


@pytest.fixture
def tree() -> Oracle:
    """Return the hash oracle: all paths under a prefix with what an undo must restore."""
    return rows


@dataclass(frozen=True)
class RealKit:
    """The garden with the interface of `Kit`, for tests that also run on the fake."""

    garden: Demo
    backend: Backend

    def publish(self, *wheels: BuiltWheel) -> None:
        self.garden.index.publish(*wheels)

    def go_down(self) -> None:
        self.garden.index.down = True

    def tree(self) -> object:
        return rows(self.backend.environment.interpreter.prefix)

    def edit(self, path: str, content: bytes | None) -> None:
        file = self.garden.site_packages / path
        file.unlink(missing_ok=True)
        if content is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


@pytest.fixture(params=["fake", "real"])
def kit(request: pytest.FixtureRequest) -> Kit:
    """Return the demo environment twice: on fakes, and on the real backend."""
    if request.param == "fake":
        return FakeKit()
    garden: Demo = request.getfixturevalue("garden")
    return RealKit(garden, connect(garden.python, garden.index_url))
